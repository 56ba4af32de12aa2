//! Schedules bytes that arrived and were wrong once more.

use std::ops::Range;

use super::{Schedule, State};
use crate::ranges::RangeSet;

impl Schedule {
    /// Counts a range as missing again. It is requested past caches, from a source that is not
    /// `avoided` as long as there is one, and never from one that sends whole files only.
    pub(crate) fn lose(&mut self, archive: usize, range: Range<u64>, avoided: Vec<usize>) {
        let entry = &mut self.entries[archive];
        entry.chunks.lose(range);
        entry.avoided = Some(avoided);
        entry.state = State::Active;
    }

    /// Sets the size that an earlier run learned.
    pub(crate) fn recall_size(&mut self, archive: usize, size: u64) {
        self.entries[archive].chunks.learn_size(size);
    }

    /// Ends all leases of an archive. No new ones begin until [`Schedule::begin_again`].
    pub(crate) fn void_leases(&mut self, archive: usize) {
        let entry = &mut self.entries[archive];
        entry.attempt += 1;
        entry.state = State::Opening;
        entry.chunks.reset(entry.table_size, RangeSet::new());
    }

    /// Returns true if a source can give bytes from the middle of an archive.
    pub(crate) fn has_ranges(&self, archive: usize) -> bool {
        self.has_ranges_beside(archive, &[])
    }

    /// The same without the sources that are `avoided`.
    pub(crate) fn has_ranges_beside(&self, archive: usize, avoided: &[usize]) -> bool {
        let health = self.entries[archive].health.iter().enumerate();
        health
            .filter(|(source, _)| !avoided.contains(source))
            .any(|(_, health)| health.skipped.is_none() && !health.sends_whole)
    }
}
