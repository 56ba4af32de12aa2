//! One line of the log.

use std::time::Duration;

use serde::Serialize;

use crate::event::Activity;
use crate::progress::state::Active;
use crate::report::{ArchiveReport, Summary};

/// The first member of every line. Members and events may be added; none changes its meaning.
const SCHEMA: &str = "cxr.events/1";

/// A line as it is written.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    schema: &'static str,
    /// Since the run began; it never falls from one line to the next.
    seconds: f64,
    #[serde(flatten)]
    record: &'a Record<'a>,
}

/// What happened.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(super) enum Record<'a> {
    /// The run begins: always the first line.
    Started {
        command: &'static str,
        version: &'static str,
        /// Seconds since 1970.
        unix_time: f64,
    },
    /// Work on an archive begins.
    Begun { archive: &'a str, source: Option<&'a str>, activity: &'static str, size: Option<u64> },
    /// How far everything is.
    Progress {
        #[serde(flatten)]
        counters: Counters,
        active: Vec<Bar>,
    },
    /// A source failed to give a part, and will be asked again, or another one.
    Retry {
        archive: &'a str,
        source: Option<&'a str>,
        reason: &'a str,
        wait_seconds: f64,
        retries: u64,
    },
    /// An archive turned out damaged, and a few of its bytes are fetched anew.
    Damaged { archive: &'a str, start: u64, end: u64, member: Option<&'a str>, bytes: u64 },
    /// Something a person should know.
    Notice { message: &'a str },
    /// An archive has its verdict.
    Verdict {
        archive: &'a ArchiveReport,
        #[serde(flatten)]
        counters: Counters,
    },
    /// The run ends: always the last line.
    Summary {
        ok: bool,
        exit_status: u8,
        error: Option<&'a str>,
        summary: Summary<'a>,
        #[serde(flatten)]
        counters: Counters,
        lost: u64,
    },
}

/// How far the run is. Each number holds for all of the run so far, so that a line that is lost
/// does no harm.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Counters {
    pub(super) archives: usize,
    pub(super) settled: u64,
    pub(super) bytes_done: u64,
    pub(super) bytes_total: Option<u64>,
    pub(super) bytes_moved: u64,
    pub(super) retries: u64,
}

/// One archive under way.
#[derive(Debug, Serialize)]
pub(super) struct Bar {
    archive: String,
    source: Option<String>,
    activity: &'static str,
    size: Option<u64>,
    bytes_done: u64,
}

impl<'a> Line<'a> {
    pub(super) fn new(time: Duration, record: &'a Record<'a>) -> Self {
        Self { schema: SCHEMA, seconds: milliseconds(time.as_secs_f64()), record }
    }
}

impl From<Active> for Bar {
    fn from(active: Active) -> Self {
        Self {
            archive: active.archive,
            source: active.source,
            activity: activity(active.activity),
            size: active.size,
            bytes_done: active.done,
        }
    }
}

/// The word for an activity.
pub(super) const fn activity(activity: Activity) -> &'static str {
    match activity {
        Activity::Verify => "verify",
        Activity::Fetch => "fetch",
        Activity::Locate => "locate",
        Activity::Mend => "mend",
    }
}

/// Seconds with three places.
pub(super) fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
