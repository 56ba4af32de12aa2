//! Decompresses an archive, piece by piece, into the memory of the caller.

use zlib_rs::{Inflate, InflateFlush, Status};

use super::ContentError;
use crate::locate::gzip::{GzipHeader, MAGIC, TRAILER_BYTES};

/// The binary logarithm of the longest distance in a deflate stream (RFC 1951, section 2).
const WINDOW_BITS: u8 = 15;

/// A gzip stream, which can have several members (RFC 1952, section 2.2).
pub(super) struct Gunzip {
    inflate: Inflate,
    state: GunzipState,
    /// Of the content of the member so far. That of `zlib_rs` takes twice the time.
    crc: crc32fast::Hasher,
}

#[derive(Debug)]
enum GunzipState {
    /// Before the first byte of a member. True before the first member.
    Between(bool),
    Header(Box<GzipHeader>),
    Deflate,
    /// The bytes of the trailer so far, the first in the lowest bits, and their number.
    Trailer(u64, u64),
    /// Zeros after the last member, which pad files on tapes.
    Padding,
}

impl Gunzip {
    pub(super) fn new() -> Self {
        let inflate = Inflate::new(false, WINDOW_BITS);
        Self { inflate, state: GunzipState::Between(true), crc: crc32fast::Hasher::new() }
    }

    /// Decompresses until the input is used up or the output is full. Returns the number of bytes
    /// that were written.
    pub(super) fn read(
        &mut self,
        input: &mut &[u8],
        output: &mut [u8],
    ) -> Result<usize, ContentError> {
        let mut written = 0;
        loop {
            if let GunzipState::Deflate = self.state {
                let more = self.inflate(input, &mut output[written..])?;
                written += more;
                if more == 0 && matches!(self.state, GunzipState::Deflate) {
                    return Ok(written);
                }
            } else {
                let Some((&byte, rest)) = input.split_first() else { return Ok(written) };
                *input = rest;
                self.take(byte)?;
            }
        }
    }

    /// Takes a byte that belongs to no deflate stream.
    fn take(&mut self, byte: u8) -> Result<(), ContentError> {
        match &mut self.state {
            GunzipState::Between(is_first) => match byte {
                _ if byte == MAGIC[0] => {
                    self.state = GunzipState::Header(Box::new(GzipHeader::new()));
                    return self.take(byte);
                }
                0 if !*is_first => self.state = GunzipState::Padding,
                _ if *is_first => return Err(ContentError::NoGzip),
                _ => return Err(ContentError::BytesBehind),
            },
            GunzipState::Header(header) => {
                let is_complete = header.take(byte);
                let is_too_long = header.is_too_long();
                let error = if is_too_long { ContentError::GzipText } else { ContentError::Gzip };
                if is_complete.map_err(|_| error)? {
                    self.inflate.reset(false);
                    self.crc.reset();
                    self.state = GunzipState::Deflate;
                }
            }
            GunzipState::Trailer(value, count) => {
                let (value, count) = (*value | u64::from(byte) << (8 * *count), *count + 1);
                self.state = GunzipState::Trailer(value, count);
                if count == TRAILER_BYTES {
                    self.check(value)?;
                    self.state = GunzipState::Between(false);
                }
            }
            GunzipState::Padding if byte == 0 => {}
            GunzipState::Padding | GunzipState::Deflate => return Err(ContentError::BytesBehind),
        }
        Ok(())
    }

    /// Compares the trailer, the CRC-32 and the length of the content, with what was decompressed.
    fn check(&self, trailer: u64) -> Result<(), ContentError> {
        let crc = u64::from(self.crc.clone().finalize());
        // The length is modulo 2³².
        let is_right = trailer == self.inflate.total_out() << 32 | crc;
        if is_right { Ok(()) } else { Err(ContentError::Gzip) }
    }

    fn inflate(&mut self, input: &mut &[u8], output: &mut [u8]) -> Result<usize, ContentError> {
        let before = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(input, output, InflateFlush::NoFlush);
        let status = status.map_err(|_| ContentError::Gzip)?;
        if status == Status::StreamEnd {
            self.state = GunzipState::Trailer(0, 0);
        }
        // Both are at most the length of the slice.
        let step = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(usize::MAX);
        *input = input.get(step(self.inflate.total_in(), before.0)..).unwrap_or_default();
        let written = step(self.inflate.total_out(), before.1);
        self.crc.update(output.get(..written).unwrap_or_default());
        Ok(written)
    }

    /// Returns true after the end of a member.
    pub(super) fn is_at_end(&self) -> bool {
        matches!(self.state, GunzipState::Between(false) | GunzipState::Padding)
    }
}
