//! A line of the event log.

use std::time::Duration;

use serde::Serialize;

use crate::event::Activity;
use crate::progress::state::ActiveArchive;
use crate::report::{JsonArchive, Summary};

/// The first member of every line. Members and events may be added; none changes its meaning.
const SCHEMA: &str = "cxr.events/1";

#[derive(Serialize)]
pub(super) struct LogLine<'a> {
    schema: &'static str,
    /// Since the run began; never less than in the line before.
    seconds: f64,
    #[serde(flatten)]
    record: &'a Record<'a>,
}

/// An event as it is written.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(super) enum Record<'a> {
    /// Always the first line.
    Started {
        command: &'static str,
        version: &'static str,
        /// Seconds since 1970.
        unix_time: f64,
    },
    Begun {
        archive: &'a str,
        source: Option<&'a str>,
        activity: Activity,
        size: Option<u64>,
    },
    /// The state of the run, at an interval.
    Progress {
        #[serde(flatten)]
        totals: Totals,
        active: Vec<ActiveArchive>,
    },
    Retry {
        archive: &'a str,
        source: Option<&'a str>,
        reason: &'a str,
        wait_seconds: f64,
        retries: u64,
    },
    Damaged {
        archive: &'a str,
        start: u64,
        end: u64,
        member: Option<&'a str>,
        bytes: u64,
    },
    Notice {
        message: &'a str,
    },
    Verdict {
        archive: JsonArchive<'a>,
        #[serde(flatten)]
        totals: Totals,
    },
    /// Always the last line.
    Summary {
        ok: bool,
        exit_status: u8,
        error: Option<&'a str>,
        summary: Summary<'a>,
        #[serde(flatten)]
        totals: Totals,
        lost: u64,
    },
}

/// The state of the run. Each number counts from its start, so a lost line does no harm.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Totals {
    pub(super) archives: usize,
    pub(super) settled: u64,
    pub(super) bytes_done: u64,
    pub(super) bytes_total: Option<u64>,
    pub(super) bytes_moved: u64,
    pub(super) retries: u64,
}

impl<'a> LogLine<'a> {
    pub(super) fn new(time: Duration, record: &'a Record<'a>) -> Self {
        Self { schema: SCHEMA, seconds: seconds(time), record }
    }
}

/// The time in seconds, with three decimal places.
pub(super) fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}
