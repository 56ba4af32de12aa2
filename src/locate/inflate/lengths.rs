//! The table that a block begins with: how long each code is (RFC 1951, section 3.2.7).

use super::super::bits::Bits;
use super::table::{BASE, Codes, Entry, LITERAL, Table, byte, entry, extra, length, value};
use super::{Flaw, below};

/// The order in which the lengths of the codes for lengths come.
const ORDER: [u8; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Bits of the longest symbol: a code of 7 and a count of 7.
const LONGEST_SYMBOL: u32 = 14;

/// What was read of a table.
#[derive(Debug, Clone)]
pub(super) struct Lengths {
    part: Part,
    /// How many codes there are for literals and lengths, for distances, and for lengths of codes.
    literals: usize,
    distances: usize,
    codes: usize,
    /// Lengths that were read.
    filled: usize,
    read: [u8; 320],
    /// The codes in which the lengths are written.
    table: Table<128, 7>,
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Counts,
    Codes,
    Lengths,
}

impl Lengths {
    pub(super) fn new() -> Self {
        Self {
            part: Part::Counts,
            literals: 0,
            distances: 0,
            codes: 0,
            filled: 0,
            read: [0; 320],
            table: Table::new(),
        }
    }

    /// A table begins.
    pub(super) fn begin(&mut self) {
        self.part = Part::Counts;
        self.filled = 0;
    }

    /// The lengths of the codes for literals, the end and the lengths of repetitions.
    pub(super) fn literals(&self) -> &[u8] {
        &self.read[..self.literals]
    }

    /// The lengths of the codes for distances.
    pub(super) fn distances(&self) -> &[u8] {
        &self.read[self.literals..self.literals + self.distances]
    }

    /// Reads on; whether the table is whole.
    pub(super) fn read(&mut self, bits: &mut Bits, input: &mut &[u8]) -> Result<bool, Flaw> {
        loop {
            let is_done = match self.part {
                Part::Counts => self.counts(bits, input)?,
                Part::Codes => self.codes(bits, input)?,
                Part::Lengths => return self.lengths(bits, input),
            };
            if !is_done {
                return Ok(false);
            }
        }
    }

    fn counts(&mut self, bits: &mut Bits, input: &mut &[u8]) -> Result<bool, Flaw> {
        let Some(counts) = bits.take(14, input) else { return Ok(false) };
        let counts = counts as usize;
        self.literals = 257 + (counts & 31);
        self.distances = 1 + (counts >> 5 & 31);
        self.codes = 4 + (counts >> 10);
        // There are no symbols beyond; every decoder refuses them.
        if self.literals > 286 || self.distances > 30 {
            return Err(Flaw::Table);
        }
        self.read[..ORDER.len()].fill(0);
        self.part = Part::Codes;
        Ok(true)
    }

    fn codes(&mut self, bits: &mut Bits, input: &mut &[u8]) -> Result<bool, Flaw> {
        while self.filled < self.codes {
            let Some(length) = bits.take(3, input) else { return Ok(false) };
            let [length, ..] = length.to_le_bytes();
            self.read[usize::from(ORDER[self.filled])] = length;
            self.filled += 1;
        }
        if self.table.build(&self.read[..ORDER.len()], symbol) != Some(Codes::All) {
            return Err(Flaw::Table);
        }
        self.filled = 0;
        self.part = Part::Lengths;
        Ok(true)
    }

    fn lengths(&mut self, bits: &mut Bits, input: &mut &[u8]) -> Result<bool, Flaw> {
        let whole = self.literals + self.distances;
        while self.filled < whole {
            if bits.count < LONGEST_SYMBOL {
                bits.fill(input);
            }
            let found = self.table.root(bits.buffer);
            let used = length(found);
            if used + extra(found) > bits.count {
                return Ok(false);
            }
            if found & LITERAL != 0 {
                self.read[self.filled] = byte(found);
                self.filled += 1;
            } else {
                let count = below(bits.buffer >> used, extra(found));
                self.repeat(value(found), count, whole)?;
            }
            bits.skip(used + extra(found));
        }
        if self.read[256] == 0 {
            // Without a code for its end no block ends.
            return Err(Flaw::Table);
        }
        Ok(true)
    }

    /// The last length or zero so many times.
    fn repeat(&mut self, symbol: usize, count: usize, whole: usize) -> Result<(), Flaw> {
        let (length, count) = match symbol {
            16 => (self.filled.checked_sub(1).map(|last| self.read[last]), 3 + count),
            17 => (Some(0), 3 + count),
            _ => (Some(0), 11 + count),
        };
        let length = length.ok_or(Flaw::Table)?;
        if count > whole - self.filled {
            return Err(Flaw::Table);
        }
        self.read[self.filled..self.filled + count].fill(length);
        self.filled += count;
        Ok(())
    }
}

/// The entry of a symbol of the code for lengths.
fn symbol(symbol: u16) -> Entry {
    match symbol {
        0..16 => entry(LITERAL, symbol, 0),
        16 => entry(BASE, 16, 2),
        17 => entry(BASE, 17, 3),
        _ => entry(BASE, 18, 7),
    }
}
