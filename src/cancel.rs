//! How a signal ends a run in good order: one flag that every wait of the program hears.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

/// How often one who sleeps looks whether somebody has asked to stop.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A request to stop, shared by all clones. Once made it stays.
#[derive(Clone)]
pub struct Cancel {
    flag: Arc<watch::Sender<bool>>,
    wakers: Arc<Mutex<Vec<Waker>>>,
}

type Waker = Box<dyn Fn() + Send>;

impl Default for Cancel {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.is_cancelled()).finish()
    }
}

impl Cancel {
    /// Nobody has asked to stop yet.
    pub fn new() -> Self {
        Self { flag: Arc::new(watch::Sender::new(false)), wakers: Arc::default() }
    }

    /// Asks everything to stop. Returns at once.
    pub fn cancel(&self) {
        self.flag.send_replace(true);
        let wakers = self.wakers.lock();
        wakers.iter().for_each(|wake| wake());
    }

    /// A request of its own that this one makes as well, while the other way round it does not:
    /// for a part of the run that may have to stop alone.
    #[must_use]
    pub fn child(&self) -> Self {
        let child = Self::new();
        let copy = child.clone();
        self.on_cancel(move || copy.cancel());
        child
    }

    /// Whether somebody has asked to stop.
    pub fn is_cancelled(&self) -> bool {
        *self.flag.borrow()
    }

    /// Ends when somebody has asked to stop.
    pub async fn cancelled(&self) {
        // The sender lives as long as `self`, so the wait cannot fail.
        let _ = self.flag.subscribe().wait_for(|cancelled| *cancelled).await;
    }

    /// Sleeps so long, or until somebody has asked to stop.
    pub fn sleep(&self, time: Duration) {
        let until = Instant::now() + time;
        while !self.is_cancelled() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(LOOK_AGAIN));
        }
    }

    /// Calls `wake` when somebody asks to stop, or now if somebody has: for waits on a condition
    /// variable, which hear nothing else.
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
    fn wakers_are_called_whether_they_came_before_or_after() {
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
    fn a_child_stops_with_its_parent_and_alone() {
        let parent = Cancel::new();
        let (one, two) = (parent.child(), parent.child());
        one.cancel();
        assert!(one.is_cancelled() && !two.is_cancelled() && !parent.is_cancelled());
        parent.cancel();
        assert!(two.is_cancelled() && parent.child().is_cancelled());
    }
}
