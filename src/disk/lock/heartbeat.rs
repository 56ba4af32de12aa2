//! The owner's heartbeat, and the loss of the folder to another process.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::owner_file::{HEARTBEAT, OwnerFile};
use crate::disk::system::since_boot as now;
use crate::disk::{DiskError, Interval, interval};

/// Touches the owner's file every few seconds, on a thread of its own.
pub(super) struct Heartbeat {
    file: OwnerFile,
    state: Mutex<HeartbeatState>,
    stopped: Condvar,
    /// The process that took the folder over, in words.
    lost: OnceLock<String>,
}

struct HeartbeatState {
    is_stopped: bool,
    /// The last time this process was known to be the owner.
    confirmed: Duration,
    wakers: Vec<Box<dyn Fn() + Send>>,
}

impl fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Heartbeat").field(&self.file).field(&self.lost).finish()
    }
}

impl Heartbeat {
    pub(super) fn new(file: OwnerFile) -> Self {
        let state = HeartbeatState { is_stopped: false, confirmed: now(), wakers: Vec::new() };
        let (state, stopped) = (Mutex::new(state), Condvar::new());
        Self { file, state, stopped, lost: OnceLock::new() }
    }

    pub(super) fn start(self: &Arc<Self>) -> io::Result<()> {
        let heartbeat = Arc::clone(self);
        // Never joined: a network file system may delay it without limit.
        let thread = thread::Builder::new().name("heartbeat".to_owned());
        thread.spawn(move || heartbeat.run()).map(drop)
    }

    /// Ends the thread, and removes the owner's file if it is still this process's.
    pub(super) fn stop(&self) {
        self.state.lock().is_stopped = true;
        self.stopped.notify_all();
        // After an error, the next run sees by itself that this one has ended.
        let _ = self.file.remove();
    }

    pub(super) fn lost(&self) -> Option<&str> {
        self.lost.get().map(String::as_str)
    }

    pub(super) fn check(&self) -> Result<Option<&str>, DiskError> {
        let begun = now();
        let is_own = self.file.is_own()?;
        let mut state = self.state.lock();
        if is_own {
            state.confirmed = begun;
        } else if !state.is_stopped {
            self.lost.get_or_init(|| self.file.owner());
            state.wakers.iter().for_each(|wake| wake());
        }
        Ok(self.lost())
    }

    /// Checks only if the last check is long ago. Cheap enough before every write.
    pub(super) fn check_if_late(&self) -> Result<Option<&str>, DiskError> {
        let is_late = now().saturating_sub(self.state.lock().confirmed) > period() * 2;
        if is_late { self.check() } else { Ok(self.lost()) }
    }

    pub(super) fn on_loss(&self, wake: impl Fn() + Send + 'static) {
        self.state.lock().wakers.push(Box::new(wake));
    }

    fn run(&self) {
        loop {
            let mut state = self.state.lock();
            self.stopped.wait_while_for(&mut state, |state| !state.is_stopped, period());
            if state.is_stopped {
                return;
            }
            drop(state);
            // After an error, the next heartbeat may succeed.
            if self.check().is_ok() && self.lost().is_none() {
                let _ = self.file.touch();
            }
        }
    }
}

fn period() -> Duration {
    interval(Interval::Heartbeat, HEARTBEAT)
}
