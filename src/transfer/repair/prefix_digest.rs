//! The digest of a part on which somebody is still at work: it follows behind what is proven.

use crate::disk::DiskError;
use crate::hash::digest::Digest;
use crate::hash::{Engine, Stream};
use crate::transfer::part::Part;

/// Bytes read at a time.
const BLOCK: u64 = 256 * 1024;

/// A digest on its way.
pub(crate) struct Hash<'a> {
    engine: &'a Engine,
    stream: Stream,
    /// Bytes hashed.
    position: u64,
}

impl<'a> Hash<'a> {
    /// Of nothing yet.
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self { engine, stream: engine.stream(), position: 0 }
    }

    /// Bytes from here on have changed, or will.
    pub(crate) fn forget(&mut self, from: u64) {
        if from < self.position {
            *self = Self::new(self.engine);
        }
    }

    /// Follows up to a byte, in large steps.
    ///
    /// # Errors
    ///
    /// A part that cannot be read.
    pub(crate) fn follow(&mut self, part: &Part, to: u64) -> Result<(), DiskError> {
        while self.position + BLOCK <= to {
            self.take(part, BLOCK)?;
        }
        Ok(())
    }

    /// Follows to the end at `size`, and gives the digest. The next one begins from nothing.
    ///
    /// # Errors
    ///
    /// A part that cannot be read.
    pub(crate) fn finish(&mut self, part: &Part, size: u64) -> Result<Digest, DiskError> {
        while self.position < size {
            self.take(part, BLOCK.min(size - self.position))?;
        }
        let done = std::mem::replace(self, Self::new(self.engine));
        Ok(done.stream.finish())
    }

    fn take(&mut self, part: &Part, length: u64) -> Result<(), DiskError> {
        let block = part.read(self.position, usize::try_from(length).unwrap_or(0))?;
        self.position += block.len() as u64;
        self.stream.push(block);
        Ok(())
    }
}
