//! What happens on the way, told to whoever listens: a progress bar, a heartbeat, nobody.

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
    /// Locates the damage and downloads the damaged bytes again. The event log calls it `mend`.
    #[serde(rename = "mend")]
    Repair,
}

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Verify => "verify",
            Self::Fetch => "fetch",
            Self::Locate => "locate",
            Self::Repair => "repair",
        })
    }
}

/// One thing that happened. Archives are called by their catalogue names.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The run knows what it has to do: so many archives, so many bytes in all, as far as known.
    Planned {
        /// How many archives were asked for.
        archives: usize,
        /// The sum of their sizes in bytes, those unknown left out.
        bytes: u64,
    },
    /// Work on an archive begins. It may begin again, as when a file that was here turned out to
    /// be wrong and is fetched.
    Begun {
        /// The archive.
        archive: &'a str,
        /// Which of several sources is being checked; `None` where there is no need to tell.
        source: Option<&'a str>,
        /// What is done with it.
        activity: Activity,
        /// Its size in bytes, if known.
        size: Option<u64>,
    },
    /// So many bytes of the archive are done in the present activity. The number is absolute, and
    /// goes back where bytes had to be given up.
    Position {
        /// The archive.
        archive: &'a str,
        /// Which of several sources it is read from, as in `Begun`.
        source: Option<&'a str>,
        /// Bytes done, at most the size.
        done: u64,
    },
    /// A source failed to give a part of an archive and will be asked again, or another will.
    Retrying {
        /// The archive.
        archive: &'a str,
        /// Which of several sources it is read from, as in `Begun`.
        source: Option<&'a str>,
        /// What failed and at which source, in words.
        reason: &'a str,
        /// How long that source is left alone for this archive.
        wait: Duration,
    },
    /// An archive turned out damaged, and a few of its bytes are fetched anew.
    Damaged {
        /// The archive.
        archive: &'a str,
        /// Where.
        damage: &'a Damage,
        /// How many bytes are fetched.
        bytes: u64,
    },
    /// Something a person should know that is no verdict.
    Notice {
        /// The words; already escaped.
        message: &'a str,
    },
    /// The archive has its verdict.
    Settled(&'a ArchiveReport),
}

/// Whoever wants to know. Called from many threads, often: it must return soon.
pub trait Listener: Send + Sync {
    /// Takes note of one event.
    fn on(&self, event: Event<'_>);
}

/// Several listeners, each of which hears everything.
pub struct Several<'a>(pub Vec<&'a dyn Listener>);

impl fmt::Debug for Several<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Several").field(&self.0.len()).finish()
    }
}

impl Listener for Several<'_> {
    fn on(&self, event: Event<'_>) {
        self.0.iter().for_each(|listener| listener.on(event));
    }
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Listener for Silent {
    fn on(&self, _: Event<'_>) {}
}
