//! Where everything lies in the user's folder: archives under their names, and all that is
//! unfinished or remembered in `.cxr/`.

use std::path::{Path, PathBuf};

use super::DiskError;
use crate::catalog::Archive;
use crate::text::escape;

/// The name of the folder in the user's folder that belongs to the program.
const OWN: &str = ".cxr";

/// The longest flattened name that is kept as it is. With the endings it stays under the 255 bytes
/// that most file systems allow.
const NAME_LIMIT: usize = 180;

/// A folder with archives.
#[derive(Debug, Clone)]
pub struct Folder {
    dir: PathBuf,
    own: PathBuf,
}

/// What is kept in `.cxr/` for one archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The bytes that have come so far, each at its place.
    Part,
    /// Which of them have.
    Journal,
    /// A note of `fetch` that the archive was verified.
    Receipt,
    /// What a file of the user's held where bytes of it are written over.
    Undo,
    /// A note of `verify` on the archive.
    Note,
}

impl Kept {
    /// Those of an archive that is not whole yet.
    pub const UNFINISHED: [Self; 3] = [Self::Part, Self::Journal, Self::Undo];

    const fn ending(self) -> &'static str {
        match self {
            Self::Part => "part",
            Self::Journal => "journal",
            Self::Receipt => "receipt",
            Self::Undo => "undo",
            Self::Note => "note",
        }
    }

    /// Whether a file in the program's own folder is of an archive that is not whole yet, by its
    /// name.
    pub fn is_unfinished(path: &Path) -> bool {
        let ending = path.extension().and_then(|ending| ending.to_str());
        Self::UNFINISHED.iter().any(|kept| Some(kept.ending()) == ending)
    }
}

impl Folder {
    /// The folder at this path. Nothing is looked at or made.
    pub fn new(dir: &Path) -> Self {
        // "" would be no path to open or sync.
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        Self { dir: dir.to_owned(), own: dir.join(OWN) }
    }

    /// The same folder, with what is the program's own in another place, which is `own` itself.
    pub fn with_own(dir: &Path, own: PathBuf) -> Self {
        Self { own, ..Self::new(dir) }
    }

    /// Makes the folder and the program's own folder in it.
    ///
    /// # Errors
    ///
    /// Whatever the operating system says.
    pub fn make(&self) -> Result<(), DiskError> {
        super::make_folder(&self.own)
    }

    /// The user's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The program's own folder.
    pub fn own(&self) -> &Path {
        &self.own
    }

    /// The file that stands for the lock.
    pub fn lock(&self) -> PathBuf {
        self.own.join("lock")
    }

    /// The file that says who is at work.
    pub fn owner(&self) -> PathBuf {
        self.own.join("owner")
    }

    /// Where the archive belongs.
    pub fn archive(&self, archive: &Archive) -> PathBuf {
        self.dir.join(&archive.name)
    }

    /// What is kept for the archive. The name has the archive's MD5 in it, so that what was begun
    /// for other content is never taken for this.
    pub fn kept(&self, archive: &Archive, kept: Kept) -> PathBuf {
        self.own.join(format!("{}.{}", key(archive), kept.ending()))
    }

    /// Where bytes that failed their MD5 are kept, if that was asked for; a name that is free.
    ///
    /// # Errors
    ///
    /// If the folder for them cannot be made.
    pub fn corrupt(&self, archive: &Archive) -> Result<PathBuf, DiskError> {
        let folder = self.own.join("corrupt");
        super::make_folder(&folder)?;
        let free = (1..=u32::MAX)
            .map(|number| folder.join(format!("{}.{number}", key(archive))))
            .find(|path| path.symlink_metadata().is_err());
        Ok(free.unwrap_or(folder))
    }
}

/// A file name for the archive: flat, within bounds, harmless to show, its own.
fn key(archive: &Archive) -> String {
    let mut flat = String::new();
    for c in archive.name.chars() {
        match c {
            '/' | '%' => flat.extend(format!("%{:02x}", c as u32).chars()),
            c if escape::is_unsafe(c) => flat.extend(format!("%{:02x}", c as u32).chars()),
            _ => flat.push(c),
        }
    }
    if flat.len() > NAME_LIMIT {
        let cut = (0..=NAME_LIMIT).rev().find(|&at| flat.is_char_boundary(at)).unwrap_or(0);
        flat.truncate(cut);
        flat.extend(format!("%{:08x}", crc32fast::hash(archive.name.as_bytes())).chars());
    }
    let md5 = archive.md5.to_string();
    format!("{flat}.{}", &md5[..8])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn archive(name: &str) -> Archive {
        let md5 = "d41d8cd98f00b204e9800998ecf8427e".parse().unwrap();
        Archive { name: name.to_owned(), md5, sha256: None, size: None, address: None, alias: None }
    }

    #[test]
    fn names_are_flat_and_of_bounded_length() {
        let folder = Folder::new(Path::new(""));
        assert_eq!(
            folder.kept(&archive("a/b%\n.gz"), Kept::Part),
            Path::new("./.cxr/a%2fb%25%0a.gz.d41d8cd9.part")
        );
        assert_eq!(key(&archive("a\u{202e}zg.\u{9b}m")), "a%202ezg.%9bm.d41d8cd9");
        let long = |end| key(&archive(&format!("{}{end}", "ä".repeat(300))));
        assert!(long("a").len() < 220);
        assert_ne!(long("a"), long("b"));
    }

    #[test]
    fn corrupt_files_never_replace_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path());
        let first = folder.corrupt(&archive("a.gz")).unwrap();
        fs::write(&first, "bad").unwrap();
        assert_ne!(folder.corrupt(&archive("a.gz")).unwrap(), first);
    }
}
