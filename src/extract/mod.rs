//! Extracts images from archives, in one pass: MD5, decompression, tar, checks and files.
//!
//! A member's name is only looked up: among the images of the archive, or with another table as one plain
//! component. The files are written into a folder in `.cxr/` and get their names after the MD5 of the
//! archive turned out right and all images were there.

mod archive_pass;
mod content_error;
mod extractor;
#[cfg(any(test, feature = "fuzzing"))]
#[path = "../../fuzz/invariants/extract.rs"]
pub(crate) mod fuzz;
mod gunzip;
mod image_writer;
mod labels_file;
mod members;
mod publish;
mod reports;
mod run;
mod space;
mod unpacker;

use std::ffi::OsStr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

pub(crate) use self::archive_pass::ImagePlace;
use self::content_error::{ContentError, UnpackError};
pub(crate) use self::extractor::{Extractor, extracted_before};
pub(crate) use self::reports::lists_failed;
use self::run::ExtractRun;
pub(crate) use self::run::usual_jobs;
use crate::cancel::Cancel;
use crate::catalog::{Archive, Catalog, ImageSet};
use crate::disk::{DiskError, Folder};
use crate::event::Listener;
use crate::hash::{Engine, Feed, LaneSet};
use crate::images::Layout;
use crate::report::{Report, SuggestedCommand};
use crate::text::command_line::CommandLine;
use crate::text::{escape, shell};
use crate::transfer::lock_folder;

/// The archives to extract, and where to.
#[derive(Debug, Clone)]
pub struct ExtractRequest {
    /// The table.
    pub catalog: Catalog,
    /// The archives to extract: indices into the catalog, ascending, each once.
    pub selected: Vec<usize>,
    /// The folder of the archives.
    pub dir: PathBuf,
    /// The folder of the images; `None`: that of the archives.
    pub to: Option<PathBuf>,
    /// The way to spread images over folders.
    pub layout: Layout,
    /// The images to extract from NIH's archives; `None`: all.
    pub images: Option<ImageSet>,
    /// Archives at a time; `None`: as many as suit the processors and the disk.
    pub jobs: Option<NonZeroUsize>,
    /// Read archives again that were extracted before, and compare their files.
    pub recheck: bool,
    /// Wait until another cxr has finished in the same folder.
    pub wait: bool,
    /// The lanes that hash.
    pub lanes: LaneSet,
    /// The command line of this request. The report suggests it where it must be repeated.
    pub command_line: CommandLine,
}

impl ExtractRequest {
    /// A request to extract all archives of the catalog from `dir` into `dir/images`.
    pub fn new(catalog: Catalog, dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        let words = ["cxr", "extract", "-d"].map(OsStr::new).into_iter();
        Self {
            command_line: CommandLine::new(words.chain([dir.as_os_str()])),
            selected: (0..catalog.archives().len()).collect(),
            catalog,
            dir,
            to: None,
            layout: Layout::Flat,
            images: None,
            jobs: None,
            recheck: false,
            wait: false,
            lanes: LaneSet::for_this_machine(),
        }
    }

    /// The folder that gets the images.
    pub fn target(&self) -> &Path {
        self.to.as_ref().unwrap_or(&self.dir)
    }
}

/// An error before the first archive. A failure of one archive is a verdict, not an error.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// The request is wrong: exit status 2.
    #[error("{0}")]
    Request(String),
    /// This machine, or another cxr in the same folder, prevents the run: exit status 3.
    #[error("{0}")]
    Machine(String),
}

impl ExtractError {
    fn of_disk(error: &DiskError) -> Self {
        Self::Machine(format!("{error}; nothing was extracted; {}", error.remedy()))
    }

    fn no_folder(request: &ExtractRequest) -> Self {
        let folder = escape::path(&request.dir);
        if request.dir.exists() {
            return Self::Request(format!(
                "{folder} is a file, and --dir takes the folder of the archives; nothing was extracted; name \
                 single archives without a folder, as in: {}",
                single(&request.dir)
            ));
        }
        let fetch = SuggestedCommand::fetch_all(&request.catalog, &request.dir);
        Self::Machine(format!(
            "there is no folder {folder}, so no archive is here; nothing was extracted; check its name, or \
             to create it and fetch into it, run: {fetch}"
        ))
    }
}

/// Returns the command that extracts the archive of this path.
fn single(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.map_or_else(String::new, |folder| format!(" -d {}", shell::path(folder)));
    format!("cxr extract{folder} {}", shell::path(Path::new(name)))
}

/// Fails if the images of an archive would go where cxr keeps its own files.
pub(crate) fn check_folders<'a>(
    archives: impl IntoIterator<Item = &'a Archive>,
    layout: Layout,
) -> Result<(), ExtractError> {
    let reserved = |archive: &'a Archive| Some((archive, layout.reserved_folder(&archive.name)?));
    match archives.into_iter().find_map(reserved) {
        Some((archive, folder)) => Err(ExtractError::Request(format!(
            "{} would be extracted into a folder {}, which is not free for images; nothing was extracted; \
             use --layout flat",
            escape::text(&archive.name),
            escape::path(&folder)
        ))),
        None => Ok(()),
    }
}

/// Extracts archives and reports the result of each.
///
/// # Errors
///
/// [`ExtractError`] if the run could not start.
pub fn extract(
    request: &ExtractRequest,
    listener: &dyn Listener,
    cancel: &Cancel,
) -> Result<Report, ExtractError> {
    let start = Instant::now();
    if !request.dir.is_dir() {
        return Err(ExtractError::no_folder(request));
    }
    let archives =
        request.selected.iter().filter_map(|&index| request.catalog.archives().get(index));
    check_folders(archives, request.layout)?;
    let target = Folder::new(request.target());
    target.create().map_err(|error| ExtractError::of_disk(&error))?;
    let _lock = lock_folder(&target, None, request.wait, &request.command_line, listener, cancel)
        .map_err(ExtractError::Machine)?;
    let engine = Engine::for_this_machine(request.lanes, Feed::Work);
    let images = request.images.as_ref();
    let place = ImagePlace { folder: &target, layout: request.layout, images };
    let extractor = Extractor::new(&request.catalog, place, &engine, listener, cancel)?;
    let run = ExtractRun::new(request, extractor, listener);
    Ok(Report::new("extract", run.extract_all(), start.elapsed().as_secs_f64()))
}
