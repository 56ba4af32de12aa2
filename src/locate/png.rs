//! Images as they come by: every chunk of a PNG has a CRC-32 (PNG, third edition, section 5.3).

use crc32fast::Hasher;

/// How every PNG begins (section 5.2).
pub(super) const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// How other images begin, which are called `.png` now and then.
const OTHERS: [&[u8]; 7] = [b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF", b"DICM"];

/// What a chunk has besides its data: length, type and CRC.
const FRAME: u64 = 12;

/// What a PNG may not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It does not begin as a PNG does, nor as another image.
    #[error("a PNG that does not begin as one")]
    Signature,
    /// A type that is not four letters, or a first chunk that is not the header.
    #[error("a PNG chunk of an impossible type")]
    Type,
    /// A chunk that would be longer than its file.
    #[error("a PNG chunk of an impossible length")]
    Length,
    /// A chunk whose CRC-32 does not match.
    #[error("a PNG chunk that fails its CRC-32")]
    Check,
    /// A file that ends before its last chunk.
    #[error("a PNG that ends too early")]
    End,
}

/// How long the image data of all chunks was that another one followed, if always the same: of an
/// encoder that fills its chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Habit {
    /// None has been seen.
    #[default]
    Unknown,
    /// All were of this length, and so many were seen.
    Always(u32, u32),
    /// They were of different lengths.
    None,
}

/// What the bytes so far amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// Nothing yet.
    Open,
    /// All of them are right: a check has matched.
    Good,
    /// Nothing is against them, but nothing speaks for them either.
    Fair,
    /// They are hardly right, though they may be.
    Odd,
}

/// A PNG of which not all may have come yet.
#[derive(Debug, Clone)]
pub(super) struct Png {
    part: Part,
    /// Bytes of the file that are to come.
    left: u64,
    /// The signature, the beginning of a chunk or its check.
    bytes: [u8; 8],
    filled: usize,
    chunk: Chunk,
    /// The data of the present chunk that is to come, and the check of what came.
    data: u64,
    check: Hasher,
    /// The length of the chunk before, if it was image data.
    before: Option<u32>,
    /// Whether the file is called a PNG.
    is_expected: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Signature,
    Begin,
    Data,
    Check,
    /// What nothing is known of.
    Rest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Chunk {
    length: u32,
    kind: [u8; 4],
}

impl Chunk {
    /// Before the first one.
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

impl Png {
    /// A file of `left` bytes that is called a PNG or may be one.
    pub(super) fn new(left: u64, is_expected: bool) -> Self {
        let part = if left < SIGNATURE.len() as u64 { Part::Rest } else { Part::Signature };
        Self {
            part,
            left,
            bytes: [0; 8],
            filled: 0,
            chunk: Chunk::NONE,
            data: 0,
            check: Hasher::new(),
            before: None,
            is_expected,
        }
    }

    /// Bytes of the file that are to come.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// Bytes to come until there is something to say.
    pub(super) fn want(&self) -> u64 {
        let filled = self.filled as u64;
        match self.part {
            Part::Signature | Part::Begin => 8 - filled,
            Part::Data => self.data + 4,
            Part::Check => 4 - filled,
            Part::Rest => self.left,
        }
    }

    /// Takes bytes, at most as many as are wanted.
    pub(super) fn take(&mut self, mut bytes: &[u8], habit: &mut Habit) -> Result<Proof, Flaw> {
        self.left -= bytes.len() as u64;
        if self.part == Part::Data {
            let length = usize::try_from(self.data).unwrap_or(bytes.len()).min(bytes.len());
            let (data, rest) = bytes.split_at(length);
            self.check.update(data);
            self.data -= data.len() as u64;
            if self.data == 0 {
                self.part = Part::Check;
            }
            bytes = rest;
        }
        if self.part == Part::Rest {
            return Ok(if self.left == 0 { Proof::Fair } else { Proof::Open });
        }
        self.bytes[self.filled..self.filled + bytes.len()].copy_from_slice(bytes);
        self.filled += bytes.len();
        if self.want() > 0 || self.part == Part::Data {
            return Ok(Proof::Open);
        }
        self.filled = 0;
        match self.part {
            Part::Signature => self.signature(),
            Part::Begin => self.begin(*habit),
            _ => self.end(habit),
        }
    }

    fn signature(&mut self) -> Result<Proof, Flaw> {
        if self.bytes == SIGNATURE {
            return self.next();
        }
        let is_other = OTHERS.iter().any(|magic| self.bytes.starts_with(magic));
        if self.is_expected && !is_other {
            return Err(Flaw::Signature);
        }
        self.part = Part::Rest;
        Ok(if self.left == 0 { Proof::Fair } else { Proof::Open })
    }

    /// There has to be another chunk.
    fn next(&mut self) -> Result<Proof, Flaw> {
        self.part = Part::Begin;
        if self.left < FRAME { Err(Flaw::End) } else { Ok(Proof::Open) }
    }

    /// A chunk begins.
    fn begin(&mut self, habit: Habit) -> Result<Proof, Flaw> {
        let chunk = Chunk::new(self.bytes);
        let is_first = self.chunk == Chunk::NONE;
        // Four letters, the third of them a capital (section 5.4).
        let is_type = chunk.kind.iter().all(u8::is_ascii_alphabetic)
            && chunk.kind[2].is_ascii_uppercase()
            && is_first == (chunk.kind == *b"IHDR");
        if !is_type {
            return Err(Flaw::Type);
        }
        // Behind the data come its check and, unless this is the last one, that one.
        let behind = if chunk.is_last() { 4 } else { 4 + FRAME };
        let is_length = u64::from(chunk.length) + behind <= self.left
            && (!is_first || chunk.length == 13)
            && (!chunk.is_last() || chunk.length == 0);
        if !is_length {
            return Err(Flaw::Length);
        }
        self.before = Some(self.chunk.length).filter(|_| self.chunk.is_image());
        self.chunk = chunk;
        self.check = Hasher::new();
        self.check.update(&chunk.kind);
        self.data = chunk.length.into();
        self.part = if self.data == 0 { Part::Check } else { Part::Data };
        Ok(if chunk.is_image() && habit.is_broken_by(chunk.length) {
            Proof::Odd
        } else {
            Proof::Open
        })
    }

    /// A chunk ends.
    fn end(&mut self, habit: &mut Habit) -> Result<Proof, Flaw> {
        let [a, b, c, d, ..] = self.bytes;
        if self.check.clone().finalize() != u32::from_be_bytes([a, b, c, d]) {
            return Err(Flaw::Check);
        }
        if let Some(before) = self.before.filter(|_| self.chunk.is_image()) {
            habit.note(before);
        }
        if self.chunk.is_last() {
            self.part = Part::Rest;
        } else {
            self.next()?;
        }
        Ok(Proof::Good)
    }
}

/// So many chunks make a habit.
const HABIT: u32 = 4;

impl Habit {
    /// Whether image data of this length would be longer than any.
    fn is_broken_by(self, length: u32) -> bool {
        matches!(self, Self::Always(always, count) if count >= HABIT && length > always)
    }

    fn note(&mut self, length: u32) {
        *self = match *self {
            Self::Unknown => Self::Always(length, 1),
            Self::Always(always, count) if always == length => {
                Self::Always(always, count.saturating_add(1))
            }
            _ => Self::None,
        };
    }
}
