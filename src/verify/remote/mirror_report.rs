//! The reports on archives at mirrors. Pure.

use std::io;
use std::path::Path;

use super::MirrorReader;
use super::stream::{ReadOutcome, ReadResult};
use crate::catalog::Archive;
use crate::report::SuggestedCommand::Again;
use crate::report::{ArchiveReport, NextStep};
use crate::source::{ClientError, SourceError};
use crate::text::escape;
use crate::verdict::Verdict;

/// The report on an archive at a server.
pub(super) fn of_result<R: MirrorReader>(
    archive: &Archive,
    result: &ReadResult<R>,
) -> ArchiveReport {
    let report = match &result.outcome {
        ReadOutcome::Read => result.reader.report(),
        ReadOutcome::Skipped(error, reason) => skipped(archive, error, reason),
        ReadOutcome::Cancelled => interrupted(archive),
    };
    ArchiveReport {
        bytes_downloaded: result.received,
        attempts: result.attempts,
        seconds: result.time.as_secs_f64(),
        ..report
    }
}

/// A report with the published values of the archive.
pub(super) fn blank(archive: &Archive, verdict: Verdict) -> ArchiveReport {
    ArchiveReport { next: next(verdict), ..ArchiveReport::of(archive, verdict) }
}

fn next(verdict: Verdict) -> Option<NextStep> {
    Some(match verdict {
        Verdict::Ok | Verdict::Present => return None,
        Verdict::Missing => NextStep::then("put the archive on the mirror", Again),
        Verdict::Incomplete | Verdict::Corrupt | Verdict::Foreign => {
            NextStep::then("put the right archive on the mirror", Again)
        }
        Verdict::Unreachable => NextStep::then("wait until the mirror answers", Again),
        Verdict::Error => Again.into(),
    })
}

/// The mirror was skipped for the archive.
fn skipped(archive: &Archive, error: &SourceError, reason: &str) -> ArchiveReport {
    let (verdict, size) = match *error.kind() {
        SourceError::Status { code: 404 | 410, .. } => (Verdict::Missing, None),
        SourceError::WrongSize { offered, expected } if offered < expected => {
            (Verdict::Incomplete, Some(offered))
        }
        SourceError::WrongSize { offered, .. } => (Verdict::Corrupt, Some(offered)),
        SourceError::TooLong { .. } => (Verdict::Corrupt, None),
        SourceError::Foreign(_) => (Verdict::Foreign, None),
        _ => (Verdict::Unreachable, None),
    };
    let mut report = blank(archive, verdict);
    if let SourceError::Setting(_) = error.kind() {
        report.next = Some(NextStep::then("correct the setting", Again));
    }
    ArchiveReport { actual_size: size, detail: Some(reason.to_owned()), ..report }
}

/// This machine could not make the request.
pub(super) fn not_requested(archive: &Archive, error: &ClientError) -> ArchiveReport {
    ArchiveReport {
        detail: Some(error.to_string()),
        next: Some(NextStep::then("remove the cause, or set fewer connections with -j", Again)),
        ..blank(archive, Verdict::Error)
    }
}

/// The folder does not exist, or cannot be opened.
pub(super) fn no_folder(archive: &Archive, dir: &Path, error: &io::Error) -> ArchiveReport {
    ArchiveReport {
        detail: Some(format!("{} cannot be opened: {error}", escape::path(dir))),
        next: Some(NextStep::then("check the name, and that the folder is mounted", Again)),
        ..blank(archive, Verdict::Error)
    }
}

/// The run ended before the last byte.
pub(super) fn interrupted(archive: &Archive) -> ArchiveReport {
    ArchiveReport { detail: Some("interrupted".to_owned()), ..blank(archive, Verdict::Error) }
}
