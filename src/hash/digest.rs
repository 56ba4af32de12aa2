//! Digests as values.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// The `N` bytes of a digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DigestOf<const N: usize>([u8; N]);

/// The sixteen bytes of an MD5 (RFC 1321).
pub type Digest = DigestOf<16>;

/// The 32 bytes of a SHA-256 (FIPS 180-4).
pub type Sha256 = DigestOf<32>;

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

impl Digest {
    /// The MD5 of no bytes (RFC 1321, appendix A.5).
    pub const EMPTY: Self = Self([
        0xd4, 0x1d, 0x8c, 0xd9, 0x8f, 0x00, 0xb2, 0x04, 0xe9, 0x80, 0x09, 0x98, 0xec, 0xf8, 0x42,
        0x7e,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_and_lower_case_are_read_and_lower_case_is_printed() {
        let digest: Digest = "FE8ED0A6961412FDDCBB3603C11B3698".parse().unwrap();
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
            assert_eq!(text.parse::<Digest>(), Err(ParseDigestError { digits: 32 }), "{text:?}");
        }
        let error = "fe8ed0a6961412fddcbb3603c11b3698".parse::<Sha256>().unwrap_err();
        assert_eq!(error.to_string(), "expected 64 hexadecimal digits");
    }
}
