//! Facts about files that need no reading: their state, their size on the disk, and the disk.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::statvfs;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::DiskError;

/// The state of a file. It differs after a write, or if another file is put in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    /// The last change of the data or the attributes, which differs even if a copy restores the
    /// time of modification.
    changed: (i64, i64),
    device: u64,
    inode: u64,
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }

    /// The size of the file in bytes.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }
}

/// Returns the bytes that this user may still write to the file system of `path`. Returns `None` if
/// it does not say: then a full disk shows when it is written to.
pub(crate) fn available(path: &Path) -> Result<Option<u64>, DiskError> {
    match statvfs(path) {
        // File systems without a size of their own, as of object stores, report 0 of 0 blocks.
        Ok(stat) if stat.f_blocks == 0 => Ok(None),
        Ok(stat) => Ok(Some(stat.f_bavail.saturating_mul(stat.f_frsize))),
        // The file system or a sandbox does not support the question.
        Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM | Errno::ACCESS | Errno::OVERFLOW) => {
            Ok(None)
        }
        Err(error) => Err(DiskError::new(path, "checked for free space")(error.into())),
    }
}

/// Returns the bytes that a file takes on the disk: less than its length if it has holes.
pub(crate) fn allocated(metadata: &Metadata) -> u64 {
    // POSIX leaves the unit open; Linux, macOS and the BSDs all count blocks of 512 bytes.
    (metadata.blocks() * 512).min(metadata.len())
}
