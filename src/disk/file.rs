//! An open file: how bytes come from the disk and go there.

use std::fs::{self, Metadata, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use rustix::fs::{Mode, OFlags};

use super::operation::Operation;
use super::syscalls::{again, crash_point, locks_are_off, pass};
use super::{DiskError, clear};

/// An open file that knows its path.
#[derive(Debug)]
pub struct File {
    file: fs::File,
    path: PathBuf,
}

impl File {
    /// Opens a file to read it. Waits for nobody, as the opening of a named pipe otherwise does.
    ///
    /// # Errors
    ///
    /// Whatever the operating system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let open =
            || pass(path, Operation::Open, |_| Ok(rustix::fs::open(path, flags, Mode::empty())?));
        Ok(Self { file: fs::File::from(again(open)?), path: path.to_owned() })
    }

    /// Opens a file of the program's own to read and write it in place, made if absent, never
    /// truncated. What is no file in its place, as a symbolic link, is removed: nothing is written
    /// through it.
    ///
    /// # Errors
    ///
    /// Whatever the operating system says.
    pub fn in_place(path: &Path) -> Result<Self, DiskError> {
        clear(path)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        Self::with(path, Operation::Create, &options)
    }

    /// Opens a file of the program's own that is there, to write to its end.
    ///
    /// # Errors
    ///
    /// Whatever the operating system says.
    pub fn to_append(path: &Path) -> Result<Self, DiskError> {
        Self::with(path, Operation::Open, OpenOptions::new().append(true))
    }

    /// Makes a file of the program's own, empty; what is there is emptied.
    pub(super) fn emptied(path: &Path) -> Result<Self, DiskError> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        Self::with(path, Operation::Empty, &options)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that opens files to write"
    )]
    fn with(path: &Path, how: Operation<'_>, options: &OpenOptions) -> Result<Self, DiskError> {
        let file = again(|| pass(path, how, |_| options.open(path)));
        Ok(Self { file: file.map_err(DiskError::new(path, "opened"))?, path: path.to_owned() })
    }

    /// Makes a file of the program's own to write it; `None` if there is something already. Of two
    /// that try, on whatever hosts, one succeeds (open(2), `O_EXCL`).
    pub(super) fn new(path: &Path) -> Result<Option<Self>, DiskError> {
        match Self::with(path, Operation::Create, OpenOptions::new().write(true).create_new(true)) {
            Err(error) if error.source.kind() == io::ErrorKind::AlreadyExists => Ok(None),
            result => result.map(Some),
        }
    }

    /// Where it was when it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file system knows of it.
    ///
    /// # Errors
    ///
    /// Whatever the operating system says.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// Reads at an offset; gives how many bytes came, which may be fewer than there is room for.
    /// None: the file ends there.
    ///
    /// # Errors
    ///
    /// Whatever the operating system says.
    pub fn read_at(&self, block: &mut [u8], at: u64) -> io::Result<usize> {
        let length = block.len();
        again(|| {
            pass(&self.path, Operation::Read { at, length }, |length| {
                self.file.read_at(&mut block[..length], at)
            })
        })
    }

    /// Writes blocks one after the other from an offset on.
    ///
    /// # Errors
    ///
    /// A full disk, among others. Some of the bytes may have been written.
    pub fn write_at(&self, offset: u64, blocks: &[Bytes]) -> Result<(), DiskError> {
        let mut at = offset;
        for block in blocks {
            write_all(block, |bytes, before| {
                let at = at + before;
                pass(&self.path, Operation::Write { at, bytes }, |length| {
                    self.file.write_at(&bytes[..length], at)
                })
            })
            .map_err(self.failed("written"))?;
            at += block.len() as u64;
            crash_point("block-written");
        }
        Ok(())
    }

    /// Writes to the end of the file.
    ///
    /// # Errors
    ///
    /// A full disk, among others. Some of the bytes may have been written.
    pub fn append(&self, bytes: &[u8]) -> Result<(), DiskError> {
        write_all(bytes, |bytes, _| {
            pass(&self.path, Operation::Append { bytes }, |length| {
                (&self.file).write(&bytes[..length])
            })
        })
        .map_err(self.failed("written"))
    }

    /// Puts the bytes on the disk, and of what the file system knows of the file as much as it
    /// takes to read them.
    ///
    /// # Errors
    ///
    /// Whatever the operating system says. What it says once it may not say again: nothing that
    /// was written since the last success can be believed to be on the disk.
    pub fn sync(&self) -> Result<(), DiskError> {
        again(|| pass(&self.path, Operation::Sync, |_| self.file.sync_data()))
            .map_err(self.failed("synced"))
    }

    /// Puts the bytes on the disk, and all that the file system knows of the file.
    ///
    /// # Errors
    ///
    /// As for [`File::sync`].
    pub fn sync_all(&self) -> Result<(), DiskError> {
        again(|| pass(&self.path, Operation::Sync, |_| self.file.sync_all()))
            .map_err(self.failed("synced"))
    }

    /// Cuts it to a size in bytes, or extends it with zeros.
    ///
    /// # Errors
    ///
    /// Whatever the operating system says.
    pub fn resize(&self, to: u64) -> Result<(), DiskError> {
        again(|| pass(&self.path, Operation::Resize { to }, |_| self.file.set_len(to)))
            .map_err(self.failed("cut to its size"))
    }

    /// Hears what the file system says when a file is closed, and leaves this one open. FUSE, AFS
    /// and some NFS send what was written only then, and may find only then that a quota is used
    /// up.
    ///
    /// # Errors
    ///
    /// Whatever the operating system says; as for [`File::sync`].
    pub fn close_once(&self) -> Result<(), DiskError> {
        let close = |copy| pass(&self.path, Operation::Close, |_| Ok(nix::unistd::close(copy)?));
        match self.file.try_clone().and_then(close) {
            // Linux has closed it all the same (close(2)).
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            result => result.map_err(self.failed("closed")),
        }
    }

    /// Reads the beginning: so many bytes, or all there are.
    ///
    /// # Errors
    ///
    /// Whatever the operating system says.
    pub fn read(&self, at_most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut block = [0; 8 << 10];
        while bytes.len() < at_most {
            let length = block.len().min(at_most - bytes.len());
            match self.read_at(&mut block[..length], bytes.len() as u64)? {
                0 => break,
                more => bytes.extend_from_slice(&block[..more]),
            }
        }
        Ok(bytes)
    }

    /// Sets when it was last changed.
    ///
    /// # Errors
    ///
    /// Whatever the operating system says.
    pub fn touch(&self, time: SystemTime) -> Result<(), DiskError> {
        again(|| pass(&self.path, Operation::Touch, |_| self.file.set_modified(time)))
            .map_err(self.failed("touched"))
    }

    /// Takes the lock of the operating system, for as long as the file is open.
    pub(super) fn try_lock(&self) -> Result<(), TryLockError> {
        if locks_are_off() { Ok(()) } else { self.file.try_lock() }
    }

    fn failed(&self, action: &'static str) -> impl Fn(io::Error) -> DiskError + '_ {
        DiskError::new(&self.path, action)
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Writes until all is written; `write` is given what is left and how much came before it.
fn write_all(
    bytes: &[u8],
    mut write: impl FnMut(&[u8], u64) -> io::Result<usize>,
) -> io::Result<()> {
    let mut written = 0;
    while written < bytes.len() {
        match again(|| write(&bytes[written..], written as u64))? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            more => written += more,
        }
    }
    Ok(())
}
