//! Scans an archive for damage, and continues after a damage that was repaired.

use std::ops::Range;

use super::decoder::ArchiveDecoder;
use super::inflate::DecodeStatus;
use super::{Damage, DamageKind};

/// Bytes of the archive between two restart points, where blocks begin that often. A restart point
/// costs a copy of the state: at most three hundredths of the time.
const SPACING: u64 = 128 << 10;

/// The same where no block begins: the restart point then contains a code table that may be
/// damaged.
const SPACING_WITHIN_BLOCK: u64 = 1 << 20;

/// Restart points that are kept.
const KEPT: usize = 2;

/// Reads an archive as its bytes pass, and locates the damage in it.
///
/// It holds less than 1 MiB, whatever the archive: its state of 90 KiB, and at most 40 KiB of names,
/// four times: the current state, two restart points, and one candidate.
#[derive(Debug, Clone)]
pub struct DamageScanner {
    size: Option<u64>,
    decoder: Box<ArchiveDecoder>,
    /// At most [`KEPT`] restart points, the oldest first; all bytes before each of them are proven.
    kept: Vec<ArchiveDecoder>,
    /// Becomes a restart point when all bytes before it are proven.
    candidate: Option<Box<ArchiveDecoder>>,
}

impl DamageScanner {
    /// A scanner at the beginning of an archive, which has `size` bytes if that is known.
    pub fn new(size: Option<u64>) -> Self {
        let decoder = Box::new(ArchiveDecoder::new());
        Self { size, decoder, kept: Vec::new(), candidate: None }
    }

    /// The offset of the next byte to push: after the last one pushed, or, after a damage, the last
    /// restart point before it.
    pub fn position(&self) -> u64 {
        self.decoder.bits.offset
    }

    /// The offset before which all bytes are proven. A CRC-32 covers those of PNGs. Those of other
    /// members count as proven when the next tar header is right; only the gzip CRC at the end
    /// covers them.
    pub fn proven(&self) -> u64 {
        self.decoder.proven_bytes()
    }

    /// True if the content is a tar; `None` while this is unknown. If it is no tar, a failure only
    /// means that decompressing failed: the damage may be far before it, and its range begins with
    /// the archive.
    pub fn is_tar(&self) -> Option<bool> {
        self.decoder.tar.is_tar()
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// Returns the first damage in them. [`Self::position`] has then gone back: replace the bytes
    /// of the range, and push again from there.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), Damage> {
        loop {
            let proven = self.decoder.proven;
            let status = self.decoder.step(&mut bytes).map_err(|damage| self.fail(damage))?;
            if self.decoder.proven > proven {
                self.keep_candidate();
            }
            match status {
                DecodeStatus::NeedsInput => return Ok(()),
                DecodeStatus::BlockStart => self.propose(SPACING),
                DecodeStatus::GoalReached | DecodeStatus::StreamEnd => {
                    self.propose(SPACING_WITHIN_BLOCK);
                }
            }
        }
    }

    /// Ends the archive here.
    ///
    /// # Errors
    ///
    /// Returns the damage if the archive is not complete. The scanner has then gone back.
    pub fn finish(&mut self) -> Result<(), Damage> {
        self.decoder.end();
        if self.decoder.is_complete() {
            return Ok(());
        }
        let damage = self.decoder.truncated(self.size);
        Err(self.fail(damage))
    }

    /// Reports that these bytes, which are still to come, cannot be read. The scanner goes back as
    /// after any damage.
    pub fn unreadable(&mut self, range: Range<u64>) -> Damage {
        let damage = self.decoder.damage_in(range, DamageKind::Unreadable);
        self.fail(damage)
    }

    /// Goes back to the last restart point at or before the byte, or to the beginning: to look for
    /// the damage before the reported range.
    pub fn rewind(&mut self, to: u64) {
        self.candidate = None;
        self.kept.retain(|kept| kept.bits.offset <= to);
        *self.decoder = self.kept.last().cloned().unwrap_or_else(ArchiveDecoder::new);
    }

    fn fail(&mut self, mut damage: Damage) -> Damage {
        let Range { start, end } = damage.range;
        damage.range.end = self.size.map_or(end, |size| end.min(size).max(start + 1));
        self.rewind(start);
        damage
    }

    /// Makes the current state the candidate if the last restart point is as far away.
    fn propose(&mut self, spacing: u64) {
        let last = self.kept.last().map_or(0, |kept| kept.bits.offset);
        if self.candidate.is_none() && self.decoder.bits.offset >= last + spacing {
            self.candidate = Some(self.decoder.clone());
        }
    }

    /// Makes the candidate a restart point if all bytes before it are proven.
    fn keep_candidate(&mut self) {
        let proven = self.decoder.proven_bytes();
        let is_proven = |next: &mut Box<ArchiveDecoder>| next.bits.offset <= proven;
        let Some(mut next) = self.candidate.take_if(is_proven) else { return };
        next.proven = next.bits.position();
        if self.kept.len() == KEPT {
            self.kept.remove(0);
        }
        self.kept.push(*next);
    }
}
