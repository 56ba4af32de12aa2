//! Reads the code lengths at the beginning of a block (RFC 1951, section 3.2.7).

use super::super::DamageKind;
use super::super::bit_reader::BitReader;
use super::below;
use super::huffman::{BASE, CodeSet, HuffmanEntry, HuffmanTable, LITERAL};
use super::huffman::{byte, code_length, entry, extra_bits, value};

/// The order of the lengths of the codes for lengths.
const ORDER: [u8; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Bits of the longest symbol: a code of 7 and a count of 7.
const LONGEST_SYMBOL: u32 = 14;

#[derive(Debug, Clone)]
pub(super) struct CodeLengths {
    section: LengthsSection,
    /// The number of codes for literals and lengths, for distances, and for code lengths.
    literals: usize,
    distances: usize,
    codes: usize,
    /// The lengths that have been read, and their number.
    filled: usize,
    read: [u8; 320],
    /// The codes for code lengths.
    table: HuffmanTable<128, 7>,
}

#[derive(Debug, Clone, Copy)]
enum LengthsSection {
    Counts,
    Codes,
    Lengths,
}

impl CodeLengths {
    pub(super) fn new() -> Self {
        Self {
            section: LengthsSection::Counts,
            literals: 0,
            distances: 0,
            codes: 0,
            filled: 0,
            read: [0; 320],
            table: HuffmanTable::new(),
        }
    }

    pub(super) fn begin(&mut self) {
        self.section = LengthsSection::Counts;
        self.filled = 0;
    }

    /// The lengths of the codes for literals, the end and lengths; and of those for distances.
    pub(super) fn codes(&self) -> (&[u8], &[u8]) {
        self.read[..self.literals + self.distances].split_at(self.literals)
    }

    /// Reads on. Returns true once the lengths are complete.
    pub(super) fn read(
        &mut self,
        bits: &mut BitReader,
        input: &mut &[u8],
    ) -> Result<bool, DamageKind> {
        loop {
            let is_done = match self.section {
                LengthsSection::Counts => self.counts(bits, input)?,
                LengthsSection::Codes => self.length_codes(bits, input)?,
                LengthsSection::Lengths => return self.lengths(bits, input),
            };
            if !is_done {
                return Ok(false);
            }
        }
    }

    fn counts(&mut self, bits: &mut BitReader, input: &mut &[u8]) -> Result<bool, DamageKind> {
        let Some(counts) = bits.take(14, input) else { return Ok(false) };
        let counts = counts as usize;
        self.literals = 257 + (counts & 31);
        self.distances = 1 + (counts >> 5 & 31);
        self.codes = 4 + (counts >> 10);
        // The format has no more symbols, and every decoder refuses them.
        if self.literals > 286 || self.distances > 30 {
            return Err(DamageKind::CodeTable);
        }
        self.read[..ORDER.len()].fill(0);
        self.section = LengthsSection::Codes;
        Ok(true)
    }

    fn length_codes(
        &mut self,
        bits: &mut BitReader,
        input: &mut &[u8],
    ) -> Result<bool, DamageKind> {
        while self.filled < self.codes {
            let Some(length) = bits.take(3, input) else { return Ok(false) };
            let [length, ..] = length.to_le_bytes();
            self.read[usize::from(ORDER[self.filled])] = length;
            self.filled += 1;
        }
        if self.table.build(&self.read[..ORDER.len()], symbol) != Some(CodeSet::Complete) {
            return Err(DamageKind::CodeTable);
        }
        self.filled = 0;
        self.section = LengthsSection::Lengths;
        Ok(true)
    }

    fn lengths(&mut self, bits: &mut BitReader, input: &mut &[u8]) -> Result<bool, DamageKind> {
        let whole = self.literals + self.distances;
        while self.filled < whole {
            if bits.count < LONGEST_SYMBOL {
                bits.fill(input);
            }
            let found = self.table.root(bits.buffer);
            let used = code_length(found);
            if used + extra_bits(found) > bits.count {
                return Ok(false);
            }
            if found & LITERAL != 0 {
                self.read[self.filled] = byte(found);
                self.filled += 1;
            } else {
                let count = below(bits.buffer >> used, extra_bits(found));
                self.repeat(value(found), count, whole)?;
            }
            bits.skip(used + extra_bits(found));
        }
        if self.read[256] == 0 {
            // The block could never end.
            return Err(DamageKind::CodeTable);
        }
        Ok(true)
    }

    /// Repeats the last length, or zero.
    fn repeat(&mut self, symbol: usize, count: usize, whole: usize) -> Result<(), DamageKind> {
        let (length, count) = match symbol {
            16 => (self.filled.checked_sub(1).map(|last| self.read[last]), 3 + count),
            17 => (Some(0), 3 + count),
            _ => (Some(0), 11 + count),
        };
        let length = length.ok_or(DamageKind::CodeTable)?;
        if count > whole - self.filled {
            return Err(DamageKind::CodeTable);
        }
        self.read[self.filled..self.filled + count].fill(length);
        self.filled += count;
        Ok(())
    }
}

fn symbol(symbol: u16) -> HuffmanEntry {
    match symbol {
        0..16 => entry(LITERAL, symbol, 0),
        16 => entry(BASE, 16, 2),
        17 => entry(BASE, 17, 3),
        _ => entry(BASE, 18, 7),
    }
}
