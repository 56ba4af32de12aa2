//! The record of the files of one archive, in `.cxr/`: the rows that the archive has in `images.tsv`.
//!
//! It exists only if the archive's MD5 was right and its files are synced. With it, a later run knows which
//! files to look for, without reading the archive.

use super::manifest::{Manifest, ManifestRow};
use crate::catalog::Archive;
use crate::disk::{DiskError, Folder, Found, StateFile, Subfolder, crash_point};

/// The most bytes of a record.
const LIMIT: usize = 256 << 20;

/// A file that was taken from an archive.
#[derive(Debug)]
pub(crate) struct RecordedFile {
    pub(crate) name: String,
    pub(crate) row: ManifestRow,
}

impl RecordedFile {
    /// Returns true if a file with its name and its size is in the folder.
    pub(crate) fn is_in(&self, folder: &Subfolder) -> bool {
        let found = folder.entry(&self.name).look();
        matches!(found, Ok(Some(Found::File(size))) if size == self.row.bytes)
    }
}

/// Returns the files of the record, and none if there is no good record.
pub(crate) fn read(folder: &Folder, archive: &Archive) -> Vec<RecordedFile> {
    let entry = folder.state_file(archive, StateFile::Images);
    let bytes = entry.read(LIMIT).unwrap_or_default();
    let manifest = Manifest::read(&bytes[..]).unwrap_or_default();
    let rows = manifest.rows().filter(|(_, of, _)| *of == archive.name);
    rows.map(|(name, _, row)| RecordedFile { name: name.to_owned(), row: row.clone() }).collect()
}

/// Adds files to the record, in one step.
pub(crate) fn add(
    folder: &Folder,
    archive: &Archive,
    files: &[RecordedFile],
) -> Result<(), DiskError> {
    write(folder, archive, read(folder, archive).iter().chain(files))?;
    crash_point("record-written");
    Ok(())
}

/// Writes the record, in one step.
pub(crate) fn write<'a>(
    folder: &Folder,
    archive: &Archive,
    files: impl IntoIterator<Item = &'a RecordedFile>,
) -> Result<(), DiskError> {
    let mut manifest = Manifest::default();
    for RecordedFile { name, row } in files {
        manifest.insert(name, &archive.name, row.clone());
    }
    let mut bytes = Vec::new();
    let entry = folder.state_file(archive, StateFile::Images);
    manifest.write(&mut bytes).map_err(DiskError::new(entry.path(), "written"))?;
    entry.replace(&bytes)?;
    entry.sync_folder()
}
