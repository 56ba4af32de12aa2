//! An MD5 digest (RFC 1321) as a value: compared, printed, read; computed elsewhere.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// The sixteen bytes of an MD5.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 16]);

/// The text is not an MD5: it must be 32 hexadecimal digits, of either case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an MD5 is 32 hexadecimal digits")]
pub struct ParseDigestError;

impl Digest {
    /// The digest whose bytes these are.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The MD5 of no bytes at all (RFC 1321, appendix A.5).
    pub const EMPTY: Self = Self([
        0xd4, 0x1d, 0x8c, 0xd9, 0x8f, 0x00, 0xb2, 0x04, 0xe9, 0x80, 0x09, 0x98, 0xec, 0xf8, 0x42,
        0x7e,
    ]);

    /// The sixteen bytes, in the order in which they are printed.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| ParseDigestError)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl Serialize for Digest {
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
    fn refuses_what_is_not_32_digits() {
        for text in [
            "",
            "fe8e",
            "fe8ed0a6961412fddcbb3603c11b369",
            "ge8ed0a6961412fddcbb3603c11b3698",
            "fe8ed0a6961412fddcbb3603c11b36980",
        ] {
            assert_eq!(text.parse::<Digest>(), Err(ParseDigestError), "{text:?}");
        }
    }
}
