//! Where an archive is broken.
//!
//! An archive says itself whether it is right, and not only at its end: it is a gzip stream of a
//! tar of PNGs; every PNG chunk has a CRC-32, every tar header a checksum, and much else can be
//! only one way. A [`Walker`] reads all of them together as the compressed bytes come by. Whenever
//! something matches, all up to there is proven. Whenever something fails, the damage lies between
//! what was proven last and the failure: a few kilobytes.
//!
//! Nothing here decides whether an archive is right; that is for its MD5.

mod bits;
mod core;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod gzip;
mod header;
pub mod identify;
mod inflate;
mod png;
mod records;
mod tar;
mod walk;
mod walker;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use self::gzip::Flaw as GzipFlaw;
pub use self::inflate::Flaw as InflateFlaw;
pub use self::png::Flaw as PngFlaw;
pub use self::tar::Flaw as TarFlaw;
pub use self::walk::{Cancelled, ReadAt, Walked, unreadable, walk};
pub use self::walker::Walker;

/// Where an archive is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The bytes of the archive among which something is wrong.
    pub range: Range<u64>,
    /// The member of the tar to which they belong, as the tar has it: not escaped. `None` where
    /// they belong to none, or to one whose header is broken.
    pub member: Option<String>,
    /// What gave it away.
    pub flaw: Flaw,
}

/// What is fetched to mend a damage goes on to a multiple of so many bytes: little enough, and what
/// damages disks and lines damages more than a bit.
pub const UNIT: u64 = 64 << 10;

impl Damage {
    /// How many bytes are fetched at first to mend this in an archive of `size` bytes.
    pub fn to_fetch(&self, size: u64) -> u64 {
        let end = self.range.end.checked_next_multiple_of(UNIT).unwrap_or(u64::MAX);
        end.min(size).saturating_sub(self.range.start)
    }
}

/// What gives a damage away. In words it completes "there is".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// In the header of gzip.
    #[error(transparent)]
    Gzip(#[from] gzip::Flaw),
    /// In the deflate stream.
    #[error(transparent)]
    Inflate(#[from] inflate::Flaw),
    /// In the tar or in an image.
    #[error(transparent)]
    Tar(#[from] tar::Flaw),
    /// The CRC-32 or the length of the whole does not match, though nothing smaller failed.
    #[error("a gzip trailer that does not match")]
    Trailer,
    /// It cannot be decompressed, or does not match its trailer, and what is in it is no tar: the
    /// damage may be anywhere before.
    #[error("something wrong, and no tar that says where")]
    NoTar,
    /// The archive is whole, and something else follows it.
    #[error("something behind the end of the archive")]
    Follows,
    /// It ends too early.
    #[error("an end that comes too early")]
    Cut,
    /// The bytes could not be read.
    #[error("something that cannot be read")]
    Unreadable,
    /// What it was is not known any more: an earlier run found it.
    #[error("something wrong")]
    Noted,
}
