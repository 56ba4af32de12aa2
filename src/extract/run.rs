//! A run: finds out what is left to extract, and extracts several archives side by side.

use std::io::BufReader;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::archive_pass::{ArchivePass, Extraction, ImagePlace};
use super::image_writer::ExpectedFiles;
use super::unpacker::LargeFile;
use super::{ExtractError, ExtractRequest, record, reports, space};
use crate::cancel::Cancel;
use crate::catalog::Archive;
use crate::disk::{self, DiskError, Entry, Folder, crash_point};
use crate::event::{Activity, Event, Listener};
use crate::hash::Engine;
use crate::images::manifest::{MANIFEST_NAME, Manifest};
use crate::other_names::OtherNames;
use crate::report::SuggestedCommand::Again;
use crate::report::{ArchiveReport, NextStep};
use crate::text::escape;
use crate::verdict::Verdict;
use crate::verify::{ArchiveFiles, FileChecker, blank, files_of};

/// The fewest archives at a time: as many streams are hashed side by side in the time of one.
const FEWEST: usize = 4;

/// The most archives at a time.
const MOST: usize = 12;

/// The largest `images.tsv` that is kept: a million rows.
const LARGEST_MANIFEST: usize = 256 << 20;

pub(super) struct ExtractRun<'a> {
    request: &'a ExtractRequest,
    archives: Vec<&'a Archive>,
    place: ImagePlace<'a>,
    listener: &'a dyn Listener,
    cancel: &'a Cancel,
    /// The rows of `images.tsv` before the run.
    manifest: Manifest,
}

/// An archive that is to be read.
struct Needed<'a> {
    index: usize,
    pass: ArchivePass<'a>,
    files: ArchiveFiles,
}

impl<'a> ExtractRun<'a> {
    pub(super) fn new(
        request: &'a ExtractRequest,
        target: &'a Folder,
        listener: &'a dyn Listener,
        cancel: &'a Cancel,
    ) -> Result<Self, ExtractError> {
        let all = request.catalog.archives();
        let archives = request.selected.iter().filter_map(|&index| all.get(index)).collect();
        let images = request.images.as_ref();
        let place = ImagePlace { folder: target, layout: request.layout, images };
        let manifest = read_manifest(&target.file(MANIFEST_NAME))?;
        Ok(Self { request, archives, place, listener, cancel, manifest })
    }

    /// Extracts every archive, and returns their reports in the same order.
    pub(super) fn extract_all(&self) -> Vec<ArchiveReport> {
        let reports: Vec<OnceLock<ArchiveReport>> =
            self.archives.iter().map(|_| OnceLock::new()).collect();
        let settle = |index: usize, mut report: ArchiveReport| {
            report.resolve_next(&self.request.command_line);
            let report = reports[index].get_or_init(|| report);
            self.listener.on(Event::Settled(report));
        };
        let needed = self.survey(&settle);
        let needed = self.refuse(needed, &settle);
        self.read_all(&needed, &settle);
        let mut reports: Vec<_> = reports.into_iter().filter_map(OnceLock::into_inner).collect();
        if let Err(error) = self.write_manifest() {
            for report in reports.iter_mut().filter(|report| report.verdict == Verdict::Ok) {
                report.verdict = Verdict::Error;
                report.detail = Some(error.to_string());
                report.next = Some(NextStep::then(error.remedy(), Again));
                report.resolve_next(&self.request.command_line);
            }
        }
        reports
    }

    /// Settles the archives that are complete or missing, and returns the others.
    fn survey(&self, settle: &impl Fn(usize, ArchiveReport)) -> Vec<Needed<'a>> {
        let ExtractRequest { catalog, dir, recheck, .. } = self.request;
        let others = OtherNames::new(dir, catalog);
        let mut needed = Vec::new();
        let mut settled = Vec::new();
        for (index, archive) in self.archives.iter().copied().enumerate() {
            let pass = ArchivePass::new(archive, self.place);
            let path = dir.join(&archive.name);
            let resumed = if *recheck { Ok(None) } else { pass.resume() };
            let report = blank(&path, Some(archive), Verdict::Ok);
            match resumed {
                Ok(Some(published)) => {
                    let noun = noun(&pass);
                    let report = reports::extracted(report, &published, pass.target(), noun);
                    settled.push((index, report));
                }
                Ok(None) => {
                    let mut files = files_of(dir, archive, &others);
                    match files.otherwise.take_if(|_| files.paths.is_empty()) {
                        Some(report) => settled.push((index, reports::wrong(*report))),
                        None => needed.push(Needed { index, pass, files }),
                    }
                }
                Err(error) => settled.push((index, reports::failed(report, &error.into()))),
            }
        }
        let labels: Vec<String> =
            self.archives.iter().map(|archive| archive.name.clone()).collect();
        let bytes = needed.iter().filter_map(|needed| size(needed.path())).sum();
        self.listener.on(Event::Planned { archives: &labels, bytes });
        for (index, report) in settled {
            settle(index, report);
        }
        needed
    }

    /// Refuses all archives if the disk has too little space for their images.
    fn refuse(
        &self,
        needed: Vec<Needed<'a>>,
        settle: &impl Fn(usize, ArchiveReport),
    ) -> Vec<Needed<'a>> {
        let target = self.place.folder.dir();
        let Ok(Some(free)) = disk::available(target) else { return needed };
        let unpacked =
            |needed: &Needed<'_>| space::unpacked(needed.path(), needed.pass.expected.wanted());
        let bytes = needed.iter().filter_map(unpacked).fold(0, u64::saturating_add);
        if bytes <= free || self.request.images.is_some() || self.request.recheck {
            return needed;
        }
        for Needed { index, pass, files } in needed {
            let report = blank(&files.paths[0], Some(pass.archive), Verdict::Error);
            settle(index, reports::no_space(report, target, bytes, free));
        }
        Vec::new()
    }

    fn read_all(&self, needed: &[Needed<'a>], settle: &(impl Fn(usize, ArchiveReport) + Sync)) {
        let engine = Engine::for_this_machine(self.request.lanes);
        let catalog = &self.request.catalog;
        let mut checker = FileChecker::new(catalog, &engine, self.listener, self.cancel);
        checker.activity = Activity::Extract;
        let next = AtomicUsize::new(0);
        let large_file = LargeFile::default();
        let work = || {
            while let Some(needed) = needed.get(next.fetch_add(1, Ordering::Relaxed)) {
                settle(needed.index, read(needed, &checker, &large_file));
            }
        };
        thread::scope(|scope| {
            for _ in 1..self.jobs(needed) {
                // Without more threads, this one reads everything.
                let _ = thread::Builder::new().name("extract".to_owned()).spawn_scoped(scope, work);
            }
            work();
        });
    }

    /// The number of archives at a time. A spinning disk would seek between them.
    fn jobs(&self, needed: &[Needed<'_>]) -> usize {
        let spins = || {
            let mut paths = needed.iter().map(Needed::path);
            let metadata = paths.find_map(|path| path.metadata().ok());
            metadata.is_some_and(|metadata| disk::is_on_spinning_disk(&metadata))
        };
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let jobs = match self.request.jobs {
            Some(jobs) => jobs.get(),
            None if spins() => 1,
            None => processors.clamp(FEWEST, MOST),
        };
        jobs.min(needed.len().max(1))
    }

    /// Brings `images.tsv` up to date.
    fn write_manifest(&self) -> Result<(), DiskError> {
        let mut manifest = self.manifest.clone();
        for archive in &self.archives {
            for file in record::read(self.place.folder, archive) {
                manifest.insert(&file.name, &archive.name, file.row);
            }
        }
        if manifest == self.manifest {
            return Ok(());
        }
        let entry = self.place.folder.file(MANIFEST_NAME);
        let mut bytes = Vec::new();
        manifest.write(&mut bytes).map_err(DiskError::new(entry.path(), "written"))?;
        entry.replace(&bytes)?;
        crash_point("manifest-written");
        Ok(())
    }
}

impl Needed<'_> {
    fn path(&self) -> &Path {
        self.files.paths.first().map_or(Path::new(""), PathBuf::as_path)
    }
}

/// Extracts an archive from the first of its files that is right.
fn read<'a>(
    needed: &Needed<'a>,
    checker: &FileChecker<'a>,
    large_file: &LargeFile,
) -> ArchiveReport {
    let Needed { pass, files, .. } = needed;
    let mut result = None;
    for path in &files.paths {
        match pass.extract(path, checker, large_file) {
            Extraction::Right(report, published) => {
                return reports::extracted(*report, &published, pass.target(), noun(pass));
            }
            Extraction::Failed(report, error) => return reports::failed(*report, &error),
            Extraction::Wrong(report) => result = Some(report),
        }
    }
    let is_undecided = |report: &ArchiveReport| report.verdict == Verdict::Error;
    let report = match (&files.otherwise, result) {
        (_, Some(report)) if is_undecided(&report) || files.otherwise.is_none() => *report,
        (Some(report), _) => (**report).clone(),
        (None, result) => result.map_or_else(
            || blank(Path::new(""), Some(pass.archive), Verdict::Missing),
            |report| *report,
        ),
    };
    reports::wrong(report)
}

fn size(path: &Path) -> Option<u64> {
    Some(path.metadata().ok()?.len())
}

/// The word for the files of an archive.
fn noun(pass: &ArchivePass<'_>) -> &'static str {
    match pass.expected {
        ExpectedFiles::Images(..) => "image",
        ExpectedFiles::Any => "file",
    }
}

/// Reads the `images.tsv` of an earlier run. Fails if something else has its name.
fn read_manifest(entry: &Entry) -> Result<Manifest, ExtractError> {
    if entry.is_free() {
        return Ok(Manifest::default());
    }
    let refuse = |why: String| {
        let path = escape::path(entry.path());
        ExtractError(format!(
            "{path} exists and is not a list of images that cxr wrote: {why}; cxr left it unchanged, and \
             extracted nothing; move it away, or use another folder with --to"
        ))
    };
    let bytes = entry.read(LARGEST_MANIFEST).map_err(|error| refuse(error.to_string()))?;
    Manifest::read(BufReader::new(&bytes[..])).map_err(|error| refuse(error.to_string()))
}
