//! The largest file that this process may write.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::DiskError;
use super::system::{is_fat, largest_file};
use crate::text::units;

/// The largest file on FAT: its sizes have 32 bits.
const FAT_LIMIT: u64 = u32::MAX as u64;

/// A limit of the size of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileLimit {
    /// The largest size in bytes.
    pub(crate) bytes: u64,
    is_of_file_system: bool,
}

impl FileLimit {
    /// Returns the limit for files in a folder, if one is known. A file system may have another,
    /// which shows when a file is written.
    pub(crate) fn of(folder: &Path) -> Option<Self> {
        let of_process = largest_file().map(|bytes| Self { bytes, is_of_file_system: false });
        let all = [of_process, Self::of_file_system(folder)];
        all.into_iter().flatten().min_by_key(|limit| limit.bytes)
    }

    fn of_file_system(folder: &Path) -> Option<Self> {
        is_fat(folder).then_some(Self { bytes: FAT_LIMIT, is_of_file_system: true })
    }

    /// Fails if a file of this size is not allowed.
    pub(crate) fn check(self, path: &Path, size: u64) -> Result<(), DiskError> {
        if size <= self.bytes {
            return Ok(());
        }
        let why = format!("it has {}, and {self}", units::bytes(size));
        Err(DiskError::new(path, "written")(io::Error::new(ErrorKind::FileTooLarge, why)))
    }

    /// Returns advice for the user.
    pub(crate) const fn remedy(self) -> &'static str {
        if self.is_of_file_system {
            "use a folder on another file system"
        } else {
            "raise the limit (`ulimit -f unlimited`)"
        }
    }
}

impl fmt::Display for FileLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = units::bytes(self.bytes);
        if self.is_of_file_system {
            write!(f, "a file on its file system (FAT) has at most {bytes}")
        } else {
            write!(f, "this process may write files of at most {bytes} (`ulimit -f`)")
        }
    }
}
