//! From what a mirror gave to its report. Pure.

use std::io;
use std::path::Path;

use super::hashing::Hashing;
use super::stream::{ReadOutcome, ReadResult};
use crate::catalog::{Archive, Catalog};
use crate::report::SuggestedCommand::Again;
use crate::report::{ArchiveReport, NextStep};
use crate::source::{ClientError, SourceError};
use crate::text::escape;
use crate::verdict::Verdict;
use crate::verify::judge::judge;
use crate::verify::names::Named;

/// What is said of an archive that was asked for; `seen` says it where its reader has seen enough.
pub(super) fn report<R>(
    archive: &Archive,
    done: &ReadResult<R>,
    seen: impl FnOnce(&R) -> ArchiveReport,
) -> ArchiveReport {
    let report = match &done.outcome {
        ReadOutcome::Read => seen(&done.reader),
        ReadOutcome::Skipped(fault, why) => given_up(archive, fault, why),
        ReadOutcome::Cancelled => interrupted(archive),
    };
    ArchiveReport {
        bytes_downloaded: done.received,
        attempts: done.attempts,
        seconds: done.time.as_secs_f64(),
        ..report
    }
}

/// A report that knows what is published of the archive.
pub(super) fn blank(archive: &Archive, verdict: Verdict) -> ArchiveReport {
    ArchiveReport {
        expected_md5: Some(archive.md5),
        expected_sha256: archive.sha256,
        expected_size: archive.size,
        next: next(verdict),
        ..ArchiveReport::new(archive.name.clone(), verdict)
    }
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

/// What is said of an archive that was read.
pub(super) fn read(archive: &Archive, catalog: &Catalog, reader: &Hashing<'_>) -> ArchiveReport {
    let Some(seen) = &reader.seen else { return interrupted(archive) };
    let judgement = judge(Path::new(&archive.name), Named::Exactly(archive), catalog, seen);
    let before = reader.patchwork.map(|digest| {
        format!("read again, for a first reading with interruptions had the MD5 {digest}")
    });
    let detail: Vec<String> = [judgement.detail, before].into_iter().flatten().collect();
    ArchiveReport {
        actual_md5: Some(seen.digest),
        actual_sha256: seen.sha256,
        actual_size: Some(seen.size),
        detail: Some(detail.join("; ")).filter(|detail| !detail.is_empty()),
        ..blank(archive, judgement.verdict)
    }
}

/// The mirror was given up for the archive.
fn given_up(archive: &Archive, fault: &SourceError, why: &str) -> ArchiveReport {
    let (verdict, size) = match *fault {
        SourceError::Status { code: 404 | 410, .. } => (Verdict::Missing, None),
        SourceError::WrongSize { offered, expected } if offered < expected => {
            (Verdict::Incomplete, Some(offered))
        }
        SourceError::WrongSize { offered, .. } => (Verdict::Corrupt, Some(offered)),
        SourceError::TooLong { .. } => (Verdict::Corrupt, None),
        SourceError::Foreign(_) => (Verdict::Foreign, None),
        _ => (Verdict::Unreachable, None),
    };
    ArchiveReport { actual_size: size, detail: Some(why.to_owned()), ..blank(archive, verdict) }
}

/// This machine could not ask for it.
pub(super) fn unasked(archive: &Archive, error: &ClientError) -> ArchiveReport {
    ArchiveReport {
        detail: Some(error.to_string()),
        next: Some(NextStep::then("remove the cause, or set fewer connections with -j", Again)),
        ..blank(archive, Verdict::Error)
    }
}

/// There is no such folder, or it cannot be looked into.
pub(super) fn no_folder(archive: &Archive, dir: &Path, error: &io::Error) -> ArchiveReport {
    ArchiveReport {
        detail: Some(format!("{} cannot be opened: {error}", escape::path(dir))),
        next: Some(NextStep::then("check the name, and that the folder is mounted", Again)),
        ..blank(archive, Verdict::Error)
    }
}

/// The run ended before all of it was read.
pub(super) fn interrupted(archive: &Archive) -> ArchiveReport {
    ArchiveReport { detail: Some("interrupted".to_owned()), ..blank(archive, Verdict::Error) }
}
