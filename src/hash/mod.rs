//! MD5 of many streams at once.
//!
//! An [`Engine`] owns a few threads. Whoever has bytes opens a [`Stream`], pushes blocks in order
//! as they come, and asks for the digest at the end. `push` waits while the stream has more than
//! [`BACKLOG`] bytes unhashed, so memory stays bounded and a fast source is held back by the
//! hash and by nothing else.
//!
//! Below it are [`Lanes`], which hash on the caller's thread the next bytes of several [`Chain`]s
//! at once, with the widest vectors of the [`Platform`].

mod chain;
mod engine;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod lanes;
mod md5;
mod table;

pub use chain::Chain;
pub use engine::{Engine, Stream};
pub use lanes::{Feed, Lanes};
pub use md5::Platform;
pub use table::BACKLOG;
