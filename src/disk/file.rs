//! An open file.

use std::fs::{self, Metadata, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::syscalls::{Operation, perform};
use super::{DiskError, crash_point, faults, system};

/// Bytes that [`File::read_into`] asks for at first, and then.
const FIRST_READ: usize = 8 << 10;
const LATER_READS: usize = 512 << 10;

/// An open file that knows its path.
#[derive(Debug)]
pub(crate) struct File {
    file: fs::File,
    path: PathBuf,
}

impl File {
    pub(super) fn new(file: fs::File, path: &Path) -> Self {
        Self { file, path: path.to_owned() }
    }

    /// Opens a file to read it. Does not wait for the other end of a named pipe.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::new(perform(path, Operation::Open, |_| system::open(path))?, path))
    }

    /// Opens a file to sync it.
    pub(super) fn open_to_sync(path: &Path) -> io::Result<Self> {
        Ok(Self::new(perform(path, Operation::Open, |_| system::open_to_sync(path))?, path))
    }

    pub(super) const fn as_std(&self) -> &fs::File {
        &self.file
    }

    /// The path at which the file was opened.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// Reads at an offset and returns the number of bytes read, which may be less than the length
    /// of the block, and is 0 only at the end of the file.
    pub(crate) fn read_at(&self, block: &mut [u8], at: u64) -> io::Result<usize> {
        let length = block.len();
        perform(&self.path, Operation::Read { at, length }, |length| {
            system::read_at(&self.file, &mut block[..length], at)
        })
    }

    /// Prepares the system for reading the file once, from its beginning to its end.
    pub(crate) fn read_ahead(&self) {
        system::read_ahead(&self.file);
    }

    /// Writes a block at an offset. After an error, some of the bytes may have been written.
    pub(crate) fn write_at(&self, offset: u64, block: &[u8]) -> Result<(), DiskError> {
        write_all(block, |bytes, before| {
            let at = offset + before;
            perform(&self.path, Operation::Write { at, bytes }, |length| {
                system::write_at(&self.file, &bytes[..length], at)
            })
        })
        .map_err(self.failed("written"))?;
        crash_point("block-written");
        Ok(())
    }

    /// Writes to the end of the file. After an error, some of the bytes may have been written.
    pub(crate) fn append(&self, bytes: &[u8]) -> Result<(), DiskError> {
        write_all(bytes, |bytes, _| {
            perform(&self.path, Operation::Append { bytes }, |length| {
                (&self.file).write(&bytes[..length])
            })
        })
        .map_err(self.failed("written"))
    }

    /// Syncs the data, and the metadata that reading it needs.
    ///
    /// The system may report an error once only. After one, nothing that was written since the last
    /// success counts as synced.
    pub(crate) fn sync(&self) -> Result<(), DiskError> {
        perform(&self.path, Operation::Sync, |_| system::sync_data(&self.file))
            .map_err(self.failed("synced"))
    }

    /// Syncs the data and all metadata. Errors have the same meaning as for [`File::sync`].
    pub(crate) fn sync_all(&self) -> Result<(), DiskError> {
        perform(&self.path, Operation::Sync, |_| system::sync_everything(&self.file))
            .map_err(self.failed("synced"))
    }

    /// Cuts the file to a size in bytes, or extends it with zeros.
    pub(crate) fn resize(&self, to: u64) -> Result<(), DiskError> {
        perform(&self.path, Operation::Resize { to }, |_| self.file.set_len(to))
            .map_err(self.failed("resized"))
    }

    /// Closes a duplicate of the file to get the errors that a file system reports only then, and
    /// leaves this one open. FUSE, AFS and some NFS send written data only then, and may find only
    /// then that a quota is used up. Errors have the same meaning as for [`File::sync`].
    pub(crate) fn close_duplicate(&self) -> Result<(), DiskError> {
        let close =
            |duplicate| faults::perform(&self.path, Operation::Close, |_| system::close(duplicate));
        match self.file.try_clone().and_then(close) {
            // Linux has closed it all the same (close(2)).
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            result => result.map_err(self.failed("closed")),
        }
    }

    /// Closes the file, with the errors that [`File::close_duplicate`] explains. Some file systems
    /// rename and remove only files that nobody has open.
    pub(crate) fn close(self) -> Result<(), DiskError> {
        let Self { file, path } = self;
        match faults::perform(&path, Operation::Close, |_| system::close(file)) {
            // Linux has closed it all the same (close(2)).
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            result => result.map_err(DiskError::new(&path, "closed")),
        }
    }

    /// Reads at most `limit` bytes from the beginning.
    pub(crate) fn read(&self, limit: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_into(&mut bytes, limit)?;
        Ok(bytes)
    }

    /// Appends at most `limit` bytes from the beginning of the file.
    pub(crate) fn read_into(&self, bytes: &mut Vec<u8>, limit: usize) -> io::Result<()> {
        let start = bytes.len();
        let mut length = FIRST_READ;
        loop {
            let at = bytes.len() - start;
            let wanted = length.min(limit - at);
            if wanted == 0 {
                return Ok(());
            }
            bytes.resize(start + at + wanted, 0);
            let read = self.read_at(&mut bytes[start + at..], at as u64);
            bytes.truncate(start + at + *read.as_ref().unwrap_or(&0));
            if read? == 0 {
                return Ok(());
            }
            length = LATER_READS;
        }
    }

    /// Returns a reader from the beginning.
    pub(crate) fn reader(&self) -> impl io::Read {
        FileReader { file: self, at: 0 }
    }

    /// Sets the time of the last change.
    pub(crate) fn touch(&self, time: SystemTime) -> Result<(), DiskError> {
        perform(&self.path, Operation::Touch, |_| self.file.set_modified(time))
            .map_err(self.failed("touched"))
    }

    /// Takes the lock of the operating system until the file is closed.
    pub(super) fn try_lock(&self) -> Result<(), TryLockError> {
        if faults::locks_are_off() { Ok(()) } else { self.file.try_lock() }
    }

    /// Shares the lock with others that do so, until the file is closed.
    pub(super) fn try_lock_shared(&self) -> Result<(), TryLockError> {
        if faults::locks_are_off() { Ok(()) } else { self.file.try_lock_shared() }
    }

    fn failed(&self, action: &'static str) -> impl Fn(io::Error) -> DiskError + '_ {
        DiskError::new(&self.path, action)
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for File {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(windows)]
impl std::os::windows::io::AsHandle for File {
    fn as_handle(&self) -> std::os::windows::io::BorrowedHandle<'_> {
        self.file.as_handle()
    }
}

/// Reads a file from its beginning to its end.
struct FileReader<'a> {
    file: &'a File,
    at: u64,
}

impl io::Read for FileReader<'_> {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(block, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// Calls `write` with the rest and the number of bytes before it until all is written.
fn write_all(
    bytes: &[u8],
    mut write: impl FnMut(&[u8], u64) -> io::Result<usize>,
) -> io::Result<()> {
    let mut written = 0;
    while written < bytes.len() {
        match write(&bytes[written..], written as u64)? {
            0 => return Err(ErrorKind::WriteZero.into()),
            more => written += more,
        }
    }
    Ok(())
}
