//! The reports of a run.

use crate::event::{Event, Listener};
use crate::report::ArchiveReport;
use crate::text::command_line::CommandLine;
use crate::text::escape;
use crate::verdict::Verdict;

/// The reports so far, one for each archive.
pub(super) struct Reports<'a> {
    pub(super) all: Vec<Option<ArchiveReport>>,
    /// The first archive that failed, and its verdict.
    pub(super) first_failure: Option<String>,
    pub(super) listener: &'a dyn Listener,
    /// The command that does what is left to do.
    pub(super) command_line: CommandLine,
}

impl Reports<'_> {
    /// Adds the report of the archive with this index.
    pub(super) fn add(&mut self, index: usize, mut report: ArchiveReport) {
        report.resolve_next(&self.command_line);
        self.listener.on(Event::Settled(&report));
        if report.verdict != Verdict::Ok {
            let failure = || format!("{} is {}", escape::text(&report.name), report.verdict);
            self.first_failure.get_or_insert_with(failure);
        }
        self.all[index] = Some(report);
    }
}
