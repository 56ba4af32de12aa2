//! Archives that are all here and wrong: what is damaged in them is found, and only that is
//! fetched anew.
//!
//! A [`DamageScanner`] reads the part. Where it finds a damage, the bytes become missing again, the
//! connections bring them as they bring all others, from a source that has not given them before
//! if there is one, and the walk goes on from before the damage. At the end the digest decides. If
//! it is wrong though no damage is left to be found, the part is compared with a source in steps
//! that grow, from both ends, where gzip has bytes that nothing else depends on.

pub(crate) mod copy;
pub(crate) mod original;
mod plan;
mod prefix_digest;
mod restore_original;
mod summary;
pub(crate) mod undo_log;
pub(crate) mod wrong_sources;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use crate::disk::{self, DiskError};
use crate::event::{Activity, Event};
use crate::hash::digest::Digest;
use crate::locate::identify::{self, FileKind, HEAD};
use crate::locate::{Damage, DamageKind, DamageScanner, UNIT};
use crate::ranges::RangeSet;
use crate::transfer::hash_cursor::End;
use crate::transfer::{Job, Transfer};
use plan::{Course, Step};
use prefix_digest::Hash;
pub(crate) use summary::{CannotRepair, RepairSummary};
use wrong_sources::ReplacedBytes;

/// Bytes read at a time.
const BLOCK: u64 = 256 * 1024;

/// Of a file of the user's, so much may be written over before it is put back and the archive is
/// fetched beside it: a part of its size, and in small ones so many bytes.
const SHARE: u64 = 4;
const LEAST: u64 = 1 << 20;

/// From here on, ranges that became so long by doubling show that bytes are missing or doubled, if
/// the length is wrong as well: then all that follows is shifted.
const SHIFTED: u64 = 8 * UNIT;

/// Why a mending ends early.
#[derive(Debug)]
pub(crate) enum RepairError {
    /// It can come to nothing.
    CannotRepair(CannotRepair),
    /// The transfer of the archive ends.
    End(End),
}

impl From<DiskError> for RepairError {
    fn from(error: DiskError) -> Self {
        Self::End(End::Disk(error))
    }
}

/// One archive as it is mended.
pub(crate) struct Repairer<'a> {
    transfer: &'a Transfer<'a>,
    archive: usize,
    job: &'a Job,
    size: u64,
    scanner: DamageScanner,
    course: Course,
    hash: Hash<'a>,
    /// Who gave bytes of the present damage.
    gave: Vec<String>,
    /// What was exchanged.
    pub(crate) exchanged: ReplacedBytes,
    /// What was done so far.
    pub(crate) done: RepairSummary,
    /// Bytes that are no longer those that were here at first.
    pub(crate) lost: RangeSet,
    /// Where the damaged file is kept, if it is.
    pub(crate) copy: Option<PathBuf>,
    /// So many of the first bytes are proven.
    pub(crate) proven: u64,
}

impl<'a> Repairer<'a> {
    /// For an archive of this size, all bytes of which are here.
    ///
    /// # Errors
    ///
    /// Whatever the disk says of a file of the user's.
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
            course: Course::new(size, most),
            hash: Hash::new(transfer.context.engine),
            gave: Vec::new(),
            exchanged: ReplacedBytes::default(),
            done: RepairSummary::default(),
            lost: RangeSet::new(),
            copy: None,
            proven: 0,
        })
    }

    /// Mends what can be mended, and gives the digest of all, right or not.
    ///
    /// # Errors
    ///
    /// Why it came to nothing, or why the transfer ends.
    pub(crate) fn run(&mut self) -> Result<Digest, RepairError> {
        self.job.repairing.store(true, Ordering::Relaxed);
        let result = self.mend();
        self.proven = self.scanner.position();
        self.job.repairing.store(false, Ordering::Relaxed);
        result
    }

    fn mend(&mut self) -> Result<Digest, RepairError> {
        if !self.may_be_gzip()? {
            return Err(RepairError::CannotRepair(CannotRepair::Vague));
        }
        if !self.transfer.schedule.lock().has_ranges(self.archive) {
            return Err(RepairError::CannotRepair(CannotRepair::NoRanges));
        }
        self.transfer.context.listener.on(Event::Begun {
            archive: &self.job.archive.name,
            source: None,
            activity: Activity::Repair,
            size: Some(self.size),
        });
        while let Some(damage) = self.walk()? {
            if damage.kind == DamageKind::NoTar {
                // What is to be a tar may have a broken beginning.
                let vague = |setback| match setback {
                    RepairError::CannotRepair(CannotRepair::Sound) => {
                        RepairError::CannotRepair(CannotRepair::Vague)
                    }
                    other => other,
                };
                return self.compare(2 * UNIT).map_err(vague);
            }
            self.replace(damage)?;
        }
        let digest = self.hash.finish(&self.job.part(), self.size)?;
        if digest == self.job.archive.md5 {
            return Ok(digest);
        }
        self.compare(share(self.size))
    }

    /// Whether it begins as gzip does, or ought to.
    fn may_be_gzip(&self) -> Result<bool, RepairError> {
        if identify::expects_gzip(&self.job.archive.name) {
            return Ok(true);
        }
        let head = self.job.part().read(0, HEAD)?;
        Ok(identify::kind(&head) == FileKind::Gzip)
    }

    /// Walks on, to the next damage or to the end.
    fn walk(&mut self) -> Result<Option<Damage>, RepairError> {
        let part = self.job.part();
        while self.scanner.position() < self.size {
            if self.transfer.is_over() {
                return Err(RepairError::End(End::Cancelled));
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
            let (archive, done) = (&self.job.archive.name, self.scanner.position());
            self.transfer.context.listener.on(Event::Position { archive, source: None, done });
        }
        Ok(self.scanner.finish().err())
    }

    /// Has what is damaged fetched anew.
    fn replace(&mut self, damage: Damage) -> Result<(), RepairError> {
        if self.is_shifted(&damage.range) {
            return Err(RepairError::CannotRepair(CannotRepair::TooMuch));
        }
        let avoided = self.avoided(&damage.range);
        let elsewhere = self.transfer.schedule.lock().has_ranges_beside(self.archive, &avoided);
        let range = match self.course.next(&damage.range, elsewhere) {
            Step::Fetch(range) => {
                self.gave.clear();
                range
            }
            Step::FetchAgain(range) => range,
            Step::TooMuch => return Err(RepairError::CannotRepair(CannotRepair::TooMuch)),
            Step::Helpless => {
                return Err(RepairError::CannotRepair(CannotRepair::Helpless(damage.range)));
            }
        };
        self.transfer.context.listener.on(Event::Damaged {
            archive: &self.job.archive.name,
            damage: &damage,
            bytes: range.end - range.start,
        });
        self.done.found(damage);
        let bytes = range.end - range.start;
        self.fetch(range)?;
        self.done.fetched += bytes;
        Ok(())
    }

    /// Whether all that follows is shifted, and too much to be fetched.
    fn is_shifted(&self, damage: &Range<u64>) -> bool {
        let Some(original) = self.job.part().original() else { return false };
        let follows = original.length.min(self.size).saturating_sub(damage.start);
        original.length != self.size
            && self.course.span() >= SHIFTED
            && follows > self.course.left()
    }

    /// The sources that gave bytes of a range, or of the present damage before.
    fn avoided(&mut self, range: &Range<u64>) -> Vec<usize> {
        let gave = self.job.part().givers(range.clone());
        let sources = self.transfer.context.sources.iter().enumerate();
        sources
            .filter(|(_, source)| {
                let name = source.name();
                gave.contains(&name) || self.gave.contains(&name)
            })
            .map(|(index, _)| index)
            .collect()
    }

    /// Has a range fetched anew.
    fn fetch(&mut self, range: Range<u64>) -> Result<(), RepairError> {
        if !self.transfer.owns_the_folder()? {
            return Err(RepairError::End(End::Cancelled));
        }
        self.keep_copy()?;
        let avoided = self.avoided(&range);
        self.exchanged.note(self.transfer, self.job, range.clone());
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
        self.transfer.changed.notify_all();
        match self.job.cursor.wait_for(&range) {
            None => Ok(()),
            Some(End::Stranded) => Err(self.stranded()),
            Some(end) => Err(RepairError::End(end)),
        }
    }

    /// Keeps what is damaged, if that is wanted, before the first byte of it is written over.
    fn keep_copy(&mut self) -> Result<(), RepairError> {
        let part = self.job.part();
        let wanted = self.transfer.context.keep_corrupt && self.copy.is_none();
        if !wanted || part.overwritten()? > 0 {
            return Ok(());
        }
        if disk::available(self.transfer.context.folder.dir())? < self.size {
            return Err(RepairError::CannotRepair(CannotRepair::NoRoom));
        }
        let path = self.transfer.context.folder.corrupt(&self.job.archive)?;
        part.copy_to(&path)?;
        drop(part);
        self.copy = Some(path);
        Ok(())
    }

    /// No source gives the bytes: none that is left, or none that gives parts.
    fn stranded(&self) -> RepairError {
        let schedule = self.transfer.schedule.lock();
        let any =
            (0..self.transfer.context.sources.len()).any(|s| schedule.is_open(self.archive, s));
        if any {
            RepairError::CannotRepair(CannotRepair::NoRanges)
        } else {
            RepairError::End(End::Stranded)
        }
    }

    /// No damage is to be found: exchanges more and more from both ends for what a source has,
    /// until the digest is right, but no more than so many bytes.
    fn compare(&mut self, most: u64) -> Result<Digest, RepairError> {
        let mut left = self.course.left().min(most);
        for range in from_both_ends(self.size) {
            let length = range.end - range.start;
            let Some(rest) = left.checked_sub(length) else { break };
            left = rest;
            self.gave.clear();
            let before = self.sum(range.clone())?;
            self.fetch(range.clone())?;
            self.done.compared += length;
            if self.sum(range)? == before {
                continue;
            }
            let digest = self.hash.finish(&self.job.part(), self.size)?;
            if digest == self.job.archive.md5 {
                return Ok(digest);
            }
        }
        Err(RepairError::CannotRepair(CannotRepair::Sound))
    }

    /// The digest of a range.
    fn sum(&self, range: Range<u64>) -> Result<Digest, RepairError> {
        let is_over = || self.transfer.is_over();
        let digest = self.job.part().digest(self.transfer.context.engine, range, is_over)?;
        digest.ok_or(RepairError::End(End::Cancelled))
    }
}

/// What may be fetched of an archive where more would be unwise.
fn share(size: u64) -> u64 {
    (size / SHARE).max(LEAST)
}

/// Ranges that cover a file from its ends to its middle, each twice as long as the one before it
/// on its side.
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
    fn from_both_ends_every_byte_comes_once() {
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
