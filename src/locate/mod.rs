//! Locates the damage in an archive, from the archive alone.
//!
//! An archive has checks of its own: it is a gzip stream of a tar of PNGs; every PNG chunk has a
//! CRC-32, every tar header a checksum, and many other bytes can have only one value. A
//! [`DamageScanner`] makes all these checks while the compressed bytes pass. A check that matches
//! proves all bytes before it. Where one fails, the damage lies between the last proven byte and
//! the failure: a few kilobytes.
//!
//! Nothing here decides whether an archive is right; its MD5 does.

mod bit_reader;
mod check_images;
mod decoder;
#[cfg(any(test, feature = "fuzzing"))]
#[path = "../../fuzz/invariants/locate.rs"]
pub(crate) mod fuzz;
pub(crate) mod gzip;
pub(crate) mod identify;
mod images;
mod inflate;
mod png;
mod scan_file;
mod scanner;
mod tar;
pub(crate) mod tar_header;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::ops::Range;

use serde::{Deserialize, Serialize};

pub(crate) use self::check_images::check_images;
pub(crate) use self::images::{ExpectedImages, ImageCounts};
pub(crate) use self::images::{ImageHeader, png_file};
pub(crate) use self::scan_file::{
    Cancelled, ScanResult, is_small_and_complete, scan_file, unreadable_ranges,
};
pub use self::scanner::DamageScanner;

/// A damaged range of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    /// At least one of these bytes of the archive is wrong.
    pub range: Range<u64>,
    /// The tar member to which they belong, as the tar names it: not escaped. `None` if they belong
    /// to none, or to one whose header is damaged.
    pub member: Option<String>,
    pub(crate) kind: DamageKind,
}

/// A repair downloads up to a multiple of this number of bytes: it is small, and damage from disks
/// and networks is usually larger than one bit.
pub(crate) const UNIT: u64 = 64 << 10;

impl Damage {
    /// The number of bytes that a repair downloads first, in an archive of `size` bytes.
    pub(crate) fn repair_bytes(&self, size: u64) -> u64 {
        let end = self.range.end.checked_next_multiple_of(UNIT).unwrap_or(u64::MAX);
        end.min(size).saturating_sub(self.range.start)
    }
}

/// The evidence of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum DamageKind {
    #[error("the gzip header is missing")]
    GzipMagic,
    /// A method other than deflate, reserved flags, or a name that does not end.
    #[error("the gzip header is invalid")]
    GzipHeader,
    #[error("the gzip header fails its CRC-16")]
    GzipHeaderCrc,
    /// The CRC-32 or the length of the content is wrong, but no smaller check failed.
    #[error("the gzip trailer does not match")]
    GzipTrailer,
    #[error("a deflate block has an unknown type")]
    BlockType,
    /// The two lengths differ, or bits before them are not zero.
    #[error("a stored deflate block contradicts itself")]
    StoredBlock,
    /// The code lengths form no complete set of codes.
    #[error("a deflate block has an invalid code table")]
    CodeTable,
    #[error("a deflate block has an invalid code")]
    Code,
    /// The repetition begins before the content.
    #[error("a deflate block repeats bytes that never existed")]
    Distance,
    #[error("bits after the last deflate block are not zero")]
    DeflatePadding,
    #[error("a tar header fails its checksum")]
    TarHeader,
    #[error("the padding of a tar member is not zero")]
    TarPadding,
    /// A file that is called a PNG begins neither as a PNG nor as another image.
    #[error("a PNG does not begin as one")]
    PngSignature,
    /// Not four letters, or a first chunk that is not `IHDR`.
    #[error("a PNG chunk has an invalid type")]
    ChunkType,
    /// The chunk would be longer than its file.
    #[error("a PNG chunk has an invalid length")]
    ChunkLength,
    #[error("a PNG chunk fails its CRC-32")]
    ChunkCrc,
    /// The file ends before its last chunk.
    #[error("a PNG ends too early")]
    PngEnd,
    /// An impossible size, depth or colour.
    #[error("a PNG has an impossible header")]
    ImageHeader,
    /// Possible, but not that of NIH's images.
    #[error("a PNG has another form than NIH's images: 1024 x 1024 pixels, 8 bits, grey or RGBA")]
    ImageForm,
    #[error("a chunk of a PNG is missing or in the wrong place")]
    ImageOrder,
    /// It cannot be decompressed.
    #[error("the image data of a PNG cannot be decompressed")]
    ImageData,
    #[error("the image data of a PNG is too short or too long")]
    ImageLength,
    #[error("a row of a PNG has a filter that does not exist")]
    ImageFilter,
    #[error("the image data of a PNG fails its Adler-32")]
    ImageAdler,
    /// Nothing is known to be wrong with it.
    #[error("a PNG claims to be too large to be checked")]
    ImageTooLarge,
    #[error("bytes follow the end of a PNG")]
    ImageRest,
    /// The data cannot be decompressed, or does not match its trailer: the damage may be anywhere
    /// before.
    #[error("the content is damaged and is no tar that could show where")]
    NoTar,
    #[error("bytes follow the end of the archive")]
    TrailingBytes,
    #[error("the archive has no proper end")]
    Truncated,
    #[error("the bytes cannot be read")]
    Unreadable,
    /// An earlier run found the damage, and did not keep its kind.
    #[error("the archive is damaged")]
    Noted,
}
