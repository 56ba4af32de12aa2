//! Allows one run at a time in a folder, or in place of it any number of runs for one archive each.
//!
//! A run for one archive has the lock of that archive, and shares that of the folder with the others.
//!
//! The lock of the operating system ends with the process and leaves nothing behind, but some
//! network file systems grant it to everybody, or know it on one host only. There, the owner's file
//! beside it keeps two runs apart: see [`owner_file`]. Because another run may take that file over,
//! an owner checks it once more before it gives a file its final name.

mod heartbeat;
mod identity;
mod owner_file;

use std::collections::HashMap;
use std::fs::TryLockError;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::system::has_no_locks;
use super::{DiskError, Entry, File, Folder, crash_point};
use crate::cancel::Cancel;
use crate::catalog::Archive;
use crate::text::escape;
use heartbeat::Heartbeat;
pub(crate) use identity::boot;
use owner_file::{ClaimOutcome, OwnerFile, UNKNOWN_PROCESS, name_of};

/// The time between two tries of a waiting run.
const RETRY: Duration = Duration::from_millis(200);

/// The right to work in a folder. It ends when this is dropped or the process ends in any way.
#[derive(Debug)]
pub(crate) struct Lock {
    /// Keeps the lock of the operating system, which ends when this file is closed.
    _file: File,
    /// The same for the share of a run for one archive in the lock of the folder.
    _share: Option<File>,
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
    folder: &'a Folder,
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
        let mut attempt = LockAttempt::new(folder, wait, notify, cancel);
        let lock = attempt.claim(&folder.lock(), folder.owner(), None)?;
        // From here on, no run for one archive begins. Those that work are not interrupted.
        let mut others = HashMap::new();
        while !attempt.others_have_ended(&mut others, lock.is_enforced)? {}
        Ok(lock)
    }

    /// Takes the lock of one archive. Runs for other archives do not matter, and one that has the lock
    /// of the folder does.
    pub(crate) fn take_archive(
        folder: &Folder,
        archive: &Archive,
        wait: bool,
        notify: &dyn Fn(LockNotice<'_>),
        cancel: &Cancel,
    ) -> Result<Self, LockError> {
        let mut attempt = LockAttempt::new(folder, wait, notify, cancel);
        let mut owner = OwnerFile::new(folder.owner());
        loop {
            let share = folder.lock().open_or_create_anyones()?;
            while !is_granted(share.try_lock_shared(), &share)? {
                let holder = attempt.locker(&folder.owner());
                attempt.wait_for(&holder)?;
            }
            let (lock, own) = (folder.archive_lock(archive), folder.archive_owner(archive));
            let lock = attempt.claim(&lock, own, Some(share))?;
            owner.has_lock = lock.is_enforced;
            let Some(holder) = attempt.holder_of(&mut owner)? else { return Ok(lock) };
            // Each has seen the other: this one gives way.
            drop(lock);
            attempt.wait_for(&holder)?;
        }
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

impl<'a> LockAttempt<'a> {
    fn new(
        folder: &'a Folder,
        wait: bool,
        notify: &'a dyn Fn(LockNotice<'_>),
        cancel: &'a Cancel,
    ) -> Self {
        let (has_told_of_waiting, has_told_of_watching) = (false, false);
        Self { folder, wait, notify, cancel, has_told_of_waiting, has_told_of_watching }
    }

    /// Takes a lock of the operating system, and makes this process the owner.
    fn claim(
        &mut self,
        lock: &Entry,
        owner: Entry,
        share: Option<File>,
    ) -> Result<Lock, LockError> {
        let path = owner.path().to_owned();
        let file = lock.open_or_create_anyones()?;
        while !is_locked(&file)? {
            let holder = self.locker(&owner);
            self.wait_for(&holder)?;
        }
        let mut owner_file = OwnerFile::new(owner);
        crash_point("lock-taken");
        let is_enforced = !is_locked(&lock.open_or_create_anyones()?)?;
        owner_file.has_lock = is_enforced;
        loop {
            match owner_file.claim()? {
                ClaimOutcome::Claimed => break,
                ClaimOutcome::TakenOver(previous) => {
                    (self.notify)(LockNotice::TakenOver(&previous));
                    break;
                }
                ClaimOutcome::Held(holder) => self.wait_for(&holder)?,
                ClaimOutcome::Watched(holder) => self.watch(&holder)?,
                ClaimOutcome::Retry => {}
            }
        }
        let heartbeat = Arc::new(Heartbeat::new(owner_file));
        let lock = Lock { _file: file, _share: share, heartbeat, owner: path, is_enforced };
        lock.heartbeat.start().map_err(DiskError::new(&lock.owner, "kept up to date"))?;
        Ok(lock)
    }

    /// Names the process that has the lock of the operating system: the owner, or else one of those for
    /// one archive.
    fn locker(&self, owner: &Entry) -> String {
        let of_archives = || {
            let names = self.folder.archive_owners().unwrap_or_default();
            names.iter().find_map(|name| name_of(&self.folder.own_entry(name)))
        };
        name_of(owner).or_else(of_archives).unwrap_or_else(|| UNKNOWN_PROCESS.to_owned())
    }

    /// Checks once whether all runs for one archive have ended, and removes the files of those that have.
    /// If not, waits a moment.
    fn others_have_ended(
        &mut self,
        others: &mut HashMap<String, OwnerFile>,
        has_lock: bool,
    ) -> Result<bool, LockError> {
        let mut has_ended = true;
        let (mut held, mut watched) = (None, None);
        for name in self.folder.archive_owners()? {
            let new = |name: &String| OwnerFile::new(self.folder.own_entry(name));
            let other = others.entry(name).or_insert_with_key(new);
            other.has_lock = has_lock;
            match other.evict()? {
                ClaimOutcome::Claimed | ClaimOutcome::TakenOver(_) => {}
                ClaimOutcome::Held(holder) => held = Some(holder),
                ClaimOutcome::Watched(holder) => watched = Some(holder),
                ClaimOutcome::Retry => has_ended = false,
            }
        }
        match (held, watched) {
            (Some(holder), _) => self.wait_for(&holder).map(|()| false),
            (None, Some(holder)) => self.watch(&holder).map(|()| false),
            (None, None) => Ok(has_ended),
        }
    }

    /// Returns the living process that owns a file. Removes the file of one that has ended.
    fn holder_of(&mut self, owner: &mut OwnerFile) -> Result<Option<String>, LockError> {
        loop {
            match owner.evict()? {
                ClaimOutcome::Claimed | ClaimOutcome::TakenOver(_) => return Ok(None),
                ClaimOutcome::Held(holder) => return Ok(Some(holder)),
                ClaimOutcome::Watched(holder) => self.watch(&holder)?,
                ClaimOutcome::Retry => {}
            }
        }
    }

    /// Waits a moment for a run that works in the folder, if waiting is wanted.
    fn wait_for(&mut self, holder: &str) -> Result<(), LockError> {
        if !self.wait {
            return Err(LockError::Busy {
                dir: self.folder.dir().to_owned(),
                holder: holder.to_owned(),
            });
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
    is_granted(file.try_lock(), file)
}

/// Translates the result of such a try.
fn is_granted(result: Result<(), TryLockError>, file: &File) -> Result<bool, DiskError> {
    match result {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) if has_no_locks(&error) => Ok(true),
        Err(TryLockError::Error(error)) => Err(DiskError::new(file.path(), "locked")(error)),
    }
}

#[cfg(test)]
mod tests;
