//! The record of the files of one archive, in `.cxr/`: the rows that the archive has in `images.tsv`.
//!
//! It exists only if the archive's MD5 was right and its files are synced. With it, a later run knows which
//! files to look for, without reading the archive.

use std::collections::HashSet;

use super::image_writer::{ExpectedFiles, TakenFile};
use crate::catalog::Archive;
use crate::disk::{DiskError, Folder, StateFile, crash_point};
use crate::images::manifest::Manifest;

/// The most bytes of a record.
const LIMIT: usize = 256 << 20;

/// Returns the files of the record, and none if there is no good record.
pub(super) fn read(folder: &Folder, archive: &Archive) -> Vec<TakenFile> {
    let entry = folder.state_file(archive, StateFile::Images);
    let bytes = entry.read(LIMIT).unwrap_or_default();
    let manifest = Manifest::read(&bytes[..]).unwrap_or_default();
    let rows = manifest.rows().filter(|(_, of, _)| *of == archive.name);
    rows.map(|(name, _, row)| TakenFile { name: name.to_owned(), row: row.clone() }).collect()
}

/// Adds files to the record, in one step.
pub(super) fn add(
    folder: &Folder,
    archive: &Archive,
    files: &[TakenFile],
) -> Result<(), DiskError> {
    write(folder, archive, read(folder, archive).iter().chain(files))?;
    crash_point("record-written");
    Ok(())
}

/// Writes the record, in one step.
pub(super) fn write<'a>(
    folder: &Folder,
    archive: &Archive,
    files: impl IntoIterator<Item = &'a TakenFile>,
) -> Result<(), DiskError> {
    let mut manifest = Manifest::default();
    for TakenFile { name, row } in files {
        manifest.insert(name, &archive.name, row.clone());
    }
    let mut bytes = Vec::new();
    let entry = folder.state_file(archive, StateFile::Images);
    manifest.write(&mut bytes).map_err(DiskError::new(entry.path(), "written"))?;
    entry.replace(&bytes)?;
    entry.sync_folder()
}

/// Returns true if the record has every wanted file.
pub(super) fn covers(files: &[TakenFile], expected: &ExpectedFiles<'_>) -> bool {
    match expected {
        ExpectedFiles::Any => !files.is_empty(),
        ExpectedFiles::Images(..) => {
            let names: HashSet<&str> = files.iter().map(|file| &*file.name).collect();
            expected.names().all(|name| names.contains(&*name))
        }
    }
}
