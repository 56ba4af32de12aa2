//! Keeps the reports of a run, and passes on what must be transferred.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender};
use std::thread::Scope;

use super::reports::Reports;
use super::run::Run;
use super::start_point::{Need, StartPoint};
use super::{FetchRequest, outcome, receipt, survey};
use crate::catalog::Archive;
use crate::report::{ArchiveReport, SuggestedCommand};
use crate::source::ClientError;
use crate::transfer::{Ending, Outcome, Plan, StopReason, Transfer};
use crate::verdict::Verdict;

/// What the threads of a run tell the one that keeps the reports.
pub(super) enum Message {
    /// A file that was here has been checked; the size of its archive, where a source told it.
    Checked(usize, Box<ArchiveReport>, Option<u64>),
    /// A transfer has ended.
    Transferred(Box<Outcome>),
}

impl From<Outcome> for Message {
    fn from(outcome: Outcome) -> Self {
        Self::Transferred(Box::new(outcome))
    }
}

fn is_error(report: &ArchiveReport) -> bool {
    report.verdict == Verdict::Error
}

/// How many answers are still expected.
struct Pending {
    checks: usize,
    transfers: usize,
}

/// Keeps the reports, and passes on what must be transferred.
pub(super) struct Coordinator<'a> {
    run: &'a Run<'a>,
    transfer: &'a Transfer<'a>,
    sender: Sender<Message>,
    pending: Pending,
    /// Whether there are threads for transfers; `None` until there shall be.
    started: Option<Result<(), ClientError>>,
}

impl<'a> Coordinator<'a> {
    /// One for a run in which so many files are being checked.
    pub(super) fn new(
        run: &'a Run<'a>,
        transfer: &'a Transfer<'a>,
        sender: Sender<Message>,
        checks: usize,
    ) -> Self {
        Self { run, transfer, sender, pending: Pending { checks, transfers: 0 }, started: None }
    }

    /// Takes messages until all archives have their reports. The needs are transferred at once, and
    /// what turns out to be wrong when it does.
    pub(super) fn conduct<'scope>(
        &mut self,
        scope: &'scope Scope<'scope, '_>,
        needs: Vec<Need>,
        messages: &Receiver<Message>,
        reports: &mut Reports<'_>,
    ) where
        'a: 'scope,
    {
        for need in needs {
            self.transfer(scope, need, reports);
        }
        self.heed(reports);
        while self.pending.checks + self.pending.transfers > 0 {
            if self.pending.checks == 0 {
                self.transfer.close();
            }
            let Ok(message) = messages.recv() else { break };
            match message {
                Message::Checked(index, report, size) => {
                    self.pending.checks -= 1;
                    self.checked(scope, index, report, size, reports);
                }
                Message::Transferred(outcome) => {
                    self.pending.transfers -= 1;
                    self.transferred(&outcome, reports);
                }
            }
            self.heed(reports);
        }
    }

    /// Where the first archive that fails is to stop the others, sees to it.
    fn heed(&self, reports: &Reports<'_>) {
        let FetchRequest { fail_fast, dry_run, .. } = *self.run.request;
        if let Some(failed) = reports.failed.as_ref().filter(|_| fail_fast && !dry_run) {
            self.transfer.stop(StopReason::Failed(format!("{failed} (--fail-fast)")));
            self.run.context.cancel.cancel();
        }
    }

    fn checked<'scope>(
        &mut self,
        scope: &'scope Scope<'scope, '_>,
        index: usize,
        report: Box<ArchiveReport>,
        size: Option<u64>,
        reports: &mut Reports<'_>,
    ) where
        'a: 'scope,
    {
        let run = self.run;
        let path = report.path.clone().unwrap_or_default();
        match report.verdict {
            Verdict::Ok => {
                self.keep_receipt(&run.archives[index], &path);
                run.tidy(&run.archives[index]);
                reports.settle(index, *report);
            }
            Verdict::Error if report.damage.is_empty() => reports.settle(index, *report),
            _ if let Some(why) =
                survey::link(&run.context.folder.archive(&run.archives[index])) =>
            {
                reports.settle(index, run.blocked(&run.archives[index], why));
            }
            _ if run.context.cancel.is_cancelled() => {
                let next = Some(SuggestedCommand::Again.into());
                reports.settle(index, ArchiveReport { next, ..*report });
            }
            _ => {
                let mut archive = run.archives[index].clone();
                archive.size = archive.size.or(size);
                let length = report.actual_size.or_else(|| Some(path.metadata().ok()?.len()));
                let misfit = length.map(|length| (path, length));
                self.transfer_checked(
                    scope,
                    run.need(index, archive, misfit, Some(report)),
                    reports,
                );
            }
        }
    }

    /// Transfers an archive whose file turned out wrong, if there is room for it.
    fn transfer_checked<'scope>(
        &mut self,
        scope: &'scope Scope<'scope, '_>,
        mut need: Need,
        reports: &mut Reports<'_>,
    ) where
        'a: 'scope,
    {
        let is_mendable = matches!(need.ground, StartPoint::Damaged(..));
        let hopeless = |report: &mut Box<_>| !is_mendable && is_error(report);
        if let Some(report) = need.checked.take_if(hopeless) {
            reports.settle(need.index, *report);
            return;
        }
        let others = self.transfer.outstanding();
        if !self.run.request.dry_run
            && let Some(report) = self.run.no_room(&need, others)
        {
            reports.settle(need.index, report);
            return;
        }
        self.transfer(scope, need, reports);
    }

    fn transfer<'scope>(
        &mut self,
        scope: &'scope Scope<'scope, '_>,
        need: Need,
        reports: &mut Reports<'_>,
    ) where
        'a: 'scope,
    {
        if self.run.request.dry_run {
            reports.settle(need.index, self.run.would_fetch(need));
            return;
        }
        let start = || self.transfer.start(scope, &self.sender);
        if let Err(error) = self.started.get_or_insert_with(start) {
            reports.settle(need.index, self.run.unconnected(&need.archive, error));
            return;
        }
        let Need { index, archive, ground, .. } = need;
        match self.run.take_over(&archive, ground) {
            Ok((kept, wrong)) => {
                self.pending.transfers += 1;
                self.transfer.add(Plan { index, archive, kept, wrong });
            }
            Err(error) => reports.settle(index, self.run.refused(&archive, &error)),
        }
    }

    fn transferred(&self, outcome: &Outcome, reports: &mut Reports<'_>) {
        let archive = &self.run.archives[outcome.index];
        if matches!(outcome.ending, Ending::Verified(_)) {
            self.keep_receipt(archive, &self.run.context.folder.archive(archive));
        }
        reports.settle(
            outcome.index,
            outcome::report(self.run.context.folder, &self.run.request.catalog, archive, outcome),
        );
    }

    /// A receipt that cannot be written costs the next run some time, and nothing else.
    fn keep_receipt(&self, archive: &Archive, path: &Path) {
        if !self.run.request.dry_run {
            let _ = receipt::write(self.run.context.folder, archive, path);
        }
    }
}
