//! Paths in the user's folder: archives have their names, and all other files are in `.cxr/`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::held_folder::HeldFolder;
use super::{DiskError, Entry, Subfolder};
use crate::catalog::Archive;
use crate::hash::digest::DigestKind;
use crate::text::escape;

/// The program's own folder in the user's folder.
const OWN: &str = ".cxr";

/// The end of the name of a file that names the process for one archive.
const ARCHIVE_OWNER: &str = ".owner";

/// The longest flattened name that is not cut. With the extensions it stays under the 255 bytes
/// that most file systems allow.
const NAME_LIMIT: usize = 180;

/// A folder with archives.
#[derive(Debug, Clone)]
pub struct Folder {
    dir: PathBuf,
    own: Arc<HeldFolder>,
}

/// A file in `.cxr/` that belongs to one archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateFile {
    /// The partial download: every byte is at its final place.
    Part,
    /// The record of the bytes that are in the partial download.
    Journal,
    /// The proof of `fetch` that the archive was verified.
    Receipt,
    /// The old bytes of a user's file that a repair overwrites.
    Undo,
    /// The result that `verify` remembers.
    Note,
    /// The record of the images that were extracted.
    Images,
    /// The record that the archive was deleted after that.
    Deleted,
}

impl StateFile {
    /// The files of an archive that is not complete.
    pub const UNFINISHED: [Self; 3] = [Self::Part, Self::Journal, Self::Undo];

    const fn extension(self) -> &'static str {
        match self {
            Self::Part => "part",
            Self::Journal => "journal",
            Self::Receipt => "receipt",
            Self::Undo => "undo",
            Self::Note => "note",
            Self::Images => "images",
            Self::Deleted => "deleted",
        }
    }

    /// Returns true if a file in `.cxr/` has a name of an archive that is not complete.
    pub(super) fn is_unfinished(path: &Path) -> bool {
        let extension = path.extension().and_then(|extension| extension.to_str());
        Self::UNFINISHED.iter().any(|file| Some(file.extension()) == extension)
    }
}

impl Folder {
    /// Returns the paths for a folder, without a look at the disk.
    pub fn new(dir: &Path) -> Self {
        // "" is not a path that can be opened or synced.
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        Self { dir: dir.to_owned(), own: HeldFolder::own(dir.join(OWN)) }
    }

    /// Returns the paths for a folder whose own folder is at another place.
    pub(crate) fn with_own(dir: &Path, own: PathBuf) -> Self {
        Self { own: HeldFolder::own(own), ..Self::new(dir) }
    }

    /// Returns the same folder, to be opened again when it is next used.
    pub(crate) fn closed(&self) -> Self {
        Self { dir: self.dir.clone(), own: HeldFolder::own(self.own.path().to_owned()) }
    }

    /// Creates the folder, and the program's own folder in it. Fails if that is a symbolic link or
    /// belongs to a user who is neither this one nor the owner of the folder.
    pub(crate) fn create(&self) -> Result<(), DiskError> {
        self.own.create()
    }

    /// Checks the program's own folder in the same way, if there is one. Changes nothing.
    pub(crate) fn check(&self) -> Result<(), DiskError> {
        match self.own.open() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(DiskError::new(self.own(), "used")(error))
            }
            _ => Ok(()),
        }
    }

    /// The user's folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The program's own folder.
    pub(crate) fn own(&self) -> &Path {
        self.own.path()
    }

    /// Returns true if the file system of the program's own folder ignores the case of names.
    pub(crate) fn ignores_case(&self) -> bool {
        self.own().parent().is_some_and(|dir| ignores_case(dir, &OWN.to_uppercase()))
    }

    /// Returns a name in the program's own folder.
    pub(crate) fn own_entry(&self, name: &str) -> Entry {
        Entry::new(&self.own, name)
    }

    pub(super) fn lock(&self) -> Entry {
        self.own_entry("lock")
    }

    /// The file that names the process that works in the folder.
    pub(super) fn owner(&self) -> Entry {
        self.own_entry("owner")
    }

    /// The lock of one archive, for a run that fetches nothing else.
    pub(super) fn archive_lock(&self, archive: &Archive) -> Entry {
        self.own_entry(&format!("{}.lock", key(archive)))
    }

    /// The file that names the process that fetches this archive and nothing else.
    pub(super) fn archive_owner(&self, archive: &Archive) -> Entry {
        self.own_entry(&format!("{}{ARCHIVE_OWNER}", key(archive)))
    }

    /// Returns the names of all files of such processes.
    pub(super) fn archive_owners(&self) -> Result<Vec<String>, DiskError> {
        let failed = || DiskError::new(self.own(), "read");
        let mut names = Vec::new();
        for entry in fs::read_dir(self.own()).map_err(failed())? {
            let name = entry.map_err(failed())?.file_name().into_string();
            names.extend(name.ok().filter(|name| name.ends_with(ARCHIVE_OWNER)));
        }
        Ok(names)
    }

    /// Returns a file for the probe of a run for this archive.
    pub(super) fn probe(&self, archive: &Archive) -> Entry {
        self.own_entry(&format!("probe.{}", key(archive)))
    }

    pub(crate) fn archive(&self, archive: &Archive) -> PathBuf {
        self.dir.join(&archive.name)
    }

    /// Returns a file of the archive. Its name contains the archive's MD5, so that a partial download
    /// of other content is never used.
    pub(crate) fn state_file(&self, archive: &Archive, file: StateFile) -> Entry {
        self.own_entry(&format!("{}.{}", key(archive), file.extension()))
    }

    /// Returns the folder in which the files of an archive wait for their final names.
    pub(crate) fn staging(&self, archive: &Archive) -> Subfolder {
        Subfolder::new(self.own.inner("extract").inner(&key(archive)))
    }

    /// Returns a folder in the user's folder, at a path without links.
    pub(crate) fn subfolder(&self, path: &Path) -> Subfolder {
        let names = path.iter().filter_map(|name| name.to_str());
        Subfolder::new(names.fold(HeldFolder::user(&self.dir), |folder, name| folder.inner(name)))
    }

    /// Returns a file in the user's folder.
    pub(crate) fn file(&self, name: &str) -> Entry {
        Entry::new(&HeldFolder::user(&self.dir), name)
    }

    /// Returns an unused name for a corrupt file that is kept on request, and creates its folder.
    pub(crate) fn corrupt(&self, archive: &Archive) -> Result<Entry, DiskError> {
        let folder = self.own.inner("corrupt");
        folder.create()?;
        let entry = |number: u32| Entry::new(&folder, format!("{}.{number}", key(archive)));
        let free = (1..=u32::MAX).map(entry).find(Entry::is_free);
        Ok(free.unwrap_or_else(|| entry(0)))
    }
}

/// Returns true if the folder ignores the case of names: this name leads to something, and the list of the
/// folder does not have it.
pub(crate) fn ignores_case(dir: &Path, name: &str) -> bool {
    if dir.join(name).symlink_metadata().is_err() {
        return false;
    }
    // FUSE and exFAT may give each spelling of a name a number of its own.
    let Ok(mut entries) = fs::read_dir(dir) else { return false };
    !entries.any(|entry| entry.is_ok_and(|entry| entry.file_name() == *name))
}

/// Returns a file name for the archive: flat, of bounded length, safe to show, and unique.
fn key(archive: &Archive) -> String {
    let mut flat = String::new();
    for c in archive.name.chars() {
        if matches!(c, '/' | '%') || escape::is_unsafe(c) {
            flat.extend(format!("%{:02x}", c as u32).chars());
        } else {
            flat.push(c);
        }
    }
    if flat.len() > NAME_LIMIT {
        let cut = (0..=NAME_LIMIT).rev().find(|&at| flat.is_char_boundary(at)).unwrap_or(0);
        flat.truncate(cut);
        flat = format!("{flat}%{:08x}", crc32fast::hash(archive.name.as_bytes()));
    }
    // No file of an archive that is known by its MD5 is taken for one of a SHA-256.
    let digest = archive.digest();
    let mark = if digest.kind() == DigestKind::Sha256 { "sha256-" } else { "" };
    format!("{flat}.{mark}{}", &digest.to_string()[..8])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::digest::Md5;

    fn archive(name: &str) -> Archive {
        Archive::new(name, Md5::EMPTY)
    }

    #[test]
    fn names_are_flat_and_of_bounded_length() {
        let folder = Folder::new(Path::new(""));
        assert_eq!(
            folder.state_file(&archive("a/b%\n.gz"), StateFile::Part).path(),
            Path::new("./.cxr/a%2fb%25%0a.gz.d41d8cd9.part")
        );
        assert_eq!(key(&archive("a\u{202e}zg.\u{9b}m")), "a%202ezg.%9bm.d41d8cd9");
        let long = |end| key(&archive(&format!("{}{end}", "ä".repeat(300))));
        assert!(long("a").len() < 220);
        assert_ne!(long("a"), long("b"));
    }

    #[test]
    fn a_corrupt_file_gets_an_unused_path() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path());
        let first = folder.corrupt(&archive("a.gz")).unwrap();
        fs::write(first.path(), "bad").unwrap();
        assert_ne!(folder.corrupt(&archive("a.gz")).unwrap().path(), first.path());
    }
}
