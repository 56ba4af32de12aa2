//! The record of what `labels` wrote, in `.cxr/`. With it, a later run replaces a list that cxr wrote, and
//! `extract` keeps the part for validation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::parts::Validation;
use crate::disk::{self, DiskError, Entry, Folder};
use crate::hash::digest::Sha256;

/// The most bytes of a record.
const LIMIT: usize = 64 << 10;

/// The most contents of a file that are remembered.
const CONTENTS: usize = 20;

/// The files that `labels` wrote into a folder.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct LabelsRecord {
    /// The fraction, as it is typed, and the seed of the part for validation.
    #[serde(default)]
    validation: Option<(String, u64)>,
    /// The SHA-256s of the contents that each file has had, the newest last.
    #[serde(default)]
    files: BTreeMap<String, Vec<Sha256>>,
}

fn entry(folder: &Folder) -> Entry {
    folder.own_entry("labels")
}

fn sha256(content: &[u8]) -> Sha256 {
    Sha256::new(sha2::Sha256::digest(content).into())
}

impl LabelsRecord {
    /// Returns the record, and an empty one if there is no good one.
    pub(crate) fn read(folder: &Folder) -> Self {
        let bytes = entry(folder).read(LIMIT).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Returns the part for validation of the last run that made one.
    pub(crate) fn validation(&self) -> Option<Validation> {
        let (fraction, seed) = self.validation.as_ref()?;
        let fraction = fraction.parse::<f64>().ok()?;
        let is_fraction = fraction > 0.0 && fraction < 1.0;
        is_fraction.then_some(Validation { fraction, seed: *seed })
    }

    /// Returns true if cxr wrote a file of this name with this content.
    pub(super) fn has(&self, name: &str, content: &[u8]) -> bool {
        let contents = self.files.get(name);
        contents.is_some_and(|contents| contents.contains(&sha256(content)))
    }

    pub(super) fn set_validation(&mut self, validation: Option<Validation>) {
        let typed = |Validation { fraction, seed }: Validation| (fraction.to_string(), seed);
        self.validation = validation.map(typed);
    }

    pub(super) fn add(&mut self, name: &str, content: &[u8]) {
        let contents = self.files.entry(name.to_owned()).or_default();
        let new = sha256(content);
        contents.retain(|old| *old != new);
        contents.push(new);
        contents.drain(..contents.len().saturating_sub(CONTENTS));
    }

    /// Writes the record, before the files. Creates `.cxr/` if it does not exist.
    pub(super) fn write(&self, folder: &Folder) -> Result<(), DiskError> {
        folder.create()?;
        let entry = entry(folder);
        let failed = DiskError::new(entry.path(), "written");
        let json = serde_json::to_vec(self).map_err(|error| failed(error.into()))?;
        // Another cxr may do the same at the same time.
        disk::write_over(folder, &entry, &json)
    }
}
