//! Blocks of memory that are filled, hashed, and reused.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

/// The bytes of a block: few enough that a block is still in the processor's cache when it is
/// hashed, enough that the call itself costs nothing.
pub(crate) const BLOCK: usize = 256 * 1024;

/// The kernel copies twice as fast into whole pages.
const PAGE: usize = 4096;

/// The blocks that nobody holds. In all there are never more than were held at one time.
#[derive(Debug, Clone)]
pub(crate) struct BufferPool {
    /// The bytes of each.
    block: usize,
    free: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// A block that begins at a page.
#[derive(Debug)]
pub(crate) struct Buffer {
    memory: Vec<u8>,
    start: usize,
    length: usize,
    pool: BufferPool,
}

impl BufferPool {
    /// A pool of blocks of this number of bytes.
    pub(crate) fn new(block: usize) -> Self {
        Self { block, free: Arc::default() }
    }

    /// The bytes of a block.
    pub(crate) const fn block(&self) -> usize {
        self.block
    }

    /// A reused block, with its old content, or a new one.
    pub(crate) fn take(&self) -> Buffer {
        let memory = self.free.lock().pop();
        let memory = memory.unwrap_or_else(|| vec![0; self.block + PAGE]);
        let start = memory.as_ptr().align_offset(PAGE).min(PAGE);
        Buffer { memory, start, length: self.block, pool: self.clone() }
    }
}

impl Buffer {
    pub(crate) fn as_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.pool.block]
    }

    /// Shares the first `length` bytes, at most all. The block returns to the pool when the
    /// last holder drops them.
    pub(crate) fn freeze(mut self, length: usize) -> Bytes {
        self.length = length.min(self.pool.block);
        Bytes::from_owner(self)
    }
}

impl Default for BufferPool {
    fn default() -> Self {
        Self::new(BLOCK)
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
        self.pool.free.lock().push(memory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_reused_after_its_last_holder_dropped_it() {
        let pool = BufferPool::default();
        let mut first = pool.take();
        assert!(first.as_mut().as_ptr().addr().is_multiple_of(PAGE));
        first.as_mut()[..3].copy_from_slice(b"abc");
        let address = first.as_mut().as_ptr();
        let shared = first.freeze(3);
        let clone = shared.clone();
        assert_eq!((&shared[..], shared.as_ptr()), (&b"abc"[..], address));
        drop(shared);
        assert_ne!(pool.take().as_mut().as_ptr(), address);
        drop(clone);
        assert_eq!(pool.take().as_mut().as_ptr(), address);
    }
}
