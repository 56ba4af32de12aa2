//! Archives on their way from sources to their final names.
//!
//! Three kinds of threads share a schedule: connections, which bring bytes; keepers,
//! one for each archive in hand, which read back, compare digests and rename; and one that syncs
//! parts every few seconds, so that a power cut costs little.

mod attempts;
mod connection;
mod download;
mod finisher;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod hash_cursor;
mod job;
mod journal;
mod origins;
mod outcome;
mod part;
mod repair;
mod threads;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub use journal::{JournalState, Original};
pub use origins::Origins;
pub(crate) use outcome::{Ending, Outcome, Plan, RestoredFile, StopReason};
use parking_lot::{Condvar, Mutex, MutexGuard};
pub(crate) use part::HERE;
pub(crate) use part::{Part, tidy};
pub use part::{PartialDownload, look};
pub(crate) use repair::{RepairSummary, Why};

use crate::cancel::Cancel;
use crate::disk::{self, DiskError, Folder, Lock};
use crate::event::{Activity, Event, Listener};
use crate::hash::Engine;
use crate::rate::Throttle;
use crate::schedule::{Lease, Schedule};
use crate::session::{LOOK_AGAIN, Options};
use crate::source::Source;
use hash_cursor::End;
use job::Job;

/// How long a source may be slow before another one is tried: a connection begins slowly.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a run that is being ended waits for its connections to write what they have.
const LANDING: Duration = Duration::from_millis(1500);

/// A transfer: what all its threads share.
pub(crate) struct Transfer<'a> {
    folder: &'a Folder,
    /// What keeps the folder ours; nothing where nothing is to be written.
    hold: Option<&'a Lock>,
    sources: &'a [Source],
    options: &'a Options,
    engine: &'a Engine,
    listener: &'a dyn Listener,
    /// A child of the run's: a full disk ends the transfers and nothing else.
    cancel: Cancel,
    throttle: Throttle<'a>,
    schedule: Mutex<Schedule>,
    /// Something in the schedule has changed.
    changed: Arc<Condvar>,
    /// In the order of the schedule.
    plans: Mutex<Vec<Plan>>,
    jobs: Mutex<Vec<Option<Arc<Job>>>>,
    halted: Mutex<Option<StopReason>>,
    /// All outcomes are out.
    finished: AtomicBool,
}

impl<'a> Transfer<'a> {
    /// A transfer into a folder that `hold` keeps ours, from sources in order of preference.
    pub(crate) fn new(
        folder: &'a Folder,
        sources: &'a [Source],
        options: &'a Options,
        engine: &'a Engine,
        listener: &'a dyn Listener,
        cancel: &'a Cancel,
        hold: Option<&'a Lock>,
    ) -> Self {
        let changed = Arc::new(Condvar::new());
        let wake = || {
            let changed = Arc::clone(&changed);
            move || {
                changed.notify_all();
            }
        };
        let cancel = cancel.child();
        cancel.on_cancel(wake());
        if let Some(hold) = hold {
            hold.on_loss(wake());
        }
        let (chunk, policy) = (options.chunk, options.policy);
        // Where the rate is limited, no source is to blame.
        let is_limited = options.limit_rate.is_some() || options.limit_rate_file.is_some();
        let patience = (!is_limited).then(|| disk::pace(disk::Timing::Patience, PATIENCE));
        Self {
            folder,
            hold,
            sources,
            options,
            engine,
            listener,
            cancel,
            throttle: options.throttle(listener),
            schedule: Mutex::new(Schedule::new(sources.len(), chunk, policy, patience)),
            changed,
            plans: Mutex::default(),
            jobs: Mutex::default(),
            halted: Mutex::default(),
            finished: AtomicBool::new(false),
        }
    }

    /// Adds an archive; it is taken in hand when there is room.
    pub(crate) fn add(&self, plan: Plan) {
        let (size, written) = (plan.archive.size, plan.kept.written.clone());
        let whole = plan.kept.whole_size();
        let mut schedule = self.schedule.lock();
        self.plans.lock().push(plan);
        self.jobs.lock().push(None);
        let archive = schedule.add(size, written);
        if let (None, Some(size)) = (size, whole) {
            // Nobody has to be asked for anything.
            schedule.recall_size(archive, size);
        }
        drop(schedule);
        self.changed.notify_all();
    }

    /// No archive will be added any more.
    pub(crate) fn close(&self) {
        self.schedule.lock().close();
        self.changed.notify_all();
    }

    /// All outcomes are out: the thread that syncs has nothing more to do.
    pub(crate) fn finish(&self) {
        self.finished.store(true, Ordering::SeqCst);
        self.changed.notify_all();
    }

    fn is_local(&self) -> bool {
        self.sources.iter().all(Source::is_local)
    }

    fn is_over(&self) -> bool {
        self.cancel.is_cancelled() || self.halted.lock().is_some()
    }

    /// Why it is over.
    fn stopped(&self) -> Ending {
        match self.halted.lock().clone() {
            Some(why) => Ending::Stopped(why),
            None => Ending::Cancelled,
        }
    }

    fn job(&self, archive: usize) -> Option<Arc<Job>> {
        self.jobs.lock().get(archive).cloned().flatten()
    }

    fn size_of(&self, lease: &Lease) -> Option<u64> {
        self.schedule.lock().chunks(lease.archive).size()
    }

    /// Waits until something changes, at most so long.
    fn wait(&self, schedule: &mut MutexGuard<'_, Schedule>, at_most: Option<Duration>) {
        let wait = at_most.map_or(LOOK_AGAIN, |at_most| at_most.min(LOOK_AGAIN));
        self.changed.wait_for(schedule, wait);
    }

    /// A source told the size of an archive, which nobody had known.
    fn size_learnt(&self, job: &Job, size: u64) -> Result<(), DiskError> {
        job.part().record_size(size)?;
        job.front.learn_size(size);
        let archive = &job.archive.name;
        let (activity, size) = (Activity::Fetch, Some(size));
        self.listener.on(Event::Begun { archive, source: None, activity, size });
        self.changed.notify_all();
        Ok(())
    }

    /// A part could not be written or read. A full disk stops all archives, anything else this one.
    fn disk_failed(&self, archive: usize, job: &Job, error: DiskError) {
        // What other connections would bring of it meanwhile could not be kept either.
        self.schedule.lock().settle(archive);
        let full = error.is_full().then(|| error.to_string());
        job.front.stop(End::Disk(error));
        if let Some(why) = full {
            self.halt(StopReason::DiskFull(why));
        }
    }

    /// Stops all archives; what came so far is kept. The first reason stands.
    pub(crate) fn halt(&self, why: StopReason) {
        self.halted.lock().get_or_insert(why);
        self.cancel.cancel();
        self.stop_all();
    }

    /// Looks whether the folder is still ours, as before a file gets or loses its name. If it is
    /// not, stops all.
    fn is_ours(&self) -> Result<bool, DiskError> {
        Ok(self.heed(self.hold.map(Lock::look).transpose()?.flatten()))
    }

    /// The same where that was known a moment ago.
    fn is_ours_lately(&self) -> Result<bool, DiskError> {
        Ok(self.heed(self.hold.map(Lock::look_if_late).transpose()?.flatten()))
    }

    /// Stops all if somebody has taken the folder over. Says whether it is still ours.
    fn heed(&self, taker: Option<&str>) -> bool {
        if let Some(taker) = taker {
            self.halt(StopReason::TakenOver(taker.to_owned()));
        }
        taker.is_none()
    }

    /// Ends the wait of every keeper.
    fn stop_all(&self) {
        for job in self.jobs.lock().iter().flatten() {
            job.front.stop(End::Cancelled);
        }
        self.changed.notify_all();
    }

    /// Waits until no connection is at the archive: what they have in hand is written and noted.
    fn wait_for_flights(&self, archive: usize) {
        let begun = Instant::now();
        let mut schedule = self.schedule.lock();
        while schedule.chunks(archive).flights() > 0 && begun.elapsed() < LANDING {
            self.wait(&mut schedule, Some(LANDING.saturating_sub(begun.elapsed())));
        }
    }

    /// Bytes that all archives under way have still to write, as far as their sizes are known.
    pub(crate) fn outstanding(&self) -> u64 {
        let schedule = self.schedule.lock();
        let archives = 0..self.plans.lock().len();
        archives.map(|archive| schedule.left(archive)).sum()
    }
}
