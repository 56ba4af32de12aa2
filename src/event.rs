//! Events of a run, for listeners such as progress bars and event logs.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::locate::Damage;
use crate::report::ArchiveReport;

/// The work on an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Activity {
    /// Reads and hashes a file that is already here.
    Verify,
    /// Downloads missing bytes.
    Fetch,
    /// Reads a damaged file again, to locate the damage.
    Locate,
    /// Locates the damage and downloads the damaged bytes again.
    Repair,
    /// Reads, verifies and unpacks an archive.
    Extract,
}

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Verify => "verify",
            Self::Fetch => "fetch",
            Self::Locate => "locate",
            Self::Repair => "repair",
            Self::Extract => "extract",
        })
    }
}

/// An event of a run. Archives have their catalog names.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The run knows its work.
    Planned {
        /// The labels of the archives, as in `Begun`, in the order of the table or the request: the
        /// name, or `NAME at SOURCE`.
        archives: &'a [String],
        /// The sum of the known sizes in bytes.
        bytes: u64,
    },
    /// Work on an archive begins, or begins again: an existing file may turn out to be wrong and
    /// then be downloaded.
    Begun {
        /// The archive.
        archive: &'a str,
        /// The source, if the run checks several.
        source: Option<&'a str>,
        /// The work.
        activity: Activity,
        /// The size in bytes, if known.
        size: Option<u64>,
    },
    /// The present activity has reached this position. It goes back where bytes are discarded.
    Position {
        /// The archive.
        archive: &'a str,
        /// The source, as in `Begun`.
        source: Option<&'a str>,
        /// Bytes done, at most the size.
        done: u64,
    },
    /// A request for a part of an archive failed. cxr retries it at this source or at another.
    Retrying {
        /// The archive.
        archive: &'a str,
        /// The source, as in `Begun`.
        source: Option<&'a str>,
        /// The failure and its source, in words.
        reason: &'a str,
        /// The time without requests to that source for this archive.
        wait: Duration,
    },
    /// An archive is damaged, and cxr downloads some of its bytes again.
    Damaged {
        /// The archive.
        archive: &'a str,
        /// The location of the damage.
        damage: &'a Damage,
        /// The number of bytes to download.
        bytes: u64,
    },
    /// A message that is not a verdict.
    Notice {
        /// The text, already escaped.
        message: &'a str,
    },
    /// The archive has its verdict.
    Settled(&'a ArchiveReport),
}

/// A receiver of events. Many threads call it often, so it must return soon.
pub trait Listener: Send + Sync {
    /// Receives an event.
    fn on(&self, event: Event<'_>);
}

/// Passes each event to all of its listeners.
pub struct Listeners<'a>(pub Vec<&'a dyn Listener>);

impl fmt::Debug for Listeners<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Listeners").field(&self.0.len()).finish()
    }
}

impl Listener for Listeners<'_> {
    fn on(&self, event: Event<'_>) {
        self.0.iter().for_each(|listener| listener.on(event));
    }
}

/// Ignores all events.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Listener for Silent {
    fn on(&self, _: Event<'_>) {}
}
