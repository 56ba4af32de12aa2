//! Bytes that came and were wrong: who brings them anew.

use std::ops::Range;

use super::{Schedule, State};
use crate::ranges::RangeSet;

impl Schedule {
    /// These bytes of an archive are missing again. They are asked for past caches, from a source
    /// that is not among `avoided` as long as there is one, and never from one that sends whole
    /// files only.
    pub(crate) fn lose(&mut self, archive: usize, range: Range<u64>, avoided: Vec<usize>) {
        let entry = &mut self.entries[archive];
        entry.chunks.lose(range);
        entry.mending = Some(avoided);
        entry.state = State::InHand;
    }

    /// The size of an archive was learnt in an earlier run.
    pub(crate) fn recall_size(&mut self, archive: usize, size: u64) {
        self.entries[archive].chunks.learn_size(size);
    }

    /// What connections bring of an archive from now on is not wanted, and they take no more of it
    /// until it begins again.
    pub(crate) fn call_off(&mut self, archive: usize) {
        let entry = &mut self.entries[archive];
        entry.round += 1;
        entry.state = State::Kept;
        entry.chunks.reset(entry.published, RangeSet::new());
    }

    /// Whether a source could give bytes from the middle of an archive.
    pub(crate) fn has_ranges(&self, archive: usize) -> bool {
        self.has_ranges_beside(archive, &[])
    }

    /// The same of sources that are not among these.
    pub(crate) fn has_ranges_beside(&self, archive: usize, avoided: &[usize]) -> bool {
        let standings = self.entries[archive].standings.iter().enumerate();
        standings
            .filter(|(source, _)| !avoided.contains(source))
            .any(|(_, standing)| standing.given_up.is_none() && !standing.sends_whole)
    }
}
