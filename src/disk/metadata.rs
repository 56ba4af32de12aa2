//! Facts about files that need no reading: their state, their size on the disk, and the disk.

use std::fs::Metadata;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{DiskError, system};

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
        let (device, inode) = system::identify_by_metadata(metadata);
        Self {
            size: metadata.len(),
            modified: system::modified(metadata),
            changed: system::changed(metadata),
            device,
            inode,
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
    system::available(path).map_err(DiskError::new(path, "checked for free space"))
}

/// Returns the last change of a file's data, in seconds and nanoseconds since 1970.
pub(crate) fn modified(metadata: &Metadata) -> (i64, i64) {
    system::modified(metadata)
}

/// Returns true if a file has no other name, and this user may read and write it.
pub(crate) fn is_movable(path: &Path, metadata: &Metadata) -> bool {
    system::is_movable(path, metadata)
}

/// Returns the bytes that a file takes on the disk: less than its length if it has holes.
pub(crate) fn allocated(metadata: &Metadata) -> u64 {
    system::allocated(metadata)
}
