//! What kind of device a file lies on.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;

use rustix::fs::{major, minor};

/// Whether a file lies on a disk that spins, as far as the system says: Linux's
/// `queue/rotational` (Documentation/ABI/stable/sysfs-block). Virtual disks often claim to spin and
/// do not; file systems without a block device of their own, as NFS, Btrfs or tmpfs, say nothing.
pub fn spins(metadata: &Metadata) -> bool {
    let device = metadata.dev();
    let device = format!("/sys/dev/block/{}:{}", major(device), minor(device));
    // A partition has no queue of its own: its disk, the folder above, has.
    ["queue/rotational", "../queue/rotational"]
        .iter()
        .find_map(|file| fs::read_to_string(format!("{device}/{file}")).ok())
        .is_some_and(|text| text.trim() == "1")
}
