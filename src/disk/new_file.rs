//! Files that appear whole, written by any number of runs at a time. Each is written to a draft first, which
//! stays locked while its run writes it. A run that is killed leaves one, and a later run removes it.

use std::fs::{self, TryLockError};
use std::path::Path;

use super::{DiskError, Entry, File, Folder};

/// The most names that are tried for a draft.
const DRAFTS: u32 = 100;

/// The start of the name of a draft: beside the file, and in the program's own folder.
const BESIDE: &str = ".cxr-";
const OWN: &str = "draft-";

const END: &str = ".new";

/// Writes a new file in one step: a draft beside it, which is synced and gets the name. Returns false,
/// and changes nothing, if something has the name.
pub(crate) fn write_new(path: &Path, content: &[u8]) -> Result<bool, DiskError> {
    let entry = Entry::at(path);
    let draft = |name: &str| Entry::at(&path.with_file_name(format!("{BESIDE}{name}")));
    write(draft, content, |draft| draft.rename_new(&entry))
}

/// Replaces a file in one step, through a draft in the program's own folder.
pub(crate) fn write_over(folder: &Folder, entry: &Entry, content: &[u8]) -> Result<(), DiskError> {
    entry.remove_non_file()?;
    let draft = |name: &str| folder.own_entry(&format!("{OWN}{name}"));
    write(draft, content, |draft| draft.rename(entry).map(|()| true)).map(drop)
}

fn write(
    draft: impl Fn(&str) -> Entry,
    content: &[u8],
    give_name: impl Fn(&Entry) -> Result<bool, DiskError>,
) -> Result<bool, DiskError> {
    let process = std::process::id();
    for number in 0..DRAFTS {
        let draft = draft(&format!("{process}-{number}{END}"));
        let Some(file) = draft.create_new()? else { continue };
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            // Another run takes it for a leftover.
            continue;
        }
        let written = file.write_at(0, content).and_then(|()| file.sync());
        let named = written.and_then(|()| file.close()).and_then(|()| give_name(&draft));
        if !matches!(named, Ok(true)) {
            let is_gone = draft.is_free();
            // The first error matters more than this one.
            let _ = draft.remove();
            // Where locks do not hold, another run may have removed it.
            if is_gone && named.as_ref().is_err_and(DiskError::is_not_found) {
                continue;
            }
        }
        return named;
    }
    Ok(false)
}

/// Removes the drafts that killed runs left in a folder: those that nobody has locked, and whose content
/// `is_own`. The content is cut after `limit` bytes.
pub(crate) fn remove_drafts(dir: &Path, limit: usize, is_own: impl Fn(&[u8]) -> bool) {
    remove(
        dir,
        BESIDE,
        |name| Entry::at(&dir.join(name)),
        |file| file.read(limit).is_ok_and(|found| is_own(&found)),
    );
}

/// Removes the drafts that killed runs left in the program's own folder.
pub(crate) fn remove_own_drafts(folder: &Folder) {
    if folder.check().is_ok() {
        remove(folder.own(), OWN, |name| folder.own_entry(name), |_| true);
    }
}

fn remove(dir: &Path, start: &str, entry: impl Fn(&str) -> Entry, is_own: impl Fn(&File) -> bool) {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    for found in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = found.file_name();
        let Some(name) = name.to_str() else { continue };
        let numbers = name.strip_prefix(start).and_then(|rest| rest.strip_suffix(END));
        let numbers = numbers.and_then(|numbers| numbers.split_once('-'));
        if !numbers.is_some_and(|(process, number)| is_number(process) && is_number(number)) {
            continue;
        }
        let draft = entry(name);
        if let Ok(file) = draft.open()
            && file.try_lock().is_ok()
            && is_own(&file)
        {
            // What cannot be removed only takes space.
            let _ = draft.remove();
        }
    }
}
