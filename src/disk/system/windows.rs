//! Windows. `.ci/windows` runs it under Wine; nobody has run it on Windows yet.
#![expect(clippy::disallowed_methods, reason = "these are the operations of the system")]

use std::ffi::{OsStr, OsString};
use std::fs::{self, FileType, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::windows::fs::{FileExt, MetadataExt, OpenOptionsExt};
pub(in crate::disk) use std::os::windows::io::AsHandle as AsOpenFile;
use std::path::{Component, Path, Prefix};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use winsafe::co::{ERROR, PROCESS, RRF};
use winsafe::{HKEY, HPROCESS, RegistryValue};

use super::ProcessState;
use crate::text::{shell, windows_names};

/// Opens a folder like a file (`FILE_FLAG_BACKUP_SEMANTICS`).
pub(in crate::disk) const FOLDER: u32 = 0x0200_0000;

/// Opens a link, and not what it leads to (`FILE_FLAG_OPEN_REPARSE_POINT`).
pub(in crate::disk) const LINK: u32 = 0x0020_0000;

/// The access that needs no permission for the content (`FILE_READ_ATTRIBUTES`).
const ATTRIBUTES: u32 = 0x0080;

/// The exit code of a process that runs (`STILL_ACTIVE`).
const RUNNING: u32 = 259;

/// Seconds between 1601, where the system's times begin, and 1970.
const FROM_1601: i64 = 11_644_473_600;

/// The steps of the system's times in a second.
const STEPS: u64 = 10_000_000;

/// Times of a boot that differ by less than this are of one boot: they are found from the clock,
/// which may be set meanwhile.
const BOOT_STEP: u64 = 10;

/// `ERROR_TOO_MANY_OPEN_FILES`.
const OPEN_FILE_LIMIT: i32 = 4;

/// `ERROR_CRC`, `ERROR_SECTOR_NOT_FOUND`, `ERROR_READ_FAULT`, `ERROR_IO_DEVICE`,
/// `ERROR_FILE_CORRUPT`.
const BAD_MEDIUM: [i32; 5] = [23, 27, 30, 1117, 1392];

/// `ERROR_INVALID_FUNCTION`, `ERROR_NOT_SUPPORTED`, `ERROR_CALL_NOT_IMPLEMENTED`.
const UNSUPPORTED: [i32; 3] = [1, 50, 120];

/// Opens a file to read it.
pub(in crate::disk) fn open(path: &Path) -> io::Result<fs::File> {
    options().read(true).open(path)
}

/// Opens a file to sync it, which needs the permission to write to it.
pub(in crate::disk) fn open_to_sync(path: &Path) -> io::Result<fs::File> {
    options().read(true).write(true).open(path)
}

/// Opens an open file, pipe or terminal once more.
pub(in crate::disk) fn duplicate(file: impl AsOpenFile) -> io::Result<fs::File> {
    Ok(file.as_handle().try_clone_to_owned()?.into())
}

/// Reads at an offset.
pub(in crate::disk) fn read_at(file: &fs::File, block: &mut [u8], at: u64) -> io::Result<usize> {
    file.seek_read(block, at)
}

/// Writes at an offset.
pub(in crate::disk) fn write_at(file: &fs::File, bytes: &[u8], at: u64) -> io::Result<usize> {
    file.seek_write(bytes, at)
}

/// Closes a file. The system reports no errors then.
#[expect(clippy::unnecessary_wraps, reason = "other systems report errors")]
pub(in crate::disk) fn close(file: fs::File) -> io::Result<()> {
    drop(file);
    Ok(())
}

/// Syncs a file (`FlushFileBuffers`).
pub(in crate::disk) fn sync_data(file: &fs::File) -> io::Result<()> {
    file.sync_all()
}

/// Does the same: it syncs everything.
pub(in crate::disk) fn sync_everything(file: &fs::File) -> io::Result<()> {
    file.sync_all()
}

/// Fails: only an administrator may sync a whole disk.
pub(in crate::disk) fn sync_file_system(_: &()) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

/// Creates a folder, with the permissions that the folder around it hands down.
pub(in crate::disk) fn create_private_folder(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

/// Returns the numbers of a file's disk and of the file on it.
pub(in crate::disk) fn identify(path: &Path) -> io::Result<(u64, u64)> {
    identify_open(&options().access_mode(ATTRIBUTES).custom_flags(FOLDER).open(path)?)
}

/// Returns the same numbers of an open file.
pub(in crate::disk) fn identify_open(file: &fs::File) -> io::Result<(u64, u64)> {
    let found = winapi_util::file::information(file)?;
    Ok((found.volume_serial_number(), found.file_index()))
}

/// Returns zeros: the metadata has none of these numbers.
pub(in crate::disk) const fn identify_by_metadata(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// Returns the last change of the data, in seconds and nanoseconds since 1970.
pub(in crate::disk) fn modified(metadata: &Metadata) -> (i64, i64) {
    unix_time(metadata.last_write_time())
}

/// Returns the time of creation, which differs if another file is put in the place. The time of the
/// last change of the attributes cannot be had in a simple way.
pub(in crate::disk) fn changed(metadata: &Metadata) -> (i64, i64) {
    unix_time(metadata.creation_time())
}

/// Returns seconds and nanoseconds since 1970.
fn unix_time(steps: u64) -> (i64, i64) {
    let seconds = (steps / STEPS).cast_signed() - FROM_1601;
    (seconds, (steps % STEPS).cast_signed() * 100)
}

/// Returns the bytes that this user may still write to the disk of a path. Returns `None` if it does
/// not say.
pub(in crate::disk) fn available(path: &Path) -> io::Result<Option<u64>> {
    let Some(path) = path.to_str() else { return Ok(None) };
    let mut bytes = 0;
    match winsafe::GetDiskFreeSpaceEx(Some(path), Some(&mut bytes), None, None) {
        Ok(()) => Ok(Some(bytes)),
        Err(ERROR::ACCESS_DENIED | ERROR::NOT_SUPPORTED | ERROR::INVALID_FUNCTION) => Ok(None),
        Err(error) => Err(system_error(error)),
    }
}

/// Returns the size: cxr makes no files with holes here, and NTFS allocates all others whole.
pub(in crate::disk) fn allocated(metadata: &Metadata) -> u64 {
    metadata.len()
}

/// Returns true if a file has no other name, and this user may read and write it.
pub(in crate::disk) fn is_movable(path: &Path, _: &Metadata) -> bool {
    let file = options().read(true).write(true).open(path);
    let names = file.and_then(|file| winapi_util::file::information(&file));
    names.is_ok_and(|found| found.number_of_links() == 1)
}

/// Returns the name of something that is neither a file nor a folder.
pub(in crate::disk) fn kind(file_type: FileType) -> &'static str {
    if file_type.is_symlink() { "a symbolic link" } else { "a device" }
}

/// Returns `None`: a process may write files of any size.
pub(in crate::disk) const fn largest_file() -> Option<u64> {
    None
}

/// Returns the name of this machine.
pub(in crate::disk) fn host() -> String {
    winsafe::GetComputerName().unwrap_or_default()
}

/// Fails if a name in a path is one that Windows gives to a device or changes.
pub(in crate::disk) fn check_path(path: &Path) -> io::Result<()> {
    for part in path.components() {
        let Component::Normal(name) = part else { continue };
        if let Some(why) = windows_names::check(&name.to_string_lossy()) {
            let why = format!("`{}` {why}", name.to_string_lossy());
            return Err(io::Error::new(ErrorKind::InvalidFilename, why));
        }
    }
    Ok(())
}

/// Returns the time since the boot, including the time that the machine slept.
pub(in crate::disk) fn since_boot() -> Duration {
    Duration::from_millis(winsafe::GetTickCount64())
}

/// A boot may seem to be another one after the clock was set.
pub(in crate::disk) const IS_BOOT_ID_EXACT: bool = false;

/// Returns the time of this boot. A fast start continues the boot before it, which wrote everything
/// to the disk when it ended.
pub(in crate::disk) fn boot_id() -> Option<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let booted = now.checked_sub(since_boot())?;
    Some(format!("windows-{}", booted.as_secs() / BOOT_STEP))
}

/// Returns the ID that Windows gave to this machine when it was installed.
pub(in crate::disk) fn machine_id() -> Option<String> {
    let key = Some("SOFTWARE\\Microsoft\\Cryptography");
    match HKEY::LOCAL_MACHINE.RegGetValue(key, Some("MachineGuid"), RRF::RT_REG_SZ) {
        Ok(RegistryValue::Sz(id)) if !id.is_empty() => Some(id),
        _ => None,
    }
}

/// All processes share their numbers.
#[expect(clippy::unnecessary_wraps, reason = "other systems may not know")]
pub(in crate::disk) fn process_namespace() -> Option<String> {
    Some("Windows".to_owned())
}

/// Looks up a process by its number. Its start is in steps of 100 ns since 1601.
pub(in crate::disk) fn check_process(process: i32) -> ProcessState {
    let access = PROCESS::QUERY_LIMITED_INFORMATION;
    let process = match HPROCESS::OpenProcess(access, false, process.cast_unsigned()) {
        Ok(process) => process,
        Err(ERROR::INVALID_PARAMETER) => return ProcessState::NotFound,
        // The details of other users' processes may be hidden, but not that they exist.
        Err(_) => return ProcessState::Found(None),
    };
    if process.GetExitCodeProcess().is_ok_and(|code| code != RUNNING) {
        return ProcessState::NotFound;
    }
    let start = process.GetProcessTimes().ok().map(|(start, ..)| start);
    let whole = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
    ProcessState::Found(start.map(|start| whole(start.dwHighDateTime, start.dwLowDateTime)))
}

/// Returns true if a path is on FAT12, FAT16 or FAT32. exFAT has no such limits.
pub(in crate::disk) fn is_fat(path: &Path) -> bool {
    file_system(path)
        .is_some_and(|name| matches!(name.as_str(), "FAT" | "FAT12" | "FAT16" | "FAT32"))
}

/// Returns true if a path is on a file system that can do everything.
pub(in crate::disk) fn is_known_to_be_capable(path: &Path) -> bool {
    file_system(path).is_some_and(|name| matches!(name.as_str(), "NTFS" | "ReFS"))
}

/// Returns the name of the file system of a drive.
fn file_system(path: &Path) -> Option<String> {
    let path = fs::canonicalize(path).ok()?;
    let Some(Component::Prefix(prefix)) = path.components().next() else { return None };
    let (Prefix::Disk(drive) | Prefix::VerbatimDisk(drive)) = prefix.kind() else { return None };
    let root = format!("{}:\\", char::from(drive));
    let mut name = String::new();
    winsafe::GetVolumeInformation(Some(&root), None, None, None, None, Some(&mut name)).ok()?;
    Some(name)
}

/// Returns the form in which two names are compared: NTFS ignores case.
pub(in crate::disk) fn comparable_name(name: &OsStr) -> OsString {
    name.to_string_lossy().to_lowercase().into()
}

/// Returns false: the system does not say it in a simple way.
pub(in crate::disk) const fn is_on_spinning_disk(_: &Metadata) -> bool {
    false
}

/// The system notices by itself that a file is read from its beginning to its end.
pub(in crate::disk) const fn read_ahead(_: &fs::File) {}

/// Returns true if this process has as many open files as are allowed.
pub(in crate::disk) fn is_open_file_limit(error: &io::Error) -> bool {
    error.raw_os_error() == Some(OPEN_FILE_LIMIT)
}

/// Returns true if the medium does not return what was written to it.
pub(in crate::disk) fn is_bad_medium(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|code| BAD_MEDIUM.contains(&code))
}

/// Returns true if a folder has the name of a file.
pub(in crate::disk) fn is_not_a_file(error: &io::Error) -> bool {
    error.kind() == ErrorKind::IsADirectory
}

/// Returns false: a folder has no such rule.
pub(in crate::disk) const fn is_not_owner(_: &io::Error) -> bool {
    false
}

/// Returns the command that lets a file be written to.
pub(in crate::disk) fn allow(path: &Path) -> String {
    format!("attrib -R {}", shell::path(path))
}

/// Returns true if something else has the name of a folder.
pub(in crate::disk) fn is_not_a_folder(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotADirectory
}

/// Returns true where there are no locks.
pub(in crate::disk) fn has_no_locks(error: &io::Error) -> bool {
    is_unsupported(error)
}

/// The errors of file systems that lack an operation.
pub(in crate::disk) fn is_unsupported(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|code| UNSUPPORTED.contains(&code))
}

/// Returns true if the system does not sync whole file systems.
pub(in crate::disk) fn cannot_sync(error: &io::Error) -> bool {
    error.kind() == ErrorKind::Unsupported
}

/// Returns an error of the system in the form of std.
pub(in crate::disk) fn system_error(error: ERROR) -> io::Error {
    io::Error::from_raw_os_error(error.raw().cast_signed())
}

/// Returns the options of a file that other processes may read, write, rename and remove meanwhile.
fn options() -> OpenOptions {
    OpenOptions::new()
}

/// Returns the code of an error that tests inject.
#[cfg(debug_assertions)]
pub(in crate::disk) fn error_code(name: &str) -> Option<i32> {
    Some(match name {
        "EIO" => 1117,
        "ENOSPC" => 112,
        _ => return None,
    })
}

/// Only other systems can do this.
#[cfg(debug_assertions)]
pub(in crate::disk) fn stop() {
    panic!("a process cannot stop itself here");
}

/// Ends this process at once.
#[cfg(debug_assertions)]
pub(in crate::disk) fn die() {
    std::process::abort();
}
