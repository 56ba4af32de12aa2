//! What holds of everything that is said: of text from anywhere, and of files by their beginnings.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::promises::{assert_message, assert_visible};
use crate::locate::identify::{self, HEAD};
use crate::report::write_json;
use crate::text::{escape, shell};

/// Whatever the bytes are, as text, as a path, as a word for a shell and in JSON they can only be
/// seen; the shell and JSON give them back.
pub(super) fn escape(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    assert_visible(&escape::bytes(bytes));
    assert_visible(&escape::path(Path::new(OsStr::from_bytes(bytes))));
    assert_visible(&shell::path(Path::new(OsStr::from_bytes(bytes))));
    let quoted = shell::quote(OsStr::from_bytes(bytes));
    assert_visible(&quoted);
    assert_eq!(unquoted(&quoted), bytes, "{quoted}");
    let mut json = Vec::new();
    write_json(&*text, &mut json).expect("memory takes everything");
    let json = String::from_utf8(json).expect("JSON is text");
    assert_visible(json.strip_suffix('\n').expect("one line"));
    assert_eq!(serde_json::from_str::<String>(&json).ok(), Some(text.into_owned()));
}

/// What a shell makes of a word in one of the three forms that are written.
fn unquoted(word: &str) -> Vec<u8> {
    if let Some(word) = word.strip_prefix("$'").and_then(|word| word.strip_suffix('\'')) {
        return octal(word.as_bytes());
    }
    match word.strip_prefix('\'').and_then(|word| word.strip_suffix('\'')) {
        Some(word) => word.replace(r"'\''", "'").into_bytes(),
        None => word.as_bytes().to_vec(),
    }
}

/// The text between `$'` and `'`.
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

/// A file is called something in a few words, whatever it begins with, and an archive that begins
/// as gzip does is never out of place.
pub(super) fn identify(bytes: &[u8]) {
    let kind = identify::kind(&bytes[..bytes.len().min(HEAD)]);
    assert_message(&kind.words());
    for name in ["images_001.tar.gz", "a.tar", "a.csv", "a.html", "a", "a.ZIP", "a.pdf"] {
        let is_out_of_place = identify::is_out_of_place(&kind, name);
        assert!(!is_out_of_place || !matches!(kind, identify::Kind::Empty | identify::Kind::Zeros));
        let is_gzip = bytes.starts_with(b"\x1f\x8b");
        assert!(!(is_gzip && is_out_of_place && identify::expects_gzip(name)));
    }
}
