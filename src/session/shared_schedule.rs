//! A schedule that several threads share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::cancel::Cancel;
use crate::schedule::{Lease, Next, Schedule};

/// A cancellation may come just before a thread begins to wait, so every wait ends after this time.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// A schedule, and a signal that something has changed.
#[derive(Debug)]
pub(crate) struct SharedSchedule {
    schedule: Mutex<Schedule>,
    changed: Condvar,
}

impl SharedSchedule {
    /// Shares a schedule. A cancellation wakes all threads.
    pub(crate) fn new(schedule: Schedule, cancel: &Cancel) -> Arc<Self> {
        let schedule = Mutex::new(schedule);
        let shared = Arc::new(Self { schedule, changed: Condvar::new() });
        let waker = Arc::clone(&shared);
        cancel.on_cancel(move || waker.notify_all());
        shared
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock()
    }

    /// Wakes all waiting threads.
    pub(crate) fn notify_all(&self) {
        self.changed.notify_all();
    }

    /// Waits until something changes, or for a time.
    pub(crate) fn wait(&self, schedule: &mut MutexGuard<'_, Schedule>, at_most: Option<Duration>) {
        let wait = at_most.map_or(LOOK_AGAIN, |at_most| at_most.min(LOOK_AGAIN));
        self.changed.wait_for(schedule, wait);
    }

    /// Waits for the next lease. `None` if nothing is left to do, or `is_over`. `stranded` is told of
    /// an archive without sources. `close_idle` closes what the waiting thread has open, and returns
    /// false if that is nothing.
    pub(crate) fn next_lease(
        &self,
        is_over: impl Fn() -> bool,
        stranded: impl Fn(usize),
        close_idle: impl Fn() -> bool,
    ) -> Option<Lease> {
        let mut schedule = self.lock();
        while !is_over() {
            let now = Instant::now();
            match schedule.next(now) {
                Next::Work(lease) => {
                    // Waiting connections may now halve it.
                    self.notify_all();
                    return Some(lease);
                }
                Next::Done => return None,
                Next::Stranded(archive) => stranded(archive),
                Next::Wait(_)
                    if schedule.wants_no_idle_connections()
                        && MutexGuard::unlocked(&mut schedule, &close_idle) => {}
                Next::Wait(until) => self.wait(&mut schedule, until.map(|until| until - now)),
            }
        }
        None
    }
}
