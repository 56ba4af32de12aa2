//! One cxr at a time in a folder.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::DiskError;
use crate::cancel::Cancel;
use crate::escape;

/// How often a waiting run looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// A note of who holds the lock is shorter than this; more is not read.
const NOTE_LIMIT: u64 = 1024;

/// The folder is ours until this is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    /// Keeps the lock, which goes with the open file.
    _file: File,
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

impl Lock {
    /// Takes the lock that `path` stands for, in the folder `dir`. With `wait`, waits for another
    /// run to end, and calls `waiting` once with its name when it begins to.
    ///
    /// # Errors
    ///
    /// [`LockError::Busy`] if another run has it and `wait` is not asked for.
    pub fn take(
        dir: &Path,
        path: &Path,
        wait: bool,
        waiting: impl FnOnce(&str),
        cancel: &Cancel,
    ) -> Result<Self, LockError> {
        let mut file = super::File::in_place(path)?.into_inner();
        let mut waiting = Some(waiting);
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if !wait => {
                    return Err(LockError::Busy { dir: dir.to_owned(), holder: holder(&mut file) });
                }
                Err(TryLockError::WouldBlock) => {
                    if let Some(tell) = waiting.take() {
                        tell(&holder(&mut file));
                    }
                    if cancel.is_cancelled() {
                        return Err(LockError::Cancelled);
                    }
                    thread::sleep(LOOK_AGAIN);
                }
                Err(TryLockError::Error(error)) => {
                    return Err(DiskError::new(path, "locked")(error).into());
                }
            }
        }
        sign(&mut file).map_err(DiskError::new(path, "written"))?;
        Ok(Self { _file: file })
    }
}

/// Leaves a note of who has the lock, for the message of the next run.
fn sign(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    let host = rustix::system::uname();
    writeln!(file, "process {} on {}", std::process::id(), host.nodename().to_string_lossy())
}

fn holder(file: &mut File) -> String {
    let mut note = Vec::new();
    let read = file.rewind().and_then(|()| file.take(NOTE_LIMIT).read_to_end(&mut note));
    match read {
        Ok(length) if length > 0 => escape::bytes(note.trim_ascii()),
        _ => "a process that left no name".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_is_told_who_has_the_lock_and_gets_it_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let take = || Lock::take(dir.path(), &path, false, |_| {}, &Cancel::new());
        let first = take().unwrap();
        let error = take().unwrap_err().to_string();
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        drop(first);
        take().unwrap();
    }

    #[test]
    fn a_signal_ends_the_wait() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let cancel = Cancel::new();
        let _first = Lock::take(dir.path(), &path, false, |_| {}, &cancel).unwrap();
        let told = |_: &str| cancel.cancel();
        let second = Lock::take(dir.path(), &path, true, told, &cancel);
        assert!(matches!(second, Err(LockError::Cancelled)));
    }
}
