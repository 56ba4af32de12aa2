//! Decompresses the data of an image as it passes, and checks its length, its rows and its
//! Adler-32 (RFC 1950; PNG, third edition, sections 9 and 10).

use super::super::DamageKind;
use super::super::bit_reader::BitReader;
use super::super::inflate::{AT_MOST, DecodeStatus, DeflateDecoder};
use super::image_header::ImageHeader;

/// The number of filters that a row can have.
pub(super) const FILTERS: u8 = 5;

/// A check of the pixels of one image after another.
pub(super) trait PixelCheck {
    /// Begins another image. Returns false if it is too large to be checked.
    fn begin(&mut self, header: ImageHeader) -> bool;

    /// Takes the data of an `IDAT` chunk, or a part of it.
    fn take(&mut self, data: &[u8]) -> Result<(), DamageKind>;

    /// Ends the data of the image here.
    fn finish(&mut self) -> Result<(), DamageKind>;
}

/// The data of one image. Its memory serves the next one too.
#[derive(Debug, Clone)]
pub(super) struct ImageStream {
    section: StreamSection,
    bits: BitReader,
    inflate: DeflateDecoder,
    adler: Adler32,
    rows: Rows,
    /// Decompressed bytes that may still be checked.
    pub(super) budget: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StreamSection {
    Header,
    Deflate,
    Adler,
    End,
}

impl ImageStream {
    pub(super) fn new(budget: u64) -> Self {
        Self {
            section: StreamSection::Header,
            bits: BitReader::default(),
            inflate: DeflateDecoder::new(),
            adler: Adler32::new(),
            rows: Rows::default(),
            budget,
        }
    }

    fn header(&mut self, input: &mut &[u8]) -> Result<bool, DamageKind> {
        let Some(header) = self.bits.take(16, input) else { return Ok(false) };
        let (method, flags) = (header & 0xff, header >> 8);
        let is_header = method & 0xf == 8
            && method >> 4 <= 7
            && flags & 0x20 == 0
            && (method << 8 | flags) % 31 == 0;
        self.section = StreamSection::Deflate;
        if is_header { Ok(true) } else { Err(DamageKind::ImageData) }
    }

    fn deflate(&mut self, input: &mut &[u8]) -> Result<bool, DamageKind> {
        let produced = self.inflate.produced();
        let status = self.inflate.run(&mut self.bits, input, produced + AT_MOST);
        let status = status.map_err(|_| DamageKind::ImageData)?;
        for slice in self.inflate.slices(produced, self.inflate.produced()) {
            self.rows.take(slice)?;
            self.adler.update(slice);
        }
        match status {
            DecodeStatus::NeedsInput => return Ok(false),
            DecodeStatus::StreamEnd => self.section = StreamSection::Adler,
            DecodeStatus::BlockStart | DecodeStatus::GoalReached => {}
        }
        Ok(true)
    }

    fn adler(&mut self, input: &mut &[u8]) -> Result<bool, DamageKind> {
        let Some(adler) = self.bits.take(32, input) else { return Ok(false) };
        self.section = StreamSection::End;
        let is_right = adler.swap_bytes() == self.adler.value();
        if is_right { Ok(true) } else { Err(DamageKind::ImageAdler) }
    }
}

impl PixelCheck for ImageStream {
    fn begin(&mut self, header: ImageHeader) -> bool {
        self.section = StreamSection::Header;
        self.bits = BitReader::default();
        self.inflate.begin();
        self.adler = Adler32::new();
        self.rows = Rows::of(header);
        let left = self.budget.checked_sub(self.rows.bytes());
        self.budget = left.unwrap_or(self.budget);
        left.is_some()
    }

    fn take(&mut self, mut input: &[u8]) -> Result<(), DamageKind> {
        loop {
            let goes_on = match self.section {
                StreamSection::Header => self.header(&mut input)?,
                StreamSection::Deflate => self.deflate(&mut input)?,
                StreamSection::Adler => self.adler(&mut input)?,
                StreamSection::End if self.bits.count > 0 || !input.is_empty() => {
                    return Err(DamageKind::ImageLength);
                }
                StreamSection::End => false,
            };
            if !goes_on {
                return Ok(());
            }
        }
    }

    fn finish(&mut self) -> Result<(), DamageKind> {
        let is_complete = self.section == StreamSection::End && self.rows.bytes() == 0;
        if is_complete { Ok(()) } else { Err(DamageKind::ImageLength) }
    }
}

/// The rows that are still to come.
#[derive(Debug, Clone, Default)]
struct Rows {
    /// The rows of each later pass and the bytes of each, the next pass last.
    passes: Vec<(u64, u64)>,
    /// Bytes of the current row.
    row: u64,
}

impl Rows {
    fn of(header: ImageHeader) -> Self {
        let mut passes = header.passes();
        passes.reverse();
        Self { passes, row: 0 }
    }

    /// Returns the number of bytes that are still to come.
    fn bytes(&self) -> u64 {
        let passes = self.passes.iter().map(|(rows, bytes)| rows.saturating_mul(*bytes));
        passes.fold(self.row, u64::saturating_add)
    }

    fn take(&mut self, mut bytes: &[u8]) -> Result<(), DamageKind> {
        while let Some(&first) = bytes.first() {
            if self.row == 0 {
                self.row = self.next_row().ok_or(DamageKind::ImageLength)?;
                if first >= FILTERS {
                    return Err(DamageKind::ImageFilter);
                }
            }
            let length = usize::try_from(self.row).unwrap_or(bytes.len()).min(bytes.len());
            self.row -= length as u64;
            bytes = &bytes[length..];
        }
        Ok(())
    }

    /// Begins the next row. Returns its bytes.
    fn next_row(&mut self) -> Option<u64> {
        let (rows, bytes) = self.passes.last_mut()?;
        let bytes = *bytes;
        *rows -= 1;
        if *rows == 0 {
            self.passes.pop();
        }
        Some(bytes)
    }
}

/// The checksum of RFC 1950, section 8.2.
#[derive(Debug, Clone, Copy)]
struct Adler32 {
    sum: u32,
    sum_of_sums: u32,
}

impl Adler32 {
    const MODULUS: u32 = 65_521;

    /// Bytes after which the sums still fit 32 bits.
    const FITTING: usize = 5552;

    const fn new() -> Self {
        Self { sum: 1, sum_of_sums: 0 }
    }

    fn update(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(Self::FITTING) {
            for &byte in piece {
                self.sum += u32::from(byte);
                self.sum_of_sums += self.sum;
            }
            self.sum %= Self::MODULUS;
            self.sum_of_sums %= Self::MODULUS;
        }
    }

    const fn value(self) -> u32 {
        self.sum_of_sums << 16 | self.sum
    }
}
