//! Decompresses an archive, piece by piece, into the memory of the caller.

use zlib_rs::{Inflate, InflateFlush, Status};

use super::ContentError;

/// A gzip header, a deflate stream and a trailer, which is checked (RFC 1952).
const GZIP: u8 = 16 + 15;

/// The first byte of every gzip member.
const MAGIC: u8 = 0x1f;

/// A gzip stream, which can have several members (RFC 1952, section 2.2).
pub(super) struct Gunzip {
    member: Inflate,
    state: GunzipState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GunzipState {
    /// Before the first byte of a member. True before the first member.
    Between(bool),
    Member,
    /// Zeros after the last member, which pad files on tapes.
    Padding,
}

impl Gunzip {
    pub(super) fn new() -> Self {
        Self { member: Inflate::new(true, GZIP), state: GunzipState::Between(true) }
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
            match (self.state, input.first()) {
                (GunzipState::Between(is_first), Some(&byte)) => self.begin(is_first, byte)?,
                (GunzipState::Padding, Some(0)) => *input = &input[1..],
                (GunzipState::Padding, Some(_)) => return Err(ContentError::BytesBehind),
                (GunzipState::Between(_) | GunzipState::Padding, None) => return Ok(written),
                (GunzipState::Member, _) => {
                    let more = self.inflate(input, &mut output[written..])?;
                    written += more;
                    if more == 0 && self.state == GunzipState::Member {
                        return Ok(written);
                    }
                }
            }
        }
    }

    fn begin(&mut self, is_first: bool, byte: u8) -> Result<(), ContentError> {
        self.state = match byte {
            MAGIC if is_first => GunzipState::Member,
            MAGIC => {
                self.member = Inflate::new(true, GZIP);
                GunzipState::Member
            }
            0 if !is_first => GunzipState::Padding,
            _ if is_first => return Err(ContentError::NoGzip),
            _ => return Err(ContentError::BytesBehind),
        };
        Ok(())
    }

    fn inflate(&mut self, input: &mut &[u8], output: &mut [u8]) -> Result<usize, ContentError> {
        let before = (self.member.total_in(), self.member.total_out());
        let status = self.member.decompress(input, output, InflateFlush::NoFlush);
        let status = status.map_err(|_| ContentError::Gzip)?;
        if status == Status::StreamEnd {
            self.state = GunzipState::Between(false);
        }
        // Both are at most the length of the slice.
        let step = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(usize::MAX);
        *input = input.get(step(self.member.total_in(), before.0)..).unwrap_or_default();
        Ok(step(self.member.total_out(), before.1))
    }

    /// Returns true after the end of a member.
    pub(super) fn is_at_end(&self) -> bool {
        !matches!(self.state, GunzipState::Member | GunzipState::Between(true))
    }
}
