//! The bytes of a lease that wait to be written.
//!
//! They are copied out of the HTTP client's buffers into buffers that are used again and again. The
//! client then reuses its own: otherwise each read of the socket allocates some hundred KiB, and the
//! kernel hands out fresh pages for them. musl's allocator, which returns them at once, made a
//! fetch 1.8 times as slow.

use bytes::{Bytes, BytesMut};

/// Bytes of a buffer.
const BUFFER: usize = 256 * 1024;

/// Buffers of a connection that wait for the hash before one is given up.
const BUFFERS: usize = 4;

/// Gathers bytes in one buffer, while the hash reads those that are written.
#[derive(Debug, Default)]
pub(super) struct Batch {
    filling: BytesMut,
    /// Buffers that may still be read, the oldest first.
    shared: Vec<BytesMut>,
}

impl Batch {
    /// Gathers the first bytes of a block, as many as fit. Returns their number.
    pub(super) fn gather(&mut self, block: &[u8]) -> usize {
        if self.filling.capacity() == 0 {
            self.filling = self.free_buffer();
        }
        let length = block.len().min(self.filling.capacity() - self.filling.len());
        self.filling.extend_from_slice(&block[..length]);
        length
    }

    /// Returns the number of bytes that are gathered.
    pub(super) fn len(&self) -> u64 {
        self.filling.len() as u64
    }

    pub(super) fn is_empty(&self) -> bool {
        self.filling.is_empty()
    }

    /// Returns true if nothing more fits.
    pub(super) fn is_full(&self) -> bool {
        self.filling.len() == BUFFER
    }

    /// Returns the bytes that are gathered, and begins anew.
    pub(super) fn take(&mut self) -> Bytes {
        let mut buffer = std::mem::take(&mut self.filling);
        let bytes = buffer.split().freeze();
        self.shared.push(buffer);
        bytes
    }

    /// A buffer that nobody reads any longer, or a new one.
    fn free_buffer(&mut self) -> BytesMut {
        let free = self.shared.iter_mut().position(|buffer| buffer.try_reclaim(BUFFER));
        if let Some(free) = free {
            return self.shared.swap_remove(free);
        }
        if self.shared.len() >= BUFFERS {
            self.shared.remove(0);
        }
        BytesMut::with_capacity(BUFFER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_when_nobody_reads_it() {
        let mut batch = Batch::default();
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
    fn a_batch_takes_no_more_than_a_buffer_and_keeps_few() {
        let mut batch = Batch::default();
        let mut taken = Vec::new();
        for _ in 0..3 * BUFFERS {
            assert_eq!(batch.gather(&vec![7; BUFFER + 1]), BUFFER);
            assert!(batch.is_full());
            assert_eq!(batch.gather(b"more"), 0);
            taken.push(batch.take());
        }
        assert!(batch.shared.len() <= BUFFERS + 1);
    }
}
