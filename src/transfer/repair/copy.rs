//! Reads a part back, even from a disk that cannot read all of it.

use std::io;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use crate::disk::{DiskError, Entry, crash_point};
use crate::transfer::part::{Part, salvage};

/// A page of memory, the least that a system reads.
const PAGE: u64 = 4096;

/// Unreadable bytes are looked for up to the next multiple of this.
const MARGIN: u64 = 64 * 1024;

/// Bytes to copy at a time.
const COPIED: usize = 1 << 20;

impl Part {
    /// Reads up to `length` bytes at an offset, as far as they can be read. Fails if the page at the
    /// offset cannot be read, or if someone has truncated the part.
    pub(crate) fn read(&self, offset: u64, length: usize) -> Result<Bytes, DiskError> {
        let mut block = BytesMut::zeroed(length);
        let mut end = offset + length as u64;
        loop {
            let wanted = usize::try_from(end - offset).unwrap_or(length).min(length);
            let read = match self.file()?.read_at(&mut block[..wanted], offset) {
                Ok(0) => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
                other => other,
            };
            match read.map_err(DiskError::new(self.entry.path(), "read")) {
                Ok(read) => {
                    block.truncate(read);
                    return Ok(block.freeze());
                }
                // The bytes before the bad page may be readable.
                Err(error) if error.is_unreadable() && end > next_page(offset) => {
                    end = next_page(offset + (end - offset) / 2 - 1).min(end - 1);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The unreadable bytes around an unreadable offset, as far as they are looked for. In whole
    /// pages, since a part of one cannot be overwritten without reading the rest.
    pub(crate) fn unreadable(&self, offset: u64) -> Range<u64> {
        let start = offset / MARGIN * MARGIN;
        let mut end = next_page(offset);
        let is_unreadable = |at| self.file().is_ok_and(|file| file.read_at(&mut [0], at).is_err());
        while end < start + MARGIN && is_unreadable(end) {
            end += PAGE;
        }
        start..end
    }

    /// Copies the part. Unreadable bytes become a hole. If it fails, there is no copy.
    pub(crate) fn copy_to(&self, to: &Entry) -> Result<(), DiskError> {
        let metadata = self.file()?.metadata();
        let metadata = metadata.map_err(DiskError::new(self.entry.path(), "inspected"))?;
        let beside = salvage(to);
        copy(self, metadata.len(), &beside)?;
        beside.rename(to)?;
        to.sync_folder()?;
        crash_point("old-file-kept");
        Ok(())
    }

    /// Copies the first bytes to where [`Part::begin_again`] finds them.
    pub(crate) fn salvage(&self, length: u64) -> Result<(), DiskError> {
        copy(self, length, &salvage(&self.entry))
    }
}

/// The end of the page of an offset.
const fn next_page(offset: u64) -> u64 {
    (offset / PAGE + 1) * PAGE
}

/// Copies the first bytes of a part. Unreadable bytes become a hole.
fn copy(part: &Part, length: u64, to: &Entry) -> Result<(), DiskError> {
    to.remove()?;
    let copy = to.open_or_create()?;
    copy.resize(length)?;
    let mut at = 0;
    while at < length {
        let wanted = usize::try_from(length - at).unwrap_or(COPIED).min(COPIED);
        match part.read(at, wanted) {
            Ok(block) => {
                let end = at + block.len() as u64;
                copy.write_at(at, &block)?;
                at = end;
            }
            Err(error) if error.is_unreadable() => at = next_page(at),
            Err(error) => return Err(error),
        }
    }
    copy.sync_all()?;
    copy.close()
}
