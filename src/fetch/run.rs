//! One run: look at what is here, check what may be right, transfer the rest.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, Scope};

use super::conclude::{self, blank};
use super::ground::{Ground, Need};
use super::survey::{self, Here};
use super::{FetchRequest, probe, receipt};
use crate::cancel::Cancel;
use crate::catalog::Archive;
use crate::disk::{Folder, Lock};
use crate::escape;
use crate::event::{Event, Listener};
use crate::hash::Engine;
use crate::report::ArchiveReport;
use crate::source::{ClientError, Source};
use crate::transfer::{self, Ending, Halt, Options, Outcome, Plan, Transfer};
use crate::verdict::Verdict;
use crate::verify::Checker;

/// What a run works with.
pub(super) struct Run<'a> {
    pub(super) request: &'a FetchRequest,
    pub(super) folder: &'a Folder,
    /// The archives that are wanted.
    pub(super) archives: Vec<Archive>,
    pub(super) sources: &'a [Source],
    pub(super) options: &'a Options,
    pub(super) engine: &'a Engine,
    pub(super) listener: &'a dyn Listener,
    pub(super) cancel: &'a Cancel,
    /// What keeps the folder ours; nothing in a dry run.
    pub(super) hold: Option<&'a Lock>,
}

/// What the threads of a run tell the one that keeps the reports.
enum Message {
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

/// The reports as they come in.
pub(super) struct Reports<'a> {
    all: Vec<Option<ArchiveReport>>,
    /// Which archive was the first to fail, and how.
    failed: Option<String>,
    listener: &'a dyn Listener,
}

impl Reports<'_> {
    pub(super) fn settle(&mut self, index: usize, report: ArchiveReport) {
        self.listener.on(Event::Settled(&report));
        if report.verdict != Verdict::Ok {
            let failed = || format!("{} is {}", escape::text(&report.name), report.verdict);
            self.failed.get_or_insert_with(failed);
        }
        self.all[index] = Some(report);
    }
}

impl Run<'_> {
    /// Does it. One report for each archive, in their order.
    pub(super) fn go(&self) -> Vec<ArchiveReport> {
        let mut reports =
            Reports { all: vec![None; self.archives.len()], failed: None, listener: self.listener };
        let mut checks = Vec::new();
        let mut needs = Vec::new();
        for (index, archive) in self.archives.iter().enumerate() {
            let misfit = match survey::look(self.folder, archive, !self.request.recheck) {
                Here::Verified { path, size } => {
                    self.tidy(archive);
                    reports.settle(index, self.verified_before(archive, path, size));
                    continue;
                }
                Here::Blocked(why) => {
                    reports.settle(index, self.blocked(archive, why));
                    continue;
                }
                Here::Candidate(path) => {
                    checks.push((index, path));
                    continue;
                }
                Here::Misfit { path, size } => Some((path, size)),
                Here::Absent => None,
            };
            needs.push(self.need(index, archive.clone(), misfit, None));
        }
        self.refuse_without_room(&mut needs, &mut reports);
        self.work(&checks, needs, &mut reports);
        let missing = |(archive, report): (&Archive, Option<ArchiveReport>)| {
            report.unwrap_or_else(|| self.interrupted(archive))
        };
        self.archives.iter().zip(reports.all).map(missing).collect()
    }

    fn work(&self, checks: &[(usize, PathBuf)], needs: Vec<Need>, reports: &mut Reports<'_>) {
        let (sender, messages) = mpsc::channel();
        let transfer = Transfer::new(
            self.folder,
            self.sources,
            self.options,
            self.engine,
            self.listener,
            self.cancel,
            self.hold,
        );
        thread::scope(|scope| {
            if !checks.is_empty() {
                let copy = sender.clone();
                let check = move || self.check(checks, &copy);
                if thread::Builder::new().spawn_scoped(scope, check).is_err() {
                    // Without a thread of their own they come first.
                    self.check(checks, &sender);
                }
            }
            let pending = Pending { checks: checks.len(), transfers: 0 };
            let mut conductor =
                Conductor { run: self, transfer: &transfer, sender, pending, started: None };
            conductor.conduct(scope, needs, &messages, reports);
            transfer.close();
            transfer.finish();
        });
    }

    /// Checks what may be right.
    fn check(&self, checks: &[(usize, PathBuf)], messages: &Sender<Message>) {
        let catalog = &self.request.catalog;
        let checker = Checker::new(catalog, self.engine, self.listener, self.cancel);
        let tasks: Vec<_> = checks
            .iter()
            .map(|(index, path)| (path.as_path(), Some(&self.archives[*index])))
            .collect();
        checker.check_all(&tasks, None, |check, report| {
            let index = checks[check].0;
            let archive = &self.archives[index];
            let wrong = !matches!(report.verdict, Verdict::Ok | Verdict::Error);
            let unknown = (wrong || !report.damage.is_empty())
                && archive.size.is_none()
                && !self.request.dry_run;
            let ask = || probe::size(archive, self.sources, &self.options.client, self.cancel);
            let size = unknown.then(ask).flatten();
            // The receiver lives as long as it expects messages.
            let _ = messages.send(Message::Checked(index, Box::new(report), size));
        });
    }

    /// Nothing more is to be fetched of an archive. What cannot be removed takes room, and no more.
    fn tidy(&self, archive: &Archive) {
        if self.hold.is_some() {
            let _ = transfer::tidy(self.folder, archive);
        }
    }

    fn verified_before(&self, archive: &Archive, path: PathBuf, size: u64) -> ArchiveReport {
        ArchiveReport {
            actual_md5: Some(archive.md5),
            actual_size: Some(size),
            bytes_reused: size,
            path: Some(path),
            detail: Some("verified before, and unchanged since".to_owned()),
            ..blank(self.folder, archive, Verdict::Ok)
        }
    }

    fn blocked(&self, archive: &Archive, why: String) -> ArchiveReport {
        ArchiveReport {
            detail: Some(why),
            next: Some("move it away; the same command then fetches the archive".to_owned()),
            ..blank(self.folder, archive, Verdict::Error)
        }
    }

    fn interrupted(&self, archive: &Archive) -> ArchiveReport {
        ArchiveReport {
            detail: Some("interrupted before it was checked".to_owned()),
            next: Some("the same command goes on".to_owned()),
            ..blank(self.folder, archive, Verdict::Error)
        }
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
struct Conductor<'a> {
    run: &'a Run<'a>,
    transfer: &'a Transfer<'a>,
    sender: Sender<Message>,
    pending: Pending,
    /// Whether there are threads for transfers; `None` until there shall be.
    started: Option<Result<(), ClientError>>,
}

impl<'a> Conductor<'a> {
    fn conduct<'scope>(
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
            self.transfer.halt(Halt::Failed(format!("{failed} (--fail-fast)")));
            self.run.cancel.cancel();
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
            _ if run.cancel.is_cancelled() => {
                let next = Some("the same command goes on".to_owned());
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
        let is_mendable = matches!(need.ground, Ground::Damaged(..));
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
            self.keep_receipt(archive, &self.run.folder.archive(archive));
        }
        reports.settle(
            outcome.index,
            conclude::report(self.run.folder, &self.run.request.catalog, archive, outcome),
        );
    }

    /// A receipt that cannot be written costs the next run some time, and nothing else.
    fn keep_receipt(&self, archive: &Archive, path: &Path) {
        if !self.run.request.dry_run {
            let _ = receipt::write(self.run.folder, archive, path);
        }
    }
}
