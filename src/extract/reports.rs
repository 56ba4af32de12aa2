//! The reports of archives. Pure.

use std::path::Path;

use super::archive_pass::ArchivePass;
use super::publish::Published;
use super::{ContentError, UnpackError};
use crate::disk::DiskError;
use crate::report::SuggestedCommand::Again;
use crate::report::{ArchiveReport, ArchiveReports, NextStep};
use crate::text::command_line::CommandLine;
use crate::text::{escape, shell, units};
use crate::verdict::Verdict;

/// The names of other files that a report lists.
const NAMED: usize = 3;

/// Completes the report of an archive whose MD5 is right.
pub(super) fn extracted(
    report: ArchiveReport,
    published: &Published,
    pass: &ArchivePass<'_>,
) -> ArchiveReport {
    let (target, noun) = (pass.target(), pass.noun());
    let Published { written, kept, conflicts, .. } = published;
    let folder = escape::path(target);
    let all = units::count(written + kept, noun);
    let detail = match (written, kept) {
        (0, 0) if conflicts.is_empty() => format!("the archive contains no {noun}"),
        (_, 0) => format!("{all} in {folder}"),
        (0, _) => format!("{all} in {folder}, extracted before"),
        _ => format!("{all} in {folder}, {written} of them written now"),
    };
    if conflicts.is_empty() {
        return ArchiveReport { detail: Some(detail), ..report };
    }
    let named = conflicts.iter().take(NAMED);
    let named: Vec<_> =
        named.map(|(name, what)| format!("{} ({what})", escape::text(name))).collect();
    let others = match conflicts.len().saturating_sub(NAMED) {
        0 => String::new(),
        others => format!(" and {others} more"),
    };
    let taken = if conflicts.len() == 1 { "1 name is" } else { "some names are" };
    let detail = format!(
        "{detail}; {taken} taken by something else, which cxr left unchanged: {}{others}",
        named.join(", ")
    );
    ArchiveReport {
        verdict: Verdict::Foreign,
        detail: Some(detail),
        next: Some(NextStep::only_after(
            format!("move them out of {}", shell::path(target)),
            Again,
        )),
        ..report
    }
}

/// Completes the report of an archive whose MD5 is right and that could not be unpacked.
pub(super) fn failed(
    report: ArchiveReport,
    error: &UnpackError,
    pass: &ArchivePass<'_>,
) -> ArchiveReport {
    let (verdict, detail, next) = match error {
        UnpackError::Disk(error) => (
            Verdict::Error,
            format!("{error}; nothing of the archive was extracted"),
            pass.elsewhere(error).unwrap_or_else(|| NextStep::then(error.remedy(), Again)),
        ),
        UnpackError::Content(error) => {
            let verdict = if error.is_foreign() { Verdict::Foreign } else { Verdict::Corrupt };
            (
                verdict,
                format!("the archive matches the table, but {error}; nothing of it was extracted"),
                advice(error),
            )
        }
    };
    ArchiveReport { verdict, detail: Some(detail), next: Some(next), ..report }
}

fn advice(error: &ContentError) -> NextStep {
    if error.is_foreign() {
        NextStep::by_hand("extract it with another tool if you trust it")
    } else {
        NextStep::by_hand("ask whoever made the table for the right archive")
    }
}

/// Completes the report of a file that is not the archive. A fetch that is suggested gets the options
/// that extract images to the place of this run.
pub(super) fn wrong(mut report: ArchiveReport, target: &str) -> ArchiveReport {
    let detail = report.detail.map_or_else(String::new, |detail| format!("{detail}; "));
    if let Some(next) = &mut report.next {
        let command = next.command.take();
        let options = format!(" --extract{target}");
        next.command = command.map(|command| command.with_options(&options));
    }
    ArchiveReport { detail: Some(format!("{detail}nothing of it was extracted")), ..report }
}

/// Completes the reports of a run whose lists of images could not be written.
pub(crate) fn lists_failed(reports: &mut ArchiveReports, error: &DiskError, run: &CommandLine) {
    let failed = |mut report: ArchiveReport| {
        if report.verdict == Verdict::Ok {
            report.verdict = Verdict::Error;
            report.detail = Some(format!("{error}; the images are extracted"));
            report.next = Some(NextStep::then(error.remedy(), Again));
            report.resolve_next(run);
        }
        report
    };
    *reports = reports.iter().map(failed).collect();
}

/// The report of an archive that is not extracted because fewer bytes are free than needed.
pub(super) fn no_space(
    report: ArchiveReport,
    target: &Path,
    needed: u64,
    free: u64,
) -> ArchiveReport {
    let missing = units::bytes(needed - free);
    ArchiveReport {
        verdict: Verdict::Error,
        detail: Some(format!(
            "not enough space in {}: {} more are needed ({needed} bytes), {} are free ({free} bytes); \
             nothing was extracted",
            shell::path(target),
            units::bytes(needed),
            units::bytes(free),
        )),
        next: Some(NextStep::then(format!("free {missing}, or extract fewer archives"), Again)),
        ..report
    }
}
