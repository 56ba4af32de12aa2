//! Look-up tables for Huffman codes (RFC 1951, section 3.2.2).
//!
//! The next bits of the stream are the index. Codes that are longer than the root have an entry
//! there that links to a table of their own.

/// The longest code of the format, in bits.
pub(super) const LONGEST: usize = 15;

/// The value is a byte.
pub(super) const LITERAL: u32 = 1 << 15;
/// The end of the block.
pub(super) const END: u32 = 1 << 14;
/// The value is the index of the table for the rest of the code, [`extra_bits`] those of its index.
pub(super) const LINK: u32 = 1 << 13;
/// The value is the base of a length or of a distance.
pub(super) const BASE: u32 = 1 << 12;

/// Bits 0 to 7 are the length of the code, 8 to 11 the number of extra bits, 12 to 15 the kind
/// (none: no such code), 16 to 31 the value.
pub(super) type HuffmanEntry = u32;

/// An entry without the length of its code.
pub(super) const fn entry(kind: u32, value: u16, extra: u8) -> HuffmanEntry {
    kind | (value as u32) << 16 | (extra as u32) << 8
}

pub(super) const fn code_length(entry: HuffmanEntry) -> u32 {
    entry & 0xff
}

pub(super) const fn extra_bits(entry: HuffmanEntry) -> u32 {
    entry >> 8 & 0xf
}

pub(super) const fn byte(entry: HuffmanEntry) -> u8 {
    entry.to_le_bytes()[2]
}

pub(super) const fn value(entry: HuffmanEntry) -> usize {
    (entry >> 16) as usize
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CodeSet {
    Empty,
    /// One code of one bit.
    Single,
    /// All bits lead to a code.
    Complete,
}

/// A table of `SIZE` entries, a power of two that is enough for the root and all linked tables.
#[derive(Debug, Clone)]
pub(super) struct HuffmanTable<const SIZE: usize, const ROOT: u32>(
    pub(super) Box<[HuffmanEntry; SIZE]>,
);

impl<const SIZE: usize, const ROOT: u32> HuffmanTable<SIZE, ROOT> {
    pub(super) fn new() -> Self {
        Self(Box::new([1; SIZE]))
    }

    /// The entry for the next bits. If these are fewer than the code has, it may be any entry.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the innermost step")]
    pub(super) fn find(&self, bits: u64) -> HuffmanEntry {
        let found = self.root(bits);
        if found & LINK == 0 { found } else { self.linked(found, bits) }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the innermost step")]
    #[expect(clippy::cast_possible_truncation, reason = "masked")]
    pub(super) fn root(&self, bits: u64) -> HuffmanEntry {
        self.0[(bits as usize & ((1 << ROOT) - 1)) & (SIZE - 1)]
    }

    /// The entry to which a link of the root leads. Its length is that of the whole code.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the innermost step")]
    #[expect(clippy::cast_possible_truncation, reason = "masked")]
    pub(super) fn linked(&self, link: HuffmanEntry, bits: u64) -> HuffmanEntry {
        let rest = (bits >> ROOT) as usize & ((1 << extra_bits(link)) - 1);
        self.0[(value(link) + rest) & (SIZE - 1)]
    }

    /// Fills the table with codes of these lengths, 0 to [`LONGEST`], 0 for no code, for at most 320
    /// symbols, which `symbols` describes. Returns `None` if the lengths form no set of codes: too
    /// many, or too few other than none or a single code of one bit.
    pub(super) fn build(
        &mut self,
        lengths: &[u8],
        symbols: impl Fn(u16) -> HuffmanEntry,
    ) -> Option<CodeSet> {
        let mut counts = [0_u16; LONGEST + 1];
        for &length in lengths {
            counts[usize::from(length) & LONGEST] += 1;
        }
        counts[0] = 0;
        let Some(longest) = (1..=LONGEST).rev().find(|&length| counts[length] > 0) else {
            self.0[..1 << ROOT].fill(1);
            return Some(CodeSet::Empty);
        };
        let codes = match used(&counts) {
            ALL => CodeSet::Complete,
            used if longest == 1 && used < ALL => CodeSet::Single,
            _ => return None,
        };
        let mut places = [0_u16; LONGEST + 2];
        for length in 1..=LONGEST {
            places[length + 1] = places[length] + counts[length];
        }
        let mut sorted = [0_u16; 320];
        for (symbol, &length) in (0..).zip(lengths) {
            if length > 0 {
                let place = &mut places[usize::from(length) & LONGEST];
                sorted[usize::from(*place)] = symbol;
                *place += 1;
            }
        }
        self.fill(&sorted, &mut counts, longest, symbols);
        Some(codes)
    }

    /// Writes the entries of each symbol; the symbols are sorted by the lengths of their codes.
    fn fill(
        &mut self,
        sorted: &[u16],
        counts: &mut [u16; LONGEST + 1],
        longest: usize,
        symbols: impl Fn(u16) -> HuffmanEntry,
    ) {
        let root = ROOT as usize;
        let mut sorted = sorted.iter();
        // The code as the stream has it, its first bit lowest.
        let mut code = 0_usize;
        // The root doubles with the length: each entry is written once and then only copied.
        let mut filled = 1_usize;
        self.0[0] = 1;
        for (length, &count) in counts.iter().enumerate().take(longest.min(root) + 1).skip(1) {
            self.0.copy_within(..filled, filled);
            filled *= 2;
            for _ in 0..count {
                let symbol = sorted.next().copied().unwrap_or(0);
                self.0[code & (SIZE - 1)] = symbols(symbol) | entry_length(length);
                code = next_code(code, length);
            }
        }
        while filled < 1 << root {
            self.0.copy_within(..filled, filled);
            filled *= 2;
        }
        self.fill_links(sorted, counts, longest, code, symbols);
    }

    /// Does the same for codes that are longer than the root.
    fn fill_links(
        &mut self,
        mut sorted: std::slice::Iter<'_, u16>,
        counts: &mut [u16; LONGEST + 1],
        longest: usize,
        mut code: usize,
        symbols: impl Fn(u16) -> HuffmanEntry,
    ) {
        let root = ROOT as usize;
        let mut end = 1_usize << root;
        let (mut start, mut bits) = (0, 0);
        let mut prefix = usize::MAX;
        for length in root + 1..=longest {
            while counts[length] > 0 {
                let symbol = sorted.next().copied().unwrap_or(0);
                if code & ((1 << root) - 1) != prefix {
                    prefix = code & ((1 << root) - 1);
                    bits = link_bits(counts, length, longest, root);
                    start = end;
                    end += 1 << bits;
                    let link = LINK | entry_length(root) | low(start) << 16 | low(bits) << 8;
                    self.0[prefix & (SIZE - 1)] = link;
                }
                let found = symbols(symbol) | entry_length(length);
                for place in (code >> root..1 << bits).step_by(1 << (length - root)) {
                    self.0[(start + place) & (SIZE - 1)] = found;
                }
                counts[length] -= 1;
                code = next_code(code, length);
            }
        }
    }
}

/// The number of index bits of the linked table that begins with a code of this length: until its
/// codes are complete.
fn link_bits(counts: &[u16; LONGEST + 1], length: usize, longest: usize, root: usize) -> usize {
    let mut bits = length - root;
    let mut left = 1_usize << bits;
    for &count in &counts[length..longest] {
        match left.checked_sub(usize::from(count)) {
            None | Some(0) => break,
            Some(rest) => left = rest * 2,
        }
        bits += 1;
    }
    bits
}

/// The next code of this length, its first bit lowest: plus one, with the carry going down.
fn next_code(code: usize, length: usize) -> usize {
    let zeros = !code & ((1 << length) - 1);
    let bit = zeros.checked_ilog2().map_or(0_usize, |highest| 1 << highest);
    code & bit.wrapping_sub(1) | bit
}

/// All codes of the longest length.
const ALL: u32 = 1 << LONGEST;

/// The share of [`ALL`] that the codes use.
fn used(counts: &[u16; LONGEST + 1]) -> u32 {
    (1..=LONGEST).map(|length| u32::from(counts[length]) << (LONGEST - length)).sum()
}

#[expect(clippy::cast_possible_truncation, reason = "at most 15")]
fn entry_length(length: usize) -> HuffmanEntry {
    length as HuffmanEntry
}

#[expect(clippy::cast_possible_truncation, reason = "less than the size of a table")]
fn low(number: usize) -> HuffmanEntry {
    number as HuffmanEntry
}
