//! A digest as a value: compared, printed, read; computed elsewhere.

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

/// The text is not such a digest: it must be so many hexadecimal digits, of either case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it must be {digits} hexadecimal digits")]
pub struct ParseDigestError {
    /// Two for each byte.
    pub digits: usize,
}

impl<const N: usize> DigestOf<N> {
    /// The digest whose bytes these are.
    pub const fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// The bytes, in the order in which they are printed.
    pub const fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }
}

impl Digest {
    /// The MD5 of no bytes at all (RFC 1321, appendix A.5).
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
    fn reads_either_case_and_prints_lower() {
        let digest: Digest = "FE8ED0A6961412FDDCBB3603C11B3698".parse().unwrap();
        assert_eq!(digest.to_string(), "fe8ed0a6961412fddcbb3603c11b3698");
    }

    #[test]
    fn refuses_what_is_not_as_many_digits() {
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
        assert_eq!(error.to_string(), "it must be 64 hexadecimal digits");
    }
}
