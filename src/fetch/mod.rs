//! Downloads what is not here yet or not right, verifying as it streams.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use crate::cancel::Cancel;
use crate::catalog::Catalog;
use crate::event::Listener;
use crate::report::Report;
use crate::source::SourceSpec;

/// What to fetch, whence, whither and how.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct FetchRequest {
    /// All archives that are known: content is recognised among these.
    pub catalog: Catalog,
    /// Which of them are wanted: indices into the catalogue, ascending, each once, at least one.
    pub selected: Vec<usize>,
    /// Where they go. Made if absent.
    pub dir: PathBuf,
    /// Where they come from, in order of preference; at least one.
    pub sources: Vec<SourceSpec>,
    /// Archives in hand at a time.
    pub jobs: NonZeroUsize,
    /// Connections in all.
    pub connections: NonZeroUsize,
    /// Attempts in a row without a new byte before a source is given up for an archive.
    pub retries: u32,
    /// How long a connection may bring no byte.
    pub stall_timeout: Duration,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// Bytes a second that all connections together may receive.
    pub limit_rate: Option<NonZeroU64>,
    /// A file of PEM certificates to trust beside the platform's.
    pub cacert: Option<PathBuf>,
    /// Hash what is here even where a receipt says that it was verified.
    pub recheck: bool,
    /// Keep what failed its MD5, in `.cxr/corrupt/`.
    pub keep_corrupt: bool,
    /// Wait for another cxr at work in the same folder.
    pub wait: bool,
    /// Say what would be done, and do nothing.
    pub dry_run: bool,
}

/// Why a fetch could not begin. What befalls one archive is a verdict, not an error.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The request cannot be carried out as it stands: exit status 2.
    #[error("{0}")]
    Request(String),
    /// This machine, or another cxr in the same folder, stands in the way: exit status 3.
    #[error("{0}")]
    Machine(String),
}

/// Fetches what was asked for and says what became of each archive.
///
/// # Errors
///
/// [`FetchError`] if nothing could be begun.
pub fn fetch(
    _request: &FetchRequest,
    _listener: &dyn Listener,
    _cancel: &Cancel,
) -> Result<Report, FetchError> {
    Err(FetchError::Request("fetch is being written".to_owned()))
}
