//! Decides which bytes a repair fetches after each damage. Pure.
//!
//! A range begins where the damage does, so that no proven byte is replaced, and ends at the next
//! multiple of [`UNIT`]: that costs little, and what damages disks and lines damages more than a bit.
//! Damages that follow each other closely are one larger damage, as missing or doubled bytes shift
//! everything that comes after: each range is then twice as long as the one before, and all of them
//! together are at most about twice as long as the damage.

use std::ops::Range;

use crate::locate::UNIT;

/// The number of times that a range that did not help is widened.
const WIDENINGS: u32 = 2;

#[derive(Debug)]
pub(crate) struct RepairPlan {
    size: u64,
    /// Bytes that may still be fetched.
    left: u64,
    last: Option<LastRange>,
}

#[derive(Debug)]
struct LastRange {
    range: Range<u64>,
    /// The length that is doubled for the next range.
    span: u64,
    widened: u32,
}

/// The next step of a repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RepairStep {
    /// Fetch these bytes for the first time.
    Fetch(Range<u64>),
    /// Fetch these bytes again: they arrived wrong.
    FetchAgain(Range<u64>),
    /// More bytes would have to be fetched than allowed.
    TooMuch,
    /// The sources' bytes do not help.
    Unhelpful,
}

impl RepairPlan {
    /// A plan for an archive of `size` bytes, of which `most` may be fetched.
    pub(crate) const fn new(size: u64, most: u64) -> Self {
        Self { size, left: most, last: None }
    }

    /// The step after a damage. `elsewhere` is true if another source can give its bytes.
    pub(crate) fn next(&mut self, damage: &Range<u64>, elsewhere: bool) -> RepairStep {
        let step = match &mut self.last {
            Some(last) if damage.start < last.range.end.saturating_add(last.span) => {
                last.follow(damage, elsewhere)
            }
            _ => {
                self.last = None;
                RepairStep::Fetch(damage.clone())
            }
        };
        match step {
            RepairStep::Fetch(range) => self.fetch(range, RepairStep::Fetch),
            RepairStep::FetchAgain(range) => self.fetch(range, RepairStep::FetchAgain),
            other => other,
        }
    }

    fn fetch(&mut self, range: Range<u64>, step: fn(Range<u64>) -> RepairStep) -> RepairStep {
        let start = range.start.min(self.size.saturating_sub(1));
        let end = range.end.max(start + 1).next_multiple_of(UNIT).min(self.size);
        let range = start..end;
        let length = end - start;
        let Some(left) = self.left.checked_sub(length) else { return RepairStep::TooMuch };
        self.left = left;
        let first = LastRange { range: 0..0, span: length.max(UNIT), widened: 0 };
        self.last.get_or_insert(first).range = range.clone();
        step(range)
    }

    /// The length of ranges after doubling, in bytes.
    pub(crate) fn span(&self) -> u64 {
        self.last.as_ref().map_or(0, |last| last.span)
    }

    /// Bytes that may still be fetched.
    pub(crate) const fn left(&self) -> u64 {
        self.left
    }
}

impl LastRange {
    /// The step after a damage that begins in the last range or close behind it.
    fn follow(&mut self, damage: &Range<u64>, elsewhere: bool) -> RepairStep {
        if damage.end > self.range.end {
            // The bytes of the last range are right, as far as can be seen.
            self.span = self.span.saturating_mul(2);
            let start = damage.start.max(self.range.end);
            return RepairStep::Fetch(start..damage.end.max(start.saturating_add(self.span)));
        }
        if elsewhere {
            return RepairStep::FetchAgain(damage.start..self.range.end);
        }
        self.widened += 1;
        if self.widened > WIDENINGS {
            return RepairStep::Unhelpful;
        }
        let more = UNIT << (self.widened - 1);
        let start = damage.start.min(self.range.start).saturating_sub(more);
        RepairStep::FetchAgain(start..self.range.end.saturating_add(more))
    }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "lists of one range are meant")]
mod tests {
    use super::*;
    use crate::ranges::RangeSet;

    const KIB: u64 = 1024;
    const MIB: u64 = 1024 * KIB;

    /// Repairs an archive in which these bytes are wrong, where damage is located in units of 8 KiB
    /// and sources are right. Returns the number of bytes and of ranges fetched.
    fn repaired(size: u64, wrong: &[Range<u64>]) -> (u64, usize) {
        let mut wrong: RangeSet = wrong.iter().cloned().collect();
        let mut plan = RepairPlan::new(size, size);
        let mut fetched = Vec::new();
        while let Some(first) = { wrong.iter().next().map(|range| range.start) } {
            let unit = first / (8 * KIB) * 8 * KIB;
            match plan.next(&(unit..unit + 8 * KIB), false) {
                RepairStep::Fetch(range) => {
                    wrong.remove(range.clone());
                    fetched.push(range);
                }
                other => panic!("{other:?} after {fetched:?}"),
            }
        }
        (fetched.iter().map(|range| range.end - range.start).sum(), fetched.len())
    }

    #[test]
    fn one_damaged_byte_costs_little_anywhere() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..1000 {
            let at = random.u64(0..100 * MIB);
            let (bytes, ranges) = repaired(100 * MIB, &[at..at + 1]);
            assert!(bytes <= UNIT + 8 * KIB && ranges == 1, "{bytes} in {ranges}, at {at}");
        }
    }

    #[test]
    fn a_large_damage_takes_about_twice_its_length_and_few_ranges() {
        let mut random = fastrand::Rng::with_seed(4);
        for _ in 0..300 {
            let start = random.u64(0..90 * MIB);
            let length = random.u64(1..10 * MIB);
            let (bytes, ranges) = repaired(100 * MIB, &[start..start + length]);
            assert!(bytes <= 2 * length + 3 * UNIT, "{bytes} for {length} at {start}");
            assert!(ranges <= 9, "{ranges} for {length}");
        }
        // Everything that comes after is shifted.
        let (bytes, _) = repaired(100 * MIB, &[30 * MIB..100 * MIB]);
        assert_eq!(bytes, 70 * MIB);
    }

    #[test]
    fn distant_damages_are_repaired_separately() {
        let (bytes, ranges) = repaired(100 * MIB, &[MIB..MIB + 1, 50 * MIB..50 * MIB + 1]);
        assert_eq!((bytes, ranges), (2 * UNIT, 2));
    }

    #[test]
    fn an_unhelpful_range_is_fetched_elsewhere_then_widened_then_skipped() {
        let mut plan = RepairPlan::new(100 * MIB, 100 * MIB);
        let damage = 10 * MIB..10 * MIB + 5000;
        assert_eq!(plan.next(&damage, true), RepairStep::Fetch(10 * MIB..10 * MIB + UNIT));
        assert_eq!(plan.next(&damage, true), RepairStep::FetchAgain(10 * MIB..10 * MIB + UNIT));
        let mut before = 10 * MIB..10 * MIB + UNIT;
        for _ in 0..WIDENINGS {
            let RepairStep::FetchAgain(range) = plan.next(&damage, false) else {
                panic!("widened")
            };
            assert!(range.start < before.start && range.end > before.end);
            before = range;
        }
        assert_eq!(plan.next(&damage, false), RepairStep::Unhelpful);
    }

    #[test]
    fn the_plan_keeps_to_its_limit() {
        let mut plan = RepairPlan::new(100 * MIB, 100 * KIB);
        assert_eq!(plan.next(&(0..10), true), RepairStep::Fetch(0..UNIT));
        assert_eq!(plan.next(&(50 * MIB..50 * MIB + 10), true), RepairStep::TooMuch);
        assert_eq!(plan.left(), 100 * KIB - UNIT);
    }

    #[test]
    fn ranges_stay_within_the_archive_and_are_never_empty() {
        let mut plan = RepairPlan::new(100, 1000);
        assert_eq!(plan.next(&(0..7), false), RepairStep::Fetch(0..100));
        let mut plan = RepairPlan::new(100, 1000);
        assert_eq!(plan.next(&(100..101), false), RepairStep::Fetch(99..100));
        let mut plan = RepairPlan::new(100, 1000);
        assert_eq!(plan.next(&(40..40), false), RepairStep::Fetch(40..100));
    }
}
