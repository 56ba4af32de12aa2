//! The last decompressed bytes, to which repetitions refer (RFC 1951, section 3.2).

/// Twice the longest distance of 32 KiB, so that half of the bytes can wait to be checked.
pub(super) const SIZE: usize = 1 << 16;

/// A ring of the last [`SIZE`] bytes.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) bytes: Box<[u8; SIZE]>,
    /// All bytes that were ever decompressed.
    pub(super) produced: u64,
}

impl Clone for Window {
    fn clone(&self) -> Self {
        Self { bytes: self.bytes.clone(), produced: self.produced }
    }

    fn clone_from(&mut self, source: &Self) {
        self.bytes.copy_from_slice(&source.bytes[..]);
        self.produced = source.produced;
    }
}

/// The index of a byte in the ring.
#[expect(clippy::cast_possible_truncation, reason = "a ring")]
pub(super) fn place(offset: u64) -> usize {
    offset as usize & (SIZE - 1)
}

impl Window {
    #[expect(
        clippy::large_stack_arrays,
        reason = "once per archive; never on the stack in a release build"
    )]
    pub(super) fn new() -> Self {
        Self { bytes: Box::new([0; SIZE]), produced: 0 }
    }

    pub(super) fn push(&mut self, byte: u8) {
        self.bytes[place(self.produced)] = byte;
        self.produced += 1;
    }

    /// Appends bytes, at most [`SIZE`].
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        let start = place(self.produced);
        let (before, after) = bytes.split_at(bytes.len().min(SIZE - start));
        self.bytes[start..start + before.len()].copy_from_slice(before);
        self.bytes[..after.len()].copy_from_slice(after);
        self.produced += bytes.len() as u64;
    }

    /// Appends `length` bytes that begin `distance` before the end, even if these are fewer bytes.
    /// The distance is at most half the ring, and not before the first byte.
    pub(super) fn repeat(&mut self, distance: usize, length: usize) {
        repeat(&mut self.bytes, self.produced, distance, length);
        self.produced += length as u64;
    }

    /// The bytes from `start` to `end`, both counted from the first byte ever, in up to two pieces.
    pub(super) fn slices(&self, start: u64, end: u64) -> [&[u8]; 2] {
        let length = usize::try_from(end - start).unwrap_or(SIZE).min(SIZE);
        let start = place(start);
        let first = length.min(SIZE - start);
        [&self.bytes[start..start + first], &self.bytes[..length - first]]
    }
}

/// Copies `length` bytes that begin `distance` before `produced` to there.
#[inline]
pub(super) fn repeat(bytes: &mut [u8; SIZE], produced: u64, distance: usize, length: usize) {
    let end = place(produced);
    let start = place(produced.wrapping_sub(distance as u64));
    if distance >= length && start + length <= SIZE && end + length <= SIZE {
        bytes.copy_within(start..start + length, end);
    } else {
        for index in 0..length {
            bytes[(end + index) & (SIZE - 1)] = bytes[(start + index) & (SIZE - 1)];
        }
    }
}
