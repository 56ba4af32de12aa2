//! Sets of byte offsets, kept as disjoint ranges: the bytes that are written, or lost, or saved.

use std::ops::Range;

/// A set of byte offsets. Ranges that touch become one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RangeSet(rangemap::RangeSet<u64>);

impl RangeSet {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a range. An empty one adds nothing.
    pub fn insert(&mut self, range: Range<u64>) {
        if !range.is_empty() {
            self.0.insert(range);
        }
    }

    /// Removes a range, as far as it is in the set.
    pub fn remove(&mut self, range: Range<u64>) {
        if !range.is_empty() {
            self.0.remove(range);
        }
    }

    /// The parts of a range that are not in the set.
    pub fn gaps(&self, range: Range<u64>) -> Vec<Range<u64>> {
        self.0.gaps(&range).collect()
    }

    /// The end of the stored range that contains `offset`; `offset` itself if none does.
    pub fn run_end(&self, offset: u64) -> u64 {
        self.0.get(&offset).map_or(offset, |range| range.end)
    }

    /// The first gap at or after `offset` and before `limit`; `None` if there is none.
    pub fn gap_after(&self, offset: u64, limit: u64) -> Option<Range<u64>> {
        self.0.gaps(&(offset..limit)).next()
    }

    /// The number of offsets in the set.
    pub fn total(&self) -> u64 {
        self.iter().map(|range| range.end - range.start).sum()
    }

    /// True if nothing is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ranges, in order.
    pub fn iter(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.0.iter().cloned()
    }
}

impl FromIterator<Range<u64>> for RangeSet {
    fn from_iter<I: IntoIterator<Item = Range<u64>>>(ranges: I) -> Self {
        let mut set = Self::new();
        ranges.into_iter().for_each(|range| set.insert(range));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "a set of one range is meant")]
    fn ranges_that_touch_or_overlap_become_one() {
        let mut set = RangeSet::from_iter([10..20, 30..40]);
        set.insert(20..25);
        assert_eq!(set.iter().collect::<Vec<_>>(), [10..25, 30..40]);
        set.insert(24..30);
        assert_eq!(set.iter().collect::<Vec<_>>(), [10..40]);
        set.insert(0..5);
        set.insert(7..7);
        set.insert(3..60);
        assert_eq!(set.iter().collect::<Vec<_>>(), [0..60]);
    }

    #[test]
    fn runs_and_gaps_are_found_from_any_offset() {
        let set = RangeSet::from_iter([10..20, 30..40]);
        assert_eq!(set.run_end(9), 9);
        assert_eq!(set.run_end(10), 20);
        assert_eq!(set.run_end(20), 20);
        assert_eq!(set.gap_after(0, 50), Some(0..10));
        assert_eq!(set.gap_after(10, 50), Some(20..30));
        assert_eq!(set.gap_after(25, 50), Some(25..30));
        assert_eq!(set.gap_after(35, 50), Some(40..50));
        assert_eq!(set.gap_after(35, 40), None);
        assert_eq!(set.gap_after(12, 15), None);
        assert_eq!(RangeSet::new().gap_after(0, 0), None);
    }

    #[test]
    fn agrees_with_a_plain_list_of_offsets() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..200 {
            let mut set = RangeSet::new();
            let mut naive = [false; 64];
            for _ in 0..random.usize(1..20) {
                let start = random.u64(0..64);
                let end = random.u64(start..=64);
                let there = random.u8(0..3) > 0;
                if there {
                    set.insert(start..end);
                } else {
                    set.remove(start..end);
                }
                (start..end).for_each(|i| naive[usize::try_from(i).unwrap()] = there);
            }
            let (start, end) = (random.u64(0..64), random.u64(0..64));
            let outside: u64 = set.gaps(start..end).iter().map(|gap| gap.end - gap.start).sum();
            let missing = (start..end).filter(|&at| !naive[usize::try_from(at).unwrap()]).count();
            assert_eq!(outside, missing as u64);
            let total = naive.iter().filter(|&&there| there).count();
            assert_eq!(set.total(), total as u64);
            for (offset, &there) in naive.iter().enumerate() {
                assert_eq!(set.run_end(offset as u64) > offset as u64, there);
            }
        }
    }
}
