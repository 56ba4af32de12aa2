//! The digests that a table has of an archive.

use crate::hash::digest::{Digest, DigestKind, Md5, Sha256};

/// The digests of an archive: at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digests {
    /// Its MD5 only.
    Md5(Md5),
    /// Its SHA-256 only.
    Sha256(Sha256),
    /// Both.
    Both(Md5, Sha256),
}

/// The kinds of digests that are to be computed of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DigestKinds {
    pub(crate) md5: bool,
    pub(crate) sha256: bool,
}

impl Digests {
    /// The digests that are known; `None` if neither is.
    pub const fn new(md5: Option<Md5>, sha256: Option<Sha256>) -> Option<Self> {
        match (md5, sha256) {
            (Some(md5), Some(sha256)) => Some(Self::Both(md5, sha256)),
            (Some(md5), None) => Some(Self::Md5(md5)),
            (None, Some(sha256)) => Some(Self::Sha256(sha256)),
            (None, None) => None,
        }
    }

    /// The MD5; `None` if the table has none.
    pub const fn md5(&self) -> Option<Md5> {
        match *self {
            Self::Md5(md5) | Self::Both(md5, _) => Some(md5),
            Self::Sha256(_) => None,
        }
    }

    /// The SHA-256; `None` if the table has none.
    pub const fn sha256(&self) -> Option<Sha256> {
        match *self {
            Self::Sha256(sha256) | Self::Both(_, sha256) => Some(sha256),
            Self::Md5(_) => None,
        }
    }

    /// The digest that decides: the MD5, which is faster, or the SHA-256 if there is no MD5.
    pub const fn deciding(&self) -> Digest {
        match *self {
            Self::Md5(md5) | Self::Both(md5, _) => Digest::Md5(md5),
            Self::Sha256(sha256) => Digest::Sha256(sha256),
        }
    }

    /// Both digests together, if the other ones are of the other kind.
    pub(super) const fn joined(&self, other: &Self) -> Option<Self> {
        match (*self, *other) {
            (Self::Md5(md5), Self::Sha256(sha256)) | (Self::Sha256(sha256), Self::Md5(md5)) => {
                Some(Self::Both(md5, sha256))
            }
            _ => None,
        }
    }
}

impl DigestKinds {
    /// Adds the kind that decides about an archive with these digests.
    pub(super) fn add(&mut self, digests: &Digests) {
        match digests.deciding().kind() {
            DigestKind::Md5 => self.md5 = true,
            DigestKind::Sha256 => self.sha256 = true,
        }
    }
}

impl From<Md5> for Digests {
    fn from(md5: Md5) -> Self {
        Self::Md5(md5)
    }
}

impl From<Sha256> for Digests {
    fn from(sha256: Sha256) -> Self {
        Self::Sha256(sha256)
    }
}

impl From<Digest> for Digests {
    fn from(digest: Digest) -> Self {
        match digest {
            Digest::Md5(md5) => Self::Md5(md5),
            Digest::Sha256(sha256) => Self::Sha256(sha256),
        }
    }
}
