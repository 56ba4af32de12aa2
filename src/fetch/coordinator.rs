//! Starts the transfers of a fetch, and collects the results of checks and transfers.

use std::borrow::Cow;
use std::sync::mpsc::{Receiver, Sender};
use std::thread::Scope;
use std::vec;

use super::check::{CheckResult, CheckedArchive};
use super::reports::Reports;
use super::run_context::FetchRun;
use super::start_point::{NeededArchive, QueuedArchive, StartPoint};
use super::{FetchRequest, archive_reports, receipt, space};
use crate::catalog::Archive;
use crate::disk::{self, FileLimit, StateFile};
use crate::report::{ArchiveReport, SuggestedCommand};
use crate::source::ClientError;
use crate::transfer::{Ending, Outcome, Plan, StopReason, Transfer};
use crate::verdict::Verdict;
use crate::verify::wrong_link;

/// The transfers that are begun ahead, for each archive in work: the memory of each is some hundred bytes.
const READY: usize = 4;

/// The archive, with the size that a source gave it if the table has none.
fn sized(archive: &Archive, size: Option<u64>) -> Cow<'_, Archive> {
    match size.filter(|_| archive.size.is_none()) {
        Some(_) => Cow::Owned(Archive { size, ..archive.clone() }),
        None => Cow::Borrowed(archive),
    }
}

/// A message from another thread to the coordinator.
pub(super) enum Message {
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
pub(super) struct Coordinator<'scope, 'env, 'a> {
    pub(super) scope: &'scope Scope<'scope, 'env>,
    pub(super) run: &'scope FetchRun<'a>,
    pub(super) transfer: &'scope Transfer<'a>,
    pub(super) sender: Sender<Message>,
    pub(super) reports: Reports<'a>,
    /// Checks and transfers that have not ended.
    pub(super) checks: usize,
    pub(super) transfers: usize,
    /// The bytes of the archives that wait for their transfer.
    pub(super) queued: u64,
    /// The start of the threads for transfers, once one was needed.
    pub(super) started: Option<Result<(), ClientError>>,
}

impl<'a> Coordinator<'_, '_, 'a> {
    /// Transfers the needed archives, and each archive whose file turns out to be wrong as soon as
    /// it does. Returns when every check and transfer has ended.
    pub(super) fn run(
        mut self,
        needed: Vec<QueuedArchive>,
        messages: &Receiver<Message>,
    ) -> Reports<'a> {
        let mut queue = needed.into_iter();
        self.transfer_next(&mut queue);
        self.stop_after_failure();
        while self.checks + self.transfers > 0 {
            if self.checks == 0 && queue.len() == 0 {
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
                    self.transfer_next(&mut queue);
                }
            }
            self.stop_after_failure();
        }
        self.reports
    }

    /// Begins transfers of archives from the queue: enough to have one ready for each finisher.
    fn transfer_next(&mut self, queue: &mut vec::IntoIter<QueuedArchive>) {
        while self.transfers < READY * self.run.request.jobs.get()
            && let Some(QueuedArchive { index, file, bytes }) = queue.next()
        {
            self.queued -= bytes;
            let archive = Cow::Borrowed(self.run.archives[index]);
            self.transfer(self.run.needed(index, archive, file.map(|file| *file), None));
        }
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
        let bytes = needed.bytes() + self.queued + self.transfer.outstanding();
        if let Some(report) = space::refusal(folder, &needed.archive, bytes, &self.run.free(), None)
        {
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
        let probe = || disk::probe(context.folder, &needed.archive);
        if let Err(error) = self.run.probed.get_or_init(probe) {
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
