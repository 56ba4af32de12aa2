//! What tells one state of a file from another without reading it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use serde::{Deserialize, Serialize};

/// All that differs when a file was written to or another one put in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    /// The same for the last change of the file's data or its attributes: copying a file back
    /// with its old time of modification does not deceive this one.
    changed: (i64, i64),
    device: u64,
    inode: u64,
}

impl Stamp {
    /// The state of the file that this is known of.
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }

    /// The file's size in bytes.
    pub const fn size(&self) -> u64 {
        self.size
    }
}
