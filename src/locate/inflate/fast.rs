//! The loop that nearly all bytes go through: as long as no symbol can run out of input or past
//! the goal, nothing needs to be asked for.

#![expect(clippy::inline_always, reason = "one loop, taken apart to be read")]

use super::super::bits::Bits;
use super::table::{BASE, Entry, LINK, LITERAL, byte, extra, length, value};
use super::window::{SIZE, place, repeat};
use super::{Inflate, below};

/// Input that one round may take in: it reads 8 bytes twice.
const MARGIN: usize = 16;

/// Literals that one round decodes at most.
const LITERALS: u64 = 5;

/// Bits that there are after bytes were taken in, besides up to seven that there were before.
const WORD: u32 = 0x38;

/// The bits at hand. Those above `count` are either zero or the ones that come next.
struct Reader<'a> {
    buffer: u64,
    count: u32,
    input: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    /// 56 bits or more.
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

impl Inflate {
    /// Decodes symbols while the input and the room up to the goal are ample.
    pub(super) fn fast(&mut self, bits: &mut Bits, input: &mut &[u8], goal: u64) {
        let mut reader = Reader { buffer: bits.buffer, count: bits.count, input, at: 0 };
        self.rounds(&mut reader, goal);
        bits.buffer = reader.buffer & ((1 << reader.count) - 1);
        bits.count = reader.count;
        bits.offset += reader.at as u64;
        *input = &input[reader.at..];
    }

    fn rounds(&mut self, reader: &mut Reader<'_>, goal: u64) {
        let bytes: &mut [u8; SIZE] = &mut self.window.bytes;
        let mut produced = self.window.produced;
        while reader.at + MARGIN <= reader.input.len() && produced + LITERALS <= goal {
            reader.fill();
            let mut found = self.literals.root(reader.buffer);
            let mut left = LITERALS;
            while found & LITERAL != 0 && left > 0 {
                bytes[place(produced)] = byte(found);
                produced += 1;
                reader.skip(length(found));
                found = self.literals.root(reader.buffer);
                left -= 1;
            }
            if left == 0 {
                continue;
            }
            // Four literals of the root leave less than the 48 bits of a repetition.
            reader.fill();
            if found & LINK != 0 {
                found = self.literals.linked(found, reader.buffer);
                if found & LITERAL != 0 {
                    bytes[place(produced)] = byte(found);
                    produced += 1;
                    reader.skip(length(found));
                    continue;
                }
            }
            let Some((count, used)) = base(found, reader.buffer, 0) else { break };
            let found = self.distances.find(reader.buffer >> used);
            let Some((distance, used)) = base(found, reader.buffer, used) else { break };
            // The end of the block and what is not allowed are for the one who takes it slowly.
            if distance as u64 > produced - self.start {
                break;
            }
            repeat(bytes, produced, distance, count);
            produced += count as u64;
            reader.skip(used);
        }
        self.window.produced = produced;
    }
}

/// What a base and its extra bits add up to, and how many bits have been used with them.
#[inline(always)]
fn base(found: Entry, bits: u64, used: u32) -> Option<(usize, u32)> {
    let used = used + length(found);
    let more = extra(found);
    (found & BASE != 0).then(|| (value(found) + below(bits >> used, more), used + more))
}
