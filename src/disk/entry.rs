//! A name in a folder that is held open.

use std::ffi::OsString;
use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::at::{Access, Facts};
use super::held_folder::{self, HeldFolder};
use super::refusal::Refusal;
use super::syscalls::{Operation, perform};
use super::{DiskError, File, crash_point, parent, system};

/// The tries to open or create a file while another process puts something else in its place.
const TRIES: u32 = 20;

/// The checks in a row of a file that is to be written to.
const CHECKS: u32 = 4;

/// A name in a folder that is held open, with or without a file.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    folder: Arc<HeldFolder>,
    name: OsString,
    /// The path, to show it.
    path: PathBuf,
}

/// The thing that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// A file of this size in bytes.
    File(u64),
    /// Something else, in words.
    Other(&'static str),
}

impl Entry {
    pub(super) fn new(folder: &Arc<HeldFolder>, name: impl Into<OsString>) -> Self {
        let name = name.into();
        Self { folder: Arc::clone(folder), path: folder.path().join(&name), name }
    }

    /// Returns the name at a path. Symbolic links to its folder are followed.
    pub(crate) fn at(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_owned();
        Self { folder: HeldFolder::user(parent(path)), name, path: path.to_owned() }
    }

    /// The path that led to the file, for messages and commands.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the name with an extension added, in the same folder.
    pub(crate) fn with_added_extension(&self, extension: &str) -> Self {
        let name = Path::new(&self.name).with_added_extension(extension).into_os_string();
        let path = self.path.with_added_extension(extension);
        Self { folder: Arc::clone(&self.folder), name, path }
    }

    fn name(&self) -> &Path {
        Path::new(&self.name)
    }

    /// Returns the facts about what has the name, without following a link.
    pub(super) fn facts(&self) -> io::Result<Facts> {
        self.folder.open()?.handle.facts(self.name())
    }

    /// Returns true if nothing has the name.
    pub(crate) fn is_free(&self) -> bool {
        self.facts().is_err_and(|error| error.kind() == ErrorKind::NotFound)
    }

    /// Returns the metadata of the file.
    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        self.open()?.metadata()
    }

    /// Reads at most `limit` bytes from the beginning of the file.
    pub(crate) fn read(&self, limit: usize) -> io::Result<Vec<u8>> {
        self.open()?.read(limit)
    }

    /// Opens the file to read it. Fails if it belongs to a user whose files are not used.
    pub(crate) fn open(&self) -> io::Result<File> {
        let file = self.open_anyones()?;
        self.check_owner(&file)?;
        Ok(file)
    }

    /// Opens the file to read it, whoever has put it there.
    pub(super) fn open_anyones(&self) -> io::Result<File> {
        self.existing(Operation::Open, Access::Read)
    }

    /// Opens the file to set its time, whoever has put it there.
    pub(super) fn open_anyones_to_touch(&self) -> io::Result<File> {
        self.existing(Operation::Open, Access::TOUCH)
    }

    /// Opens the file to sync it. Fails if it belongs to a user whose files are not used.
    pub(super) fn open_to_sync(&self) -> Result<File, DiskError> {
        let file = self.existing(Operation::Open, Access::SYNC);
        let checked = file.and_then(|file| self.check_owner(&file).map(|_| file));
        checked.map_err(self.failed("opened"))
    }

    /// Opens the file to append to it.
    pub(crate) fn open_to_append(&self) -> Result<File, DiskError> {
        self.existing_for_writing(Access::Append)
    }

    /// Opens the file to read and write it.
    pub(crate) fn open_to_write(&self) -> Result<File, DiskError> {
        self.existing_for_writing(Access::ReadAndWrite)
    }

    fn existing_for_writing(&self, access: Access) -> Result<File, DiskError> {
        let file = self.existing(Operation::Open, access);
        let checked = file.and_then(|file| self.check_for_writing(&file).map(|()| file));
        checked.map_err(self.failed("opened"))
    }

    /// Opens the file to read and write it, and creates it if it does not exist. Removes a symbolic
    /// link or another non-file in its place. Fails for a file that has another name or belongs to a
    /// user whose files are not used.
    pub(crate) fn open_or_create(&self) -> Result<File, DiskError> {
        for _ in 0..TRIES {
            let file = self.open_or_create_anyones()?;
            match self.check_for_writing(&file) {
                Err(error) if Refusal::of(&error) == Some(Refusal::Contended) => {}
                checked => return checked.map(|()| file).map_err(self.failed("opened")),
            }
        }
        Err(self.failed("opened")(Refusal::Contended.into()))
    }

    /// Does the same for a file into which nothing is written.
    pub(super) fn open_or_create_anyones(&self) -> Result<File, DiskError> {
        for _ in 0..TRIES {
            let existing = self.existing(Operation::Create, Access::ReadAndWrite);
            let file = match existing {
                Err(error) if error.kind() == ErrorKind::NotFound => self.create(Operation::Create),
                file => file,
            };
            match file {
                Ok(file) => return Ok(file),
                Err(error) if Refusal::of(&error) == Some(Refusal::NotAFile) => {
                    self.remove_non_file()?;
                }
                // Another process has created or removed it meanwhile.
                Err(error)
                    if matches!(error.kind(), ErrorKind::AlreadyExists)
                        || (error.kind() == ErrorKind::NotFound
                            && self.folder.open().is_ok()
                            && !self.is_free()) => {}
                Err(error) => return Err(self.failed("opened")(error)),
            }
        }
        Err(self.failed("opened")(Refusal::Contended.into()))
    }

    /// Creates the file to write it. Returns `None` if the name exists.
    pub(crate) fn create_new(&self) -> Result<Option<File>, DiskError> {
        match self.create(Operation::Create) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
            result => result.map(Some).map_err(self.failed("opened")),
        }
    }

    /// Creates the file to write it, in place of an earlier one.
    fn create_anew(&self) -> Result<File, DiskError> {
        for _ in 0..TRIES {
            match self.create(Operation::Empty) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    self.remove_non_file()?;
                    self.remove()?;
                }
                result => return result.map_err(self.failed("opened")),
            }
        }
        Err(self.failed("opened")(Refusal::Contended.into()))
    }

    fn create(&self, operation: Operation<'_>) -> io::Result<File> {
        let create = |_| self.folder.open()?.handle.create_file(self.name());
        Ok(File::new(perform(&self.path, operation, create)?, &self.path))
    }

    fn existing(&self, operation: Operation<'_>, access: Access) -> io::Result<File> {
        let open = |_| {
            let file = self.folder.open()?.handle.file(self.name(), access).map_err(not_a_file)?;
            if Facts::of(&file)?.is_file() { Ok(file) } else { Err(Refusal::NotAFile.into()) }
        };
        Ok(File::new(perform(&self.path, operation, open)?, &self.path))
    }

    fn check_owner(&self, file: &File) -> io::Result<Facts> {
        let facts = Facts::of(file.as_std())?;
        if self.folder.open()?.trusts(facts.owner) {
            return Ok(facts);
        }
        Err(Refusal::FileOfAnother(facts.owner).into())
    }

    /// Checks that what is written to the file changes no other. In a folder of several users, a
    /// second name may have been removed between the opening and this check, so that the name must
    /// still lead to the file; and it is checked again, because the name may come back.
    fn check_for_writing(&self, file: &File) -> io::Result<()> {
        let Facts { inode, .. } = self.check_owner(file)?;
        let folder = self.folder.open()?;
        for _ in 0..CHECKS {
            if folder.is_shared && !self.facts().is_ok_and(|named| named.inode == inode) {
                return Err(Refusal::Contended.into());
            }
            // Some file systems report no number of names.
            if Facts::of(file.as_std())?.names > 1 {
                return Err(Refusal::SecondName.into());
            }
        }
        Ok(())
    }

    /// Removes whatever has the name and is not a file. Of folders, it removes empty ones.
    pub(super) fn remove_non_file(&self) -> Result<(), DiskError> {
        match self.facts() {
            Ok(facts) if facts.is_folder() => {
                let remove = |_| self.folder.open()?.handle.remove_folder(self.name());
                perform(&self.path, Operation::Remove, remove).map_err(self.failed("removed"))
            }
            Ok(facts) if !facts.is_file() => self.remove(),
            _ => Ok(()),
        }
    }

    /// Replaces a small file in one step: writes and syncs a new file beside it, then renames that.
    /// A reader sees the old or the new file, never a part. After an error the old file is still
    /// there.
    pub(crate) fn replace(&self, contents: &[u8]) -> Result<(), DiskError> {
        self.replace_after(&self.with_added_extension("new"), contents, File::sync)
    }

    /// Does the same with a new file at `draft`, so that no other file beside this one changes.
    pub(crate) fn replace_through(&self, draft: &Self, contents: &[u8]) -> Result<(), DiskError> {
        self.replace_after(draft, contents, File::sync)
    }

    /// Writes a new file at `draft` and gives it this name, unless something has it: then returns false.
    pub(crate) fn write_new(&self, draft: &Self, contents: &[u8]) -> Result<bool, DiskError> {
        let named = draft.write_anew(contents, File::sync).and_then(|()| draft.rename_new(self));
        if !matches!(named, Ok(true)) {
            let _ = draft.remove();
        }
        named
    }

    /// Does the same without a sync: after a power cut the file may be empty or cut off.
    pub(crate) fn replace_unsynced(&self, contents: &[u8]) -> Result<(), DiskError> {
        self.replace_after(&self.with_added_extension("new"), contents, |_| Ok(()))
    }

    fn replace_after(
        &self,
        draft: &Self,
        contents: &[u8],
        sync: impl FnOnce(&File) -> Result<(), DiskError>,
    ) -> Result<(), DiskError> {
        self.remove_non_file()?;
        let replace = || {
            draft.write_anew(contents, sync)?;
            crash_point("replacement-written");
            draft.rename(self)
        };
        replace().inspect_err(|_| {
            // On a full disk, other files need the space.
            let _ = draft.remove();
        })
    }

    /// Writes a file in place of any that has the name.
    fn write_anew(
        &self,
        contents: &[u8],
        sync: impl FnOnce(&File) -> Result<(), DiskError>,
    ) -> Result<(), DiskError> {
        let file = self.create_anew()?;
        file.write_at(0, contents)?;
        sync(&file)?;
        file.close()
    }

    /// Gives the file another name, within one file system. Replaces the file that has it.
    pub(crate) fn rename(&self, to: &Self) -> Result<(), DiskError> {
        let rename = |_| {
            let target = &to.folder.open()?.handle;
            self.folder.open()?.handle.rename(self.name(), target, to.name())
        };
        perform(&self.path, Operation::Rename { to: &to.path }, rename)
            .map_err(self.failed("renamed"))
    }

    /// Gives the file another name, unless something has it: then returns false.
    pub(crate) fn rename_new(&self, to: &Self) -> Result<bool, DiskError> {
        let rename = |_| {
            let target = &to.folder.open()?.handle;
            self.folder.open()?.handle.rename_new(self.name(), target, to.name())
        };
        match perform(&self.path, Operation::RenameNew { to: &to.path }, rename) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            result => result.map(|()| true).map_err(self.failed("renamed")),
        }
    }

    /// Returns the size of the file with this name, without following a link; `None` if it is free.
    pub(crate) fn look(&self) -> io::Result<Option<Found>> {
        match self.facts() {
            Ok(facts) if facts.is_file() => Ok(Some(Found::File(facts.size))),
            Ok(facts) if facts.is_folder() => Ok(Some(Found::Other("a folder"))),
            Ok(facts) if facts.is_link() => Ok(Some(Found::Other("a symbolic link"))),
            Ok(_) => Ok(Some(Found::Other("not a file"))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes the file, if it exists.
    pub(crate) fn remove(&self) -> Result<(), DiskError> {
        let remove = |_| self.folder.open()?.handle.remove_file(self.name());
        match perform(&self.path, Operation::Remove, remove) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.failed("removed")(error)),
            _ => Ok(()),
        }
    }

    /// Syncs the names in the folder. Succeeds on file systems that cannot do it.
    pub(crate) fn sync_folder(&self) -> Result<(), DiskError> {
        held_folder::sync(&self.folder)
    }

    fn failed(&self, action: &'static str) -> impl Fn(io::Error) -> DiskError + '_ {
        DiskError::new(&self.path, action)
    }
}

fn not_a_file(error: io::Error) -> io::Error {
    if system::is_not_a_file(&error) { Refusal::NotAFile.into() } else { error }
}
