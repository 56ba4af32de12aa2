//! A keeper: a thread that takes one archive in hand and stays with it to its outcome.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::Instant;

use super::attempts::{Attempts, Remains};
use super::hash_cursor::{End, HashCursor};
use super::journal::JournalState;
use super::part::Part;
use super::{Ending, Job, Outcome, Plan, Transfer};
use crate::catalog::Archive;
use crate::disk::DiskError;
use crate::event::{Activity, Event};

/// One of the keepers.
pub(super) struct Finisher<'a, T> {
    transfer: &'a Transfer<'a>,
    outcomes: Sender<T>,
}

impl<'a, T: From<Outcome>> Finisher<'a, T> {
    pub(super) const fn new(transfer: &'a Transfer<'a>, outcomes: Sender<T>) -> Self {
        Self { transfer, outcomes }
    }

    /// Works until no archive is left or the run is being ended.
    pub(super) fn run(&self) {
        while let Some(archive) = self.next() {
            let plan = self.transfer.plans.lock()[archive].clone();
            let outcome = self.keep(archive, plan);
            // The receiver lives as long as it expects outcomes.
            let _ = self.outcomes.send(outcome.into());
        }
    }

    /// Waits for an archive that nobody keeps; `None` at the end. A run that is being ended may
    /// still add some, which get their outcomes too.
    fn next(&self) -> Option<usize> {
        let mut schedule = self.transfer.schedule.lock();
        loop {
            match schedule.keep() {
                Ok(archive) => return Some(archive),
                Err(closed) if closed => return None,
                Err(_) => self.transfer.wait(&mut schedule, None),
            }
        }
    }

    fn keep(&self, archive: usize, plan: Plan) -> Outcome {
        let begun = Instant::now();
        let Plan { index, archive: wanted, kept, wrong } = plan;
        let mut outcome = Outcome::stopped(index, &wanted, &kept, self.transfer.early_ending());
        if self.transfer.is_over() {
            self.transfer.schedule.lock().settle(archive);
            return outcome;
        }
        let reused = kept.written.clone();
        match self.take_in_hand(archive, wanted, kept) {
            Ok(job) => {
                let mut rounds = Attempts::new(self.transfer, archive, &job, reused);
                outcome.ending = rounds.run(wrong);
                self.conclude(archive, &job, rounds.remains(), &mut outcome);
            }
            Err(error) => {
                self.transfer.schedule.lock().settle(archive);
                self.transfer.changed.notify_all();
                (outcome.here, outcome.reused) = (0, 0);
                outcome.ending = Ending::Error(error);
            }
        }
        outcome.time = begun.elapsed();
        outcome
    }

    /// Opens the part, and lets connections take leases of the archive.
    fn take_in_hand(
        &self,
        archive: usize,
        wanted: Archive,
        kept: JournalState,
    ) -> Result<Arc<Job>, DiskError> {
        let (size, done) = (wanted.size.or(kept.complete_size()), kept.written.total());
        let (name, activity) = (&wanted.name, Activity::Fetch);
        self.transfer.context.listener.on(Event::Begun {
            archive: name,
            source: None,
            activity,
            size,
        });
        self.transfer.context.listener.on(Event::Position { archive: name, source: None, done });
        let front = HashCursor::new(self.transfer.context.engine, size, kept.written.clone());
        let part = Part::open(self.transfer.context.folder, &wanted, kept)?;
        let job = Arc::new(Job::new(wanted, front, part));
        self.transfer.jobs.lock()[archive] = Some(Arc::clone(&job));
        if self.transfer.is_over() {
            // The word may have gone round before this job could hear it.
            job.cursor.stop(End::Cancelled);
        }
        self.transfer.schedule.lock().take_in_hand(archive);
        self.transfer.changed.notify_all();
        Ok(job)
    }

    fn conclude(&self, archive: usize, job: &Job, remains: Remains, outcome: &mut Outcome) {
        let mut schedule = self.transfer.schedule.lock();
        schedule.settle(archive);
        outcome.size = schedule.chunks(archive).size();
        outcome.here = schedule.chunks(archive).total_done();
        drop(schedule);
        let believed = job.part().believed().unwrap_or(outcome.here);
        outcome.here = outcome.here.min(believed);
        self.transfer.jobs.lock()[archive] = None;
        self.transfer.changed.notify_all();
        outcome.downloaded = job.downloaded.load(Ordering::Relaxed);
        outcome.attempts = job.attempts.load(Ordering::Relaxed);
        outcome.sources = job.part().sources();
        outcome.reused = remains.reused.min(outcome.here);
        outcome.mending = remains.mending;
        outcome.returned = remains.returned;
    }
}
