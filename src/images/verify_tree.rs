//! `cxr verify --images`: checks every image of a tree, on all processors.

use std::fs;
use std::io::{self, BufReader};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use parking_lot::Mutex;

use super::ImagesRequest;
use super::expected::{ExpectedArchive, ExpectedImages, ImagePlace};
use super::file_check::ImageFileChecker;
use super::layout::is_image_folder;
use super::manifest::{MANIFEST_NAME, Manifest, ManifestError};
use super::next_step::ExtractCommand;
use super::tally::{ArchiveTally, TreeFacts};
use super::walk::{TreeWalk, WalkFindings};
use crate::cancel::Cancel;
use crate::catalog::ImageSet;
use crate::disk::{self, Folder, InputError};
use crate::event::{Activity, Event, Listener};
use crate::report::{ArchiveReport, NextStep, Report};
use crate::text::{escape, shell};
use crate::verdict::Verdict;

/// Files that are read at a time at least: on a network file system, most of them wait.
const READERS: usize = 4;

/// Files that are read at a time from a spinning disk, which seeks for each.
const READERS_OF_SPINNING_DISK: usize = 2;

/// A check of images that cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum ImagesError {
    /// The `images.tsv` cannot be used.
    #[error("{}{}: {error}; nothing was checked; {}", if *.is_given { "--compare " } else { "" }, escape::path(.path), remedy(.path, *.is_given))]
    Record {
        /// The file.
        path: PathBuf,
        /// The command line names it.
        is_given: bool,
        /// The reason.
        error: ManifestError,
    },
    /// Nothing says which images should be there.
    #[error(
        "the table does not say which images these archives contain; nothing was checked; name an \
         images.tsv that does with --compare, or to write one from the archives, run: {0}"
    )]
    Unknown(String),
    /// The folder is a file.
    #[error("--images {} is a file, and cxr checks folders of images; nothing was checked; run: cxr verify --images {}", escape::path(.0), shell::path(folder_of(.0)))]
    File(PathBuf),
    /// The folder cannot be read.
    #[error("--images {} cannot be read: {error}", escape::path(.path))]
    Tree {
        /// The folder.
        path: PathBuf,
        /// The reason.
        error: InputError,
    },
}

/// Returns the folder of a file.
fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn remedy(path: &Path, is_given: bool) -> String {
    let tree = folder_of(path);
    let record = Some(folder_of(tree).join(MANIFEST_NAME));
    match record.filter(|record| is_image_folder(tree) && record.is_file()) {
        _ if is_given => "name another file with --compare".to_owned(),
        Some(record) => format!(
            "if it is a file of an archive, name the record of the images with --compare {}",
            shell::path(&record)
        ),
        None => {
            "move the file away to check without it, or name another file with --compare".to_owned()
        }
    }
}

/// The state of a run, shared by the threads that check.
struct TreeCheck<'a> {
    request: &'a ImagesRequest,
    expected: &'a ExpectedImages<'a>,
    manifest: Option<&'a Manifest>,
    walk: Mutex<TreeWalk<'a>>,
    tallies: Vec<Mutex<ArchiveTally>>,
    listener: &'a dyn Listener,
    cancel: &'a Cancel,
}

/// Checks every image of the tree. Returns a report for each archive, and one more if files are
/// there that no archive contains.
///
/// # Errors
///
/// Returns an [`ImagesError`] if the check cannot begin. Problems with images are verdicts.
pub fn verify_images(
    request: &ImagesRequest,
    listener: &dyn Listener,
    cancel: &Cancel,
) -> Result<Report, ImagesError> {
    let start = Instant::now();
    let tree = |error| ImagesError::Tree { path: request.tree.clone(), error: InputError(error) };
    if request.tree.is_file() {
        return Err(ImagesError::File(request.tree.clone()));
    }
    fs::read_dir(&request.tree).map_err(tree)?;
    let record = read_record(request)?;
    let manifest = record.as_ref().map(|(_, manifest)| manifest);
    let ImagesRequest { catalog, selected, images, .. } = request;
    let expected = ExpectedImages::new(catalog, selected, images.as_ref(), manifest);
    let unknown =
        || ImagesError::Unknown(ExtractCommand::new(request, &WalkFindings::default()).all());
    let mut expected = expected.ok_or_else(unknown)?;
    expected.note_empty(&Folder::new(&request.tree));
    let check = TreeCheck {
        request,
        expected: &expected,
        manifest,
        walk: Mutex::new(TreeWalk::new(&request.tree, &expected)),
        tallies: expected.archives.iter().map(|of| Mutex::new(ArchiveTally::new(of))).collect(),
        listener,
        cancel,
    };
    check.announce();
    check.run();
    let shown = record.as_ref().map(|(path, _)| escape::path(path));
    let archives = check.reports(shown.as_deref());
    Ok(Report::new("verify", archives, start.elapsed().as_secs_f64()))
}

/// Reads the record to compare with, if there is one.
fn read_record(request: &ImagesRequest) -> Result<Option<(PathBuf, Manifest)>, ImagesError> {
    let path = request.compare.clone().unwrap_or_else(|| request.tree.join(MANIFEST_NAME));
    let is_given = request.compare.is_some();
    let read = disk::File::open(&path).map_err(ManifestError::from);
    match read.and_then(|file| Manifest::read(BufReader::new(file.reader()))) {
        Ok(manifest) => Ok(Some((path, manifest))),
        Err(ManifestError::Read(error)) if error.kind() == io::ErrorKind::NotFound && !is_given => {
            Ok(None)
        }
        Err(error) => Err(ImagesError::Record { path, is_given, error }),
    }
}

impl TreeCheck<'_> {
    fn selected(&self) -> impl Iterator<Item = (usize, &ExpectedArchive<'_>)> {
        let archives = self.expected.archives.iter().enumerate();
        let is_wanted = |images: Option<&ImageSet>, of: &ExpectedArchive<'_>| {
            images.is_none() || !of.is_nih() || of.number() > 0
        };
        archives
            .filter(move |(_, of)| of.is_selected && is_wanted(self.request.images.as_ref(), of))
    }

    fn announce(&self) {
        let labels: Vec<String> = self.selected().map(|(_, of)| of.archive.name.clone()).collect();
        self.listener.on(Event::Planned { archives: &labels, bytes: 0 });
        for archive in &labels {
            let activity = Activity::Verify;
            self.listener.on(Event::Begun { archive, source: None, activity, size: None });
        }
    }

    /// Checks all images. If the system gives no threads, this one does all the work.
    fn run(&self) {
        thread::scope(|scope| {
            for _ in 1..self.readers() {
                let _ = thread::Builder::new().spawn_scoped(scope, || self.check_images());
            }
            self.check_images();
        });
    }

    fn readers(&self) -> usize {
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let metadata = self.request.tree.metadata().ok();
        let spins = metadata.is_some_and(|metadata| disk::is_on_spinning_disk(&metadata));
        let suitable = if spins { READERS_OF_SPINNING_DISK } else { processors.max(READERS) };
        self.request.readers.map_or(suitable, NonZeroUsize::get)
    }

    fn check_images(&self) {
        let mut checker = ImageFileChecker::new();
        while !self.cancel.is_cancelled() {
            let Some(found) = self.walk.lock().next() else { return };
            for &place in &found.places {
                self.check_image(&mut checker, place, &found.path);
            }
        }
    }

    fn check_image(&self, checker: &mut ImageFileChecker, place: ImagePlace, path: &Path) {
        let (Some(expected), Some(tally)) =
            (self.expected.archives.get(place.archive), self.tallies.get(place.archive))
        else {
            return;
        };
        if !expected.is_selected || !expected.is_wanted(place.position) {
            return;
        }
        let file = disk::key(path).unwrap_or_default();
        if tally.lock().has(place.position, file) {
            return;
        }
        let archive = &expected.archive.name;
        let row = self.manifest.and_then(|manifest| {
            let name = expected.name(place.position);
            manifest.get(&name, archive)
        });
        let result = checker.check(path, expected.is_nih(), row);
        let done = {
            let mut tally = tally.lock();
            tally.add(expected, place.position, file, result);
            tally.bytes()
        };
        self.listener.on(Event::Position { archive, source: None, done });
    }

    fn reports(self, record: Option<&str>) -> Vec<ArchiveReport> {
        let findings = std::mem::take(&mut self.walk.lock().findings);
        let unread = findings.unreadable.as_ref().map(|(path, error)| {
            let error = escape::text(&error.to_string()).into_owned();
            format!("{} cannot be read: {error}", escape::path(path))
        });
        let is_interrupted = self.cancel.is_cancelled();
        let facts = TreeFacts { record, unread: unread.as_deref(), is_interrupted };
        let command = ExtractCommand::new(self.request, &findings);
        let mut reports = Vec::new();
        let mut good = 0;
        for (index, of) in self.selected() {
            let Some(tally) = self.tallies.get(index) else { continue };
            let tally = std::mem::replace(&mut *tally.lock(), ArchiveTally::new(of));
            good += tally.good();
            let mut report = command.complete(tally.report(of, &facts), of.archive);
            report.resolve_next(&self.request.command_line);
            self.listener.on(Event::Settled(&report));
            reports.push(report);
        }
        if let Some(report) = unknown_files(&self.request.tree, &findings) {
            self.listener.on(Event::Settled(&report));
            reports.push(report);
        }
        let no_record = (good > 0 && record.is_none()).then(|| {
            format!(
                "there is no {MANIFEST_NAME} to compare with, so cxr checked that images are whole, and not that \
                 they are those of the archives{}",
                command.advise_record().unwrap_or_default()
            )
        });
        for message in [other_files(&findings), no_record].into_iter().flatten() {
            self.listener.on(Event::Notice { message: &message });
        }
        reports
    }
}

/// Returns the report on PNG files that no archive contains.
fn unknown_files(tree: &Path, findings: &WalkFindings) -> Option<ArchiveReport> {
    let unknown = &findings.unknown;
    let words = match unknown.files {
        0 => return None,
        1 => "1 PNG file is no image of the table, or in the folder of another archive".to_owned(),
        files => format!(
            "{files} PNG files are no images of the table, or in the folder of another archive"
        ),
    };
    let next = "move these files away: programs may take them for images of the data set";
    Some(ArchiveReport {
        detail: Some(format!("{words} {}", unknown.first_in_words())),
        next: Some(NextStep::by_hand(next)),
        path: Some(tree.to_owned()),
        ..ArchiveReport::new(tree.to_string_lossy(), Verdict::Foreign)
    })
}

fn other_files(findings: &WalkFindings) -> Option<String> {
    let others = &findings.others;
    let first = others.first_in_words();
    match others.files {
        0 => None,
        1 => Some(format!("1 other file lies among the images {first}; it was not checked")),
        files => {
            Some(format!("{files} other files lie among the images {first}; they were not checked"))
        }
    }
}
