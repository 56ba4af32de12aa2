//! Which file a path means, however it is spelled.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, fstat};

/// What tells a file from all others, also one that is not there yet. Two paths with the same one
/// lead to the same file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    inode: u64,
    /// Of a file that is not there: its name in that folder.
    name: Option<OsString>,
}

impl FileId {
    /// That of the file to which a path leads, or would lead. `None` where nothing can be put in
    /// its place: of a folder, a pipe or a device, and where there is no such folder.
    pub fn of(path: &Path) -> Option<Self> {
        match fs::metadata(path) {
            Ok(metadata) => metadata.is_file().then(|| Self::new(&metadata, None)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let path = behind_links(path);
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                let folder = fs::metadata(folder.unwrap_or(Path::new("."))).ok()?;
                Some(Self::new(&folder, Some(path.file_name()?.to_owned())))
            }
            Err(_) => None,
        }
    }

    /// That of an open file; `None` if it is a pipe, a terminal or another device.
    pub fn of_open(file: impl AsFd) -> Option<Self> {
        let stat = fstat(file).ok()?;
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        is_file.then_some(Self { device: stat.st_dev, inode: stat.st_ino, name: None })
    }

    fn new(metadata: &Metadata, name: Option<OsString>) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino(), name }
    }
}

/// Links that are followed from one to the next, as Linux does (`path_resolution(7)`).
const LINKS: usize = 40;

/// Where a path leads, also if nothing is there.
pub(super) fn behind_links(path: &Path) -> PathBuf {
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
    fn one_file_is_the_same_by_whatever_path() {
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
    fn what_nothing_can_take_the_place_of_has_none() {
        for path in ["/dev/null", "/", "no/such/folder/file", ".."] {
            assert_eq!(FileId::of(Path::new(path)), None, "{path}");
        }
    }
}
