//! One line of a checksum file.

use crate::hash::digest::Digest;
use crate::text::escape;

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::catalog) struct Entry {
    /// The line, counted from 1.
    pub(in crate::catalog) line: usize,
    /// The name as written, escapes undone.
    pub(in crate::catalog) name: String,
    /// The digest.
    pub(in crate::catalog) md5: Digest,
}

/// Why a line is no checksum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It has none of the forms.
    #[error(
        "`{}` is neither `MD5  name` with the MD5 in 32 hexadecimal digits nor `MD5 (name) = …`",
        shown(.0)
    )]
    Form(Vec<u8>),
    /// It is a checksum of another kind.
    #[error("this is a checksum of the kind {}; only MD5 can be checked", escape::brief(.0))]
    Algorithm(String),
    /// Names are text.
    #[error("the name `{}` is not UTF-8", shown(.0))]
    NotUtf8(Vec<u8>),
    /// The line begins with `\`, but what follows a `\` in the name means nothing.
    #[error("the name `{}` has a `\\` that stands for nothing; `\\\\`, `\\n` and `\\r` are known", shown(.0))]
    Escape(Vec<u8>),
}

/// How much of a bad line is shown.
const SHOWN: usize = 80;

fn shown(text: &[u8]) -> String {
    match text.get(..SHOWN) {
        Some(start) if text.len() > SHOWN => format!("{}…", escape::bytes(start)),
        _ => escape::bytes(text),
    }
}

/// What the line says, which is neither blank nor a comment.
pub(super) fn read(line: usize, text: &[u8]) -> Result<Entry, LineError> {
    let content = text.trim_ascii_start();
    let (escaped, content) = match content.strip_prefix(b"\\") {
        Some(rest) => (true, rest),
        None => (false, content),
    };
    let found = tagged(content).or_else(|| untagged(content));
    let (md5, name) = found.unwrap_or_else(|| Err(LineError::Form(text.to_vec())))?;
    let name = if escaped { unescape(name)? } else { name.to_vec() };
    let name = String::from_utf8(name).map_err(|error| LineError::NotUtf8(error.into_bytes()))?;
    Ok(Entry { line, name, md5 })
}

/// `MD5 (name) = hex` and `MD5(name)= hex`; `None` where the line has not this form.
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
    if !algorithm.eq_ignore_ascii_case("MD5") {
        return Some(Err(LineError::Algorithm(algorithm.to_owned())));
    }
    Some(Ok((hexadecimal(digest)?, rest.get(..close)?)))
}

/// `hex  name`, `hex *name` and `hex name`; `None` where the line has not this form.
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

/// What a digest in so many hexadecimal digits is likely to be, if not an MD5.
fn algorithm_of_length(digest: &[u8]) -> Option<&'static str> {
    let algorithm = match digest.len() {
        40 => "SHA-1",
        56 => "SHA-224",
        64 => "SHA-256",
        96 => "SHA-384",
        128 => "SHA-512",
        _ => return None,
    };
    digest.iter().all(u8::is_ascii_hexdigit).then_some(algorithm)
}

/// A name in brackets behind a digest is no algorithm's.
fn is_digest(word: &str) -> bool {
    word.parse::<Digest>().is_ok()
}

fn hexadecimal(text: &[u8]) -> Option<Digest> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// GNU's escapes: `\\`, `\n`, `\r`.
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
        read(1, text.replace("HEX", HEX).as_bytes()).unwrap().name
    }

    fn refused(text: &[u8]) -> LineError {
        read(1, text).unwrap_err()
    }

    #[test]
    fn every_form_gives_its_name() {
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
    fn a_line_of_none_of_the_forms_is_refused() {
        for text in
            ["a", "HEX", "HEXa", "HEX0  a", "MD5 (a) HEX", "MD5 (a = HEX", "MD5 (a) = ", "x HEX"]
        {
            let error = refused(text.replace("HEX", HEX).as_bytes());
            assert!(matches!(error, LineError::Form(_)), "{text:?}: {error:?}");
        }
    }

    #[test]
    fn other_algorithms_are_called_by_their_names() {
        let kind = |text: String| match refused(text.as_bytes()) {
            LineError::Algorithm(kind) => kind,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(kind(format!("SHA256 (a) = {HEX}{HEX}")), "SHA256");
        assert_eq!(kind(format!("SHA2-256(a)= {HEX}{HEX}")), "SHA2-256");
        assert_eq!(kind(format!("{HEX}{HEX}  a")), "SHA-256");
        assert_eq!(kind(format!("{HEX}01234567 *a")), "SHA-1");
    }

    #[test]
    fn a_name_must_be_text() {
        let text = [HEX.as_bytes(), b"  a\xff"].concat();
        assert_eq!(refused(&text), LineError::NotUtf8(b"a\xff".to_vec()));
    }

    #[test]
    fn an_escape_must_mean_something() {
        for end in ["\\", "\\t", "\\0"] {
            let text = format!("\\{HEX}  a{end}");
            assert!(matches!(refused(text.as_bytes()), LineError::Escape(_)), "{text}");
        }
    }

    #[test]
    fn a_long_bad_line_is_shown_in_part() {
        let message = refused(&b"x".repeat(1_000_000)).to_string();
        assert!(message.len() < 300, "{}", message.len());
        assert!(message.contains("xxx…"), "{message}");
    }
}
