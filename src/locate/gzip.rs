//! The header and the trailer of a gzip member (RFC 1952).

use crc32fast::Hasher;

use super::DamageKind;
use super::bit_reader::BitReader;

/// The first two bytes of every member (section 2.3.1).
pub(crate) const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Bytes of the part that every header has.
const FIXED_BYTES: usize = 10;

/// The flags of the optional fields (section 2.3.1).
const FLAG_CRC: u8 = 2;
const FLAG_EXTRA: u8 = 4;
const FLAG_NAME: u8 = 8;
const FLAG_COMMENT: u8 = 16;
const FLAGS_RESERVED: u8 = 0xe0;

/// The longest accepted name or comment: a damaged flag turns all data that follows into one.
const LONGEST_TEXT: usize = 1 << 16;

/// A header that may still be incomplete.
#[derive(Debug, Clone)]
pub(crate) struct GzipHeader {
    field: HeaderField,
    /// Bytes of this field that have been read.
    filled: usize,
    flags: u8,
    /// The length of the extra field, or the CRC-16.
    number: u16,
    crc: Hasher,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HeaderField {
    Fixed,
    ExtraLength,
    Extra,
    Name,
    Comment,
    Crc,
    End,
}

impl GzipHeader {
    pub(crate) fn new() -> Self {
        Self { field: HeaderField::Fixed, filled: 0, flags: 0, number: 0, crc: Hasher::new() }
    }

    /// Reads on. Returns true once the header is complete.
    pub(super) fn read(
        &mut self,
        bits: &mut BitReader,
        input: &mut &[u8],
    ) -> Result<bool, DamageKind> {
        loop {
            bits.fill(input);
            let Some(byte) = bits.byte() else { return Ok(false) };
            if self.take(byte)? {
                return Ok(true);
            }
        }
    }

    /// Reads the next byte. Returns true if it is the last one.
    pub(crate) fn take(&mut self, byte: u8) -> Result<bool, DamageKind> {
        if self.field != HeaderField::Crc {
            self.crc.update(&[byte]);
        }
        let index = self.filled;
        self.filled += 1;
        let is_complete = match self.field {
            HeaderField::Fixed => self.fixed(index, byte)?,
            HeaderField::ExtraLength | HeaderField::Crc => {
                self.number = self.number >> 8 | u16::from(byte) << 8;
                index == 1
            }
            HeaderField::Extra => self.filled == usize::from(self.number),
            HeaderField::Name | HeaderField::Comment if index == LONGEST_TEXT => {
                return Err(DamageKind::GzipHeader);
            }
            HeaderField::Name | HeaderField::Comment => byte == 0,
            HeaderField::End => true,
        };
        if is_complete {
            self.next_field()?;
        }
        Ok(self.field == HeaderField::End)
    }

    /// Returns true if a name or a comment is longer than what is accepted.
    pub(crate) fn is_too_long(&self) -> bool {
        let is_text = matches!(self.field, HeaderField::Name | HeaderField::Comment);
        is_text && self.filled > LONGEST_TEXT
    }

    fn fixed(&mut self, index: usize, byte: u8) -> Result<bool, DamageKind> {
        match index {
            0 | 1 if byte != MAGIC[index] => return Err(DamageKind::GzipMagic),
            2 if byte != 8 => return Err(DamageKind::GzipHeader),
            3 if byte & FLAGS_RESERVED != 0 => return Err(DamageKind::GzipHeader),
            3 => self.flags = byte,
            _ => {}
        }
        Ok(index == FIXED_BYTES - 1)
    }

    fn next_field(&mut self) -> Result<(), DamageKind> {
        self.filled = 0;
        // The CRC-16 is the lower half of the CRC-32 of all bytes before it.
        if self.field == HeaderField::Crc
            && u32::from(self.number) != self.crc.clone().finalize() & 0xffff
        {
            return Err(DamageKind::GzipHeaderCrc);
        }
        let has = |flag: u8| self.flags & flag != 0;
        let fields = [
            (HeaderField::ExtraLength, has(FLAG_EXTRA)),
            (HeaderField::Extra, has(FLAG_EXTRA) && self.number > 0),
            (HeaderField::Name, has(FLAG_NAME)),
            (HeaderField::Comment, has(FLAG_COMMENT)),
            (HeaderField::Crc, has(FLAG_CRC)),
        ];
        let done = fields.iter().position(|(field, _)| *field == self.field).map_or(0, |at| at + 1);
        let next = fields[done..].iter().find(|(_, is_present)| *is_present);
        self.field = next.map_or(HeaderField::End, |(field, _)| *field);
        Ok(())
    }
}

/// Bytes of a trailer.
pub(crate) const TRAILER_BYTES: u64 = 8;

/// The CRC-32 and the length modulo 2³² of the content (section 2.3.1). It may still be incomplete.
#[derive(Debug, Clone, Default)]
pub(super) struct GzipTrailer {
    value: u64,
    filled: u64,
}

impl GzipTrailer {
    /// Reads on. Returns the CRC-32 and the length once the trailer is complete.
    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    pub(super) fn read(&mut self, bits: &mut BitReader, input: &mut &[u8]) -> Option<(u32, u32)> {
        while self.filled < TRAILER_BYTES {
            bits.fill(input);
            self.value |= u64::from(bits.byte()?) << (self.filled * 8);
            self.filled += 1;
        }
        Some((self.value as u32, (self.value >> 32) as u32))
    }
}
