//! Text from a table, a file name or a server, made safe to show.
//!
//! A terminal obeys control characters, a log is read line by line, and bidirectional marks make
//! one name look like another. GitHub's runner obeys commands in a log: a line that begins with
//! `::`, and `##[` anywhere. The program prints none of them unescaped.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;

/// The most characters of a name or a table cell that a message shows.
const BRIEF: usize = 200;

/// The older form of a command to GitHub's runner, `##[command]value`, which works anywhere in a
/// line.
const COMMAND: &str = "##[";

/// Returns true for control characters, line and paragraph separators, and the bidirectional and
/// invisible formatting marks of Unicode (UAX #9).
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

/// Returns true if the first character must be escaped anywhere in a line.
pub(crate) fn begins_unsafe(rest: &str) -> bool {
    rest.starts_with(is_unsafe) || rest.starts_with(COMMAND)
}

/// Returns the text with every character escaped (`\u{…}`) that is unsafe or would make it a
/// command in a log.
pub fn text(raw: &str) -> Cow<'_, str> {
    let is_command = raw.contains(COMMAND) || raw.trim_start().starts_with("::");
    if !is_command && !raw.contains(is_unsafe) {
        return Cow::Borrowed(raw);
    }
    let mut safe = String::with_capacity(raw.len() + 8);
    let mut is_start = true;
    for (at, c) in raw.char_indices() {
        let rest = &raw[at..];
        if begins_unsafe(rest) || (is_start && rest.starts_with("::")) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
        is_start &= c.is_whitespace();
    }
    Cow::Owned(safe)
}

/// Returns the first 200 characters of a text, escaped, and `…` if there are more.
pub fn brief(raw: &str) -> String {
    match raw.char_indices().nth(BRIEF) {
        Some((end, _)) => format!("{}…", text(raw.get(..end).unwrap_or_default())),
        None => text(raw).into_owned(),
    }
}

/// Escapes a text of several lines: line ends and tabs stay.
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

/// Writes to `out` through [`lines`], line by line.
///
/// # Errors
///
/// Those of `out` and of `write`.
pub fn write_lines(
    out: &mut dyn Write,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut escaper = LineEscaper { out, line: Vec::new() };
    write(&mut escaper)?;
    escaper.write_line()
}

struct LineEscaper<'a> {
    out: &'a mut dyn Write,
    /// The beginning of a line.
    line: Vec<u8>,
}

impl LineEscaper<'_> {
    fn write_line(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        self.out.write_all(lines(&String::from_utf8_lossy(&line)).as_bytes())
    }
}

impl Write for LineEscaper<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.write_line()?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Returns bytes as escaped text, with U+FFFD for invalid UTF-8.
pub fn bytes(raw: &[u8]) -> String {
    text(&String::from_utf8_lossy(raw)).into_owned()
}

/// Returns a path as escaped text, with U+FFFD for invalid UTF-8.
pub fn path(raw: &Path) -> String {
    text(&raw.to_string_lossy()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_unsafe_characters_is_borrowed() {
        assert!(matches!(text("images_001.tar.gz – Zürich"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_long_text_is_cut_after_200_characters() {
        assert_eq!(brief("a\n"), "a\\u{a}");
        assert_eq!(brief(&"ü".repeat(200)), "ü".repeat(200));
        assert_eq!(brief(&"ü".repeat(201)), format!("{}…", "ü".repeat(200)));
    }

    #[test]
    fn control_characters_and_bidirectional_marks_are_escaped() {
        assert_eq!(text("a\x1b[2Jb\n"), "a\\u{1b}[2Jb\\u{a}");
        assert_eq!(text("gz.\u{202e}rat"), "gz.\\u{202e}rat");
        assert_eq!(bytes(b"\x9b31m\xff"), "\u{fffd}31m\u{fffd}");
        assert_eq!(lines("a\tb\n\x1bc\n\n\u{202e}"), "a\tb\n\\u{1b}c\n\n\\u{202e}");
        assert!(matches!(lines("a\tb\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn commands_to_a_log_are_escaped() {
        for (raw, safe) in [
            ("::error::x", "\\u{3a}:error::x"),
            (" \u{a0}::stop-commands::x", " \u{a0}\\u{3a}:stop-commands::x"),
            ("x ##[add-mask]y ###[", "x \\u{23}#[add-mask]y #\\u{23}#["),
            ("a::b #[c] ##", "a::b #[c] ##"),
            ("\n::error::x", "\\u{a}\\u{3a}:error::x"),
        ] {
            assert_eq!(text(raw), safe);
            assert_eq!(text(safe), safe, "escaped text stays as it is");
        }
    }
}
