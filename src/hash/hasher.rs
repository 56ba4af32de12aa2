//! The MD5 of one stream.

use super::digest::Md5;
use super::md5::{BLOCK, INITIAL, Kernel, Md5State};

/// Computes an MD5, block by block.
#[derive(Debug, Clone)]
pub struct Md5Hasher {
    pub(super) state: Md5State,
    /// All bytes so far.
    length: u64,
    /// The first `length % BLOCK` bytes of a block that is not complete yet.
    partial: [u8; BLOCK],
}

impl Md5Hasher {
    /// A hasher without any bytes.
    pub const fn new() -> Self {
        Self { state: INITIAL, length: 0, partial: [0; BLOCK] }
    }

    /// Adds bytes. For several streams, [`LaneSet::update`](super::LaneSet::update) is several
    /// times as fast.
    pub fn update(&mut self, bytes: &[u8]) {
        let bytes = self.fill_partial(bytes);
        let hashed = Kernel::ONE.compress(std::slice::from_mut(&mut self.state), &[bytes]);
        self.keep_partial(&bytes[hashed..]);
    }

    /// Pads the last block and returns the digest (RFC 1321, sections 3.1, 3.2 and 3.5).
    pub fn finish(mut self) -> Md5 {
        let bits = self.length.wrapping_mul(8);
        let filled = self.filled();
        // A one bit, zeros, and the length: one block, or two if the length does not fit.
        let padded = if filled < BLOCK - 8 { BLOCK } else { 2 * BLOCK };
        let mut last = [0; 2 * BLOCK];
        last[..filled].copy_from_slice(&self.partial[..filled]);
        last[filled] = 0x80;
        last[padded - 8..padded].copy_from_slice(&bits.to_le_bytes());
        Kernel::ONE.compress(std::slice::from_mut(&mut self.state), &[&last[..padded]]);
        let mut digest = [0; 16];
        for (bytes, word) in digest.chunks_exact_mut(4).zip(self.state) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Md5::new(digest)
    }

    /// Counts the bytes and completes the partial block with the first of them. Returns the others:
    /// their whole blocks are to be run through `state`.
    pub(super) fn fill_partial<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let filled = self.filled();
        self.length = self.length.wrapping_add(bytes.len() as u64);
        if filled == 0 {
            return bytes;
        }
        let missing = (BLOCK - filled).min(bytes.len());
        let (first, rest) = bytes.split_at(missing);
        self.partial[filled..filled + missing].copy_from_slice(first);
        if filled + missing == BLOCK {
            Kernel::ONE.compress(std::slice::from_mut(&mut self.state), &[&self.partial]);
        }
        rest
    }

    /// Keeps the bytes after the last whole block of those from [`Self::fill_partial`].
    pub(super) fn keep_partial(&mut self, rest: &[u8]) {
        self.partial[..rest.len()].copy_from_slice(rest);
    }

    fn filled(&self) -> usize {
        usize::try_from(self.length % BLOCK as u64).unwrap_or(0)
    }
}

impl Default for Md5Hasher {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A length of 2^32 bytes needs both words of the length field.
    #[test]
    fn lengths_over_four_gibibytes_are_padded_right() {
        let hasher =
            Md5Hasher { state: [1, 2, 3, 4], length: (1 << 32) + 3, partial: [b'x'; BLOCK] };
        let mut last = [0; BLOCK];
        last[..4].copy_from_slice(b"xxx\x80");
        last[56..].copy_from_slice(&(((1_u64 << 32) + 3) * 8).to_le_bytes());
        let mut state = [1, 2, 3, 4];
        md5::block_api::compress(&mut state, &[last]);
        let expected: Vec<u8> = state.iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(hasher.finish().as_bytes(), expected.as_slice());
    }
}
