//! Checks one PNG: its signature, the CRC-32, the order and the presence of its chunks, its pixels
//! and its end (PNG, third edition, sections 5.6 and 11.2).
//!
//! [`PngReader`] walks the chunks and checks their CRC-32s. The CRC-32s alone do not notice a chunk
//! that is missing or in another place.

use super::super::DamageKind;
use super::super::png::{Evidence, PngReader, SIGNATURE, UsualLength};
use super::image_header::{Color, ImageHeader};
#[cfg(any(test, feature = "fuzzing"))]
use super::image_stream::ImageStream;
use super::image_stream::PixelCheck;
use super::whole_pixels::WholePixels;

/// The decompressed bytes that are checked for each byte of the file or the archive: those of NIH
/// have fewer than three. A file could be made to keep a processor busy for days.
const BYTES_PER_BYTE: u64 = 64;

/// The same for a small file.
const BYTES_AT_LEAST: u64 = 64 << 20;

/// The last chunk of every PNG.
const LAST_CHUNK: [u8; 12] = *b"\0\0\0\0IEND\xae\x42\x60\x82";

/// The extent of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The signature, the header, the CRC-32, the order and the presence of the chunks, and the end.
    Checksums,
    /// Also the pixels: they are decompressed, and their number, filters and Adler-32 must be right.
    Pixels,
}

/// Checks one PNG after another, each in memory. It keeps its own memory for the next.
#[derive(Debug)]
pub(crate) struct PngChecker {
    pixels: WholePixels,
}

impl PngChecker {
    pub(crate) fn new() -> Self {
        Self { pixels: WholePixels::new() }
    }

    /// Checks a PNG. Returns its header: whether it has NIH's form is for the caller.
    pub(crate) fn check(&mut self, png: &[u8], depth: Depth) -> Result<ImageHeader, DamageKind> {
        let size = png.len() as u64;
        self.pixels.stream.budget = budget(size);
        let mut check = PngCheck::new(size, depth);
        check.take(png, &mut self.pixels);
        check.finish_with(png)
    }
}

/// Checks a PNG that is in memory.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn check(png: &[u8], depth: Depth) -> Result<ImageHeader, DamageKind> {
    PngChecker::new().check(png, depth)
}

/// Checks the pixels of a PNG that passes in pieces of this length.
#[cfg(any(test, feature = "fuzzing"))]
pub(in super::super) fn check_pieces(png: &[u8], length: usize) -> Result<ImageHeader, DamageKind> {
    let size = png.len() as u64;
    let mut pixels = ImageStream::new(budget(size));
    let mut check = PngCheck::new(size, Depth::Pixels);
    png.chunks(length).for_each(|piece| check.take(piece, &mut pixels));
    check.finish_with(png)
}

/// Returns the number of decompressed bytes that are checked of a file or an archive of `size` bytes.
pub(super) fn budget(size: u64) -> u64 {
    size.saturating_mul(BYTES_PER_BYTE).max(BYTES_AT_LEAST)
}

/// The check of one PNG as its bytes pass.
#[derive(Debug, Clone)]
pub(super) struct PngCheck {
    reader: PngReader,
    depth: Depth,
    usual_length: UsualLength,
    stage: Stage,
    /// The data of `IHDR`.
    header_bytes: Vec<u8>,
    header: Option<ImageHeader>,
    has_palette: bool,
    problem: Option<DamageKind>,
    /// A problem of the pixels. A wrong CRC-32 explains it, even one that comes later.
    pixel_problem: Option<DamageKind>,
}

/// The chunks that have passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Nothing,
    Header,
    Data,
    AfterData,
    End,
}

impl PngCheck {
    /// Begins a file of `size` bytes.
    pub(super) fn new(size: u64, depth: Depth) -> Self {
        Self {
            reader: PngReader::new(size, true),
            depth,
            usual_length: UsualLength::default(),
            stage: Stage::Nothing,
            header_bytes: Vec::new(),
            header: None,
            has_palette: false,
            problem: (size < SIGNATURE.len() as u64).then_some(DamageKind::PngEnd),
            pixel_problem: None,
        }
    }

    /// Takes the next bytes of the file.
    pub(super) fn take(&mut self, mut bytes: &[u8], pixels: &mut impl PixelCheck) {
        while !bytes.is_empty() && self.problem.is_none() {
            self.problem = self.step(&mut bytes, pixels).err();
        }
    }

    /// Ends the file here.
    pub(super) fn finish(self) -> Result<ImageHeader, DamageKind> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        let is_whole = self.stage == Stage::End && self.reader.left == 0;
        let header = self.header.filter(|_| is_whole).ok_or(DamageKind::PngEnd)?;
        self.pixel_problem.map_or(Ok(header), Err)
    }

    /// Ends the file here, which is in memory.
    fn finish_with(self, png: &[u8]) -> Result<ImageHeader, DamageKind> {
        match self.finish() {
            // The chunk may be right, and the file too short.
            Err(DamageKind::ChunkLength) if !png.ends_with(&LAST_CHUNK) => Err(DamageKind::PngEnd),
            result => result,
        }
    }

    fn step(&mut self, bytes: &mut &[u8], pixels: &mut impl PixelCheck) -> Result<(), DamageKind> {
        if self.reader.is_at_rest() {
            let is_over = self.stage == Stage::End;
            return Err(if is_over { DamageKind::ImageRest } else { DamageKind::PngSignature });
        }
        let length = usize::try_from(self.reader.want()).unwrap_or(bytes.len()).min(bytes.len());
        let (taken, rest) = bytes.split_at(length);
        *bytes = rest;
        let data = self.reader.data_of(taken);
        let was_in_chunk = self.reader.chunk().is_some();
        let evidence = self.reader.take(taken, &mut self.usual_length)?;
        if !data.is_empty() {
            self.data(data, pixels);
        }
        match self.reader.chunk() {
            Some((kind, length)) if !was_in_chunk => self.begin_chunk(kind, length, pixels),
            None if evidence == Evidence::Proven => self.end_chunk(pixels),
            _ => Ok(()),
        }
    }

    /// Begins a chunk: its place must be right.
    fn begin_chunk(
        &mut self,
        kind: [u8; 4],
        length: u32,
        pixels: &mut impl PixelCheck,
    ) -> Result<(), DamageKind> {
        let after = match (&kind, self.stage) {
            (b"IHDR", Stage::Nothing) => Stage::Header,
            (b"PLTE", Stage::Header) if self.may_have_palette(length) => {
                self.has_palette = true;
                Stage::Header
            }
            (b"IDAT", Stage::Header | Stage::Data) if self.has_all_before_data() => Stage::Data,
            (b"IEND", Stage::Data | Stage::AfterData) => Stage::End,
            ([first, ..], stage) if first.is_ascii_lowercase() => {
                if stage == Stage::Data {
                    Stage::AfterData
                } else {
                    stage
                }
            }
            // One in the wrong place, or one that decoders must know and that does not exist.
            _ => return Err(DamageKind::ImageOrder),
        };
        if self.stage == Stage::Data && after != Stage::Data && self.has_pixels_to_check() {
            self.pixel_problem = pixels.finish().err();
        }
        self.stage = after;
        Ok(())
    }

    fn has_pixels_to_check(&self) -> bool {
        self.depth == Depth::Pixels && self.pixel_problem.is_none()
    }

    fn may_have_palette(&self, length: u32) -> bool {
        let is_grey = |header: ImageHeader| matches!(header.color, Color::Grey | Color::GreyAlpha);
        let is_length = length > 0 && length <= 768 && length.is_multiple_of(3);
        !self.has_palette && is_length && !self.header.is_some_and(is_grey)
    }

    fn has_all_before_data(&self) -> bool {
        let needs = |header: ImageHeader| header.color == Color::Palette;
        self.has_palette || !self.header.is_some_and(needs)
    }

    /// Takes data of the current chunk.
    fn data(&mut self, data: &[u8], pixels: &mut impl PixelCheck) {
        match self.stage {
            Stage::Header if self.header.is_none() => self.header_bytes.extend_from_slice(data),
            Stage::Data if self.has_pixels_to_check() => {
                self.pixel_problem = pixels.take(data).err();
            }
            _ => {}
        }
    }

    /// Ends a chunk with the right CRC-32.
    fn end_chunk(&mut self, pixels: &mut impl PixelCheck) -> Result<(), DamageKind> {
        if self.stage == Stage::Header && self.header.is_none() {
            let header = ImageHeader::read(&self.header_bytes).ok_or(DamageKind::ImageHeader)?;
            self.header = Some(header);
            if self.depth == Depth::Pixels && !pixels.begin(header) {
                self.pixel_problem = Some(DamageKind::ImageTooLarge);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: &[u8] = include_bytes!("../../../tests/data/png/00000013_021.png");

    /// The range of each chunk with its length, type and CRC.
    fn chunks(png: &[u8]) -> Vec<std::ops::Range<usize>> {
        let mut start = 8;
        let next = || {
            let length = png.get(start..start + 4)?.try_into().ok()?;
            let end = start + 12 + u32::from_be_bytes(length) as usize;
            Some(std::mem::replace(&mut start, end)..end)
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn an_original_image_is_whole() {
        for depth in [Depth::Checksums, Depth::Pixels] {
            let header = check(IMAGE, depth).unwrap();
            assert!(header.is_nih() && header.color == Color::Grey);
        }
        for length in [1, 7, 4096] {
            assert!(check_pieces(IMAGE, length).is_ok());
        }
    }

    #[test]
    fn the_reason_is_that_of_the_damage() {
        let chunks = chunks(IMAGE);
        let (data, last) = (chunks[5].clone(), chunks.last().unwrap().clone());
        let without =
            |range: &std::ops::Range<usize>| [&IMAGE[..range.start], &IMAGE[range.end..]].concat();
        let swapped = [
            &IMAGE[..data.start],
            &IMAGE[chunks[6].clone()],
            &IMAGE[data.clone()],
            &IMAGE[chunks[6].end..],
        ];
        let both = |png: &[u8], expected: DamageKind| {
            assert_eq!(check(png, Depth::Checksums), Err(expected));
            assert_eq!(check(png, Depth::Pixels), Err(expected));
        };
        let flipped = |at: usize| {
            let mut png = IMAGE.to_vec();
            png[at] ^= 1;
            png
        };
        both(&flipped(data.start + 100), DamageKind::ChunkCrc);
        both(&flipped(data.end - 1), DamageKind::ChunkCrc);
        both(&flipped(data.start), DamageKind::ChunkLength);
        both(&flipped(data.start + 6), DamageKind::ChunkType);
        both(&IMAGE[..data.start + 700], DamageKind::PngEnd);
        both(&IMAGE[..data.end], DamageKind::PngEnd);
        both(&without(&last), DamageKind::PngEnd);
        both(&[IMAGE, &[0]].concat(), DamageKind::ImageRest);
        both(&flipped(1), DamageKind::PngSignature);
        both(b"", DamageKind::PngEnd);
        both(&IMAGE[..7], DamageKind::PngEnd);
        both(&[&b"\xff\xd8\xff"[..], &[0; 99]].concat(), DamageKind::PngSignature);
        let end = &chunks[chunks.len() - 2];
        let doubled = [&IMAGE[..end.end], &IMAGE[end.clone()], &IMAGE[last.clone()]];
        for moved in [without(&data), swapped.concat(), doubled.concat()] {
            assert!(check(&moved, Depth::Checksums).is_ok());
            let result = check(&moved, Depth::Pixels);
            assert!(result.is_err());
            assert_eq!(check_pieces(&moved, 4096), result);
        }
    }
}
