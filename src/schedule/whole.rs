//! Schedules the bytes of a source that sends whole files only.

use std::ops::Range;

use super::{Lease, Schedule};

impl Schedule {
    /// The source sends whole files only: extends the lease to the end of the free bytes and returns
    /// that end. `None` if another connection has the archive, or if only a few bytes are wanted.
    pub(crate) fn whole(&mut self, lease: &Lease) -> Option<u64> {
        let source = lease.source;
        let entry = self.current(lease)?;
        entry.health[source].sends_whole = true;
        if entry.avoided.is_some() {
            return None;
        }
        entry.chunks.take_whole();
        entry.chunks.extend(lease.id)
    }

    /// The source sends the whole archive, and the lease is done: continues it with the next bytes
    /// that are missing behind it. `None` if there are none.
    pub(crate) fn next_gap(&mut self, lease: &Lease) -> Option<Range<u64>> {
        self.current(lease)?.chunks.next_gap(lease.id)
    }
}
