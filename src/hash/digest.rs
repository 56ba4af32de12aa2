//! Digests as values.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The `N` bytes of a digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DigestOf<const N: usize>([u8; N]);

/// The sixteen bytes of an MD5 (RFC 1321).
pub type Md5 = DigestOf<16>;

/// The 32 bytes of a SHA-256 (FIPS 180-4).
pub type Sha256 = DigestOf<32>;

/// A digest of either kind. An MD5 never equals a SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Digest {
    /// An MD5.
    Md5(Md5),
    /// A SHA-256.
    Sha256(Sha256),
}

/// A kind of digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DigestKind {
    /// MD5.
    Md5,
    /// SHA-256.
    Sha256,
}

impl Digest {
    /// Returns the kind of the digest.
    pub const fn kind(&self) -> DigestKind {
        match self {
            Self::Md5(_) => DigestKind::Md5,
            Self::Sha256(_) => DigestKind::Sha256,
        }
    }

    /// Returns the MD5, if it is one.
    pub const fn md5(&self) -> Option<Md5> {
        match self {
            Self::Md5(md5) => Some(*md5),
            Self::Sha256(_) => None,
        }
    }

    /// Returns the SHA-256, if it is one.
    pub const fn sha256(&self) -> Option<Sha256> {
        match self {
            Self::Md5(_) => None,
            Self::Sha256(sha256) => Some(*sha256),
        }
    }

    /// Returns true if it is the digest of no bytes.
    pub fn is_of_nothing(&self) -> bool {
        match self {
            Self::Md5(md5) => *md5 == Md5::EMPTY,
            Self::Sha256(sha256) => *sha256 == Sha256::EMPTY,
        }
    }

    /// Returns the text for a record on the disk: an MD5 is bare, and a SHA-256 has its name before
    /// it.
    pub(crate) fn record(&self) -> String {
        match self {
            Self::Md5(md5) => md5.to_string(),
            Self::Sha256(sha256) => format!("sha256:{sha256}"),
        }
    }
}

impl From<Md5> for Digest {
    fn from(md5: Md5) -> Self {
        Self::Md5(md5)
    }
}

impl From<Sha256> for Digest {
    fn from(sha256: Sha256) -> Self {
        Self::Sha256(sha256)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Md5(md5) => md5.fmt(f),
            Self::Sha256(sha256) => sha256.fmt(f),
        }
    }
}

impl fmt::Display for DigestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        })
    }
}

/// The text does not consist of the right number of hexadecimal digits, in upper or lower case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {digits} hexadecimal digits")]
pub struct ParseDigestError {
    /// The right number: two for each byte.
    pub digits: usize,
}

impl<const N: usize> DigestOf<N> {
    /// A digest of these bytes.
    pub const fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// The bytes, in printed order.
    pub const fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }
}

impl Md5 {
    /// The MD5 of no bytes (RFC 1321, appendix A.5).
    pub const EMPTY: Self = Self([
        0xd4, 0x1d, 0x8c, 0xd9, 0x8f, 0x00, 0xb2, 0x04, 0xe9, 0x80, 0x09, 0x98, 0xec, 0xf8, 0x42,
        0x7e,
    ]);
}

impl Sha256 {
    /// The SHA-256 of no bytes.
    pub const EMPTY: Self = Self([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9,
        0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52,
        0xb8, 0x55,
    ]);
}

impl<const N: usize> FromStr for DigestOf<N> {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; N];
        let wrong = |_| ParseDigestError { digits: 2 * N };
        hex::decode_to_slice(text, &mut bytes).map_err(wrong)?;
        Ok(Self(bytes))
    }
}

impl<const N: usize> fmt::Display for DigestOf<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl<const N: usize> fmt::Debug for DigestOf<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl<const N: usize> Serialize for DigestOf<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for DigestOf<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_and_lower_case_are_read_and_lower_case_is_printed() {
        let digest: Md5 = "FE8ED0A6961412FDDCBB3603C11B3698".parse().unwrap();
        assert_eq!(digest.to_string(), "fe8ed0a6961412fddcbb3603c11b3698");
    }

    #[test]
    fn text_of_another_length_or_with_other_characters_is_refused() {
        for text in [
            "",
            "fe8e",
            "fe8ed0a6961412fddcbb3603c11b369",
            "ge8ed0a6961412fddcbb3603c11b3698",
            "fe8ed0a6961412fddcbb3603c11b36980",
        ] {
            assert_eq!(text.parse::<Md5>(), Err(ParseDigestError { digits: 32 }), "{text:?}");
        }
        let error = "fe8ed0a6961412fddcbb3603c11b3698".parse::<Sha256>().unwrap_err();
        assert_eq!(error.to_string(), "expected 64 hexadecimal digits");
    }
}
