//! Linux and macOS: what POSIX defines for both.

use std::fs::{self, DirBuilder, FileType, Metadata};
use std::io;
pub(in crate::disk) use std::os::fd::AsFd as AsOpenFile;
use std::os::unix::fs::{DirBuilderExt, FileExt, FileTypeExt, MetadataExt};
use std::path::Path;

use rustix::fs::{Access, Mode, OFlags, access, statvfs};
use rustix::io::Errno;
#[cfg(debug_assertions)]
use rustix::process::{Signal, getpid, kill_process};

use crate::text::shell;

/// Opens a file to read it. Does not wait for the other end of a named pipe.
pub(in crate::disk) fn open(path: &Path) -> io::Result<fs::File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

/// Opens a file to sync it.
pub(in crate::disk) fn open_to_sync(path: &Path) -> io::Result<fs::File> {
    open(path)
}

/// Opens an open file, pipe or terminal once more.
pub(in crate::disk) fn duplicate(file: impl AsOpenFile) -> io::Result<fs::File> {
    Ok(file.as_fd().try_clone_to_owned()?.into())
}

/// Reads at an offset.
pub(in crate::disk) fn read_at(file: &fs::File, block: &mut [u8], at: u64) -> io::Result<usize> {
    file.read_at(block, at)
}

/// Writes at an offset.
pub(in crate::disk) fn write_at(file: &fs::File, bytes: &[u8], at: u64) -> io::Result<usize> {
    file.write_at(bytes, at)
}

/// Closes a file, with the errors that std ignores.
pub(in crate::disk) fn close(file: fs::File) -> io::Result<()> {
    Ok(nix::unistd::close(file)?)
}

/// Creates a folder that only this user can use.
pub(in crate::disk) fn create_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// Returns the numbers of a file's disk and of the file on it.
pub(in crate::disk) fn identify(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Returns the same numbers of an open file.
pub(in crate::disk) fn identify_open(file: &fs::File) -> io::Result<(u64, u64)> {
    file.metadata().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Returns the same numbers, as far as the metadata has them.
pub(in crate::disk) fn identify_by_metadata(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Returns the last change of the data, in seconds and nanoseconds since 1970.
pub(in crate::disk) fn modified(metadata: &Metadata) -> (i64, i64) {
    (metadata.mtime(), metadata.mtime_nsec())
}

/// Returns the last change of the data or the attributes, which differs even if a copy restores the
/// time of modification.
pub(in crate::disk) fn changed(metadata: &Metadata) -> (i64, i64) {
    (metadata.ctime(), metadata.ctime_nsec())
}

/// Returns the bytes that this user may still write to the file system of a path. Returns `None` if
/// it does not say.
pub(in crate::disk) fn available(path: &Path) -> io::Result<Option<u64>> {
    match statvfs(path) {
        // File systems without a size of their own, as of object stores, report 0 of 0 blocks.
        Ok(stat) if stat.f_blocks == 0 => Ok(None),
        Ok(stat) => Ok(Some(stat.f_bavail.saturating_mul(stat.f_frsize))),
        // The file system or a sandbox does not support the question.
        Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM | Errno::ACCESS | Errno::OVERFLOW) => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Returns the bytes that a file takes on the disk: less than its length if it has holes.
pub(in crate::disk) fn allocated(metadata: &Metadata) -> u64 {
    // POSIX leaves the unit open; Linux, macOS and the BSDs all count blocks of 512 bytes.
    (metadata.blocks() * 512).min(metadata.len())
}

/// Returns true if a file has no other name, and this user may read and write it.
pub(in crate::disk) fn is_movable(path: &Path, metadata: &Metadata) -> bool {
    metadata.nlink() == 1 && access(path, Access::READ_OK | Access::WRITE_OK).is_ok()
}

/// Returns the name of something that is neither a file nor a folder.
pub(in crate::disk) fn kind(file_type: FileType) -> &'static str {
    match () {
        () if file_type.is_fifo() => "a named pipe",
        () if file_type.is_socket() => "a socket",
        () => "a device",
    }
}

/// Returns the largest file that this process may write.
pub(in crate::disk) fn largest_file() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Fsize).current
}

/// Returns the name of this machine.
pub(in crate::disk) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Fails for a path that only Windows does not allow.
#[expect(clippy::unnecessary_wraps, reason = "it fails on Windows")]
pub(in crate::disk) const fn check_path(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Returns true if this process or the system has as many open files as are allowed.
pub(in crate::disk) fn is_open_file_limit(error: &io::Error) -> bool {
    is_one_of(error, &[Errno::MFILE, Errno::NFILE])
}

/// Returns true if the medium does not return what was written to it. The kernel reports that as
/// EIO, and lately as ENODATA or EILSEQ.
pub(in crate::disk) fn is_bad_medium(error: &io::Error) -> bool {
    is_one_of(error, &[Errno::IO, Errno::NODATA, Errno::ILSEQ])
}

/// The kernel's errors for a link, a folder, and a socket or a device without a driver.
pub(in crate::disk) fn is_not_a_file(error: &io::Error) -> bool {
    is_one_of(error, &[Errno::LOOP, Errno::ISDIR, Errno::NXIO, Errno::NODEV, Errno::MLINK])
}

/// Returns true if the user is not the owner, in a folder where that matters, or the file is protected.
pub(in crate::disk) fn is_not_owner(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::PERM.raw_os_error())
}

/// Returns the command that lets the owner of a file read and write it.
pub(in crate::disk) fn allow(path: &Path) -> String {
    format!("chmod u+rw {}", shell::path(path))
}

/// The kernel's errors for a link or a file in the place of a folder.
pub(in crate::disk) fn is_not_a_folder(error: &io::Error) -> bool {
    is_one_of(error, &[Errno::NOTDIR, Errno::LOOP])
}

/// Returns true where there are no locks: Lustre without `-o flock` has no such call, NFS without a
/// lock manager no locks (flock(2)).
pub(in crate::disk) fn has_no_locks(error: &io::Error) -> bool {
    is_one_of(error, &[Errno::NOSYS, Errno::NOLCK, Errno::OPNOTSUPP])
}

/// The errors of file systems that lack an operation.
pub(in crate::disk) fn is_unsupported(error: &io::Error) -> bool {
    let lacks =
        [Errno::NOSYS, Errno::OPNOTSUPP, Errno::INVAL, Errno::PERM, Errno::ACCESS, Errno::EXIST];
    is_one_of(error, &lacks)
}

/// Returns true if the system does not sync whole file systems, or not this one.
pub(in crate::disk) fn cannot_sync(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
        || is_one_of(error, &[Errno::NOSYS, Errno::INVAL, Errno::OPNOTSUPP, Errno::PERM])
}

fn is_one_of(error: &io::Error, known: &[Errno]) -> bool {
    Errno::from_io_error(error).is_some_and(|errno| known.contains(&errno))
}

/// Returns the code of an error that tests inject.
#[cfg(debug_assertions)]
pub(in crate::disk) fn error_code(name: &str) -> Option<i32> {
    let errno = match name {
        "EDQUOT" => Errno::DQUOT,
        "EFBIG" => Errno::FBIG,
        "EINTR" => Errno::INTR,
        "EIO" => Errno::IO,
        "EMFILE" => Errno::MFILE,
        "ENOSPC" => Errno::NOSPC,
        "EINVAL" => Errno::INVAL,
        "ENOSYS" => Errno::NOSYS,
        "EPERM" => Errno::PERM,
        "EROFS" => Errno::ROFS,
        "ESTALE" => Errno::STALE,
        _ => return None,
    };
    Some(errno.raw_os_error())
}

/// Stops this process until another one continues it.
#[cfg(debug_assertions)]
pub(in crate::disk) fn stop() {
    let _ = kill_process(getpid(), Signal::STOP);
}

/// Kills this process.
#[cfg(debug_assertions)]
pub(in crate::disk) fn die() {
    let _ = kill_process(getpid(), Signal::KILL);
}
