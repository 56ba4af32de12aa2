//! The lines of a checksum file.

use super::archive_name::plain;
use super::{Archive, LineError};
use crate::hash::digest::{Digest, DigestKind, Md5, Sha256};

/// The lines that are neither blank nor comments, counted from 1, without their ends.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lines = (1..).zip(bytes.split(|byte| *byte == b'\n'));
    let lines = lines.map(|(number, text)| (number, text.strip_suffix(b"\r").unwrap_or(text)));
    lines.filter(|(_, text)| !text.starts_with(b"#") && !text.trim_ascii().is_empty())
}

/// Reads a line that is neither blank nor a comment.
pub(super) fn read(text: &[u8]) -> Result<Archive, LineError> {
    let content = text.trim_ascii_start();
    let (is_escaped, content) = match content.strip_prefix(b"\\") {
        Some(rest) => (true, rest),
        None => (false, content),
    };
    let found = tagged(content).or_else(|| untagged(content));
    let (digest, name) = found.unwrap_or_else(|| Err(LineError::Form(text.to_vec())))?;
    let name = if is_escaped { unescape(name)? } else { name.to_vec() };
    let name = String::from_utf8(name).map_err(|error| LineError::NotUtf8(error.into_bytes()))?;
    let name = plain(&name);
    Ok(Archive::new(name, digest))
}

/// `MD5 (name) = hex` and `MD5(name)= hex`, and the same with `SHA256`; `None` if the line has another form.
fn tagged(content: &[u8]) -> Option<Result<(Digest, &[u8]), LineError>> {
    let open = content.iter().position(|byte| *byte == b'(')?;
    let algorithm = std::str::from_utf8(content.get(..open)?).ok()?;
    let algorithm = algorithm.strip_suffix(' ').unwrap_or(algorithm);
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '/' | '_');
    if algorithm.is_empty() || !algorithm.chars().all(is_word) || is_digest(algorithm) {
        return None;
    }
    let rest = content.get(open + 1..)?;
    let close = rest.iter().rposition(|byte| *byte == b')')?;
    let digest = rest.get(close + 1..)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii();
    let Some(kind) = kind(algorithm) else {
        return Some(Err(LineError::Algorithm(algorithm.to_owned())));
    };
    let digest = hexadecimal(digest).filter(|digest| digest.kind() == kind)?;
    Some(Ok((digest, rest.get(..close)?)))
}

/// The kind of digest with this name, as GNU, BSD, OpenSSL and `sha2` write it.
fn kind(algorithm: &str) -> Option<DigestKind> {
    match algorithm.to_ascii_uppercase().as_str() {
        "MD5" => Some(DigestKind::Md5),
        "SHA256" | "SHA-256" | "SHA2-256" => Some(DigestKind::Sha256),
        _ => None,
    }
}

/// `hex  name`, `hex *name` and `hex name`; `None` if the line has another form.
fn untagged(content: &[u8]) -> Option<Result<(Digest, &[u8]), LineError>> {
    let end = content.iter().position(|byte| matches!(byte, b' ' | b'\t'))?;
    let (digest, rest) = content.split_at_checked(end)?;
    let rest = rest.get(1..)?;
    let name = match rest {
        [b' ' | b'*', name @ ..] if !name.is_empty() => name,
        name => name,
    };
    if let Some(algorithm) = algorithm_of_length(digest) {
        return Some(Err(LineError::Algorithm(algorithm.to_owned())));
    }
    Some(Ok((hexadecimal(digest)?, name)))
}

/// The likely algorithm of a digest with this number of hexadecimal digits, if cxr does not check it.
fn algorithm_of_length(digest: &[u8]) -> Option<&'static str> {
    let algorithm = match digest.len() {
        40 => "SHA-1",
        56 => "SHA-224",
        96 => "SHA-384",
        128 => "SHA-512",
        _ => return None,
    };
    digest.iter().all(u8::is_ascii_hexdigit).then_some(algorithm)
}

/// True for a digest: the parentheses after it belong to a name, as in `hex (a) = b`.
fn is_digest(word: &str) -> bool {
    hexadecimal(word.as_bytes()).is_some()
}

/// Reads the digits of a digest, whose number says which kind it is.
fn hexadecimal(text: &[u8]) -> Option<Digest> {
    let text = std::str::from_utf8(text).ok()?;
    let md5 = text.parse::<Md5>().ok().map(Digest::Md5);
    md5.or_else(|| text.parse::<Sha256>().ok().map(Digest::Sha256))
}

/// Undoes the escapes of GNU: `\\`, `\n`, `\r`.
fn unescape(name: &[u8]) -> Result<Vec<u8>, LineError> {
    let mut plain = Vec::with_capacity(name.len());
    let mut bytes = name.iter();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'\\') => b'\\',
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                _ => return Err(LineError::Escape(name.to_vec())),
            },
            byte => *byte,
        });
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "fe8ed0a6961412fddcbb3603c11b3698";

    fn name(text: &str) -> String {
        read(text.replace("HEX", HEX).as_bytes()).unwrap().name
    }

    fn refused(text: &[u8]) -> LineError {
        read(text).unwrap_err()
    }

    #[test]
    fn every_form_is_read() {
        for (text, expected) in [
            ("HEX  a b", "a b"),
            ("HEX *a", "a"),
            ("HEX a", "a"),
            ("HEX\ta", "a"),
            ("  HEX  a ", "a "),
            ("HEX   a", " a"),
            ("HEX  *a", "*a"),
            ("HEX *", "*"),
            ("HEX  #a", "#a"),
            ("\\HEX  a\\\\b\\nc\\rd", "a\\b\nc\rd"),
            ("HEX  a\\nb", "a\\nb"),
            ("MD5 (a) = HEX", "a"),
            ("MD5(a)= HEX", "a"),
            ("MD5 (a (1).gz) = HEX", "a (1).gz"),
            ("MD5 (a) = b) = HEX  ", "a) = b"),
            ("\\MD5 (a\\\\b) = HEX", "a\\b"),
            ("MD5 (a) =HEX", "a"),
            ("md5 (a) = HEX", "a"),
            ("HEX (a) = b", "(a) = b"),
        ] {
            assert_eq!(name(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_digits_and_the_name_of_the_algorithm_say_which_digest_it_is() {
        for form in ["X  a", "X *a", "SHA256 (a) = X", "SHA2-256(a)= X", "sha-256 (a) = X"] {
            let archive = read(form.replace('X', &HEX.repeat(2)).as_bytes()).unwrap();
            assert_eq!((archive.md5(), archive.sha256()), (None, HEX.repeat(2).parse().ok()));
        }
        for form in [format!("SHA256 (a) = {HEX}"), format!("MD5 (a) = {HEX}{HEX}")] {
            assert!(matches!(refused(form.as_bytes()), LineError::Form(_)), "{form}");
        }
    }

    #[test]
    fn a_line_of_another_form_is_refused() {
        for text in
            ["a", "HEX", "HEXa", "HEX0  a", "MD5 (a) HEX", "MD5 (a = HEX", "MD5 (a) = ", "x HEX"]
        {
            let error = refused(text.replace("HEX", HEX).as_bytes());
            assert!(matches!(error, LineError::Form(_)), "{text:?}: {error:?}");
        }
    }

    #[test]
    fn other_algorithms_are_named() {
        let kind = |text: String| match refused(text.as_bytes()) {
            LineError::Algorithm(kind) => kind,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(kind(format!("SHA512 (a) = {HEX}{HEX}{HEX}{HEX}")), "SHA512");
        assert_eq!(kind(format!("{HEX}{HEX}{HEX}{HEX}  a")), "SHA-512");
        assert_eq!(kind(format!("SHA3-256(a)= {HEX}{HEX}")), "SHA3-256");
        assert_eq!(kind(format!("{HEX}01234567 *a")), "SHA-1");
    }

    #[test]
    fn a_name_that_is_not_utf_8_is_refused() {
        let text = [HEX.as_bytes(), b"  a\xff"].concat();
        assert_eq!(refused(&text), LineError::NotUtf8(b"a\xff".to_vec()));
    }

    #[test]
    fn an_unknown_escape_is_refused() {
        for end in ["\\", "\\t", "\\0"] {
            let text = format!("\\{HEX}  a{end}");
            assert!(matches!(refused(text.as_bytes()), LineError::Escape(_)), "{text}");
        }
    }

    #[test]
    fn only_the_beginning_of_a_long_line_is_shown() {
        let message = refused(&b"x".repeat(1_000_000)).to_string();
        assert!(message.len() < 300, "{}", message.len());
        assert!(message.contains("xxx…"), "{message}");
    }
}
