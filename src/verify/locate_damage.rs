//! Locates the damage in files that are not right, by reading them a second time.

mod images;

use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use self::images::describe_images;
use super::classify::part_of;
use super::file_check::FileChecker;
use super::file_reader::{FileReader, ReadError};
use super::reader_threads::on_spinning_disk;
use crate::catalog::Inventory;
use crate::event::{Activity, Event};
use crate::locate::{Cancelled, Damage, DamageKind, ImageCounts, ScanResult};
use crate::locate::{check_images, identify, scan_file, unreadable_ranges};
use crate::report::ArchiveReport;
use crate::text::{escape, units};
use crate::verdict::Verdict;

/// The bytes between two positions that the listener gets.
const STEP: u64 = 4 << 20;

/// The most unreadable ranges that are listed. A disk that has more is lost.
const MAX_RANGES: usize = 1000;

/// The ranges that the detail names.
const SHOWN: usize = 3;

/// True if there is damage to locate: in an archive that is not complete and right, or in a file
/// that could not be read to its end.
pub(super) fn is_damaged(report: &ArchiveReport) -> bool {
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

/// The number of files that are read at a time: one per processor, but only one on a spinning disk,
/// and not more than `readers`.
fn threads(damaged: &[(usize, ArchiveReport)], readers: Option<NonZeroUsize>) -> usize {
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let spins = on_spinning_disk(damaged.iter().filter_map(|(_, report)| report.path.as_deref()));
    let most = if spins { 1 } else { processors };
    readers.map_or(most, |readers| readers.get().min(processors)).min(damaged.len())
}

impl FileChecker<'_> {
    /// Locates the damage in all these files. Passes each report to `settle`, with its index.
    pub(super) fn locate_all(
        &self,
        damaged: &[(usize, ArchiveReport)],
        readers: Option<NonZeroUsize>,
        settle: impl Fn(usize, ArchiveReport) + Sync,
    ) {
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some((index, report)) = damaged.get(next.fetch_add(1, Ordering::Relaxed)) {
                settle(*index, self.locate(report));
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads(damaged, readers) {
                // If the system gives no thread, this one does all the work.
                let _ = thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
    }

    /// Returns the report with the damage. If the file can no longer be read, or has changed, the
    /// report stays as it was.
    fn locate(&self, report: &ArchiveReport) -> ArchiveReport {
        let start = Instant::now();
        let mut report = report.clone();
        if let Some(path) = report.path.clone() {
            match self.find_damage(&report, &path) {
                Ok(located) => add_damage(&mut report, located),
                Err(ReadError::Cancelled) => {
                    add_detail(&mut report, "interrupted before the damage was located");
                }
                Err(_) => {}
            }
        }
        report.seconds += start.elapsed().as_secs_f64();
        report
    }

    fn find_damage(&self, report: &ArchiveReport, path: &Path) -> Result<Located, ReadError> {
        if self.cancel.is_cancelled() {
            return Err(ReadError::Cancelled);
        }
        let reader = FileReader::open(path)?;
        let size = reader.size();
        let (archive, source, activity) = (&report.name, self.source, Activity::Locate);
        self.listener.on(Event::Begun { archive, source, activity, size: Some(size) });
        let (mut reported, mut read) = (0, 0);
        let listen = |done: u64| {
            self.wait(done.saturating_sub(read));
            read = read.max(done);
            if done >= reported + STEP || done == size {
                reported = done;
                self.listener.on(Event::Position { archive, source, done });
            }
        };
        // Something in place of a file, such as one of the kernel's, fails without any bytes.
        if report.verdict == Verdict::Error && size == 0 {
            return Ok(Located::default());
        }
        if report.verdict == Verdict::Error {
            let damages = self.find_unreadable(report, &reader, listen)?;
            return Ok(Located { damages, ..Located::default() });
        }
        let ScanResult { damage, is_tar } = scan_file(&reader.file, size, self.cancel, listen)?;
        let images = match damage {
            None if is_tar == Some(true) => self.check_images(report, &reader)?,
            _ => None,
        };
        if !reader.is_unchanged(path) || Some(size) != report.actual_size {
            return Err(ReadError::Changed);
        }
        Ok(Located { damages: damage.into_iter().collect(), is_tar, images })
    }

    /// Decodes the images of an archive in which no check fails: it is read a third time.
    fn check_images(
        &self,
        report: &ArchiveReport,
        reader: &FileReader,
    ) -> Result<Option<ImageCounts>, Cancelled> {
        let inventory = Inventory::of(report.expected_md5, report.expected_sha256);
        let mut read = 0;
        let listen = |done: u64| {
            self.wait(done.saturating_sub(read));
            read = done;
        };
        check_images(&reader.file, reader.size(), inventory, self.cancel, listen)
    }

    /// Finds all unreadable ranges, and the member of the tar that contains the first of them. The
    /// members of the others are unknown, because nothing after the first can be decompressed.
    fn find_unreadable(
        &self,
        report: &ArchiveReport,
        reader: &FileReader,
        mut listen: impl FnMut(u64),
    ) -> Result<Vec<Damage>, ReadError> {
        let size = reader.size();
        let start = report.damage.first().map_or(0, |damage| damage.range.start);
        let mut scan = || scan_file(&reader.file, size, self.cancel, &mut listen);
        let scanned = identify::expects_gzip(&report.name).then(&mut scan).transpose()?;
        let first = scanned.and_then(|scanned| scanned.damage);
        let ranges = unreadable_ranges(&reader.file, start..size, MAX_RANGES, self.cancel, listen)?;
        let damage = |range: Range<u64>| {
            let member = first.as_ref().filter(|first| range.contains(&first.range.start));
            let member = member.and_then(|first| first.member.clone());
            Damage { range, member, kind: DamageKind::Unreadable }
        };
        let corrupt = first.clone().filter(|first| first.kind != DamageKind::Unreadable);
        Ok(corrupt.into_iter().chain(ranges.into_iter().map(damage)).collect())
    }
}

/// The result of the second reading.
#[derive(Debug, Default)]
struct Located {
    damages: Vec<Damage>,
    /// True if the file contains a tar; `None` if that is unknown.
    is_tar: Option<bool>,
    /// The images of a tar without damage.
    images: Option<ImageCounts>,
}

impl From<Cancelled> for ReadError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

const NO_CHECK_FAILS: &str = "no check of its gzip stream and of its tar fails";

const NO_TAR: &str = "it is complete in itself and contains no tar with files: compressed twice, or a \
                      different file";

const EMPTY: &str = "it is complete in itself and contains nothing";

/// Adds the damage to the report, and changes the verdict if the damage demands it.
fn add_damage(report: &mut ArchiveReport, located: Located) {
    let Located { damages, is_tar, images } = located;
    let size = report.expected_size.or(report.actual_size).unwrap_or(0);
    match (report.verdict, damages.first()) {
        (Verdict::Incomplete, Some(Damage { kind: DamageKind::Truncated, .. })) => {
            // Without a tar, only the end of the gzip file could show damage.
            if is_tar != Some(false) {
                add_detail(report, "nothing is known to be wrong with the bytes that are here");
            }
            return;
        }
        (Verdict::Incomplete, None) => {
            report.verdict = Verdict::Foreign;
            report.detail = Some(complete_in_itself(report.actual_size.unwrap_or(0), size));
            return add_content(report, is_tar, images);
        }
        // If even the beginning is wrong, it may not be a gzip file, and right as far as it goes.
        (Verdict::Incomplete, Some(damage)) if damage.range.start == 0 => return,
        (Verdict::Incomplete, Some(_)) => report.verdict = Verdict::Corrupt,
        _ => {}
    }
    if report.verdict == Verdict::Error {
        add_detail(report, &describe_unreadable(&damages));
    }
    match damages.first() {
        None if report.verdict == Verdict::Corrupt => {
            return add_content(report, is_tar, images);
        }
        None | Some(Damage { kind: DamageKind::Unreadable, .. }) => {}
        Some(damage) => {
            add_detail(report, &describe(damage, report.expected_size, report.actual_size));
        }
    }
    report.damage = damages;
    report.damage.retain(|damage| damage.kind != DamageKind::NoTar);
}

/// Says why a short file without damage is no beginning of an archive.
pub(super) fn complete_in_itself(size: u64, expected: u64) -> String {
    format!("{}, but complete in itself: it is a different file", part_of(size, expected))
}

/// Adds what is known of an archive in which nothing is damaged: of its images, only what was
/// counted and decoded.
fn add_content(report: &mut ArchiveReport, is_tar: Option<bool>, images: Option<ImageCounts>) {
    match (is_tar, images) {
        (Some(true), Some(mut images)) => {
            if report.verdict == Verdict::Corrupt {
                add_detail(report, NO_CHECK_FAILS);
            }
            add_detail(report, &describe_images(&images));
            report.damage = images.first_broken.take().into_iter().collect();
        }
        (Some(true), None) => add_detail(report, NO_CHECK_FAILS),
        (Some(false), _) => add_detail(report, NO_TAR),
        (None, _) => add_detail(report, EMPTY),
    }
}

/// Adds to the detail.
pub(super) fn add_detail(report: &mut ArchiveReport, text: &str) {
    report.detail = Some(match report.detail.take() {
        Some(detail) => format!("{detail}; {text}"),
        None => text.to_owned(),
    });
}

/// Describes the first damage of an archive. `size` is that of the archive, if known, and `here`
/// that of the file.
fn describe(damage: &Damage, size: Option<u64>, here: Option<u64>) -> String {
    let Damage { range: Range { start, end }, kind, .. } = damage;
    let member = member(damage);
    match kind {
        DamageKind::Truncated if size.is_none_or(|size| here < Some(size)) => {
            let end = here.unwrap_or(*end);
            format!("the archive breaks off at byte {end}{member}; no damage was found before it")
        }
        DamageKind::TrailingBytes => {
            format!("the archive ends at byte {start}, and more bytes follow")
        }
        DamageKind::NoTar => {
            "the damage cannot be located, because the file contains no tar".to_owned()
        }
        _ => {
            let missing = size.zip(here).map_or(0, |(size, here)| size.saturating_sub(here));
            let damaged = damage.repair_bytes(here.or(size).unwrap_or(0));
            let needed = units::bytes(damaged.saturating_add(missing));
            format!(
                "{kind} at bytes {start} to {end}{member}; repairing needs about {needed}; more \
                 damage may follow"
            )
        }
    }
}

fn describe_unreadable(damages: &[Damage]) -> String {
    let all = || damages.iter().filter(|damage| damage.kind == DamageKind::Unreadable);
    if all().next().is_none() {
        return "no byte was unreadable when cxr read it again".to_owned();
    }
    let bytes: u64 = all().map(|damage| damage.range.end - damage.range.start).sum();
    let place = |damage: &Damage| {
        format!("{} to {}{}", damage.range.start, damage.range.end, member(damage))
    };
    let places: Vec<String> = all().take(SHOWN).map(place).collect();
    let more = match all().count() - places.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{} cannot be read: bytes {}{more}", units::bytes(bytes), places.join(", "))
}

/// ` (images/00000003_004.png)`, if known.
fn member(damage: &Damage) -> String {
    let member = damage.member.as_deref();
    member.map_or_else(String::new, |member| format!(" ({})", escape::text(member)))
}
