//! The identity of a file, whatever path leads to it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::system::{AsOpenFile, comparable_name, duplicate, identify, identify_open};

/// Identifies a file, also one that does not exist yet. Two paths with the same identity lead to the
/// same file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    inode: u64,
    /// The name in the folder that `inode` means, if the file does not exist.
    name: Option<OsString>,
}

impl FileId {
    /// Returns the identity of the file that a path leads to, or would lead to. Returns `None` if
    /// no file can be there: for a folder, a pipe, a device, and in a folder that does not exist.
    pub fn of(path: &Path) -> Option<Self> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => Self::new(identify(path).ok()?, None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let path = follow_links(path);
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                let folder = identify(folder.unwrap_or(Path::new("."))).ok()?;
                Self::new(folder, Some(comparable_name(path.file_name()?)))
            }
            _ => None,
        }
    }

    /// Returns the identity of an open file, and `None` for a pipe, a terminal or another device.
    pub fn of_open(file: impl AsOpenFile) -> Option<Self> {
        let file = duplicate(file).ok()?;
        let is_file = file.metadata().ok()?.is_file();
        Self::new(identify_open(&file).ok().filter(|_| is_file)?, None)
    }

    #[expect(clippy::unnecessary_wraps, reason = "its callers return it")]
    fn new((device, inode): (u64, u64), name: Option<OsString>) -> Option<Self> {
        Some(Self { device, inode, name })
    }
}

/// The identity of something that exists: two paths with one key lead to the same file or folder.
pub(crate) type FileKey = (u64, u64);

/// Returns the identity of the file or the folder that a path leads to.
pub(crate) fn key(path: &Path) -> Option<FileKey> {
    identify(path).ok()
}

/// Returns true if both folders are the same, or exist on the same file system.
pub(crate) fn share_file_system(one: &Path, other: &Path) -> bool {
    let device = |folder| identify(folder).ok().map(|(device, _)| device);
    one == other || device(one).is_some_and(|one| device(other) == Some(one))
}

/// The most symbolic links in a row, as in Linux (`path_resolution(7)`).
const LINKS: usize = 40;

/// Follows symbolic links, also to a file that does not exist.
pub(super) fn follow_links(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let Ok(target) = fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    path
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn all_paths_to_a_file_have_one_identity() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), "").unwrap();
        fs::hard_link(at("file"), at("second")).unwrap();
        symlink("file", at("link")).unwrap();
        symlink(".", at("here")).unwrap();
        symlink("here/new", at("to-new")).unwrap();
        let same = |paths: &[PathBuf]| {
            let first = FileId::of(&paths[0]).unwrap();
            paths.iter().all(|path| FileId::of(path) == Some(first.clone()))
        };
        assert!(same(&[at("file"), at("./file"), at("second"), at("link"), at("here/link")]));
        assert!(same(&[at("new"), at("./new"), at("here/here/new"), at("to-new")]));
        assert!(!same(&[at("new"), at("newer")]) && !same(&[at("file"), at("new")]));
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(FileId::of_open(&file), FileId::of(file.path()));
    }

    #[test]
    fn places_for_no_file_have_no_identity() {
        for path in ["/dev/null", "/", "no/such/folder/file", ".."] {
            assert_eq!(FileId::of(Path::new(path)), None, "{path}");
        }
    }
}
