//! Tells from the first bytes of a file what kind it is.
//!
//! A captive portal, a proxy or a shared folder answers with a page in place of an archive; a
//! browser removes the gzip layer, or packs several files into one zip. The first few hundred bytes
//! tell all of these apart.

use std::fmt;

use crate::text::escape;

/// The number of a file's first bytes that are enough for [`kind`].
pub(crate) const HEAD: usize = 512;

/// Characters of a page that are quoted at most.
const QUOTED: usize = 80;

/// The kind of a file. Displayed, it follows "it is", and is safe to show. Documents have a short,
/// escaped quotation: the title or the first line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileKind {
    Empty,
    /// RFC 1952.
    Gzip,
    /// POSIX ustar or GNU tar, not compressed.
    Tar,
    Zip,
    Pdf,
    /// Another known kind.
    Other(&'static OtherKind),
    Html(String),
    Xml(String),
    Json(String),
    /// Other UTF-8 text.
    Text(String),
    /// Nothing but zeros.
    Zeros,
    Unknown,
}

/// A kind of file that its first bytes give away.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OtherKind {
    magic: &'static [u8],
    /// Follows "it is".
    words: &'static str,
    /// The end of its names.
    extension: &'static str,
}

const fn other(magic: &'static [u8], words: &'static str, extension: &'static str) -> OtherKind {
    OtherKind { magic, words, extension }
}

static OTHER_KINDS: [OtherKind; 14] = [
    other(b"\x89PNG\r\n\x1a\n", "a PNG image", "png"),
    other(b"\xff\xd8\xff", "a JPEG image", "jpg"),
    other(b"GIF8", "a GIF image", "gif"),
    other(b"BZh", "a bzip2 file", "bz2"),
    other(b"\xfd7zXZ\0", "an xz file", "xz"),
    other(b"\x28\xb5\x2f\xfd", "a Zstandard file", "zst"),
    other(b"\x04\x22\x4d\x18", "an LZ4 file", "lz4"),
    other(b"LZIP", "an lzip file", "lz"),
    other(b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "7z"),
    other(b"Rar!\x1a\x07", "a RAR archive", "rar"),
    other(b"\x1f\x9d", "a file of compress", "z"),
    other(b"\x7fELF", "a program of Linux", ""),
    other(b"SQLite format 3\0", "an SQLite database", "sqlite"),
    other(b"\x89HDF\r\n\x1a\n", "an HDF5 file", "h5"),
];

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, quotation) = match self {
            Self::Empty => ("empty", ""),
            Self::Gzip => ("a gzip file", ""),
            Self::Tar => ("a plain tar: the gzip layer was removed on the way", ""),
            Self::Zip => ("a zip file: a browser packs several files into one", ""),
            Self::Pdf => ("a PDF document", ""),
            Self::Other(kind) => (kind.words, ""),
            Self::Html(quotation) => ("a web page: ", quotation.as_str()),
            Self::Xml(quotation) => ("an XML document: ", quotation.as_str()),
            Self::Json(quotation) => ("a JSON document: ", quotation.as_str()),
            Self::Text(quotation) => ("a text file: ", quotation.as_str()),
            Self::Zeros => ("only zeros at its beginning", ""),
            Self::Unknown => ("of an unknown kind", ""),
        };
        write!(f, "{kind}{quotation}")
    }
}

/// Returns the kind of the file that begins with `head`: its first [`HEAD`] bytes, or all bytes of
/// a shorter file.
pub(crate) fn kind(head: &[u8]) -> FileKind {
    match head {
        [] => FileKind::Empty,
        [0x1f, 0x8b, ..] => FileKind::Gzip,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => FileKind::Zip,
        [b'%', b'P', b'D', b'F', b'-', ..] => FileKind::Pdf,
        _ if head.get(257..262) == Some(b"ustar") => FileKind::Tar,
        _ if head.iter().all(|&byte| byte == 0) => FileKind::Zeros,
        _ => match OTHER_KINDS.iter().find(|kind| head.starts_with(kind.magic)) {
            Some(kind) => FileKind::Other(kind),
            None => text(head).map_or(FileKind::Unknown, document),
        },
    }
}

/// Returns true if the first bytes of a file, which is not gzip, may be those of a gzip file with
/// some wrong bits: one of the two bytes of the magic is right, or what follows them.
pub(crate) fn resembles_gzip(head: &[u8]) -> bool {
    match head {
        [0x1f, ..] | [_, 0x8b, ..] => true,
        // Deflate, no reserved flags, and a known system (RFC 1952, section 2.3.1).
        [_, _, 8, flags, _, _, _, _, 0 | 2 | 4, system, ..] => {
            flags & 0xe0 == 0 && matches!(system, 0..=13 | 255)
        }
        _ => false,
    }
}

/// Returns true if a file of this name should be gzip.
pub(crate) fn expects_gzip(name: &str) -> bool {
    matches!(extension(name).as_str(), "gz" | "tgz")
}

/// Returns true if `kind` is certainly another kind of file than the name says. A damaged beginning
/// ([`FileKind::Zeros`], [`FileKind::Unknown`], [`FileKind::Empty`]) is not certain.
pub(crate) fn is_out_of_place(kind: &FileKind, name: &str) -> bool {
    let expected = extension(name);
    let expected = expected.as_str();
    match kind {
        FileKind::Empty | FileKind::Zeros | FileKind::Unknown => false,
        FileKind::Html(_) => !matches!(expected, "html" | "htm" | "xhtml" | "xml" | ""),
        FileKind::Gzip => matches!(expected, "tar" | "zip" | "pdf"),
        FileKind::Tar => matches!(expected, "gz" | "tgz" | "zip" | "pdf"),
        FileKind::Zip => matches!(expected, "gz" | "tgz" | "tar" | "pdf"),
        FileKind::Other(kind) => {
            matches!(expected, "gz" | "tgz" | "tar" | "zip" | "pdf") && expected != kind.extension
        }
        FileKind::Pdf | FileKind::Xml(_) | FileKind::Json(_) | FileKind::Text(_) => {
            matches!(expected, "gz" | "tgz" | "tar" | "zip")
        }
    }
}

/// The part of the name after the last dot, in lower case; empty if there is no dot.
fn extension(name: &str) -> String {
    name.rsplit_once('.').map_or_else(String::new, |(_, end)| end.to_ascii_lowercase())
}

/// The bytes as text, if they are text: UTF-8, perhaps cut inside the last character, and without
/// control characters other than those for layout. A page may have any.
fn text(head: &[u8]) -> Option<&str> {
    let valid = head.utf8_chunks().next()?.valid();
    let cut_inside_a_character = head.len() - valid.len() < 4;
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}');
    let is_text = cut_inside_a_character && !valid.is_empty() && !valid.contains(odd);
    (is_text || is_tag(trim(valid))).then_some(valid)
}

/// Removes a byte order mark and spaces from the beginning.
fn trim(text: &str) -> &str {
    text.trim_start_matches('\u{feff}').trim_start()
}

fn document(text: &str) -> FileKind {
    let text = trim(text);
    let lower = text.to_ascii_lowercase();
    let quotation = || title(text, &lower).unwrap_or_else(|| first_line(text));
    if ["<!doctype html", "<html", "<head", "<body", "<script", "<!--"]
        .iter()
        .any(|tag| lower.starts_with(tag))
        || (lower.starts_with("<?xml") && lower.contains("<html"))
    {
        FileKind::Html(quotation())
    } else if lower.starts_with("<?xml") || is_tag(&lower) {
        FileKind::Xml(quotation())
    } else if is_json(text) {
        FileKind::Json(first_line(text))
    } else {
        FileKind::Text(first_line(text))
    }
}

fn is_tag(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next() == Some('<') && chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '!')
}

fn is_json(text: &str) -> bool {
    let mut chars = text.chars().filter(|c| !c.is_whitespace());
    match chars.next() {
        Some('{') => matches!(chars.next(), Some('"' | '}')),
        Some('[') => matches!(chars.next(), Some('"' | '{' | '[' | ']' | '0'..='9')),
        _ => false,
    }
}

/// The title of a page, if it has one. `lower` is the same text in lower case, byte for byte.
fn title(text: &str, lower: &str) -> Option<String> {
    let start = lower.find("<title")?;
    let start = start + lower.get(start..)?.find('>')? + 1;
    let inside = text.get(start..)?;
    let end = lower.get(start..)?.find('<').unwrap_or(inside.len());
    let line = shorten(inside.get(..end)?);
    (!line.is_empty()).then_some(line)
}

fn first_line(text: &str) -> String {
    shorten(text.lines().next().unwrap_or_default())
}

/// One line of at most [`QUOTED`] characters, escaped.
fn shorten(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", escape::text(&line[..end])),
        None => escape::text(&line).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar() -> Vec<u8> {
        let mut head = vec![0; HEAD];
        head[..7].copy_from_slice(b"images/");
        head[257..262].copy_from_slice(b"ustar");
        head
    }

    #[test]
    fn every_kind_is_recognized() {
        for (head, words) in [
            (&b""[..], "empty"),
            (b"\x1f\x8b\x08\0", "a gzip file"),
            (&tar(), "a plain tar: the gzip layer was removed on the way"),
            (b"PK\x03\x04\x14", "a zip file: a browser packs several files into one"),
            (b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
            (b"<!DOCTYPE html>\n<html>\n", "a web page: <!DOCTYPE html>"),
            (b"\n\n<HTML><TITLE>\n Sign  in\n</TITLE>", "a web page: Sign in"),
            (b"\xef\xbb\xbf<html><title id=a>A<b>", "a web page: A"),
            (b"<html><title>B\xe9", "a web page: B"),
            (b"<html><title></title>\nnext", "a web page: <html><title></title>"),
            (
                b"<?xml version=\"1.0\"?><Error/>",
                "an XML document: <?xml version=\"1.0\"?><Error/>",
            ),
            (b"<Error><Code>AccessDenied", "an XML document: <Error><Code>AccessDenied"),
            (b"{\n \"error\": 404}", "a JSON document: {"),
            (b"[{\"error\"", "a JSON document: [{\"error\""),
            (b"Too many requests\r\nsorry", "a text file: Too many requests"),
            (&[0; 40], "only zeros at its beginning"),
            (b"\0\0\x01", "of an unknown kind"),
            (b"\x89PNG\r\n\x1a\n", "a PNG image"),
            (b"BZh91AY&SY", "a bzip2 file"),
            (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
        ] {
            assert_eq!(kind(head).to_string(), words, "{}", head.escape_ascii());
        }
    }

    #[test]
    fn a_quotation_is_escaped() {
        let page = kind("<html><title>\u{202e}gz\u{9b}31m\x1b[2J".as_bytes());
        assert_eq!(page.to_string(), r"a web page: \u{202e}gz\u{9b}31m\u{1b}[2J");
        assert_eq!(kind(b"no page \x1b[2J"), FileKind::Unknown);
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let page = format!("<html><title>{}", "ü".repeat(200));
        let FileKind::Html(quotation) = kind(&page.as_bytes()[..HEAD.min(page.len())]) else {
            panic!("no web page");
        };
        assert_eq!(quotation, format!("{}…", "ü".repeat(80)));
    }

    #[test]
    fn a_name_excludes_some_kinds() {
        let page = kind(b"<html>");
        let pdf = kind(b"%PDF-1.4");
        for (kind, name, out_of_place) in [
            (&page, "images_001.tar.gz", true),
            (&page, "Data_Entry_2017.csv", true),
            (&page, "index.HTML", false),
            (&page, "LICENSE", false),
            (&pdf, "FAQ.pdf", false),
            (&pdf, "a.tgz", true),
            (&pdf, "a.csv", false),
            (&FileKind::Tar, "a.tar", false),
            (&FileKind::Tar, "a.TAR.GZ", true),
            (&FileKind::Gzip, "a.tar.gz", false),
            (&FileKind::Gzip, "a.tar", true),
            (&FileKind::Zip, "a.tar.gz", true),
            (&FileKind::Zeros, "a.tar.gz", false),
            (&FileKind::Unknown, "a.tar.gz", false),
        ] {
            assert_eq!(is_out_of_place(kind, name), out_of_place, "{kind:?} {name}");
        }
        assert!(expects_gzip("images_001.tar.gz"));
        assert!(!expects_gzip("images_001.tar"));
    }
}
