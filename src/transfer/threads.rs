//! The threads of a transfer, and the one that syncs.

use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::finisher::Finisher;
use super::{Outcome, Transfer};
use crate::disk::{self, Lock};
use crate::source::ClientError;

/// How often parts are put on the disk: what a power cut can cost.
const SYNC: Duration = Duration::from_secs(5);

impl Transfer<'_> {
    /// Starts the threads. The outcome of every archive is sent, also of those that are added later.
    ///
    /// # Errors
    ///
    /// If this machine can make no client, no runtime or no thread. Nothing is to be added then.
    pub(crate) fn start<'scope, T: From<Outcome> + Send + 'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        outcomes: &Sender<T>,
    ) -> Result<(), ClientError> {
        let mut connections = Vec::new();
        for _ in 0..self.context.options.connections.get() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            connections.push(Connection::new(self, runtime));
        }
        if let Some(first) = connections.first().filter(|_| !self.is_local()) {
            // What is wrong with the trust store is told now, and once.
            first.client()?;
        }
        for _ in 0..self.context.options.jobs.get() {
            let keeper = Finisher::new(self, outcomes.clone());
            thread::Builder::new().spawn_scoped(scope, move || keeper.run())?;
        }
        for connection in connections {
            thread::Builder::new().spawn_scoped(scope, move || connection.run())?;
        }
        thread::Builder::new().spawn_scoped(scope, move || self.keep_synced())?;
        Ok(())
    }

    /// Syncs all parts every few seconds, and passes on a cancellation to the keepers.
    fn keep_synced(&self) {
        let mut last = Instant::now();
        let every = disk::pace(disk::Timing::Sync, SYNC);
        while !self.finished.load(Ordering::SeqCst) {
            let mut schedule = self.schedule.lock();
            self.wait(&mut schedule, Some(every.saturating_sub(last.elapsed())));
            drop(schedule);
            self.check_owner(self.context.lock.and_then(Lock::lost));
            if self.is_over() {
                self.stop_all();
                return;
            }
            if last.elapsed() >= every {
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
