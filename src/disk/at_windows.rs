//! A folder, and operations on the names in it, on Windows.
//!
//! std has no operations relative to an open folder there. Instead, the program's own folder is held
//! open without the permission to rename or remove it or a folder around it, so that its path leads
//! to the same folder. No operation here follows a link in the last place.
#![expect(clippy::disallowed_methods, reason = "these are the operations of the system")]

use std::ffi::OsString;
use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::windows::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use winsafe::co::MOVEFILE;

use super::system::{FOLDER, LINK, check_path, system_error};

/// The access to list a folder (`FILE_LIST_DIRECTORY`).
const LIST: u32 = 0x0001;

/// The accesses to read a file (`GENERIC_READ`) and to set its times (`FILE_WRITE_ATTRIBUTES`).
const READ: u32 = 0x8000_0000;
const TOUCH: u32 = 0x0100;

/// Others may read and write (`FILE_SHARE_READ`, `FILE_SHARE_WRITE`), but not rename or remove.
const SHARED_CONTENT: u32 = 0x0003;

/// The attribute of folders, and of links to them (`FILE_ATTRIBUTE_DIRECTORY`).
const DIRECTORY: u32 = 0x0010;

/// A folder that is used by its path.
#[derive(Debug)]
pub(super) struct FolderHandle {
    path: PathBuf,
    /// Keeps the folder in its place.
    _held: Option<File>,
}

/// An open file system: there is none here.
pub(super) type Readable = ();

/// The way in which a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    ReadAndTouch,
    ReadAndWrite,
    Append,
}

impl Access {
    /// The access to sync a file.
    pub(super) const SYNC: Self = Self::ReadAndWrite;
    /// The access to set the times of a file.
    pub(super) const TOUCH: Self = Self::ReadAndTouch;
}

/// Facts about a file, a folder or a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    kind: FileType,
    /// The names of the file.
    pub(super) names: u64,
    /// Zero: cxr does not look at the owners of files here.
    pub(super) owner: u32,
    /// False: Windows gives other users only what the folder around it gives them.
    pub(super) is_open_to_others: bool,
    pub(super) inode: u64,
    /// The size in bytes.
    pub(super) size: u64,
    /// The last change of the content.
    pub(super) changed: (i64, i64),
}

impl Facts {
    pub(super) fn is_file(&self) -> bool {
        self.kind.is_file()
    }

    pub(super) fn is_folder(&self) -> bool {
        self.kind.is_dir()
    }

    pub(super) fn is_link(&self) -> bool {
        self.kind.is_symlink()
    }

    /// Returns the facts about an open file.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let kind = file.metadata()?.file_type();
        let found = winapi_util::file::information(file)?;
        let changed = (found.last_write_time().unwrap_or_default().cast_signed(), 0);
        let (names, inode, size) = (found.number_of_links(), found.file_index(), found.file_size());
        Ok(Self { kind, names, owner: user(), is_open_to_others: false, inode, size, changed })
    }
}

/// Returns the number that stands for every user.
pub(super) const fn user() -> u32 {
    0
}

impl FolderHandle {
    /// Finds a folder of the user's. Symbolic links on the way are followed.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        check_path(path)?;
        // A path in this form may be long. Some disks do not report it.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        check_is_folder(&fs::metadata(&path)?)?;
        Ok(Self { path, _held: None })
    }

    /// Opens a folder in this one, and nothing that a link leads to.
    pub(super) fn folder(&self, name: &Path) -> io::Result<Self> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        options.access_mode(LIST).share_mode(SHARED_CONTENT).custom_flags(FOLDER | LINK);
        let held = options.open(&path)?;
        check_is_folder(&held.metadata()?)?;
        Ok(Self { path, _held: Some(held) })
    }

    /// Creates a folder in this one.
    pub(super) fn create_folder(&self, name: &Path) -> io::Result<()> {
        fs::create_dir(self.path.join(name))
    }

    /// Opens a file in this folder.
    pub(super) fn file(&self, name: &Path, access: Access) -> io::Result<File> {
        let mut options = OpenOptions::new();
        match access {
            Access::Read => options.read(true),
            Access::ReadAndTouch => options.access_mode(READ | TOUCH),
            Access::ReadAndWrite => options.read(true).write(true),
            Access::Append => options.append(true),
        };
        let path = self.path.join(name);
        options.custom_flags(LINK).open(&path).map_err(|error| {
            let is_folder = || path.symlink_metadata().is_ok_and(|found| found.is_dir());
            let is_refused = error.kind() == ErrorKind::PermissionDenied;
            if is_refused && is_folder() { ErrorKind::IsADirectory.into() } else { error }
        })
    }

    /// Creates a file in this folder, to read and write it. Fails if the name exists: of two
    /// processes that try, on any hosts, one succeeds (`CREATE_NEW`).
    pub(super) fn create_file(&self, name: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(self.path.join(name))
    }

    /// Returns the facts about a name, without following a link.
    pub(super) fn facts(&self, name: &Path) -> io::Result<Facts> {
        facts(&self.path.join(name))
    }

    /// Returns the facts about this folder.
    pub(super) fn own_facts(&self) -> io::Result<Facts> {
        facts(&self.path)
    }

    /// Removes a name that is no folder.
    pub(super) fn remove_file(&self, name: &Path) -> io::Result<()> {
        let path = self.path.join(name);
        // A link to a folder counts as one.
        if path.symlink_metadata()?.file_attributes() & DIRECTORY != 0 {
            return fs::remove_dir(path);
        }
        fs::remove_file(path)
    }

    /// Removes an empty folder.
    pub(super) fn remove_folder(&self, name: &Path) -> io::Result<()> {
        fs::remove_dir(self.path.join(name))
    }

    /// Renames a file. Replaces the file that has the new name.
    pub(super) fn rename(&self, name: &Path, to: &Self, new: &Path) -> io::Result<()> {
        fs::rename(self.path.join(name), to.path.join(new))
    }

    /// Renames a file, unless the new name exists: without a flag, the system replaces nothing.
    pub(super) fn rename_new(&self, name: &Path, to: &Self, new: &Path) -> io::Result<()> {
        let (from, to) = (self.path.join(name), to.path.join(new));
        let (Some(from), Some(to)) = (from.to_str(), to.to_str()) else {
            return Err(ErrorKind::InvalidFilename.into());
        };
        winsafe::MoveFileEx(from, Some(to), MOVEFILE::default()).map_err(system_error)
    }

    /// Returns nothing: the system syncs files one by one.
    #[expect(clippy::unnecessary_wraps, reason = "other systems report errors")]
    pub(super) const fn readable(&self) -> io::Result<Readable> {
        Ok(())
    }

    /// Returns the names in this folder.
    pub(super) fn names(&self) -> io::Result<Vec<OsString>> {
        fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name())).collect()
    }

    /// Syncs the names in this folder, if the system allows it: for some file systems and users it
    /// does not. NTFS keeps a journal of the names.
    #[expect(clippy::unnecessary_wraps, reason = "other systems report errors")]
    pub(super) fn sync(&self) -> io::Result<()> {
        let folder = OpenOptions::new().write(true).custom_flags(FOLDER).open(&self.path);
        let _ = folder.and_then(|folder| folder.sync_all());
        Ok(())
    }
}

fn facts(path: &Path) -> io::Result<Facts> {
    let mut options = OpenOptions::new();
    Facts::of(&options.access_mode(0).custom_flags(FOLDER | LINK).open(path)?)
}

fn check_is_folder(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_dir() { Ok(()) } else { Err(ErrorKind::NotADirectory.into()) }
}
