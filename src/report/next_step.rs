//! The next step for an archive that is not `ok`, and the commands for a whole report.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::Report;
use crate::catalog::{Archive, Catalog, Selector};
use crate::text::command_line::{self, CommandLine};
use crate::text::shell;

/// The option for a source that is not known.
const ANY_SOURCE: &str = " --from SOURCE";

/// A task to do by hand, a command to run, or both in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextStep {
    /// The task to do by hand. It may contain any character.
    pub by_hand: Option<String>,
    /// The command to run.
    pub command: Option<SuggestedCommand>,
    /// Before the task is done, the command would fail, or do what is not wanted.
    pub waits: bool,
}

/// A command that is suggested for an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SuggestedCommand {
    /// The command of this run.
    Again,
    /// The command of this run, with the switch.
    With(Cow<'static, str>),
    /// The command of this run, without the switch.
    Without(Cow<'static, str>),
    /// A command line, complete.
    Line(Arc<str>),
    /// A command for one archive.
    OfArchive(ArchiveCommand),
}

/// A `fetch` or `extract` of one archive, which can be joined with others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveCommand {
    /// The command and its options.
    start: Arc<str>,
    archive: Selector,
    /// The number of archives in the table.
    of: usize,
}

impl NextStep {
    /// A task to do by hand, with no command after it.
    pub fn by_hand(task: impl Into<String>) -> Self {
        Self { by_hand: Some(task.into()), command: None, waits: false }
    }

    /// A task to do by hand, and then the command.
    pub(crate) fn then(task: impl Into<String>, command: SuggestedCommand) -> Self {
        Self { by_hand: Some(task.into()), command: Some(command), waits: false }
    }

    /// A task to do by hand, and the command that makes sense only after it. It stays out of the
    /// commands for the whole report.
    pub(crate) fn only_after(task: impl Into<String>, command: SuggestedCommand) -> Self {
        Self { waits: true, ..Self::then(task, command) }
    }

    /// Replaces a reference to the command of the run by its command line.
    pub(crate) fn resolve(&mut self, run: &CommandLine) {
        let line = match self.command {
            Some(SuggestedCommand::Again) => run.to_string(),
            Some(SuggestedCommand::With(ref switch)) => run.with(switch).to_string(),
            Some(SuggestedCommand::Without(ref switch)) => run.without(switch).to_string(),
            Some(SuggestedCommand::Line(_) | SuggestedCommand::OfArchive(_)) | None => return,
        };
        self.command = Some(SuggestedCommand::Line(shared(&line)));
    }
}

impl From<SuggestedCommand> for NextStep {
    fn from(command: SuggestedCommand) -> Self {
        Self { by_hand: None, command: Some(command), waits: false }
    }
}

impl SuggestedCommand {
    /// Builds the `cxr fetch` of the archive of the catalog into the folder.
    pub(crate) fn fetch(catalog: &Catalog, archive: &Archive, dir: &Path) -> Self {
        let has_address = archive.address.is_some();
        Self::of_archive(catalog, archive, &Self::fetch_into(catalog, dir, has_address))
    }

    /// Builds the `cxr fetch` of all archives of the catalog into the folder.
    pub(crate) fn fetch_all(catalog: &Catalog, dir: &Path) -> String {
        let have_addresses = catalog.archives().iter().all(|archive| archive.address.is_some());
        command_line::explained(&Self::fetch_into(catalog, dir, have_addresses))
    }

    /// Builds the same command with more options.
    pub(crate) fn fetch_with(
        catalog: &Catalog,
        archive: &Archive,
        dir: &Path,
        options: &str,
    ) -> Self {
        let start = Self::fetch_into(catalog, dir, archive.address.is_some());
        Self::of_archive(catalog, archive, &format!("{start} {options}"))
    }

    fn fetch_into(catalog: &Catalog, dir: &Path, has_address: bool) -> String {
        let mut start = "cxr fetch".to_owned();
        if !matches!(dir.to_str(), Some("" | "." | "./")) {
            start = format!("{start} -d {}", shell::path(dir));
        }
        if let Some(table) = catalog.table_word() {
            start = format!("{start} --checksums {table}");
        }
        if !has_address {
            // Only the user knows where these archives come from.
            start.push_str(ANY_SOURCE);
        }
        start
    }

    /// A command line, complete.
    pub(crate) fn line(line: &str) -> Self {
        Self::Line(shared(line))
    }

    /// Builds the `cxr extract` of the archive; `start` is the command and its options.
    pub(crate) fn extract(catalog: &Catalog, archive: &Archive, start: &str) -> Self {
        Self::of_archive(catalog, archive, start)
    }

    /// Adds options to a `cxr fetch` of archives.
    pub(crate) fn with_options(self, options: &str) -> Self {
        match self {
            Self::OfArchive(command)
                if command.start.starts_with("cxr fetch")
                    && !command.start.contains(" --extract") =>
            {
                let start = shared(&format!("{}{options}", command.start));
                Self::OfArchive(ArchiveCommand { start, ..command })
            }
            command => command,
        }
    }

    /// Names the sources of a `cxr fetch`, as values of `--from`, if the table has no address and they are known.
    pub(crate) fn with_sources(self, sources: &[String]) -> Self {
        match self {
            Self::OfArchive(command) if !sources.is_empty() => {
                let from = sources
                    .iter()
                    .map(|source| format!(" --from {}", shell::quote(source.as_ref())));
                let start = command.start.replace(ANY_SOURCE, &from.collect::<String>());
                Self::OfArchive(ArchiveCommand { start: shared(&start), ..command })
            }
            command => command,
        }
    }

    fn of_archive(catalog: &Catalog, archive: &Archive, start: &str) -> Self {
        let of = catalog.archives().len();
        Self::OfArchive(ArchiveCommand {
            start: shared(start),
            archive: catalog.selector(archive),
            of,
        })
    }
}

/// Returns the text, which takes memory once if it is the same one many times in a row.
fn shared(text: &str) -> Arc<str> {
    static LAST: Mutex<Option<Arc<str>>> = Mutex::new(None);
    let mut last = LAST.lock();
    if let Some(last) = last.as_ref().filter(|last| ***last == *text) {
        return Arc::clone(last);
    }
    Arc::clone(last.insert(text.into()))
}

impl fmt::Display for SuggestedCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Again => f.write_str("the same command"),
            Self::With(switch) => write!(f, "the same command with {switch}"),
            Self::Without(switch) => write!(f, "the same command without {switch}"),
            Self::Line(line) => f.write_str(line),
            Self::OfArchive(ArchiveCommand { start, archive, of }) => {
                f.write_str(&join(start, [archive], *of))
            }
        }
    }
}

impl fmt::Display for NextStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.by_hand, &self.command) {
            (Some(task), Some(command)) => write!(f, "{task}, then run: {command}"),
            (Some(task), None) => f.write_str(task),
            (None, Some(command)) => command.fmt(f),
            (None, None) => Ok(()),
        }
    }
}

impl Report {
    /// Returns the commands to run next, in the order of the archives. Archives that need the same
    /// command share it. Those that wait for a task by hand are left out.
    pub fn next_commands(&self) -> Vec<String> {
        let mut commands: Vec<(Arc<str>, Vec<Selector>, usize)> = Vec::new();
        let steps = self.archives.iter().filter_map(|archive| archive.next);
        let steps = steps.filter(|step| !step.waits);
        for command in steps.filter_map(|step| step.command) {
            let (start, archive, of) = match command {
                SuggestedCommand::OfArchive(ArchiveCommand { start, archive, of }) => {
                    (start, Some(archive), of)
                }
                command => (command.to_string().into(), None, 0),
            };
            match commands.iter_mut().find(|(known, ..)| *known == start) {
                Some((_, archives, _)) => archives.extend(archive),
                None => commands.push((start, archive.into_iter().collect(), of)),
            }
        }
        commands.into_iter().map(|(start, archives, of)| join(&start, &archives, of)).collect()
    }
}

/// The command line that starts like this, with the archives of a table of `of`.
fn join<'a>(start: &str, archives: impl IntoIterator<Item = &'a Selector>, of: usize) -> String {
    let words = Selector::join(archives.into_iter(), of);
    [start].into_iter().chain(words.iter().map(String::as_str)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::{ArchiveReport, ArchiveReports};
    use super::*;
    use crate::verdict::Verdict;

    /// A report in which these archives of the built-in table, by index, need these steps.
    fn report(steps: Vec<(usize, NextStep)>) -> Report {
        let catalog = Catalog::nih();
        let archives = steps.into_iter().map(|(index, next)| {
            let name = &catalog.archives()[index].name;
            ArchiveReport { next: Some(next), ..ArchiveReport::new(name, Verdict::Missing) }
        });
        Report::new("verify", archives.collect::<ArchiveReports>(), 0.0)
    }

    fn fetch(index: usize, dir: &str) -> (usize, NextStep) {
        let catalog = Catalog::nih();
        let archive = &catalog.archives()[index];
        (index, SuggestedCommand::fetch(&catalog, archive, Path::new(dir)).into())
    }

    #[test]
    fn archives_that_need_the_same_command_share_it() {
        let report = report(vec![
            fetch(1, "nih"),
            (2, NextStep::by_hand("check the name")),
            fetch(4, "nih"),
            (5, SuggestedCommand::Line("cxr verify nih".into()).into()),
            fetch(0, "my data"),
            (7, SuggestedCommand::Line("cxr verify nih".into()).into()),
            fetch(6, "nih"),
        ]);
        let expected = ["cxr fetch -d nih 2 5 7", "cxr verify nih", "cxr fetch -d 'my data' 1"];
        assert_eq!(report.next_commands(), expected);
    }

    #[test]
    fn a_command_for_all_archives_names_none() {
        let all = (0..12).map(|index| fetch(index, ".")).collect();
        assert_eq!(report(all).next_commands(), ["cxr fetch"]);
        let most = (0..11).map(|index| fetch(index, "nih")).collect();
        assert_eq!(report(most).next_commands(), ["cxr fetch -d nih 1-11"]);
    }

    #[test]
    fn a_reference_to_the_run_becomes_its_command_line() {
        let run = CommandLine::new(["cxr", "fetch", "--dry-run"]);
        for (command, expected) in [
            (SuggestedCommand::Again, "free some space, then run: cxr fetch --dry-run"),
            (
                SuggestedCommand::With("--wait".into()),
                "free some space, then run: cxr fetch --dry-run --wait",
            ),
            (SuggestedCommand::Without("--dry-run".into()), "free some space, then run: cxr fetch"),
        ] {
            let mut step = NextStep::then("free some space", command);
            step.resolve(&run);
            assert_eq!(step.to_string(), expected);
        }
    }
}
