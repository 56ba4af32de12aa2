//! The fuzz target for escaping and quoting.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::assert_visible;
use crate::report::write_json;
use crate::text::{escape, shell};

/// As text, as a path, as a shell word and in JSON, any bytes have only visible characters. The
/// shell and JSON give the bytes back.
pub(super) fn escape(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    assert_visible(&escape::bytes(bytes));
    assert_visible(&escape::path(Path::new(OsStr::from_bytes(bytes))));
    assert_visible(&shell::path(Path::new(OsStr::from_bytes(bytes))));
    let quoted = shell::quote(OsStr::from_bytes(bytes));
    assert_visible(&quoted);
    assert_eq!(unquoted(&quoted), bytes, "{quoted}");
    let mut json = Vec::new();
    write_json(&*text, &mut json).expect("a vector takes all bytes");
    let json = String::from_utf8(json).expect("JSON is text");
    assert_visible(json.strip_suffix('\n').expect("one line"));
    assert_eq!(serde_json::from_str::<String>(&json).ok(), Some(text.into_owned()));
}

/// Reads a word of one of the three forms that cxr writes, as a shell does.
fn unquoted(word: &str) -> Vec<u8> {
    if let Some(word) = word.strip_prefix("$'").and_then(|word| word.strip_suffix('\'')) {
        return octal(word.as_bytes());
    }
    match word.strip_prefix('\'').and_then(|word| word.strip_suffix('\'')) {
        Some(word) => word.replace(r"'\''", "'").into_bytes(),
        None => word.as_bytes().to_vec(),
    }
}

/// Reads the text between `$'` and `'`.
fn octal(word: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut rest = word;
    loop {
        rest = match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..] => {
                plain.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                rest
            }
            [b'\\', byte, rest @ ..] | [byte, rest @ ..] => {
                plain.push(*byte);
                rest
            }
            [] => return plain,
        };
    }
}
