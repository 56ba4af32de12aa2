//! Checks an image as its bytes pass: every chunk of a PNG has a CRC-32 (PNG, third edition,
//! section 5.3).

use crc32fast::Hasher;

use super::DamageKind;

/// The first bytes of every PNG (section 5.2).
pub(super) const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// The first bytes of other images, which are sometimes called `.png`.
const OTHER_SIGNATURES: [&[u8]; 7] =
    [b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF", b"DICM"];

/// Bytes of a chunk besides its data: length, type and CRC.
const FRAME: u64 = 12;

/// The length of all `IDAT` chunks before another one: an encoder that fills its chunks gives them
/// all the same. `u32::MAX` if they differ.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct UsualLength {
    length: u32,
    chunks: u32,
}

/// The evidence for the bytes so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evidence {
    Pending,
    /// A check has matched that covers all of them.
    Proven,
    /// Nothing is wrong with them, but no check covers them.
    Plausible,
    /// They are possible, but probably wrong.
    Suspicious,
}

#[derive(Debug, Clone)]
pub(super) struct PngReader {
    section: PngSection,
    /// Bytes of the file that are still to come.
    pub(super) left: u64,
    /// The signature, or the first or last bytes of a chunk.
    bytes: [u8; 8],
    filled: usize,
    chunk: ChunkHeader,
    /// Bytes of the chunk's data that are still to come, and the CRC-32 of the others.
    data: u64,
    crc: Hasher,
    /// The length of the previous chunk, if it was image data.
    previous: Option<u32>,
    /// True if the file is called a PNG.
    is_expected: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PngSection {
    Signature,
    ChunkHeader,
    Data,
    Crc,
    /// Bytes that no check covers.
    Rest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ChunkHeader {
    length: u32,
    kind: [u8; 4],
}

impl ChunkHeader {
    /// The header before the first chunk.
    const NONE: Self = Self { length: 0, kind: [0; 4] };

    fn new(bytes: [u8; 8]) -> Self {
        let [a, b, c, d, kind @ ..] = bytes;
        Self { length: u32::from_be_bytes([a, b, c, d]), kind }
    }

    fn is_image(self) -> bool {
        self.kind == *b"IDAT"
    }

    fn is_last(self) -> bool {
        self.kind == *b"IEND"
    }
}

impl PngReader {
    /// Reads a file of `left` bytes that may be a PNG.
    pub(super) fn new(left: u64, is_expected: bool) -> Self {
        let is_too_short = left < SIGNATURE.len() as u64;
        Self {
            section: if is_too_short { PngSection::Rest } else { PngSection::Signature },
            left,
            bytes: [0; 8],
            filled: 0,
            chunk: ChunkHeader::NONE,
            data: 0,
            crc: Hasher::new(),
            previous: None,
            is_expected,
        }
    }

    /// The number of bytes to take next.
    pub(super) fn want(&self) -> u64 {
        let filled = self.filled as u64;
        match self.section {
            PngSection::Signature | PngSection::ChunkHeader => 8 - filled,
            PngSection::Data => self.data + 4,
            PngSection::Crc => 4 - filled,
            PngSection::Rest => self.left,
        }
    }

    /// The type and the length of the current chunk, after its header and before the end of its CRC.
    pub(super) fn chunk(&self) -> Option<([u8; 4], u32)> {
        let is_in_chunk = matches!(self.section, PngSection::Data | PngSection::Crc);
        is_in_chunk.then_some((self.chunk.kind, self.chunk.length))
    }

    /// Returns those of the next bytes that are data of the current chunk.
    pub(super) fn data_of<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        match self.section {
            PngSection::Data => &bytes[..self.data_length(bytes)],
            _ => &[],
        }
    }

    fn data_length(&self, bytes: &[u8]) -> usize {
        usize::try_from(self.data).unwrap_or(bytes.len()).min(bytes.len())
    }

    /// True after the last chunk, and in a file that is no PNG.
    pub(super) fn is_at_rest(&self) -> bool {
        self.section == PngSection::Rest
    }

    /// Takes bytes, at most as many as [`Self::want`] asks for.
    pub(super) fn take(
        &mut self,
        mut bytes: &[u8],
        usual: &mut UsualLength,
    ) -> Result<Evidence, DamageKind> {
        self.left -= bytes.len() as u64;
        if self.section == PngSection::Data {
            let (data, rest) = bytes.split_at(self.data_length(bytes));
            self.crc.update(data);
            self.data -= data.len() as u64;
            if self.data == 0 {
                self.section = PngSection::Crc;
            }
            bytes = rest;
        }
        if self.section == PngSection::Rest {
            return Ok(self.rest());
        }
        self.bytes[self.filled..self.filled + bytes.len()].copy_from_slice(bytes);
        self.filled += bytes.len();
        if self.want() > 0 || self.section == PngSection::Data {
            return Ok(Evidence::Pending);
        }
        self.filled = 0;
        match self.section {
            PngSection::Signature => self.signature(),
            PngSection::ChunkHeader => self.begin_chunk(*usual),
            _ => self.end_chunk(usual),
        }
    }

    fn rest(&self) -> Evidence {
        if self.left == 0 { Evidence::Plausible } else { Evidence::Pending }
    }

    fn signature(&mut self) -> Result<Evidence, DamageKind> {
        if self.bytes == SIGNATURE {
            return self.next_chunk();
        }
        let is_other = OTHER_SIGNATURES.iter().any(|magic| self.bytes.starts_with(magic));
        if self.is_expected && !is_other {
            return Err(DamageKind::PngSignature);
        }
        self.section = PngSection::Rest;
        Ok(self.rest())
    }

    fn next_chunk(&mut self) -> Result<Evidence, DamageKind> {
        self.section = PngSection::ChunkHeader;
        if self.left < FRAME { Err(DamageKind::PngEnd) } else { Ok(Evidence::Pending) }
    }

    fn begin_chunk(&mut self, usual: UsualLength) -> Result<Evidence, DamageKind> {
        let chunk = ChunkHeader::new(self.bytes);
        let is_first = self.chunk == ChunkHeader::NONE;
        // Four letters, the third of them a capital (section 5.4).
        let is_type = chunk.kind.iter().all(u8::is_ascii_alphabetic)
            && chunk.kind[2].is_ascii_uppercase()
            && is_first == (chunk.kind == *b"IHDR");
        if !is_type {
            return Err(DamageKind::ChunkType);
        }
        // The CRC follows the data, and another chunk unless this is the last one.
        let after = if chunk.is_last() { 4 } else { 4 + FRAME };
        let is_length = u64::from(chunk.length) + after <= self.left
            && (!is_first || chunk.length == 13)
            && (!chunk.is_last() || chunk.length == 0);
        if !is_length {
            return Err(DamageKind::ChunkLength);
        }
        self.previous = Some(self.chunk.length).filter(|_| self.chunk.is_image());
        self.chunk = chunk;
        self.crc = Hasher::new();
        self.crc.update(&chunk.kind);
        self.data = chunk.length.into();
        self.section = if self.data == 0 { PngSection::Crc } else { PngSection::Data };
        let is_suspicious = chunk.is_image() && usual.is_exceeded_by(chunk.length);
        Ok(if is_suspicious { Evidence::Suspicious } else { Evidence::Pending })
    }

    fn end_chunk(&mut self, usual: &mut UsualLength) -> Result<Evidence, DamageKind> {
        let [a, b, c, d, ..] = self.bytes;
        if self.crc.clone().finalize() != u32::from_be_bytes([a, b, c, d]) {
            return Err(DamageKind::ChunkCrc);
        }
        if let Some(previous) = self.previous.filter(|_| self.chunk.is_image()) {
            usual.note(previous);
        }
        if self.chunk.is_last() {
            self.section = PngSection::Rest;
        } else {
            self.next_chunk()?;
        }
        Ok(Evidence::Proven)
    }
}

/// Chunks that must have had the same length before a longer one is suspicious.
const CONVINCING: u32 = 4;

impl UsualLength {
    fn is_exceeded_by(self, length: u32) -> bool {
        self.chunks >= CONVINCING && length > self.length
    }

    fn note(&mut self, length: u32) {
        let is_same = self.chunks == 0 || self.length == length;
        self.length = if is_same { length } else { u32::MAX };
        self.chunks = self.chunks.saturating_add(1);
    }
}
