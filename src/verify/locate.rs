//! Where the files that are broken are broken: a second reading of them.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use super::advice::advice;
use super::check::Checker;
use super::judge::{Remedy, part_of};
use super::read::{SourceAnswer, Trouble};
use crate::disk;
use crate::event::{Activity, Event};
use crate::locate::identify;
use crate::locate::{Cancelled, Damage, DamageKind, ScanResult};
use crate::locate::{scan_file, unreadable_ranges};
use crate::report::{ArchiveReport, NextStep};
use crate::text::{escape, units};
use crate::verdict::Verdict;

/// Positions are told when so many bytes more are done.
const STEP: u64 = 4 << 20;

/// Ranges that cannot be read are listed up to this number; a disk that has more is lost.
const MOST: usize = 1000;

/// Of which so many are named in words.
const SHOWN: usize = 3;

/// Whether there is something to find out: an archive that is not whole, or a file that could not
/// be read to its end.
pub(super) fn is_broken(report: &ArchiveReport) -> bool {
    match report.verdict {
        Verdict::Corrupt | Verdict::Incomplete => {
            report.damage.is_empty()
                && report.actual_size > Some(0)
                && identify::expects_gzip(&report.name)
        }
        Verdict::Error => !report.damage.is_empty(),
        _ => false,
    }
}

/// A report that has a number.
type Numbered = (usize, ArchiveReport);

/// How many files are read at a time: one a processor, but one alone on a disk that spins, and not
/// more than were asked for.
fn at_a_time(broken: &[Numbered], readers: Option<NonZeroUsize>) -> usize {
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let first = broken.iter().find_map(|(_, report)| report.path.as_ref()?.metadata().ok());
    let spins = first.is_some_and(|metadata| disk::is_on_spinning_disk(&metadata));
    let most = if spins { 1 } else { processors };
    readers.map_or(most, |readers| readers.get().min(processors))
}

impl Checker<'_> {
    /// Finds out of all these files where they are broken. Each report goes to `settle`, with its
    /// number, when that is known.
    pub(super) fn locate_all(
        &self,
        broken: &[Numbered],
        readers: Option<NonZeroUsize>,
        settle: impl Fn(usize, ArchiveReport) + Sync,
    ) {
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some((number, report)) = broken.get(next.fetch_add(1, Ordering::Relaxed)) {
                settle(*number, self.locate(report));
            }
        };
        thread::scope(|scope| {
            for _ in 1..at_a_time(broken, readers).min(broken.len()) {
                // Where the system gives no thread, this one does it all.
                let _ = thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
    }

    /// The report of a file that is broken, with where that is. Where the file cannot be read as
    /// one file any more, the report is as it was.
    fn locate(&self, report: &ArchiveReport) -> ArchiveReport {
        let begun = Instant::now();
        let mut report = report.clone();
        if let Some(path) = report.path.clone() {
            match self.find(&report, &path) {
                Ok(found) => self.tell_of(&mut report, &path, found),
                Err(Trouble::Cancelled) => {
                    add(&mut report, "interrupted before it was known where");
                }
                Err(_) => {}
            }
        }
        report.seconds += begun.elapsed().as_secs_f64();
        report
    }

    /// The first damage, or all that cannot be read; and whether there is a tar in it.
    fn find(&self, report: &ArchiveReport, path: &Path) -> Result<Found, Trouble> {
        if self.cancel.is_cancelled() {
            return Err(Trouble::Cancelled);
        }
        let opened = SourceAnswer::new(path)?;
        let size = opened.size();
        let activity = Activity::Locate;
        self.listener.on(Event::Begun {
            archive: &report.name,
            source: self.source,
            activity,
            size: Some(size),
        });
        let (mut told, mut read) = (0, 0);
        let listen = |done: u64| {
            self.wait(done.saturating_sub(read));
            read = read.max(done);
            if done >= told + STEP || done == size {
                told = done;
                let (archive, source) = (&report.name, self.source);
                self.listener.on(Event::Position { archive, source, done });
            }
        };
        if report.verdict == Verdict::Error {
            let damages = self.find_unreadable(report, &opened, listen)?;
            return Ok(Found { damages, is_tar: None });
        }
        let ScanResult { damage, is_tar } = scan_file(opened.file(), size, self.cancel, listen)?;
        if !opened.is_as_it_was(path) || Some(size) != report.actual_size {
            return Err(Trouble::Changed);
        }
        Ok(Found { damages: damage.into_iter().collect(), is_tar })
    }

    /// All that cannot be read, and the member in which the first of it lies. Nothing is known of
    /// the others, as no more can be decompressed from there on.
    fn find_unreadable(
        &self,
        report: &ArchiveReport,
        opened: &SourceAnswer,
        mut listen: impl FnMut(u64),
    ) -> Result<Vec<Damage>, Trouble> {
        let size = opened.size();
        let start = report.damage.first().map_or(0, |damage| damage.range.start);
        let first = if identify::expects_gzip(&report.name) {
            scan_file(opened.file(), size, self.cancel, &mut listen)?.damage
        } else {
            None
        };
        let ranges = unreadable_ranges(opened.file(), start..size, MOST, self.cancel, listen)?;
        let damage = |range: Range<u64>| {
            let member = first.as_ref().filter(|first| range.contains(&first.range.start));
            let member = member.and_then(|first| first.member.clone());
            Damage { range, member, kind: DamageKind::Unreadable }
        };
        let broken = first.clone().filter(|first| first.kind != DamageKind::Unreadable);
        Ok(broken.into_iter().chain(ranges.into_iter().map(damage)).collect())
    }

    fn advice(&self, remedy: Remedy<'_>, report: &ArchiveReport, path: &Path) -> Option<NextStep> {
        let mut archives = self.catalog.archives().iter();
        let archive = archives.find(|archive| archive.name == report.name);
        advice(remedy, archive, path, self.catalog)
    }

    /// Says in the report where it is broken.
    fn tell_of(&self, report: &mut ArchiveReport, path: &Path, found: Found) {
        let size = report.expected_size.or(report.actual_size).unwrap_or(0);
        let Found { damages: found, is_tar } = found;
        match (report.verdict, found.first()) {
            (Verdict::Incomplete, Some(Damage { kind: DamageKind::Truncated, .. })) => {
                // Of what is no tar nothing but the end of the gzip could tell.
                if is_tar != Some(false) {
                    add(report, "nothing is known to be wrong with what is here");
                }
                return;
            }
            (Verdict::Incomplete, None) => {
                report.verdict = Verdict::Foreign;
                let here = part_of(report.actual_size.unwrap_or(0), size);
                report.detail = Some(format!("{here}, and whole by itself: it is something else"));
                report.next = self.advice(Remedy::Replace, report, path);
                return;
            }
            // Where not even the beginning is right, it may be no such archive at all, and right.
            (Verdict::Incomplete, Some(damage)) if damage.range.start == 0 => return,
            (Verdict::Incomplete, Some(_)) => {
                report.verdict = Verdict::Corrupt;
                report.next = self.advice(Remedy::Repair, report, path);
            }
            _ => {}
        }
        if report.verdict == Verdict::Error {
            add(report, &lost(&found));
        }
        match found.first() {
            None if report.verdict == Verdict::Corrupt => {
                add(report, if is_tar == Some(false) { OTHER } else { SOUND });
            }
            None | Some(Damage { kind: DamageKind::Unreadable, .. }) => {}
            Some(damage) => add(report, &first(damage, report.expected_size, report.actual_size)),
        }
        report.damage = found;
        report.damage.retain(|damage| damage.kind != DamageKind::NoTar);
    }
}

/// What was found in a file.
struct Found {
    damages: Vec<Damage>,
    /// Whether there is a tar in it, where that is known.
    is_tar: Option<bool>,
}

impl From<Cancelled> for Trouble {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

const SOUND: &str = "every image in it is whole: the bytes that differ are of no consequence to \
                     them, as those of the gzip header";

const OTHER: &str = "it is whole by itself, and there is no tar in it: packed once more, or something \
                     else";

/// Adds to the detail.
fn add(report: &mut ArchiveReport, words: &str) {
    let before = report.detail.take().map_or_else(String::new, |detail| detail + "; ");
    report.detail = Some(before + words);
}

/// The first damage of an archive of `size` bytes, if that is known, of which so many are here, in
/// words.
fn first(damage: &Damage, size: Option<u64>, here: Option<u64>) -> String {
    let Damage { range: Range { start, end }, kind, .. } = damage;
    let within = within(damage);
    match kind {
        DamageKind::Truncated if size.is_none_or(|size| here < Some(size)) => {
            let end = here.unwrap_or(*end);
            format!("the archive breaks off at byte {end}{within}; no damage was found before it")
        }
        DamageKind::TrailingBytes => {
            format!("the archive ends at byte {start}, and more bytes follow")
        }
        DamageKind::NoTar => {
            "the damage cannot be located, because the file contains no tar".to_owned()
        }
        _ => {
            let needed = units::bytes(damage.repair_bytes(size.or(here).unwrap_or(0)));
            format!(
                "{kind} at bytes {start} to {end}{within}; repairing needs about {needed}; more \
                 damage may follow"
            )
        }
    }
}

/// What cannot be read of a file, in words.
fn lost(damages: &[Damage]) -> String {
    let all = || damages.iter().filter(|damage| damage.kind == DamageKind::Unreadable);
    let bytes: u64 = all().map(|damage| damage.range.end - damage.range.start).sum();
    let place = |damage: &Damage| {
        format!("{} to {}{}", damage.range.start, damage.range.end, within(damage))
    };
    let places: Vec<String> = all().take(SHOWN).map(place).collect();
    let more = match all().count() - places.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{} of it cannot be read: bytes {}{more}", units::bytes(bytes), places.join(", "))
}

/// ` (images/00000003_004.png)`, if it is known.
fn within(damage: &Damage) -> String {
    let member = damage.member.as_deref();
    member.map_or_else(String::new, |member| format!(" ({})", escape::text(member)))
}
