//! A simulated disk that loses unsynced changes in a power cut, as POSIX allows: bytes are safe
//! once their file is synced, names once their folder is. Each unsynced change may be lost or kept
//! independently.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The bytes that reach the disk together or not at all.
const PAGE: usize = 4096;

/// One operation in the record of the program.
#[derive(Debug, Clone)]
pub struct DiskOperation {
    pub name: String,
    pub path: PathBuf,
    /// The new path of a renamed file.
    pub target: PathBuf,
    pub bytes: Vec<u8>,
    number: u64,
}

/// The fate of unsynced changes in a power cut.
#[derive(Debug)]
pub enum Unsynced {
    Lost,
    Kept,
    Mixed(fastrand::Rng),
}

/// The files and names on the disk, and the changes that are not synced.
#[derive(Default)]
pub struct SimulatedDisk {
    files: Vec<File>,
    /// The number of the file at each path.
    names: BTreeMap<PathBuf, usize>,
    /// The number of the file that was last opened at each path.
    opened: BTreeMap<PathBuf, usize>,
    safe_names: BTreeMap<PathBuf, usize>,
    folders: BTreeSet<PathBuf>,
    safe_folders: BTreeSet<PathBuf>,
    pending: Vec<NameChange>,
}

#[derive(Default)]
struct File {
    bytes: Vec<u8>,
    safe: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Resize(usize),
}

enum NameChange {
    Link(PathBuf, usize),
    Unlink(PathBuf),
    Move(PathBuf, PathBuf, usize),
    Folder(PathBuf),
}

impl DiskOperation {
    /// Reads all operations of a record, in order.
    pub fn all(record: &Path) -> Vec<Self> {
        let text = fs::read_to_string(record).unwrap();
        text.lines().map(|line| Self::of(&serde_json::from_str(line).unwrap())).collect()
    }

    fn of(line: &Value) -> Self {
        let text = |field: &str| line[field].as_str().unwrap_or_default();
        Self {
            name: text("operation").to_owned(),
            path: text("path").into(),
            target: text("to").into(),
            bytes: hex::decode(text("bytes")).unwrap(),
            number: line["at"].as_u64().or(line["to"].as_u64()).unwrap_or(0),
        }
    }

    /// Returns true if it is this operation on a path with this ending.
    pub fn is(&self, operation: &str, ending: &str) -> bool {
        self.name == operation && self.path.to_string_lossy().ends_with(ending)
    }

    /// Returns true if it changes or syncs names, not bytes.
    pub fn changes_names(&self) -> bool {
        ["create", "rename", "rename-new", "remove", "sync-folder"].contains(&self.name.as_str())
    }

    /// Returns true if its bytes contain `words`.
    pub fn says(&self, words: &str) -> bool {
        String::from_utf8_lossy(&self.bytes).contains(words)
    }
}

impl Unsynced {
    fn keeps(&mut self) -> bool {
        match self {
            Self::Lost => false,
            Self::Kept => true,
            Self::Mixed(random) => random.bool(),
        }
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Resize(to) => bytes.resize(*to, 0),
            Self::Write(at, new) => {
                bytes.resize(bytes.len().max(at + new.len()), 0);
                bytes[*at..at + new.len()].copy_from_slice(new);
            }
        }
    }

    /// The change in pieces of a page.
    fn pieces(&self) -> Vec<Self> {
        let Self::Write(at, bytes) = self else { return vec![self.clone()] };
        let piece = |(number, page): (usize, &[u8])| Self::Write(at + number * PAGE, page.to_vec());
        bytes.chunks(PAGE).enumerate().map(piece).collect()
    }
}

impl NameChange {
    /// Returns true if a sync of this folder makes it safe.
    fn is_in(&self, folder: &Path) -> bool {
        let within = |path: &Path| path.parent() == Some(folder);
        match self {
            Self::Link(path, _) | Self::Unlink(path) | Self::Folder(path) => within(path),
            Self::Move(from, to, _) => within(from) || within(to),
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>, folders: &mut BTreeSet<PathBuf>) {
        match self {
            Self::Link(path, file) => drop(names.insert(path.clone(), *file)),
            Self::Unlink(path) => drop(names.remove(path)),
            Self::Move(from, to, file) => {
                if names.get(from) == Some(file) {
                    names.remove(from);
                }
                names.insert(to.clone(), *file);
            }
            Self::Folder(path) => drop(folders.insert(path.clone())),
        }
    }
}

impl SimulatedDisk {
    /// A disk with one folder and these files, all of which are safe.
    pub fn new(folder: &Path, files: impl IntoIterator<Item = (PathBuf, Vec<u8>)>) -> Self {
        let mut disk = Self::default();
        disk.safe_folders.insert(folder.to_owned());
        for (path, bytes) in files {
            disk.safe_names.insert(path, disk.files.len());
            disk.files.push(File { safe: bytes.clone(), bytes, pending: Vec::new() });
        }
        disk.names = disk.safe_names.clone();
        disk.folders = disk.safe_folders.clone();
        disk
    }

    /// Applies an operation of the program.
    pub fn apply(&mut self, operation: &DiskOperation) {
        let path = operation.path.clone();
        match operation.name.as_str() {
            "create" | "empty" => self.create(&path, operation.name == "empty"),
            "open" => self.open(&path),
            "write" => {
                self.change(&path, |_| Change::Write(at(operation), operation.bytes.clone()));
            }
            "append" => self.change(&path, |length| Change::Write(length, operation.bytes.clone())),
            "resize" => self.change(&path, |_| Change::Resize(at(operation))),
            "sync" => {
                let file = self.opened(&path);
                file.safe.clone_from(&file.bytes);
                file.pending.clear();
            }
            "rename" | "rename-new" => {
                let file = self.names[&path];
                self.rename(NameChange::Move(path, operation.target.clone(), file));
            }
            "remove" if self.names.contains_key(&path) => self.rename(NameChange::Unlink(path)),
            "make" => self.make(&path),
            "sync-file-system" => {
                for file in &mut self.files {
                    file.safe.clone_from(&file.bytes);
                    file.pending.clear();
                }
                for change in std::mem::take(&mut self.pending) {
                    change.apply(&mut self.safe_names, &mut self.safe_folders);
                }
            }
            "sync-folder" => {
                let pending = std::mem::take(&mut self.pending);
                let (safe, rest) = pending.into_iter().partition(|change| change.is_in(&path));
                self.pending = rest;
                let safe: Vec<NameChange> = safe;
                for change in safe {
                    change.apply(&mut self.safe_names, &mut self.safe_folders);
                }
            }
            _ => {}
        }
    }

    fn create(&mut self, path: &Path, empty: bool) {
        let is_new = !self.names.contains_key(path);
        if is_new {
            self.files.push(File::default());
            self.rename(NameChange::Link(path.to_owned(), self.files.len() - 1));
        }
        self.open(path);
        if empty && !is_new {
            self.change(path, |_| Change::Resize(0));
        }
    }

    /// Files outside the simulated folder, such as the table, are ignored.
    fn open(&mut self, path: &Path) {
        if let Some(&file) = self.names.get(path) {
            self.opened.insert(path.to_owned(), file);
        }
    }

    fn change(&mut self, path: &Path, change: impl FnOnce(usize) -> Change) {
        let file = self.opened(path);
        let change = change(file.bytes.len());
        change.apply(&mut file.bytes);
        file.pending.push(change);
    }

    /// The file that was last opened at this path; it may have been renamed or removed since.
    fn opened(&mut self, path: &Path) -> &mut File {
        let file = self.opened.get(path);
        let file = file.unwrap_or_else(|| panic!("{} was never opened", path.display()));
        &mut self.files[*file]
    }

    fn rename(&mut self, change: NameChange) {
        change.apply(&mut self.names, &mut self.folders);
        self.pending.push(change);
    }

    fn make(&mut self, path: &Path) {
        let ancestors: Vec<_> = path.ancestors().filter(|path| *path != "").collect();
        for folder in ancestors.into_iter().rev() {
            if !self.folders.contains(folder) {
                self.rename(NameChange::Folder(folder.to_owned()));
            }
        }
    }

    /// Returns the files after a power cut, by path.
    pub fn after(&self, mut fate: Unsynced) -> BTreeMap<PathBuf, Vec<u8>> {
        let (mut names, mut folders) = (self.safe_names.clone(), self.safe_folders.clone());
        for change in &self.pending {
            if fate.keeps() {
                change.apply(&mut names, &mut folders);
            }
        }
        let is_reached = |path: &Path| {
            let mut above = path.ancestors().skip(1).filter(|folder| *folder != "");
            above.all(|folder| folders.contains(folder))
        };
        names.retain(|path, _| is_reached(path));
        let mut bytes = |file: usize| self.files[file].after(&mut fate);
        names.into_iter().map(|(path, file)| (path, bytes(file))).collect()
    }
}

impl File {
    fn after(&self, fate: &mut Unsynced) -> Vec<u8> {
        let mut bytes = self.safe.clone();
        for change in self.pending.iter().flat_map(Change::pieces) {
            if fate.keeps() {
                change.apply(&mut bytes);
            }
        }
        bytes
    }
}

fn at(operation: &DiskOperation) -> usize {
    usize::try_from(operation.number).unwrap()
}
