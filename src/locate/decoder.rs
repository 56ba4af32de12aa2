//! Decodes an archive and checks its layers together: gzip, deflate, tar and PNG.

use std::ops::Range;

use crc32fast::Hasher;

use super::bit_reader::BitReader;
use super::gzip::{self, GzipHeader, GzipTrailer};
use super::inflate::{AT_MOST, DecodeStatus, DeflateDecoder, LONGEST_SYMBOL};
use super::png::Evidence;
use super::tar::TarReader;
use super::{Damage, DamageKind};

/// The state at one place of an archive. It can be copied, and continued from there.
#[derive(Debug, Clone)]
pub(super) struct ArchiveDecoder {
    pub(super) bits: BitReader,
    section: GzipSection,
    inflate: DeflateDecoder,
    /// The CRC-32 of the content of the current gzip member, and the offset of its first byte.
    crc: Hasher,
    start: u64,
    pub(super) tar: TarReader,
    /// The number of decompressed bytes that the tar reader has taken.
    seen: u64,
    /// All bits before this one are proven.
    pub(super) proven: u64,
    /// The byte at which something looked wrong although no check has failed yet.
    suspicious: Option<u64>,
    /// Bytes that only the gzip CRC covers.
    uncovered: Option<Range<u64>>,
    /// The first bits of the previous block and of the current one.
    blocks: [u64; 2],
    /// The first bit of the block in which the tar ended.
    last_block: u64,
}

#[derive(Debug, Clone)]
enum GzipSection {
    Header(GzipHeader),
    Deflate,
    Trailer(GzipTrailer),
    AfterTrailer,
}

impl ArchiveDecoder {
    pub(super) fn new() -> Self {
        Self {
            bits: BitReader::default(),
            section: GzipSection::Header(GzipHeader::new()),
            inflate: DeflateDecoder::new(),
            crc: Hasher::new(),
            start: 0,
            tar: TarReader::new(),
            seen: 0,
            proven: 0,
            suspicious: None,
            uncovered: None,
            blocks: [0; 2],
            last_block: 0,
        }
    }

    /// The offset before which all bytes are proven. A damaged symbol may still mean the right
    /// bytes, such as a repetition of other zeros; the symbols after it then make no sense.
    pub(super) fn proven_bytes(&self) -> u64 {
        match self.section {
            GzipSection::AfterTrailer => self.proven / 8,
            _ => (self.proven / 8).saturating_sub(MARGIN),
        }
    }

    /// The earliest byte at which the damage probably begins.
    fn earliest(&self) -> u64 {
        let proven = self.proven_bytes();
        // The codes of a table are proven as they are used, not all at once.
        let near = self.blocks.iter().map(|block| block / 8).find(|block| block + REACH > proven);
        let start = near.map_or(proven, |block| block.min(proven));
        let continues = self.tar.has_ended && self.blocks[1] > self.last_block;
        // The first bit of that block says that another block follows, which is unlikely.
        if continues { start.min(self.last_block / 8) } else { start }
    }

    /// Ends the archive here: after a complete gzip file, fewer bytes than a tar header has are no
    /// tar.
    pub(super) fn end(&mut self) {
        if matches!(self.section, GzipSection::AfterTrailer) {
            self.tar.end();
        }
    }

    /// True if a complete archive has been read, as far as it shows: some tars have no end mark.
    pub(super) fn is_complete(&self) -> bool {
        let is_after_trailer = matches!(self.section, GzipSection::AfterTrailer);
        is_after_trailer && (self.tar.is_between_members() || self.is_no_tar())
    }

    /// Takes bytes until there is a status to report: more input is needed, a block begins, or
    /// another one, which asks for nothing.
    pub(super) fn step(&mut self, input: &mut &[u8]) -> Result<DecodeStatus, Damage> {
        match &mut self.section {
            GzipSection::Header(header) => match header.read(&mut self.bits, input) {
                Ok(false) => Ok(DecodeStatus::NeedsInput),
                Ok(true) => Ok(self.begin_deflate()),
                Err(_) if self.inflate.produced() > 0 => Err(self.trailing_bytes()),
                Err(kind) => Err(self.damage(kind)),
            },
            GzipSection::Deflate => self.deflate(input),
            GzipSection::Trailer(trailer) => match trailer.read(&mut self.bits, input) {
                Some((crc, length)) => self.check_trailer(crc, length),
                None => Ok(DecodeStatus::NeedsInput),
            },
            GzipSection::AfterTrailer => self.after_trailer(input),
        }
    }

    fn begin_deflate(&mut self) -> DecodeStatus {
        self.section = GzipSection::Deflate;
        self.inflate.begin();
        self.crc = Hasher::new();
        self.start = self.inflate.produced();
        self.blocks = [self.bits.position(); 2];
        DecodeStatus::BlockStart
    }

    fn deflate(&mut self, input: &mut &[u8]) -> Result<DecodeStatus, Damage> {
        let produced = self.inflate.produced();
        let goal = produced + self.tar.want().min(AT_MOST);
        let status = self.inflate.run(&mut self.bits, input, goal);
        // The bytes before an error may show an earlier damage.
        self.check_content(produced)?;
        let status = status.map_err(|kind| self.deflate_damage(kind))?;
        match status {
            DecodeStatus::BlockStart => self.blocks = [self.blocks[1], self.bits.position()],
            DecodeStatus::StreamEnd => self.section = GzipSection::Trailer(GzipTrailer::default()),
            DecodeStatus::NeedsInput | DecodeStatus::GoalReached => {}
        }
        Ok(status)
    }

    /// Checks all decompressed bytes from `produced` on.
    fn check_content(&mut self, produced: u64) -> Result<(), Damage> {
        let end = self.inflate.produced();
        for slice in self.inflate.slices(produced, end) {
            self.crc.update(slice);
        }
        while self.seen < end {
            let until = end.min(self.seen.saturating_add(self.tar.want()));
            let slices = self.inflate.slices(self.seen, until);
            self.seen = until;
            let mut evidence = Evidence::Pending;
            for slice in slices.into_iter().filter(|slice| !slice.is_empty()) {
                evidence = self.tar.take(slice).map_err(|kind| self.damage(kind))?;
            }
            self.note(evidence);
            let (position, has_ended) = (self.proven_bytes(), self.tar.has_ended);
            if let Some(survey) = &mut self.tar.survey {
                survey.advance(position, has_ended);
            }
        }
        Ok(())
    }

    fn note(&mut self, evidence: Evidence) {
        let position = self.bits.position();
        match evidence {
            Evidence::Pending => return,
            Evidence::Suspicious => {
                self.suspicious = Some(position.div_ceil(8));
                return;
            }
            Evidence::Plausible => {
                let start = self.uncovered.as_ref().map(|range| range.start);
                let start = start.unwrap_or_else(|| self.proven_bytes());
                self.uncovered = Some(start..position.div_ceil(8));
            }
            Evidence::Proven => {}
        }
        self.proven = position;
        self.suspicious = None;
        if self.tar.has_ended {
            self.last_block = self.blocks[1];
        }
    }

    fn check_trailer(
        &mut self,
        expected_crc: u32,
        expected_length: u32,
    ) -> Result<DecodeStatus, Damage> {
        let crc = self.crc.clone().finalize();
        #[expect(clippy::cast_possible_truncation, reason = "RFC 1952, section 2.3.1: modulo 2³²")]
        let length = (self.inflate.produced() - self.start) as u32;
        if (crc, length) == (expected_crc, expected_length) {
            self.section = GzipSection::AfterTrailer;
            self.proven = self.bits.position();
            self.uncovered = None;
            return Ok(DecodeStatus::BlockStart);
        }
        let end = self.bits.offset - u64::from(self.bits.count / 8);
        if self.is_no_tar() {
            return Err(self.damage_in(0..end, DamageKind::NoTar));
        }
        let wrong = (crc ^ expected_crc).to_le_bytes().into_iter().filter(|&byte| byte != 0);
        let is_at_end = self.tar.is_between_members() && self.tar.has_ended;
        let range = if !is_at_end {
            // The first bit of the current block says that it is the last one, which is unlikely.
            self.earliest().min(self.blocks[1] / 8)..end
        } else if length != expected_length || wrong.count() <= A_FEW {
            end - gzip::TRAILER_BYTES..end
        } else {
            self.uncovered.clone().unwrap_or(0..end)
        };
        Err(self.damage_in(range, DamageKind::GzipTrailer))
    }

    /// Another gzip member may follow a complete one, and nothing else.
    fn after_trailer(&mut self, input: &mut &[u8]) -> Result<DecodeStatus, Damage> {
        self.bits.fill(input);
        match self.bits.buffer.to_le_bytes() {
            _ if self.bits.count == 0 => Ok(DecodeStatus::NeedsInput),
            [first, ..] if first == gzip::MAGIC[0] => {
                self.section = GzipSection::Header(GzipHeader::new());
                Ok(DecodeStatus::StreamEnd)
            }
            _ => {
                self.bits.skip(8);
                Err(self.trailing_bytes())
            }
        }
    }

    /// True if the content is known not to be a tar.
    fn is_no_tar(&self) -> bool {
        self.tar.is_tar() == Some(false)
    }

    fn trailing_bytes(&self) -> Damage {
        self.damage_in(self.proven / 8..self.bits.position() / 8, DamageKind::TrailingBytes)
    }

    fn deflate_damage(&self, kind: DamageKind) -> Damage {
        // The decoder has not skipped the symbol that failed: it may end here.
        let symbol_end = (self.bits.position() + u64::from(LONGEST_SYMBOL)).div_ceil(8);
        if self.is_no_tar() {
            return self.damage_in(0..symbol_end, DamageKind::NoTar);
        }
        let mut damage = self.damage(kind);
        if self.suspicious.is_none() {
            damage.range.end = symbol_end;
        }
        if kind == DamageKind::DeflatePadding {
            // The first bit of the block says that it is the last one, which is unlikely.
            damage.range.start = damage.range.start.min(self.blocks[1] / 8);
        }
        damage
    }

    /// A damage between the proven bytes and the current position.
    fn damage(&self, kind: DamageKind) -> Damage {
        let start = self.earliest();
        let end = self.suspicious.unwrap_or_else(|| self.bits.position().div_ceil(8));
        self.damage_in(start..end.max(start + 1), kind)
    }

    /// The damage of an archive that ends here although it is not complete.
    pub(super) fn truncated(&self, size: Option<u64>) -> Damage {
        let end = size.unwrap_or(0).max(self.bits.offset);
        let start = if self.is_no_tar() { self.bits.offset } else { self.earliest() };
        self.damage_in(start..end.max(start + 1), DamageKind::Truncated)
    }

    pub(super) fn damage_in(&self, range: Range<u64>, kind: DamageKind) -> Damage {
        Damage { range, member: self.tar.member().map(str::to_owned), kind }
    }
}

/// Bytes at the end that do not count as proven although their meaning is: far more than a symbol
/// has, since the last symbol may extend past the proven bit.
const MARGIN: u64 = 32;

/// A code table counts as proven when this number of bytes after it is.
const REACH: u64 = 4 << 10;

/// If no more than this number of bytes of a CRC-32 is wrong, the CRC itself is damaged and not its
/// content.
const A_FEW: usize = 2;
