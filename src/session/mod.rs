//! One exchange with a source: options, client, and a response that must arrive in time.

mod clients;
mod open_files;
mod options;
mod response;
mod stall;

use std::time::Duration;

pub(crate) use clients::{Clients, closing_response};
pub use options::NetworkOptions;
pub(crate) use options::SessionOptions;
pub(crate) use response::{ResponseReader, SessionError};
pub(crate) use stall::StallTimer;

/// A cancellation may come just before a thread begins to wait, so every wait ends after this time.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(500);
