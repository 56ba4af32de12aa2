//! Searches a folder for files with names that are not in the table.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};

use super::OtherFile;
use super::near_name::{CONTROL_FILE, base_name, full_name};
use crate::catalog::{Archive, Catalog};

/// Folders below the folder in which archives are searched: `CXR8/images/` has two levels.
const LEVELS: usize = 2;

/// The most entries that are read, of one folder and of all. A folder with all unpacked images has
/// 112,120.
const FOLDER_ENTRIES: usize = 10_000;
const ENTRIES: usize = 50_000;

/// PNG files in a folder that are taken for unpacked images.
const SOME_IMAGES: usize = 10;

/// The files of a folder whose names are not in the table.
#[derive(Debug, Default)]
pub(super) struct Found {
    files: Vec<OtherFile>,
    by_size: HashMap<u64, Vec<usize>>,
    by_base_name: HashMap<String, Vec<usize>>,
    /// The folder with the most PNG files, and their number.
    images: Option<(String, usize)>,
}

impl Found {
    /// The files of this size; an empty file is no archive.
    pub(super) fn of_size(&self, size: u64) -> impl Iterator<Item = &OtherFile> {
        self.files(self.by_size.get(&size).filter(|_| size > 0))
    }

    /// The files with the archive's name or alias, apart from marks and extensions.
    pub(super) fn near(&self, archive: &Archive) -> impl Iterator<Item = &OtherFile> {
        let base = base_name(&archive.name);
        let other = archive.alias.as_deref().map(base_name).filter(|other| *other != base);
        let other = other.and_then(|other| self.by_base_name.get(&other));
        self.files(self.by_base_name.get(&base)).chain(self.files(other))
    }

    fn files<'a>(&'a self, indices: Option<&'a Vec<usize>>) -> impl Iterator<Item = &'a OtherFile> {
        indices.into_iter().flatten().map(|&index| &self.files[index])
    }

    /// Returns true if a file has this path in the folder.
    pub(super) fn has_name(&self, name: &str) -> bool {
        self.files.binary_search_by(|file| file.name.as_str().cmp(name)).is_ok()
    }

    pub(super) fn images(&self) -> Option<(&str, usize)> {
        let (folder, count) = self.images.as_ref()?;
        (*count >= SOME_IMAGES).then_some((folder, *count))
    }
}

/// Searches the folder and two levels below it. Follows no symbolic link, and passes over hidden
/// folders, such as cxr's own.
pub(super) fn survey(dir: &Path, catalog: &Catalog) -> Found {
    let (mut files, mut downloads, mut images) = (Vec::new(), HashSet::new(), None);
    let mut folders = VecDeque::from([(String::new(), 0)]);
    let mut left = ENTRIES;
    while let Some((folder, level)) = folders.pop_front() {
        // A folder that cannot be read is passed over: whatever is in it is not found.
        let Ok(entries) = fs::read_dir(path_in(dir, &folder)) else { continue };
        let mut pictures = 0;
        for entry in entries.flatten().take(left.min(FOLDER_ENTRIES)) {
            left -= 1;
            let Some((name, is_folder)) = entry_in(&folder, &entry) else { continue };
            if is_folder && level < LEVELS {
                folders.push_back((name, level + 1));
            } else if let Some(download) = name.strip_suffix(CONTROL_FILE) {
                downloads.insert(download.to_owned());
            } else if has_end(&name, ".png") {
                pictures += 1;
            } else if !is_folder && !is_listed(catalog, &name) {
                files.extend(other_file(dir, name, &entry));
            }
        }
        if images.as_ref().is_none_or(|(_, most)| pictures > *most) {
            images = Some((folder, pictures));
        }
    }
    files.sort_by(|one, two| one.name.cmp(&two.name));
    for file in &mut files {
        file.is_download |= downloads.contains(&file.name);
    }
    indexed(files, images)
}

fn indexed(files: Vec<OtherFile>, images: Option<(String, usize)>) -> Found {
    let mut found = Found { images, ..Found::default() };
    for (index, file) in files.iter().enumerate() {
        found.by_size.entry(file.size).or_default().push(index);
        found.by_base_name.entry(base_name(&file.name)).or_default().push(index);
    }
    Found { files, ..found }
}

/// The path of an entry in the folder, and true if it is a folder; `None` for anything but files and
/// folders that are not hidden.
fn entry_in(folder: &str, entry: &DirEntry) -> Option<(String, bool)> {
    let kind = entry.file_type().ok()?;
    // Such a name is no name of an archive, and a path cannot be made of it again.
    let name = entry.file_name().into_string().ok()?;
    let is_folder = kind.is_dir();
    if !(kind.is_file() || (is_folder && !name.starts_with('.'))) {
        return None;
    }
    let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
    Some((name, is_folder))
}

fn is_listed(catalog: &Catalog, name: &str) -> bool {
    catalog.by_name(name).is_some() || catalog.by_alias(name).is_some()
}

fn other_file(dir: &Path, name: String, entry: &DirEntry) -> Option<OtherFile> {
    let size = entry.metadata().ok()?.len();
    let is_download = full_name(&name).1;
    Some(OtherFile { path: path_in(dir, &name), name, size, is_download })
}

/// The path of a file in the folder; in the current folder, the name alone.
fn path_in(dir: &Path, name: &str) -> PathBuf {
    match (name, dir == Path::new(".") || dir.as_os_str().is_empty()) {
        ("", true) => PathBuf::from("."),
        ("", false) => dir.to_owned(),
        (name, true) => PathBuf::from(name),
        (name, false) => dir.join(name),
    }
}

fn has_end(name: &str, end: &str) -> bool {
    let start = name.len().checked_sub(end.len());
    start.and_then(|start| name.get(start..)).is_some_and(|last| last.eq_ignore_ascii_case(end))
}
