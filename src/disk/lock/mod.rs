//! Allows one run at a time in a folder.
//!
//! The lock of the operating system ends with the process and leaves nothing behind, but some
//! network file systems grant it to everybody, or know it on one host only. There, the owner's file
//! beside it keeps two runs apart: see [`owner_file`]. Because another run may take that file over,
//! an owner checks it once more before it gives a file its final name.

mod heartbeat;
mod identity;
mod owner_file;

use std::fs::TryLockError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::system::has_no_locks;
use super::{DiskError, File, Folder, crash_point};
use crate::cancel::Cancel;
use crate::text::escape;
use heartbeat::Heartbeat;
pub(crate) use identity::boot;
use owner_file::{ClaimOutcome, OwnerFile};

/// The time between two tries of a waiting run.
const RETRY: Duration = Duration::from_millis(200);

/// The right to work in a folder. It ends when this is dropped or the process ends in any way.
#[derive(Debug)]
pub(crate) struct Lock {
    /// Keeps the lock of the operating system, which ends when this file is closed.
    _file: File,
    heartbeat: Arc<Heartbeat>,
    owner: PathBuf,
    is_enforced: bool,
}

/// The reason why a run has no lock.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    #[error("another cxr is running in {dir}: {holder}", dir = escape::path(.dir))]
    Busy { dir: PathBuf, holder: String },
    #[error("interrupted while waiting for another cxr")]
    Cancelled,
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// A notice for the user while a run takes a lock. It names the other process and comes once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockNotice<'a> {
    /// Waits for another run to end.
    Waiting(&'a str),
    /// Watches for a heartbeat of a run whose process cannot be seen from here.
    Watching(&'a str),
    /// Takes the folder over from a run that has ended.
    TakenOver(&'a str),
}

/// The settings and the notices of one call of [`Lock::take`].
struct LockAttempt<'a> {
    dir: &'a Path,
    wait: bool,
    notify: &'a dyn Fn(LockNotice<'_>),
    cancel: &'a Cancel,
    has_told_of_waiting: bool,
    has_told_of_watching: bool,
}

impl Lock {
    /// Takes the lock of a folder, and with `wait` waits for another run to end.
    ///
    /// If a run on another host or in another container seems to work in the folder, this first
    /// watches for its heartbeat: three seconds if there is one, half a minute if not.
    pub(crate) fn take(
        folder: &Folder,
        wait: bool,
        notify: &dyn Fn(LockNotice<'_>),
        cancel: &Cancel,
    ) -> Result<Self, LockError> {
        let (has_told_of_waiting, has_told_of_watching) = (false, false);
        let dir = folder.dir();
        let mut attempt =
            LockAttempt { dir, wait, notify, cancel, has_told_of_waiting, has_told_of_watching };
        let file = folder.lock().open_or_create_anyones()?;
        let mut owner_file = OwnerFile::new(folder.owner());
        while !is_locked(&file)? {
            attempt.wait_for(&owner_file.owner())?;
        }
        crash_point("lock-taken");
        let is_enforced = !is_locked(&folder.lock().open_or_create_anyones()?)?;
        owner_file.has_lock = is_enforced;
        loop {
            match owner_file.claim()? {
                ClaimOutcome::Claimed => break,
                ClaimOutcome::TakenOver(previous) => {
                    notify(LockNotice::TakenOver(&previous));
                    break;
                }
                ClaimOutcome::Held(holder) => attempt.wait_for(&holder)?,
                ClaimOutcome::Watched(holder) => attempt.watch(&holder)?,
                ClaimOutcome::Retry => {}
            }
        }
        let heartbeat = Arc::new(Heartbeat::new(owner_file));
        let lock =
            Self { _file: file, heartbeat, owner: folder.owner().path().to_owned(), is_enforced };
        lock.heartbeat.start().map_err(DiskError::new(&lock.owner, "kept up to date"))?;
        Ok(lock)
    }

    /// Returns true if this machine enforces the lock of the operating system.
    pub(crate) const fn is_enforced(&self) -> bool {
        self.is_enforced
    }

    /// Returns the process that took the folder over, if this process has noticed. It happens only
    /// to a process without a heartbeat for a while, as on a machine that slept.
    pub(crate) fn lost(&self) -> Option<&str> {
        self.heartbeat.lost()
    }

    /// Checks that the folder still belongs to this process. If not, returns the new owner.
    pub(crate) fn check(&self) -> Result<Option<&str>, DiskError> {
        self.heartbeat.check()
    }

    /// Like [`Lock::check`], but fails if the folder belongs to another process.
    pub(crate) fn require(&self) -> Result<(), DiskError> {
        let Some(taker) = self.check()? else { return Ok(()) };
        let error = io::Error::other(format!("it was taken over by {taker}"));
        Err(DiskError::new(&self.owner, "kept")(error))
    }

    /// Like [`Lock::check`], but reads the disk only if the last check is some seconds ago.
    pub(crate) fn check_if_late(&self) -> Result<Option<&str>, DiskError> {
        self.heartbeat.check_if_late()
    }

    /// Calls `wake` when this process notices that it has lost the folder.
    pub(crate) fn on_loss(&self, wake: impl Fn() + Send + 'static) {
        self.heartbeat.on_loss(wake);
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.heartbeat.stop();
    }
}

impl LockAttempt<'_> {
    /// Waits a moment for a run that works in the folder, if waiting is wanted.
    fn wait_for(&mut self, holder: &str) -> Result<(), LockError> {
        if !self.wait {
            return Err(LockError::Busy { dir: self.dir.to_owned(), holder: holder.to_owned() });
        }
        if !std::mem::replace(&mut self.has_told_of_waiting, true) {
            (self.notify)(LockNotice::Waiting(holder));
        }
        self.pause()
    }

    /// Waits a moment for a run that may work in the folder.
    fn watch(&mut self, holder: &str) -> Result<(), LockError> {
        if !self.has_told_of_waiting && !std::mem::replace(&mut self.has_told_of_watching, true) {
            (self.notify)(LockNotice::Watching(holder));
        }
        self.pause()
    }

    fn pause(&self) -> Result<(), LockError> {
        if self.cancel.is_cancelled() {
            return Err(LockError::Cancelled);
        }
        thread::sleep(RETRY);
        Ok(())
    }
}

/// Tries to take the lock of the operating system. Returns true where there are no locks: there,
/// the owner's file must be enough.
fn is_locked(file: &File) -> Result<bool, DiskError> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) if has_no_locks(&error) => Ok(true),
        Err(TryLockError::Error(error)) => Err(DiskError::new(file.path(), "locked")(error)),
    }
}

#[cfg(test)]
mod tests;
