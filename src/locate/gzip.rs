//! What stands around a deflate stream: the header and the trailer of gzip (RFC 1952).

use crc32fast::Hasher;

use super::bits::Bits;

/// The first two bytes of every member (section 2.3.1).
pub(super) const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The fixed part of a header.
const FIXED: usize = 10;

/// The optional parts, by their flags (section 2.3.1).
const CHECK: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;
const RESERVED: u8 = 0xe0;

/// The longest name or comment that is believed; a damaged flag makes all that follows one.
const LONGEST_TEXT: usize = 1 << 16;

/// What a header may not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It does not begin as gzip does.
    #[error("no gzip header")]
    Magic,
    /// Not deflate, flags that do not exist, or an endless name.
    #[error("an impossible gzip header")]
    Header,
    /// The header's own check does not match.
    #[error("a gzip header that fails its check")]
    HeaderCheck,
}

/// A header of which not all may have come yet.
#[derive(Debug, Clone)]
pub(super) struct Header {
    part: Part,
    /// Bytes of this part.
    filled: usize,
    flags: u8,
    /// How long the extra field is, or what the check says.
    number: u16,
    check: Hasher,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Fixed,
    ExtraLength,
    Extra,
    Name,
    Comment,
    Check,
    Over,
}

impl Header {
    pub(super) fn new() -> Self {
        Self { part: Part::Fixed, filled: 0, flags: 0, number: 0, check: Hasher::new() }
    }

    /// Reads on; whether the header is whole.
    pub(super) fn read(&mut self, bits: &mut Bits, input: &mut &[u8]) -> Result<bool, Flaw> {
        while self.part != Part::Over {
            bits.fill(input);
            let Some(byte) = bits.byte() else { return Ok(false) };
            self.take(byte)?;
        }
        Ok(true)
    }

    fn take(&mut self, byte: u8) -> Result<(), Flaw> {
        if self.part != Part::Check {
            self.check.update(&[byte]);
        }
        let index = self.filled;
        self.filled += 1;
        let is_whole = match self.part {
            Part::Fixed => self.fixed(index, byte)?,
            Part::ExtraLength | Part::Check => {
                self.number = self.number >> 8 | u16::from(byte) << 8;
                index == 1
            }
            Part::Extra => self.filled == usize::from(self.number),
            Part::Name | Part::Comment if index == LONGEST_TEXT => return Err(Flaw::Header),
            Part::Name | Part::Comment => byte == 0,
            Part::Over => true,
        };
        if is_whole { self.next_part() } else { Ok(()) }
    }

    fn fixed(&mut self, index: usize, byte: u8) -> Result<bool, Flaw> {
        match index {
            0 | 1 if byte != MAGIC[index] => return Err(Flaw::Magic),
            2 if byte != 8 => return Err(Flaw::Header),
            3 if byte & RESERVED != 0 => return Err(Flaw::Header),
            3 => self.flags = byte,
            _ => {}
        }
        Ok(index == FIXED - 1)
    }

    fn next_part(&mut self) -> Result<(), Flaw> {
        self.filled = 0;
        if self.part == Part::Check {
            // The lower half of the CRC-32 of all before it.
            let expected = self.check.clone().finalize() & 0xffff;
            if u32::from(self.number) != expected {
                return Err(Flaw::HeaderCheck);
            }
        }
        let has = |flag: u8| self.flags & flag != 0;
        let parts = [
            (Part::ExtraLength, has(EXTRA)),
            (Part::Extra, has(EXTRA) && self.number > 0),
            (Part::Name, has(NAME)),
            (Part::Comment, has(COMMENT)),
            (Part::Check, has(CHECK)),
        ];
        let done = parts.iter().position(|(part, _)| *part == self.part).map_or(0, |at| at + 1);
        let next = parts[done..].iter().find(|(_, is_there)| *is_there);
        self.part = next.map_or(Part::Over, |(part, _)| *part);
        Ok(())
    }
}

/// Bytes of a trailer.
pub(super) const TRAILER: u64 = 8;

/// The CRC-32 and the length, modulo 2³², of what was compressed (section 2.3.1). Not all of it may
/// have come yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Trailer {
    value: u64,
    filled: u64,
}

impl Trailer {
    /// Reads on; whether the trailer is whole.
    pub(super) fn read(&mut self, bits: &mut Bits, input: &mut &[u8]) -> bool {
        while self.filled < TRAILER {
            bits.fill(input);
            let Some(byte) = bits.byte() else { return false };
            self.value |= u64::from(byte) << (self.filled * 8);
            self.filled += 1;
        }
        true
    }

    /// The CRC-32.
    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    pub(super) fn crc(&self) -> u32 {
        self.value as u32
    }

    /// The length.
    pub(super) fn length(&self) -> u32 {
        (self.value >> 32) as u32
    }
}
