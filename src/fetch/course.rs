//! The course of a run: look at what is here, check what may be right, transfer the rest.

use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};
use std::thread;

use super::coordinator::{Coordinator, Message};
use super::reports::Reports;
use super::run::Run;
use super::size_probe;
use super::start_point::Need;
use super::survey::{self, Here};
use crate::catalog::{Archive, Catalog};
use crate::report::ArchiveReport;
use crate::transfer::Transfer;
use crate::verdict::Verdict;
use crate::verify::{FileChecker, check_files};

impl Run<'_> {
    /// Does it. One report for each archive, in their order.
    pub(super) fn go(&self) -> Vec<ArchiveReport> {
        let mut reports = Reports::none_of(
            self.archives.len(),
            self.context.listener,
            &self.request.command_line,
        );
        let mut checks = Vec::new();
        let mut needs = Vec::new();
        let published = Catalog::nih();
        for (index, archive) in self.archives.iter().enumerate() {
            let certain = published.has_same_content(archive);
            let misfit =
                match survey::look(self.context.folder, archive, certain, !self.request.recheck) {
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
                    Here::WrongLength { path, size } => Some((path, size)),
                    Here::Absent => None,
                };
            needs.push(self.need(index, archive.clone(), misfit, None));
        }
        self.refuse_without_room(&mut needs, &mut reports);
        self.work(&checks, needs, &mut reports);
        let missing = |(archive, report): (&Archive, Option<ArchiveReport>)| {
            report.unwrap_or_else(|| {
                let mut report = self.interrupted(archive);
                report.resolve_next(&self.request.command_line);
                report
            })
        };
        self.archives.iter().zip(reports.all).map(missing).collect()
    }

    fn work(&self, checks: &[(usize, PathBuf)], needs: Vec<Need>, reports: &mut Reports<'_>) {
        let (sender, messages) = mpsc::channel();
        let transfer = Transfer::new(self.context);
        thread::scope(|scope| {
            if !checks.is_empty() {
                let copy = sender.clone();
                let check = move || self.check(checks, &copy);
                if thread::Builder::new().spawn_scoped(scope, check).is_err() {
                    // Without a thread of their own they come first.
                    self.check(checks, &sender);
                }
            }
            let mut conductor = Coordinator::new(self, &transfer, sender, checks.len());
            conductor.conduct(scope, needs, &messages, reports);
            transfer.close();
            transfer.finish();
        });
    }

    /// Checks what may be right.
    fn check(&self, checks: &[(usize, PathBuf)], messages: &Sender<Message>) {
        let catalog = &self.request.catalog;
        let context = &self.context;
        let checker = FileChecker::new(catalog, context.engine, context.listener, context.cancel);
        let files: Vec<_> = checks
            .iter()
            .map(|(index, path)| (path.as_path(), Some(&self.archives[*index])))
            .collect();
        check_files(&checker, &files, None, |check, report| {
            let index = checks[check].0;
            let archive = &self.archives[index];
            let wrong = !matches!(report.verdict, Verdict::Ok | Verdict::Error);
            let unknown = (wrong || !report.damage.is_empty())
                && archive.size.is_none()
                && !self.request.dry_run;
            let ask = || {
                size_probe::size(
                    archive,
                    self.context.sources,
                    &self.context.options.client,
                    self.context.cancel,
                )
            };
            let size = unknown.then(ask).flatten();
            // The receiver lives as long as it expects messages.
            let _ = messages.send(Message::Checked(index, Box::new(report), size));
        });
    }
}
