//! The one room that changes anything on the disk: it writes, syncs, renames, removes and locks.
//!
//! Every failure carries the path and what was being done to it, so that a message can say so.

mod destination;
mod device;
mod folder;
mod lock;
mod space;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;

pub use destination::{Destination, DestinationError};
pub use device::spins;
pub use folder::{Folder, Kept};
pub use lock::{Lock, LockError};
pub use space::{allocated, available};

use crate::escape;

/// The disk refused.
#[derive(Debug, thiserror::Error)]
#[error("{path} could not be {action}: {source}", path = escape::path(.path))]
pub struct DiskError {
    /// The file or folder.
    pub path: PathBuf,
    /// What was being done to it: `written`, `renamed`.
    pub action: &'static str,
    /// What the operating system said.
    pub source: io::Error,
}

impl DiskError {
    /// An error with its path, for use in `map_err`.
    pub fn new<'a>(path: &'a Path, action: &'static str) -> impl Fn(io::Error) -> Self + 'a {
        move |source| Self { path: path.to_owned(), action, source }
    }

    /// Whether the disk or the user's share of it is full, so that other writes fail as well.
    pub fn is_full(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

/// Opens a file of the program's own to read and write it in place, made if absent, never
/// truncated. What is no file in its place, as a symbolic link, is removed: nothing is written
/// through it.
///
/// # Errors
///
/// Whatever the operating system says.
pub fn open_in_place(path: &Path) -> Result<File, DiskError> {
    clear(path)?;
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(DiskError::new(path, "opened"))
}

/// Removes what is no file where one of the program's own belongs; of directories, empty ones.
fn clear(path: &Path) -> Result<(), DiskError> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => {
            fs::remove_dir(path).map_err(DiskError::new(path, "removed"))
        }
        Ok(metadata) if !metadata.is_file() => remove(path),
        _ => Ok(()),
    }
}

/// Writes blocks one after the other from an offset on.
///
/// # Errors
///
/// A full disk, among others. Some of the bytes may have been written.
pub fn write_at(file: &File, offset: u64, blocks: &[Bytes]) -> io::Result<()> {
    let mut at = offset;
    for block in blocks {
        file.write_all_at(block, at)?;
        at += block.len() as u64;
    }
    Ok(())
}

/// Writes a small file whole: to a name beside it, to the disk, then under its own name. Whoever
/// reads it sees the old or the new, never a half.
///
/// # Errors
///
/// Whatever the operating system says; the old file is then still there.
pub fn replace(path: &Path, contents: &[u8]) -> Result<(), DiskError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let write = || {
        let mut file = File::create(&beside)?;
        file.write_all(contents)?;
        file.sync_data()
    };
    clear(&beside)?;
    clear(path)?;
    write().map_err(DiskError::new(&beside, "written"))?;
    rename(&beside, path)
}

/// Renames a file within one file system, replacing what is there.
///
/// # Errors
///
/// Whatever the operating system says; both files are then as they were.
#[expect(clippy::disallowed_methods, reason = "this is the one place that renames")]
pub fn rename(from: &Path, to: &Path) -> Result<(), DiskError> {
    fs::rename(from, to).map_err(DiskError::new(from, "renamed"))
}

/// Removes a file that the program made; one that is not there is no error.
///
/// # Errors
///
/// Whatever else the operating system says.
#[expect(clippy::disallowed_methods, reason = "this is the one place that removes")]
pub fn remove(path: &Path) -> Result<(), DiskError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(DiskError::new(path, "removed")(error))
        }
        _ => Ok(()),
    }
}

/// Makes the entries of a folder outlive a power cut, as a rename in it does only then.
///
/// # Errors
///
/// Whatever the operating system says. File systems that cannot do it say nothing.
pub fn sync_folder(path: &Path) -> Result<(), DiskError> {
    match File::open(path).and_then(|folder| folder.sync_all()) {
        // FUSE and some network file systems have no such operation.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        result => result.map_err(DiskError::new(path, "synced")),
    }
}
