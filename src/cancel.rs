//! The flag by which a signal ends a run in good order. Every wait in the program watches it.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

/// The time between two checks of the flag during a sleep.
const POLL: Duration = Duration::from_millis(50);

/// A request to stop, shared by all clones. It cannot be taken back.
#[derive(Clone, Default)]
pub struct Cancel {
    flag: Arc<watch::Sender<bool>>,
    wakers: Arc<Mutex<Vec<Waker>>>,
}

type Waker = Box<dyn Fn() + Send>;

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.is_cancelled()).finish()
    }
}

impl Cancel {
    /// Creates a flag that is not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Requests the stop and returns at once.
    pub fn cancel(&self) {
        self.flag.send_replace(true);
        self.wakers.lock().iter().for_each(|wake| wake());
    }

    /// Returns a flag that is set together with this one and can also be set alone, for a part of
    /// the run.
    #[must_use]
    pub fn child(&self) -> Self {
        let child = Self::new();
        let copy = child.clone();
        self.on_cancel(move || copy.cancel());
        child
    }

    /// Returns true once the stop is requested.
    pub fn is_cancelled(&self) -> bool {
        *self.flag.borrow()
    }

    /// Waits until the stop is requested.
    pub async fn cancelled(&self) {
        // The sender lives as long as `self`, so the wait cannot fail.
        let _ = self.flag.subscribe().wait_for(|cancelled| *cancelled).await;
    }

    /// Sleeps for `time`, or until the stop is requested.
    pub fn sleep(&self, time: Duration) {
        let until = Instant::now() + time;
        while !self.is_cancelled() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(POLL));
        }
    }

    /// Calls `wake` when the stop is requested, or at once if it already is. Waits on a condition
    /// variable need this.
    pub fn on_cancel(&self, wake: impl Fn() + Send + 'static) {
        let mut wakers = self.wakers.lock();
        if self.is_cancelled() {
            wake();
        }
        wakers.push(Box::new(wake));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn wakers_are_called_before_and_after_the_request() {
        let calls = Arc::new(AtomicUsize::new(0));
        let count = || {
            let calls = Arc::clone(&calls);
            move || {
                let _ = calls.fetch_add(1, Ordering::SeqCst);
            }
        };
        let cancel = Cancel::new();
        cancel.on_cancel(count());
        assert!(!cancel.is_cancelled());
        cancel.clone().cancel();
        cancel.on_cancel(count());
        assert!(cancel.is_cancelled());
        assert_eq!(calls.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_child_stops_with_its_parent_or_alone() {
        let parent = Cancel::new();
        let (one, two) = (parent.child(), parent.child());
        one.cancel();
        assert!(one.is_cancelled() && !two.is_cancelled() && !parent.is_cancelled());
        parent.cancel();
        assert!(two.is_cancelled() && parent.child().is_cancelled());
    }
}
