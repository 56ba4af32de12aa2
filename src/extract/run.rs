//! A run: finds out what is left to extract, and extracts several archives side by side.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use parking_lot::Mutex;

use super::extractor::Extractor;
use super::{ExtractRequest, reports, space};
use crate::catalog::Archive;
use crate::disk;
use crate::event::{Event, Listener};
use crate::other_names::OtherNames;
use crate::report::{ArchiveReport, ArchiveReports};
use crate::verdict::Verdict;
use crate::verify::{ArchiveFiles, blank, files_of, verdict_on_other_size};

/// The fewest archives at a time: as many are hashed side by side in the time of one. Eight on two cores take
/// 0.92 of the processor time of four.
const FEWEST: usize = 8;

/// The most archives at a time.
const MOST: usize = 12;

pub(super) struct ExtractRun<'a> {
    request: &'a ExtractRequest,
    archives: Vec<&'a Archive>,
    extractor: Extractor<'a>,
    listener: &'a dyn Listener,
}

/// Returns the usual number of archives at a time.
pub(crate) fn usual_jobs() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get).clamp(FEWEST, MOST)
}

/// An archive that is to be read.
struct Needed<'a> {
    index: usize,
    archive: &'a Archive,
    files: ArchiveFiles,
}

impl<'a> ExtractRun<'a> {
    pub(super) fn new(
        request: &'a ExtractRequest,
        extractor: Extractor<'a>,
        listener: &'a dyn Listener,
    ) -> Self {
        let all = request.catalog.archives();
        let archives = request.selected.iter().filter_map(|&index| all.get(index)).collect();
        Self { request, archives, extractor, listener }
    }

    /// Extracts every archive, and returns their reports in the same order.
    pub(super) fn extract_all(&self) -> ArchiveReports {
        let reports = Mutex::new(ArchiveReports::default());
        let settle = |index: usize, mut report: ArchiveReport| {
            report.resolve_next(&self.request.command_line);
            self.listener.on(Event::Settled(&report));
            reports.lock().set(index, report);
        };
        if let Some(message) = self.extractor.describe_copy(self.archives.iter().copied()) {
            self.listener.on(Event::Notice { message: &message });
        }
        let needed = self.survey(&settle);
        let needed = self.refuse(needed, &settle);
        self.read_all(&needed, &settle);
        let mut reports = reports.into_inner();
        let archives = self.archives.iter().copied();
        match self.extractor.write_lists(archives, &self.request.command_line) {
            Ok(None) => {}
            Ok(Some(message)) => self.listener.on(Event::Notice { message: &message }),
            Err(error) => {
                reports::lists_failed(&mut reports, &error, &self.request.command_line);
            }
        }
        reports
    }

    /// Settles the archives that are complete or missing, and returns the others.
    fn survey(&self, settle: &impl Fn(usize, ArchiveReport)) -> Vec<Needed<'a>> {
        let ExtractRequest { catalog, dir, recheck, .. } = self.request;
        let others = OtherNames::new(dir, catalog);
        let mut needed = Vec::new();
        let mut settled = ArchiveReports::default();
        for (index, archive) in self.archives.iter().copied().enumerate() {
            let report = blank(&dir.join(&archive.name), Some(archive), Verdict::Ok);
            let resumed = self.extractor.resume(archive, report);
            if let Some(report) = resumed.filter(|_| !recheck) {
                settled.set(index, report);
                continue;
            }
            let mut files = files_of(dir, archive, &others);
            match files.otherwise.take_if(|_| files.paths.is_empty()) {
                Some(report) => settled.set(index, self.wrong(*report)),
                None => needed.push(Needed { index, archive, files }),
            }
        }
        let labels: Vec<String> =
            self.archives.iter().map(|archive| archive.name.clone()).collect();
        let bytes =
            needed.iter().filter_map(|needed| Some(needed.path().metadata().ok()?.len())).sum();
        self.listener.on(Event::Planned { archives: &labels, bytes });
        for (index, report) in settled.indexed() {
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
        let target = self.request.target();
        let Ok(Some(free)) = disk::available(target) else { return needed };
        let unpacked = |needed: &Needed<'_>| space::unpacked(needed.path());
        let bytes = needed.iter().filter_map(unpacked).fold(0, u64::saturating_add);
        if bytes <= free || self.request.images.is_some() || self.request.recheck {
            return needed;
        }
        let first = needed.first().map(|needed| &needed.archive.name);
        for Needed { index, archive, files } in &needed {
            let report = blank(&files.paths[0], Some(archive), Verdict::Error);
            let report = reports::no_space(report, target, bytes, free);
            settle(*index, report.unless_first(first, "extracted"));
        }
        Vec::new()
    }

    fn read_all(&self, needed: &[Needed<'a>], settle: &(impl Fn(usize, ArchiveReport) + Sync)) {
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(needed) = needed.get(next.fetch_add(1, Ordering::Relaxed)) {
                settle(needed.index, self.read(needed));
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
        let jobs = match self.request.jobs {
            Some(jobs) => jobs.get(),
            None if spins() => 1,
            None => usual_jobs(),
        };
        jobs.min(needed.len().max(1))
    }

    /// Completes the report of a file that is not the archive.
    fn wrong(&self, mut report: ArchiveReport) -> ArchiveReport {
        let ExtractRequest { dir, layout, catalog, .. } = self.request;
        let archive = catalog.by_name(&report.name).and_then(|index| catalog.archives().get(index));
        let file = archive.zip(report.path.as_deref());
        let file = file.filter(|_| report.verdict == Verdict::Incomplete);
        let other = file.and_then(|(archive, path)| verdict_on_other_size(archive, path));
        if let Some((Verdict::Foreign, detail)) = other {
            (report.verdict, report.detail) = (Verdict::Foreign, Some(detail));
        }
        reports::wrong(report, &layout.options(dir, self.request.target()))
    }

    /// Extracts an archive from the first of its files that is right.
    fn read(&self, Needed { archive, files, .. }: &Needed<'a>) -> ArchiveReport {
        let mut last = None;
        for path in &files.paths {
            match self.extractor.extract(archive, path) {
                Ok(report) => return report,
                Err(report) if report.verdict == Verdict::Error => return self.wrong(*report),
                Err(report) => last = Some(report),
            }
        }
        let report = files.otherwise.clone().or(last);
        let missing = || blank(Path::new(&archive.name), Some(archive), Verdict::Missing);
        self.wrong(report.map_or_else(missing, |report| *report))
    }
}

impl Needed<'_> {
    fn path(&self) -> &Path {
        self.files.paths.first().map_or(Path::new(""), PathBuf::as_path)
    }
}
