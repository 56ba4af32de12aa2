//! The state of a run, archive by archive. Worker threads write it at every block; the displays
//! read it.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::RwLock;
use serde::Serialize;

use crate::event::Activity;
use crate::report::{ArchiveReport, label};
use crate::verdict::Verdict;

#[derive(Debug, Default)]
pub(super) struct ProgressState {
    archives: RwLock<ArchiveStates>,
    /// Bytes done since the start; those done twice count twice.
    moved: AtomicU64,
}

#[derive(Debug, Default)]
struct ArchiveStates {
    /// The plan; its bytes do not include those that will never come.
    planned: Option<Plan>,
    /// The number of archives that have a verdict.
    settled_archives: usize,
    /// Bytes of the archives that have a verdict.
    settled: u64,
    /// The archives in progress, by label.
    active: HashMap<String, Arc<Counters>>,
    /// The number of archives that have begun.
    begun: u64,
}

#[derive(Debug)]
struct Plan {
    /// The place of each archive in the table or the request, by the hash of its label.
    places: HashMap<u64, u32>,
    hashes: RandomState,
    archives: usize,
    bytes: u64,
}

/// The counters of an archive in progress.
#[derive(Debug)]
struct Counters {
    /// The archive when work on it began.
    archive: ActiveArchive,
    done: AtomicU64,
    moved: AtomicU64,
    /// True after the first position, which says what was already here.
    has_position: AtomicBool,
}

/// The state at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Snapshot {
    /// The number of archives of the run, if known.
    pub(super) archives: usize,
    /// The number of archives that have a verdict.
    pub(super) settled: usize,
    /// Bytes done.
    pub(super) done: u64,
    /// Bytes in all, at least those done; `None` until the run has a plan.
    pub(super) whole: Option<u64>,
    /// Bytes done since the start; it never falls.
    pub(super) moved: u64,
    /// The archives in progress, in the order of the table or the request. Those that are not in
    /// the plan follow in the order in which they began.
    pub(super) active: Vec<ActiveArchive>,
}

/// An archive in progress, and its form in the event log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ActiveArchive {
    /// The place in the plan.
    #[serde(skip)]
    place: u32,
    /// A new number each time that work on an archive begins.
    #[serde(skip)]
    pub(super) number: u64,
    pub(super) archive: String,
    /// The source being checked, if there are several.
    pub(super) source: Option<String>,
    pub(super) activity: Activity,
    pub(super) size: Option<u64>,
    /// At most the size.
    #[serde(rename = "bytes_done")]
    pub(super) done: u64,
    #[serde(skip)]
    pub(super) moved: u64,
}

impl ProgressState {
    /// Takes note of the labels of all archives, in order, and of their bytes.
    pub(super) fn plan(&self, archives: &[String], bytes: u64) {
        let hashes = RandomState::new();
        let mut places = HashMap::with_capacity(archives.len());
        for (label, place) in archives.iter().zip(0..) {
            // Of two with the same label, the first decides.
            places.entry(hashes.hash_one(label)).or_insert(place);
        }
        let archives = archives.len();
        self.archives.write().planned = Some(Plan { places, hashes, archives, bytes });
    }

    pub(super) fn begin(
        &self,
        archive: &str,
        source: Option<&str>,
        activity: Activity,
        size: Option<u64>,
    ) {
        let label = label(archive, source);
        let mut archives = self.archives.write();
        archives.begun += 1;
        let plan = archives.planned.as_ref();
        let place = plan.and_then(|plan| plan.places.get(&plan.hashes.hash_one(&*label))).copied();
        let counters = Counters {
            archive: ActiveArchive {
                place: place.unwrap_or(u32::MAX),
                number: archives.begun,
                archive: archive.to_owned(),
                source: source.map(str::to_owned),
                activity,
                size,
                done: 0,
                moved: 0,
            },
            done: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            has_position: AtomicBool::new(false),
        };
        let before = archives.active.insert(label.into_owned(), counters.into());
        let Some(before) = before else { return };
        // A second reading adds work and does not undo what was done before.
        let is_more = activity == Activity::Locate;
        if is_more {
            archives.settled = archives.settled.saturating_add(before.done.load(Ordering::Relaxed));
        }
        if let (Some(size), Some(plan)) = (size, &mut archives.planned)
            && (is_more || before.archive.size.is_none())
        {
            plan.bytes = plan.bytes.saturating_add(size);
        }
    }

    pub(super) fn advance(&self, archive: &str, source: Option<&str>, done: u64) {
        let archives = self.archives.read();
        let Some(counters) = archives.active.get(&*label(archive, source)) else { return };
        let done = counters.archive.size.map_or(done, |size| done.min(size));
        let before = counters.done.swap(done, Ordering::Relaxed);
        if counters.has_position.swap(true, Ordering::Relaxed) {
            let step = done.saturating_sub(before);
            counters.moved.fetch_add(step, Ordering::Relaxed);
            self.moved.fetch_add(step, Ordering::Relaxed);
        }
    }

    pub(super) fn settle(&self, report: &ArchiveReport) {
        let mut archives = self.archives.write();
        let name = label(&report.name, report.source.as_deref());
        let active = archives.active.remove(&report.name);
        let active = active.or_else(|| archives.active.remove(&*name));
        let size = active.as_ref().and_then(|c| c.archive.size).or(report.expected_size);
        let reached = active.map_or(0, |counters| counters.done.load(Ordering::Relaxed));
        let done = match report.verdict {
            Verdict::Ok => size.or(report.actual_size).unwrap_or(reached),
            _ => reached,
        };
        archives.settled = archives.settled.saturating_add(done);
        archives.settled_archives += 1;
        if let Some(plan) = &mut archives.planned {
            // The missing bytes will not come in this run. Without a size, none were planned.
            plan.bytes = plan.bytes.saturating_sub(size.unwrap_or(0)).saturating_add(done);
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let archives = self.archives.read();
        let mut active: Vec<_> = archives.active.values().map(|counters| counters.load()).collect();
        active.sort_unstable_by_key(|archive| (archive.place, archive.number));
        let sum = |archives: &mut dyn Iterator<Item = &ActiveArchive>| -> u64 {
            archives.fold(0, |sum: u64, archive| sum.saturating_add(archive.done))
        };
        let done = archives.settled.saturating_add(sum(&mut active.iter()));
        let unplanned = sum(&mut active.iter().filter(|archive| archive.size.is_none()));
        let plan = archives.planned.as_ref();
        Snapshot {
            archives: plan.map_or(0, |plan| plan.archives),
            settled: archives.settled_archives,
            done,
            whole: plan.map(|plan| plan.bytes.saturating_add(unplanned).max(done)),
            moved: self.moved.load(Ordering::Relaxed),
            active,
        }
    }
}

impl Counters {
    fn load(&self) -> ActiveArchive {
        ActiveArchive {
            done: self.done.load(Ordering::Relaxed),
            moved: self.moved.load(Ordering::Relaxed),
            ..self.archive.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The labels of this many archives: `a`, `b`, `c`.
    fn names(count: usize) -> Vec<String> {
        ('a'..).take(count).map(String::from).collect()
    }

    fn sums(state: &ProgressState) -> (u64, Option<u64>, u64) {
        let snapshot = state.snapshot();
        (snapshot.done, snapshot.whole, snapshot.moved)
    }

    fn report(name: &str, verdict: Verdict, size: Option<u64>) -> ArchiveReport {
        let mut report = ArchiveReport::new(name, verdict);
        report.expected_size = size;
        report.actual_size = size;
        report
    }

    #[test]
    fn bytes_that_were_already_here_are_done_and_not_moved() {
        let state = ProgressState::default();
        state.plan(&names(2), 1000);
        state.begin("a", None, Activity::Fetch, Some(600));
        state.advance("a", None, 200);
        assert_eq!(sums(&state), (200, Some(1000), 0));
        state.advance("a", None, 300);
        assert_eq!(sums(&state), (300, Some(1000), 100));
    }

    #[test]
    fn an_archive_at_two_sources_counts_twice() {
        let state = ProgressState::default();
        state.plan(&names(2), 1200);
        for source in ["m", "n"] {
            state.begin("a", Some(source), Activity::Verify, Some(600));
        }
        let mut settled = report("a", Verdict::Ok, Some(600));
        settled.source = Some("n".to_owned());
        state.settle(&settled);
        let sources: Vec<_> =
            state.snapshot().active.into_iter().map(|active| active.source).collect();
        assert_eq!(sources, [Some("m".to_owned())]);
        assert_eq!(sums(&state), (600, Some(1200), 0));
    }

    #[test]
    fn archives_are_in_the_order_of_the_plan_and_the_others_follow() {
        let state = ProgressState::default();
        state.plan(&["c", "b at m", "a"].map(str::to_owned), 3);
        for (archive, source) in
            [("y", None), ("a", None), ("x", None), ("b", Some("m")), ("c", None)]
        {
            state.begin(archive, source, Activity::Fetch, Some(1));
        }
        let active = state.snapshot().active;
        let names: Vec<_> = active.iter().map(|active| &*active.archive).collect();
        assert_eq!(names, ["c", "b", "a", "y", "x"]);
        // It keeps its place when it begins again.
        state.begin("c", None, Activity::Repair, Some(1));
        assert_eq!(state.snapshot().active[0].archive, "c");
    }

    #[test]
    fn a_position_can_go_back_and_never_exceeds_the_size() {
        let state = ProgressState::default();
        state.plan(&names(1), 600);
        state.begin("a", None, Activity::Fetch, Some(600));
        state.advance("a", None, 500);
        state.advance("a", None, 100);
        assert_eq!(sums(&state), (100, Some(600), 0));
        state.advance("a", None, 9000);
        assert_eq!(sums(&state), (600, Some(600), 500));
    }

    #[test]
    fn work_that_begins_again_starts_at_zero() {
        let state = ProgressState::default();
        state.plan(&names(1), 600);
        state.begin("a", None, Activity::Verify, Some(600));
        state.advance("a", None, 600);
        let before = state.snapshot().active;
        state.begin("a", None, Activity::Fetch, Some(600));
        let after = state.snapshot().active;
        assert_eq!(sums(&state), (0, Some(600), 0));
        assert_eq!((before.len(), after.len()), (1, 1));
        assert_ne!(before[0].number, after[0].number);
    }

    #[test]
    fn a_second_reading_adds_to_the_whole() {
        let state = ProgressState::default();
        state.plan(&names(2), 1000);
        state.begin("a", None, Activity::Verify, Some(600));
        state.advance("a", None, 0);
        state.advance("a", None, 600);
        state.begin("a", None, Activity::Locate, Some(600));
        assert_eq!(sums(&state), (600, Some(1600), 600));
        state.advance("a", None, 0);
        state.advance("a", None, 200);
        assert_eq!(sums(&state), (800, Some(1600), 800));
        state.settle(&report("a", Verdict::Corrupt, Some(600)));
        assert_eq!(sums(&state), (800, Some(1200), 800));
    }

    #[test]
    fn bytes_of_a_failed_archive_leave_the_whole() {
        let state = ProgressState::default();
        state.plan(&names(3), 1000);
        state.begin("a", None, Activity::Fetch, Some(600));
        state.advance("a", None, 0);
        state.advance("a", None, 50);
        state.settle(&report("a", Verdict::Unreachable, Some(600)));
        assert_eq!(sums(&state), (50, Some(450), 50));
        // Never begun: one is verified already, the other is missing.
        state.settle(&report("b", Verdict::Ok, Some(300)));
        assert_eq!(sums(&state), (350, Some(450), 50));
        state.settle(&report("c", Verdict::Missing, Some(100)));
        assert_eq!(sums(&state), (350, Some(350), 50));
    }

    #[test]
    fn a_size_learned_later_adds_to_the_whole() {
        let state = ProgressState::default();
        state.plan(&names(1), 0);
        state.begin("a", None, Activity::Fetch, None);
        state.begin("a", None, Activity::Fetch, Some(100));
        state.advance("a", None, 25);
        let snapshot = state.snapshot();
        assert_eq!((snapshot.done, snapshot.whole), (25, Some(100)));
    }

    #[test]
    fn an_archive_of_unknown_size_never_exceeds_the_whole() {
        let state = ProgressState::default();
        state.plan(&names(1), 0);
        state.begin("a", None, Activity::Fetch, None);
        state.advance("a", None, 70);
        assert_eq!(sums(&state), (70, Some(70), 0));
        state.settle(&report("a", Verdict::Ok, Some(80)));
        assert_eq!(sums(&state), (80, Some(80), 0));
    }

    #[test]
    fn events_of_unknown_archives_are_ignored() {
        let state = ProgressState::default();
        state.advance("a", None, 5);
        state.settle(&report("a", Verdict::Ok, None));
        assert_eq!(sums(&state), (0, None, 0));
    }
}
