//! A run: looks at what is in the folder, checks the files that may be right, transfers the rest.

use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, Scope};

use parking_lot::Mutex;

use super::check::{Check, Checker, Files};
use super::coordinator::{Coordinator, Message};
use super::elsewhere::{self, Elsewhere};
use super::extraction::Verified;
use super::reports::Reports;
use super::run_context::FetchRun;
use super::start_point::QueuedArchive;
use super::survey::{self, LocalState};
use super::{ExtractOptions, FetchRequest, archive_reports, space};
use crate::catalog::{Archive, Catalog};
use crate::disk::{FileLimit, Folder};
use crate::event::Event;
use crate::extract::{ImagePlace, extracted_before};
use crate::images::deleted::{self, DeletedArchive};
use crate::report::{ArchiveReport, ArchiveReports};
use crate::text::escape;
use crate::transfer::Transfer;
use crate::verdict::Verdict;

/// An archive in the folder before anything is transferred.
enum Here {
    /// Nothing is left to do.
    Settled(Box<ArchiveReport>),
    /// Files that may be the archive.
    Candidates(Check),
    /// Perhaps a file that is too short, and its size.
    Incomplete(Option<(PathBuf, u64)>),
}

impl<'a> FetchRun<'a> {
    /// Fetches and extracts every archive, and returns their reports in the same order.
    pub(super) fn fetch_all(&self) -> ArchiveReports {
        let Some(extraction) = self.extraction else { return self.fetch_each(None) };
        let copy = extraction.extractor.describe_copy(self.archives.iter().copied());
        for message in extraction.announce(self.request.jobs.get()).into_iter().chain(copy) {
            self.context.listener.on(Event::Notice { message: &message });
        }
        let ((verified, queue), (sender, results)) = (mpsc::channel(), mpsc::channel());
        let queue = Mutex::new(queue);
        let mut reports = thread::scope(|scope| {
            extraction.start(scope, &queue, &sender);
            let reports = self.fetch_each(Some(verified));
            // This thread helps with the rest, and does it all if the system gives no other.
            extraction.work(&queue, &sender);
            reports
        });
        drop(sender);
        for (index, report) in results {
            reports.set(index, report);
        }
        extraction.finish(&mut reports);
        reports
    }

    /// Fetches every archive. Passes those that are verified on, if they are to be extracted.
    fn fetch_each(&self, verified: Option<Sender<Verified>>) -> ArchiveReports {
        let folder = self.context.folder;
        let mut reports = Reports {
            all: ArchiveReports::default(),
            first_failure: None,
            listener: self.context.listener,
            command_line: self.request.command_line.without("--dry-run"),
            verified,
        };
        let (mut checks, mut needed) = (Vec::new(), Vec::new());
        let published = Catalog::nih();
        for (index, archive) in self.archives.iter().copied().enumerate() {
            if let Some(report) = self.extracted_before(archive) {
                reports.settle(index, report);
                continue;
            }
            match self.look(index, archive, published.has_same_content(archive)) {
                Here::Settled(report) => reports.add(index, *report),
                Here::Candidates(check) => checks.push(check),
                Here::Incomplete(file) => needed.push(self.queued(index, archive, file)),
            }
        }
        let notes = [self.others.unpacked_images(), self.others.superfluous_folder()];
        for message in notes.into_iter().flatten() {
            self.context.listener.on(Event::Notice { message: &message });
        }
        self.refuse(&mut needed, &mut reports);
        let Reports { mut all, command_line, .. } =
            self.check_and_transfer(&checks, needed, reports);
        for (index, archive) in self.archives.iter().enumerate() {
            if !all.has(index) {
                let mut report = archive_reports::interrupted(folder, archive);
                report.resolve_next(&command_line);
                all.set(index, report);
            }
        }
        all
    }

    /// Looks for the archive with this index in the folder.
    fn look(&self, index: usize, archive: &Archive, is_published: bool) -> Here {
        let (folder, trust) = (self.context.folder, !self.request.recheck);
        let verified = |report: ArchiveReport| {
            self.remove_leftovers(archive);
            Here::Settled(Box::new(report))
        };
        match survey::look(folder, archive, is_published, trust) {
            LocalState::Verified { path, size } => {
                verified(archive_reports::verified_before(folder, archive, path, size))
            }
            LocalState::Blocked(why) => {
                Here::Settled(Box::new(archive_reports::blocked(folder, archive, why)))
            }
            LocalState::Candidate(path) => {
                Here::Candidates(Check { index, files: Files::Own(path) })
            }
            LocalState::TooShort { path, size } => Here::Incomplete(Some((path, size))),
            LocalState::Absent => {
                match elsewhere::look(folder, archive, index, &self.others, trust) {
                    Elsewhere::Verified(report) => verified(*report),
                    Elsewhere::Candidates(check) => Here::Candidates(check),
                    Elsewhere::Nothing => Here::Incomplete(None),
                }
            }
        }
    }

    /// Returns the report of an archive that need not be here, because its images are.
    fn extracted_before(&self, archive: &Archive) -> Option<ArchiveReport> {
        let folder = self.context.folder;
        if self.request.recheck || !self.is_absent(archive) {
            return None;
        }
        let report = archive_reports::blank(folder, archive, Verdict::Ok);
        let deleted = deleted::look(folder, archive);
        let found = if let Some(extraction) = self.extraction {
            extraction.extractor.resume(archive, report)
        } else if let Some(ExtractOptions { to, layout, .. }) = &self.request.extract {
            let target = Folder::new(to.as_ref().unwrap_or(&self.request.dir));
            let images = self.request.images.as_ref();
            extracted_before(
                archive,
                ImagePlace { folder: &target, layout: *layout, images },
                report,
            )
        } else {
            let deleted = deleted.as_ref().filter(|deleted| deleted.is_complete());
            deleted.map(|deleted| self.deleted(archive, deleted, report))
        };
        if let Some(deleted) = deleted.filter(|_| found.is_none()) {
            let message = format!("{}: {}", escape::text(&archive.name), deleted.describe());
            self.context.listener.on(Event::Notice { message: &message });
        }
        found
    }

    /// The report of an archive that was deleted, and whose images are there.
    fn deleted(
        &self,
        archive: &Archive,
        deleted: &DeletedArchive,
        report: ArchiveReport,
    ) -> ArchiveReport {
        let FetchRequest { catalog, dir, .. } = self.request;
        let detail = format!(
            "{}; to check them, run: {}; to download the archive again, run: {}",
            deleted.describe(),
            deleted.check(catalog),
            deleted.fetch(catalog, archive, dir, &self.request.typed_sources())
        );
        ArchiveReport { detail: Some(detail), ..report }
    }

    fn is_absent(&self, archive: &Archive) -> bool {
        let names = [Some(&archive.name), archive.alias.as_ref()];
        let mut paths =
            names.into_iter().flatten().map(|name| self.context.folder.dir().join(name));
        paths.all(|path| path.symlink_metadata().is_err())
    }

    /// Refuses the needed archives, before the first byte, that are larger than a file may be, and
    /// all if the disk has too little space for them.
    fn refuse(&self, needed: &mut Vec<QueuedArchive>, reports: &mut Reports<'_>) {
        let folder = self.context.folder;
        let limit = FileLimit::of(folder.dir());
        needed.retain(|needed| {
            let refusal = space::too_large(folder, self.archives[needed.index], limit);
            refusal.map(|report| reports.add(needed.index, report)).is_none()
        });
        if needed.is_empty() {
            return;
        }
        let jobs = self.request.jobs.get();
        let bytes = match self.extraction {
            Some(extraction) => extraction.bytes(needed, jobs, extraction.delete_archives),
            None => needed.iter().map(|needed| needed.bytes).sum(),
        };
        let free = self.free();
        let saving = self.extraction.zip(free.as_ref().ok().copied().flatten());
        let saving = saving.and_then(|(of, free)| of.describe_saving(needed, jobs, free));
        let first = needed.first().map(|needed| self.archives[needed.index].name.clone());
        needed.retain(|needed| {
            let refusal = space::refusal(
                folder,
                self.archives[needed.index],
                bytes,
                &free,
                saving.as_deref(),
            );
            let refusal = refusal.map(|report| report.unless_first(first.as_ref(), "fetched"));
            refusal.map(|report| reports.add(needed.index, report)).is_none()
        });
    }

    fn check_and_transfer(
        &self,
        checks: &[Check],
        needed: Vec<QueuedArchive>,
        reports: Reports<'a>,
    ) -> Reports<'a> {
        let (sender, messages) = mpsc::channel();
        let transfer = Transfer::new(self.context);
        thread::scope(|scope| {
            if !checks.is_empty() {
                let copy = sender.clone();
                let check = move || self.check(scope, checks, &copy);
                if thread::Builder::new().spawn_scoped(scope, check).is_err() {
                    // Without a thread of its own, the check comes before the transfers.
                    self.check(scope, checks, &sender);
                }
            }
            let coordinator = Coordinator {
                scope,
                run: self,
                transfer: &transfer,
                sender,
                reports,
                checks: checks.len(),
                transfers: 0,
                queued: needed.iter().map(|needed| needed.bytes).sum(),
                started: None,
            };
            let reports = coordinator.run(needed, &messages);
            transfer.close();
            transfer.finish();
            reports
        })
    }

    /// Checks the files that may be right.
    fn check<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        checks: &[Check],
        messages: &Sender<Message>,
    ) {
        let FetchRun { request, archives, context, .. } = self;
        let catalog = &request.catalog;
        Checker { scope, context, catalog, archives, messages }.run(checks);
    }
}
