//! Extracts archives as soon as they are verified, and deletes them on request.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender};
use std::thread::{self, Scope};

use parking_lot::Mutex;

use super::start_point::QueuedArchive;
use crate::catalog::Archive;
use crate::disk::{DiskError, Entry, Folder, crash_point, share_file_system};
use crate::event::{Event, Listener};
use crate::extract::{Extractor, lists_failed, usual_jobs};
use crate::images::{Layout, deleted};
use crate::report::SuggestedCommand::Again;
use crate::report::{ArchiveReport, ArchiveReports, NextStep};
use crate::text::command_line::CommandLine;
use crate::text::{escape, shell, units};
use crate::verdict::Verdict;

/// The archives at a time if they are deleted, so that the disk holds few of them.
pub const USUAL_WITH_DELETION: usize = 3;

/// The place of the images of a fetch, and what becomes of their archives.
#[derive(Debug, Clone)]
pub struct ExtractOptions {
    /// The folder of the images; `None`: that of the archives.
    pub to: Option<PathBuf>,
    /// The way to spread images over folders.
    pub layout: Layout,
    /// Delete each archive after its images are extracted.
    pub delete_archives: bool,
}

/// The threads that extract verified archives.
pub(super) struct Extraction<'a> {
    pub(super) extractor: Extractor<'a>,
    pub(super) archives: &'a [&'a Archive],
    /// The folder of the archives.
    pub(super) folder: &'a Folder,
    pub(super) listener: &'a dyn Listener,
    pub(super) delete_archives: bool,
    /// Images that are there are compared with the archive.
    pub(super) recheck: bool,
    pub(super) layout: Layout,
    /// The sources of the archives, as values of `--from`.
    pub(super) sources: Vec<String>,
    /// Only some of the images are wanted.
    pub(super) is_partial: bool,
    /// The folder of the images.
    pub(super) target: &'a Path,
    pub(super) command_line: CommandLine,
}

/// Adds to the report on an extracted archive that it stays, if it is a link and archives are deleted.
fn with_link(report: ArchiveReport, are_deleted: bool) -> ArchiveReport {
    let path = report.path.as_deref().filter(|_| are_deleted && report.verdict == Verdict::Ok);
    let target = path.filter(|path| path.is_symlink()).and_then(|path| path.canonicalize().ok());
    let (Some(path), Some(target)) = (path, target) else { return report };
    let link = format!(
        "the archive was not deleted, because it is a symbolic link; to delete it and its file, run: {} {} {}",
        shell::REMOVE,
        shell::path(path),
        shell::path(&target)
    );
    let detail = report.detail.map_or_else(String::new, |detail| format!("{detail}; "));
    ArchiveReport { detail: Some(detail + &link), ..report }
}

/// The sum of the largest sizes.
fn largest(mut sizes: Vec<u64>, count: usize) -> u64 {
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes.iter().take(count).sum()
}

/// A verified archive by its index, and its report.
pub(super) type Verified = (usize, ArchiveReport);

/// The end of an extraction, with the index of its archive.
pub(super) type Extracted = (usize, ArchiveReport);

impl Extraction<'_> {
    /// Starts the threads. They end after all senders of `queue` are gone.
    pub(super) fn start<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        queue: &'scope Mutex<Receiver<Verified>>,
        results: &Sender<Extracted>,
    ) {
        for _ in 0..usual_jobs().min(self.archives.len().max(1)) {
            let results = results.clone();
            let work = move || self.work(queue, &results);
            let _ = thread::Builder::new().name("extract".to_owned()).spawn_scoped(scope, work);
        }
    }

    /// Extracts archives until all senders of the queue are gone.
    pub(super) fn work(&self, queue: &Mutex<Receiver<Verified>>, results: &Sender<Extracted>) {
        loop {
            // Only one thread waits for the next archive; the others wait for the lock.
            let next = queue.lock().recv();
            let Ok((index, report)) = next else { return };
            let mut report = self.extract(index, report);
            report.resolve_next(&self.command_line);
            self.listener.on(Event::Settled(&report));
            let _ = results.send((index, report));
        }
    }

    /// Extracts a verified archive. Keeps what the report says of its download.
    fn extract(&self, index: usize, report: ArchiveReport) -> ArchiveReport {
        let archive = self.archives[index];
        let Some(path) = report.path.clone() else { return report };
        // The sizes of images are not enough to delete the archive: it is compared with them.
        if !self.recheck
            && !self.is_to_delete(&path)
            && let Some(done) = self.extractor.resume(archive, report.clone())
        {
            return with_link(done, self.delete_archives);
        }
        match self.extractor.extract(archive, &path) {
            Ok(extracted) => {
                let detail = [report.detail.clone(), extracted.detail.clone()];
                let detail = detail.into_iter().flatten().collect::<Vec<_>>().join("; ");
                let ArchiveReport { verdict, next, .. } = extracted;
                let report = ArchiveReport { verdict, next, detail: Some(detail), ..report };
                self.delete(archive, report)
            }
            // It has changed since it was verified.
            Err(changed) => ArchiveReport { next: Some(Again.into()), ..*changed },
        }
    }

    /// Returns true if archives are deleted, and a file is at the path and no link.
    fn is_to_delete(&self, path: &Path) -> bool {
        let is_file = || path.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
        self.delete_archives && is_file()
    }

    /// Deletes an archive that was extracted, if that is wanted.
    fn delete(&self, archive: &Archive, report: ArchiveReport) -> ArchiveReport {
        let path = report.path.as_deref().filter(|_| report.verdict == Verdict::Ok);
        let Some(path) = path.filter(|path| self.is_to_delete(path)) else {
            return with_link(report, self.delete_archives);
        };
        match self.delete_file(archive, path) {
            Ok(()) => {
                let detail = report.detail.unwrap_or_default();
                ArchiveReport {
                    detail: Some(format!("{detail}; the archive was deleted")),
                    ..report
                }
            }
            Err(error) => {
                let detail = format!("{error}; its images are extracted");
                let next = Some(NextStep::then(error.remedy(), Again));
                ArchiveReport { verdict: Verdict::Error, detail: Some(detail), next, ..report }
            }
        }
    }

    fn delete_file(&self, archive: &Archive, path: &Path) -> Result<(), DiskError> {
        deleted::write(self.folder, archive, self.target, self.layout, &self.sources)?;
        crash_point("deletion-recorded");
        Entry::at(path).remove()?;
        crash_point("archive-deleted");
        Ok(())
    }

    /// Completes `images.tsv` and `metadata.csv`.
    pub(super) fn finish(&self, reports: &mut ArchiveReports) {
        match self.extractor.write_lists(self.archives.iter().copied(), &self.command_line) {
            Ok(None) => {}
            Ok(Some(message)) => self.listener.on(Event::Notice { message: &message }),
            Err(error) => lists_failed(reports, &error, &self.command_line),
        }
    }

    /// The bytes that these archives and their images take on the disk at most, beyond what is there.
    pub(super) fn bytes(&self, needed: &[QueuedArchive], in_hand: usize, are_deleted: bool) -> u64 {
        let sizes: Vec<u64> = needed.iter().map(|needed| needed.bytes).collect();
        let archives = if are_deleted { largest(sizes, in_hand) } else { sizes.iter().sum() };
        let has_one_disk = share_file_system(self.target, self.folder.dir());
        let images = needed.iter().filter_map(|needed| self.archives[needed.index].size);
        // Of a part of the images, the size is not known.
        let is_known = has_one_disk && !self.is_partial;
        archives.saturating_add(if is_known { images.sum() } else { 0 })
    }

    /// Describes a way to extract these archives with fewer bytes on the disk than are free, if there is one.
    pub(super) fn describe_saving(
        &self,
        needed: &[QueuedArchive],
        in_hand: usize,
        free: u64,
    ) -> Option<String> {
        let fits = |jobs: &usize| self.bytes(needed, *jobs, true) <= free;
        let most = if self.delete_archives { in_hand } else { in_hand.min(USUAL_WITH_DELETION) };
        let jobs = (1..=most).rev().find(fits)?;
        let mut line = self.command_line.with("--delete-archives");
        if jobs < in_hand {
            line = line.without_value("--jobs").with(&format!("-j {jobs}"));
        }
        let how = if self.delete_archives {
            format!("with {} at a time", units::count(jobs, "archive"))
        } else {
            "if each archive is deleted after its extraction".to_owned()
        };
        let bytes = units::bytes(self.bytes(needed, jobs, true));
        Some(format!("{how}, {bytes} are enough: {line}"))
    }

    /// A message about the space that the run takes at most; `None` without known sizes.
    pub(super) fn announce(&self, in_hand: usize) -> Option<String> {
        let sizes: Vec<u64> =
            self.archives.iter().map(|archive| archive.size).collect::<Option<_>>()?;
        let whole: u64 = sizes.iter().sum();
        if whole == 0 {
            return None;
        }
        let in_hand = in_hand.min(sizes.len());
        let archives = if self.delete_archives {
            let bytes = units::bytes(largest(sizes, in_hand));
            let are = units::are(in_hand);
            format!("the archives, of which {in_hand} {are} here at a time, up to {bytes}")
        } else {
            format!("the archives {}", units::bytes(whole))
        };
        let target = escape::path(self.target);
        let part = if self.is_partial { "at most" } else { "about" };
        Some(format!("the images take {part} {} in {target}, and {archives}", units::bytes(whole)))
    }
}
