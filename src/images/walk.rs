//! Finds the images of a tree, file by file, in the three layouts and in folders of other names.

use std::cell::OnceCell;
use std::collections::{HashSet, VecDeque};
use std::fs::{self, DirEntry, ReadDir};
use std::io;
use std::path::{Path, PathBuf};

use super::expected::{ExpectedImages, ImagePlace};
use super::layout::{IMAGES, LISTS, Layout, is_image_folder};
use crate::disk::{self, FileKey};
use crate::text::escape;

/// A file in the place of an image.
#[derive(Debug)]
pub(super) struct FoundImage {
    /// At least one.
    pub(super) places: Vec<ImagePlace>,
    pub(super) path: PathBuf,
}

/// The walk through a tree. It holds one open folder and the names of the others.
#[derive(Debug)]
pub(super) struct TreeWalk<'a> {
    expected: &'a ExpectedImages<'a>,
    folders: VecDeque<TreeFolder>,
    /// Folders that are links: they come last, and count only if they lead to a folder of their own.
    links: VecDeque<TreeFolder>,
    visited: HashSet<FileKey>,
    /// Files in the tree itself with the names of cxr's lists. They are images only where images lie directly
    /// in the tree.
    lists: Vec<FoundImage>,
    is_image_folder: bool,
    current: Option<(TreeFolder, ReadDir)>,
    pub(super) findings: WalkFindings,
}

/// The findings of the walk besides images.
#[derive(Debug, Default)]
pub(super) struct WalkFindings {
    /// Images directly in the folder, and in each layout.
    bare: u64,
    layouts: [u64; 3],
    /// PNG files that are no images of the table, or in the folder of another archive.
    pub(super) unknown: FileCount,
    /// Other files among images.
    pub(super) others: FileCount,
    /// A folder that could not be read, and why. Nothing is known of its images.
    pub(super) unreadable: Option<(PathBuf, io::Error)>,
}

/// A number of files, and the first of them by name.
#[derive(Debug, Default)]
pub(super) struct FileCount {
    pub(super) files: u64,
    pub(super) first: Option<String>,
}

#[derive(Debug)]
struct TreeFolder {
    path: PathBuf,
    /// Its path from the tree on; empty for the tree.
    name: String,
    /// The index of the archive whose images belong here, and the layout that has them here.
    archive: Option<usize>,
    layout: Option<Layout>,
    /// True if its file system ignores the case of names.
    ignores_case: OnceCell<bool>,
}

impl TreeFolder {
    /// The tree itself.
    fn tree(path: PathBuf) -> Self {
        let (name, ignores_case) = (String::new(), OnceCell::new());
        Self { path, name, archive: None, layout: None, ignores_case }
    }

    /// Returns a folder within it if images may lie there, or in a folder below.
    fn inner(&self, name: &str, expected: &ExpectedImages<'_>) -> Option<Self> {
        let path = self.path_of(name);
        let of_path = expected.archive_of(&path);
        let (archive, layout) = match self.layout {
            _ if of_path.is_some() => (of_path, Layout::Archive),
            None if is_images(name) => (None, Layout::Flat),
            Some(Layout::Flat | Layout::Archive) if is_images(name) => {
                (self.archive, Layout::Kaggle)
            }
            None if !name.starts_with('.') => (None, Layout::Archive),
            // The name of an archive may have folders in it.
            _ if expected.has_archive_in(&path) => (None, Layout::Archive),
            _ => return None,
        };
        let inner = Self::tree(self.path.join(name));
        Some(Self { name: path, archive, layout: Some(layout), ..inner })
    }

    /// Returns the path of something within it, from the tree on.
    fn path_of(&self, name: &str) -> String {
        if self.name.is_empty() { name.to_owned() } else { format!("{}/{name}", self.name) }
    }

    /// Returns the name in lower case if it leads to the same file, as on file systems that ignore case.
    fn other_name(&self, name: &str) -> Option<String> {
        let lower = name.to_ascii_lowercase();
        if lower == name || !is_called_png(name) {
            return None;
        }
        let ignores_case = || disk::ignores_case(&self.path, &lower);
        self.ignores_case.get_or_init(ignores_case).then_some(lower)
    }
}

/// Some file systems ignore case.
fn is_images(name: &str) -> bool {
    name.eq_ignore_ascii_case(IMAGES)
}

impl<'a> TreeWalk<'a> {
    pub(super) fn new(tree: &Path, expected: &'a ExpectedImages<'a>) -> Self {
        Self {
            expected,
            folders: VecDeque::from([TreeFolder::tree(tree.to_owned())]),
            links: VecDeque::new(),
            visited: HashSet::new(),
            lists: Vec::new(),
            is_image_folder: is_image_folder(tree),
            current: None,
            findings: WalkFindings::default(),
        }
    }

    /// Begins the next folder that can be read.
    fn next_folder(&mut self) -> Option<()> {
        loop {
            let folder = self.folders.pop_front().or_else(|| self.links.pop_front())?;
            if disk::key(&folder.path).is_some_and(|key| !self.visited.insert(key)) {
                continue;
            }
            match fs::read_dir(&folder.path) {
                Ok(entries) => {
                    self.current = Some((folder, entries));
                    return Some(());
                }
                Err(error) => self.findings.note_unreadable(folder.path, error),
            }
        }
    }

    /// Returns the image that the entry is. Takes note of anything else.
    fn image(&mut self, folder: &TreeFolder, entry: &DirEntry) -> Option<FoundImage> {
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            self.findings.note_other(folder, &name.to_string_lossy(), false);
            return None;
        };
        let mut places = self.expected.places(name, folder.archive);
        if places.is_empty()
            && let Some(other) = folder.other_name(name)
        {
            places = self.expected.places(&other, folder.archive);
        }
        if !places.is_empty() {
            let found = FoundImage { places, path: entry.path() };
            if folder.layout.is_none() && LISTS.contains(&name) {
                self.lists.push(found);
                return None;
            }
            self.findings.count(folder.layout);
            return Some(found);
        }
        if is_folder(entry) {
            if let Some(folder) = folder.inner(name, self.expected) {
                let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
                let folders = if is_link { &mut self.links } else { &mut self.folders };
                folders.push_back(folder);
            }
            return None;
        }
        if !self.expected.is_archive(&folder.path_of(name)) {
            self.findings.note_other(folder, name, true);
        }
        None
    }
}

impl Iterator for TreeWalk<'_> {
    type Item = FoundImage;

    fn next(&mut self) -> Option<FoundImage> {
        loop {
            let Some((folder, mut entries)) = self.current.take() else {
                if self.next_folder().is_none() {
                    let is_bare = self.is_image_folder || self.findings.layout().1;
                    return self.lists.pop().filter(|_| is_bare);
                }
                continue;
            };
            let found = match entries.next() {
                None => continue,
                Some(Ok(entry)) => self.image(&folder, &entry),
                Some(Err(error)) => {
                    self.findings.note_unreadable(folder.path, error);
                    continue;
                }
            };
            self.current = Some((folder, entries));
            if found.is_some() {
                return found;
            }
        }
    }
}

impl WalkFindings {
    /// Returns the layout of most images, and true if they lie directly in the tree.
    pub(super) fn layout(&self) -> (Layout, bool) {
        let most = Layout::ALL.into_iter().zip(self.layouts).rev().max_by_key(|(_, count)| *count);
        let (layout, count) = most.unwrap_or((Layout::Flat, 0));
        if self.bare > count { (Layout::Flat, true) } else { (layout, false) }
    }

    fn count(&mut self, layout: Option<Layout>) {
        match layout.and_then(|layout| Layout::ALL.iter().position(|other| *other == layout)) {
            Some(place) => self.layouts[place] += 1,
            None => self.bare += 1,
        }
    }

    fn note_unreadable(&mut self, path: PathBuf, error: io::Error) {
        self.unreadable.get_or_insert((path, error));
    }

    /// Takes note of a file that is no image of the table. The tree itself holds other files too.
    fn note_other(&mut self, folder: &TreeFolder, name: &str, is_text: bool) {
        let path = folder.path_of(name);
        if is_text && is_called_png(name) && !name.starts_with('.') {
            self.unknown.add(path);
        } else if !folder.name.is_empty() {
            self.others.add(path);
        }
    }
}

impl FileCount {
    fn add(&mut self, path: String) {
        self.files += 1;
        if self.first.as_ref().is_none_or(|first| path < *first) {
            self.first = Some(path);
        }
    }

    /// Returns the words `(NAME)` or `(the first is NAME)`.
    pub(super) fn first_in_words(&self) -> String {
        let first = escape::brief(self.first.as_deref().unwrap_or_default());
        if self.files == 1 { format!("({first})") } else { format!("(the first is {first})") }
    }
}

fn is_called_png(name: &str) -> bool {
    let end = Path::new(name).extension();
    end.is_some_and(|end| end.eq_ignore_ascii_case("png"))
}

/// Returns true for a folder and a link to one.
fn is_folder(entry: &DirEntry) -> bool {
    let kind = entry.file_type();
    kind.is_ok_and(|kind| {
        kind.is_dir()
            || (kind.is_symlink() && entry.path().metadata().is_ok_and(|target| target.is_dir()))
    })
}
