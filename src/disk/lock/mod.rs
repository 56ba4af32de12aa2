//! One cxr at a time in a folder.
//!
//! Two things see to it. The lock of the operating system goes with the process and needs no
//! tidying, but on some network file systems it is always granted, or known on one host only. The
//! owner's file beside it holds there as well: see [`owner`]. And because a file can only say who
//! was at work, an owner looks once more before it gives a file a final name.

mod beat;
mod identity;
mod owner;

use std::fs::TryLockError;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::{DiskError, File, Folder, crash_point};
use crate::cancel::Cancel;
use crate::text::escape;
use beat::Beat;
pub use identity::boot;
use owner::{Attempt, Post};

/// How often a waiting run looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// The folder is ours until this is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    /// Keeps the lock of the operating system, which goes with the open file.
    _file: File,
    beat: Beat,
    /// The owner's file.
    owner: PathBuf,
    honoured: bool,
}

/// Why the lock could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run has it.
    #[error(
        "another cxr is at work in {dir}: {holder}; wait for it with --wait, or use another folder",
        dir = escape::path(.dir)
    )]
    Busy {
        /// The folder.
        dir: PathBuf,
        /// Who has it, in words.
        holder: String,
    },
    /// A signal came while waiting.
    #[error("interrupted while waiting for another cxr")]
    Cancelled,
    /// The lock file cannot be used.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// What happens while a lock is taken, to be told; each is told once, with who it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting<'a> {
    /// For another run, to end.
    For(&'a str),
    /// To see whether another run that cannot be seen from here still is at work.
    Watching(&'a str),
    /// No more: another run has left the folder behind.
    TakenOver(&'a str),
}

/// A lock that is being taken.
struct Taking<'a> {
    dir: &'a Path,
    wait: bool,
    tell: &'a dyn Fn(Waiting<'_>),
    cancel: &'a Cancel,
    told_of_waiting: bool,
    told_of_watching: bool,
}

impl Lock {
    /// Takes the lock of a folder. With `wait`, waits for another run to end.
    ///
    /// At once, except where another host or another container seems to be at work: then its
    /// signs of life are waited for, three seconds if it gives them and half a minute if not.
    ///
    /// # Errors
    ///
    /// [`LockError::Busy`] if another run has it and `wait` is not asked for.
    pub fn take(
        folder: &Folder,
        wait: bool,
        tell: &dyn Fn(Waiting<'_>),
        cancel: &Cancel,
    ) -> Result<Self, LockError> {
        let (told_of_waiting, told_of_watching) = (false, false);
        let dir = folder.dir();
        let mut taking = Taking { dir, wait, tell, cancel, told_of_waiting, told_of_watching };
        let file = File::in_place(&folder.lock())?;
        let mut post = Post::new(folder.owner());
        while !is_locked(&file)? {
            taking.hold_on(&post.holder())?;
        }
        crash_point("lock-taken");
        let honoured = !is_locked(&File::in_place(&folder.lock())?)?;
        if honoured {
            post.trust_the_lock();
        }
        loop {
            match post.attempt()? {
                Attempt::Taken => break,
                Attempt::TakenOver(whose) => {
                    tell(Waiting::TakenOver(&whose));
                    break;
                }
                Attempt::Held(holder) => taking.hold_on(&holder)?,
                Attempt::Watched(holder) => taking.watch(&holder)?,
                Attempt::Again => {}
            }
        }
        let owner = folder.owner();
        let beat = Beat::start(post).map_err(DiskError::new(&owner, "kept up"))?;
        Ok(Self { _file: file, beat, owner, honoured })
    }

    /// Whether the lock of the operating system is granted to one only, as seen from this machine.
    pub const fn is_honoured(&self) -> bool {
        self.honoured
    }

    /// Who has taken the folder from us, as far as we have noticed. That happens only to a process
    /// that gave no sign of life for a while, as on a machine that slept.
    pub fn lost(&self) -> Option<&str> {
        self.beat.lost()
    }

    /// Looks whether the folder is still ours, and says who has it if not.
    ///
    /// # Errors
    ///
    /// If that cannot be told.
    pub fn look(&self) -> Result<Option<&str>, DiskError> {
        self.beat.look()
    }

    /// As [`Lock::look`], where nothing can be done if it is not ours.
    ///
    /// # Errors
    ///
    /// If it is not, or if that cannot be told.
    pub fn insist(&self) -> Result<(), DiskError> {
        let Some(taker) = self.look()? else { return Ok(()) };
        let error = io::Error::other(format!("it was taken over by {taker}"));
        Err(DiskError::new(&self.owner, "kept")(error))
    }

    /// As [`Lock::look`], but looks only if this process has not for some seconds.
    ///
    /// # Errors
    ///
    /// If that cannot be told.
    pub fn look_if_late(&self) -> Result<Option<&str>, DiskError> {
        self.beat.look_if_late()
    }

    /// Calls `wake` when the loss is noticed.
    pub fn on_loss(&self, wake: impl Fn() + Send + 'static) {
        self.beat.on_loss(wake);
    }
}

impl Taking<'_> {
    /// Another run is at work: waits a moment, if waiting is wanted.
    fn hold_on(&mut self, holder: &str) -> Result<(), LockError> {
        if !self.wait {
            return Err(LockError::Busy { dir: self.dir.to_owned(), holder: holder.to_owned() });
        }
        if !std::mem::replace(&mut self.told_of_waiting, true) {
            (self.tell)(Waiting::For(holder));
        }
        self.pause()
    }

    /// Another run may be at work: waits a moment.
    fn watch(&mut self, holder: &str) -> Result<(), LockError> {
        if !self.told_of_waiting && !std::mem::replace(&mut self.told_of_watching, true) {
            (self.tell)(Waiting::Watching(holder));
        }
        self.pause()
    }

    fn pause(&self) -> Result<(), LockError> {
        if self.cancel.is_cancelled() {
            return Err(LockError::Cancelled);
        }
        thread::sleep(LOOK_AGAIN);
        Ok(())
    }
}

/// Whether the lock of the operating system is ours now. Where there is none, the owner's file has
/// to do.
fn is_locked(file: &File) -> Result<bool, DiskError> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) if is_unknown(&error) => Ok(true),
        Err(TryLockError::Error(error)) => Err(DiskError::new(file.path(), "locked")(error)),
    }
}

/// Lustre without `-o flock` has no such call, NFS without a lock manager no locks (flock(2)).
fn is_unknown(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let unknown = [Errno::NOSYS, Errno::NOLCK, Errno::OPNOTSUPP];
    Errno::from_io_error(error).is_some_and(|errno| unknown.contains(&errno))
}

#[cfg(test)]
mod tests;
