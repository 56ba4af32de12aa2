//! A part that is a user's file: taken over, overwritten with care, and restored.

use std::ops::Range;
use std::path::Path;

use super::undo_log::UndoLog;
use crate::catalog::Archive;
use crate::disk::{self, DiskError, Entry, Folder, StateFile, crash_point};
use crate::ranges::RangeSet;
use crate::transfer::journal::{Journal, JournalState, Original};
use crate::transfer::part::{HERE, Part};

impl Part {
    /// Takes over a user's file. Its bytes up to the archive's size count as written. Killed at any
    /// moment, the file is either in its place or the part. If it fails, the file is in its place.
    pub(crate) fn adopt(
        folder: &Folder,
        archive: &Archive,
        file: &Path,
    ) -> Result<JournalState, DiskError> {
        let metadata = file.symlink_metadata().map_err(DiskError::new(file, "inspected"))?;
        let part = folder.state_file(archive, StateFile::Part);
        // The journal will say that it is on the disk.
        disk::sync_file(file)?;
        part.remove()?;
        folder.state_file(archive, StateFile::Undo).remove()?;
        let written = 0..archive.size.unwrap_or(u64::MAX).min(metadata.len());
        let original = Some(Original::of(&metadata));
        let synced = RangeSet::from_iter([written.clone()]);
        let told = JournalState::of(written, HERE);
        let kept = JournalState { size: archive.size, original, synced, ..told };
        Journal::begin(
            &folder.state_file(archive, StateFile::Journal),
            &archive.digest(),
            kept.clone(),
        )?;
        // A part is cxr's own unless its journal says that it is a user's file.
        part.sync_folder()?;
        crash_point("adoption-journalled");
        Entry::at(file).rename(&part)?;
        crash_point("file-adopted");
        Ok(kept)
    }

    /// Counts written bytes that are wrong or cannot be read as missing: they may be overwritten. Saves
    /// those of a user's file first. If it fails, they still count as written.
    pub(crate) fn lose(&self, range: Range<u64>) -> Result<(), DiskError> {
        if let Some(original) = self.original() {
            let saved = range.start..range.end.min(original.length);
            self.with_undo(|undo| undo.save(self.file()?, saved))?;
        }
        crash_point("old-bytes-saved");
        self.journal().lost(range)?;
        crash_point("loss-journalled");
        Ok(())
    }

    /// Saves the bytes of a user's file that do not count as written. Usually they were saved when
    /// they were lost, but the journal may have been damaged since.
    pub(crate) fn save_what_is_missing(&self) -> Result<(), DiskError> {
        let journal = self.journal();
        let Some(original) = journal.original() else { return Ok(()) };
        let end = journal.size().unwrap_or(u64::MAX).min(original.length);
        let missing = journal.written().gaps(0..end);
        drop(journal);
        missing.into_iter().try_for_each(|gap| self.with_undo(|undo| undo.save(self.file()?, gap)))
    }

    /// The user's file that the part was.
    pub(crate) fn original(&self) -> Option<Original> {
        self.journal().original()
    }

    /// Returns true if the part was a user's file that was, or may have been, shorter than the archive.
    pub(crate) fn was_beginning(&self) -> bool {
        let journal = self.journal();
        let Some(original) = journal.original() else { return false };
        journal.size().is_none_or(|size| original.length < size)
    }

    /// The number of overwritten bytes of the user's file.
    pub(crate) fn overwritten(&self) -> Result<u64, DiskError> {
        match self.original() {
            Some(_) => self.with_undo(|undo| Ok(undo.saved().total())),
            None => Ok(0),
        }
    }

    fn with_undo<T>(
        &self,
        work: impl FnOnce(&mut UndoLog) -> Result<T, DiskError>,
    ) -> Result<T, DiskError> {
        let mut undo = self.undo.lock();
        let undo = match &mut *undo {
            Some(undo) => undo,
            none => none.insert(UndoLog::open(&self.undo_entry)?),
        };
        work(undo)
    }

    /// Restores the user's file at a path, with its bytes, its length and its time; there is no part
    /// after that. Killed at any moment, the file is there or a part. If it fails, the part stays.
    pub(crate) fn put_back(&mut self, original: Original, to: &Entry) -> Result<(), DiskError> {
        let file = self.file()?;
        self.with_undo(|undo| undo.restore(file))?;
        file.resize(original.length)?;
        file.touch(original.modified())?;
        file.sync_all()?;
        crash_point("old-bytes-restored");
        disk::create_folder(disk::parent(to.path()))?;
        self.rename(to)?;
        to.sync_folder()?;
        crash_point("file-put-back");
        self.close_records();
        self.journal_entry.remove()?;
        self.undo_entry.remove()
    }
}
