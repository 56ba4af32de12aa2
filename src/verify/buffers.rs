//! Blocks of memory that are read into, hashed, and read into again.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

/// What one read asks for, in bytes: small enough that a block is still in the processor's cache
/// when it is hashed, large enough that the call itself costs nothing.
pub(super) const BLOCK: usize = 256 * 1024;

/// The kernel copies into whole pages at twice the speed.
const PAGE: usize = 4096;

/// Blocks that nobody holds at present. There are never more in all than were held at a time.
#[derive(Debug, Clone, Default)]
pub(super) struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

/// A block of [`BLOCK`] bytes that begins with a page, to be filled.
#[derive(Debug)]
pub(super) struct Buffer {
    memory: Vec<u8>,
    start: usize,
    length: usize,
    home: Buffers,
}

impl Buffers {
    /// A block that held other bytes before, or a new one.
    pub(super) fn take(&self) -> Buffer {
        let memory = self.0.lock().pop();
        let memory = memory.unwrap_or_else(|| vec![0; BLOCK + PAGE]);
        let start = memory.as_ptr().align_offset(PAGE).min(PAGE);
        Buffer { memory, start, length: BLOCK, home: self.clone() }
    }
}

impl Buffer {
    /// All of the block.
    pub(super) fn as_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + BLOCK]
    }

    /// The first `length` bytes, at most [`BLOCK`], to be shared. The block goes home when the
    /// last holder drops them.
    pub(super) fn freeze(mut self, length: usize) -> Bytes {
        self.length = length.min(BLOCK);
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.length]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        self.home.0.lock().push(memory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_used_again_when_all_have_dropped_it() {
        let buffers = Buffers::default();
        let mut first = buffers.take();
        assert!(first.as_mut().as_ptr().addr().is_multiple_of(PAGE));
        first.as_mut()[..3].copy_from_slice(b"abc");
        let address = first.as_mut().as_ptr();
        let shared = first.freeze(3);
        let clone = shared.clone();
        assert_eq!((&shared[..], shared.as_ptr()), (&b"abc"[..], address));
        drop(shared);
        assert_ne!(buffers.take().as_mut().as_ptr(), address);
        drop(clone);
        assert_eq!(buffers.take().as_mut().as_ptr(), address);
    }
}
