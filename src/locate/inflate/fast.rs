//! The loop that decodes nearly all bytes: while no symbol can exceed the input or the goal, it
//! needs no checks for either.

#![expect(clippy::inline_always, reason = "one loop, split up for clarity")]

use super::super::bit_reader::BitReader;
use super::huffman::{BASE, HuffmanEntry, LINK, LITERAL, byte, code_length, extra_bits, value};
use super::window::{SIZE, place, repeat};
use super::{DeflateDecoder, below};

/// Input bytes that one round may take: it reads 8 bytes twice.
const MARGIN: usize = 16;

/// The most literals that one round decodes.
const LITERALS: u64 = 5;

/// Bits that a refill provides, besides up to seven that were there before.
const WORD: u32 = 0x38;

/// A bit reader that may read ahead: bits above `count` are either zero or the next ones.
struct FastBits<'a> {
    buffer: u64,
    count: u32,
    input: &'a [u8],
    at: usize,
}

impl FastBits<'_> {
    /// Provides 56 bits or more.
    #[inline(always)]
    fn fill(&mut self) {
        let word = self.input.get(self.at..self.at + 8).and_then(|word| word.try_into().ok());
        self.buffer |= u64::from_le_bytes(word.unwrap_or_default()) << self.count;
        self.at += (63 - self.count as usize) >> 3;
        self.count |= WORD;
    }

    #[inline(always)]
    fn skip(&mut self, count: u32) {
        self.buffer >>= count;
        self.count -= count;
    }
}

impl DeflateDecoder {
    /// Decodes symbols while the input and the distance to the goal are large enough for any.
    pub(super) fn fast(&mut self, bits: &mut BitReader, input: &mut &[u8], goal: u64) {
        let mut fast = FastBits { buffer: bits.buffer, count: bits.count, input, at: 0 };
        self.rounds(&mut fast, goal);
        bits.buffer = fast.buffer & ((1 << fast.count) - 1);
        bits.count = fast.count;
        bits.offset += fast.at as u64;
        *input = &input[fast.at..];
    }

    fn rounds(&mut self, fast: &mut FastBits<'_>, goal: u64) {
        let bytes: &mut [u8; SIZE] = &mut self.window.bytes;
        let mut produced = self.window.produced;
        while fast.at + MARGIN <= fast.input.len() && produced + LITERALS <= goal {
            fast.fill();
            let mut found = self.literals.root(fast.buffer);
            let mut left = LITERALS;
            while found & LITERAL != 0 && left > 0 {
                bytes[place(produced)] = byte(found);
                produced += 1;
                fast.skip(code_length(found));
                found = self.literals.root(fast.buffer);
                left -= 1;
            }
            if left == 0 {
                continue;
            }
            // After four literals of the root, fewer bits may be left than the 48 of a repetition.
            fast.fill();
            if found & LINK != 0 {
                found = self.literals.linked(found, fast.buffer);
                if found & LITERAL != 0 {
                    bytes[place(produced)] = byte(found);
                    produced += 1;
                    fast.skip(code_length(found));
                    continue;
                }
            }
            let Some((count, used)) = base(found, fast.buffer, 0) else { break };
            let found = self.distances.find(fast.buffer >> used);
            let Some((distance, used)) = base(found, fast.buffer, used) else { break };
            // The slow loop handles the end of the block and errors.
            if distance as u64 > produced - self.start {
                break;
            }
            repeat(bytes, produced, distance, count);
            produced += count as u64;
            fast.skip(used);
        }
        self.window.produced = produced;
    }
}

/// The sum of a base and its extra bits, and the number of bits used including them.
#[inline(always)]
fn base(found: HuffmanEntry, bits: u64, used: u32) -> Option<(usize, u32)> {
    let used = used + code_length(found);
    let more = extra_bits(found);
    (found & BASE != 0).then(|| (value(found) + below(bits >> used, more), used + more))
}
