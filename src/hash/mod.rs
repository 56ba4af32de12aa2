//! MD5 of many streams at once, and SHA-256 beside it.
//!
//! An [`Engine`] owns a few threads. Whoever has bytes opens a [`Stream`], pushes blocks in order
//! as they come, and asks for the digest at the end. `push` waits while the stream has more than
//! [`BACKLOG`] bytes unhashed, so memory stays bounded and a fast source is held back by the
//! hash and by nothing else.
//!
//! A [`Sha256Stream`] does the same on a thread of its own, so that the lanes do not wait for it.
//!
//! Below the engine are [`Lanes`], which hash on the caller's thread the next bytes of several [`Chain`]s
//! at once, with the widest vectors of the [`Platform`].

mod chain;
pub mod digest;
mod engine;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod lanes;
mod md5;
mod sha256;
mod table;

pub use chain::Chain;
pub use engine::{Engine, Stream};
pub use lanes::{Feed, Lanes};
pub use md5::Platform;
pub use sha256::Sha256Stream;
pub use table::BACKLOG;
