//! The bytes of a lease that wait to be written.
//!
//! They are copied out of the HTTP client's buffers into buffers that are used again and again. The
//! client then reuses its own: otherwise each read of the socket allocates some hundred KiB, which
//! musl's allocator returns to the system at once.

use bytes::Bytes;

use crate::hash::buffer_pool::{BLOCK, Buffer, BufferPool};

/// Gathers bytes in one buffer of the pool, while the hash reads those that are written.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    pool: &'a BufferPool,
    buffer: Option<Buffer>,
    length: usize,
}

impl<'a> Batch<'a> {
    pub(super) const fn new(pool: &'a BufferPool) -> Self {
        Self { pool, buffer: None, length: 0 }
    }

    /// Gathers the first bytes of a block, as many as fit. Returns their number.
    pub(super) fn gather(&mut self, block: &[u8]) -> usize {
        let buffer = self.buffer.get_or_insert_with(|| self.pool.take()).as_mut();
        let length = block.len().min(BLOCK - self.length);
        buffer[self.length..self.length + length].copy_from_slice(&block[..length]);
        self.length += length;
        length
    }

    /// Returns the number of bytes that are gathered.
    pub(super) const fn len(&self) -> u64 {
        self.length as u64
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Returns true if nothing more fits.
    pub(super) const fn is_full(&self) -> bool {
        self.length == BLOCK
    }

    /// Returns the bytes that are gathered, and begins anew.
    pub(super) fn take(&mut self) -> Bytes {
        let length = std::mem::take(&mut self.length);
        self.buffer.take().map_or_else(Bytes::new, |buffer| buffer.freeze(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_when_nobody_reads_it() {
        let pool = BufferPool::default();
        let mut batch = Batch::new(&pool);
        assert_eq!(batch.gather(&[1; 1000]), 1000);
        assert_eq!((batch.len(), batch.is_full()), (1000, false));
        let first = batch.take();
        assert_eq!((&first[..], batch.is_empty()), (&[1; 1000][..], true));
        let address = first.as_ptr();
        batch.gather(b"second");
        let second = batch.take();
        assert_ne!(second.as_ptr(), address, "the first is still read");
        drop(first);
        batch.gather(b"third");
        assert_eq!(batch.take().as_ptr(), address);
        assert_eq!(&second[..], b"second");
    }

    #[test]
    fn a_batch_takes_no_more_than_a_buffer() {
        let pool = BufferPool::default();
        let mut batch = Batch::new(&pool);
        for _ in 0..3 {
            assert_eq!(batch.gather(&vec![7; BLOCK + 1]), BLOCK);
            assert!(batch.is_full());
            assert_eq!(batch.gather(b"more"), 0);
            assert_eq!(batch.take(), vec![7; BLOCK]);
        }
    }
}
