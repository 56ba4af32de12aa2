//! A folder that files are extracted into.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use super::at::Readable;
use super::held_folder::{self, HeldFolder};
use super::syscalls::{Operation, perform};
use super::system::{cannot_sync, sync_file_system};
use super::{DiskError, Entry};

/// A folder that is held open once it is used.
#[derive(Debug)]
pub(crate) struct Subfolder {
    folder: Arc<HeldFolder>,
}

/// A file system that is to be synced. It is opened before the first write: errors that came before that
/// are not reported.
#[derive(Debug)]
pub(crate) struct Unsynced(Readable);

impl Subfolder {
    pub(super) fn new(folder: Arc<HeldFolder>) -> Self {
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Creates the folder if it does not exist. Fails if a link is in its place.
    pub(crate) fn create(&self) -> Result<(), DiskError> {
        self.folder.create()
    }

    /// Returns a name in the folder.
    pub(crate) fn entry(&self, name: &str) -> Entry {
        Entry::new(&self.folder, name)
    }

    /// Returns the names in the folder, and none if it does not exist.
    fn names(&self) -> Result<Vec<std::ffi::OsString>, DiskError> {
        match self.folder.open().and_then(|folder| folder.handle.names()) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            result => result.map_err(DiskError::new(self.path(), "read")),
        }
    }

    /// Removes all files in the folder.
    pub(crate) fn clear(&self) -> Result<(), DiskError> {
        self.names()?.into_iter().try_for_each(|name| Entry::new(&self.folder, name).remove())
    }

    /// Removes the folder with its files. The folders around it stay.
    pub(crate) fn remove(&self) -> Result<(), DiskError> {
        self.clear()?;
        held_folder::remove(&self.folder)
    }

    /// Opens the file system of the folder, to sync it after the writes that follow.
    pub(crate) fn unsynced(&self) -> Result<Unsynced, DiskError> {
        let opened = self.folder.open().and_then(|folder| folder.handle.readable());
        opened.map(Unsynced).map_err(DiskError::new(self.path(), "opened"))
    }

    /// Syncs all files in the folder with their names: with one call for the whole file system where the
    /// system has it, otherwise one by one.
    pub(crate) fn sync(&self, unsynced: &Unsynced) -> Result<(), DiskError> {
        match perform(self.path(), Operation::SyncFileSystem, |_| sync_file_system(&unsynced.0)) {
            Err(error) if cannot_sync(&error) => self.sync_each(),
            result => result.map_err(DiskError::new(self.path(), "synced")),
        }
    }

    fn sync_each(&self) -> Result<(), DiskError> {
        for name in self.names()? {
            let entry = Entry::new(&self.folder, name);
            entry.open_to_sync()?.sync()?;
        }
        self.sync_names()
    }

    /// Syncs the names in the folder. Succeeds on file systems that cannot do it.
    pub(crate) fn sync_names(&self) -> Result<(), DiskError> {
        held_folder::sync(&self.folder)
    }
}
