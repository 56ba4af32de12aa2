//! Repairs archives that are complete and wrong: locates the damage, and fetches only that again.
//!
//! A [`DamageScanner`] reads the part. Where it finds damage, the bytes count as missing again, the
//! connections fetch them like all others, from a source that has not given them before if there is
//! one, and the scan continues from before the damage. At the end the digest decides. If it is wrong
//! although no damage is found, the part is compared with a source, from both ends in growing steps:
//! there gzip has bytes that nothing else depends on.

pub(crate) mod copy;
pub(crate) mod original;
mod plan;
mod prefix_digest;
mod summary;
pub(crate) mod undo_log;
pub(crate) mod wrong_sources;

use std::ops::Range;
use std::sync::atomic::Ordering;

use crate::disk::{self, DiskError, Entry};
use crate::event::{Activity, Event};
use crate::hash::digest::{Digest, Md5};
use crate::locate::identify::{self, FileKind, HEAD};
use crate::locate::{Damage, DamageKind, DamageScanner, UNIT};
use crate::ranges::RangeSet;
use crate::transfer::hash_cursor::End;
use crate::transfer::{Job, Transfer};
use plan::{RepairPlan, RepairStep};
use prefix_digest::PrefixDigest;
pub(crate) use summary::{CannotRepair, RepairSummary};
pub(crate) use wrong_sources::ReplacedBytes;

/// Bytes to read at a time.
const BLOCK: u64 = 256 * 1024;

/// The part of a user's file that a repair may overwrite: a quarter, and in small files a mebibyte.
/// If more is damaged, the file is restored and the archive is fetched beside it.
const SHARE: u64 = 4;
const LEAST: u64 = 1 << 20;

/// Ranges that became this long by doubling show that bytes are missing or doubled, if the length is
/// wrong as well: everything that follows is shifted.
const SHIFTED: u64 = 8 * UNIT;

/// The reason why a repair ends early.
#[derive(Debug)]
pub(crate) enum RepairError {
    Cannot(CannotRepair),
    /// The transfer of the archive ends.
    End(End),
}

impl From<CannotRepair> for RepairError {
    fn from(why: CannotRepair) -> Self {
        Self::Cannot(why)
    }
}

impl From<End> for RepairError {
    fn from(end: End) -> Self {
        Self::End(end)
    }
}

impl From<DiskError> for RepairError {
    fn from(error: DiskError) -> Self {
        Self::End(End::Disk(error))
    }
}

/// The repair of one archive.
pub(crate) struct Repairer<'a> {
    transfer: &'a Transfer<'a>,
    archive: usize,
    job: &'a Job,
    size: u64,
    scanner: DamageScanner,
    plan: RepairPlan,
    hash: PrefixDigest<'a>,
    /// The sources that gave bytes of the current damage.
    gave: Vec<String>,
    pub(crate) replaced_bytes: ReplacedBytes,
    pub(crate) summary: RepairSummary,
    /// Bytes that were here at first and have been replaced.
    pub(crate) lost: RangeSet,
    /// A copy of the damaged file, if it is kept.
    pub(crate) copy: Option<Entry>,
    /// The number of first bytes that are right.
    pub(crate) proven: u64,
}

impl<'a> Repairer<'a> {
    /// The repair of a complete archive of this size in bytes. Fails if the disk fails.
    pub(crate) fn new(
        transfer: &'a Transfer<'a>,
        archive: usize,
        job: &'a Job,
        size: u64,
    ) -> Result<Self, DiskError> {
        let overwritten = job.part().overwritten()?;
        let most = match job.part().original() {
            Some(_) => share(size).saturating_sub(overwritten),
            None => size,
        };
        Ok(Self {
            transfer,
            archive,
            job,
            size,
            scanner: DamageScanner::new(Some(size)),
            plan: RepairPlan::new(size, most),
            hash: PrefixDigest::new(transfer.context.engine, job.archive.digest().kind()),
            gave: Vec::new(),
            replaced_bytes: ReplacedBytes::default(),
            summary: RepairSummary::default(),
            lost: RangeSet::new(),
            copy: None,
            proven: 0,
        })
    }

    /// Repairs what can be repaired, and returns the digest of the archive, right or wrong.
    pub(crate) fn run(&mut self) -> Result<Digest, RepairError> {
        self.job.repairing.store(true, Ordering::Relaxed);
        let result = self.repair();
        self.proven = self.scanner.position();
        self.job.repairing.store(false, Ordering::Relaxed);
        result
    }

    fn repair(&mut self) -> Result<Digest, RepairError> {
        if !self.may_be_gzip()? {
            return Err(CannotRepair::NotLocated.into());
        }
        if !self.transfer.schedule.lock().has_ranges(self.archive) {
            return Err(CannotRepair::NoRanges.into());
        }
        self.transfer.context.listener.on(Event::Begun {
            archive: &self.job.archive.name,
            source: None,
            activity: Activity::Repair,
            size: Some(self.size),
        });
        while let Some(damage) = self.scan()? {
            if damage.kind == DamageKind::NoTar {
                // The beginning of a tar may be broken.
                let not_located = |error| match error {
                    RepairError::Cannot(CannotRepair::NoDamage) => CannotRepair::NotLocated.into(),
                    other => other,
                };
                return self.compare(2 * UNIT).map_err(not_located);
            }
            self.replace(damage)?;
        }
        let digest = self.hash.finish(&self.job.part(), self.size)?;
        if digest == self.job.archive.digest() {
            return Ok(digest);
        }
        self.compare(share(self.size))
    }

    /// Returns true if the archive begins as gzip does, or should.
    fn may_be_gzip(&self) -> Result<bool, RepairError> {
        if identify::expects_gzip(&self.job.archive.name) {
            return Ok(true);
        }
        let head = self.job.part().read(0, HEAD)?;
        Ok(identify::kind(&head) == FileKind::Gzip)
    }

    /// Scans to the next damage, or to the end.
    fn scan(&mut self) -> Result<Option<Damage>, RepairError> {
        let part = self.job.part();
        while self.scanner.position() < self.size {
            if self.transfer.is_over() {
                return Err(End::Cancelled.into());
            }
            let at = self.scanner.position();
            let length = usize::try_from((self.size - at).min(BLOCK)).unwrap_or(0);
            let block = match part.read(at, length) {
                Err(error) if error.is_unreadable() => {
                    return Ok(Some(self.scanner.unreadable(part.unreadable(at))));
                }
                block => block?,
            };
            if let Err(damage) = self.scanner.push(&block) {
                return Ok(Some(damage));
            }
            self.hash.follow(&part, self.scanner.proven())?;
            self.transfer.report_position(&self.job.archive, self.scanner.position());
        }
        Ok(self.scanner.finish().err())
    }

    /// Fetches a damaged range again.
    fn replace(&mut self, damage: Damage) -> Result<(), RepairError> {
        if self.is_shifted(&damage.range) {
            return Err(CannotRepair::TooMuch.into());
        }
        let avoided = self.avoided(&damage.range);
        let elsewhere = self.transfer.schedule.lock().has_ranges_beside(self.archive, &avoided);
        let range = match self.plan.next(&damage.range, elsewhere) {
            RepairStep::Fetch(range) => {
                self.gave.clear();
                range
            }
            RepairStep::FetchAgain(range) => range,
            RepairStep::TooMuch => return Err(CannotRepair::TooMuch.into()),
            RepairStep::Unhelpful => {
                return Err(CannotRepair::DamagedAtSources(damage.range).into());
            }
        };
        let bytes = range.end - range.start;
        self.transfer.context.listener.on(Event::Damaged {
            archive: &self.job.archive.name,
            damage: &damage,
            bytes,
        });
        self.summary.found(damage);
        self.fetch(range)?;
        self.summary.fetched += bytes;
        Ok(())
    }

    /// Returns true if everything that follows is shifted, and too much to be fetched.
    fn is_shifted(&self, damage: &Range<u64>) -> bool {
        let Some(original) = self.job.part().original() else { return false };
        let follows = original.length.min(self.size).saturating_sub(damage.start);
        original.length != self.size && self.plan.span() >= SHIFTED && follows > self.plan.left()
    }

    /// The sources that gave bytes of a range, or of the current damage before.
    fn avoided(&mut self, range: &Range<u64>) -> Vec<usize> {
        let gave = self.job.part().givers(range.clone());
        let sources = self.transfer.context.sources.iter().enumerate();
        let names = sources.map(|(index, source)| (index, source.name()));
        names
            .filter(|(_, name)| gave.contains(name) || self.gave.contains(name))
            .map(|(index, _)| index)
            .collect()
    }

    /// Has the connections fetch a range again, and waits for it.
    fn fetch(&mut self, range: Range<u64>) -> Result<(), RepairError> {
        if !self.transfer.owns_the_folder()? {
            return Err(End::Cancelled.into());
        }
        self.keep_copy()?;
        let avoided = self.avoided(&range);
        self.replaced_bytes.note(self.transfer, self.job, range.clone());
        let part = self.job.part();
        self.gave.extend(part.givers(range.clone()));
        part.lose(range.clone())?;
        drop(part);
        self.lost.insert(range.clone());
        self.hash.forget(range.start);
        if range.start < self.scanner.position() {
            self.scanner.rewind(range.start);
        }
        self.job.cursor.lose(range.clone());
        self.transfer.schedule.lock().lose(self.archive, range.clone(), avoided);
        self.transfer.schedule.notify_all();
        match self.job.cursor.wait_for(&range) {
            None => Ok(()),
            Some(End::Stranded) => Err(self.stranded()),
            Some(end) => Err(end.into()),
        }
    }

    /// Copies the damaged file, if it is to be kept, before the first byte is overwritten.
    fn keep_copy(&mut self) -> Result<(), RepairError> {
        let (part, context) = (self.job.part(), &self.transfer.context);
        let wanted = context.keep_corrupt && self.copy.is_none();
        if !wanted || part.overwritten()? > 0 {
            return Ok(());
        }
        if disk::available(context.folder.dir())?.is_some_and(|free| free < self.size) {
            return Err(CannotRepair::NoSpace.into());
        }
        let path = context.folder.corrupt(&self.job.archive)?;
        part.copy_to(&path)?;
        self.copy = Some(path);
        Ok(())
    }

    /// No source gives the bytes: none is left, or none gives ranges.
    fn stranded(&self) -> RepairError {
        let schedule = self.transfer.schedule.lock();
        let mut sources = 0..self.transfer.context.sources.len();
        if sources.any(|source| schedule.is_open(self.archive, source)) {
            CannotRepair::NoRanges.into()
        } else {
            End::Stranded.into()
        }
    }

    /// No damage is found: replaces more and more from both ends by what a source has, until the
    /// digest is right, up to `most` bytes.
    fn compare(&mut self, most: u64) -> Result<Digest, RepairError> {
        let mut left = self.plan.left().min(most);
        for range in from_both_ends(self.size) {
            let length = range.end - range.start;
            let Some(rest) = left.checked_sub(length) else { break };
            left = rest;
            self.gave.clear();
            let before = self.digest_of(range.clone())?;
            self.fetch(range.clone())?;
            self.summary.compared += length;
            if self.digest_of(range)? != before {
                let digest = self.hash.finish(&self.job.part(), self.size)?;
                if digest == self.job.archive.digest() {
                    return Ok(digest);
                }
            }
        }
        Err(CannotRepair::NoDamage.into())
    }

    fn digest_of(&self, range: Range<u64>) -> Result<Md5, RepairError> {
        let is_over = || self.transfer.is_over();
        let digest = self.job.part().digest(self.transfer.context.engine, range, is_over)?;
        digest.ok_or(RepairError::End(End::Cancelled))
    }
}

/// The bytes that may be fetched of an archive where more would be unwise.
fn share(size: u64) -> u64 {
    (size / SHARE).max(LEAST)
}

/// Ranges that cover a file from its ends to its middle. On each side, each is twice as long as the
/// one before.
fn from_both_ends(size: u64) -> impl Iterator<Item = Range<u64>> {
    let (mut head, mut tail, mut step) = (0, size, UNIT);
    let mut at_head = true;
    std::iter::from_fn(move || {
        let length = step.min(tail - head);
        let range = if at_head { head..head + length } else { tail - length..tail };
        if at_head {
            head = range.end;
        } else {
            tail = range.start;
            step = step.saturating_mul(2);
        }
        at_head = !at_head;
        (!range.is_empty()).then_some(range)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_from_both_ends_cover_every_byte_once() {
        for size in [0, 1, UNIT, UNIT + 1, 2 * UNIT, 100 * UNIT + 7] {
            let ranges: Vec<_> = from_both_ends(size).collect();
            let all: RangeSet = ranges.iter().cloned().collect();
            let sum: u64 = ranges.iter().map(|range| range.end - range.start).sum();
            assert_eq!(
                (all.total(), sum, all.gap_after(0, size)),
                (size, size, None),
                "{ranges:?}"
            );
        }
        let first: Vec<_> = from_both_ends(100 * UNIT).take(4).collect();
        let units = [0..1, 99..100, 1..3, 97..99];
        assert_eq!(first, units.map(|unit| unit.start * UNIT..unit.end * UNIT));
    }
}
