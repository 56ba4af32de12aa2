//! How much room there is, and how much a file already takes.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::statvfs;

use super::DiskError;

/// Bytes that this user may still write to the file system of `path`.
///
/// # Errors
///
/// Whatever the operating system says.
pub fn available(path: &Path) -> Result<u64, DiskError> {
    let stat = statvfs(path).map_err(|error| DiskError::new(path, "measured")(error.into()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Bytes of the disk that a file takes: less than its length where it has holes.
pub fn allocated(metadata: &Metadata) -> u64 {
    // POSIX leaves the unit open; Linux, macOS and the BSDs all count blocks of 512 bytes.
    (metadata.blocks() * 512).min(metadata.len())
}
