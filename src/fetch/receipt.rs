//! Receipts: a note that a file was verified, which holds while the file is the same.
//!
//! They make a second run instant. Nobody but `fetch` believes them, and `--recheck` does not.

use std::fs::Metadata;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::catalog::Archive;
use crate::disk::{self, DiskError, Folder, Stamp, StateFile};

/// A receipt is shorter than this; a longer file is none.
const LIMIT: usize = 4096;

/// What must be the same for the file to be the one that was verified.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Receipt {
    md5: String,
    #[serde(flatten)]
    stamp: Stamp,
}

impl Receipt {
    fn of(archive: &Archive, metadata: &Metadata) -> Self {
        Self { md5: archive.md5.to_string(), stamp: Stamp::of(metadata) }
    }
}

/// Whether the file was verified as this archive and is still the same.
pub(super) fn holds(folder: &Folder, archive: &Archive, file: &Metadata) -> bool {
    let path = folder.state_file(archive, StateFile::Receipt);
    let bytes = disk::read(&path, LIMIT + 1).ok().filter(|bytes| bytes.len() <= LIMIT);
    bytes.and_then(|bytes| read(&bytes)) == Some(Receipt::of(archive, file))
}

/// What the bytes say, if they are a receipt.
pub(super) fn read(bytes: &[u8]) -> Option<Receipt> {
    serde_json::from_slice(bytes).ok()
}

/// Notes that the file at the path was verified as this archive.
pub(super) fn write(folder: &Folder, archive: &Archive, file: &Path) -> Result<(), DiskError> {
    // A power cut must not take the bytes and leave the receipt.
    disk::sync_file(file)?;
    let metadata = file.metadata().map_err(DiskError::new(file, "inspected"))?;
    let json = serde_json::to_vec(&Receipt::of(archive, &metadata));
    let path = folder.state_file(archive, StateFile::Receipt);
    disk::replace(&path, &json.map_err(|error| DiskError::new(&path, "written")(error.into()))?)?;
    disk::crash_point("receipt-written");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_receipt_holds_for_the_same_file_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path());
        folder.create().unwrap();
        let md5 = "d41d8cd98f00b204e9800998ecf8427e".parse().unwrap();
        let archive = Archive {
            name: "a.gz".into(),
            md5,
            sha256: None,
            size: None,
            address: None,
            alias: None,
        };
        let file = dir.path().join("a.gz");
        fs::write(&file, "same").unwrap();
        let holds = |archive| holds(&folder, archive, &file.metadata().unwrap());
        assert!(!holds(&archive));
        write(&folder, &archive, &file).unwrap();
        assert!(holds(&archive));
        let md5 = "fe8ed0a6961412fddcbb3603c11b3698".parse().unwrap();
        let other = Archive { md5, ..archive.clone() };
        assert!(!holds(&other));
        fs::write(&file, "diff").unwrap();
        assert!(!holds(&archive));
        fs::write(folder.state_file(&archive, StateFile::Receipt), "{}").unwrap();
        assert!(!holds(&archive));
    }
}
