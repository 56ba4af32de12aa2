//! The owner's sign of life, and its loss.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};
use rustix::time::{ClockId, clock_gettime};

use super::owner::{BEAT, Post};
use crate::disk::{DiskError, Timing, pace};

/// A thread that touches the owner's file every few seconds, for as long as this value lives.
#[derive(Debug)]
pub(super) struct Beat(Arc<Shared>);

struct Shared {
    post: Post,
    state: Mutex<State>,
    ended: Condvar,
    /// Who has taken the folder from us, in words.
    lost: OnceLock<String>,
}

struct State {
    over: bool,
    /// When the file was last seen to be ours.
    confirmed: Duration,
    wakers: Vec<Box<dyn Fn() + Send>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("post", &self.post)
            .field("lost", &self.lost)
            .finish_non_exhaustive()
    }
}

impl Beat {
    /// Begins for an owner's file that is ours.
    ///
    /// # Errors
    ///
    /// If the system gives no thread; the file is then removed.
    pub(super) fn start(post: Post) -> io::Result<Self> {
        let state = State { over: false, confirmed: now(), wakers: Vec::new() };
        let (state, ended) = (Mutex::new(state), Condvar::new());
        let shared = Arc::new(Shared { post, state, ended, lost: OnceLock::new() });
        let beat = Self(Arc::clone(&shared));
        // Not waited for: a network file system may hold it up for as long as it likes.
        thread::Builder::new().name("beat".to_owned()).spawn(move || shared.beat())?;
        Ok(beat)
    }

    /// Who has taken the folder from us, as far as we have noticed.
    pub(super) fn lost(&self) -> Option<&str> {
        self.0.lost.get().map(String::as_str)
    }

    /// Looks whether the file is still ours, and says who has it if not.
    pub(super) fn look(&self) -> Result<Option<&str>, DiskError> {
        self.0.look()?;
        Ok(self.lost())
    }

    /// The same, unless that was known a moment ago: cheap enough to ask before every write.
    pub(super) fn look_if_late(&self) -> Result<Option<&str>, DiskError> {
        let late = now().saturating_sub(self.0.state().confirmed) > every() * 2;
        if late { self.look() } else { Ok(self.lost()) }
    }

    /// Calls `wake` when the loss is noticed.
    pub(super) fn on_loss(&self, wake: impl Fn() + Send + 'static) {
        self.0.state().wakers.push(Box::new(wake));
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.0.state().over = true;
        self.0.ended.notify_all();
        // The next run finds out by itself that this one has ended.
        let _ = self.0.post.leave();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn beat(&self) {
        loop {
            let mut state = self.state();
            self.ended.wait_while_for(&mut state, |state| !state.over, every());
            if state.over {
                return;
            }
            drop(state);
            // What cannot be read or touched now perhaps can be at the next beat.
            if self.look().is_ok() && self.lost.get().is_none() {
                let _ = self.post.touch();
            }
        }
    }

    fn look(&self) -> Result<(), DiskError> {
        let begun = now();
        let mine = self.post.is_mine()?;
        let mut state = self.state();
        if mine {
            state.confirmed = begun;
        } else if !state.over {
            self.lost.get_or_init(|| self.post.holder());
            state.wakers.iter().for_each(|wake| wake());
        }
        Ok(())
    }
}

fn every() -> Duration {
    pace(Timing::Beat, BEAT)
}

/// The time since the boot, with the time that the machine slept.
fn now() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
