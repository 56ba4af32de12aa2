//! One exchange with a source: its options, its client, its answer in time.

mod clients;
mod network_options;
mod open_files;
mod options;
mod response;
mod stall;

pub(crate) use clients::{Clients, letting_go};
pub use network_options::NetworkOptions;
pub(crate) use options::Options;
pub(crate) use response::{Cut, Line};
pub(crate) use stall::Watch;

use std::time::Duration;

/// A cancellation may come just before somebody begins to wait: whoever waits looks again after so
/// long.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(500);
