//! Which bytes are fetched anew after each damage. Pure.
//!
//! A range goes on to the next multiple of [`UNIT`]: little enough, and what damages disks and
//! lines damages more than a bit. It begins where the damage does, so that no byte that is proven
//! is exchanged. Damages that follow each other closely are one that is larger, as bytes that are
//! missing or doubled shift all that comes after: every range is then twice as long as the one
//! before, and all of them together at most about twice as long as the damage.

use std::ops::Range;

use crate::locate::UNIT;

/// How often a range that did not help is widened.
const WIDENINGS: u32 = 2;

/// From one damage to the next.
#[derive(Debug)]
pub(crate) struct Course {
    size: u64,
    /// Bytes that may still be fetched.
    left: u64,
    last: Option<Last>,
}

#[derive(Debug)]
struct Last {
    range: Range<u64>,
    /// How long it was meant to be: what is doubled.
    span: u64,
    widened: u32,
}

/// What to do about a damage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Fetch these bytes: nobody was asked for them before.
    Fetch(Range<u64>),
    /// Fetch these once more; they were fetched and are wrong.
    FetchAgain(Range<u64>),
    /// It would take more bytes than may be fetched.
    TooMuch,
    /// Bytes that are fetched do not help.
    Helpless,
}

impl Course {
    /// Through an archive of `size` bytes, of which `most` may be fetched.
    pub(crate) const fn new(size: u64, most: u64) -> Self {
        Self { size, left: most, last: None }
    }

    /// What to do about this damage. `elsewhere`: a source has not given bytes of it yet.
    pub(crate) fn next(&mut self, damage: &Range<u64>, elsewhere: bool) -> Step {
        let step = match &mut self.last {
            Some(last) if damage.start < last.range.end.saturating_add(last.span) => {
                last.follow(damage, elsewhere)
            }
            _ => {
                self.last = None;
                Step::Fetch(damage.clone())
            }
        };
        match step {
            Step::Fetch(range) => self.fetch(range, Step::Fetch),
            Step::FetchAgain(range) => self.fetch(range, Step::FetchAgain),
            other => other,
        }
    }

    fn fetch(&mut self, range: Range<u64>, step: fn(Range<u64>) -> Step) -> Step {
        let start = range.start.min(self.size.saturating_sub(1));
        let end = range.end.max(start + 1).next_multiple_of(UNIT).min(self.size);
        let range = start..end;
        let length = end - start;
        let Some(left) = self.left.checked_sub(length) else { return Step::TooMuch };
        self.left = left;
        let first = Last { range: 0..0, span: length.max(UNIT), widened: 0 };
        self.last.get_or_insert(first).range = range.clone();
        step(range)
    }

    /// How long the ranges have become by doubling, in bytes.
    pub(crate) fn span(&self) -> u64 {
        self.last.as_ref().map_or(0, |last| last.span)
    }

    /// Bytes that may still be fetched.
    pub(crate) const fn left(&self) -> u64 {
        self.left
    }
}

impl Last {
    /// What to do about a damage that begins in the last range or close behind it.
    fn follow(&mut self, damage: &Range<u64>, elsewhere: bool) -> Step {
        if damage.end > self.range.end {
            // What was fetched is right, or there is nothing to be said against it.
            self.span = self.span.saturating_mul(2);
            let start = damage.start.max(self.range.end);
            return Step::Fetch(start..damage.end.max(start.saturating_add(self.span)));
        }
        if elsewhere {
            return Step::FetchAgain(damage.start..self.range.end);
        }
        self.widened += 1;
        if self.widened > WIDENINGS {
            return Step::Helpless;
        }
        let more = UNIT << (self.widened - 1);
        let start = damage.start.min(self.range.start).saturating_sub(more);
        Step::FetchAgain(start..self.range.end.saturating_add(more))
    }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "lists of one range are meant")]
mod tests {
    use super::*;
    use crate::ranges::RangeSet;

    const KIB: u64 = 1024;
    const MIB: u64 = 1024 * KIB;

    /// Walks through an archive of which these bytes are wrong and shows at the first wrong byte
    /// of each 8 KiB; all that is fetched is right. Gives how many bytes that took, and in how
    /// many ranges.
    fn mended(size: u64, wrong: &[Range<u64>]) -> (u64, usize) {
        let mut wrong: RangeSet = wrong.iter().cloned().collect();
        let mut course = Course::new(size, size);
        let mut fetched = Vec::new();
        while let Some(first) = { wrong.iter().next().map(|range| range.start) } {
            let unit = first / (8 * KIB) * 8 * KIB;
            match course.next(&(unit..unit + 8 * KIB), false) {
                Step::Fetch(range) => {
                    wrong.remove(range.clone());
                    fetched.push(range);
                }
                other => panic!("{other:?} after {fetched:?}"),
            }
        }
        (fetched.iter().map(|range| range.end - range.start).sum(), fetched.len())
    }

    #[test]
    fn one_byte_takes_little_wherever_it_is() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..1000 {
            let at = random.u64(0..100 * MIB);
            let (bytes, ranges) = mended(100 * MIB, &[at..at + 1]);
            assert!(bytes <= UNIT + 8 * KIB && ranges == 1, "{bytes} in {ranges}, at {at}");
        }
    }

    #[test]
    fn a_large_damage_takes_about_twice_its_length_and_few_ranges() {
        let mut random = fastrand::Rng::with_seed(4);
        for _ in 0..300 {
            let start = random.u64(0..90 * MIB);
            let length = random.u64(1..10 * MIB);
            let (bytes, ranges) = mended(100 * MIB, &[start..start + length]);
            assert!(bytes <= 2 * length + 3 * UNIT, "{bytes} for {length} at {start}");
            assert!(ranges <= 9, "{ranges} for {length}");
        }
        // All that comes after is shifted.
        let (bytes, _) = mended(100 * MIB, &[30 * MIB..100 * MIB]);
        assert_eq!(bytes, 70 * MIB);
    }

    #[test]
    fn damages_far_from_each_other_are_not_one() {
        let (bytes, ranges) = mended(100 * MIB, &[MIB..MIB + 1, 50 * MIB..50 * MIB + 1]);
        assert_eq!((bytes, ranges), (2 * UNIT, 2));
    }

    #[test]
    fn what_does_not_help_is_asked_elsewhere_then_widened_then_given_up() {
        let mut course = Course::new(100 * MIB, 100 * MIB);
        let damage = 10 * MIB..10 * MIB + 5000;
        assert_eq!(course.next(&damage, true), Step::Fetch(10 * MIB..10 * MIB + UNIT));
        assert_eq!(course.next(&damage, true), Step::FetchAgain(10 * MIB..10 * MIB + UNIT));
        let mut before = 10 * MIB..10 * MIB + UNIT;
        for _ in 0..WIDENINGS {
            let Step::FetchAgain(range) = course.next(&damage, false) else { panic!("widened") };
            assert!(range.start < before.start && range.end > before.end);
            before = range;
        }
        assert_eq!(course.next(&damage, false), Step::Helpless);
    }

    #[test]
    fn no_more_is_fetched_than_may_be() {
        let mut course = Course::new(100 * MIB, 100 * KIB);
        assert_eq!(course.next(&(0..10), true), Step::Fetch(0..UNIT));
        assert_eq!(course.next(&(50 * MIB..50 * MIB + 10), true), Step::TooMuch);
        assert_eq!(course.left(), 100 * KIB - UNIT);
    }

    #[test]
    fn ranges_stay_within_the_archive_and_are_never_empty() {
        let mut course = Course::new(100, 1000);
        assert_eq!(course.next(&(0..7), false), Step::Fetch(0..100));
        let mut course = Course::new(100, 1000);
        assert_eq!(course.next(&(100..101), false), Step::Fetch(99..100));
        let mut course = Course::new(100, 1000);
        assert_eq!(course.next(&(40..40), false), Step::Fetch(40..100));
    }
}
