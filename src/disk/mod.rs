//! The one room that reads and changes files: it opens, reads, writes, syncs, renames, removes and
//! locks. All of it passes one door, behind which tests let it fail.
//!
//! Every failure carries the path and what was being done to it, so that a message can say so.

mod destination;
mod device;
#[cfg(debug_assertions)]
mod fault_injection;
mod file;
mod file_id;
mod folder;
pub mod leftovers;
mod lock;
mod operation;
mod scratch;
mod space;
mod stamp;
mod syscalls;

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rustix::io::Errno;

pub use destination::{Destination, DestinationError};
pub use device::spins;
#[cfg(debug_assertions)]
pub use fault_injection::inject_faults;
pub use file::File;
pub use file_id::FileId;
pub use folder::{Folder, Kept};
pub use lock::{Lock, LockError, Waiting, boot};
pub use operation::Timing;
pub use scratch::Scratch;
pub use space::{allocated, available};
pub use stamp::Stamp;
pub use syscalls::{crash_point, pace};

use crate::text::escape;
use operation::Operation;
use syscalls::{again, pass};

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

    /// What the user can do about it.
    pub fn remedy(&self) -> &'static str {
        match self.source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space",
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                "make the folder writable"
            }
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                "move out of the way what is no folder"
            }
            io::ErrorKind::CrossesDevices => {
                "let the archive's folder be on the file system that .cxr is on"
            }
            _ if are_too_many_open(&self.source) => "let more files be open (`ulimit -n`)",
            _ => "see what the system's log says of the disk",
        }
    }

    /// Whether the medium does not give back what was written to it. The kernel's words for that
    /// are EIO, and of late ENODATA or EILSEQ.
    pub fn is_unreadable(&self) -> bool {
        let known = [Errno::IO, Errno::NODATA, Errno::ILSEQ];
        self.action == "read"
            && known.iter().any(|errno| self.source.raw_os_error() == Some(errno.raw_os_error()))
    }
}

/// Whether as many files are open as may be, in this process or on the whole system.
pub fn are_too_many_open(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

/// Reads the beginning of a file: so many bytes, or all it has.
///
/// # Errors
///
/// Whatever the operating system says.
pub fn read(path: &Path, at_most: usize) -> io::Result<Vec<u8>> {
    File::open(path)?.read(at_most)
}

/// Reads a file that may be a pipe: all it has, but no more than so many bytes and one, which tells
/// that it is too long.
///
/// # Errors
///
/// Whatever the operating system says.
#[expect(clippy::disallowed_methods, reason = "a pipe is read from where it is")]
pub fn read_through(path: &Path, at_most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(at_most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Removes what is no file where one of the program's own belongs; of directories, empty ones.
fn clear(path: &Path) -> Result<(), DiskError> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => {
            again(|| pass(path, Operation::Remove, |_| fs::remove_dir(path)))
                .map_err(DiskError::new(path, "removed"))
        }
        Ok(metadata) if !metadata.is_file() => remove(path),
        _ => Ok(()),
    }
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
    clear(&beside)?;
    clear(path)?;
    let file = File::emptied(&beside)?;
    file.write_at(0, &[Bytes::copy_from_slice(contents)])?;
    file.sync()?;
    file.close_once()?;
    crash_point("replacement-written");
    rename(&beside, path)
}

/// Renames a file within one file system, replacing what is there.
///
/// # Errors
///
/// Whatever the operating system says; both files are then as they were.
#[expect(clippy::disallowed_methods, reason = "this is the one place that renames")]
pub fn rename(from: &Path, to: &Path) -> Result<(), DiskError> {
    again(|| pass(from, Operation::Rename { to }, |_| fs::rename(from, to)))
        .map_err(DiskError::new(from, "renamed"))
}

/// Removes a file that the program made; one that is not there is no error.
///
/// # Errors
///
/// Whatever else the operating system says.
#[expect(clippy::disallowed_methods, reason = "this is the one place that removes")]
pub fn remove(path: &Path) -> Result<(), DiskError> {
    match again(|| pass(path, Operation::Remove, |_| fs::remove_file(path))) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(DiskError::new(path, "removed")(error))
        }
        _ => Ok(()),
    }
}

/// Makes a folder and those it lies in, so that they outlive a power cut; those that are there are
/// no error.
///
/// # Errors
///
/// Whatever the operating system says.
#[expect(clippy::disallowed_methods, reason = "this is the one place that makes folders")]
pub fn make_folder(path: &Path) -> Result<(), DiskError> {
    let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    let missing: Vec<_> = path.ancestors().take_while(is_missing).collect();
    again(|| pass(path, Operation::Make, |_| fs::create_dir_all(path)))
        .map_err(DiskError::new(path, "made"))?;
    for folder in missing.into_iter().rev() {
        match sync_folder(parent(folder)) {
            // A folder that others may pass and not read, as those above one's own often are.
            Err(error) if error.source.kind() == io::ErrorKind::PermissionDenied => {}
            result => result?,
        }
    }
    Ok(())
}

/// Puts a file on the disk that somebody else may have written.
///
/// # Errors
///
/// Whatever the operating system says.
pub fn sync_file(path: &Path) -> Result<(), DiskError> {
    File::open(path).map_err(DiskError::new(path, "opened"))?.sync_all()
}

/// The folder that a file lies in.
pub fn parent(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// Makes the entries of a folder outlive a power cut, as a rename in it does only then.
///
/// # Errors
///
/// Whatever the operating system says. File systems that cannot do it say nothing.
#[expect(clippy::disallowed_methods, reason = "a folder is no file to read or write")]
pub fn sync_folder(path: &Path) -> Result<(), DiskError> {
    let sync = || fs::File::open(path).and_then(|folder| folder.sync_all());
    match again(|| pass(path, Operation::SyncFolder, |_| sync())) {
        // FUSE and some network file systems have no such operation.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) =>
        {
            Ok(())
        }
        result => result.map_err(DiskError::new(path, "synced")),
    }
}
