//! Starts the threads of a transfer, and runs the one that syncs.

use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::finisher::Finisher;
use super::{Outcome, Transfer};
use crate::disk::{self, Lock};
use crate::source::ClientError;

/// The time between two syncs of the parts: what a power cut can cost.
const SYNC_INTERVAL: Duration = Duration::from_secs(5);

impl Transfer<'_> {
    /// Starts the threads, which send the outcome of every archive. Fails if the system cannot make a
    /// client, a runtime or a thread; no archive may then be added.
    pub(crate) fn start<'scope, T: From<Outcome> + Send + 'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        outcomes: &Sender<T>,
    ) -> Result<(), ClientError> {
        let options = self.context.options;
        let mut connections = Vec::new();
        for _ in 0..options.connections.get() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            connections.push(Connection::new(self, runtime));
        }
        if let Some(first) = connections.first().filter(|_| !self.is_local()) {
            // A trust store that cannot be used is reported once, now.
            first.client()?;
        }
        for _ in 0..options.jobs.get() {
            let finisher = Finisher::new(self, outcomes.clone());
            thread::Builder::new().spawn_scoped(scope, move || finisher.run())?;
        }
        for connection in connections {
            thread::Builder::new().spawn_scoped(scope, move || connection.run())?;
        }
        thread::Builder::new().spawn_scoped(scope, move || self.sync_until_finished())?;
        Ok(())
    }

    /// Syncs all parts every few seconds, and passes a cancellation on to the finishers.
    fn sync_until_finished(&self) {
        let mut last = Instant::now();
        let interval = disk::interval(disk::Interval::Sync, SYNC_INTERVAL);
        while !self.finished.load(Ordering::SeqCst) {
            self.schedule
                .wait(&mut self.schedule.lock(), Some(interval.saturating_sub(last.elapsed())));
            self.check_owner(self.context.lock.and_then(Lock::lost));
            if self.is_over() {
                self.stop_all();
                return;
            }
            if last.elapsed() >= interval {
                self.sync_all();
                last = Instant::now();
            }
        }
    }

    fn sync_all(&self) {
        let jobs = self.jobs.lock().clone();
        for (archive, job) in jobs.iter().enumerate() {
            let Some(job) = job else { continue };
            let synced = job.part().sync();
            if let Err(error) = synced {
                self.disk_failed(archive, job, error);
            }
        }
    }
}
