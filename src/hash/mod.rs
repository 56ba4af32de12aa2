//! MD5 of many streams at once, and SHA-256.
//!
//! An [`Engine`] owns a few threads. A caller opens an [`Md5Stream`], pushes blocks in order, and
//! asks for the digest at the end. `push` waits while the stream has more than [`BACKLOG`] bytes
//! unhashed, so memory is limited, and only the hash slows a fast source down.
//!
//! A `Sha256Stream` does the same on its own thread, so that the lanes do not wait for it. A
//! `DigestStream` is the one that an archive needs.
//!
//! `Sha256Lanes` hash many short texts, several at a time.
//!
//! Below the engine, a [`LaneSet`] hashes the next bytes of several [`Md5Hasher`]s at once, on the
//! calling thread, with the widest vectors of the [`Platform`].

pub(crate) mod buffer_pool;
mod cost;
pub mod digest;
mod distribution;
mod engine;
#[cfg(any(test, feature = "fuzzing"))]
#[path = "../../fuzz/invariants/hash.rs"]
pub(crate) mod fuzz;
mod hasher;
mod lane_set;
mod md5;
mod sha256;
mod sha256_list;
#[cfg(test)]
mod simulation;
mod stream;
mod stream_table;

pub use distribution::Feed;
pub(crate) use distribution::ReaderThreads;
pub use engine::{Engine, Md5Stream};
pub use hasher::Md5Hasher;
pub use lane_set::{LaneInput, LaneSet};
pub use md5::Platform;
pub(crate) use sha256::Sha256Stream;
pub(crate) use sha256_list::{Sha256Lanes, Sha256List};
pub(crate) use stream::{DigestStream, digest_of};
pub use stream_table::BACKLOG;
