//! A note on one archive, and on a pass.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::catalog::Archive;
use crate::digest::Sha256;
use crate::disk::{self, DiskError, Folder, Kept, Stamp};

/// A note is shorter than this, in bytes; a longer file is none.
const LIMIT: usize = 4096;

/// What was found out about a file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Note {
    md5: String,
    /// The SHA-256, where that was verified too.
    sha256: Option<String>,
    #[serde(flatten)]
    stamp: Stamp,
    ok: bool,
    /// Seconds since 1970.
    time: u64,
    pass: Option<u64>,
}

/// A pass that has not come to its end.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Pass {
    pass: u64,
}

impl Note {
    /// A note of this moment.
    pub(super) fn new(
        archive: &Archive,
        stamp: Stamp,
        ok: bool,
        sha256: Option<Sha256>,
        pass: Option<u64>,
    ) -> Self {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let sha256 = sha256.map(|sha256| sha256.to_string());
        Self { md5: archive.md5.to_string(), sha256, stamp, ok, time, pass }
    }

    /// The note on the archive that is kept for the folder, if there is one.
    pub(super) fn read(folder: &Folder, archive: &Archive) -> Option<Self> {
        read(&folder.kept(archive, Kept::Note))
    }

    pub(super) fn write(&self, folder: &Folder, archive: &Archive) -> Result<(), DiskError> {
        write(&folder.kept(archive, Kept::Note), self)
    }

    /// Whether it says that this very file is the archive, by its SHA-256 as well where that is
    /// asked for.
    pub(super) fn holds(&self, archive: &Archive, stamp: &Stamp, sha256: bool) -> bool {
        let expected = archive.sha256.map(|sha256| sha256.to_string());
        let has_sha256 = expected.is_some() && self.sha256 == expected;
        self.ok
            && self.stamp == *stamp
            && self.md5 == archive.md5.to_string()
            && (has_sha256 || !sha256)
    }

    pub(super) fn time(&self) -> SystemTime {
        UNIX_EPOCH.checked_add(Duration::from_secs(self.time)).unwrap_or(UNIX_EPOCH)
    }

    pub(super) const fn pass(&self) -> Option<u64> {
        self.pass
    }
}

impl Pass {
    pub(super) const fn new(number: u64) -> Self {
        Self { pass: number }
    }

    pub(super) const fn number(self) -> u64 {
        self.pass
    }

    /// The pass that was interrupted in the folder.
    pub(super) fn read(folder: &Folder) -> Option<Self> {
        read(&path(folder))
    }

    pub(super) fn write(self, folder: &Folder) -> Result<(), DiskError> {
        write(&path(folder), &self)
    }

    pub(super) fn remove(folder: &Folder) -> Result<(), DiskError> {
        disk::remove(&path(folder))
    }
}

fn path(folder: &Folder) -> PathBuf {
    folder.own().join("pass")
}

fn read<T: for<'a> Deserialize<'a>>(path: &std::path::Path) -> Option<T> {
    let bytes = disk::read(path, LIMIT + 1).ok().filter(|bytes| bytes.len() <= LIMIT)?;
    serde_json::from_slice(&bytes).ok()
}

fn write(path: &std::path::Path, value: &impl Serialize) -> Result<(), DiskError> {
    let json = serde_json::to_vec(value);
    disk::replace(path, &json.map_err(|error| DiskError::new(path, "written")(error.into()))?)
}
