//! Finds out whether a file system can do what a fetch needs. Mounts of object stores often rename
//! no file, or write files from the beginning to the end only.

use super::refusal::Refusal;
use super::system::{is_known_to_be_capable, is_unsupported};
use super::{DiskError, Entry, Folder};
use crate::catalog::Archive;

/// Renames, extends and overwrites a small file in the program's own folder. Fails if the file system
/// does not support one of these. The file is that of the archive, whose lock this run has.
pub(crate) fn probe(folder: &Folder, archive: &Archive) -> Result<(), DiskError> {
    if is_known_to_be_capable(folder.own()) {
        return Ok(());
    }
    let entry = folder.probe(archive);
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
        file.write_at(at, b"2")?;
    }
    file.resize(10)?;
    file.close()
}

/// A full or broken disk is no lack of the file system.
fn explain(folder: &Folder, error: DiskError) -> DiskError {
    let code = error.source.raw_os_error().filter(|_| is_unsupported(&error.source));
    let Some(code) = code else { return error };
    let lack = if error.action == "renamed" {
        Refusal::NoRenames(code)
    } else {
        Refusal::NoWritesAnywhere(code)
    };
    DiskError::new(folder.dir(), "used for a fetch")(lack.into())
}
