//! Small records that wait for more, so that a server that sends its answers in crumbs does not make
//! the journal larger than the archive.

use std::ops::Range;
use std::time::{Duration, Instant};

/// Bytes that may wait: the most that a kill costs an archive because of it.
const BYTES: u64 = 64 * 1024;

/// Ranges that may wait.
const RANGES: usize = 64;

/// A record waits only so soon after the last one.
const PAUSE: Duration = Duration::from_secs(1);

/// Ranges that are written and not yet in the journal, each with its source.
#[derive(Debug, Default)]
pub(super) struct Held {
    ranges: Vec<(Range<u64>, String)>,
    bytes: u64,
    taken: Option<Instant>,
}

impl Held {
    /// Adds a range. One that continues another of the same source becomes part of it.
    pub(super) fn add(&mut self, range: Range<u64>, source: String) {
        self.bytes += range.end - range.start;
        let before =
            |(held, giver): &&mut (Range<u64>, String)| held.end == range.start && *giver == source;
        match self.ranges.iter_mut().find(before) {
            Some((held, _)) => held.end = range.end,
            None => self.ranges.push((range, source)),
        }
    }

    /// Returns true if the ranges should wait no longer.
    pub(super) fn is_due(&self) -> bool {
        self.bytes >= BYTES
            || self.ranges.len() >= RANGES
            || self.taken.is_none_or(|taken| taken.elapsed() >= PAUSE)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Returns the ranges, and holds none from now on.
    pub(super) fn take(&mut self) -> Vec<(Range<u64>, String)> {
        self.bytes = 0;
        self.taken = Some(Instant::now());
        std::mem::take(&mut self.ranges)
    }
}
