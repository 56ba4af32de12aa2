//! Linux.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{Advice, fadvise, major, minor, statfs};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use rustix::time::{ClockId, clock_gettime};

use super::ProcessState;

/// The magic number of FAT (statfs(2)).
const FAT: i64 = 0x4d44;

/// The magic numbers of file systems that can do everything (statfs(2)): ext4, XFS, Btrfs, tmpfs,
/// ramfs, overlayfs, F2FS, ZFS and FAT.
const CAPABLE: [i64; 9] = [
    0xef53,
    0x5846_5342,
    0x9123_683e,
    0x0102_1994,
    0x8584_58f6,
    0x794c_7630,
    0xf2f5_2010,
    0x2fc1_2fc1,
    FAT,
];

/// Syncs the data of a file, and the metadata that reading it needs.
pub(in crate::disk) fn sync_data(file: &fs::File) -> io::Result<()> {
    file.sync_data()
}

/// Syncs the data and all metadata of a file.
pub(in crate::disk) fn sync_everything(file: &fs::File) -> io::Result<()> {
    file.sync_all()
}

/// Syncs the names in a folder that is open for reading.
pub(in crate::disk) fn sync_names(folder: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::fs::fsync(folder)?)
}

/// Syncs a whole file system.
pub(in crate::disk) fn sync_file_system(folder: &OwnedFd) -> io::Result<()> {
    Ok(rustix::fs::syncfs(folder)?)
}

/// Returns the time since the boot, including the time that the machine slept.
pub(in crate::disk) fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The ID of a boot never changes while the machine runs.
pub(in crate::disk) const IS_BOOT_ID_EXACT: bool = true;

/// Returns the ID of this boot.
pub(in crate::disk) fn boot_id() -> Option<String> {
    line("/proc/sys/kernel/random/boot_id")
}

/// Returns the ID of this machine.
pub(in crate::disk) fn machine_id() -> Option<String> {
    line("/etc/machine-id")
}

/// Returns the PID namespace: each container on a machine has its own process numbers.
pub(in crate::disk) fn process_namespace() -> Option<String> {
    Some(fs::read_link("/proc/self/ns/pid").ok()?.to_string_lossy().into_owned())
}

/// Looks up a process by its number (`proc_pid_stat(5)`). Its start is in clock ticks since the
/// boot.
pub(in crate::disk) fn check_process(process: i32) -> ProcessState {
    let Some(stat) = line(&format!("/proc/{process}/stat")) else {
        // The details of other users' processes may be hidden, but not that they exist.
        let has_ended = |pid| test_kill_process(pid) == Err(Errno::SRCH);
        // The owner's file may contain any number. No process has a negative one.
        let pid = Some(process).filter(|&number| number > 0).and_then(Pid::from_raw);
        let is_missing = pid.is_none_or(has_ended);
        return if is_missing { ProcessState::NotFound } else { ProcessState::Found(None) };
    };
    // The name, in parentheses, may contain anything.
    let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    match fields.next() {
        Some("Z" | "X") => ProcessState::NotFound,
        // The state is field 3, the start field 22.
        _ => ProcessState::Found(fields.nth(18).and_then(|field| field.parse().ok())),
    }
}

/// Returns true if a path is on FAT.
pub(in crate::disk) fn is_fat(path: &Path) -> bool {
    kind_of_file_system(path) == Some(FAT)
}

/// Returns true if a path is on a file system that can do everything.
pub(in crate::disk) fn is_known_to_be_capable(path: &Path) -> bool {
    kind_of_file_system(path).is_some_and(|kind| CAPABLE.contains(&kind))
}

fn kind_of_file_system(path: &Path) -> Option<i64> {
    #[allow(clippy::useless_conversion, reason = "the type differs between processors")]
    statfs(path).ok().map(|stat| i64::from(stat.f_type))
}

/// Returns the form in which two names are compared.
pub(in crate::disk) fn comparable_name(name: &OsStr) -> OsString {
    name.to_owned()
}

/// Returns true if the system says that a file is on a spinning disk (HDD): Linux's
/// `queue/rotational` (Documentation/ABI/stable/sysfs-block). Virtual disks often say so wrongly;
/// file systems without a block device of their own, such as NFS, Btrfs or tmpfs, say nothing.
pub(in crate::disk) fn is_on_spinning_disk(metadata: &Metadata) -> bool {
    let device = metadata.dev();
    let device = format!("/sys/dev/block/{}:{}", major(device), minor(device));
    // A partition has no queue of its own, but its disk, the folder above, has one.
    ["queue/rotational", "../queue/rotational"]
        .iter()
        .find_map(|file| fs::read_to_string(format!("{device}/{file}")).ok())
        .is_some_and(|text| text.trim() == "1")
}

/// Advises the kernel to read far ahead, and that the pages are not needed again: if memory is
/// short, they go before those of others (Linux 6.3 and later). The kernel may ignore both.
pub(in crate::disk) fn read_ahead(file: &fs::File) {
    for advice in [Advice::Sequential, Advice::NoReuse] {
        let _ = fadvise(file, 0, None, advice);
    }
}

fn line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
