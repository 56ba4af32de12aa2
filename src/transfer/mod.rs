//! Transfers archives from sources to their final names.
//!
//! Three kinds of threads share a schedule: connections fetch bytes; finishers, one for each archive
//! at a time, read back, compare digests and rename; and one thread syncs the parts every few
//! seconds, so that a power cut costs little.

mod attempts;
mod batch;
mod connection;
mod context;
mod download;
mod finisher;
#[cfg(any(test, feature = "fuzzing"))]
#[path = "../../fuzz/invariants/transfer.rs"]
pub(crate) mod fuzz;
mod hash_cursor;
mod job;
mod journal;
mod lock_folder;
mod origins;
mod outcome;
mod part;
mod part_writer;
mod repair;
mod restore_original;
mod threads;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

pub(crate) use context::Context;
pub(crate) use download::{LeaseDownload, LeaseError, Sink};
pub use journal::{JournalState, Original};
pub(crate) use lock_folder::lock_folder;
pub use origins::Origins;
pub(crate) use outcome::{Ending, Outcome, Plan, RestoredFile, StopReason};
pub(crate) use part::kept;
pub(crate) use part::{HERE, Part, remove_leftovers};
pub use part::{PartialDownload, look};
pub(crate) use repair::{CannotRepair, RepairSummary};

use crate::cancel::Cancel;
use crate::catalog::Archive;
use crate::disk::{self, DiskError, FileLimit, Lock};
use crate::event::{Activity, Event};
use crate::hash::buffer_pool::BufferPool;
use crate::rate::Throttle;
use crate::schedule::Schedule;
use crate::session::{ResponseReader, SharedSchedule};
use crate::source::Source;
use hash_cursor::End;
use job::Job;

/// The time for which a source may be slow before another one is tried: a connection starts slowly.
const SLOW_SOURCE_TIME: Duration = Duration::from_secs(10);

/// The time that a cancelled run gives its connections to write what has arrived.
const GRACE: Duration = Duration::from_millis(1500);

/// A transfer: what all its threads share.
///
/// Locks are taken in this order: `schedule`, `plans`, `jobs`, `stopped`. No lock is held while a
/// part is written or read.
pub(crate) struct Transfer<'a> {
    context: Context<'a>,
    /// A child of the run's: a full disk ends the transfers and nothing else.
    cancel: Cancel,
    throttle: Throttle<'a>,
    schedule: Arc<SharedSchedule>,
    /// The buffers of all connections.
    pool: BufferPool,
    /// By the archive's number in the schedule; `None` once a finisher has it.
    plans: Mutex<Vec<Option<Box<Plan>>>>,
    jobs: Mutex<Vec<Option<Arc<Job>>>>,
    stopped: Mutex<Option<StopReason>>,
    /// Every archive has its outcome.
    finished: AtomicBool,
}

impl<'a> Transfer<'a> {
    pub(crate) fn new(context: Context<'a>) -> Self {
        let cancel = context.cancel.child();
        let Context { options, sources, .. } = context;
        // Where the rate is limited, a slow source is not to blame.
        let patience = (!options.network.limits_rate())
            .then(|| disk::interval(disk::Interval::SlowSource, SLOW_SOURCE_TIME));
        let schedule =
            Schedule::new(sources.len(), options.chunk, options.retry_policy(), patience);
        let schedule = SharedSchedule::new(schedule, &cancel);
        if let Some(lock) = context.lock {
            let waker = Arc::clone(&schedule);
            lock.on_loss(move || waker.notify_all());
        }
        Self {
            context,
            cancel,
            throttle: options.network.throttle(context.listener),
            schedule,
            pool: BufferPool::default(),
            plans: Mutex::default(),
            jobs: Mutex::default(),
            stopped: Mutex::default(),
            finished: AtomicBool::new(false),
        }
    }

    /// Adds an archive. A finisher takes it as soon as one is free.
    pub(crate) fn add(&self, plan: Plan) {
        let (size, written) = (plan.archive.size, plan.kept.written.clone());
        let complete = plan.kept.complete_size();
        let mut schedule = self.schedule.lock();
        self.plans.lock().push(Some(Box::new(plan)));
        self.jobs.lock().push(None);
        let archive = schedule.add(size, written);
        if let (None, Some(size)) = (size, complete) {
            // No source has to be asked.
            schedule.recall_size(archive, size);
        }
        drop(schedule);
        self.schedule.notify_all();
    }

    /// Ends the transfer after the archives that were added.
    pub(crate) fn close(&self) {
        self.schedule.lock().close();
        self.schedule.notify_all();
    }

    /// Ends the thread that syncs: every archive has its outcome.
    pub(crate) fn finish(&self) {
        self.finished.store(true, Ordering::SeqCst);
        self.schedule.notify_all();
    }

    fn reader(&self, source: usize) -> ResponseReader<'_> {
        ResponseReader {
            source: &self.context.sources[source],
            options: &self.context.options.network,
            throttle: &self.throttle,
            cancel: &self.cancel,
        }
    }

    fn is_local(&self) -> bool {
        self.context.sources.iter().all(Source::is_local)
    }

    /// Returns true if no archive is begun any more.
    pub(crate) fn is_over(&self) -> bool {
        self.cancel.is_cancelled() || self.stopped.lock().is_some()
    }

    /// The outcome of archives that are not finished when the transfer ends early.
    fn early_ending(&self) -> Ending {
        self.stopped.lock().clone().map_or(Ending::Cancelled, Ending::Stopped)
    }

    fn job(&self, archive: usize) -> Option<Arc<Job>> {
        self.jobs.lock().get(archive).cloned().flatten()
    }

    /// Notes the size of an archive, which was unknown.
    fn size_learned(&self, job: &Job, size: u64) -> Result<(), DiskError> {
        self.check_limit(job, size)?;
        job.part().record_size(size)?;
        job.cursor.learn_size(size);
        self.report_begun(&job.archive, Some(size));
        self.schedule.notify_all();
        Ok(())
    }

    /// Fails if a file of this size is not allowed in the folder.
    fn check_limit(&self, job: &Job, size: u64) -> Result<(), DiskError> {
        let limit = FileLimit::of(self.context.folder.dir());
        let path = self.context.folder.archive(&job.archive);
        limit.map_or(Ok(()), |limit| limit.check(&path, size))
    }

    fn report_begun(&self, archive: &Archive, size: Option<u64>) {
        let (archive, activity) = (&archive.name, Activity::Fetch);
        self.context.listener.on(Event::Begun { archive, source: None, activity, size });
    }

    fn report_position(&self, archive: &Archive, done: u64) {
        let archive = &archive.name;
        self.context.listener.on(Event::Position { archive, source: None, done });
    }

    /// A part could not be written or read. A full disk stops all archives, anything else this one.
    fn disk_failed(&self, archive: usize, job: &Job, error: DiskError) {
        let mut schedule = self.schedule.lock();
        // Other connections could not keep the archive's bytes either.
        schedule.settle(archive);
        let size = schedule.chunks(archive).size().filter(|_| error.is_too_large());
        drop(schedule);
        // One of them may have met the limit before it was checked.
        let error = size.and_then(|size| self.check_limit(job, size).err()).unwrap_or(error);
        let full = error.is_full().then(|| error.to_string());
        job.cursor.stop(End::Disk(error));
        if let Some(error) = full {
            self.stop(StopReason::DiskFull(error));
        }
    }

    /// Stops all archives and keeps what has arrived. The first reason counts.
    pub(crate) fn stop(&self, reason: StopReason) {
        self.stopped.lock().get_or_insert(reason);
        self.cancel.cancel();
        self.stop_all();
    }

    /// Returns true if the folder is still ours, as must be checked before a file gets or loses its
    /// name. Stops all archives if it is not.
    fn owns_the_folder(&self) -> Result<bool, DiskError> {
        let lock = self.context.lock;
        Ok(self.check_owner(lock.map(Lock::check).transpose()?.flatten()))
    }

    /// The same, unless it was checked a moment ago.
    fn owned_the_folder_recently(&self) -> Result<bool, DiskError> {
        let lock = self.context.lock;
        Ok(self.check_owner(lock.map(Lock::check_if_late).transpose()?.flatten()))
    }

    /// Stops all archives if another run owns the folder.
    fn check_owner(&self, other: Option<&str>) -> bool {
        if let Some(other) = other {
            self.stop(StopReason::TakenOver(other.to_owned()));
        }
        other.is_none()
    }

    /// Ends the wait of every finisher.
    fn stop_all(&self) {
        for job in self.jobs.lock().iter().flatten() {
            job.cursor.stop(End::Cancelled);
        }
        self.schedule.notify_all();
    }

    /// Waits until every lease of the archive has ended: its bytes are then written and recorded.
    fn wait_for_leases(&self, archive: usize) {
        let begun = Instant::now();
        let mut schedule = self.schedule.lock();
        while schedule.chunks(archive).leases() > 0 && begun.elapsed() < GRACE {
            self.schedule.wait(&mut schedule, Some(GRACE.saturating_sub(begun.elapsed())));
        }
    }

    /// Bytes that remain to be written for all archives, as far as their sizes are known.
    pub(crate) fn outstanding(&self) -> u64 {
        let schedule = self.schedule.lock();
        let archives = 0..self.plans.lock().len();
        archives.map(|archive| schedule.left(archive)).sum()
    }
}
