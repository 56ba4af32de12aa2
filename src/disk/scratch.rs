//! A folder for a while.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::{DiskError, make_folder};

/// A folder of the program's own, which is removed with all that is in it, at the latest when this
/// is dropped; and so are the folders that had to be made for it, where nobody else uses them.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    /// Folders on the way to it that were made for it, the outermost first.
    made: Vec<PathBuf>,
    removed: bool,
}

impl Scratch {
    /// Makes a folder of a new name in `dir`, which is made if it is absent.
    ///
    /// # Errors
    ///
    /// Whatever the operating system says.
    pub fn make(dir: &Path) -> Result<Self, DiskError> {
        // "" would be no path to make anything in.
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        let name = format!("cxr-selftest-{}-{:08x}", std::process::id(), fastrand::u32(..));
        let mut scratch = Self { path: dir.join(name), made: absent(dir), removed: false };
        let made = make_folder(dir);
        let own = || DirBuilder::new().mode(0o700).create(&scratch.path);
        if let Err(error) = made.and_then(|()| own().map_err(DiskError::new(&scratch.path, "made")))
        {
            // Nothing in it is ours.
            scratch.remove_made();
            scratch.removed = true;
            return Err(error);
        }
        Ok(scratch)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it and all that is in it.
    ///
    /// # Errors
    ///
    /// Whatever the operating system says; some of it may then be gone.
    pub fn remove(mut self) -> Result<(), DiskError> {
        self.removed = true;
        let result = fs::remove_dir_all(&self.path);
        self.remove_made();
        result.map_err(DiskError::new(&self.path, "removed"))
    }

    /// Removes the folders that were made for it, as far as they are empty.
    fn remove_made(&self) {
        for folder in self.made.iter().rev() {
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.removed {
            // Nobody is left to tell.
            let _ = fs::remove_dir_all(&self.path);
            self.remove_made();
        }
    }
}

/// The folders of a path that are not there, the outermost first.
fn absent(dir: &Path) -> Vec<PathBuf> {
    let is_absent = |path: &&Path| {
        let found = path.symlink_metadata();
        found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    let mut absent: Vec<PathBuf> = dir
        .ancestors()
        .filter(|path| !path.as_os_str().is_empty())
        .take_while(is_absent)
        .map(Path::to_owned)
        .collect();
    absent.reverse();
    absent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_removed_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("a/b");
        let scratch = Scratch::make(&dir).unwrap();
        fs::write(scratch.path().join("file"), "x").unwrap();
        scratch.remove().unwrap();
        assert!(!root.path().join("a").exists());
        let scratch = Scratch::make(&dir).unwrap();
        fs::write(root.path().join("a/mine"), "x").unwrap();
        drop(scratch);
        assert!(!dir.exists());
        assert!(root.path().join("a/mine").exists());
    }

    #[test]
    fn a_folder_that_was_there_stays() {
        let root = tempfile::tempdir().unwrap();
        let scratch = Scratch::make(root.path()).unwrap();
        let path = scratch.path().to_owned();
        assert!(path.is_dir());
        scratch.remove().unwrap();
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
        assert!(!path.exists());
    }

    #[test]
    fn where_none_can_be_made_nothing_is_left() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("file"), "x").unwrap();
        let error = Scratch::make(&root.path().join("file/a")).unwrap_err();
        assert!(error.to_string().contains("file/a could not be made"), "{error}");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
