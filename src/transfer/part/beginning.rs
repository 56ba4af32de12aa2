//! Copies the beginning of an archive from a user's file into the partial download.

use std::ops::{ControlFlow, Range};
use std::path::Path;

use super::{HERE, Part, look};
use crate::catalog::Archive;
use crate::disk::{DiskError, File, Folder};
use crate::transfer::journal::JournalState;

/// Bytes to copy at a time.
const BLOCK: usize = 1 << 20;

/// Bytes that may be copied before the journal notes them.
const UNRECORDED: u64 = 32 << 20;

impl Part {
    /// Copies the first bytes of the user's file, of this length, as far as `kept` lacks them.
    /// Returns the state of the partial download. If the file cannot be read to there, or `is_over`
    /// turns true, fewer bytes are copied. The file stays as it is.
    pub(crate) fn copy_beginning(
        folder: &Folder,
        archive: &Archive,
        kept: JournalState,
        (file, length): (&Path, u64),
        is_over: impl Fn() -> bool,
    ) -> Result<JournalState, DiskError> {
        let Ok(file) = File::open(file) else { return Ok(kept) };
        let gaps = kept.written.gaps(0..length);
        let part = Self::open(folder, archive, kept)?;
        for gap in gaps {
            if part.copy(&file, gap, &is_over)?.is_break() {
                break;
            }
        }
        part.sync()?;
        Ok(look(folder, archive).unwrap_or_default().recovered)
    }

    fn copy(
        &self,
        file: &File,
        range: Range<u64>,
        is_over: impl Fn() -> bool,
    ) -> Result<ControlFlow<()>, DiskError> {
        let (mut at, mut recorded) = (range.start, range.start);
        while at < range.end && !is_over() {
            let length = usize::try_from(range.end - at).unwrap_or(BLOCK).min(BLOCK);
            let mut block = vec![0; length];
            let Ok(read @ 1..) = file.read_at(&mut block, at) else { break };
            block.truncate(read);
            self.write(at, &block)?;
            at += read as u64;
            if at - recorded >= UNRECORDED {
                self.record(recorded..at, HERE)?;
                recorded = at;
            }
        }
        self.record(recorded..at, HERE)?;
        Ok(if at < range.end { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}
