//! An archive that is not whole yet: the part, in which every byte lies at its place, and the
//! journal beside it.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use rustix::fs::{SeekFrom, seek};

use super::journal::{self, Journal, Recovered};
use crate::catalog::Archive;
use crate::digest::Digest;
use crate::disk::{self, DiskError, File, Folder, Kept, crash_point};
use crate::ranges::RangeSet;

/// What a file without a journal is believed: not the last bytes before a hole, nor the first
/// behind one, where a block of the file system may be half written.
const MARGIN: u64 = 64 * 1024;

/// A part and its journal.
#[derive(Debug)]
pub struct Part {
    path: PathBuf,
    journal_path: PathBuf,
    md5: Digest,
    file: File,
    journal: Mutex<Journal>,
}

/// What is here of an unfinished archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// What its journal says, held against the part.
    pub recovered: Recovered,
    /// Bytes of the disk that it takes.
    pub allocated: u64,
}

/// Looks at what is here of an unfinished archive, and changes nothing.
pub fn look(folder: &Folder, archive: &Archive) -> Option<Unfinished> {
    let path = folder.kept(archive, Kept::Part);
    // A link is never the program's, and opening a FIFO would wait for its other end.
    let metadata = path.symlink_metadata().ok().filter(std::fs::Metadata::is_file)?;
    let file = File::open(&path).ok()?;
    let limit = archive.size.unwrap_or(u64::MAX).min(metadata.len());
    let recovered = match journal::read(&folder.kept(archive, Kept::Journal), &archive.md5) {
        Some(told)
            if archive.size.is_none() || told.size.is_none_or(|s| Some(s) == archive.size) =>
        {
            Recovered {
                written: told.written.before(limit),
                synced: told.synced.before(limit),
                ..told
            }
        }
        Some(_) => Recovered::default(),
        // The journal is lost; the file still shows where it has holes.
        None => Recovered { written: extents(&file, limit), ..Recovered::default() },
    };
    Some(Unfinished { recovered, allocated: disk::allocated(&metadata) })
}

/// Where a file has data, by the file system's word, less a margin at the edges of the holes. One
/// that knows of no holes says that all is data.
fn extents(file: &File, limit: u64) -> RangeSet {
    let mut extents = RangeSet::new();
    let mut at = 0;
    while let Ok(start) = seek(file, SeekFrom::Data(at)) {
        let end = seek(file, SeekFrom::Hole(start)).unwrap_or(limit);
        let from = if start == 0 { 0 } else { start + MARGIN };
        let to = if end >= limit { limit } else { end.saturating_sub(MARGIN) };
        extents.insert(from..to.max(from));
        if end <= at {
            break;
        }
        at = end;
    }
    extents.before(limit)
}

impl Part {
    /// Opens the part of an archive, made if absent, with what is to be kept of it.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    pub fn open(folder: &Folder, archive: &Archive, kept: Recovered) -> Result<Self, DiskError> {
        let path = folder.kept(archive, Kept::Part);
        let journal_path = folder.kept(archive, Kept::Journal);
        // The journal first: without a part it claims nothing.
        let journal = Journal::begin(&journal_path, &archive.md5, kept)?;
        crash_point("journal-begun");
        let file = File::in_place(&path)?;
        let journal = Mutex::new(journal);
        Ok(Self { path, journal_path, md5: archive.md5, file, journal })
    }

    /// Takes over a file of the user's that is the beginning of the archive: `length` bytes.
    /// Killed at any moment, the file is either where it was or the part.
    ///
    /// # Errors
    ///
    /// Whatever the disk says; the file is then where it was.
    pub fn adopt(
        folder: &Folder,
        archive: &Archive,
        file: &Path,
        length: u64,
    ) -> Result<Recovered, DiskError> {
        let path = folder.kept(archive, Kept::Part);
        disk::remove(&path)?;
        let written = RangeSet::from_iter([0..length; 1]);
        let sources = vec!["a file that was here".to_owned()];
        let kept = Recovered { written, sources, ..Recovered::default() };
        Journal::begin(&folder.kept(archive, Kept::Journal), &archive.md5, kept.clone())?;
        crash_point("adoption-journalled");
        disk::rename(file, &path)?;
        crash_point("file-adopted");
        Ok(kept)
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the part is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes blocks one after the other from an offset on.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    pub fn write(&self, offset: u64, blocks: &[Bytes]) -> Result<(), DiskError> {
        self.file.write_at(offset, blocks)?;
        crash_point("part-written");
        Ok(())
    }

    /// Notes bytes that have been written, and who gave them.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    pub fn record(&self, range: Range<u64>, source: &str) -> Result<(), DiskError> {
        if !range.is_empty() {
            self.journal().wrote(range, source)?;
            crash_point("journal-appended");
        }
        Ok(())
    }

    /// Notes the size that a source told.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    pub fn record_size(&self, size: u64) -> Result<(), DiskError> {
        self.journal().size(size)
    }

    /// Reads up to `length` bytes at an offset.
    ///
    /// # Errors
    ///
    /// An unreadable disk; a part that someone has cut short.
    pub fn read(&self, offset: u64, length: usize) -> Result<Bytes, DiskError> {
        let mut block = BytesMut::zeroed(length);
        let read = match self.file.read_at(&mut block, offset) {
            Ok(0) => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            other => other,
        };
        let failed = DiskError::new(&self.path, "read");
        block.truncate(read.map_err(failed)?);
        Ok(block.freeze())
    }

    /// Puts what is written on the disk, and notes that it is there. Nothing to do is done at once.
    ///
    /// # Errors
    ///
    /// Whatever the disk says; nothing that was not on the disk before is then noted as being so.
    pub fn sync(&self) -> Result<(), DiskError> {
        let records = {
            let journal = self.journal();
            if journal.is_synced() {
                return Ok(());
            }
            journal.records()
        };
        self.file.sync()?;
        crash_point("part-synced");
        self.journal().synced(records)?;
        crash_point("sync-journalled");
        Ok(())
    }

    /// The sources that gave what is written.
    pub fn sources(&self) -> Vec<String> {
        self.journal().sources().to_vec()
    }

    /// Begins again from nothing. With `keep`, what was written is moved there first.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    pub fn begin_again(&mut self, keep: Option<&Path>) -> Result<(), DiskError> {
        let fresh = Journal::begin(&self.journal_path, &self.md5, Recovered::default())?;
        crash_point("begun-again-in-the-journal");
        match keep {
            Some(keep) => disk::rename(&self.path, keep)?,
            None => disk::remove(&self.path)?,
        }
        crash_point("wrong-part-gone");
        self.file = File::in_place(&self.path)?;
        self.journal = Mutex::new(fresh);
        Ok(())
    }

    /// Makes the part the archive: exactly `size` bytes, on the disk, under its final name, the
    /// name on the disk as well. Then the journal goes.
    ///
    /// # Errors
    ///
    /// Whatever the disk says; the part is then still the part, and what had the name has it.
    pub fn become_archive(&self, size: u64, target: &Path) -> Result<(), DiskError> {
        let length = self.file.metadata().map_err(DiskError::new(&self.path, "looked at"))?.len();
        if length != size {
            self.file.resize(size)?;
            crash_point("size-set");
        }
        self.file.sync_all()?;
        self.file.close_once()?;
        crash_point("archive-synced");
        let folder = target.parent().unwrap_or(Path::new("."));
        disk::make_folder(folder)?;
        disk::rename(&self.path, target)?;
        crash_point("archive-named");
        disk::sync_folder(folder)?;
        crash_point("name-synced");
        disk::remove(&self.journal_path)?;
        crash_point("journal-removed");
        Ok(())
    }

    /// Gives up the part and its journal. With `keep`, what was written is moved there first.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    pub fn discard(&self, keep: Option<&Path>) -> Result<(), DiskError> {
        disk::remove(&self.journal_path)?;
        crash_point("journal-given-up");
        match keep {
            Some(keep) => disk::rename(&self.path, keep)?,
            None => disk::remove(&self.path)?,
        }
        crash_point("part-given-up");
        Ok(())
    }
}
