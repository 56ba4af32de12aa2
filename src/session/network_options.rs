//! How sources are asked, as whoever asks may say.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use super::Options;
use crate::schedule::Policy;
use crate::source::{ClientError, ClientOptions};

/// How sources are asked. The default is that of the command line.
#[derive(Debug, Clone)]
pub struct NetworkOptions {
    /// Attempts in a row without a new byte before a source is given up for an archive; at least
    /// one is made.
    pub retries: u32,
    /// How long a connection may bring fewer than 100 bytes a second.
    pub stall_timeout: Duration,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// Bytes a second that all connections together may receive.
    pub limit_rate: Option<NonZeroU64>,
    /// A file in which another limit may stand: it is looked at every second, and `limit_rate`
    /// holds while there is no such file or it says `none`.
    pub limit_rate_file: Option<PathBuf>,
    /// A file of PEM certificates to trust beside the platform's.
    pub cacert: Option<PathBuf>,
    /// The wait after the first failed attempt, before jitter; it doubles from one to the next.
    pub backoff: Duration,
}

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
        }
    }
}

impl NetworkOptions {
    /// A transfer in this manner: `jobs` archives in hand at a time over `connections`, each of
    /// which takes `chunk` bytes at a time. It keeps nothing that is wrong.
    ///
    /// # Errors
    ///
    /// A file of certificates that cannot be used.
    pub(crate) fn options(
        &self,
        jobs: NonZeroUsize,
        connections: NonZeroUsize,
        chunk: u64,
    ) -> Result<Options, ClientError> {
        Ok(Options {
            jobs,
            connections,
            chunk,
            policy: Policy { attempts: self.retries, base: self.backoff },
            stall_timeout: self.stall_timeout,
            limit_rate: self.limit_rate,
            limit_rate_file: self.limit_rate_file.clone(),
            client: ClientOptions::new(self.connect_timeout, self.cacert.as_deref())?,
            keep_corrupt: false,
        })
    }
}
