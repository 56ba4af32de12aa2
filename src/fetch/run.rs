//! A run: looks at what is in the folder, checks the files that may be right, transfers the rest.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, Scope};

use super::check::{Check, CheckResult, CheckedArchive, Checker, Files};
use super::elsewhere::{self, Elsewhere};
use super::extraction::{Extraction, Verified};
use super::reports::Reports;
use super::start_point::{NeededArchive, StartPoint};
use super::survey::{self, LocalState};
use super::{FetchRequest, archive_reports, deleted, receipt, space};
use parking_lot::Mutex;

use crate::catalog::{Archive, Catalog};
use crate::disk::{self, DiskError, FileLimit, StateFile};
use crate::event::Event;
use crate::other_names::OtherNames;
use crate::report::{ArchiveReport, SuggestedCommand};
use crate::source::ClientError;
use crate::text::escape;
use crate::transfer::{self, Context, Ending, Outcome, Plan, StopReason, Transfer};
use crate::verdict::Verdict;
use crate::verify::wrong_link;

pub(super) struct FetchRun<'a> {
    pub(super) request: &'a FetchRequest,
    /// The archives to fetch.
    pub(super) archives: &'a [&'a Archive],
    pub(super) context: Context<'a>,
    /// The file system can do what a transfer needs.
    pub(super) probed: OnceLock<Result<(), DiskError>>,
    /// Files that may be archives under other names.
    pub(super) others: OtherNames<'a>,
    /// Extracts verified archives, if that is wanted.
    pub(super) extraction: Option<&'a Extraction<'a>>,
}

impl<'a> FetchRun<'a> {
    /// Fetches and extracts every archive, and returns their reports in the same order.
    pub(super) fn fetch_all(&self) -> Vec<ArchiveReport> {
        let Some(extraction) = self.extraction else { return self.fetch_each(None) };
        if let Some(message) = extraction.announce(self.request.jobs.get()) {
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
            reports[index] = report;
        }
        if let Some(message) = extraction.finish() {
            self.context.listener.on(Event::Notice { message: &message });
        }
        reports
    }

    /// Fetches every archive. Passes those that are verified on, if they are to be extracted.
    fn fetch_each(&self, verified: Option<Sender<Verified>>) -> Vec<ArchiveReport> {
        let folder = self.context.folder;
        let mut reports = Reports {
            all: vec![None; self.archives.len()],
            first_failure: None,
            listener: self.context.listener,
            command_line: self.request.command_line.without("--dry-run"),
            verified,
        };
        let (mut checks, mut needed) = (Vec::new(), Vec::new());
        let (published, trust) = (Catalog::nih(), !self.request.recheck);
        for (index, archive) in self.archives.iter().copied().enumerate() {
            if let Some(report) = self.extracted_before(archive) {
                reports.settle(index, report);
                continue;
            }
            let is_published = published.has_same_content(archive);
            let file = match survey::look(folder, archive, is_published, trust) {
                LocalState::Verified { path, size } => {
                    self.remove_leftovers(archive);
                    reports
                        .add(index, archive_reports::verified_before(folder, archive, path, size));
                    continue;
                }
                LocalState::Blocked(why) => {
                    reports.add(index, archive_reports::blocked(folder, archive, why));
                    continue;
                }
                LocalState::Candidate(path) => {
                    checks.push(Check { index, files: Files::Own(path) });
                    continue;
                }
                LocalState::TooShort { path, size } => Some((path, size)),
                LocalState::Absent => {
                    match elsewhere::look(folder, archive, index, &self.others, trust) {
                        Elsewhere::Verified(report) => {
                            self.remove_leftovers(archive);
                            reports.add(index, *report);
                            continue;
                        }
                        Elsewhere::Candidates(check) => {
                            checks.push(check);
                            continue;
                        }
                        Elsewhere::Nothing => None,
                    }
                }
            };
            needed.push(self.needed(index, Cow::Borrowed(archive), file, None));
        }
        let notes = [self.others.unpacked_images(), self.others.superfluous_folder()];
        for message in notes.into_iter().flatten() {
            self.context.listener.on(Event::Notice { message: &message });
        }
        self.refuse(&mut needed, &mut reports);
        let Reports { mut all, command_line, .. } =
            self.check_and_transfer(&checks, needed, reports);
        for (archive, report) in self.archives.iter().zip(&mut all) {
            report.get_or_insert_with(|| {
                let mut report = archive_reports::interrupted(folder, archive);
                report.resolve_next(&command_line);
                report
            });
        }
        all.into_iter().flatten().collect()
    }

    /// Returns the report of an archive that need not be here, because its images are.
    fn extracted_before(&self, archive: &Archive) -> Option<ArchiveReport> {
        let folder = self.context.folder;
        if self.request.recheck || !self.is_absent(archive) {
            return None;
        }
        let report = archive_reports::blank(folder, archive, Verdict::Ok);
        if let Some(extraction) = self.extraction {
            return extraction.extractor.resume(archive, report);
        }
        let images = deleted::look(folder, archive)?;
        let detail = format!("{images}, and the archive was deleted after that");
        Some(ArchiveReport { detail: Some(detail), ..report })
    }

    fn is_absent(&self, archive: &Archive) -> bool {
        let names = [Some(&archive.name), archive.alias.as_ref()];
        let mut paths =
            names.into_iter().flatten().map(|name| self.context.folder.dir().join(name));
        paths.all(|path| path.symlink_metadata().is_err())
    }

    /// An archive that must be transferred, with what is here of it under any name.
    fn needed(
        &self,
        index: usize,
        archive: Cow<'a, Archive>,
        file: Option<(PathBuf, u64)>,
        checked: Option<Box<ArchiveReport>>,
    ) -> NeededArchive<'a> {
        let is_missing = file.is_none();
        let needed = NeededArchive::new(&self.context, index, archive, file, checked, &self.others);
        let is_copy = matches!(needed.start, StartPoint::Copy(..));
        if let Some(other) =
            self.others.describe(&needed.archive).filter(|_| is_missing && !is_copy)
        {
            let message = format!("{}: {other}", escape::text(&needed.archive.name));
            self.context.listener.on(Event::Notice { message: &message });
        }
        needed
    }

    /// Refuses the needed archives, before the first byte, that are larger than a file may be, and
    /// all if the disk has too little space for them.
    fn refuse(&self, needed: &mut Vec<NeededArchive<'_>>, reports: &mut Reports<'_>) {
        let folder = self.context.folder;
        let limit = FileLimit::of(folder.dir());
        needed.retain(|needed| {
            let refusal = space::too_large(folder, &needed.archive, limit);
            refusal.map(|report| reports.add(needed.index, report)).is_none()
        });
        if needed.is_empty() {
            return;
        }
        let bytes = needed.iter().map(NeededArchive::bytes);
        let bytes = match self.extraction {
            Some(extraction) => extraction.bytes(needed, self.request.jobs.get()),
            None => bytes.sum(),
        };
        let free = self.free();
        needed.retain(|needed| {
            let refusal = space::refusal(folder, &needed.archive, bytes, &free);
            refusal.map(|report| reports.add(needed.index, report)).is_none()
        });
    }

    /// Returns the free bytes of the disk, if known. Before a dry run there may be no folder to ask.
    fn free(&self) -> Result<Option<u64>, DiskError> {
        let free = disk::available(self.context.folder.dir());
        if self.request.dry_run { Ok(free.ok().flatten()) } else { free }
    }

    fn check_and_transfer(
        &self,
        checks: &[Check],
        needed: Vec<NeededArchive<'a>>,
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

    /// Removes what is left of an earlier download of a verified archive. What cannot be removed
    /// only takes space.
    fn remove_leftovers(&self, archive: &Archive) {
        if self.context.lock.is_some() {
            let _ = transfer::remove_leftovers(self.context.folder, archive);
        }
    }

    /// Writes a receipt. If that fails, the next run takes longer.
    fn keep_receipt(&self, archive: &Archive, path: &Path) {
        if !self.request.dry_run {
            let _ = receipt::write(self.context.folder, archive, path);
        }
    }
}

/// The archive, with the size that a source gave it if the table has none.
fn sized(archive: &Archive, size: Option<u64>) -> Cow<'_, Archive> {
    match size.filter(|_| archive.size.is_none()) {
        Some(_) => Cow::Owned(Archive { size, ..archive.clone() }),
        None => Cow::Borrowed(archive),
    }
}

/// A message from another thread to the coordinator.
enum Message {
    /// The files of the archive with this index were checked.
    Checked(CheckedArchive),
    Transferred(Box<Outcome>),
}

impl From<CheckedArchive> for Message {
    fn from(checked: CheckedArchive) -> Self {
        Self::Checked(checked)
    }
}

impl From<Outcome> for Message {
    fn from(outcome: Outcome) -> Self {
        Self::Transferred(Box::new(outcome))
    }
}

/// Starts transfers, and collects the results of checks and transfers.
struct Coordinator<'scope, 'env, 'a> {
    scope: &'scope Scope<'scope, 'env>,
    run: &'scope FetchRun<'a>,
    transfer: &'scope Transfer<'a>,
    sender: Sender<Message>,
    reports: Reports<'a>,
    /// Checks and transfers that have not ended.
    checks: usize,
    transfers: usize,
    /// The start of the threads for transfers, once one was needed.
    started: Option<Result<(), ClientError>>,
}

impl<'a> Coordinator<'_, '_, 'a> {
    /// Transfers the needed archives, and each archive whose file turns out to be wrong as soon as
    /// it does. Returns when every check and transfer has ended.
    fn run(mut self, needed: Vec<NeededArchive<'a>>, messages: &Receiver<Message>) -> Reports<'a> {
        for needed in needed {
            self.transfer(needed);
        }
        self.stop_after_failure();
        while self.checks + self.transfers > 0 {
            if self.checks == 0 {
                self.transfer.close();
            }
            let Ok(message) = messages.recv() else { break };
            match message {
                Message::Checked(CheckedArchive { index, result, size }) => {
                    self.checks -= 1;
                    match result {
                        CheckResult::Checked(report) => self.checked(index, report, size),
                        CheckResult::NotFound => self.not_found(index, size),
                    }
                }
                Message::Transferred(outcome) => {
                    self.transfers -= 1;
                    self.transferred(&outcome);
                }
            }
            self.stop_after_failure();
        }
        self.reports
    }

    /// Stops all archives after a failure if `--fail-fast` asks for it.
    fn stop_after_failure(&self) {
        let FetchRequest { fail_fast, dry_run, .. } = *self.run.request;
        if let Some(failure) = self.reports.first_failure.as_ref().filter(|_| fail_fast && !dry_run)
        {
            self.transfer.stop(StopReason::Failed(format!("{failure} (--fail-fast)")));
            self.run.context.cancel.cancel();
        }
    }

    fn checked(&mut self, index: usize, report: Box<ArchiveReport>, size: Option<u64>) {
        let FetchRun { archives, context, .. } = self.run;
        let archive = archives[index];
        let path = report.path.clone().unwrap_or_default();
        match report.verdict {
            Verdict::Ok => {
                self.run.keep_receipt(archive, &path);
                self.run.remove_leftovers(archive);
                self.reports.add(index, *report);
            }
            Verdict::Error if report.damage.is_empty() => self.reports.add(index, *report),
            _ if let Some(why) = wrong_link(&context.folder.archive(archive)) => {
                self.reports.add(index, archive_reports::blocked(context.folder, archive, why));
            }
            _ if context.cancel.is_cancelled() => {
                let next = Some(SuggestedCommand::Again.into());
                self.reports.add(index, ArchiveReport { next, ..*report });
            }
            _ => {
                let archive = sized(archive, size);
                let length = report.actual_size.or_else(|| Some(path.metadata().ok()?.len()));
                let file = length.map(|length| (path, length));
                let needed = self.run.needed(index, archive, file, Some(report));
                self.transfer_wrong_file(needed);
            }
        }
    }

    /// Transfers an archive that was not found under other names.
    fn not_found(&mut self, index: usize, size: Option<u64>) {
        let archive = self.run.archives[index];
        if self.run.context.cancel.is_cancelled() {
            let report = archive_reports::interrupted(self.run.context.folder, archive);
            self.reports.add(index, report);
            return;
        }
        let archive = sized(archive, size);
        let needed = self.run.needed(index, archive, None, None);
        self.transfer_wrong_file(needed);
    }

    /// Transfers an archive whose file is wrong, unless nothing can be done about it.
    fn transfer_wrong_file(&mut self, mut needed: NeededArchive<'_>) {
        let is_repairable = matches!(needed.start, StartPoint::Damaged(..));
        let is_final =
            |report: &mut Box<ArchiveReport>| !is_repairable && report.verdict == Verdict::Error;
        if let Some(report) = needed.checked.take_if(is_final) {
            self.reports.add(needed.index, *report);
            return;
        }
        let folder = self.run.context.folder;
        if let Some(report) = space::too_large(folder, &needed.archive, FileLimit::of(folder.dir()))
        {
            self.reports.add(needed.index, report);
            return;
        }
        let bytes = needed.bytes() + self.transfer.outstanding();
        if let Some(report) = space::refusal(folder, &needed.archive, bytes, &self.run.free()) {
            self.reports.add(needed.index, report);
            return;
        }
        self.transfer(needed);
    }

    fn transfer(&mut self, needed: NeededArchive<'_>) {
        let FetchRun { request, context, .. } = self.run;
        if request.dry_run {
            self.reports.add(needed.index, needed.dry_run_report(context));
            return;
        }
        if let Err(error) = self.run.probed.get_or_init(|| disk::probe(context.folder)) {
            let report = archive_reports::unfit(context.folder, &needed.archive, error);
            self.reports.add(needed.index, report);
            return;
        }
        let start = || self.transfer.start(self.scope, &self.sender);
        if let Err(error) = self.started.get_or_insert_with(start) {
            let report = archive_reports::unconnected(context.folder, &needed.archive, error);
            self.reports.add(needed.index, report);
            return;
        }
        let NeededArchive { index, archive, mut start, .. } = needed;
        if self.transfer.is_over() {
            // Nothing begins any more, so a user's file stays in its place.
            start = StartPoint::partial_download(context, &archive);
        }
        match start.prepare(context, &archive) {
            Ok((kept, wrong)) => {
                self.transfers += 1;
                self.transfer.add(Plan { index, archive: archive.into_owned(), kept, wrong });
            }
            Err(error) => {
                self.reports
                    .add(index, archive_reports::disk_failed(context.folder, &archive, &error));
            }
        }
    }

    fn transferred(&mut self, outcome: &Outcome) {
        let FetchRun { request, archives, context, .. } = self.run;
        let archive = archives[outcome.index];
        if matches!(outcome.ending, Ending::Verified(_)) {
            // Without a receipt, the next run takes longer.
            let file = context.folder.archive(archive);
            let _ = receipt::write_for_synced(context.folder, archive, &file);
        }
        let part = context.folder.state_file(archive, StateFile::Part);
        let is_empty = part.metadata().is_ok_and(|part| part.is_file() && part.len() == 0);
        if matches!(outcome.ending, Ending::Unreachable(_)) && is_empty {
            self.run.remove_leftovers(archive);
        }
        let report = archive_reports::report(context.folder, &request.catalog, archive, outcome);
        self.reports.add(outcome.index, report);
    }
}
