//! Text from a table, a file name or a server, made safe to show.
//!
//! A terminal obeys control characters, a log is read by lines, and bidirectional marks make a
//! name look like another. None of them leaves the program unescaped.

use std::borrow::Cow;
use std::path::Path;

/// So many characters of a name or a cell are enough to know which one is meant.
const BRIEF: usize = 200;

/// Whether a character could do something other than be seen: controls, line and paragraph
/// separators, and the bidirectional and invisible formatting marks of Unicode (UAX #9).
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// The text with every unsafe character written as `\u{…}`; borrowed where there is none.
pub fn text(raw: &str) -> Cow<'_, str> {
    if !raw.contains(is_unsafe) {
        return Cow::Borrowed(raw);
    }
    let mut safe = String::with_capacity(raw.len() + 8);
    for c in raw.chars() {
        if is_unsafe(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// The beginning of a text, safe to show in a message whatever its length: two hundred characters,
/// and `…` where there are more.
pub fn brief(raw: &str) -> String {
    match raw.char_indices().nth(BRIEF) {
        Some((end, _)) => format!("{}…", text(raw.get(..end).unwrap_or_default())),
        None => text(raw).into_owned(),
    }
}

/// Bytes from a server or a file as safe text; what is not UTF-8 becomes U+FFFD.
pub fn bytes(raw: &[u8]) -> String {
    text(&String::from_utf8_lossy(raw)).into_owned()
}

/// A path as safe text; what is not UTF-8 becomes U+FFFD.
pub fn path(raw: &Path) -> String {
    text(&raw.to_string_lossy()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_borrowed() {
        assert!(matches!(text("images_001.tar.gz – Zürich"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_message_shows_the_beginning_of_a_long_text() {
        assert_eq!(brief("a\n"), "a\\u{a}");
        assert_eq!(brief(&"ü".repeat(200)), "ü".repeat(200));
        assert_eq!(brief(&"ü".repeat(201)), format!("{}…", "ü".repeat(200)));
    }

    #[test]
    fn controls_and_bidirectional_marks_are_written_out() {
        assert_eq!(text("a\x1b[2Jb\n"), "a\\u{1b}[2Jb\\u{a}");
        assert_eq!(text("gz.\u{202e}rat"), "gz.\\u{202e}rat");
        assert_eq!(bytes(b"\x9b31m\xff"), "\u{fffd}31m\u{fffd}");
    }
}
