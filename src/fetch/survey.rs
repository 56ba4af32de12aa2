//! The local state of each archive, as far as it can be seen without hashing.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use super::receipt;
use crate::catalog::Archive;
use crate::disk::{self, Folder};
use crate::locate::identify::{self, FileKind, HEAD};
use crate::text::escape;
use crate::verdict::Verdict;
use crate::verify::{verdict_on_other_size, wrong_link};

#[derive(Debug)]
pub(super) enum LocalState {
    /// A file whose receipt holds.
    Verified { path: PathBuf, size: u64 },
    /// A file that may be the archive: only its MD5 decides.
    Candidate(PathBuf),
    /// A file under the archive's name that is too short.
    TooShort { path: PathBuf, size: u64 },
    /// No file, and perhaps a partial download.
    Absent,
    /// Something other than a file, under the archive's name. Holds a description.
    Blocked(String),
}

/// Looks at the archive's own name, then at the other name under which people have it. A shorter
/// file is a candidate too unless the size is `certain`.
pub(super) fn look(
    folder: &Folder,
    archive: &Archive,
    certain: bool,
    trust_receipts: bool,
) -> LocalState {
    let own = folder.archive(archive);
    let candidate = |path: &Path| {
        let metadata = path.metadata().ok().filter(Metadata::is_file)?;
        if trust_receipts && receipt::holds(folder, archive, &metadata) {
            return Some(LocalState::Verified { path: path.to_owned(), size: metadata.len() });
        }
        let fits = archive.size.is_none_or(|size| size == metadata.len());
        fits.then(|| LocalState::Candidate(path.to_owned()))
    };
    if let Some(state) = candidate(&own) {
        return state;
    }
    let other = archive.alias.as_ref().map(|alias| folder.dir().join(alias));
    match (&own.symlink_metadata(), other.and_then(|other| candidate(&other))) {
        (Err(_), Some(state)) => state,
        (Err(_), None) => LocalState::Absent,
        (Ok(metadata), _) if metadata.is_file() => {
            // A longer file may be another archive, and a table may be wrong.
            let is_short = archive.size.is_some_and(|size| metadata.len() < size);
            if certain && is_short {
                LocalState::TooShort { path: own, size: metadata.len() }
            } else {
                LocalState::Candidate(own)
            }
        }
        (Ok(metadata), _) => LocalState::Blocked(describe(&own, metadata)),
    }
}

/// Describes what is at the path in place of a file.
fn describe(path: &Path, metadata: &Metadata) -> String {
    if let Some(link) = wrong_link(path) {
        return link;
    }
    let what = if metadata.is_dir() { "a directory" } else { "not a file" };
    format!("{} is {what}", escape::path(path))
}

/// Returns true if the file can be the beginning of the archive, as wget, curl and browsers leave
/// it: it is shorter, and not clearly something else.
pub(super) fn is_beginning(archive: &Archive, path: &Path, length: u64) -> bool {
    let is_shorter = length > 0 && archive.size.is_some_and(|size| length < size);
    let expects_gzip = identify::expects_gzip(&archive.name);
    let is_right = |kind| !expects_gzip || kind == FileKind::Gzip;
    let is_other = || {
        let verdict = verdict_on_other_size(archive, path);
        verdict.is_some_and(|(verdict, _)| verdict == Verdict::Foreign)
    };
    is_shorter && kind(archive, path).is_some_and(is_right) && !is_other()
}

/// Returns true if the file can be the archive, damaged: it is not clearly something else.
pub(super) fn may_be(archive: &Archive, path: &Path) -> bool {
    let expects_gzip = identify::expects_gzip(&archive.name);
    kind(archive, path).is_some_and(|kind| expects_gzip || kind == FileKind::Gzip)
}

/// Returns the kind of the file, unless it is clearly not the archive or cannot be read.
fn kind(archive: &Archive, path: &Path) -> Option<FileKind> {
    let kind = identify::kind(&disk::read(path, HEAD).ok()?);
    (!identify::is_out_of_place(&kind, &archive.name)).then_some(kind)
}

/// Returns true if nobody else notices when the file is moved and written to: it is not a link, and
/// has no other name.
pub(super) fn is_movable(path: &Path) -> bool {
    let metadata = path.symlink_metadata();
    metadata.is_ok_and(|metadata| metadata.is_file() && disk::is_movable(path, &metadata))
}
