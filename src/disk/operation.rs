//! What is done to files, and every so often, by name: the door lets it pass, and a trial tells one
//! from another.

use std::path::Path;

/// What is done to a file or a folder.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(debug_assertions), allow(dead_code, reason = "only a trial looks at it"))]
pub(super) enum Operation<'a> {
    /// A file that is there is opened.
    Open,
    /// A file is opened, and made if it is not there.
    Create,
    /// A file is made, or emptied.
    Empty,
    Read {
        at: u64,
        length: usize,
    },
    Write {
        at: u64,
        bytes: &'a [u8],
    },
    /// A write to the end.
    Append {
        bytes: &'a [u8],
    },
    /// What was written goes to the disk.
    Sync,
    Resize {
        to: u64,
    },
    Close,
    /// Its time of change is set.
    Touch,
    Rename {
        to: &'a Path,
    },
    Remove,
    /// A folder is made.
    Make,
    /// The names in a folder go to the disk.
    SyncFolder,
}

impl Operation<'_> {
    /// Bytes that are to be read or written.
    pub(super) const fn length(&self) -> usize {
        match self {
            Self::Read { length, .. } => *length,
            Self::Write { bytes, .. } | Self::Append { bytes } => bytes.len(),
            _ => 0,
        }
    }
}

/// What is done every so often, or waited for so long.
#[derive(Debug, Clone, Copy)]
pub enum Timing {
    /// Parts are synced.
    Sync,
    /// An owner gives a sign of life.
    Beat,
    /// An owner that gives none is watched.
    Still,
    /// A source is slow before another one is tried.
    Patience,
}
