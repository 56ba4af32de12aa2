//! How to transfer.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use crate::event::Listener;
use crate::rate::Throttle;
use crate::schedule::Policy;
use crate::source::ClientOptions;

/// How to transfer.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Archives in hand at a time.
    pub jobs: NonZeroUsize,
    /// Connections in all.
    pub connections: NonZeroUsize,
    /// Bytes that a connection takes at a time.
    pub chunk: u64,
    /// When to try again.
    pub policy: Policy,
    /// How long a connection may bring hardly a byte.
    pub stall_timeout: Duration,
    /// Bytes a second for all connections together.
    pub limit_rate: Option<NonZeroU64>,
    /// A file in which another limit may stand, looked at while the run goes on.
    pub limit_rate_file: Option<PathBuf>,
    /// How to connect.
    pub client: ClientOptions,
    /// Keep bytes that failed their MD5.
    pub keep_corrupt: bool,
}

impl Options {
    /// What keeps to the rate.
    pub(crate) fn throttle<'a>(&'a self, listener: &'a dyn Listener) -> Throttle<'a> {
        Throttle::new(self.limit_rate, self.limit_rate_file.as_deref(), listener)
    }
}
