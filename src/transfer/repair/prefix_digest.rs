//! The digest of the first bytes of a part that is being repaired: it follows behind the scanner.

use crate::disk::DiskError;
use crate::hash::digest::{Digest, DigestKind};
use crate::hash::{DigestStream, Engine};
use crate::transfer::part::Part;

/// Bytes to read at a time.
const BLOCK: u64 = 256 * 1024;

pub(crate) struct PrefixDigest<'a> {
    engine: &'a Engine,
    kind: DigestKind,
    stream: DigestStream,
    /// Bytes hashed.
    position: u64,
}

impl<'a> PrefixDigest<'a> {
    pub(crate) fn new(engine: &'a Engine, kind: DigestKind) -> Self {
        Self { engine, kind, stream: DigestStream::new(engine, kind), position: 0 }
    }

    /// Starts over if bytes before the position change. `from` is the first that does.
    pub(crate) fn forget(&mut self, from: u64) {
        if from < self.position {
            *self = Self::new(self.engine, self.kind);
        }
    }

    /// Hashes up to a byte, in whole blocks.
    pub(crate) fn follow(&mut self, part: &Part, to: u64) -> Result<(), DiskError> {
        while self.position + BLOCK <= to {
            self.take(part, BLOCK)?;
        }
        Ok(())
    }

    /// Hashes to the end at `size` and returns the digest. Starts over after that.
    pub(crate) fn finish(&mut self, part: &Part, size: u64) -> Result<Digest, DiskError> {
        while self.position < size {
            self.take(part, BLOCK.min(size - self.position))?;
        }
        let done = std::mem::replace(self, Self::new(self.engine, self.kind));
        Ok(done.stream.finish())
    }

    fn take(&mut self, part: &Part, length: u64) -> Result<(), DiskError> {
        let block = part.read(self.position, usize::try_from(length).unwrap_or(0))?;
        self.position += block.len() as u64;
        self.stream.push(block);
        Ok(())
    }
}
