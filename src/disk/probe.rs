//! Finds out whether a file system can do what a fetch needs. Mounts of object stores often rename
//! no file, or write files from the beginning to the end only.

use std::path::Path;

use bytes::Bytes;
use rustix::io::Errno;

use super::refusal::Refusal;
use super::{DiskError, Entry, Folder};

/// The magic numbers of file systems that can do everything (statfs(2)): ext4, XFS, Btrfs, tmpfs,
/// ramfs, overlayfs, F2FS, ZFS and FAT.
#[cfg(target_os = "linux")]
const CAPABLE: [i64; 9] = [
    0xef53,
    0x5846_5342,
    0x9123_683e,
    0x0102_1994,
    0x8584_58f6,
    0x794c_7630,
    0xf2f5_2010,
    0x2fc1_2fc1,
    0x4d44,
];

/// Renames, extends and overwrites a small file in the program's own folder. Fails if the file system
/// does not support one of these.
pub(crate) fn probe(folder: &Folder) -> Result<(), DiskError> {
    if is_known_to_be_capable(folder.own()) {
        return Ok(());
    }
    let entry = folder.own_entry("probe");
    let result = try_out(&entry).map_err(|error| explain(folder, error));
    // It is empty, and the next probe replaces it.
    let _ = entry.with_added_extension("new").remove();
    let _ = entry.remove();
    result
}

fn try_out(entry: &Entry) -> Result<(), DiskError> {
    entry.replace(b"0")?;
    let file = entry.open_to_append()?;
    file.append(b"1")?;
    file.close()?;
    let file = entry.open_to_write()?;
    for at in [8192, 0] {
        file.write_at(at, &[Bytes::from_static(b"2")])?;
    }
    file.resize(10)?;
    file.close()
}

/// A full or broken disk is no lack of the file system.
fn explain(folder: &Folder, error: DiskError) -> DiskError {
    let unsupported =
        [Errno::NOSYS, Errno::OPNOTSUPP, Errno::INVAL, Errno::PERM, Errno::ACCESS, Errno::EXIST];
    let errno = Errno::from_io_error(&error.source).filter(|errno| unsupported.contains(errno));
    let Some(errno) = errno else { return error };
    let lack = if error.action == "renamed" {
        Refusal::NoRenames(errno)
    } else {
        Refusal::NoWritesAnywhere(errno)
    };
    DiskError::new(folder.dir(), "used for a fetch")(lack.into())
}

#[cfg(target_os = "linux")]
fn is_known_to_be_capable(path: &Path) -> bool {
    #[allow(clippy::useless_conversion, reason = "the type differs between processors")]
    rustix::fs::statfs(path).is_ok_and(|stat| CAPABLE.contains(&i64::from(stat.f_type)))
}

#[cfg(not(target_os = "linux"))]
const fn is_known_to_be_capable(_: &Path) -> bool {
    false
}
