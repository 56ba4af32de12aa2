//! A finisher: a thread that brings one archive at a time to its outcome.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::Instant;

use super::attempts::Attempts;
use super::hash_cursor::{End, HashCursor};
use super::journal::JournalState;
use super::part::{self, Part};
use super::{Ending, Job, Outcome, Plan, Transfer};
use crate::catalog::Archive;
use crate::disk::DiskError;

pub(super) struct Finisher<'a, T> {
    transfer: &'a Transfer<'a>,
    outcomes: Sender<T>,
}

impl<'a, T: From<Outcome>> Finisher<'a, T> {
    pub(super) const fn new(transfer: &'a Transfer<'a>, outcomes: Sender<T>) -> Self {
        Self { transfer, outcomes }
    }

    /// Works until no archive is left.
    pub(super) fn run(&self) {
        while let Some(archive) = self.next() {
            let Some(plan) = self.transfer.plans.lock()[archive].take() else { continue };
            let outcome = self.transfer_archive(archive, *plan);
            // The receiver lives as long as it expects outcomes.
            let _ = self.outcomes.send(outcome.into());
        }
    }

    /// Waits for an archive without a finisher. `None` at the end. A run that is being cancelled may
    /// still add archives, which get their outcomes too.
    fn next(&self) -> Option<usize> {
        let mut schedule = self.transfer.schedule.lock();
        loop {
            match schedule.claim_archive() {
                Ok(archive) => return Some(archive),
                Err(closed) if closed => return None,
                Err(_) => self.transfer.schedule.wait(&mut schedule, None),
            }
        }
    }

    fn transfer_archive(&self, archive: usize, plan: Plan) -> Outcome {
        let begun = Instant::now();
        let Plan { index, archive: wanted, kept, wrong } = plan;
        let ending = self.transfer.early_ending();
        let mut outcome = Outcome::untouched(index, &wanted, &kept, ending);
        if self.transfer.is_over() {
            self.transfer.schedule.lock().settle(archive);
            return outcome;
        }
        let reused = kept.written.clone();
        match self.open(archive, &wanted, kept) {
            Ok(job) => {
                let mut attempts = Attempts::new(self.transfer, archive, &job, reused);
                outcome.ending = attempts.run(wrong);
                (outcome.reused, outcome.repair, outcome.restored) = attempts.into_results();
                self.conclude(archive, &job, &mut outcome);
            }
            Err(error) => {
                self.transfer.schedule.lock().settle(archive);
                self.transfer.schedule.notify_all();
                // An earlier partial download is still there, unless its journal was begun anew.
                let here = part::look(self.transfer.context.folder, &wanted);
                outcome.here = here.map_or(0, |here| here.bytes());
                outcome.reused = outcome.here;
                outcome.ending = Ending::Error(error);
            }
        }
        outcome.time = begun.elapsed();
        outcome
    }

    /// Opens the part, and lets connections take leases of the archive.
    fn open(
        &self,
        archive: usize,
        wanted: &Archive,
        kept: JournalState,
    ) -> Result<Arc<Job>, DiskError> {
        let (transfer, context) = (self.transfer, &self.transfer.context);
        let (size, done) = (wanted.size.or(kept.complete_size()), kept.written.total());
        transfer.report_begun(wanted, size);
        transfer.report_position(wanted, done);
        let kind = wanted.digest().kind();
        let cursor = HashCursor::new(context.engine, kind, size, kept.written.clone());
        let part = Part::open(context.folder, wanted, kept)?;
        let job = Arc::new(Job::new(wanted.clone(), cursor, part));
        transfer.jobs.lock()[archive] = Some(Arc::clone(&job));
        if transfer.is_over() {
            // The cancellation may have come before this job could notice it.
            job.cursor.stop(End::Cancelled);
        }
        transfer.schedule.lock().activate(archive);
        transfer.schedule.notify_all();
        Ok(job)
    }

    fn conclude(&self, archive: usize, job: &Job, outcome: &mut Outcome) {
        let mut schedule = self.transfer.schedule.lock();
        schedule.settle(archive);
        outcome.size = schedule.chunks(archive).size();
        outcome.here = schedule.chunks(archive).total_done();
        drop(schedule);
        let believed = job.part().believed().unwrap_or(outcome.here);
        outcome.here = outcome.here.min(believed);
        self.transfer.jobs.lock()[archive] = None;
        self.transfer.schedule.notify_all();
        outcome.downloaded = job.downloaded.load(Ordering::Relaxed);
        outcome.attempts = job.attempts.load(Ordering::Relaxed);
        outcome.sources = job.part().sources();
        outcome.reused = outcome.reused.min(outcome.here);
    }
}
