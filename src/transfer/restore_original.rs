//! Puts wrong bytes aside, and a user's file back in its place.

use std::io;

use super::attempts::Attempts;
use super::journal::JournalState;
use super::{Ending, HERE, RestoredFile};
use crate::disk::{self, DiskError, Entry};
use crate::ranges::RangeSet;

impl Attempts<'_> {
    /// Puts the wrong bytes aside: a user's file back in its place, all others where they are kept,
    /// if they are. Returns the bytes with which the next attempt starts.
    pub(super) fn set_aside(&mut self) -> Result<JournalState, DiskError> {
        self.reused = RangeSet::new();
        if self.job.part().original().is_none() {
            let keep = self.place_for_corrupt()?;
            self.job.wait_for_writers().discard(keep.as_ref())?;
            return Ok(JournalState::default());
        }
        let proven = std::mem::take(&mut self.proven);
        let space = self.check_space();
        if space.is_ok() && proven > 0 {
            self.job.part().salvage(proven)?;
        }
        self.restore()?;
        space.map(|()| JournalState { beside: true, ..JournalState::of(0..proven, HERE) })
    }

    /// The place to keep wrong bytes, if they should be kept and are not yet.
    pub(super) fn place_for_corrupt(&mut self) -> Result<Option<Entry>, DiskError> {
        let context = &self.transfer.context;
        let wanted = context.keep_corrupt && self.copy.take().is_none();
        wanted.then(|| context.folder.corrupt(&self.job.archive)).transpose()
    }

    /// Puts a user's file that is not to be changed any more back in its place.
    fn restore(&mut self) -> Result<(), DiskError> {
        let Some(original) = self.job.part().original() else { return Ok(()) };
        let (archive, folder) = (&self.job.archive, self.transfer.context.folder);
        let target = folder.archive(archive);
        // Another file may have taken its place.
        let is_free = target.symlink_metadata().is_err();
        let place = if is_free { Entry::at(&target) } else { folder.corrupt(archive)? };
        self.transfer.schedule.lock().void_leases(self.archive);
        self.job.wait_for_writers().discard(Some(&place))?;
        self.reused = RangeSet::new();
        if let Some(copy) = self.copy.take() {
            copy.remove()?;
        }
        self.restored =
            Some(RestoredFile { path: place.path().to_owned(), length: original.length });
        Ok(())
    }

    /// Fails if there is no space for the archive beside the user's file.
    fn check_space(&self) -> Result<(), DiskError> {
        let folder = self.transfer.context.folder;
        let free = disk::available(folder.dir())?;
        if free.zip(self.job.archive.size).is_some_and(|(free, size)| size > free) {
            let why = "there is no space for another copy of it";
            let error = io::Error::new(io::ErrorKind::StorageFull, why);
            let target = folder.archive(&self.job.archive);
            return Err(DiskError::new(&target, "downloaded again")(error));
        }
        Ok(())
    }

    /// Puts a user's file back in its place at an end without the archive. The beginning of an archive
    /// stays the part if only the rest could not be had; so does every part if the run is cancelled.
    pub(super) fn restore_at_end(&mut self, ending: &Ending) -> Result<(), DiskError> {
        let stays = match ending {
            Ending::Verified(_) | Ending::Cancelled | Ending::Stopped(_) => true,
            Ending::Unreachable(_) | Ending::Error(_) => self.job.part().was_beginning(),
            Ending::Corrupt { .. } => false,
        };
        if stays || self.restored.is_some() || !self.transfer.owns_the_folder()? {
            return Ok(());
        }
        self.restore()
    }
}
