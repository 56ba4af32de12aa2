//! A folder that is held open, and operations on the names in it.
//!
//! These are `openat` and its relatives (POSIX.1-2008). A name in an open folder leads to the same
//! folder whatever anybody puts in the place of the path, and no operation here follows a symbolic
//! link in the last place.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
use rustix::fs::RenameFlags;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, statat};
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
use rustix::io::Errno;

use super::system::sync_names;

/// The flags that open a folder to use the names in it. Linux needs no permission to list them.
#[cfg(target_os = "linux")]
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Opening must wait for nobody and change nothing about the terminal.
const FILE: OFlags =
    OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// The permissions of a new file and a new folder, from which the umask takes some away.
const NEW_FILE: Mode = Mode::from_raw_mode(0o666);
const NEW_FOLDER: Mode = Mode::from_raw_mode(0o777);

/// The permissions of the group and of all others to write.
const OTHERS_MAY_WRITE: Mode = Mode::WGRP.union(Mode::WOTH);

/// An open folder.
#[derive(Debug)]
pub(super) struct FolderHandle(OwnedFd);

/// A folder that is open to list its names and to sync.
pub(super) type Readable = OwnedFd;

/// The way in which a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    ReadAndWrite,
    Append,
}

impl Access {
    /// The access to sync a file and to set its times.
    pub(super) const SYNC: Self = Self::Read;
    /// See [`Access::SYNC`].
    pub(super) const TOUCH: Self = Self::Read;
}

/// Facts about a file, a folder or a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    kind: FileType,
    /// The names of the file.
    pub(super) names: u64,
    /// The number of the user to whom it belongs.
    pub(super) owner: u32,
    /// Others than the owner may change it.
    pub(super) is_open_to_others: bool,
    pub(super) inode: u64,
    /// The size in bytes.
    pub(super) size: u64,
    /// The last change of the content: seconds and nanoseconds.
    pub(super) changed: (i64, i64),
}

impl Facts {
    #[allow(
        clippy::useless_conversion,
        clippy::unnecessary_cast,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        reason = "the types of these fields differ between systems"
    )]
    fn new(stat: &Stat) -> Self {
        Self {
            kind: FileType::from_raw_mode(stat.st_mode),
            names: stat.st_nlink as u64,
            owner: stat.st_uid,
            is_open_to_others: Mode::from_raw_mode(stat.st_mode).intersects(OTHERS_MAY_WRITE),
            inode: stat.st_ino as u64,
            size: stat.st_size as u64,
            changed: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
        }
    }

    pub(super) fn is_file(&self) -> bool {
        self.kind == FileType::RegularFile
    }

    pub(super) fn is_folder(&self) -> bool {
        self.kind == FileType::Directory
    }

    pub(super) fn is_link(&self) -> bool {
        self.kind == FileType::Symlink
    }

    /// Returns the facts about an open file.
    pub(super) fn of(file: &fs::File) -> io::Result<Self> {
        Ok(Self::new(&fstat(file)?))
    }
}

/// Returns the number of the user of this process, as far as files are concerned.
pub(super) fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

impl FolderHandle {
    /// Opens a folder of the user's. Symbolic links on the way are followed.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::open(path, FOLDER, Mode::empty())?))
    }

    /// Opens a folder in this one, and nothing that a link leads to.
    pub(super) fn folder(&self, name: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(&self.0, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?))
    }

    /// Creates a folder in this one.
    pub(super) fn create_folder(&self, name: &Path) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&self.0, name, NEW_FOLDER)?)
    }

    /// Opens a file in this folder.
    pub(super) fn file(&self, name: &Path, access: Access) -> io::Result<fs::File> {
        let access = match access {
            Access::Read => OFlags::RDONLY,
            Access::ReadAndWrite => OFlags::RDWR,
            Access::Append => OFlags::WRONLY | OFlags::APPEND,
        };
        Ok(rustix::fs::openat(&self.0, name, FILE | access, Mode::empty())?.into())
    }

    /// Creates a file in this folder, to read and write it. Fails if the name exists: of two
    /// processes that try, on any hosts, one succeeds (open(2), `O_EXCL`).
    pub(super) fn create_file(&self, name: &Path) -> io::Result<fs::File> {
        let flags = FILE | OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        Ok(rustix::fs::openat(&self.0, name, flags, NEW_FILE)?.into())
    }

    /// Returns the facts about a name, without following a link.
    pub(super) fn facts(&self, name: &Path) -> io::Result<Facts> {
        Ok(Facts::new(&statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    /// Returns the facts about this folder.
    pub(super) fn own_facts(&self) -> io::Result<Facts> {
        Ok(Facts::new(&fstat(&self.0)?))
    }

    /// Removes a name that is no folder.
    pub(super) fn remove_file(&self, name: &Path) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// Removes an empty folder.
    pub(super) fn remove_folder(&self, name: &Path) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    /// Renames a file. Replaces the file that has the new name.
    pub(super) fn rename(&self, name: &Path, to: &Self, new: &Path) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, name, &to.0, new)?)
    }

    /// Renames a file, unless the new name exists. Of two processes that try, one succeeds where the file
    /// system can rename in this way; elsewhere (some network file systems and FUSE), a name that appears
    /// between the look and the renaming is replaced.
    pub(super) fn rename_new(&self, name: &Path, to: &Self, new: &Path) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
        match rustix::fs::renameat_with(&self.0, name, &to.0, new, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            result => return Ok(result?),
        }
        match to.facts(new) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.rename(name, to, new),
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) => Err(error),
        }
    }

    /// Syncs the names in this folder.
    pub(super) fn sync(&self) -> io::Result<()> {
        sync_names(self.readable()?.as_fd())
    }

    /// Opens this folder to list its names and to sync.
    pub(super) fn readable(&self) -> io::Result<Readable> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, ".", flags, Mode::empty())?)
    }

    /// Returns the names in this folder.
    pub(super) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::new(self.readable()?)? {
            let name = OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        Ok(names)
    }
}
