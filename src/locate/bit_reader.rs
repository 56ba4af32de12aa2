//! Reads the archive bit by bit, the least significant bit of a byte first (RFC 1951, section
//! 3.1.1).

#[derive(Debug, Clone, Default)]
pub(super) struct BitReader {
    /// The next bit is the lowest; those above `count` are zero.
    pub(super) buffer: u64,
    /// Bits in the buffer, at most 63.
    pub(super) count: u32,
    /// The offset in the archive of the next byte that is not in the buffer.
    pub(super) offset: u64,
}

impl BitReader {
    /// The number of bits before the next one, from the beginning of the archive.
    pub(super) fn position(&self) -> u64 {
        self.offset * 8 - u64::from(self.count)
    }

    /// Fills the buffer with as many whole bytes as fit: 56 bits or more, if the input has them.
    pub(super) fn fill(&mut self, input: &mut &[u8]) {
        if let Some((word, _)) = input.split_first_chunk() {
            let taken = (63 - self.count) / 8;
            self.buffer |= u64::from_le_bytes(*word) << self.count;
            self.count += taken * 8;
            self.buffer &= (1 << self.count) - 1;
            self.offset += u64::from(taken);
            *input = &input[taken as usize..];
            return;
        }
        while self.count < 56
            && let Some((&byte, rest)) = input.split_first()
        {
            self.buffer |= u64::from(byte) << self.count;
            self.count += 8;
            self.offset += 1;
            *input = rest;
        }
    }

    /// Takes the next `count` bits, at most 32; `None` if the input has fewer.
    pub(super) fn take(&mut self, count: u32, input: &mut &[u8]) -> Option<u32> {
        if self.count < count {
            self.fill(input);
        }
        if self.count < count {
            return None;
        }
        let value = self.buffer & ((1 << count) - 1);
        self.skip(count);
        u32::try_from(value).ok()
    }

    /// Skips bits that are in the buffer.
    pub(super) fn skip(&mut self, count: u32) {
        self.buffer >>= count;
        self.count -= count;
    }

    /// Takes the next byte if it is in the buffer. The current byte must be used up.
    pub(super) fn byte(&mut self) -> Option<u8> {
        let [byte, ..] = self.buffer.to_le_bytes();
        (self.count >= 8).then(|| {
            self.skip(8);
            byte
        })
    }

    /// Takes the rest of the current byte.
    pub(super) fn rest_of_byte(&mut self) -> u64 {
        let count = self.count % 8;
        let rest = self.buffer & ((1 << count) - 1);
        self.skip(count);
        rest
    }
}
