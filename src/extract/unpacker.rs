//! Takes the bytes of an archive as they are read, and passes on its files one by one.

use parking_lot::{Mutex, MutexGuard};

use super::gunzip::Gunzip;
use super::members::{Member, TarBlocks, TarPart, padded};
use super::{ContentError, UnpackError};

/// Decompressed bytes that are kept at most, unless a file is taken whole: few enough that they stay in
/// the processor's cache.
const BUFFER: usize = 256 << 10;

/// A file that is taken whole and is larger than this waits until no other such file is in memory.
const LARGE: usize = 768 << 10;

/// The way in which the content of a file is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taking {
    Whole,
    Pieces,
    Skipped,
}

/// Takes files.
pub(super) trait FileSink {
    /// Decides how to take a file.
    fn begin(&mut self, member: &Member) -> Result<Taking, UnpackError>;
    /// Takes a file. Returns memory for the next one.
    fn whole(&mut self, member: &Member, content: Vec<u8>) -> Result<Vec<u8>, UnpackError>;
    /// Takes a part of a file; `None` after the last one.
    fn piece(&mut self, member: &Member, content: Option<&[u8]>) -> Result<(), UnpackError>;
}

/// The only file larger than [`LARGE`] that is in memory at a time, for all archives together.
pub(super) type LargeFile = Mutex<()>;

#[derive(Debug)]
enum UnpackState {
    Blocks,
    Whole(Member),
    /// Bytes that are still to come.
    Pieces(Member, u64),
    /// Bytes that are ignored.
    Skipped(u64),
}

impl UnpackState {
    const fn skip(bytes: u64) -> Self {
        if bytes == 0 { Self::Blocks } else { Self::Skipped(bytes) }
    }
}

pub(super) struct Unpacker<'a, S> {
    pub(super) sink: S,
    gunzip: Gunzip,
    tar: TarBlocks,
    state: UnpackState,
    /// Memory for blocks, and for bytes that are passed on in pieces or ignored.
    buffer: Vec<u8>,
    /// The content of a file that is taken whole.
    file: Vec<u8>,
    /// The bytes of the blocks or of the file that are there.
    filled: usize,
    large_file: &'a LargeFile,
    large: Option<MutexGuard<'a, ()>>,
}

impl<'a, S: FileSink> Unpacker<'a, S> {
    pub(super) fn new(sink: S, large_file: &'a LargeFile) -> Self {
        Self {
            sink,
            gunzip: Gunzip::new(),
            tar: TarBlocks::default(),
            state: UnpackState::Blocks,
            buffer: vec![0; BUFFER],
            file: Vec::new(),
            filled: 0,
            large_file,
            large: None,
        }
    }

    /// Takes the next bytes of the archive.
    pub(super) fn push(&mut self, mut input: &[u8]) -> Result<(), UnpackError> {
        loop {
            let at_most = |bytes: u64| usize::try_from(bytes).unwrap_or(BUFFER).min(BUFFER);
            // No more than the next step needs, so that each byte is decompressed to its place.
            let room = match &self.state {
                UnpackState::Blocks => &mut self.buffer[self.filled..self.tar.need()],
                UnpackState::Whole(_) => &mut self.file[self.filled..],
                UnpackState::Pieces(_, left) | UnpackState::Skipped(left) => {
                    &mut self.buffer[..at_most(*left)]
                }
            };
            let more = self.gunzip.read(&mut input, room)?;
            self.take(more)?;
            if more == 0 && input.is_empty() {
                return Ok(());
            }
        }
    }

    /// Takes bytes that were decompressed to their place.
    fn take(&mut self, more: usize) -> Result<(), UnpackError> {
        match &mut self.state {
            UnpackState::Blocks => {
                self.filled += more;
                let need = self.tar.need();
                if self.filled == need {
                    self.filled = 0;
                    if let TarPart::File(member) = self.tar.read(&self.buffer[..need])? {
                        self.begin(member)?;
                    }
                }
            }
            UnpackState::Whole(member) => {
                self.filled += more;
                if self.filled == self.file.len() {
                    self.filled = 0;
                    self.file = self.sink.whole(member, std::mem::take(&mut self.file))?;
                    if self.large.take().is_some() {
                        self.file = Vec::new();
                    }
                    self.state = UnpackState::skip(padded(member.size) - member.size);
                }
            }
            UnpackState::Pieces(member, left) => {
                if more > 0 {
                    self.sink.piece(member, Some(&self.buffer[..more]))?;
                    *left -= more as u64;
                }
                if *left == 0 {
                    self.sink.piece(member, None)?;
                    self.state = UnpackState::skip(padded(member.size) - member.size);
                }
            }
            UnpackState::Skipped(left) => self.state = UnpackState::skip(*left - more as u64),
        }
        Ok(())
    }

    fn begin(&mut self, member: Member) -> Result<(), UnpackError> {
        let size = member.size;
        self.state = match self.sink.begin(&member)? {
            Taking::Whole => {
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                if size > LARGE {
                    self.large = Some(self.large_file.lock());
                }
                self.file.resize(size, 0);
                UnpackState::Whole(member)
            }
            Taking::Pieces => UnpackState::Pieces(member, size),
            Taking::Skipped => UnpackState::skip(padded(size)),
        };
        // An empty file is complete.
        if size == 0 { self.take(0) } else { Ok(()) }
    }

    /// Ends the archive. Returns the sink if nothing is missing.
    pub(super) fn finish(self) -> Result<S, UnpackError> {
        let is_in_blocks = matches!(self.state, UnpackState::Blocks);
        if !self.gunzip.is_at_end() || !is_in_blocks {
            return Err(ContentError::Truncated.into());
        }
        self.tar.finish(self.filled > 0)?;
        Ok(self.sink)
    }
}
