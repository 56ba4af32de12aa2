//! Operations on files, all of which go through [`perform`].
//!
//! In a build with debug assertions, tests can make operations fail, record them, or end the
//! process between two of them. Other builds do nothing of the kind.

use std::io;
use std::path::Path;

use super::faults;

/// An operation on a file or a folder.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(debug_assertions), allow(dead_code, reason = "only fault injection reads it"))]
pub(super) enum Operation<'a> {
    /// Opens an existing file.
    Open,
    /// Opens a file, and creates it if it does not exist.
    Create,
    /// Creates a file, or empties it.
    Empty,
    Read {
        at: u64,
        length: usize,
    },
    Write {
        at: u64,
        bytes: &'a [u8],
    },
    Append {
        bytes: &'a [u8],
    },
    Sync,
    Resize {
        to: u64,
    },
    Close,
    /// Sets the time of the last change.
    Touch,
    Rename {
        to: &'a Path,
    },
    /// Renames, unless the new name exists.
    RenameNew {
        to: &'a Path,
    },
    Remove,
    CreateFolder,
    SyncFolder,
    /// Syncs all that was written to a file system.
    SyncFileSystem,
}

impl Operation<'_> {
    /// The number of bytes to read or write.
    pub(super) const fn length(&self) -> usize {
        match self {
            Self::Read { length, .. } => *length,
            Self::Write { bytes, .. } | Self::Append { bytes } => bytes.len(),
            _ => 0,
        }
    }
}

/// An interval or time limit that tests can shorten.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(debug_assertions), allow(dead_code, reason = "only fault injection reads it"))]
pub(crate) enum Interval {
    /// Between two syncs of partial downloads.
    Sync,
    /// Between two heartbeats of an owner.
    Heartbeat,
    /// Without a heartbeat, until an owner counts as ended.
    OwnerTimeout,
    /// For which a source may be slow before cxr tries another.
    SlowSource,
}

/// Performs an operation on a path, again while a signal interrupts it. `act` gets the number of
/// bytes that it may read or write.
pub(super) fn perform<T>(
    path: &Path,
    operation: Operation<'_>,
    mut act: impl FnMut(usize) -> io::Result<T>,
) -> io::Result<T> {
    loop {
        match faults::perform(path, operation, &mut act) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
