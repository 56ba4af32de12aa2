//! A file that appears whole, and only where there is none.

use std::path::Path;

use super::{DiskError, Entry};

/// The most names that are tried for the draft.
const DRAFTS: u32 = 100;

/// Writes a new file in one step: a draft beside it, which is synced and gets the name. Returns false,
/// and changes nothing, if something has the name.
pub(crate) fn write_new(path: &Path, content: &[u8]) -> Result<bool, DiskError> {
    let entry = Entry::at(path);
    let process = std::process::id();
    for number in 0..DRAFTS {
        let draft = path.with_file_name(format!(".cxr-{process}-{number}.new"));
        let draft = Entry::at(&draft);
        let Some(file) = draft.create_new()? else { continue };
        let named = file
            .write_at(0, content)
            .and_then(|()| file.sync())
            .and_then(|()| file.close())
            .and_then(|()| draft.rename_new(&entry));
        if !matches!(named, Ok(true)) {
            // The first error matters more than this one.
            let _ = draft.remove();
        }
        return named;
    }
    Ok(false)
}
