//! The digest of one stream, of the kind that is wanted.

use bytes::Bytes;
use sha2::Digest as _;

use super::digest::{Digest, DigestKind, Sha256};
use super::{Engine, Md5Hasher, Md5Stream, Sha256Stream};

/// A stream of bytes to be hashed. Dropping it forgets them.
#[derive(Debug)]
pub(crate) enum DigestStream {
    Md5(Md5Stream),
    Sha256(Sha256Stream),
}

impl DigestStream {
    /// Opens an empty stream.
    pub(crate) fn new(engine: &Engine, kind: DigestKind) -> Self {
        match kind {
            DigestKind::Md5 => Self::Md5(engine.stream()),
            DigestKind::Sha256 => Self::Sha256(Sha256Stream::new()),
        }
    }

    /// Adds a block to the end of the stream. Waits while too much is unhashed.
    pub(crate) fn push(&mut self, block: Bytes) {
        match self {
            Self::Md5(stream) => stream.push(block),
            Self::Sha256(stream) => stream.push(block),
        }
    }

    /// Ends the stream: waits until all of it is hashed, and returns the digest.
    pub(crate) fn finish(self) -> Digest {
        match self {
            Self::Md5(stream) => stream.finish().into(),
            Self::Sha256(stream) => stream.finish().into(),
        }
    }
}

/// Returns the digest of a few bytes.
pub(crate) fn digest_of(kind: DigestKind, bytes: &[u8]) -> Digest {
    match kind {
        DigestKind::Md5 => {
            let mut hasher = Md5Hasher::new();
            hasher.update(bytes);
            hasher.finish().into()
        }
        DigestKind::Sha256 => Sha256::new(sha2::Sha256::digest(bytes).into()).into(),
    }
}
