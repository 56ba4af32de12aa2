//! The options that say how cxr talks to servers.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use cxr::session::NetworkOptions;

use super::headings::{LIMITS, NETWORK};
use super::value_parsers;

/// The options for talking to servers.
#[derive(Debug, Args)]
pub(super) struct NetworkArguments {
    /// CA certificates to trust in addition to the system's (PEM)
    #[arg(long, value_name = "FILE", help_heading = NETWORK, hide_short_help = true)]
    cacert: Option<PathBuf>,
    /// Attempts in a row without a new byte, after which cxr skips a source for an archive
    #[arg(long, default_value_t = 8, value_name = "N", help_heading = NETWORK, hide_short_help = true)]
    retries: u32,
    /// Try again when a connection receives less than 100 bytes per second for this long
    #[arg(long, default_value = "30", value_name = "SECONDS", value_parser = value_parsers::seconds, help_heading = NETWORK, hide_short_help = true)]
    stall_timeout: Duration,
    /// Try again when a connection takes longer than this to open
    #[arg(long, default_value = "30", value_name = "SECONDS", value_parser = value_parsers::seconds, help_heading = NETWORK, hide_short_help = true)]
    connect_timeout: Duration,
    /// Bytes per second in total, such as 10M
    ///
    /// K, M and G are powers of 1024: 10M and 10MiB are 10,485,760 bytes per second. `verify`
    /// also applies the limit to local files.
    #[arg(long, value_name = "RATE", value_parser = value_parsers::rate, help_heading = LIMITS)]
    limit_rate: Option<NonZeroU64>,
    /// File with a rate that you can change while cxr runs
    ///
    /// cxr reads the file every second. While the file does not exist or contains `none`,
    /// --limit-rate applies.
    #[arg(long, value_name = "FILE", help_heading = LIMITS, hide_short_help = true)]
    limit_rate_file: Option<PathBuf>,
    /// Milliseconds to wait after the first failed attempt; each further wait is twice as long
    #[arg(long, hide = true, default_value_t = 1000, value_name = "MILLISECONDS")]
    backoff_ms: u32,
    /// Bytes at which to stop reading an archive whose size neither the table nor the source reports
    ///
    /// If the table lists sizes, four times the largest is the limit if that is more.
    #[arg(
        long,
        help_heading = LIMITS,
        hide_short_help = true,
        default_value = "16G",
        value_name = "SIZE",
        value_parser = value_parsers::rate
    )]
    unsized_limit: NonZeroU64,
}

impl NetworkArguments {
    pub(super) fn options(self) -> NetworkOptions {
        NetworkOptions {
            retries: self.retries,
            stall_timeout: self.stall_timeout,
            connect_timeout: self.connect_timeout,
            limit_rate: self.limit_rate,
            limit_rate_file: self.limit_rate_file,
            cacert: self.cacert,
            backoff: Duration::from_millis(self.backoff_ms.into()),
            unsized_limit: self.unsized_limit,
        }
    }
}
