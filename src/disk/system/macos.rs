//! macOS. Only its types are checked; nobody has run this yet.

use std::ffi::{CStr, OsStr, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{fcntl_fullfsync, fsync, statfs};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use rustix::time::{ClockId, clock_gettime};
use sysctl::Sysctl;
use sysinfo::{ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};

use super::ProcessState;

/// Syncs a file. It has no cheaper way that survives a power cut.
pub(in crate::disk) fn sync_data(file: &fs::File) -> io::Result<()> {
    sync_everything(file)
}

/// Syncs the data and all metadata of a file.
pub(in crate::disk) fn sync_everything(file: &fs::File) -> io::Result<()> {
    sync_names(file.as_fd())
}

/// Syncs a file or a folder to the medium (`F_FULLFSYNC`): fsync(2) alone leaves the data in the
/// cache of the drive. Other file systems than those of Apple may have only that.
pub(in crate::disk) fn sync_names(file: BorrowedFd<'_>) -> io::Result<()> {
    match fcntl_fullfsync(file) {
        Err(Errno::OPNOTSUPP | Errno::NOTSUP | Errno::INVAL | Errno::NOTTY | Errno::NOSYS) => {
            Ok(fsync(file)?)
        }
        result => Ok(result?),
    }
}

/// Fails: the system has no such call.
pub(in crate::disk) fn sync_file_system(_: &OwnedFd) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Returns the time since the boot, including the time that the machine slept (clock_gettime(3)).
pub(in crate::disk) fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Monotonic);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The ID of a boot never changes while the machine runs.
pub(in crate::disk) const IS_BOOT_ID_EXACT: bool = true;

/// Returns the ID of this boot. The time of the boot (`kern.boottime`) would not do: it changes when
/// the clock is set.
pub(in crate::disk) fn boot_id() -> Option<String> {
    let id = sysctl::Ctl::new("kern.bootsessionuuid").ok()?.value_string().ok()?;
    Some(id).filter(|id| !id.is_empty())
}

/// Returns the ID of this machine.
pub(in crate::disk) fn machine_id() -> Option<String> {
    machine_uid::get().ok()
}

/// All processes share their numbers.
#[expect(clippy::unnecessary_wraps, reason = "other systems may not know")]
pub(in crate::disk) fn process_namespace() -> Option<String> {
    Some("macOS".to_owned())
}

/// Looks up a process by its number. Its start is in seconds since 1970.
pub(in crate::disk) fn check_process(process: i32) -> ProcessState {
    // The owner's file may contain any number. No process has a negative one.
    let Some(pid) = Some(process).filter(|&number| number > 0).and_then(Pid::from_raw) else {
        return ProcessState::NotFound;
    };
    // The details of other users' processes may be hidden, but not that they exist.
    if test_kill_process(pid) == Err(Errno::SRCH) {
        return ProcessState::NotFound;
    }
    match look_up(process) {
        Some((ProcessStatus::Zombie, _)) => ProcessState::NotFound,
        found => ProcessState::Found(found.map(|(_, start)| start)),
    }
}

/// Returns the status and the start of a process.
fn look_up(process: i32) -> Option<(ProcessStatus, u64)> {
    let pid = sysinfo::Pid::from_u32(process.cast_unsigned());
    let mut system = System::new().ok()?;
    let wanted = ProcessesToUpdate::Some(&[pid]);
    system.refresh_processes_specifics(wanted, true, ProcessRefreshKind::nothing());
    system.process(pid).map(|found| (found.status(), found.start_time()))
}

/// Returns true if a path is on FAT.
pub(in crate::disk) fn is_fat(path: &Path) -> bool {
    is_on(path, &[c"msdos"])
}

/// Returns true if a path is on a file system that can do everything.
pub(in crate::disk) fn is_known_to_be_capable(path: &Path) -> bool {
    is_on(path, &[c"apfs", c"hfs", c"msdos"])
}

/// Returns true if a path is on a file system with one of these names.
fn is_on(path: &Path, names: &[&CStr]) -> bool {
    let Ok(stat) = statfs(path) else { return false };
    let name: Vec<u8> = stat.f_fstypename.iter().map(|&byte| byte.cast_unsigned()).collect();
    CStr::from_bytes_until_nul(&name).is_ok_and(|name| names.contains(&name))
}

/// Returns the form in which two names are compared: most disks ignore case.
pub(in crate::disk) fn comparable_name(name: &OsStr) -> OsString {
    name.to_string_lossy().to_lowercase().into()
}

/// Returns false: the system does not say it in a simple way.
pub(in crate::disk) const fn is_on_spinning_disk(_: &Metadata) -> bool {
    false
}

/// The kernel notices by itself that a file is read from its beginning to its end.
pub(in crate::disk) const fn read_ahead(_: &fs::File) {}
