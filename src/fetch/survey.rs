//! What is here of each archive, as far as can be seen without hashing.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use super::receipt;
use crate::catalog::Archive;
use crate::disk::{self, Folder};
use crate::locate::identify::{self, FileKind, HEAD};
use crate::text::escape;
use crate::transfer::{self, PartialDownload};

/// What is here of an archive.
#[derive(Debug)]
pub(super) enum Here {
    /// A file whose receipt holds.
    Verified {
        /// Where.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
    },
    /// A file that may be the archive: only its MD5 can tell.
    Candidate(PathBuf),
    /// A file under the archive's name that is too short to be it.
    WrongLength {
        /// Where.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
    },
    /// No file, and perhaps an unfinished one.
    Absent,
    /// Something that is no file stands where the file should be; what, in words.
    Blocked(String),
}

/// Looks at the archive's own name, then at the other name under which people have it. Where the
/// size is `certain`, a shorter file is not taken for the archive.
pub(super) fn look(
    folder: &Folder,
    archive: &Archive,
    certain: bool,
    trust_receipts: bool,
) -> Here {
    let own = folder.archive(archive);
    let candidate = |path: &Path| {
        let metadata = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
        if trust_receipts && receipt::holds(folder, archive, &metadata) {
            return Some(Here::Verified { path: path.to_owned(), size: metadata.len() });
        }
        let fits = archive.size.is_none_or(|size| size == metadata.len());
        fits.then(|| Here::Candidate(path.to_owned()))
    };
    if let Some(here) = candidate(&own) {
        return here;
    }
    let other = archive.alias.as_ref().map(|alias| folder.dir().join(alias));
    match (&own.symlink_metadata(), other.and_then(|other| candidate(&other))) {
        (Err(_), Some(here)) => here,
        (Err(_), None) => Here::Absent,
        (Ok(metadata), _) if metadata.is_file() => {
            // A longer one may be another archive, and a table may err.
            let is_short = archive.size.is_some_and(|size| metadata.len() < size);
            if certain && is_short {
                Here::WrongLength { path: own, size: metadata.len() }
            } else {
                Here::Candidate(own)
            }
        }
        (Ok(metadata), _) => Here::Blocked(blocked(&own, metadata)),
    }
}

/// Why nothing can be put at the path.
pub(super) fn blocked(path: &Path, metadata: &std::fs::Metadata) -> String {
    let what = if metadata.is_dir() {
        "a directory"
    } else if metadata.is_symlink() {
        "a symbolic link, and what it leads to is not the verified archive"
    } else {
        "not a file"
    };
    format!("{} is {what}", escape::path(path))
}

/// Why nothing can be put at the path, if a symbolic link is there.
pub(super) fn link(path: &Path) -> Option<String> {
    let metadata = path.symlink_metadata().ok()?;
    metadata.is_symlink().then(|| blocked(path, &metadata))
}

/// Whether a file under the archive's name can be its beginning, as wget, curl and browsers leave
/// it: shorter, and not positively something else.
pub(super) fn is_beginning(archive: &Archive, path: &Path, length: u64) -> bool {
    if length == 0 || archive.size.is_none_or(|size| length >= size) {
        return false;
    }
    let Ok(head) = disk::read(path, HEAD) else { return false };
    let kind = identify::kind(&head);
    let fits = !identify::expects_gzip(&archive.name) || kind == FileKind::Gzip;
    fits && !identify::is_out_of_place(&kind, &archive.name)
}

/// Whether a file under the archive's name can be it, damaged: not positively something else.
pub(super) fn may_be(archive: &Archive, path: &Path) -> bool {
    let Ok(head) = disk::read(path, HEAD) else { return false };
    let kind = identify::kind(&head);
    let fits = identify::expects_gzip(&archive.name) || kind == FileKind::Gzip;
    fits && !identify::is_out_of_place(&kind, &archive.name)
}

/// Whether a file can be moved and written to without anybody else's noticing: no link leads to
/// it, and there is no other name for it.
pub(super) fn is_movable(path: &Path) -> bool {
    let metadata = path.symlink_metadata();
    metadata.is_ok_and(|metadata| metadata.is_file() && metadata.nlink() == 1)
        && rustix::fs::access(path, Access::READ_OK | Access::WRITE_OK).is_ok()
}

/// What is unfinished of the archive, if it is worth anything.
pub(super) fn unfinished(folder: &Folder, archive: &Archive) -> Option<PartialDownload> {
    transfer::look(folder, archive)
}
