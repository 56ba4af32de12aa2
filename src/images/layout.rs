//! The paths of images under the folder of a tree.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use crate::other_names::MANIFEST_NAME;
use crate::text::shell;

/// The end of an archive's name that its folder does not have.
const ARCHIVE_END: &str = ".tar.gz";

/// The folder of the images in a flat tree, and in each archive.
pub(super) const IMAGES: &str = "images";

/// The longest name of a file in bytes: `NAME_MAX` of Linux.
const LONGEST_NAME: usize = 255;

/// A way to spread images over folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// `images/NAME`, as most programs expect.
    #[default]
    Flat,
    /// `images_NNN/NAME`: a folder for each archive.
    Archive,
    /// `images_NNN/images/NAME`, as Kaggle's copy has it.
    Kaggle,
}

/// The place of a file in a tree, as its path alone shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayoutPlace<'a> {
    /// The layout; `None` for a file directly in the folder.
    pub layout: Option<Layout>,
    /// The folder of the archive, such as `images_001`, if the layout has one.
    pub archive: Option<&'a str>,
    /// The name of the file.
    pub name: &'a str,
}

impl Layout {
    /// All layouts.
    pub const ALL: [Self; 3] = [Self::Flat, Self::Archive, Self::Kaggle];

    /// Returns the word of the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Archive => "archive",
            Self::Kaggle => "kaggle",
        }
    }

    /// Returns the options that say where images go: to the layout in `root`, if the archives are in
    /// `archives`.
    pub(crate) fn options(self, archives: &Path, root: &Path) -> String {
        let mut options = String::new();
        if root != archives {
            let root = if is_here(root) { Path::new(".") } else { root };
            options.extend([" --to ", &shell::path(root)]);
        }
        if self != Self::Flat {
            options.extend([" --layout ", self.word()]);
        }
        options
    }

    /// Returns the folder of the images of this archive, relative to the tree.
    pub fn folder(self, archive: &str) -> PathBuf {
        let archive = Path::new(archive_folder(archive));
        match self {
            Self::Flat => IMAGES.into(),
            Self::Archive => archive.to_owned(),
            Self::Kaggle => archive.join(IMAGES),
        }
    }

    /// Returns the folder of this archive if cxr uses it itself, or if it is not in the tree.
    pub fn reserved_folder(self, archive: &str) -> Option<PathBuf> {
        let is_reserved =
            |name: &str| RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name));
        let folder = archive_folder(archive);
        // A path with `.` in it is the same path without it.
        let has_reserved = folder.split('/').any(is_reserved);
        (self != Self::Flat && has_reserved).then(|| folder.into())
    }

    /// Returns the path of an image of this archive, relative to the tree.
    pub fn path(self, archive: &str, name: &str) -> PathBuf {
        self.folder(archive).join(name)
    }

    /// Returns the place that a relative path has; `None` if no layout has such paths.
    pub fn place(path: &Path) -> Option<LayoutPlace<'_>> {
        let mut parts = [""; 3];
        let mut count = 0;
        for component in path.components() {
            let Component::Normal(part) = component else { return None };
            *parts.get_mut(count)? = OsStr::to_str(part)?;
            count += 1;
        }
        let (layout, archive, name) = match parts {
            [name, ..] if count == 1 => (None, None, name),
            [IMAGES, name, _] if count == 2 => (Some(Self::Flat), None, name),
            [archive, name, _] if count == 2 => (Some(Self::Archive), Some(archive), name),
            [archive, IMAGES, name] => (Some(Self::Kaggle), Some(archive), name),
            _ => return None,
        };
        Some(LayoutPlace { layout, archive, name })
    }
}

/// Returns true for the current folder.
pub(super) fn is_here(folder: &Path) -> bool {
    matches!(folder.to_str(), Some("" | "." | "./"))
}

/// Names in a tree that no archive's folder may have: cxr uses them itself, or they lead out of the tree.
const RESERVED: [&str; 5] = [".", "..", ".cxr", LISTS[0], LISTS[1]];

/// The names of the lists that cxr writes into a tree. An archive of another table may have such files too,
/// which lie in the folder of its images.
pub(super) const LISTS: [&str; 2] = [MANIFEST_NAME, "metadata.csv"];

/// Returns true if the folder has the name of a folder of images.
pub(crate) fn is_image_folder(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name == IMAGES)
}

/// Returns the name of an archive's folder: the archive's name without `.tar.gz`.
pub(super) fn archive_folder(archive: &str) -> &str {
    archive.strip_suffix(ARCHIVE_END).filter(|name| !name.is_empty()).unwrap_or(archive)
}

/// Returns true if a file can have this name in every layout: it is one component of a path, not too
/// long, and without control characters.
pub fn is_plain_name(name: &str) -> bool {
    let is_component = !name.is_empty() && name != "." && name != "..";
    is_component
        && name.len() <= LONGEST_NAME
        && !name.contains(|c: char| c == '/' || c.is_control())
}

/// The longest name of an archive in a record, in bytes.
const LONGEST_PATH: usize = 640;

/// Returns true if an archive can have this name in a record: a relative path that stays in its folder, not
/// too long, and without control characters.
pub(super) fn is_plain_path(name: &str) -> bool {
    name.len() <= LONGEST_PATH && name.split('/').all(is_plain_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_leads_back_to_its_layout() {
        for (layout, path) in [
            (Layout::Flat, "images/00000001_000.png"),
            (Layout::Archive, "images_001/00000001_000.png"),
            (Layout::Kaggle, "images_001/images/00000001_000.png"),
        ] {
            let found = layout.path("images_001.tar.gz", "00000001_000.png");
            assert_eq!(found, Path::new(path));
            let place = Layout::place(&found).unwrap();
            let archive = (layout != Layout::Flat).then_some("images_001");
            let expected = LayoutPlace { layout: Some(layout), archive, name: "00000001_000.png" };
            assert_eq!(place, expected);
        }
        let bare = LayoutPlace { layout: None, archive: None, name: "a.png" };
        assert_eq!(Layout::place(Path::new("a.png")), Some(bare));
        for path in ["", "/images/a.png", "../a.png", "a/b/c.png", "a/images/b/c.png"] {
            assert_eq!(Layout::place(Path::new(path)), None, "{path}");
        }
    }

    #[test]
    fn folders_of_cxr_and_outside_of_the_tree_are_reserved() {
        for name in [
            ".cxr.tar.gz",
            ".CXR.tar.gz",
            ".cxr",
            "images.tsv.tar.gz",
            "metadata.csv.tar.gz",
            "...tar.gz",
            "..tar.gz",
            "a/.cxr.tar.gz",
            ".cxr/a.tar.gz",
        ] {
            assert!(Layout::Archive.reserved_folder(name).is_some(), "{name}");
            assert!(Layout::Kaggle.reserved_folder(name).is_some(), "{name}");
            assert_eq!(Layout::Flat.reserved_folder(name), None, "{name}");
        }
        for name in ["images_001.tar.gz", ".tar.gz", "images.tar.gz", "a/b.tar.gz", ".cxr.tgz"] {
            assert_eq!(Layout::Archive.reserved_folder(name), None, "{name}");
        }
    }

    #[test]
    fn names_that_are_no_single_component_are_not_plain() {
        assert!(
            is_plain_name("00000001_000.png") && is_plain_name("a b\u{e4}") && is_plain_name(".a")
        );
        for name in ["", ".", "..", "a/b", "/a", "a\tb", "a\nb", "a\0", &"a".repeat(256)] {
            assert!(!is_plain_name(name), "{name:?}");
        }
    }
}
