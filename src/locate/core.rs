//! One reading of an archive: bits, gzip, deflate, tar and PNG together, at one place.

use std::ops::Range;

use crc32fast::Hasher;

use super::bits::Bits;
use super::inflate::{self, AT_MOST, Inflate, LONGEST_SYMBOL, Stop};
use super::png::Proof;
use super::tar::Tar;
use super::{Flaw, gzip};

/// What came of taking bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// All bytes have been taken.
    Input,
    /// A block begins: a state that is small, and does not depend on a table that may be damaged.
    Block,
    /// There is more to do.
    More,
}

/// Something is wrong in these bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) range: Range<u64>,
    pub(super) flaw: Flaw,
}

/// All that is known at one place.
#[derive(Debug, Clone)]
pub(super) struct Core {
    pub(super) bits: Bits,
    stage: Stage,
    inflate: Inflate,
    /// The CRC-32 and the beginning of what the present gzip member holds.
    check: Hasher,
    start: u64,
    pub(super) tar: Tar,
    /// So many of the bytes that came out have been looked at.
    seen: u64,
    /// All bits before this one are proven.
    pub(super) proven: u64,
    /// Where something was hardly right, though nothing has failed yet.
    odd: Option<u64>,
    /// Bytes that only the gzip check speaks for.
    loose: Option<Range<u64>>,
    /// The bits where the present block and the one before begin.
    blocks: [u64; 2],
    /// The bit where the block begins in which the tar has ended.
    last_block: u64,
}

#[derive(Debug, Clone)]
enum Stage {
    Header(gzip::Header),
    Deflate,
    Trailer(gzip::Trailer),
    /// Behind a trailer.
    Over,
}

impl Core {
    /// At the beginning of an archive.
    pub(super) fn new() -> Self {
        Self {
            bits: Bits::default(),
            stage: Stage::Header(gzip::Header::new()),
            inflate: Inflate::new(),
            check: Hasher::new(),
            start: 0,
            tar: Tar::new(),
            seen: 0,
            proven: 0,
            odd: None,
            loose: None,
            blocks: [0; 2],
            last_block: 0,
        }
    }

    /// The byte up to which all is proven. A symbol may be damaged and yet mean the same bytes,
    /// as a repetition of other zeros does; it is noticed when the ones behind it make no sense.
    pub(super) fn proven(&self) -> u64 {
        match self.stage {
            Stage::Over => self.proven / 8,
            _ => (self.proven / 8).saturating_sub(MARGIN),
        }
    }

    /// Where a damage begins at the earliest, in all likelihood.
    fn earliest(&self) -> u64 {
        let proven = self.proven();
        // Not all codes of a table are used, and so proven, at once.
        let near = self.blocks.iter().map(|block| block / 8).find(|block| block + REACH > proven);
        let start = near.map_or(proven, |block| block.min(proven));
        let goes_on = self.tar.has_ended() && self.blocks[1] > self.last_block;
        // That block was hardly followed by another one, though its first bit says so.
        if goes_on { start.min(self.last_block / 8) } else { start }
    }

    /// Whether a whole archive has come, as far as that can be told: some tars have no end.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.stage, Stage::Over) && (self.tar.is_between() || self.is_foreign())
    }

    /// Takes bytes until something can be said.
    pub(super) fn step(&mut self, input: &mut &[u8]) -> Result<Step, Fault> {
        match &mut self.stage {
            Stage::Header(header) => match header.read(&mut self.bits, input) {
                Ok(false) => Ok(Step::Input),
                Ok(true) => Ok(self.begin()),
                Err(flaw) => Err(self.header_fault(flaw)),
            },
            Stage::Deflate => self.deflate(input),
            Stage::Trailer(trailer) => {
                if !trailer.read(&mut self.bits, input) {
                    return Ok(Step::Input);
                }
                let trailer = trailer.clone();
                self.end(&trailer)
            }
            Stage::Over => self.follow(input),
        }
    }

    fn begin(&mut self) -> Step {
        self.stage = Stage::Deflate;
        self.inflate.begin();
        self.check = Hasher::new();
        self.start = self.inflate.produced();
        self.blocks = [self.bits.position(); 2];
        Step::Block
    }

    fn header_fault(&self, flaw: gzip::Flaw) -> Fault {
        if self.inflate.produced() == 0 { self.fault(flaw.into()) } else { self.surplus() }
    }

    fn deflate(&mut self, input: &mut &[u8]) -> Result<Step, Fault> {
        let produced = self.inflate.produced();
        let goal = produced + self.tar.want().min(AT_MOST);
        let stop = self.inflate.run(&mut self.bits, input, goal);
        // What came out before a flaw may show an earlier one.
        self.look(produced)?;
        match stop.map_err(|flaw| self.inflate_fault(flaw))? {
            Stop::Input => Ok(Step::Input),
            Stop::Goal => Ok(Step::More),
            Stop::Block => {
                self.blocks = [self.blocks[1], self.bits.position()];
                Ok(Step::Block)
            }
            Stop::End => {
                self.stage = Stage::Trailer(gzip::Trailer::default());
                Ok(Step::More)
            }
        }
    }

    /// Looks at all that came out since.
    fn look(&mut self, produced: u64) -> Result<(), Fault> {
        let end = self.inflate.produced();
        for slice in self.inflate.slices(produced, end) {
            self.check.update(slice);
        }
        while self.seen < end {
            let until = end.min(self.seen.saturating_add(self.tar.want()));
            let slices = self.inflate.slices(self.seen, until);
            self.seen = until;
            let mut proof = Proof::Open;
            for slice in slices.into_iter().filter(|slice| !slice.is_empty()) {
                match self.tar.take(slice) {
                    Ok(found) => proof = found,
                    Err(flaw) => return Err(self.fault(flaw.into())),
                }
            }
            self.note(proof);
        }
        Ok(())
    }

    fn note(&mut self, proof: Proof) {
        let position = self.bits.position();
        match proof {
            Proof::Open => return,
            Proof::Odd => {
                self.odd = Some(position.div_ceil(8));
                return;
            }
            Proof::Fair => {
                let start = self.loose.as_ref().map_or(self.proven(), |loose| loose.start);
                self.loose = Some(start..position.div_ceil(8));
            }
            Proof::Good => {}
        }
        self.proven = position;
        self.odd = None;
        if self.tar.has_ended() {
            self.last_block = self.blocks[1];
        }
    }

    /// The trailer has come.
    fn end(&mut self, trailer: &gzip::Trailer) -> Result<Step, Fault> {
        let crc = self.check.clone().finalize();
        #[expect(clippy::cast_possible_truncation, reason = "RFC 1952, section 2.3.1: modulo 2³²")]
        let length = (self.inflate.produced() - self.start) as u32;
        if (crc, length) == (trailer.crc(), trailer.length()) {
            self.stage = Stage::Over;
            self.proven = self.bits.position();
            self.loose = None;
            return Ok(Step::Block);
        }
        let end = self.bits.offset - u64::from(self.bits.count / 8);
        let wrong = (crc ^ trailer.crc()).to_le_bytes().into_iter().filter(|&byte| byte != 0);
        if self.is_foreign() {
            return Err(Fault { range: 0..end, flaw: Flaw::NoTar });
        }
        let range = if !self.tar.is_at_end() {
            // The block that ended was hardly the last one, and its first bit says that it is.
            self.earliest().min(self.blocks[1] / 8)..end
        } else if length != trailer.length() || wrong.count() <= A_FEW {
            end - gzip::TRAILER..end
        } else {
            self.loose.clone().unwrap_or(0..end)
        };
        Err(Fault { range, flaw: Flaw::Trailer })
    }

    /// Something follows what was whole.
    fn follow(&mut self, input: &mut &[u8]) -> Result<Step, Fault> {
        self.bits.fill(input);
        match self.bits.buffer.to_le_bytes() {
            _ if self.bits.count == 0 => Ok(Step::Input),
            [first, ..] if first == gzip::MAGIC[0] => {
                self.stage = Stage::Header(gzip::Header::new());
                Ok(Step::More)
            }
            _ => {
                self.bits.skip(8);
                Err(self.surplus())
            }
        }
    }

    /// It is known that there is no tar in it.
    fn is_foreign(&self) -> bool {
        self.tar.is_tar() == Some(false)
    }

    /// What comes behind the proven end should not.
    fn surplus(&self) -> Fault {
        Fault { range: self.proven / 8..self.bits.position() / 8, flaw: Flaw::Follows }
    }

    fn inflate_fault(&self, flaw: inflate::Flaw) -> Fault {
        if self.is_foreign() {
            return Fault { range: 0..self.symbol_end(), flaw: Flaw::NoTar };
        }
        let mut fault = self.fault(flaw.into());
        if self.odd.is_none() {
            fault.range.end = self.symbol_end();
        }
        if flaw == inflate::Flaw::Padding {
            // The block was hardly the last one, and its first bit says that it is.
            fault.range.start = fault.range.start.min(self.blocks[1] / 8);
        }
        fault
    }

    /// Where the symbol that failed ends at the latest: it was not passed over.
    fn symbol_end(&self) -> u64 {
        (self.bits.position() + u64::from(LONGEST_SYMBOL)).div_ceil(8)
    }

    /// Something is wrong between what is proven and here.
    fn fault(&self, flaw: Flaw) -> Fault {
        let start = self.earliest();
        let end = self.odd.unwrap_or_else(|| self.bits.position().div_ceil(8));
        Fault { range: start..end.max(start + 1), flaw }
    }

    /// The archive ends here, though it is not whole.
    pub(super) fn cut(&self, size: Option<u64>) -> Fault {
        let end = size.unwrap_or(0).max(self.bits.offset);
        let start = if self.is_foreign() { self.bits.offset } else { self.earliest() };
        Fault { range: start..end.max(start + 1), flaw: Flaw::Cut }
    }
}

/// Bytes that are not yet believed although what they mean is proven: far more than a symbol has,
/// of which the last one may go on behind what is proven.
const MARGIN: u64 = 32;

/// A table of codes is believed when so many bytes behind it are proven.
const REACH: u64 = 4 << 10;

/// Where no more bytes of a CRC-32 than these are wrong, it is itself damaged, and not what it
/// speaks for.
const A_FEW: usize = 2;
