//! Finds archives that lie in the folder under other names.
//!
//! Browsers, scripts and copies change names: `images_001.tar (1).gz`, `images_001.tar.gz.1`,
//! `CXR8/images/images_001.tar.gz`. A file with exactly the size of an archive, or with a near name
//! if the table has no size, is worth hashing; only its digest makes it the archive. Nothing here
//! changes a file.

mod common_folder;
mod near_name;
mod survey;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use self::near_name::{base_name, full_name};
use self::survey::{Found, survey};
use crate::catalog::{Archive, Catalog, Inventory};
use crate::disk;
use crate::locate::identify::{self, FileKind, HEAD};
use crate::locate::is_small_and_complete;
use crate::report::ArchiveReport;
use crate::text::{escape, shell};
use crate::verdict::Verdict;

/// The name of the record in a tree of images.
pub const MANIFEST_NAME: &str = "images.tsv";

/// The most files that are hashed to find one archive.
const CANDIDATES: usize = 4;

/// A file with a name that is not in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OtherFile {
    pub(crate) path: PathBuf,
    /// Its path in the folder.
    pub(crate) name: String,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// A download that has not ended, as its name or a file beside it says.
    is_download: bool,
}

impl OtherFile {
    /// Returns the report with the name under which the archive was found.
    pub(crate) fn named_in(&self, report: ArchiveReport) -> ArchiveReport {
        let name = format!("under the name {}", escape::text(&self.name));
        let detail = match report.detail {
            Some(detail) if report.verdict != Verdict::Ok => format!("{name}: {detail}"),
            // The verdict on a file names the file only.
            Some(detail) if !detail.starts_with("under the name ") => format!("{name}; {detail}"),
            _ => name,
        };
        ArchiveReport { detail: Some(detail), ..report }
    }
}

/// The files of a folder with names that are not in the table. The folder is searched when the
/// first archive is missing.
pub(crate) struct OtherNames<'a> {
    dir: PathBuf,
    catalog: &'a Catalog,
    found: OnceLock<Found>,
}

impl<'a> OtherNames<'a> {
    pub(crate) fn new(dir: &Path, catalog: &'a Catalog) -> Self {
        Self { dir: dir.to_owned(), catalog, found: OnceLock::new() }
    }

    pub(crate) const fn catalog(&self) -> &'a Catalog {
        self.catalog
    }

    fn found(&self) -> &Found {
        self.found.get_or_init(|| survey(&self.dir, self.catalog))
    }

    /// Returns the files that may be this missing archive, the likeliest first.
    pub(crate) fn candidates(&self, archive: &Archive) -> Vec<&OtherFile> {
        let found = self.found();
        let mut files: Vec<&OtherFile> = match archive.size {
            Some(size) => found.of_size(size).collect(),
            None => found.near(archive).filter(|file| may_be(archive, file)).collect(),
        };
        files.sort_by_key(|file| (!is_nearest(archive, file), !is_near(archive, file)));
        files.truncate(CANDIDATES);
        files
    }

    /// Returns the longest file that seems to be the beginning of this missing archive, which has
    /// this size.
    pub(crate) fn beginning(&self, archive: &Archive, size: Option<u64>) -> Option<&OtherFile> {
        let size = size?;
        let mut files: Vec<_> = self
            .found()
            .near(archive)
            .filter(|file| file.size < size && is_nearest(archive, file) && may_be(archive, file))
            .filter(|file| file.is_download || identify::expects_gzip(&archive.name))
            .collect();
        files.sort_by_key(|file| file.size);
        let is_other = |file: &OtherFile| {
            disk::File::open(&file.path).is_ok_and(|file| is_small_and_complete(&file))
        };
        files.into_iter().rev().find(|file| !is_other(file))
    }

    /// Describes a file with a near name that can neither be the archive nor its beginning.
    pub(crate) fn describe(&self, archive: &Archive) -> Option<String> {
        let is_told =
            |file: &&OtherFile| is_nearest(archive, file) || identify::expects_gzip(&archive.name);
        let mut files: Vec<_> = self.found().near(archive).filter(is_told).collect();
        files.sort_by_key(|file| (!is_nearest(archive, file), u64::MAX - file.size));
        files.first().map(|file| description(archive, file))
    }

    /// Returns the command that checks unpacked images, if the folder was searched and has some, and the
    /// table or a record beside them says which images there are.
    pub(crate) fn check_images(&self) -> Option<String> {
        let (folder, _) = self.found.get()?.images()?;
        let tree = tree_of(&self.dir, folder);
        let mut archives = self.catalog.archives().iter();
        let is_known = tree.join(MANIFEST_NAME).is_file()
            || archives.any(|archive| Inventory::of(archive.md5(), archive.sha256()).is_some());
        let table = self.catalog.table_word().map(|table| format!(" --checksums {table}"));
        let table = table.unwrap_or_default();
        is_known.then(|| format!("cxr verify --images {}{table}", shell::path(&tree)))
    }

    /// Describes unpacked images in the folder, if it was searched.
    pub(crate) fn unpacked_images(&self) -> Option<String> {
        let (folder, count) = self.found.get()?.images()?;
        let mut archives = self.catalog.archives().iter();
        if !archives.any(|archive| identify::expects_gzip(&archive.name)) {
            return None;
        }
        let next = match self.check_images() {
            Some(command) => format!("to check them, run: {command}"),
            None => format!(
                "the table has checksums of archives only, so cxr cannot verify them; cxr extract writes \
                 {MANIFEST_NAME}, with which it can"
            ),
        };
        let folder = if folder.is_empty() { "the folder" } else { folder };
        Some(format!(
            "{} holds unpacked images ({count} PNG files or more); {}",
            escape::text(folder),
            escape::text(&next)
        ))
    }
}

/// Returns the folder whose tree has images in `folder` of `dir`: one with a record, or else that of the
/// layouts for NIH's archives.
fn tree_of(dir: &Path, folder: &str) -> PathBuf {
    let path = if folder.is_empty() { dir.to_owned() } else { dir.join(folder) };
    let mut above = path.ancestors().take_while(|above| above.starts_with(dir));
    let is_archive = |name: &str| {
        let number = name.strip_prefix("images_");
        number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let recorded = above.find(|above| above.join(MANIFEST_NAME).is_file());
    let mut tree = recorded.unwrap_or(&path);
    for is_of_layout in [|name: &str| name == "images", is_archive] {
        let name = tree.file_name().and_then(|name| name.to_str());
        if let Some(above) =
            tree.parent().filter(|_| recorded.is_none() && name.is_some_and(is_of_layout))
        {
            tree = above;
        }
    }
    if tree.as_os_str().is_empty() { PathBuf::from(".") } else { tree.to_owned() }
}

/// Describes a file that is not the archive although its name says so.
fn description(archive: &Archive, file: &OtherFile) -> String {
    let (name, digest) = (escape::text(&file.name), archive.digest().kind());
    if archive.size == Some(file.size) {
        return format!("{name} has its size, but another {digest}");
    }
    match disk::read(&file.path, HEAD).map(|head| identify::kind(&head)) {
        Err(error) => format!("{name} could not be read: {error}"),
        Ok(FileKind::Gzip) if archive.size.is_none() => {
            format!("{name} is a gzip file with another {digest}")
        }
        Ok(kind) => format!("{name} seems to be {kind} ({} bytes)", file.size),
    }
}

/// Returns true if the file has the archive's name, apart from marks that copies and downloads get.
fn is_nearest(archive: &Archive, file: &OtherFile) -> bool {
    let full = full_name(&file.name).0;
    names(archive).any(|name| full_name(name).0 == full)
}

/// Returns true if the file has the archive's name, apart from marks and extensions.
fn is_near(archive: &Archive, file: &OtherFile) -> bool {
    let base = base_name(&file.name);
    names(archive).any(|name| base_name(name) == base)
}

/// Returns true unless the content is clearly not that of the archive.
fn may_be(archive: &Archive, file: &OtherFile) -> bool {
    let Ok(head) = disk::read(&file.path, HEAD) else { return false };
    match identify::kind(&head) {
        FileKind::Empty => false,
        FileKind::Gzip => !identify::is_out_of_place(&FileKind::Gzip, &archive.name),
        kind => {
            !identify::expects_gzip(&archive.name)
                && is_nearest(archive, file)
                && !identify::is_out_of_place(&kind, &archive.name)
        }
    }
}

fn names(archive: &Archive) -> impl Iterator<Item = &str> {
    [Some(&archive.name), archive.alias.as_ref()].into_iter().flatten().map(String::as_str)
}
