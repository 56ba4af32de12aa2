//! The reports of a run.

use std::sync::mpsc::Sender;

use super::extraction::Verified;
use crate::event::{Event, Listener};
use crate::report::{ArchiveReport, ArchiveReports};
use crate::text::command_line::CommandLine;
use crate::text::escape;
use crate::verdict::Verdict;

/// The reports so far, one for each archive.
pub(super) struct Reports<'a> {
    pub(super) all: ArchiveReports,
    /// The first archive that failed, and its verdict.
    pub(super) first_failure: Option<String>,
    pub(super) listener: &'a dyn Listener,
    /// The command that does what is left to do.
    pub(super) command_line: CommandLine,
    /// Verified archives go here to be extracted, if that is wanted.
    pub(super) verified: Option<Sender<Verified>>,
}

impl Reports<'_> {
    /// Adds the report of the archive with this index. A verified archive that is to be extracted has its
    /// verdict after that.
    pub(super) fn add(&mut self, index: usize, report: ArchiveReport) {
        match &self.verified {
            Some(verified) if report.verdict == Verdict::Ok => {
                self.all.set(index, report.clone());
                let _ = verified.send((index, report));
            }
            _ => self.settle(index, report),
        }
    }

    /// Adds a report that is final.
    pub(super) fn settle(&mut self, index: usize, mut report: ArchiveReport) {
        report.resolve_next(&self.command_line);
        self.listener.on(Event::Settled(&report));
        if report.verdict != Verdict::Ok {
            let failure = || format!("{} is {}", escape::text(&report.name), report.verdict);
            self.first_failure.get_or_insert_with(failure);
        }
        self.all.set(index, report);
    }
}
