//! An archive that is not whole yet: the part, in which every byte lies at its place, and the
//! journal beside it.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

use super::journal::{self, Journal, JournalState};
use crate::catalog::Archive;
use crate::disk::{self, DiskError, File, Folder, Kept, crash_point};
use crate::hash::Engine;
use crate::hash::digest::Digest;
use crate::transfer::repair::copy::salvage;
pub(crate) use crate::transfer::repair::original::HERE;
use crate::transfer::repair::undo_log::UndoLog;

/// Bytes hashed at a time.
const BLOCK: u64 = 256 * 1024;

/// A part, its journal, and what was in it where it is a file of the user's.
#[derive(Debug)]
pub(crate) struct Part {
    pub(super) path: PathBuf,
    pub(super) journal_path: PathBuf,
    pub(super) undo_path: PathBuf,
    md5: Digest,
    pub(super) file: File,
    journal: Mutex<Journal>,
    /// Whether a sync has failed. Its error is told once (fsync(2)), and the next one would succeed.
    sync_failed: Mutex<bool>,
    /// Opened when it is first needed.
    pub(super) undo: Mutex<Option<UndoLog>>,
}

/// What is here of an unfinished archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartialDownload {
    /// What its journal says, held against the part.
    pub recovered: JournalState,
    /// Bytes of the disk that it takes.
    pub allocated: u64,
}

/// Looks at what is here of an unfinished archive, and changes nothing.
pub fn look(folder: &Folder, archive: &Archive) -> Option<PartialDownload> {
    let path = folder.kept(archive, Kept::Part);
    // A link is never the program's, and opening a FIFO would wait for its other end.
    let metadata = path.symlink_metadata().ok().filter(std::fs::Metadata::is_file)?;
    let limit = archive.size.unwrap_or(u64::MAX).min(metadata.len());
    let recovered = match journal::read(&folder.kept(archive, Kept::Journal), &archive.md5) {
        Some(told) => {
            // The MD5 is the archive's: of two sizes, one is an error, and the bytes are good.
            let size = told.size.filter(|told| archive.size.is_none_or(|size| size == *told));
            JournalState { size, ..told.before(limit) }
        }
        // Where nobody says which bytes are on the disk, none of them counts.
        None => JournalState::default(),
    };
    Some(PartialDownload { recovered, allocated: disk::allocated(&metadata) })
}

/// Removes what is unfinished of an archive that is here and right: a run that ended just before it
/// would have done so leaves it. A file of the user's stays.
///
/// # Errors
///
/// Whatever the disk says.
pub(crate) fn remove_leftovers(folder: &Folder, archive: &Archive) -> Result<(), DiskError> {
    if look(folder, archive).is_some_and(|here| here.recovered.original.is_some()) {
        return Ok(());
    }
    disk::remove(&salvage(&folder.kept(archive, Kept::Part)))?;
    Kept::UNFINISHED.iter().try_for_each(|&kept| disk::remove(&folder.kept(archive, kept)))
}

impl Part {
    /// Opens the part of an archive, made if absent, with what is to be kept of it.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    pub(crate) fn open(
        folder: &Folder,
        archive: &Archive,
        kept: JournalState,
    ) -> Result<Self, DiskError> {
        let path = folder.kept(archive, Kept::Part);
        let journal_path = folder.kept(archive, Kept::Journal);
        let undo_path = folder.kept(archive, Kept::Undo);
        disk::remove(&salvage(&path))?;
        if kept.original.is_none() {
            // It is of a file that is no longer here.
            disk::remove(&undo_path)?;
        }
        // The journal first: without a part it claims nothing.
        let journal = Mutex::new(Journal::begin(&journal_path, &archive.md5, kept)?);
        crash_point("journal-begun");
        let file = File::in_place(&path)?;
        // Before the first byte: a journal that loses its name says nothing of what was synced.
        disk::sync_folder(disk::parent(&path))?;
        let md5 = archive.md5;
        let (sync_failed, undo) = (Mutex::default(), Mutex::default());
        let part = Self { path, journal_path, undo_path, md5, file, journal, sync_failed, undo };
        part.save_what_is_missing()?;
        Ok(part)
    }

    pub(super) fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock()
    }

    /// Writes blocks one after the other from an offset on.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    pub(crate) fn write(&self, offset: u64, blocks: &[Bytes]) -> Result<(), DiskError> {
        self.file.write_at(offset, blocks)?;
        crash_point("part-written");
        Ok(())
    }

    /// Notes bytes that have been written, and who gave them.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    pub(crate) fn record(&self, range: Range<u64>, source: &str) -> Result<(), DiskError> {
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
    pub(crate) fn record_size(&self, size: u64) -> Result<(), DiskError> {
        self.journal().told_size(size)
    }

    /// Puts what is written on the disk, and notes that it is there. Nothing to do is done at once.
    ///
    /// # Errors
    ///
    /// Whatever the disk says; nothing that was not on the disk before is then noted as being so.
    pub(crate) fn sync(&self) -> Result<(), DiskError> {
        let records = {
            let journal = self.journal();
            if journal.is_synced() {
                return Ok(());
            }
            journal.records()
        };
        self.put_on_disk(File::sync)?;
        crash_point("part-synced");
        self.journal().synced(records)?;
        crash_point("sync-journalled");
        Ok(())
    }

    /// Syncs the file. If that fails, nothing that was not on the disk before can be believed to
    /// be, now or in the next run, whatever a later sync says.
    fn put_on_disk(
        &self,
        sync: impl FnOnce(&File) -> Result<(), DiskError>,
    ) -> Result<(), DiskError> {
        let mut failed = self.sync_failed.lock();
        if *failed {
            let error = io::Error::other("an earlier sync failed");
            return Err(DiskError::new(&self.path, "synced")(error));
        }
        let result = sync(&self.file);
        if result.is_err() {
            *failed = true;
            let mut journal = self.journal();
            if journal.doubt().is_err() && journal.original().is_none() {
                // Without a journal nothing is believed either. CannotRepair the sync failed is the error.
                let _ = disk::remove(&self.journal_path);
            }
        }
        result
    }

    /// Bytes that the next run will believe, where these are not all that were written.
    pub(crate) fn believed(&self) -> Option<u64> {
        let failed = *self.sync_failed.lock();
        let read = || journal::read(&self.journal_path, &self.md5);
        failed.then(|| read().map_or(0, |told| told.written.total()))
    }

    /// The sources that gave bytes of a range.
    pub(crate) fn givers(&self, range: Range<u64>) -> Vec<String> {
        self.given(range).into_iter().map(|(_, giver)| giver).collect()
    }

    /// The same, with what each gave.
    pub(crate) fn given(&self, range: Range<u64>) -> Vec<(Range<u64>, String)> {
        let journal = self.journal();
        let given = journal.origins().within(range).into_iter();
        given.map(|(range, name)| (range, name.to_owned())).collect()
    }

    /// The digest of a range that is written; `None` once it is over.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    pub(super) fn digest(
        &self,
        engine: &Engine,
        range: Range<u64>,
        is_over: impl Fn() -> bool,
    ) -> Result<Option<Digest>, DiskError> {
        let mut stream = engine.stream();
        let mut at = range.start;
        while at < range.end {
            if is_over() {
                return Ok(None);
            }
            let length = usize::try_from((range.end - at).min(BLOCK)).unwrap_or(0);
            let block = self.read(at, length)?;
            at += block.len() as u64;
            stream.push(block);
        }
        Ok(Some(stream.finish()))
    }

    /// The sources that gave what is written.
    pub(crate) fn sources(&self) -> Vec<String> {
        self.journal().origins().names().to_vec()
    }

    /// Begins again after [`Part::discard`], from nothing or from what was salvaged, and notes
    /// what is known of it.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    pub(crate) fn begin_again(&mut self, kept: JournalState) -> Result<(), DiskError> {
        let salvaged = !kept.written.is_empty();
        let fresh = Journal::begin(&self.journal_path, &self.md5, kept)?;
        crash_point("begun-again-in-the-journal");
        if salvaged {
            disk::rename(&salvage(&self.path), &self.path)?;
        }
        self.file = File::in_place(&self.path)?;
        disk::sync_folder(disk::parent(&self.path))?;
        self.journal = Mutex::new(fresh);
        self.sync_failed = Mutex::default();
        self.undo = Mutex::default();
        Ok(())
    }

    /// Makes the part the archive: exactly `size` bytes, on the disk, under its final name, the
    /// name on the disk as well. Then the journal goes.
    ///
    /// # Errors
    ///
    /// Whatever the disk says; the part is then still the part, and what had the name has it.
    pub(crate) fn become_archive(&self, size: u64, target: &Path) -> Result<(), DiskError> {
        let length = self.file.metadata().map_err(DiskError::new(&self.path, "looked at"))?.len();
        if length != size {
            self.file.resize(size)?;
            crash_point("size-set");
        }
        self.put_on_disk(|file| file.sync_all().and_then(|()| file.close_once()))?;
        crash_point("archive-synced");
        let folder = disk::parent(target);
        disk::make_folder(folder)?;
        // The file that the part was is no longer needed: this one is right.
        disk::remove(&self.undo_path)?;
        disk::rename(&self.path, target)?;
        crash_point("archive-named");
        disk::sync_folder(folder)?;
        crash_point("name-synced");
        disk::remove(&self.journal_path)?;
        crash_point("journal-removed");
        Ok(())
    }

    /// Gives up the part and its journal. What was written is moved to `keep`, if there is one. A
    /// file of the user's is put there as it was.
    ///
    /// # Errors
    ///
    /// Whatever the disk says. So is a file of the user's that would go nowhere.
    pub(crate) fn discard(&self, keep: Option<&Path>) -> Result<(), DiskError> {
        match (self.original(), keep) {
            (Some(original), Some(keep)) => return self.put_back(original, keep),
            (Some(_), None) => {
                let error = io::Error::other("it is a file of yours");
                return Err(DiskError::new(&self.path, "removed")(error));
            }
            (None, Some(keep)) => {
                disk::rename(&self.path, keep)?;
                disk::sync_folder(disk::parent(keep))?;
            }
            (None, None) => disk::remove(&self.path)?,
        }
        crash_point("part-given-up");
        // Without a part it claims nothing.
        disk::remove(&self.journal_path)?;
        crash_point("journal-given-up");
        Ok(())
    }
}

#[cfg(test)]
mod tests;
