//! How far every archive is. Written by many threads at every block, read by those that show it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::event::Activity;
use crate::report::{ArchiveReport, label};
use crate::verdict::Verdict;

/// The state of a run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    books: RwLock<Books>,
    /// Bytes that were done since the start, those done twice counted twice.
    moved: AtomicU64,
}

#[derive(Debug, Default)]
struct Books {
    /// How many archives there are to do, and how many bytes, less those that will never come.
    planned: Option<(usize, u64)>,
    /// Bytes of the archives that have their verdict.
    settled: u64,
    /// Those under way, by their labels.
    active: HashMap<String, Arc<Gauge>>,
    /// How many ever began.
    begun: u64,
}

/// One archive under way.
#[derive(Debug)]
struct Gauge {
    number: u64,
    archive: String,
    source: Option<String>,
    activity: Activity,
    size: Option<u64>,
    done: AtomicU64,
    moved: AtomicU64,
    /// Whether there was a position yet: the first one tells what was there already.
    has_position: AtomicBool,
}

/// The state at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Snapshot {
    /// How many archives the run is about, if known.
    pub(crate) archives: usize,
    /// Bytes done.
    pub(crate) done: u64,
    /// Bytes in all, at least those done; `None` while nobody has said.
    pub(crate) whole: Option<u64>,
    /// Bytes that were done since the start; it never falls.
    pub(crate) moved: u64,
    /// The archives under way, in the order in which they began.
    pub(crate) active: Vec<Active>,
}

/// One archive under way at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Active {
    /// Another one each time that work on an archive begins.
    pub(crate) number: u64,
    pub(crate) archive: String,
    /// Which of several sources is looked at.
    pub(crate) source: Option<String>,
    pub(crate) activity: Activity,
    pub(crate) size: Option<u64>,
    /// At most the size.
    pub(crate) done: u64,
    pub(crate) moved: u64,
}

impl Tally {
    pub(crate) fn plan(&self, archives: usize, bytes: u64) {
        self.write().planned = Some((archives, bytes));
    }

    pub(crate) fn begin(
        &self,
        archive: &str,
        source: Option<&str>,
        activity: Activity,
        size: Option<u64>,
    ) {
        let mut books = self.write();
        books.begun += 1;
        let gauge = Gauge {
            number: books.begun,
            archive: archive.to_owned(),
            source: source.map(str::to_owned),
            activity,
            size,
            done: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            has_position: AtomicBool::new(false),
        };
        let before = books.active.insert(label(archive, source).into_owned(), Arc::new(gauge));
        let Some(before) = before else { return };
        // Another reading is more to do, and does not undo what was done before.
        let is_more = activity == Activity::Locate;
        if is_more {
            books.settled = books.settled.saturating_add(before.done.load(Ordering::Relaxed));
        }
        if let (Some(size), Some((_, bytes))) = (size, &mut books.planned)
            && (is_more || before.size.is_none())
        {
            *bytes = bytes.saturating_add(size);
        }
    }

    pub(crate) fn advance(&self, archive: &str, source: Option<&str>, done: u64) {
        let books = self.read();
        let Some(gauge) = books.active.get(&*label(archive, source)) else { return };
        let done = gauge.size.map_or(done, |size| done.min(size));
        let before = gauge.done.swap(done, Ordering::Relaxed);
        if gauge.has_position.swap(true, Ordering::Relaxed) {
            let step = done.saturating_sub(before);
            gauge.moved.fetch_add(step, Ordering::Relaxed);
            self.moved.fetch_add(step, Ordering::Relaxed);
        }
    }

    pub(crate) fn settle(&self, report: &ArchiveReport) {
        let mut books = self.write();
        let name = label(&report.name, report.source.as_deref());
        let gauge = books.active.remove(&report.name).or_else(|| books.active.remove(&*name));
        let size = gauge.as_ref().and_then(|gauge| gauge.size).or(report.expected_size);
        let reached = gauge.map_or(0, |gauge| gauge.done.load(Ordering::Relaxed));
        let done = match report.verdict {
            Verdict::Ok => size.or(report.actual_size).unwrap_or(reached),
            _ => reached,
        };
        books.settled = books.settled.saturating_add(done);
        if let Some((_, bytes)) = &mut books.planned {
            // What is missing will not come in this run; what had no size was not in the plan.
            *bytes = bytes.saturating_sub(size.unwrap_or(0)).saturating_add(done);
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let books = self.read();
        let mut active: Vec<Active> = books.active.values().map(|gauge| gauge.snapshot()).collect();
        active.sort_unstable_by_key(|archive| archive.number);
        let sum = |archives: &mut dyn Iterator<Item = &Active>| -> u64 {
            archives.fold(0, |sum: u64, archive| sum.saturating_add(archive.done))
        };
        let done = books.settled.saturating_add(sum(&mut active.iter()));
        let unplanned = sum(&mut active.iter().filter(|archive| archive.size.is_none()));
        Snapshot {
            archives: books.planned.map_or(0, |(archives, _)| archives),
            done,
            whole: books.planned.map(|(_, bytes)| bytes.saturating_add(unplanned).max(done)),
            moved: self.moved.load(Ordering::Relaxed),
            active,
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Books> {
        self.books.read()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Books> {
        self.books.write()
    }
}

impl Gauge {
    fn snapshot(&self) -> Active {
        Active {
            number: self.number,
            archive: self.archive.clone(),
            source: self.source.clone(),
            activity: self.activity,
            size: self.size,
            done: self.done.load(Ordering::Relaxed),
            moved: self.moved.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(tally: &Tally) -> (u64, Option<u64>, u64) {
        let snapshot = tally.snapshot();
        (snapshot.done, snapshot.whole, snapshot.moved)
    }

    fn report(name: &str, verdict: Verdict, size: Option<u64>) -> ArchiveReport {
        let mut report = ArchiveReport::new(name, verdict);
        report.expected_size = size;
        report.actual_size = size;
        report
    }

    #[test]
    fn what_was_here_already_is_done_but_did_not_move() {
        let tally = Tally::default();
        tally.plan(2, 1000);
        tally.begin("a", None, Activity::Fetch, Some(600));
        tally.advance("a", None, 200);
        assert_eq!(sums(&tally), (200, Some(1000), 0));
        tally.advance("a", None, 300);
        assert_eq!(sums(&tally), (300, Some(1000), 100));
    }

    #[test]
    fn an_archive_at_two_sources_is_two() {
        let tally = Tally::default();
        tally.plan(2, 1200);
        for source in ["m", "n"] {
            tally.begin("a", Some(source), Activity::Verify, Some(600));
        }
        let mut settled = report("a", Verdict::Ok, Some(600));
        settled.source = Some("n".to_owned());
        tally.settle(&settled);
        let sources: Vec<_> =
            tally.snapshot().active.into_iter().map(|active| active.source).collect();
        assert_eq!(sources, [Some("m".to_owned())]);
        assert_eq!(sums(&tally), (600, Some(1200), 0));
    }

    #[test]
    fn a_position_goes_back_and_never_past_the_size() {
        let tally = Tally::default();
        tally.plan(1, 600);
        tally.begin("a", None, Activity::Fetch, Some(600));
        tally.advance("a", None, 500);
        tally.advance("a", None, 100);
        assert_eq!(sums(&tally), (100, Some(600), 0));
        tally.advance("a", None, 9000);
        assert_eq!(sums(&tally), (600, Some(600), 500));
    }

    #[test]
    fn work_that_begins_again_starts_from_nothing() {
        let tally = Tally::default();
        tally.plan(1, 600);
        tally.begin("a", None, Activity::Verify, Some(600));
        tally.advance("a", None, 600);
        let before = tally.snapshot().active;
        tally.begin("a", None, Activity::Fetch, Some(600));
        let after = tally.snapshot().active;
        assert_eq!(sums(&tally), (0, Some(600), 0));
        assert_eq!((before.len(), after.len()), (1, 1));
        assert_ne!(before[0].number, after[0].number);
    }

    #[test]
    fn another_reading_is_more_to_do() {
        let tally = Tally::default();
        tally.plan(2, 1000);
        tally.begin("a", None, Activity::Verify, Some(600));
        tally.advance("a", None, 0);
        tally.advance("a", None, 600);
        tally.begin("a", None, Activity::Locate, Some(600));
        assert_eq!(sums(&tally), (600, Some(1600), 600));
        tally.advance("a", None, 0);
        tally.advance("a", None, 200);
        assert_eq!(sums(&tally), (800, Some(1600), 800));
        tally.settle(&report("a", Verdict::Corrupt, Some(600)));
        assert_eq!(sums(&tally), (800, Some(1200), 800));
    }

    #[test]
    fn what_failed_is_no_longer_waited_for() {
        let tally = Tally::default();
        tally.plan(3, 1000);
        tally.begin("a", None, Activity::Fetch, Some(600));
        tally.advance("a", None, 0);
        tally.advance("a", None, 50);
        tally.settle(&report("a", Verdict::Unreachable, Some(600)));
        assert_eq!(sums(&tally), (50, Some(450), 50));
        // Never begun: right already, and not here at all.
        tally.settle(&report("b", Verdict::Ok, Some(300)));
        assert_eq!(sums(&tally), (350, Some(450), 50));
        tally.settle(&report("c", Verdict::Missing, Some(100)));
        assert_eq!(sums(&tally), (350, Some(350), 50));
    }

    #[test]
    fn a_size_that_is_learnt_on_the_way_joins_the_whole() {
        let tally = Tally::default();
        tally.plan(1, 0);
        tally.begin("a", None, Activity::Fetch, None);
        tally.begin("a", None, Activity::Fetch, Some(100));
        tally.advance("a", None, 25);
        let snapshot = tally.snapshot();
        assert_eq!((snapshot.done, snapshot.whole), (25, Some(100)));
    }

    #[test]
    fn an_archive_of_unknown_size_is_never_past_the_whole() {
        let tally = Tally::default();
        tally.plan(1, 0);
        tally.begin("a", None, Activity::Fetch, None);
        tally.advance("a", None, 70);
        assert_eq!(sums(&tally), (70, Some(70), 0));
        tally.settle(&report("a", Verdict::Ok, Some(80)));
        assert_eq!(sums(&tally), (80, Some(80), 0));
    }

    #[test]
    fn news_of_strangers_is_no_trouble() {
        let tally = Tally::default();
        tally.advance("a", None, 5);
        tally.settle(&report("a", Verdict::Ok, None));
        assert_eq!(sums(&tally), (0, None, 0));
    }
}
