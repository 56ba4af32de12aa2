//! Decodes a deflate stream (RFC 1951) in pieces of any length, with a state that can be copied.
//!
//! It is strict: everything that the format forbids is an error, even where it would not change the
//! output, such as bits that must be zero.
//!
//! The scanner needs its own decoder because it needs more than bytes: the bit of the archive at
//! which each symbol and each block begins, and every error as soon as it appears. Of the decoders
//! whose state can be copied, `miniz_oxide` is slower: 331 MB/s on images that gzip shrinks by 3 %,
//! where the whole scan runs at 404 MB/s. `zlib-rs` runs at 402 MB/s and can copy its state only
//! with `unsafe`. On the original images, which gzip stores as they are, all are fast: 3103 MB/s
//! (`miniz_oxide`), 2706 (the whole scan) and 3432 (`zlib-rs`). (Bytes of the archive per second of
//! processor time, one core of an AMD EPYC, medians of five runs; `miniz_oxide` 0.9.1, `zlib-rs`
//! 0.6.8, both with nothing but decompression.)

mod code_lengths;
mod fast;
mod huffman;
#[cfg(test)]
mod tests;
mod window;

use std::sync::LazyLock;

use self::code_lengths::CodeLengths;
use self::huffman::{BASE, END, HuffmanEntry, HuffmanTable, LITERAL};
use self::huffman::{byte, code_length, entry, extra_bits, value};
use self::window::Window;
use super::DamageKind;
use super::bit_reader::BitReader;

/// The bytes that one call may produce: less than half of the window, so that all of them can still
/// be read.
pub(super) const AT_MOST: u64 = window::SIZE as u64 / 2 - LONGEST_MATCH;

/// The longest repetition.
const LONGEST_MATCH: u64 = 258;

/// Bits of the longest symbol: a length of 15 + 5 bits and a distance of 15 + 13.
pub(super) const LONGEST_SYMBOL: u32 = 48;

/// The reason for which the decoder stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DecodeStatus {
    NeedsInput,
    GoalReached,
    BlockStart,
    StreamEnd,
}

/// `None` if the decoder need not stop.
type StepResult = Result<Option<DecodeStatus>, DamageKind>;

#[derive(Debug, Clone)]
enum BlockState {
    Start,
    StoredLength,
    /// Bytes of a stored block that are still to come.
    Stored(usize),
    CodeLengths,
    Symbols,
    StreamEnd,
}

#[derive(Debug, Clone)]
pub(super) struct DeflateDecoder {
    state: BlockState,
    is_last: bool,
    window: Window,
    lengths: CodeLengths,
    /// The number of bytes before this stream, to which it may not refer.
    start: u64,
    literals: HuffmanTable<4096, 11>,
    distances: HuffmanTable<512, 8>,
    /// True if the tables are those of the fixed codes: empty blocks of these take ten bits each.
    is_fixed: bool,
}

/// The tables of the fixed codes (RFC 1951, section 3.2.6).
static FIXED: LazyLock<(HuffmanTable<4096, 11>, HuffmanTable<512, 8>)> = LazyLock::new(|| {
    let (mut literals, mut distances) = (HuffmanTable::new(), HuffmanTable::new());
    let mut lengths = [8; 288];
    lengths[144..256].fill(9);
    lengths[256..280].fill(7);
    // Both sets are complete: the tests decode streams of them.
    let _ = literals.build(&lengths, literal);
    let _ = distances.build(&[5; 32], distance);
    (literals, distances)
});

impl DeflateDecoder {
    pub(super) fn new() -> Self {
        Self {
            state: BlockState::Start,
            is_last: false,
            window: Window::new(),
            lengths: CodeLengths::new(),
            start: 0,
            literals: HuffmanTable::new(),
            distances: HuffmanTable::new(),
            is_fixed: false,
        }
    }

    /// Begins another stream.
    pub(super) fn begin(&mut self) {
        self.state = BlockState::Start;
        self.is_last = false;
        self.start = self.window.produced;
    }

    /// The number of decompressed bytes so far.
    pub(super) fn produced(&self) -> u64 {
        self.window.produced
    }

    /// The decompressed bytes from `start` to `end`, in up to two pieces. Only the last [`AT_MOST`]
    /// bytes and one repetition are kept.
    pub(super) fn slices(&self, start: u64, end: u64) -> [&[u8]; 2] {
        self.window.slices(start, end)
    }

    /// Decodes until `goal` bytes have been produced since the beginning, at most [`AT_MOST`] more
    /// than now, or until there is another status. A repetition may exceed the goal.
    pub(super) fn run(
        &mut self,
        bits: &mut BitReader,
        input: &mut &[u8],
        goal: u64,
    ) -> Result<DecodeStatus, DamageKind> {
        loop {
            let status = match &mut self.state {
                BlockState::Start => self.block(bits, input)?,
                BlockState::StoredLength => self.stored_length(bits, input)?,
                BlockState::Stored(_) => self.stored(bits, input, goal)?,
                BlockState::CodeLengths => self.code_lengths(bits, input)?,
                BlockState::Symbols => self.symbols(bits, input, goal)?,
                BlockState::StreamEnd => Some(DecodeStatus::StreamEnd),
            };
            if let Some(status) = status {
                return Ok(status);
            }
        }
    }

    fn block(&mut self, bits: &mut BitReader, input: &mut &[u8]) -> StepResult {
        let Some(header) = bits.take(3, input) else { return Ok(Some(DecodeStatus::NeedsInput)) };
        self.is_last = header & 1 == 1;
        self.state = match header >> 1 {
            0 => {
                // No decoder looks at the rest of the byte, and every encoder writes zeros.
                if bits.rest_of_byte() != 0 {
                    return Err(DamageKind::StoredBlock);
                }
                BlockState::StoredLength
            }
            1 => {
                self.use_fixed();
                BlockState::Symbols
            }
            2 => {
                self.lengths.begin();
                BlockState::CodeLengths
            }
            _ => return Err(DamageKind::BlockType),
        };
        Ok(None)
    }

    fn stored_length(&mut self, bits: &mut BitReader, input: &mut &[u8]) -> StepResult {
        let Some(lengths) = bits.take(32, input) else { return Ok(Some(DecodeStatus::NeedsInput)) };
        let (length, complement) = (lengths & 0xffff, lengths >> 16);
        if length != complement ^ 0xffff {
            return Err(DamageKind::StoredBlock);
        }
        self.state = BlockState::Stored(length as usize);
        Ok(None)
    }

    fn stored(&mut self, bits: &mut BitReader, input: &mut &[u8], goal: u64) -> StepResult {
        let BlockState::Stored(left) = &mut self.state else { return Ok(None) };
        let wanted = usize::try_from(goal.saturating_sub(self.window.produced)).unwrap_or(*left);
        let wanted = wanted.min(*left);
        let mut taken = 0;
        // The bit reader took these bytes before the block was known to be stored.
        while taken < wanted
            && let Some(byte) = bits.byte()
        {
            self.window.push(byte);
            taken += 1;
        }
        let (bytes, rest) = input.split_at((wanted - taken).min(input.len()));
        self.window.extend(bytes);
        bits.offset += bytes.len() as u64;
        *input = rest;
        taken += bytes.len();
        *left -= taken;
        match *left {
            0 => self.end_block(bits).map(Some),
            _ if taken < wanted => Ok(Some(DecodeStatus::NeedsInput)),
            _ => Ok(Some(DecodeStatus::GoalReached)),
        }
    }

    fn end_block(&mut self, bits: &mut BitReader) -> Result<DecodeStatus, DamageKind> {
        if !self.is_last {
            self.state = BlockState::Start;
            return Ok(DecodeStatus::BlockStart);
        }
        self.state = BlockState::StreamEnd;
        if bits.rest_of_byte() != 0 {
            return Err(DamageKind::DeflatePadding);
        }
        Ok(DecodeStatus::StreamEnd)
    }

    fn use_fixed(&mut self) {
        if !self.is_fixed {
            self.literals.0.copy_from_slice(&FIXED.0.0[..]);
            self.distances.0.copy_from_slice(&FIXED.1.0[..]);
            self.is_fixed = true;
        }
    }

    fn code_lengths(&mut self, bits: &mut BitReader, input: &mut &[u8]) -> StepResult {
        if !self.lengths.read(bits, input)? {
            return Ok(Some(DecodeStatus::NeedsInput));
        }
        self.is_fixed = false;
        let (literals, distances) = self.lengths.codes();
        let literals = self.literals.build(literals, literal);
        let distances = self.distances.build(distances, distance);
        literals.and(distances).ok_or(DamageKind::CodeTable)?;
        self.state = BlockState::Symbols;
        Ok(None)
    }

    /// Decodes symbols until the goal is reached, the block ends, or the input ends inside a symbol.
    fn symbols(&mut self, bits: &mut BitReader, input: &mut &[u8], goal: u64) -> StepResult {
        while self.window.produced < goal {
            self.fast(bits, input, goal);
            if self.window.produced >= goal {
                break;
            }
            if let Some(status) = self.symbol(bits, input)? {
                return Ok(Some(status));
            }
        }
        Ok(Some(DecodeStatus::GoalReached))
    }

    /// Decodes one symbol, if all its bits are there.
    fn symbol(&mut self, bits: &mut BitReader, input: &mut &[u8]) -> StepResult {
        if bits.count < LONGEST_SYMBOL {
            bits.fill(input);
        }
        let found = self.literals.find(bits.buffer);
        let used = code_length(found);
        if used + extra_bits(found) > bits.count {
            return Ok(Some(DecodeStatus::NeedsInput));
        }
        if found & LITERAL != 0 {
            self.window.push(byte(found));
            bits.skip(used);
            return Ok(None);
        }
        if found & END != 0 {
            bits.skip(used);
            return self.end_block(bits).map(Some);
        }
        if found & BASE == 0 {
            return Err(DamageKind::Code);
        }
        let rest = bits.buffer >> used;
        let length = value(found) + below(rest, extra_bits(found));
        self.repeat(bits, used + extra_bits(found), length)
    }

    /// Decodes the distance of a repetition and repeats; the length took `used` bits.
    fn repeat(&mut self, bits: &mut BitReader, used: u32, length: usize) -> StepResult {
        let rest = bits.buffer >> used;
        let found = self.distances.find(rest);
        let used = used + code_length(found);
        if used + extra_bits(found) > bits.count {
            return Ok(Some(DecodeStatus::NeedsInput));
        }
        if found & BASE == 0 {
            return Err(DamageKind::Code);
        }
        let distance = value(found) + below(bits.buffer >> used, extra_bits(found));
        if distance as u64 > self.window.produced - self.start {
            return Err(DamageKind::Distance);
        }
        self.window.repeat(distance, length);
        bits.skip(used + extra_bits(found));
        Ok(None)
    }
}

/// The lowest bits of a number.
#[expect(clippy::cast_possible_truncation, reason = "at most 13 bits")]
fn below(bits: u64, count: u32) -> usize {
    bits as usize & ((1 << count) - 1)
}

/// The entry of a literal, of the end, or of a length (RFC 1951, section 3.2.5).
fn literal(symbol: u16) -> HuffmanEntry {
    const LENGTHS: [(u16, u8); 29] = bases(3, 4, 258);
    match symbol {
        0..256 => entry(LITERAL, symbol, 0),
        256 => entry(END, 0, 0),
        _ => base(&LENGTHS, symbol - 257),
    }
}

fn distance(symbol: u16) -> HuffmanEntry {
    const DISTANCES: [(u16, u8); 30] = bases(1, 2, 0);
    base(&DISTANCES, symbol)
}

/// The entry of a symbol that stands for a range of numbers; 0 if the symbol does not exist.
fn base(bases: &[(u16, u8)], symbol: u16) -> HuffmanEntry {
    bases.get(usize::from(symbol)).map_or(0, |&(base, extra)| entry(BASE, base, extra))
}

/// The smallest value and the number of extra bits of each symbol: none for the first two groups,
/// and one more for each later group. The last symbol may be an exception.
const fn bases<const N: usize>(first: u16, group: u8, last: u16) -> [(u16, u8); N] {
    let mut bases = [(0, 0); N];
    let (mut symbol, mut base) = (0_u8, first);
    while (symbol as usize) < N {
        let extra = if symbol < 2 * group { 0 } else { symbol / group - 1 };
        bases[symbol as usize] = (base, extra);
        base += 1 << extra;
        symbol += 1;
    }
    if last > 0 {
        bases[N - 1] = (last, 0);
    }
    bases
}
