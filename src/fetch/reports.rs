//! The reports as they come in.

use crate::event::{Event, Listener};
use crate::report::ArchiveReport;
use crate::text::command_line::CommandLine;
use crate::text::escape;
use crate::verdict::Verdict;

/// One for each archive, some of them not there yet.
pub(super) struct Reports<'a> {
    pub(super) all: Vec<Option<ArchiveReport>>,
    /// Which archive was the first to fail, and how.
    pub(super) failed: Option<String>,
    listener: &'a dyn Listener,
    /// The command that does what is left to do.
    command_line: CommandLine,
}

impl<'a> Reports<'a> {
    /// None yet of so many.
    pub(super) fn none_of(
        archives: usize,
        listener: &'a dyn Listener,
        command_line: &CommandLine,
    ) -> Self {
        let command_line = command_line.without("--dry-run");
        Self { all: vec![None; archives], failed: None, listener, command_line }
    }

    /// The report of an archive is there.
    pub(super) fn settle(&mut self, index: usize, mut report: ArchiveReport) {
        report.resolve_next(&self.command_line);
        self.listener.on(Event::Settled(&report));
        if report.verdict != Verdict::Ok {
            let failed = || format!("{} is {}", escape::text(&report.name), report.verdict);
            self.failed.get_or_insert_with(failed);
        }
        self.all[index] = Some(report);
    }
}
