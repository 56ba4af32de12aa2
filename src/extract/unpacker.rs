//! Takes the bytes of an archive as they are read, and passes on its files one by one.

use parking_lot::{Mutex, MutexGuard};

use super::gunzip::Gunzip;
use super::members::{Member, TarBlocks, TarPart, padded};
use super::{ContentError, UnpackError};

/// Decompressed bytes that are kept at most, unless a file that is taken whole is larger.
const BUFFER: usize = 1 << 20;

/// Bytes that are decompressed at a time: few enough that they stay in the processor's cache.
const PIECE: usize = 256 << 10;

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
    /// Takes a file.
    fn whole(&mut self, member: &Member, content: &[u8]) -> Result<(), UnpackError>;
    /// Takes a part of a file; `None` after the last one.
    fn piece(&mut self, member: &Member, content: Option<&[u8]>) -> Result<(), UnpackError>;
}

/// The only file larger than [`BUFFER`] that is in memory at a time, for all archives together.
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

pub(super) struct Unpacker<'a, S> {
    pub(super) sink: S,
    gunzip: Gunzip,
    tar: TarBlocks,
    state: UnpackState,
    /// The decompressed bytes, of which those from `start` to `end` are not used yet.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
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
            start: 0,
            end: 0,
            large_file,
            large: None,
        }
    }

    /// Takes the next bytes of the archive.
    pub(super) fn push(&mut self, mut input: &[u8]) -> Result<(), UnpackError> {
        loop {
            self.make_room();
            let until = self.buffer.len().min(self.end + PIECE);
            let room = &mut self.buffer[self.end..until];
            let more = self.gunzip.read(&mut input, room)?;
            self.end += more;
            while self.step()? {}
            if more == 0 && input.is_empty() {
                return Ok(());
            }
        }
    }

    /// Moves the unused bytes to the front if few are left or the buffer is full.
    fn make_room(&mut self) {
        if self.start > 0 && (self.end - self.start <= PIECE || self.end == self.buffer.len()) {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
    }

    /// Uses the next bytes. Returns false if more are needed.
    fn step(&mut self) -> Result<bool, UnpackError> {
        let unused = &self.buffer[self.start..self.end];
        let used = match &mut self.state {
            UnpackState::Blocks => {
                let need = self.tar.need();
                let Some(bytes) = unused.get(..need) else { return Ok(false) };
                let part = self.tar.read(bytes)?;
                self.start += need;
                if let TarPart::File(member) = part {
                    self.begin(member)?;
                }
                return Ok(true);
            }
            UnpackState::Whole(member) => {
                let size = usize::try_from(member.size).unwrap_or(usize::MAX);
                let Some(content) = unused.get(..size) else { return Ok(false) };
                self.sink.whole(member, content)?;
                self.state = UnpackState::Skipped(padded(member.size) - member.size);
                self.start += size;
                self.shrink();
                return Ok(true);
            }
            UnpackState::Pieces(member, left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(unused.len());
                if length > 0 {
                    self.sink.piece(member, Some(&unused[..length]))?;
                    *left -= length as u64;
                }
                if *left == 0 {
                    self.sink.piece(member, None)?;
                    self.state = UnpackState::Skipped(padded(member.size) - member.size);
                    self.start += length;
                    return Ok(true);
                }
                length
            }
            UnpackState::Skipped(0) => {
                self.state = UnpackState::Blocks;
                return Ok(true);
            }
            UnpackState::Skipped(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(unused.len());
                *left -= length as u64;
                length
            }
        };
        self.start += used;
        Ok(used > 0)
    }

    fn begin(&mut self, member: Member) -> Result<(), UnpackError> {
        self.state = match self.sink.begin(&member)? {
            Taking::Whole => {
                self.grow(usize::try_from(member.size).unwrap_or(usize::MAX));
                UnpackState::Whole(member)
            }
            Taking::Pieces => UnpackState::Pieces(member.clone(), member.size),
            Taking::Skipped => UnpackState::Skipped(padded(member.size)),
        };
        Ok(())
    }

    /// Makes the buffer large enough for a file.
    fn grow(&mut self, size: usize) {
        if size > BUFFER - PIECE {
            self.large = Some(self.large_file.lock());
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            self.buffer.resize(size.saturating_add(PIECE), 0);
        }
    }

    /// Gives the memory of a large file back.
    fn shrink(&mut self) {
        if self.large.is_some() {
            let mut buffer = vec![0; BUFFER];
            let unused = &self.buffer[self.start..self.end];
            buffer[..unused.len()].copy_from_slice(unused);
            (self.start, self.end, self.buffer) = (0, unused.len(), buffer);
            self.large = None;
        }
    }

    /// Ends the archive. Returns the sink if nothing is missing.
    pub(super) fn finish(self) -> Result<S, UnpackError> {
        let is_between = matches!(self.state, UnpackState::Blocks | UnpackState::Skipped(0));
        if !self.gunzip.is_at_end() || !is_between || self.start != self.end {
            return Err(ContentError::Truncated.into());
        }
        self.tar.finish()?;
        Ok(self.sink)
    }
}
