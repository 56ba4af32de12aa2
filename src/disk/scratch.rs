//! A temporary folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::system::create_private_folder;
use super::{DiskError, create_folder};

/// A folder that is removed with its content, at the latest when this is dropped. The parents that
/// were created for it are removed too, if they are empty.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    /// The parents that were created for it, the outermost first.
    created: Vec<PathBuf>,
    is_removed: bool,
}

impl Scratch {
    /// Creates a folder of a new name in `dir`, and `dir` if it does not exist.
    pub(crate) fn create(dir: &Path) -> Result<Self, DiskError> {
        // "" is not a path that can be opened.
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        let name = format!("cxr-selftest-{}-{:08x}", std::process::id(), fastrand::u32(..));
        let mut scratch = Self { path: dir.join(name), created: missing(dir), is_removed: false };
        let create = || create_private_folder(&scratch.path);
        let created = create_folder(dir)
            .and_then(|()| create().map_err(DiskError::new(&scratch.path, "created")));
        if let Err(error) = created {
            scratch.remove_parents();
            scratch.is_removed = true;
            return Err(error);
        }
        Ok(scratch)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn remove(mut self) -> Result<(), DiskError> {
        self.remove_all().map_err(DiskError::new(&self.path, "removed"))
    }

    fn remove_all(&mut self) -> io::Result<()> {
        self.is_removed = true;
        let result = fs::remove_dir_all(&self.path);
        self.remove_parents();
        result
    }

    fn remove_parents(&self) {
        // A parent that is not empty ends this.
        let _ = self.created.iter().rev().try_for_each(fs::remove_dir);
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.is_removed {
            // Nobody can receive the error.
            let _ = self.remove_all();
        }
    }
}

/// Returns the folders of a path that do not exist, the outermost first.
fn missing(dir: &Path) -> Vec<PathBuf> {
    let is_missing = |path: &&Path| {
        let found = path.symlink_metadata();
        found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    let mut missing: Vec<PathBuf> = dir
        .ancestors()
        .filter(|path| !path.as_os_str().is_empty())
        .take_while(is_missing)
        .map(Path::to_owned)
        .collect();
    missing.reverse();
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn created_folders_are_removed_and_no_others() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("a/b");
        let scratch = Scratch::create(&dir).unwrap();
        fs::write(scratch.path().join("file"), "x").unwrap();
        scratch.remove().unwrap();
        assert!(!root.path().join("a").exists());
        let scratch = Scratch::create(&dir).unwrap();
        fs::write(root.path().join("a/mine"), "x").unwrap();
        drop(scratch);
        assert!(!dir.exists());
        assert!(root.path().join("a/mine").exists());
    }

    #[test]
    fn an_existing_parent_stays() {
        let root = tempfile::tempdir().unwrap();
        let scratch = Scratch::create(root.path()).unwrap();
        let path = scratch.path().to_owned();
        assert!(path.is_dir());
        scratch.remove().unwrap();
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
        assert!(!path.exists());
    }

    #[test]
    fn a_failed_creation_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("file"), "x").unwrap();
        let error = Scratch::create(&root.path().join("file/a")).unwrap_err();
        assert!(error.to_string().contains("file/a could not be created"), "{error}");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
