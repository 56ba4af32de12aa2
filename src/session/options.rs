//! Options for talking to sources.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use crate::catalog::Catalog;
use crate::event::Listener;
use crate::rate::Throttle;
use crate::schedule::RetryPolicy;
use crate::source::{ClientError, ClientOptions};

/// Options for talking to sources. The defaults are those of the command line.
#[derive(Debug, Clone)]
pub struct NetworkOptions {
    /// Attempts in a row without a new byte before a source is skipped for an archive; at least one
    /// is made.
    pub retries: u32,
    /// The time in which a connection must deliver at least 100 bytes a second on average.
    pub stall_timeout: Duration,
    /// The time in which a connection must be established.
    pub connect_timeout: Duration,
    /// Bytes a second for all connections together.
    pub limit_rate: Option<NonZeroU64>,
    /// A file that may hold another limit. It is read every second; `limit_rate` applies while there
    /// is no such file or it says `none`.
    pub limit_rate_file: Option<PathBuf>,
    /// A file of PEM certificates to trust besides the platform's.
    pub cacert: Option<PathBuf>,
    /// The wait after the first failed attempt, before jitter. It doubles from one to the next.
    pub backoff: Duration,
    /// The number of bytes at which cxr stops reading an archive whose size neither the table nor the
    /// source reports. A run allows four times the largest archive of its table, if that is more.
    pub unsized_limit: NonZeroU64,
}

/// Four times the largest archive of NIH's.
const UNSIZED_LIMIT: NonZeroU64 = NonZeroU64::new(16 << 30).unwrap();

impl Default for NetworkOptions {
    fn default() -> Self {
        Self {
            retries: 8,
            stall_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(30),
            limit_rate: None,
            limit_rate_file: None,
            cacert: None,
            backoff: Duration::from_secs(1),
            unsized_limit: UNSIZED_LIMIT,
        }
    }
}

impl NetworkOptions {
    /// Returns true if the rate is limited, or may be later.
    pub(crate) fn limits_rate(&self) -> bool {
        self.limit_rate.is_some() || self.limit_rate_file.is_some()
    }

    /// A throttle that keeps to the rate.
    pub(crate) fn throttle<'a>(&'a self, listener: &'a dyn Listener) -> Throttle<'a> {
        Throttle::new(self.limit_rate, self.limit_rate_file.as_deref(), listener)
    }
}

/// The network options of one run, ready for use, and how much of it happens at a time.
#[derive(Debug, Clone)]
pub(crate) struct SessionOptions {
    /// Archives at a time.
    pub jobs: NonZeroUsize,
    /// Connections in total.
    pub connections: NonZeroUsize,
    /// The length of a lease in bytes.
    pub chunk: u64,
    pub network: NetworkOptions,
    pub client: ClientOptions,
}

impl SessionOptions {
    /// Reads the certificates. Fails if they cannot be used.
    pub(crate) fn new(
        network: &NetworkOptions,
        jobs: NonZeroUsize,
        connections: NonZeroUsize,
        chunk: u64,
    ) -> Result<Self, ClientError> {
        let client = ClientOptions::new(
            network.connect_timeout,
            network.stall_timeout,
            network.cacert.as_deref(),
        )?;
        Ok(Self { jobs, connections, chunk, network: network.clone(), client })
    }

    /// Raises the limit for archives without a size to what the sizes in the table suggest.
    pub(crate) fn allow_for(mut self, catalog: &Catalog) -> Self {
        let largest = catalog.archives().iter().filter_map(|archive| archive.size).max();
        let fourfold = largest.and_then(|size| NonZeroU64::new(size.saturating_mul(4)));
        let limit = self.network.unsized_limit;
        self.network.unsized_limit = fourfold.map_or(limit, |fourfold| fourfold.max(limit));
        self
    }

    /// Reduces the archives and connections at a time to what this machine allows. Returns a message
    /// about each limit.
    pub(crate) fn fit_limits(self) -> (Self, Vec<String>) {
        let (options, memory) = self.fit_memory();
        let (options, files) = options.fit_open_files();
        (options, [memory, files].into_iter().flatten().collect())
    }

    pub(crate) const fn retry_policy(&self) -> RetryPolicy {
        RetryPolicy { attempts: self.network.retries, base: self.network.backoff }
    }
}
