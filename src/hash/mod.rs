//! MD5 of many streams at once.
//!
//! An [`Engine`] owns a few threads. Whoever has bytes opens a [`Stream`], pushes blocks in order
//! as they come, and asks for the digest at the end. `push` waits while the stream has more than
//! [`BACKLOG`] bytes unhashed, so memory stays bounded and a fast source is held back by the
//! hash and by nothing else.

mod engine;

pub use engine::{BACKLOG, Engine, Stream};
