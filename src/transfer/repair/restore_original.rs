//! What becomes of wrong bytes, and of a file of the user's under which no more is to be built.

use std::io;
use std::path::PathBuf;

use crate::disk::{self, DiskError};
use crate::transfer::attempts::Attempts;
use crate::transfer::journal::JournalState;
use crate::transfer::part::HERE;
use crate::transfer::{Ending, RestoredFile};

impl Attempts<'_> {
    /// Puts the wrong bytes away: a file of the user's where it was, all others where they are
    /// kept, if they are. Gives what there is to begin with all the same.
    pub(crate) fn set_aside(&mut self) -> Result<JournalState, DiskError> {
        if self.job.part().original().is_none() {
            let keep = self.kept()?;
            self.job.wait_for_writers().discard(keep.as_deref())?;
            return Ok(JournalState::default());
        }
        let proven = std::mem::take(&mut self.proven);
        let room = self.see_room();
        if room.is_ok() && proven > 0 {
            self.job.part().salvage(proven)?;
        }
        self.put_back()?;
        room.map(|()| JournalState { beside: true, ..JournalState::of(0..proven, HERE) })
    }

    /// Where wrong bytes are to be kept, if they are and are not yet.
    pub(crate) fn kept(&mut self) -> Result<Option<PathBuf>, DiskError> {
        let wanted = self.transfer.context.keep_corrupt && self.copy.take().is_none();
        wanted.then(|| self.transfer.context.folder.corrupt(&self.job.archive)).transpose()
    }

    /// A file of the user's under which no more is to be built lies where it was.
    fn put_back(&mut self) -> Result<(), DiskError> {
        let Some(original) = self.job.part().original() else { return Ok(()) };
        let archive = &self.job.archive;
        let target = self.transfer.context.folder.archive(archive);
        // Something else may have come in its place.
        let free = target.symlink_metadata().is_err();
        let home = if free { target } else { self.transfer.context.folder.corrupt(archive)? };
        self.transfer.schedule.lock().call_off(self.archive);
        self.job.wait_for_writers().discard(Some(&home))?;
        if let Some(copy) = self.copy.take() {
            disk::remove(&copy)?;
        }
        self.returned = Some(RestoredFile { path: home, length: original.length });
        Ok(())
    }

    /// Whether there is room for the archive beside the user's file.
    fn see_room(&self) -> Result<(), DiskError> {
        let free = disk::available(self.transfer.context.folder.dir())?;
        if self.job.archive.size.is_some_and(|size| size > free) {
            let target = self.transfer.context.folder.archive(&self.job.archive);
            let why = "there is no room for another copy of it";
            let error = io::Error::new(io::ErrorKind::StorageFull, why);
            return Err(DiskError::new(&target, "fetched anew")(error));
        }
        Ok(())
    }

    /// At an end without the archive a file of the user's lies where it was. The beginning of an
    /// archive stays the part, if only the rest could not be had; so does all if the run is ended.
    pub(crate) fn give_back(&mut self, ending: &Ending) -> Result<(), DiskError> {
        let stays = match ending {
            Ending::Verified(_) | Ending::Cancelled | Ending::Stopped(_) => true,
            Ending::Unreachable(_) | Ending::Error(_) => self.job.part().was_beginning(),
            Ending::Corrupt { .. } => false,
        };
        if stays || self.returned.is_some() || !self.transfer.owns_the_folder()? {
            return Ok(());
        }
        self.put_back()
    }
}
