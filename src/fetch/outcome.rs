//! What became of a transfer, as a report. Pure.

use super::repair_text;
use crate::catalog::{Archive, Catalog};
use crate::disk::Folder;
use crate::report::SuggestedCommand::{self, Again};
use crate::report::{ArchiveReport, NextStep};
use crate::text::{escape, shell, units};
use crate::transfer::{Ending, HERE, Outcome, StopReason};
use crate::verdict::Verdict;

/// A report that knows what is published of the archive.
pub(super) fn blank(folder: &Folder, archive: &Archive, verdict: Verdict) -> ArchiveReport {
    ArchiveReport {
        expected_md5: Some(archive.md5),
        expected_sha256: archive.sha256,
        expected_size: archive.size,
        path: Some(folder.archive(archive)),
        ..ArchiveReport::new(archive.name.clone(), verdict)
    }
}

/// The report of an archive that was transferred, or was to be.
pub(super) fn report(
    folder: &Folder,
    catalog: &Catalog,
    archive: &Archive,
    outcome: &Outcome,
) -> ArchiveReport {
    let size = archive.size.or(outcome.size);
    let mut report = ArchiveReport {
        expected_size: size,
        source: (outcome.downloaded > 0 || outcome.here > outcome.reused)
            .then(|| sources(outcome))
            .filter(|sources| !sources.is_empty()),
        bytes_downloaded: outcome.downloaded,
        bytes_reused: outcome.reused,
        attempts: outcome.attempts,
        seconds: outcome.time.as_secs_f64(),
        ..blank(folder, archive, Verdict::Ok)
    };
    let here = kept(outcome, size);
    match &outcome.ending {
        Ending::Verified(digest) => {
            report.actual_md5 = Some(*digest);
            report.actual_size = size;
            report.detail = repair_text::words(&outcome.repair, true);
            return report;
        }
        Ending::Corrupt { digest, detail, kept } => {
            let other = catalog.by_md5(digest).and_then(|index| catalog.archives().get(index));
            report.verdict = if other.is_some() { Verdict::Foreign } else { Verdict::Corrupt };
            report.actual_md5 = Some(*digest);
            let kept = match (kept, &outcome.restored) {
                (Some(path), _) => format!("the wrong bytes are kept as {}", escape::path(path)),
                (None, Some(_)) => here,
                (None, None) => "the wrong bytes were dropped".to_owned(),
            };
            let expected = archive.md5;
            let content = other.map_or_else(String::new, |other| {
                format!("its content is {}: ", escape::text(&other.name))
            });
            let answers = if detail.is_empty() { String::new() } else { format!(": {detail}") };
            report.detail = Some(format!(
                "{content}the servers' copies differ from the table, which says MD5 {expected}{answers}; {kept}"
            ));
            report.next = Some(NextStep::by_hand("add another source with --from"));
        }
        Ending::Unreachable(answers) => {
            report.verdict = Verdict::Unreachable;
            report.detail = Some(format!("{answers}; {here}"));
            report.next = Some(NextStep::then(
                "wait until a source answers, or add another with --from",
                Again,
            ));
        }
        Ending::Error(error) => {
            report.verdict = Verdict::Error;
            report.detail = Some(format!("{error}; {here}"));
            report.next = Some(NextStep::then(error.remedy(), Again));
        }
        Ending::Stopped(StopReason::DiskFull(why)) => {
            report.verdict = Verdict::Error;
            report.detail = Some(format!("stopped with the others: {why}; {here}"));
            report.next = Some(NextStep::then("free some space", Again));
        }
        Ending::Stopped(StopReason::Failed(why)) => {
            report.verdict = not_whole(outcome);
            report.detail = Some(format!("stopped, since {why}; {here}"));
            report.next = Some(Again.into());
        }
        Ending::Stopped(StopReason::TakenOver(taker)) => {
            report.verdict = Verdict::Error;
            report.detail = Some(format!(
                "stopped: another cxr took the folder over while this one gave no sign of life, {taker}"
            ));
            report.next = Some(SuggestedCommand::With("--wait").into());
        }
        Ending::Cancelled => {
            report.verdict = not_whole(outcome);
            report.detail = Some(format!("interrupted; {here}"));
            report.next = Some(Again.into());
        }
    }
    if outcome.restored.is_some() {
        report.damage.clone_from(&outcome.repair.damages);
    }
    let here = outcome.restored.as_ref().map_or(outcome.here, |returned| returned.length);
    report.actual_size = Some(here).filter(|&here| here > 0);
    report.detail = match (report.detail, repair_text::words(&outcome.repair, false)) {
        (Some(detail), Some(words)) => Some(format!("{detail}; {words}")),
        (detail, words) => detail.or(words),
    };
    report
}

/// The sources that gave bytes; a file that was here is none.
fn sources(outcome: &Outcome) -> String {
    let sources = outcome.sources.iter().map(String::as_str);
    sources.filter(|&source| source != HERE).collect::<Vec<_>>().join(", ")
}

/// The verdict on what was stopped on its way.
const fn not_whole(outcome: &Outcome) -> Verdict {
    if outcome.here == 0 { Verdict::Missing } else { Verdict::Incomplete }
}

/// What became of the bytes that came.
fn kept(outcome: &Outcome, size: Option<u64>) -> String {
    if let Some(returned) = &outcome.restored {
        let path = escape::path(&returned.path);
        return format!("{path} is as it was, {}", units::bytes(returned.length));
    }
    match (outcome.here, size) {
        (0, _) => "nothing of it is here yet".to_owned(),
        (here, Some(size)) => format!(
            "{} of {} are kept in .cxr/ ({} %)",
            units::bytes(here),
            units::bytes(size),
            units::percent(here, size)
        ),
        (here, None) => format!("{} are kept in .cxr/", units::bytes(here)),
    }
}

/// How much room there is, and how much is needed, in words.
pub(super) fn too_little_room(folder: &Folder, needed: u64, free: u64) -> String {
    format!(
        "not enough space in {}: {} more are needed ({needed} bytes), {} are free ({free} bytes)",
        shell::path(folder.dir()),
        units::bytes(needed),
        units::bytes(free),
    )
}

/// The report of an archive for which there is no room.
pub(super) fn no_room(folder: &Folder, archive: &Archive, needed: u64, free: u64) -> ArchiveReport {
    let too_little = too_little_room(folder, needed, free);
    ArchiveReport {
        detail: Some(format!("{too_little}; nothing was fetched")),
        next: Some(NextStep::then(
            format!("free {}, or fetch fewer archives", units::bytes(needed - free.min(needed))),
            Again,
        )),
        ..blank(folder, archive, Verdict::Error)
    }
}
