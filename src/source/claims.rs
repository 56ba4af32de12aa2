//! What a server says of an archive's digests, in the headers that are used for it. Pure.
//!
//! Only what speaks of the whole archive counts, also in an answer that holds a part of it. Nothing
//! here is believed: a server can say what it likes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderMap;

use crate::hash::digest::{Digest, DigestOf, Sha256};

/// Asks for the digests that we compare, the preferred one first (RFC 9530, section 4).
pub(super) const WANTED: &str = "md5=10, sha-256=5";

/// Members of one header that are read; nobody has so many.
const MOST: usize = 64;

/// One digest that a server names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The header, as its standard writes it.
    pub header: &'static str,
    /// What it says.
    pub digest: Claimed,
    /// How far it goes.
    pub scope: Scope,
}

/// A digest of a kind that the table may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// An MD5.
    Md5(Digest),
    /// A SHA-256.
    Sha256(Sha256),
}

/// What a claim is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The whole archive.
    Whole,
    /// The whole archive, or, in the answer to a range, that part of it: servers differ, which is
    /// why HTTP has given the header up (RFC 7231, appendix B).
    Perhaps,
    /// The state of the file, of which some servers make a name that is its MD5, and others one that
    /// only looks so.
    Tag,
}

/// Everything that the headers of an answer claim, in the order of trust.
pub(super) fn claims(headers: &HeaderMap) -> Vec<Claim> {
    let mut all = Vec::new();
    let mut add = |header, scope, read: &dyn Fn(&str) -> Vec<Claimed>| {
        let claim = |digest| Claim { header, digest, scope };
        all.extend(read(&value(headers, header)).into_iter().map(claim));
    };
    add("Repr-Digest", Scope::Whole, &|value| members(value, byte_sequence));
    // The bare base64 (RFC 3230, section 4.3.2).
    add("Digest", Scope::Whole, &|value| members(value, |bare| Some(bare)));
    add("x-goog-hash", Scope::Whole, &|value| members(value, |bare| Some(bare)));
    add("Content-MD5", Scope::Perhaps, &|value| md5(value).into_iter().collect());
    add("ETag", Scope::Tag, &|value| tag(value).into_iter().collect());
    all
}

/// All lines of a header as one (RFC 9110, section 5.3); what is not UTF-8 is replaced.
fn value(headers: &HeaderMap, name: &str) -> String {
    let lines = headers.get_all(name).iter();
    let lines: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    lines.join(",")
}

/// The members of a list of `name=digest` whose names are those of our two digests.
fn members(value: &str, read: fn(&str) -> Option<&str>) -> Vec<Claimed> {
    let member = |member: &str| {
        let (name, digest) = member.trim().split_once('=')?;
        let digest = read(digest)?;
        match name.trim().to_ascii_lowercase().as_str() {
            "md5" => md5(digest),
            "sha-256" => decoded(digest).map(Claimed::Sha256),
            _ => None,
        }
    };
    value.split(',').take(MOST).filter_map(member).collect()
}

/// A byte sequence (RFC 9651, section 3.3.5) without its parameters.
fn byte_sequence(value: &str) -> Option<&str> {
    let (base64, parameters) = value.trim().strip_prefix(':')?.split_once(':')?;
    (parameters.is_empty() || parameters.trim_start().starts_with(';')).then_some(base64)
}

fn md5(base64: &str) -> Option<Claimed> {
    decoded(base64).map(Claimed::Md5)
}

/// The bytes of a digest, if they are as many as it has.
fn decoded<const N: usize>(base64: &str) -> Option<DigestOf<N>> {
    let bytes = STANDARD.decode(base64.trim()).ok()?;
    bytes.try_into().ok().map(DigestOf::new)
}

/// A strong tag (RFC 9110, section 8.8.3) of 32 hexadecimal digits.
fn tag(value: &str) -> Option<Claimed> {
    value.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok().map(Claimed::Md5)
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    /// Of the nine digits, as `openssl md5 -binary | base64` and the like print them.
    const MD5: &str = "JfnnlDI7RTiF9RgfG2JNCw==";
    const MD5_HEX: &str = "25f9e794323b453885f5181f1b624d0b";
    const SHA: &str = "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=";

    fn read(name: &'static str, value: &str) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for line in value.split('\n') {
            let value = HeaderValue::from_bytes(line.as_bytes()).unwrap();
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
        }
        let word = |claim: Claim| match claim.digest {
            Claimed::Md5(md5) => format!("{} {md5}", claim.header),
            Claimed::Sha256(sha) => format!("{} {}", claim.header, &sha.to_string()[..8]),
        };
        claims(&headers).into_iter().map(word).collect()
    }

    #[test]
    fn every_header_is_read_in_its_own_form() {
        let goog = format!("crc32c=n03x6A==,md5={MD5}");
        let lines = format!("crc32c=n03x6A==\nmd5={MD5}");
        let both = format!("sha-512=:AAAA:, sha-256=:{SHA}: , md5=:{MD5}:;x=1");
        for (name, value, expected) in [
            ("repr-digest", format!("md5=:{MD5}:"), vec![format!("Repr-Digest {MD5_HEX}")]),
            (
                "repr-digest",
                both,
                vec!["Repr-Digest 15e2b0d3".to_owned(), format!("Repr-Digest {MD5_HEX}")],
            ),
            ("digest", format!("MD5={MD5}"), vec![format!("Digest {MD5_HEX}")]),
            ("digest", format!("unixsum=1,SHA-256={SHA}"), vec!["Digest 15e2b0d3".to_owned()]),
            ("x-goog-hash", goog, vec![format!("x-goog-hash {MD5_HEX}")]),
            ("x-goog-hash", lines, vec![format!("x-goog-hash {MD5_HEX}")]),
            ("content-md5", format!(" {MD5} "), vec![format!("Content-MD5 {MD5_HEX}")]),
            ("etag", format!("\"{MD5_HEX}\""), vec![format!("ETag {MD5_HEX}")]),
        ] {
            assert_eq!(read(name, &value), expected, "{name}: {value}");
        }
    }

    #[test]
    fn what_is_no_digest_of_ours_claims_nothing() {
        for (name, value) in [
            ("repr-digest", format!("md5={MD5}")),
            ("repr-digest", format!("md5=:{MD5}")),
            ("repr-digest", format!("md5=:{MD5}:x")),
            ("repr-digest", format!("md5=:{SHA}:")),
            ("digest", "md5=".to_owned()),
            ("digest", "md5=????".to_owned()),
            ("content-digest", format!("md5=:{MD5}:")),
            ("content-md5", MD5_HEX.to_owned()),
            ("content-md5", String::new()),
            ("etag", format!("W/\"{MD5_HEX}\"")),
            ("etag", MD5_HEX.to_owned()),
            ("etag", format!("\"{MD5_HEX}-2\"")),
            ("etag", "\"".to_owned()),
            ("x-goog-hash", "\u{fc}=\u{fc}".to_owned()),
        ] {
            assert_eq!(read(name, &value), Vec::<String>::new(), "{name}: {value}");
        }
    }
}
