//! A partial download: the part, in which every byte has its place, and the journal beside it.

mod beginning;

use std::io;
use std::ops::Range;
use std::path::Path;

use parking_lot::{Mutex, MutexGuard};

use super::journal::{self, Journal, JournalState};
use crate::catalog::Archive;
use crate::disk::{self, DiskError, Entry, File, Folder, StateFile, crash_point};
use crate::hash::Engine;
use crate::hash::digest::{Digest, Md5};
use crate::text::units;
use crate::transfer::repair::undo_log::UndoLog;

/// Bytes to hash at a time.
const BLOCK: u64 = 256 * 1024;

/// The source of the bytes of a file that was here.
pub(crate) const HERE: &str = "a file that was here";

/// A part, its journal, and the undo log if it is a user's file.
#[derive(Debug)]
pub(crate) struct Part {
    pub(super) entry: Entry,
    pub(super) journal_entry: Entry,
    pub(super) undo_entry: Entry,
    /// The digest that decides, for the journal.
    digest: Digest,
    /// `None` once the file has another name: some file systems rename only files that nobody has
    /// open.
    file: Option<File>,
    journal: Mutex<Journal>,
    /// A sync has failed. The kernel reports the error once (fsync(2)), and the next sync succeeds.
    sync_failed: Mutex<bool>,
    /// Opened when it is first needed.
    pub(super) undo: Mutex<Option<UndoLog>>,
}

/// The state of a partial download.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartialDownload {
    /// The state that the journal describes, as far as the part confirms it.
    pub recovered: JournalState,
    /// Bytes of the disk that it takes.
    pub allocated: u64,
}

impl PartialDownload {
    /// Returns the bytes of the archive that are here.
    pub fn bytes(&self) -> u64 {
        self.recovered.written.total()
    }

    /// Returns the size of the archive: that of the table, or else the one that a source reported.
    pub fn size(&self, archive: &Archive) -> Option<u64> {
        archive.size.or(self.recovered.size)
    }
}

/// Describes a partial download of this many bytes.
pub(crate) fn kept(here: u64, size: Option<u64>) -> String {
    let bytes = units::bytes(here);
    match size {
        _ if here == 0 => "nothing is kept in .cxr/".to_owned(),
        Some(size) => {
            let (all, percent) = (units::bytes(size), units::percent(here, size));
            format!("{bytes} of {all} are kept in .cxr/ ({percent} %)")
        }
        None => format!("{bytes} are kept in .cxr/"),
    }
}

/// Looks at the partial download of an archive, and changes nothing.
pub fn look(folder: &Folder, archive: &Archive) -> Option<PartialDownload> {
    let metadata = folder.state_file(archive, StateFile::Part).metadata().ok()?;
    let limit = archive.size.unwrap_or(u64::MAX).min(metadata.len());
    let recovered =
        match journal::read(&folder.state_file(archive, StateFile::Journal), &archive.digest()) {
            Some(told) => {
                // The digest is right: of two sizes one is an error, and the bytes are good.
                let size = told.size.filter(|told| archive.size.is_none_or(|size| size == *told));
                JournalState { size, ..told.before(limit) }
            }
            // Without a journal, no byte is known to be on the disk.
            None => JournalState::default(),
        };
    Some(PartialDownload { recovered, allocated: disk::allocated(&metadata) })
}

/// Removes the partial download of an archive that is here and right, as a run leaves it that ended
/// just before it would have removed it. A user's file stays.
pub(crate) fn remove_leftovers(folder: &Folder, archive: &Archive) -> Result<(), DiskError> {
    if look(folder, archive).is_some_and(|here| here.recovered.original.is_some()) {
        return Ok(());
    }
    salvage(&folder.state_file(archive, StateFile::Part)).remove()?;
    StateFile::UNFINISHED.iter().try_for_each(|&kept| folder.state_file(archive, kept).remove())
}

/// An incomplete copy.
pub(crate) fn salvage(entry: &Entry) -> Entry {
    entry.with_added_extension("new")
}

impl Part {
    /// Opens the part of an archive with the bytes that are kept. Creates it if there is none.
    pub(crate) fn open(
        folder: &Folder,
        archive: &Archive,
        kept: JournalState,
    ) -> Result<Self, DiskError> {
        let entry = folder.state_file(archive, StateFile::Part);
        let journal_entry = folder.state_file(archive, StateFile::Journal);
        let undo_entry = folder.state_file(archive, StateFile::Undo);
        salvage(&entry).remove()?;
        if kept.original.is_none() {
            // It belongs to a file that is no longer here.
            undo_entry.remove()?;
        }
        // The journal first: without a part it claims nothing.
        let journal = Mutex::new(Journal::begin(&journal_entry, &archive.digest(), kept)?);
        crash_point("journal-begun");
        let file = Some(entry.open_or_create()?);
        // Before the first byte: a journal without a name proves no sync.
        entry.sync_folder()?;
        let digest = archive.digest();
        let (sync_failed, undo) = (Mutex::default(), Mutex::default());
        let part =
            Self { entry, journal_entry, undo_entry, digest, file, journal, sync_failed, undo };
        part.save_what_is_missing()?;
        Ok(part)
    }

    /// The open file.
    pub(super) fn file(&self) -> Result<&File, DiskError> {
        self.file.as_ref().ok_or_else(|| {
            DiskError::new(self.entry.path(), "used")(io::Error::other("it has been closed"))
        })
    }

    /// Closes the file and gives it another name. If that fails, the file is open again.
    pub(super) fn rename(&mut self, to: &Entry) -> Result<(), DiskError> {
        let closed = self.file.take().map_or(Ok(()), File::close);
        let renamed = closed.and_then(|()| self.entry.rename(to));
        if renamed.is_err() {
            self.file = self.entry.open_to_write().ok();
        }
        renamed
    }

    /// Closes the journal and the undo log, so that every file system removes them.
    pub(super) fn close_records(&self) {
        self.journal().close();
        *self.undo.lock() = None;
    }

    pub(super) fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock()
    }

    /// Writes blocks one after the other, from an offset on.
    pub(crate) fn write(&self, offset: u64, block: &[u8]) -> Result<(), DiskError> {
        self.file()?.write_at(offset, block)?;
        crash_point("part-written");
        Ok(())
    }

    /// Notes written bytes and their source.
    pub(crate) fn record(&self, range: Range<u64>, source: &str) -> Result<(), DiskError> {
        if !range.is_empty() {
            self.journal().wrote(range, source)?;
            crash_point("journal-appended");
        }
        Ok(())
    }

    /// Notes the size that a source reported.
    pub(crate) fn record_size(&self, size: u64) -> Result<(), DiskError> {
        self.journal().told_size(size)
    }

    /// Syncs the written bytes, and notes that. If it fails, nothing more is noted as synced. Returns
    /// at once if there is nothing to sync.
    pub(crate) fn sync(&self) -> Result<(), DiskError> {
        let records = {
            let journal = self.journal();
            if self.file.is_none() || journal.is_synced() {
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

    /// Syncs the file. After a failure, no byte that was not synced before is believed to be on the
    /// disk, in this run and the next, whatever a later sync reports.
    fn put_on_disk(
        &self,
        sync: impl FnOnce(&File) -> Result<(), DiskError>,
    ) -> Result<(), DiskError> {
        let mut failed = self.sync_failed.lock();
        if *failed {
            let failed = DiskError::new(self.entry.path(), "synced");
            return Err(failed(io::Error::other("an earlier sync failed")));
        }
        let result = self.file().and_then(sync);
        if result.is_err() {
            *failed = true;
            let mut journal = self.journal();
            if journal.doubt().is_err() && journal.original().is_none() {
                // Without a journal nothing is believed either. Why the sync failed is the error.
                let _ = self.journal_entry.remove();
            }
        }
        result
    }

    /// The bytes that the next run will believe, if these are not all that were written.
    pub(crate) fn believed(&self) -> Option<u64> {
        let failed = *self.sync_failed.lock();
        let read = || journal::read(&self.journal_entry, &self.digest);
        failed.then(|| read().map_or(0, |told| told.written.total()))
    }

    /// The sources of a range.
    pub(crate) fn givers(&self, range: Range<u64>) -> Vec<String> {
        self.given(range).into_iter().map(|(_, giver)| giver).collect()
    }

    /// The pieces of a range, each with its source.
    pub(crate) fn given(&self, range: Range<u64>) -> Vec<(Range<u64>, String)> {
        let journal = self.journal();
        let given = journal.origins().within(range).into_iter();
        given.map(|(range, name)| (range, name.to_owned())).collect()
    }

    /// The MD5 of a written range, to tell whether it changes; `None` if `is_over` turns true.
    pub(super) fn digest(
        &self,
        engine: &Engine,
        range: Range<u64>,
        is_over: impl Fn() -> bool,
    ) -> Result<Option<Md5>, DiskError> {
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

    /// The sources of all written bytes.
    pub(crate) fn sources(&self) -> Vec<String> {
        self.journal().origins().names().to_vec()
    }

    /// Starts over after [`Part::discard`], from nothing or from what was salvaged.
    pub(crate) fn begin_again(&mut self, kept: JournalState) -> Result<(), DiskError> {
        let salvaged = !kept.written.is_empty();
        self.close_records();
        let fresh = Journal::begin(&self.journal_entry, &self.digest, kept)?;
        crash_point("begun-again-in-the-journal");
        if salvaged {
            salvage(&self.entry).rename(&self.entry)?;
        }
        self.file = Some(self.entry.open_or_create()?);
        self.entry.sync_folder()?;
        self.journal = Mutex::new(fresh);
        self.sync_failed = Mutex::default();
        Ok(())
    }

    /// Makes the part the archive: exactly `size` bytes, synced, under its final name, with that name
    /// synced too. Then removes the journal. If it fails, the part stays, and so does the file that
    /// has the name.
    pub(crate) fn become_archive(&mut self, size: u64, target: &Path) -> Result<(), DiskError> {
        let metadata = self.file()?.metadata();
        let metadata = metadata.map_err(DiskError::new(self.entry.path(), "inspected"))?;
        if metadata.len() != size {
            self.file()?.resize(size)?;
            crash_point("size-set");
        }
        self.put_on_disk(|file| file.sync_all().and_then(|()| file.close_duplicate()))?;
        crash_point("archive-synced");
        disk::create_folder(disk::parent(target))?;
        // The user's file is no longer needed: this one is right.
        *self.undo.lock() = None;
        self.undo_entry.remove()?;
        let target = Entry::at(target);
        self.rename(&target)?;
        crash_point("archive-named");
        target.sync_folder()?;
        crash_point("name-synced");
        self.close_records();
        self.journal_entry.remove()?;
        crash_point("journal-removed");
        Ok(())
    }

    /// Removes the journal and the part, or moves the part to `keep`. Restores a user's file there;
    /// fails if there is nowhere to restore it.
    pub(crate) fn discard(&mut self, keep: Option<&Entry>) -> Result<(), DiskError> {
        match (self.original(), keep) {
            (Some(original), Some(keep)) => return self.put_back(original, keep),
            (Some(_), None) => {
                let error = io::Error::other("it is a file of yours");
                return Err(DiskError::new(self.entry.path(), "removed")(error));
            }
            (None, Some(keep)) => {
                self.rename(keep)?;
                keep.sync_folder()?;
            }
            (None, None) => {
                self.file = None;
                self.entry.remove()?;
            }
        }
        crash_point("part-removed");
        // Without a part it claims nothing.
        self.close_records();
        self.journal_entry.remove()?;
        crash_point("journal-removed");
        Ok(())
    }
}

#[cfg(test)]
mod tests;
