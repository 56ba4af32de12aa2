//! Checks one image as its bytes pass: the order and the presence of its chunks, their meaning, and
//! the end (PNG, third edition, sections 5.6 and 11.2). The chunks' CRCs are checked elsewhere.

use super::super::DamageKind;
use super::super::png::SIGNATURE;
use super::image_header::{Color, ImageHeader};
use super::image_stream::ImageStream;

/// The result for an image that has ended.
pub(super) type ImageResult = Result<(), ImageProblem>;

/// The reason why nothing good is said of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ImageProblem {
    Broken(DamageKind),
    /// It is too large to be checked.
    TooLarge,
}

impl From<DamageKind> for ImageProblem {
    fn from(kind: DamageKind) -> Self {
        Self::Broken(kind)
    }
}

#[derive(Debug, Clone)]
pub(super) struct ImageReader {
    section: ImageSection,
    stage: Stage,
    /// The signature, the first bytes of a chunk, or the data of `IHDR`.
    bytes: Vec<u8>,
    header: Option<ImageHeader>,
    has_palette: bool,
    /// True if the image must have the form of NIH's.
    is_nih: bool,
    problem: Option<ImageProblem>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ImageSection {
    Signature,
    ChunkHeader,
    /// Bytes of the current chunk that are still to come, with those of its CRC.
    Chunk(ChunkKind, u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChunkKind {
    Header,
    Data,
    Other,
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

/// Bytes of the CRC of a chunk.
const CRC: u64 = 4;

/// Bytes of the data of `IHDR`.
const HEADER_BYTES: usize = 13;

impl ImageReader {
    pub(super) fn new(is_nih: bool) -> Self {
        Self {
            section: ImageSection::Signature,
            stage: Stage::Nothing,
            bytes: Vec::new(),
            header: None,
            has_palette: false,
            is_nih,
            problem: None,
        }
    }

    /// Takes the next bytes of the file.
    pub(super) fn take(&mut self, mut bytes: &[u8], stream: &mut ImageStream) {
        while !bytes.is_empty() && self.problem.is_none() {
            self.problem = self.step(&mut bytes, stream).err();
        }
    }

    /// Ends the file here.
    pub(super) fn finish(self) -> ImageResult {
        match self.problem {
            Some(problem) => Err(problem),
            None if self.stage == Stage::End && self.is_between_chunks() => Ok(()),
            None => Err(DamageKind::PngEnd.into()),
        }
    }

    fn is_between_chunks(&self) -> bool {
        self.section == ImageSection::ChunkHeader && self.bytes.is_empty()
    }

    fn step(&mut self, bytes: &mut &[u8], stream: &mut ImageStream) -> ImageResult {
        match self.section {
            ImageSection::ChunkHeader if self.stage == Stage::End => {
                Err(DamageKind::ImageRest.into())
            }
            ImageSection::Signature => {
                if self.collect(bytes, SIGNATURE.len()) {
                    if self.bytes != SIGNATURE {
                        return Err(DamageKind::PngSignature.into());
                    }
                    self.end_section();
                }
                Ok(())
            }
            ImageSection::ChunkHeader => {
                if self.collect(bytes, 8) {
                    self.chunk(stream)
                } else {
                    Ok(())
                }
            }
            ImageSection::Chunk(kind, left) => self.content(kind, left, bytes, stream),
        }
    }

    /// Collects this number of bytes. Returns true once they are complete.
    fn collect(&mut self, bytes: &mut &[u8], number: usize) -> bool {
        let missing = number.saturating_sub(self.bytes.len()).min(bytes.len());
        let (taken, rest) = bytes.split_at(missing);
        self.bytes.extend_from_slice(taken);
        *bytes = rest;
        self.bytes.len() == number
    }

    fn end_section(&mut self) {
        self.bytes.clear();
        self.section = ImageSection::ChunkHeader;
    }

    /// Begins a chunk: its place must be right.
    fn chunk(&mut self, stream: &mut ImageStream) -> ImageResult {
        let Some((length, kind)) = self.bytes.split_first_chunk() else { return Ok(()) };
        let length = u64::from(u32::from_be_bytes(*length));
        let (kind, after) = match (kind, self.stage) {
            (b"IHDR", Stage::Nothing) if length == HEADER_BYTES as u64 => {
                (ChunkKind::Header, Stage::Header)
            }
            (_, Stage::Nothing) | (b"IHDR", _) => return Err(DamageKind::ImageOrder.into()),
            (b"PLTE", Stage::Header) if self.may_have_palette(length) => {
                self.has_palette = true;
                (ChunkKind::Other, Stage::Header)
            }
            (b"IDAT", Stage::Header | Stage::Data) if self.has_all_before_data() => {
                (ChunkKind::Data, Stage::Data)
            }
            (b"IEND", Stage::Data | Stage::AfterData) => (ChunkKind::Other, Stage::End),
            ([first, ..], stage) if first.is_ascii_lowercase() => {
                let after = if stage == Stage::Data { Stage::AfterData } else { stage };
                (ChunkKind::Other, after)
            }
            // One in the wrong place, or one that decoders must know and that does not exist.
            _ => return Err(DamageKind::ImageOrder.into()),
        };
        if self.stage == Stage::Data && after != Stage::Data {
            stream.finish()?;
        }
        self.stage = after;
        self.bytes.clear();
        self.section = ImageSection::Chunk(kind, length + CRC);
        Ok(())
    }

    fn may_have_palette(&self, length: u64) -> bool {
        let is_grey = |header: ImageHeader| matches!(header.color, Color::Grey | Color::GreyAlpha);
        let is_length = length > 0 && length <= 768 && length.is_multiple_of(3);
        !self.has_palette && is_length && !self.header.is_some_and(is_grey)
    }

    fn has_all_before_data(&self) -> bool {
        let needs = |header: ImageHeader| header.color == Color::Palette;
        self.has_palette || !self.header.is_some_and(needs)
    }

    fn content(
        &mut self,
        kind: ChunkKind,
        left: u64,
        bytes: &mut &[u8],
        stream: &mut ImageStream,
    ) -> ImageResult {
        let length = usize::try_from(left).unwrap_or(bytes.len()).min(bytes.len());
        let (taken, rest) = bytes.split_at(length);
        *bytes = rest;
        let data = usize::try_from(left.saturating_sub(CRC)).unwrap_or(length).min(length);
        match kind {
            ChunkKind::Header => self.bytes.extend_from_slice(&taken[..data]),
            ChunkKind::Data => stream.take(&taken[..data])?,
            ChunkKind::Other => {}
        }
        let left = left - length as u64;
        self.section = ImageSection::Chunk(kind, left);
        if left == 0 {
            if kind == ChunkKind::Header {
                self.begin_image(stream)?;
            }
            self.end_section();
        }
        Ok(())
    }

    fn begin_image(&mut self, stream: &mut ImageStream) -> ImageResult {
        let header = ImageHeader::read(&self.bytes).ok_or(DamageKind::ImageHeader)?;
        if self.is_nih && !header.is_nih() {
            return Err(DamageKind::ImageForm.into());
        }
        self.header = Some(header);
        if stream.begin(header) { Ok(()) } else { Err(ImageProblem::TooLarge) }
    }
}
