//! What can be said of how servers are asked.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use cxr::session::NetworkOptions;

use super::values;

/// How servers are asked.
#[derive(Debug, Args)]
pub(super) struct Asking {
    /// Attempts in a row without a new byte before a source is given up
    #[arg(long, default_value_t = 8, value_name = "N")]
    retries: u32,
    /// How long a connection may bring hardly a byte, less than 100 bytes a second
    #[arg(long, default_value = "30", value_name = "SECONDS", value_parser = values::seconds)]
    stall_timeout: Duration,
    /// How long a connection may take to come about
    #[arg(long, default_value = "30", value_name = "SECONDS", value_parser = values::seconds)]
    connect_timeout: Duration,
    /// Bytes a second in all: `10M` and `10MiB` are 10 × 1024 × 1024
    #[arg(long, value_name = "RATE", value_parser = values::rate)]
    limit_rate: Option<NonZeroU64>,
    /// A file in which a rate may be written while cxr runs, as `2M`; it is looked at every second.
    /// Where there is none, or it says `none`, --limit-rate holds
    #[arg(long, value_name = "FILE")]
    limit_rate_file: Option<PathBuf>,
    /// Certificates (PEM) to trust beside the system's
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// The wait after the first failed attempt, in milliseconds, before it doubles
    #[arg(long, hide = true, default_value_t = 1000, value_name = "MILLISECONDS")]
    backoff_ms: u32,
}

impl Asking {
    pub(super) fn manners(self) -> NetworkOptions {
        NetworkOptions {
            retries: self.retries,
            stall_timeout: self.stall_timeout,
            connect_timeout: self.connect_timeout,
            limit_rate: self.limit_rate,
            limit_rate_file: self.limit_rate_file,
            cacert: self.cacert,
            backoff: Duration::from_millis(self.backoff_ms.into()),
        }
    }
}
