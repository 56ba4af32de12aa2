//! The reasons why an archive cannot be unpacked.

use crate::disk::DiskError;
use crate::locate::DamageKind;
use crate::text::units;

/// A fault in the content of an archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ContentError {
    #[error("it is not compressed with gzip")]
    NoGzip,
    #[error("its gzip stream is damaged")]
    Gzip,
    #[error("the name or the comment in its gzip header has 64 KiB or more")]
    GzipText,
    #[error("it is not a tar")]
    NoTar,
    #[error("a tar header in it fails its checksum")]
    TarHeader,
    #[error(
        "a tar header in it has a name or records that are too long, invalid, repeated, or about no file"
    )]
    Records,
    #[error("pax records about all of its members name or resize them, or are invalid")]
    GlobalRecords,
    #[error("bytes follow the end of the tar or of the gzip stream")]
    BytesBehind,
    #[error("it ends too early")]
    Truncated,
    /// The name of the member, escaped, and what is wrong with it.
    #[error("its member `{0}` {1}")]
    Member(String, &'static str),
    #[error("its image {0} is damaged: {1}")]
    Image(String, DamageKind),
    #[error("it has more than 1,000,000 files")]
    TooManyFiles,
    /// The number of images that are missing, and the first of them.
    #[error("{0} of its images {are} missing, {1} first", are = units::are(*.0))]
    Missing(usize, String),
}

/// The reason why the unpacking of an archive ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnpackError {
    #[error(transparent)]
    Content(#[from] ContentError),
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl ContentError {
    /// Returns true if the archive holds something else than what is extracted; false if its bytes are
    /// damaged.
    pub(super) const fn is_foreign(&self) -> bool {
        !matches!(self, Self::Gzip | Self::TarHeader | Self::Truncated | Self::Image(..))
    }
}
