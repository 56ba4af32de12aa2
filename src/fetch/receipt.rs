//! Receipts: a receipt says that a file was verified, and holds while the file stays unchanged.
//!
//! Receipts make a second run instant. Only `fetch` relies on them, and `--recheck` ignores them.

use std::fs::Metadata;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::catalog::Archive;
use crate::disk::{self, DiskError, Folder, Stamp, StateFile};
use crate::hash::digest::Digest;

/// The most bytes of a receipt. A longer file is not a receipt.
const LIMIT: usize = 4096;

/// The values that must be unchanged for the file to count as verified.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Receipt {
    #[serde(flatten)]
    digest: Digest,
    #[serde(flatten)]
    stamp: Stamp,
}

impl Receipt {
    fn of(archive: &Archive, metadata: &Metadata) -> Self {
        Self { digest: archive.digest(), stamp: Stamp::of(metadata) }
    }
}

/// Returns true if the file was verified as this archive and is unchanged.
pub(super) fn holds(folder: &Folder, archive: &Archive, file: &Metadata) -> bool {
    let entry = folder.state_file(archive, StateFile::Receipt);
    let bytes = entry.read(LIMIT + 1).ok().filter(|bytes| bytes.len() <= LIMIT);
    bytes.and_then(|bytes| read(&bytes)) == Some(Receipt::of(archive, file))
}

pub(super) fn read(bytes: &[u8]) -> Option<Receipt> {
    serde_json::from_slice(bytes).ok()
}

/// Syncs a file, and records that it was verified as this archive.
pub(super) fn write(folder: &Folder, archive: &Archive, file: &Path) -> Result<(), DiskError> {
    // After a power cut there must be no receipt without the bytes.
    disk::sync_file(file)?;
    write_for_synced(folder, archive, file)
}

/// Records that a file whose bytes are synced was verified as this archive.
///
/// The receipt itself is not synced, because the coordinator would wait for the disk once for each
/// archive. One that a power cut has cut off is no receipt.
pub(super) fn write_for_synced(
    folder: &Folder,
    archive: &Archive,
    file: &Path,
) -> Result<(), DiskError> {
    let metadata = file.metadata().map_err(DiskError::new(file, "inspected"))?;
    let json = serde_json::to_vec(&Receipt::of(archive, &metadata));
    let entry = folder.state_file(archive, StateFile::Receipt);
    let failed = DiskError::new(entry.path(), "written");
    entry.replace_unsynced(&json.map_err(|error| failed(error.into()))?)?;
    disk::crash_point("receipt-written");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::catalog::Digests;
    use crate::hash::digest::{Md5, Sha256};

    #[test]
    fn a_receipt_holds_for_the_same_file_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path());
        folder.create().unwrap();
        let archive = Archive::new("a.gz", Md5::EMPTY);
        let file = dir.path().join("a.gz");
        fs::write(&file, "same").unwrap();
        let holds = |archive: &Archive| holds(&folder, archive, &file.metadata().unwrap());
        assert!(!holds(&archive));
        write(&folder, &archive, &file).unwrap();
        assert!(holds(&archive));
        // As unlikely as it is: the same file name in .cxr/, and the same first digits.
        let mut sha256 = [0; 32];
        sha256[..16].copy_from_slice(Md5::EMPTY.as_bytes());
        for other in [Digests::from(Md5::new([7; 16])), Sha256::new(sha256).into()] {
            let other = Archive::new("a.gz", other);
            assert!(!holds(&other));
        }
        fs::write(&file, "diff").unwrap();
        assert!(!holds(&archive));
        fs::write(folder.state_file(&archive, StateFile::Receipt).path(), "{}").unwrap();
        assert!(!holds(&archive));
    }
}
