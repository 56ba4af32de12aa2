//! The record of the files of one archive, in `.cxr/`: the rows that the archive has in `images.tsv`.
//!
//! It exists only if the archive's MD5 was right and its files are synced. With it, a later run knows which
//! files to look for, without reading the archive.

use std::collections::HashSet;
use std::io::BufReader;

use super::manifest::{ManifestRow, read_rows, write_rows};
use crate::catalog::Archive;
use crate::disk::{DiskError, Folder, Found, StateFile, Subfolder, crash_point};

/// A file that was taken from an archive.
#[derive(Debug)]
pub(crate) struct RecordedFile {
    pub(crate) name: Box<str>,
    pub(crate) row: ManifestRow,
}

impl RecordedFile {
    /// Returns true if a file with its name and its size is in the folder.
    pub(crate) fn is_in(&self, folder: &Subfolder) -> bool {
        let found = folder.entry(&self.name).look();
        matches!(found, Ok(Some(Found::File(size))) if size == self.row.bytes)
    }
}

/// Returns the files of the record, `None` if there is no good record.
pub(crate) fn read(folder: &Folder, archive: &Archive) -> Option<Vec<RecordedFile>> {
    let file = folder.state_file(archive, StateFile::Images).open().ok()?;
    let mut files = Vec::new();
    let read = read_rows(BufReader::new(file.reader()), |_, name, of, row| {
        if of == archive.name {
            files.push(RecordedFile { name: name.into(), row });
        }
        Ok(())
    });
    read.is_ok().then_some(files)
}

/// Adds files to the record, in one step.
pub(crate) fn add(
    folder: &Folder,
    archive: &Archive,
    files: &[RecordedFile],
) -> Result<(), DiskError> {
    let earlier = read(folder, archive).unwrap_or_default();
    let new: HashSet<&str> = files.iter().map(|file| &*file.name).collect();
    let others = earlier.iter().filter(|file| !new.contains(&*file.name));
    write(folder, archive, others.chain(files))?;
    crash_point("record-written");
    Ok(())
}

/// Removes the record, if there is one.
pub(crate) fn remove(folder: &Folder, archive: &Archive) -> Result<(), DiskError> {
    folder.state_file(archive, StateFile::Images).remove()
}

/// Writes the record, in one step. No two files have one name.
pub(crate) fn write<'a>(
    folder: &Folder,
    archive: &Archive,
    files: impl IntoIterator<Item = &'a RecordedFile>,
) -> Result<(), DiskError> {
    let mut files: Vec<&RecordedFile> = files.into_iter().collect();
    files.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let rows = files.into_iter().map(|file| (&*file.name, &*archive.name, &file.row));
    let mut bytes = Vec::new();
    let entry = folder.state_file(archive, StateFile::Images);
    write_rows(rows, &mut bytes).map_err(DiskError::new(entry.path(), "written"))?;
    entry.replace(&bytes)?;
    entry.sync_folder()
}
