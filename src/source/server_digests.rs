//! The digests of an archive that a server states in its headers.
//!
//! Only digests of the whole archive count, also in an answer with a part of it. None of them is
//! trusted, because a server can state anything.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderMap;

use crate::hash::digest::{Digest, DigestOf};

/// The digests that cxr compares, the preferred one first (RFC 9530, section 4).
pub(super) const WANTED: &str = "md5=10, sha-256=5";

/// The most members of one header that are read. No server sends more.
const MEMBERS: usize = 64;

/// A digest that a server states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerDigest {
    /// The header, as its standard writes it.
    pub(crate) header: &'static str,
    pub(crate) digest: Digest,
    pub(crate) scope: DigestScope,
}

/// The bytes that a digest covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DigestScope {
    /// The whole archive.
    Whole,
    /// The whole archive, or in the answer to a range only that part: servers differ, and so HTTP
    /// has abandoned the header (RFC 7231, appendix B).
    MaybePart,
    /// An ETag. Some servers use the MD5 as the ETag, and others one that only looks like an MD5.
    ETag,
}

/// Returns all digests in the headers of an answer, the most trusted first.
pub(super) fn server_digests(headers: &HeaderMap) -> Vec<ServerDigest> {
    let mut all = Vec::new();
    let mut add = |header, scope, read: &dyn Fn(&str) -> Vec<Digest>| {
        let stated = |digest| ServerDigest { header, digest, scope };
        all.extend(read(&value(headers, header)).into_iter().map(stated));
    };
    add("Repr-Digest", DigestScope::Whole, &|value| members(value, byte_sequence));
    // Bare base64 (RFC 3230, section 4.3.2).
    add("Digest", DigestScope::Whole, &|value| members(value, |bare| Some(bare)));
    add("x-goog-hash", DigestScope::Whole, &|value| members(value, |bare| Some(bare)));
    // The whole blob's, also in the answer to a range.
    add("x-ms-blob-content-md5", DigestScope::Whole, &|value| md5(value).into_iter().collect());
    add("Content-MD5", DigestScope::MaybePart, &|value| md5(value).into_iter().collect());
    if !has_other_tag(headers) {
        add("ETag", DigestScope::ETag, &|value| tag(value).into_iter().collect());
    }
    all
}

/// Returns all lines of a header as one (RFC 9110, section 5.3), with U+FFFD for invalid UTF-8.
fn value(headers: &HeaderMap, name: &str) -> String {
    let lines = headers.get_all(name).iter();
    let lines: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    lines.join(",")
}

/// Returns the MD5 and SHA-256 members of a list of `name=digest`.
fn members(value: &str, read: fn(&str) -> Option<&str>) -> Vec<Digest> {
    let member = |member: &str| {
        let (name, digest) = member.trim().split_once('=')?;
        let digest = read(digest)?;
        match name.trim().to_ascii_lowercase().as_str() {
            "md5" => md5(digest),
            "sha-256" => decoded(digest).map(Digest::Sha256),
            _ => None,
        }
    };
    value.split(',').take(MEMBERS).filter_map(member).collect()
}

/// Returns the base64 of a byte sequence (RFC 9651, section 3.3.5), without its parameters.
fn byte_sequence(value: &str) -> Option<&str> {
    let (base64, parameters) = value.trim().strip_prefix(':')?.split_once(':')?;
    (parameters.is_empty() || parameters.trim_start().starts_with(';')).then_some(base64)
}

fn md5(base64: &str) -> Option<Digest> {
    decoded(base64).map(Digest::Md5)
}

/// Decodes a digest of the right length.
fn decoded<const N: usize>(base64: &str) -> Option<DigestOf<N>> {
    let bytes = STANDARD.decode(base64.trim()).ok()?;
    bytes.try_into().ok().map(DigestOf::new)
}

/// Returns true if the ETag only looks like an MD5: S3 encrypts the archive with a key of KMS, or with
/// one of the user's.
fn has_other_tag(headers: &HeaderMap) -> bool {
    value(headers, "x-amz-server-side-encryption").starts_with("aws:kms")
        || headers.contains_key("x-amz-server-side-encryption-customer-algorithm")
}

/// Parses a strong ETag (RFC 9110, section 8.8.3) of 32 hexadecimal digits.
fn tag(value: &str) -> Option<Digest> {
    value.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok().map(Digest::Md5)
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    /// Digests of the nine digits, as `openssl md5 -binary | base64` and the like print them.
    const MD5: &str = "JfnnlDI7RTiF9RgfG2JNCw==";
    const MD5_HEX: &str = "25f9e794323b453885f5181f1b624d0b";
    const SHA: &str = "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=";

    fn read(name: &'static str, value: &str) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for line in value.split('\n') {
            let value = HeaderValue::from_bytes(line.as_bytes()).unwrap();
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
        }
        let word = |stated: ServerDigest| match stated.digest {
            Digest::Md5(md5) => format!("{} {md5}", stated.header),
            Digest::Sha256(sha) => format!("{} {}", stated.header, &sha.to_string()[..8]),
        };
        server_digests(&headers).into_iter().map(word).collect()
    }

    #[test]
    fn every_header_is_parsed_in_its_own_syntax() {
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
            (
                "x-ms-blob-content-md5",
                MD5.to_owned(),
                vec![format!("x-ms-blob-content-md5 {MD5_HEX}")],
            ),
        ] {
            assert_eq!(read(name, &value), expected, "{name}: {value}");
        }
    }

    #[test]
    fn the_tag_of_an_encrypted_archive_is_no_md5() {
        for (name, value, count) in [
            ("x-amz-server-side-encryption", "AES256", 1),
            ("x-amz-server-side-encryption", "aws:kms", 0),
            ("x-amz-server-side-encryption", "aws:kms:dsse", 0),
            ("x-amz-server-side-encryption-customer-algorithm", "AES256", 0),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("etag", format!("\"{MD5_HEX}\"").parse().unwrap());
            headers.insert(name, HeaderValue::from_static(value));
            assert_eq!(server_digests(&headers).len(), count, "{name}: {value}");
        }
    }

    #[test]
    fn invalid_and_other_digests_are_ignored() {
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
