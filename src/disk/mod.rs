//! Reads and changes files. No other module opens, syncs, renames, removes or locks one, so that
//! tests can inject faults into every operation.
//!
//! Every error has the path and the operation that failed.

#[cfg(unix)]
mod at;
#[cfg(windows)]
mod at_windows;
mod destination;
mod entry;
#[cfg(debug_assertions)]
mod fault_injection;
mod file;
mod file_id;
mod file_limit;
mod folder;
mod held_folder;
pub mod leftovers;
mod lock;
mod metadata;
mod new_file;
#[cfg(not(debug_assertions))]
mod no_faults;
mod probe;
mod refusal;
mod scratch;
mod subfolder;
mod syscalls;
mod system;

use std::borrow::Cow;
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

pub use destination::{Destination, DestinationError};
pub(crate) use entry::{Entry, Found};
#[cfg(debug_assertions)]
pub use fault_injection::inject_faults;
pub(crate) use file::File;
pub use file_id::FileId;
pub(crate) use file_id::{FileKey, key, share_file_system};
pub(crate) use file_limit::FileLimit;
pub(crate) use folder::ignores_case;
pub use folder::{Folder, StateFile};
pub(crate) use lock::{Lock, LockError, LockNotice, boot};
pub(crate) use metadata::{Stamp, allocated, available, is_movable, modified};
pub(crate) use new_file::{remove_drafts, remove_own_drafts, write_new, write_over};
pub(crate) use probe::probe;
pub(crate) use scratch::Scratch;
pub(crate) use subfolder::Subfolder;
pub(crate) use syscalls::Interval;

use crate::text::{escape, shell};
#[cfg(windows)]
use at_windows as at;
#[cfg(debug_assertions)]
use fault_injection as faults;
pub(crate) use faults::{crash_point, interval, journal_limit};
use held_folder::HeldFolder;
#[cfg(not(debug_assertions))]
use no_faults as faults;
use refusal::Refusal;
use syscalls::{Operation, perform};

/// A failed operation on a file or folder.
#[derive(Debug, thiserror::Error)]
#[error("{path} could not be {action}: {source}", path = escape::path(.path))]
pub struct DiskError {
    /// The file or folder.
    pub path: PathBuf,
    /// The operation, such as `written` or `renamed`.
    pub action: &'static str,
    /// The error of the operating system.
    pub source: io::Error,
}

impl DiskError {
    /// Returns a function for `map_err` that adds the path and the operation.
    pub(crate) fn new<'a>(path: &'a Path, action: &'static str) -> impl Fn(io::Error) -> Self + 'a {
        move |source| Self { path: path.to_owned(), action, source }
    }

    /// Returns true if the disk or the user's quota is full, so that other writes fail as well.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self.source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
    }

    /// Returns true if the file would be larger than the system allows.
    pub(crate) fn is_too_large(&self) -> bool {
        self.source.kind() == ErrorKind::FileTooLarge
    }

    /// Returns true if there is no such file, or no such folder.
    pub(crate) fn is_not_found(&self) -> bool {
        self.source.kind() == ErrorKind::NotFound
    }

    /// Returns advice for the user.
    pub(crate) fn remedy(&self) -> Cow<'static, str> {
        if let Some(refusal) = Refusal::of(&self.source) {
            return refusal.remedy(&self.path).into();
        }
        if self.action == "written" && self.is_not_found() {
            let folder = parent(&self.path);
            return format!("create its folder: mkdir {}", shell::path(folder)).into();
        }
        if self.source.kind() == ErrorKind::PermissionDenied {
            return self.remedy_of_denial();
        }
        let advice = match self.source.kind() {
            ErrorKind::IsADirectory => "name a file in place of the folder",
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space",
            ErrorKind::ReadOnlyFilesystem => {
                "use a folder on another file system, or make this one writable"
            }
            ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
                "move away the file that is in the place of a folder"
            }
            ErrorKind::CrossesDevices => {
                "put the archive's folder on the file system that .cxr is on"
            }
            ErrorKind::FileTooLarge if system::largest_file().is_none() => {
                "use a folder on a file system that holds larger files"
            }
            ErrorKind::FileTooLarge => {
                "raise the limit (`ulimit -f unlimited`), or use a folder on a file system that \
                 holds larger files"
            }
            _ if is_open_file_limit(&self.source) => "raise the limit of open files (`ulimit -n`)",
            _ => "look for disk errors in the system log",
        };
        advice.into()
    }

    /// Returns advice for a user who may not do what failed.
    fn remedy_of_denial(&self) -> Cow<'static, str> {
        let found = self.path.symlink_metadata();
        let is_file = found.as_ref().is_ok_and(fs::Metadata::is_file);
        match self.action {
            "renamed" | "removed" if system::is_not_owner(&self.source) => {
                "only the owner of the file may rename or delete it in that folder (the folder is sticky, or \
                 the file protected): ask the owner to do it, or use another folder"
                    .into()
            }
            "read" | "opened" if is_file => {
                format!("make the file readable and writable for you: {}", system::allow(&self.path)).into()
            }
            "read" | "opened" if found.as_ref().is_ok_and(fs::Metadata::is_dir) => {
                "make the folder readable".into()
            }
            "read" => "make it readable".into(),
            _ => "make the folder writable".into(),
        }
    }

    /// Returns true if the folder at the path cannot be used because a link or a file is in its place, or in
    /// that of a folder above it.
    pub(crate) fn is_in_place_of(&self, folder: &Path) -> bool {
        let is_other = self.source.kind() == ErrorKind::NotADirectory
            || matches!(Refusal::of(&self.source), Some(Refusal::LinkedFolder));
        is_other && folder.starts_with(&self.path)
    }

    /// Returns true if the medium does not return what was written to it.
    pub(crate) fn is_unreadable(&self) -> bool {
        self.action == "read" && system::is_bad_medium(&self.source)
    }
}

/// Returns true if this process or the system has as many open files as are allowed.
pub(crate) fn is_open_file_limit(error: &io::Error) -> bool {
    system::is_open_file_limit(error)
}

/// Returns true if the system says that a file is on a spinning disk (HDD).
pub(crate) fn is_on_spinning_disk(metadata: &fs::Metadata) -> bool {
    system::is_on_spinning_disk(metadata)
}

/// Returns the name of something that is neither a file nor a folder, such as a named pipe.
pub(crate) fn kind(file_type: fs::FileType) -> &'static str {
    system::kind(file_type)
}

/// Reads at most `limit` bytes from the beginning of a file.
pub(crate) fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    File::open(path)?.read(limit)
}

/// The reason why a file or folder that the user names cannot be read, with the next step.
#[derive(Debug, thiserror::Error)]
#[error("{0}; {advice}", advice = advice_on_input(.0))]
pub struct InputError(pub io::Error);

impl InputError {
    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind()
    }
}

fn advice_on_input(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => "check the name",
        ErrorKind::IsADirectory => "name a file in place of the folder",
        ErrorKind::PermissionDenied => "make it readable, or name another one",
        _ => "name another one",
    }
}

/// Reads a file that may be a pipe, up to one byte more than `limit`, which shows that it is too
/// long.
///
/// # Errors
///
/// Returns the errors of the operating system.
#[expect(clippy::disallowed_methods, reason = "a pipe must not be opened without waiting")]
pub fn read_through(path: &Path, limit: usize) -> Result<Vec<u8>, InputError> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(InputError)?;
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(InputError)?;
    Ok(bytes)
}

/// Renames a draft of a document. Replaces the target.
#[expect(clippy::disallowed_methods, reason = "this is the one place that renames")]
fn rename(from: &Path, to: &Path) -> Result<(), DiskError> {
    perform(from, Operation::Rename { to }, |_| fs::rename(from, to))
        .map_err(DiskError::new(from, "renamed"))
}

/// Removes a draft of a document, if it exists.
#[expect(clippy::disallowed_methods, reason = "this is the one place that removes")]
fn remove(path: &Path) -> Result<(), DiskError> {
    match perform(path, Operation::Remove, |_| fs::remove_file(path)) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(DiskError::new(path, "removed")(error))
        }
        _ => Ok(()),
    }
}

/// Creates a folder and its parents where they do not exist, and syncs them against a power cut.
#[expect(clippy::disallowed_methods, reason = "this is the one place that creates folders")]
pub(crate) fn create_folder(path: &Path) -> Result<(), DiskError> {
    let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    system::check_path(path).map_err(DiskError::new(path, "created"))?;
    let missing: Vec<_> = path.ancestors().take_while(is_missing).collect();
    perform(path, Operation::CreateFolder, |_| fs::create_dir_all(path))
        .map_err(DiskError::new(path, "created"))?;
    for folder in missing.into_iter().rev() {
        match sync_folder(parent(folder)) {
            // This user may pass through the parent but not read it, as is often so above a home.
            Err(error) if error.source.kind() == ErrorKind::PermissionDenied => {}
            result => result?,
        }
    }
    Ok(())
}

/// Syncs a file that another process may have written.
pub(crate) fn sync_file(path: &Path) -> Result<(), DiskError> {
    File::open_to_sync(path).map_err(DiskError::new(path, "opened"))?.sync_all()
}

/// Returns the folder that a file is in.
pub(crate) fn parent(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// Syncs the names in a folder. Without this, a rename may not survive a power cut. Succeeds on
/// file systems that cannot do it.
pub(crate) fn sync_folder(path: &Path) -> Result<(), DiskError> {
    held_folder::sync(&HeldFolder::user(path))
}
