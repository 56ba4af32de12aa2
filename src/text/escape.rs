//! Text from a table, a file name or a server, made safe to show.
//!
//! A terminal obeys control characters, a log is read by lines, and bidirectional marks make a
//! name look like another. GitHub's runner obeys words in a log: a line that begins with `::`, and
//! `##[` wherever it stands. None of them leaves the program unescaped.

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

/// What makes a command of a line, wherever in it this stands, for GitHub's runner: the older of
/// its two forms, `##[command]value`.
const COMMAND: &str = "##[";

/// Whether the first character of a text must be escaped, wherever in a line the text stands.
pub(crate) fn begins_unsafe(rest: &str) -> bool {
    rest.starts_with(is_unsafe) || rest.starts_with(COMMAND)
}

/// The text with every unsafe character written as `\u{…}`, and so that no log takes it for a
/// command; borrowed where nothing needs to be changed.
pub fn text(raw: &str) -> Cow<'_, str> {
    let is_command = raw.contains(COMMAND) || raw.trim_start().starts_with("::");
    if !is_command && !raw.contains(is_unsafe) {
        return Cow::Borrowed(raw);
    }
    let mut safe = String::with_capacity(raw.len() + 8);
    let mut begins = true;
    for (at, c) in raw.char_indices() {
        let rest = &raw[at..];
        if begins_unsafe(rest) || (begins && rest.starts_with("::")) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
        begins &= c.is_whitespace();
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

/// The same for a text of lines and columns: ends of lines and tabs stay.
pub fn lines(raw: &str) -> Cow<'_, str> {
    let is_unsafe = |c| is_unsafe(c) && !matches!(c, '\n' | '\t');
    if !raw.contains(is_unsafe) {
        return Cow::Borrowed(raw);
    }
    let pieces = raw.split_inclusive(['\n', '\t']).flat_map(|piece| {
        let (piece, end) = piece.split_at(piece.trim_end_matches(['\n', '\t']).len());
        [text(piece), Cow::Borrowed(end)]
    });
    Cow::Owned(pieces.collect())
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
        assert_eq!(lines("a\tb\n\x1bc\n\n\u{202e}"), "a\tb\n\\u{1b}c\n\n\\u{202e}");
        assert!(matches!(lines("a\tb\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn no_text_is_a_command_in_a_log() {
        for (raw, safe) in [
            ("::error::x", "\\u{3a}:error::x"),
            (" \u{a0}::stop-commands::x", " \u{a0}\\u{3a}:stop-commands::x"),
            ("x ##[add-mask]y ###[", "x \\u{23}#[add-mask]y #\\u{23}#["),
            ("a::b #[c] ##", "a::b #[c] ##"),
            ("\n::error::x", "\\u{a}\\u{3a}:error::x"),
        ] {
            assert_eq!(text(raw), safe);
            assert_eq!(text(safe), safe, "what is safe stays as it is");
        }
    }
}
