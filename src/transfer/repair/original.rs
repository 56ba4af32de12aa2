//! A part that is a file of the user's: taken over, written to with care, put back.

use std::ops::Range;
use std::path::Path;

use super::undo_log::UndoLog;
use crate::catalog::Archive;
use crate::disk::{self, DiskError, Folder, Kept, crash_point};
use crate::ranges::RangeSet;
use crate::transfer::journal::{Journal, JournalState, Original};
use crate::transfer::part::Part;

/// Who gave the bytes of a file that was here.
pub(crate) const HERE: &str = "a file that was here";

impl Part {
    /// Takes over a file of the user's, of which nothing but its length has to fit: what of it is
    /// as long as the archive counts as written. Killed at any moment, the file is either where it
    /// was or the part.
    ///
    /// # Errors
    ///
    /// Whatever the disk says; the file is then where it was.
    pub(crate) fn adopt(
        folder: &Folder,
        archive: &Archive,
        file: &Path,
    ) -> Result<JournalState, DiskError> {
        let metadata = file.symlink_metadata().map_err(DiskError::new(file, "looked at"))?;
        let path = folder.kept(archive, Kept::Part);
        // What the journal is to say of it: that it is on the disk.
        disk::sync_file(file)?;
        disk::remove(&path)?;
        disk::remove(&folder.kept(archive, Kept::Undo))?;
        let written = 0..archive.size.unwrap_or(u64::MAX).min(metadata.len());
        let original = Some(Original::of(&metadata));
        let synced = RangeSet::from_iter([written.clone()]);
        let told = JournalState::of(written, HERE);
        let kept = JournalState { size: archive.size, original, synced, ..told };
        Journal::begin(&folder.kept(archive, Kept::Journal), &archive.md5, kept.clone())?;
        // A part of which the journal does not say that it is the user's would be the program's.
        disk::sync_folder(folder.own())?;
        crash_point("adoption-journalled");
        disk::rename(file, &path)?;
        crash_point("file-adopted");
        Ok(kept)
    }

    /// Bytes that have been written are wrong, or cannot be read: they count as missing from now
    /// on, and may be written over. Of a file of the user's they are saved first.
    ///
    /// # Errors
    ///
    /// Whatever the disk says; they then still count as written.
    pub(crate) fn lose(&self, range: Range<u64>) -> Result<(), DiskError> {
        if let Some(original) = self.original() {
            let saved = range.start..range.end.min(original.length);
            self.with_undo(|undo| undo.save(&self.file, saved))?;
        }
        crash_point("old-bytes-saved");
        self.journal().lost(range)?;
        crash_point("loss-journalled");
        Ok(())
    }

    /// Of a file of the user's, saves what does not count as written, for that is written over.
    /// Mostly it was saved when it was lost; but a journal may be damaged.
    pub(crate) fn save_what_is_missing(&self) -> Result<(), DiskError> {
        let journal = self.journal();
        let Some(original) = journal.original() else { return Ok(()) };
        let end = journal.size().unwrap_or(u64::MAX).min(original.length);
        let missing = journal.written().gaps(0..end);
        drop(journal);
        missing.into_iter().try_for_each(|gap| self.with_undo(|undo| undo.save(&self.file, gap)))
    }

    /// What the part was before, where it is a file of the user's.
    pub(crate) fn original(&self) -> Option<Original> {
        self.journal().original()
    }

    /// Whether the part is a file of the user's that is shorter than its archive, or that may be.
    pub(crate) fn was_beginning(&self) -> bool {
        let journal = self.journal();
        let Some(original) = journal.original() else { return false };
        journal.size().is_none_or(|size| original.length < size)
    }

    /// Bytes of the user's file that have been written over.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
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
            none => none.insert(UndoLog::open(&self.undo_path)?),
        };
        work(undo)
    }

    /// Gives the user's file that the part was a path again, with the bytes, the length and the
    /// time that it had. There is no part any more then. Killed at any moment, it is either there
    /// or a part.
    ///
    /// # Errors
    ///
    /// Whatever the disk says; the part is then still the part.
    pub(crate) fn put_back(&self, original: Original, to: &Path) -> Result<(), DiskError> {
        self.with_undo(|undo| undo.restore(&self.file))?;
        self.file.resize(original.length)?;
        self.file.touch(original.modified())?;
        self.file.sync_all()?;
        crash_point("old-bytes-restored");
        let folder = disk::parent(to);
        disk::make_folder(folder)?;
        disk::rename(&self.path, to)?;
        disk::sync_folder(folder)?;
        crash_point("file-put-back");
        disk::remove(&self.journal_path)?;
        disk::remove(&self.undo_path)
    }
}
