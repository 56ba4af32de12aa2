//! One stream's MD5 on its way.

use super::digest::Digest;
use super::md5::{BLOCK, INITIAL, Kernel, State};

/// The MD5 of the bytes so far, which further bytes can still be added to.
#[derive(Debug, Clone)]
pub struct Chain {
    pub(super) state: State,
    /// Bytes of all blocks and of the carry.
    length: u64,
    /// The first `length % BLOCK` bytes of a block that is not whole yet.
    carry: [u8; BLOCK],
}

impl Chain {
    /// The MD5 of nothing yet.
    pub const fn new() -> Self {
        Self { state: INITIAL, length: 0, carry: [0; BLOCK] }
    }

    /// Adds one stream's bytes by themselves. [`Lanes::update`](super::Lanes::update) is several
    /// times as fast where there are several streams.
    pub fn update(&mut self, bytes: &[u8]) {
        let mut rest = self.open(bytes);
        let hashed = Kernel::ONE.compress(std::slice::from_mut(&mut self.state), &[rest]);
        rest = &rest[hashed..];
        self.close(rest);
    }

    /// Pads the last block and gives the digest (RFC 1321, sections 3.1, 3.2 and 3.5).
    pub fn finish(mut self) -> Digest {
        let bits = self.length.wrapping_mul(8);
        let filled = self.filled();
        // A one bit, zeros, and room for the length: one block, or two where it does not fit.
        let padded = if filled < BLOCK - 8 { BLOCK } else { 2 * BLOCK };
        let mut last = [0; 2 * BLOCK];
        last[..filled].copy_from_slice(&self.carry[..filled]);
        last[filled] = 0x80;
        last[padded - 8..padded].copy_from_slice(&bits.to_le_bytes());
        Kernel::ONE.compress(std::slice::from_mut(&mut self.state), &[&last[..padded]]);
        let mut digest = [0; 16];
        for (bytes, word) in digest.chunks_exact_mut(4).zip(self.state) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Digest::new(digest)
    }

    /// Counts the bytes, makes the carry whole with the first of them, and gives back those that
    /// follow: their whole blocks are to be run through `state`.
    pub(super) fn open<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let filled = self.filled();
        self.length = self.length.wrapping_add(bytes.len() as u64);
        if filled == 0 {
            return bytes;
        }
        let missing = (BLOCK - filled).min(bytes.len());
        let (first, rest) = bytes.split_at(missing);
        self.carry[filled..filled + missing].copy_from_slice(first);
        if filled + missing == BLOCK {
            Kernel::ONE.compress(std::slice::from_mut(&mut self.state), &[&self.carry]);
        }
        rest
    }

    /// Keeps what is left of the bytes from [`Self::open`] when their whole blocks are done.
    pub(super) fn close(&mut self, rest: &[u8]) {
        self.carry[..rest.len()].copy_from_slice(rest);
    }

    fn filled(&self) -> usize {
        usize::try_from(self.length % BLOCK as u64).unwrap_or(0)
    }
}

impl Default for Chain {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A length of 2^32 bytes does not fit in one word of the two that hold it.
    #[test]
    fn lengths_beyond_four_gibibytes_are_counted_whole() {
        let chain = Chain { state: [1, 2, 3, 4], length: (1 << 32) + 3, carry: [b'x'; BLOCK] };
        let mut last = [0; BLOCK];
        last[..4].copy_from_slice(b"xxx\x80");
        last[56..].copy_from_slice(&(((1_u64 << 32) + 3) * 8).to_le_bytes());
        let mut state = [1, 2, 3, 4];
        md5::block_api::compress(&mut state, &[last]);
        let expected: Vec<u8> = state.iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(chain.finish().as_bytes(), expected.as_slice());
    }
}
