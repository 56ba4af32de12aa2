//! The reports of archives: what became of a transfer, or why there was none. Pure.

use std::path::PathBuf;

use crate::catalog::{Archive, Catalog};
use crate::disk::{DiskError, Folder};
use crate::locate::Damage;
use crate::report::SuggestedCommand::{self, Again};
use crate::report::{ArchiveReport, NextStep};
use crate::source::ClientError;
use crate::text::{escape, units};
use crate::transfer::{self, CannotRepair, Ending, HERE, Outcome, RepairSummary, StopReason};
use crate::verdict::Verdict;

/// A report with the published values of the archive.
pub(super) fn blank(folder: &Folder, archive: &Archive, verdict: Verdict) -> ArchiveReport {
    ArchiveReport { path: Some(folder.archive(archive)), ..ArchiveReport::of(archive, verdict) }
}

/// The report of an archive whose receipt holds.
pub(super) fn verified_before(
    folder: &Folder,
    archive: &Archive,
    path: PathBuf,
    size: u64,
) -> ArchiveReport {
    let mut report = ArchiveReport {
        actual_size: Some(size),
        bytes_reused: size,
        path: Some(path),
        detail: Some("verified before, and unchanged since".to_owned()),
        ..blank(folder, archive, Verdict::Ok)
    };
    report.set_actual(&archive.digest());
    report
}

fn failed(folder: &Folder, archive: &Archive, detail: String, next: NextStep) -> ArchiveReport {
    let (detail, next) = (Some(detail), Some(next));
    ArchiveReport { detail, next, ..blank(folder, archive, Verdict::Error) }
}

/// The report of an archive whose place is taken by something that is not a file.
pub(super) fn blocked(folder: &Folder, archive: &Archive, why: String) -> ArchiveReport {
    failed(folder, archive, why, NextStep::then("move it away", Again))
}

pub(super) fn interrupted(folder: &Folder, archive: &Archive) -> ArchiveReport {
    failed(folder, archive, "interrupted before it was checked".to_owned(), Again.into())
}

pub(super) fn disk_failed(folder: &Folder, archive: &Archive, error: &DiskError) -> ArchiveReport {
    failed(folder, archive, error.to_string(), NextStep::then(error.remedy(), Again))
}

/// The report of an archive whose file system cannot do what a transfer needs. The same command would
/// fail again.
pub(super) fn unfit(folder: &Folder, archive: &Archive, error: &DiskError) -> ArchiveReport {
    failed(folder, archive, error.to_string(), NextStep::by_hand(error.remedy()))
}

/// The report of an archive for which this machine makes no connections.
pub(super) fn unconnected(
    folder: &Folder,
    archive: &Archive,
    error: &ClientError,
) -> ArchiveReport {
    let advice = "remove the cause, or set fewer connections with -c and -j";
    failed(folder, archive, error.to_string(), NextStep::then(advice, Again))
}

/// The report of an archive whose transfer has ended.
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
    let (verdict, detail, next) = match &outcome.ending {
        Ending::Verified(digest) => {
            report.set_actual(digest);
            report.actual_size = size;
            report.detail = describe_repair(&outcome.repair, true);
            return report;
        }
        Ending::Corrupt { digest, detail, kept } => {
            report.set_actual(digest);
            let other = catalog.of_digest(digest);
            let bytes = match (kept, &outcome.restored) {
                (Some(path), _) => format!("the wrong bytes are kept as {}", escape::path(path)),
                (None, Some(_)) => here,
                (None, None) => "the wrong bytes were deleted".to_owned(),
            };
            corrupt(archive, other, detail, &bytes)
        }
        Ending::Unreachable(answers) => {
            let advice = "add another source with --from, or try again later";
            (Verdict::Unreachable, format!("{answers}; {here}"), NextStep::then(advice, Again))
        }
        Ending::Error(error) => {
            (Verdict::Error, format!("{error}; {here}"), NextStep::then(error.remedy(), Again))
        }
        Ending::Stopped(reason) => stopped(reason, outcome, &here),
        Ending::Cancelled => (not_whole(outcome), format!("interrupted; {here}"), Again.into()),
    };
    if outcome.restored.is_some() {
        report.damage.clone_from(&outcome.repair.damages);
    }
    let here = outcome.restored.as_ref().map_or(outcome.here, |restored| restored.length);
    report.actual_size = Some(here).filter(|&here| here > 0);
    report.detail = Some(match describe_repair(&outcome.repair, false) {
        Some(repair) => format!("{detail}; {repair}"),
        None => detail,
    });
    ArchiveReport { verdict, next: Some(next), ..report }
}

/// All sources gave wrong bytes: those of `other`, or bytes of no archive in the table.
fn corrupt(
    archive: &Archive,
    other: Option<&Archive>,
    answers: &str,
    bytes: &str,
) -> (Verdict, String, NextStep) {
    let verdict = if other.is_some() { Verdict::Foreign } else { Verdict::Corrupt };
    let content = other.map(|other| format!("its content is {}: ", escape::text(&other.name)));
    let content = content.unwrap_or_default();
    let answers = if answers.is_empty() { String::new() } else { format!(": {answers}") };
    let expected = archive.digest();
    let kind = expected.kind();
    let detail = format!(
        "{content}the sources' copies differ from the table, which gives {kind} {expected}{answers}; {bytes}"
    );
    (verdict, detail, NextStep::by_hand("add another source with --from"))
}

fn stopped(reason: &StopReason, outcome: &Outcome, here: &str) -> (Verdict, String, NextStep) {
    match reason {
        StopReason::DiskFull(why) => {
            let detail = format!("stopped with the other archives: {why}; {here}");
            (Verdict::Error, detail, NextStep::then("free some space", Again))
        }
        StopReason::Failed(why) => {
            (not_whole(outcome), format!("stopped because {why}; {here}"), Again.into())
        }
        StopReason::TakenOver(taker) => {
            let detail = format!(
                "stopped: another cxr took over the folder while this one did not respond, {taker}"
            );
            (Verdict::Error, detail, SuggestedCommand::With("--wait".into()).into())
        }
    }
}

/// The sources that gave bytes; a file that was here is not a source.
fn sources(outcome: &Outcome) -> String {
    let sources = outcome.sources.iter().map(String::as_str);
    sources.filter(|&source| source != HERE).collect::<Vec<_>>().join(", ")
}

const fn not_whole(outcome: &Outcome) -> Verdict {
    if outcome.here == 0 { Verdict::Missing } else { Verdict::Incomplete }
}

/// Describes what is left of the downloaded bytes.
fn kept(outcome: &Outcome, size: Option<u64>) -> String {
    if let Some(restored) = &outcome.restored {
        let path = escape::path(&restored.path);
        return format!("{path} is unchanged, {}", units::bytes(restored.length));
    }
    transfer::kept(outcome.here, size)
}

/// Describes the repair of an archive, or why there was none, and names the sources of wrong bytes.
/// Returns `None` if nothing was to repair. Of an archive that `is_right` the damage is past.
fn describe_repair(repair: &RepairSummary, is_right: bool) -> Option<String> {
    let result = if is_right { past_damage(repair) } else { present_damage(repair) };
    let cut = (repair.cut > 0)
        .then(|| format!("{} after the end of the archive were cut off", units::bytes(repair.cut)));
    let names = repair.wrong.join(" and ");
    let blame = (!names.is_empty()).then(|| format!("wrong bytes came from {names}"));
    join([result, cut, blame])
}

fn join<const N: usize>(parts: [Option<String>; N]) -> Option<String> {
    let text = parts.into_iter().flatten().collect::<Vec<_>>().join("; ");
    Some(text).filter(|text| !text.is_empty())
}

fn past_damage(repair: &RepairSummary) -> Option<String> {
    match (&repair.failed, effort(repair)) {
        // If nothing was tried, there is nothing to report; a source that helped in the end was not
        // wrong.
        (None | Some(CannotRepair::DamagedAtSources(_)), None)
        | (Some(CannotRepair::NotLocated), _) => None,
        (None, Some(effort)) => Some(format!("repaired: {effort}")),
        (Some(CannotRepair::DamagedAtSources(_)), Some(effort)) => {
            Some(format!("replaced by a new download; before that, {effort}"))
        }
        (Some(why), None) => Some(format!("replaced by a new download, because {why}")),
        (Some(why), Some(effort)) => {
            Some(format!("replaced by a new download, because {why}; before that, {effort}"))
        }
    }
}

fn present_damage(repair: &RepairSummary) -> Option<String> {
    let places = places(repair).map(|places| format!("{places}, not repaired"));
    let why = repair.failed.as_ref().filter(|why| **why != CannotRepair::NotLocated);
    match (places, why) {
        (Some(places), Some(why)) => Some(format!("{places}, because {why}")),
        (None, Some(why)) => Some(format!("could not be repaired, because {why}")),
        (places, None) => places,
    }
}

/// Describes the bytes that were downloaded for a repair.
fn effort(repair: &RepairSummary) -> Option<String> {
    let RepairSummary { fetched, compared, .. } = *repair;
    let again = (fetched > 0).then(|| {
        let place = places(repair).map_or_else(String::new, |places| format!(", {places}"));
        format!("{} downloaded again{place}", units::bytes(fetched))
    });
    let compared =
        (compared > 0).then(|| format!("{} compared with a source's copy", units::bytes(compared)));
    join([again, compared])
}

fn places(repair: &RepairSummary) -> Option<String> {
    let Damage { range, member, .. } = repair.damages.first()?;
    let member =
        member.as_deref().map_or_else(String::new, |member| format!(" ({})", escape::text(member)));
    // Bytes that stayed damaged after a download are found again.
    let is_elsewhere =
        |damage: &Damage| damage.range.start >= range.end || damage.range.end <= range.start;
    let others = if repair.damages.iter().any(is_elsewhere) { ", and in other places" } else { "" };
    Some(format!("damaged at bytes {} to {}{member}{others}", range.start, range.end))
}
