//! The bytes of one archive: done, leased, or free. Pure.

use std::ops::Range;

use crate::hash::buffer_pool::BLOCK;
use crate::ranges::RangeSet;

/// A lease is not halved if a half would be smaller than this.
const HALF: u64 = 512 * 1024;

/// The end of an archive of unknown size.
pub(crate) const UNKNOWN: u64 = u64::MAX;

/// The bytes of one archive.
#[derive(Debug)]
pub(crate) struct Chunks {
    size: Option<u64>,
    chunk: u64,
    done: RangeSet,
    leases: Vec<ActiveLease>,
    /// The source sends whole files only: one lease at a time, as long as possible.
    whole: bool,
    /// The bytes are needed in order: one lease at a time.
    in_order: bool,
}

#[derive(Debug)]
struct ActiveLease {
    id: u64,
    /// The end of the bytes that are done.
    at: u64,
    /// The end of the bytes that are being written: no other lease may take these.
    writing: u64,
    end: u64,
}

impl ActiveLease {
    const fn left(&self) -> u64 {
        self.end.saturating_sub(self.writing)
    }
}

impl Chunks {
    /// An archive of which `done` is here, leased in pieces of at most `chunk` bytes.
    pub(crate) fn new(size: Option<u64>, chunk: u64, done: RangeSet) -> Self {
        Self { size, chunk: chunk.max(1), done, leases: Vec::new(), whole: false, in_order: false }
    }

    pub(crate) const fn size(&self) -> Option<u64> {
        self.size
    }

    pub(crate) fn total_done(&self) -> u64 {
        self.done.total()
    }

    pub(crate) fn leases(&self) -> usize {
        self.leases.len()
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.size.is_some_and(|size| self.done.gap_after(0, size).is_none())
    }

    /// Sets the size. Leases end there.
    pub(crate) fn learn_size(&mut self, size: u64) {
        self.size = Some(size);
        for lease in &mut self.leases {
            lease.end = lease.end.min(size);
        }
    }

    /// Allows one lease at a time from now on, and halves none.
    pub(crate) const fn take_whole(&mut self) {
        self.whole = true;
    }

    /// Allows one lease at a time from now on.
    pub(crate) const fn take_in_order(&mut self) {
        self.in_order = true;
    }

    /// Leases the next free bytes.
    pub(crate) fn take(&mut self, id: u64) -> Option<Range<u64>> {
        let alone = self.whole || self.in_order || self.size.is_none();
        if alone && !self.leases.is_empty() {
            return None;
        }
        let free = self.first_free(0)?;
        let end =
            if self.whole { free.end } else { free.end.min(free.start.saturating_add(self.chunk)) };
        self.leases.push(ActiveLease { id, at: free.start, writing: free.start, end });
        Some(free.start..end)
    }

    fn first_free(&self, from: u64) -> Option<Range<u64>> {
        let limit = self.size.unwrap_or(UNKNOWN);
        let mut from = from;
        loop {
            let gap = self.done.gap_after(from, limit)?;
            let covering = self.leases.iter().find(|f| f.at <= gap.start && gap.start < f.end);
            if let Some(lease) = covering {
                from = lease.end;
                continue;
            }
            let next = self.leases.iter().map(|f| f.at).filter(|&at| at > gap.start).min();
            return Some(gap.start..gap.end.min(next.unwrap_or(limit)));
        }
    }

    /// The largest lease that may be halved, and the bytes that are left of it.
    pub(crate) fn largest_lease(&self) -> Option<(u64, u64)> {
        let alone = self.whole || self.in_order || self.size.is_none();
        let lease = self.leases.iter().filter(|_| !alone).max_by_key(|lease| lease.left())?;
        (lease.left() >= 2 * HALF).then(|| (lease.id, lease.left()))
    }

    /// Leases the second half of the largest lease.
    pub(crate) fn halve(&mut self, id: u64) -> Option<Range<u64>> {
        let (largest, _) = self.largest_lease()?;
        let lease = self.leases.iter_mut().find(|lease| lease.id == largest)?;
        // The connection gathers whole blocks, and nothing of a block that ends here comes twice.
        let first = lease.left() / 2 / BLOCK as u64 * BLOCK as u64;
        let middle = lease.writing + first;
        let half = middle..lease.end;
        lease.end = middle;
        self.leases.push(ActiveLease { id, at: half.start, writing: half.start, end: half.end });
        Some(half)
    }

    /// Extends a lease to the end of the free bytes, as the source sends them all anyway. Ends the
    /// other leases. `None` if another lease is nearer to the beginning.
    pub(crate) fn extend(&mut self, id: u64) -> Option<u64> {
        let limit = self.size.unwrap_or(UNKNOWN);
        let first = self.leases.iter().min_by_key(|lease| lease.at)?.id;
        if first != id {
            return None;
        }
        self.leases.retain(|lease| lease.id == id);
        let lease = self.leases.first_mut()?;
        lease.end = self.done.gap_after(lease.at, limit).map_or(lease.at, |gap| gap.end);
        Some(lease.end)
    }

    /// Moves a lease that is done to the next free bytes behind it. `None` if there are none, or if
    /// other leases are under way.
    pub(crate) fn next_gap(&mut self, id: u64) -> Option<Range<u64>> {
        let [lease] = &self.leases[..] else { return None };
        if lease.id != id || lease.at < lease.end {
            return None;
        }
        let gap = self.done.gap_after(lease.at, self.size?)?;
        self.leases[0] = ActiveLease { id, at: gap.start, writing: gap.start, end: gap.end };
        Some(gap)
    }

    /// Claims bytes that a lease is about to write. Returns how many still belong to it: another
    /// lease may have taken the rest.
    pub(crate) fn claim(&mut self, id: u64, bytes: u64) -> Option<u64> {
        let lease = self.leases.iter_mut().find(|f| f.id == id)?;
        lease.writing = lease.at.saturating_add(bytes).min(lease.end);
        Some(lease.writing.saturating_sub(lease.at))
    }

    /// Counts the claimed bytes as done. Returns the rest of the lease.
    pub(crate) fn advance(&mut self, id: u64) -> Option<Range<u64>> {
        let lease = self.leases.iter_mut().find(|f| f.id == id)?;
        self.done.insert(lease.at..lease.writing);
        lease.at = lease.writing.max(lease.at);
        Some(lease.at..lease.end)
    }

    /// Ends a lease. Its remaining bytes are free again.
    pub(crate) fn release(&mut self, id: u64) {
        self.leases.retain(|f| f.id != id);
    }

    pub(crate) fn lose(&mut self, range: Range<u64>) {
        self.done.remove(range);
    }

    /// Starts over with `done`, without leases, and with the size that was known at first.
    pub(crate) fn reset(&mut self, size: Option<u64>, done: RangeSet) {
        self.size = size;
        self.done = done;
        self.leases.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn deliver(chunks: &mut Chunks, id: u64, bytes: u64) -> Option<Range<u64>> {
        chunks.claim(id, bytes)?;
        chunks.advance(id)
    }

    #[test]
    fn chunks_are_taken_in_order_around_what_is_done() {
        let done = RangeSet::from_iter([0..5, 20..25]);
        let mut chunks = Chunks::new(Some(32), 10, done);
        assert_eq!(chunks.take(1), Some(5..15));
        assert_eq!(chunks.take(2), Some(15..20));
        assert_eq!(chunks.take(3), Some(25..32));
        assert_eq!(chunks.take(4), None);
        assert_eq!(deliver(&mut chunks, 1, 4), Some(9..15));
        chunks.release(1);
        assert_eq!(chunks.take(5), Some(9..15));
        for (id, bytes) in [(5, 6), (2, 5), (3, 7)] {
            deliver(&mut chunks, id, bytes);
            chunks.release(id);
        }
        assert!(chunks.is_complete());
    }

    #[test]
    fn the_largest_lease_is_halved_and_keeps_to_its_half() {
        let mut chunks = Chunks::new(Some(8 * MIB), 8 * MIB, RangeSet::new());
        chunks.take(1);
        deliver(&mut chunks, 1, 2 * MIB);
        assert_eq!(chunks.halve(2), Some(5 * MIB..8 * MIB));
        assert_eq!(deliver(&mut chunks, 1, 9 * MIB), Some(5 * MIB..5 * MIB));
        assert_eq!(chunks.total_done(), 5 * MIB);
        assert_eq!(chunks.halve(3), Some(5 * MIB + 3 * MIB / 2..8 * MIB));
        deliver(&mut chunks, 3, 3 * MIB / 2);
        chunks.release(3);
        deliver(&mut chunks, 2, MIB);
        assert_eq!(chunks.halve(4), None);
    }

    #[test]
    fn a_lease_is_halved_where_a_block_ends() {
        let (size, block) = (3 * MIB - 5, BLOCK as u64);
        let mut chunks = Chunks::new(Some(size), 8 * MIB, RangeSet::new());
        chunks.take(1);
        deliver(&mut chunks, 1, 1000);
        assert_eq!(chunks.halve(2), Some(1000 + 5 * block..size));
        while chunks.claim(1, block).is_some_and(|claimed| claimed > 0) {
            assert_eq!(chunks.total_done() % block, 1000, "whole blocks");
            chunks.advance(1);
        }
        assert_eq!(chunks.total_done(), 1000 + 5 * block);
    }

    #[test]
    fn bytes_that_are_wanted_in_their_order_are_one_lease_at_a_time() {
        let mut chunks = Chunks::new(Some(8 * MIB), u64::MAX, RangeSet::new());
        chunks.take_in_order();
        assert_eq!(chunks.take(1), Some(0..8 * MIB));
        assert_eq!((chunks.take(2), chunks.halve(2)), (None, None));
        deliver(&mut chunks, 1, 3 * MIB);
        chunks.release(1);
        assert_eq!(chunks.take(2), Some(3 * MIB..8 * MIB));
        let mut chunks = Chunks::new(None, u64::MAX, RangeSet::new());
        assert_eq!(chunks.take(1), Some(0..UNKNOWN));
    }

    #[test]
    fn an_unknown_size_or_a_source_without_ranges_is_one_lease_at_a_time() {
        let mut chunks = Chunks::new(None, 10, RangeSet::new());
        assert_eq!(chunks.take(1), Some(0..10));
        assert_eq!(chunks.take(2), None);
        chunks.take_whole();
        assert_eq!(chunks.extend(1), Some(UNKNOWN));
        deliver(&mut chunks, 1, 25);
        chunks.learn_size(25);
        chunks.release(1);
        assert!(chunks.is_complete());
    }

    #[test]
    fn the_lease_nearest_to_the_beginning_takes_all_where_there_are_no_ranges() {
        let mut chunks = Chunks::new(Some(30), 10, RangeSet::new());
        for id in 1..=3 {
            chunks.take(id);
        }
        chunks.take_whole();
        assert_eq!(chunks.extend(2), None);
        assert_eq!(chunks.extend(1), Some(30));
        assert_eq!(deliver(&mut chunks, 2, 5), None);
        assert_eq!(deliver(&mut chunks, 1, 30), Some(30..30));
        assert!(chunks.is_complete());
    }

    #[test]
    fn the_only_lease_moves_on_to_the_next_gap() {
        let mut chunks = Chunks::new(Some(30), 10, RangeSet::from_iter([0..5, 8..20]));
        chunks.take_whole();
        assert_eq!(chunks.take(1), Some(5..8));
        assert_eq!(chunks.next_gap(1), None, "it is not done");
        deliver(&mut chunks, 1, 3);
        assert_eq!(chunks.next_gap(1), Some(20..30));
        deliver(&mut chunks, 1, 10);
        assert_eq!(chunks.next_gap(1), None);
        assert!(chunks.is_complete());
    }

    #[test]
    fn an_empty_archive_is_complete_at_once() {
        assert!(Chunks::new(Some(0), 10, RangeSet::new()).is_complete());
        assert!(!Chunks::new(None, 10, RangeSet::new()).is_complete());
    }
}
