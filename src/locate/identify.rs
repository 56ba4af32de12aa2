//! What kind of file something is, from its first bytes. Pure.
//!
//! A captive portal, a proxy or a shared folder answers with a page where an archive was asked
//! for; a browser takes the gzip layer off, or packs several files into one zip. The first few
//! hundred bytes tell all of these apart.

use std::fmt;

use crate::text::escape;

/// So many of a file's first bytes are enough for [`kind`].
pub const HEAD: usize = 512;

/// Characters of a page that are quoted at most.
const QUOTED: usize = 80;

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// It has no bytes.
    Empty,
    /// A gzip stream (RFC 1952).
    Gzip,
    /// A tar that is not compressed (POSIX ustar, or GNU's).
    Tar,
    /// A zip, as a browser makes of several files.
    Zip,
    /// A PDF document.
    Pdf,
    /// An HTML page.
    Html(Words),
    /// An XML document.
    Xml(Words),
    /// A JSON document.
    Json(Words),
    /// Other text, all of it UTF-8.
    Text(Words),
    /// All that was looked at is zero.
    Zeros,
    /// None of these.
    Unknown,
}

/// A few words from a document: its title, or its first line. Escaped, and short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(String);

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says what begins with `head`: the first [`HEAD`] bytes of it, or all if it is shorter.
pub fn kind(head: &[u8]) -> Kind {
    match head {
        [] => Kind::Empty,
        [0x1f, 0x8b, ..] => Kind::Gzip,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Kind::Zip,
        [b'%', b'P', b'D', b'F', b'-', ..] => Kind::Pdf,
        _ if head.get(257..262) == Some(b"ustar") => Kind::Tar,
        _ if head.iter().all(|&byte| byte == 0) => Kind::Zeros,
        _ => text(head).map_or(Kind::Unknown, document),
    }
}

/// Whether a file of this name should begin as gzip does.
pub fn expects_gzip(name: &str) -> bool {
    matches!(extension(name).as_str(), "gz" | "tgz")
}

impl Kind {
    /// What it is, in words that follow "it is"; safe to show.
    pub fn words(&self) -> String {
        match self {
            Self::Empty => "empty".to_owned(),
            Self::Gzip => "a gzip file".to_owned(),
            Self::Tar => "a plain tar: the gzip layer was taken off on the way".to_owned(),
            Self::Zip => "a zip: a browser packs several files into one".to_owned(),
            Self::Pdf => "a PDF document".to_owned(),
            Self::Html(words) => format!("a web page: {words}"),
            Self::Xml(words) => format!("an XML document: {words}"),
            Self::Json(words) => format!("a JSON document: {words}"),
            Self::Text(words) => format!("a text: {words}"),
            Self::Zeros => "nothing but zeros at its beginning".to_owned(),
            Self::Unknown => "of no known kind".to_owned(),
        }
    }
}

/// Whether `kind` is positively another kind of file than the name promises. A damaged beginning
/// ([`Kind::Zeros`], [`Kind::Unknown`], [`Kind::Empty`]) is not.
pub fn is_out_of_place(kind: &Kind, name: &str) -> bool {
    let promised = extension(name);
    let promised = promised.as_str();
    match kind {
        Kind::Empty | Kind::Zeros | Kind::Unknown => false,
        Kind::Html(_) => !matches!(promised, "html" | "htm" | "xhtml" | "xml" | ""),
        Kind::Gzip => matches!(promised, "tar" | "zip" | "pdf"),
        Kind::Tar => matches!(promised, "gz" | "tgz" | "zip" | "pdf"),
        Kind::Zip => matches!(promised, "gz" | "tgz" | "tar" | "pdf"),
        Kind::Pdf | Kind::Xml(_) | Kind::Json(_) | Kind::Text(_) => {
            matches!(promised, "gz" | "tgz" | "tar" | "zip")
        }
    }
}

/// What follows the last dot, in lower case; nothing where there is no dot.
fn extension(name: &str) -> String {
    name.rsplit_once('.').map_or_else(String::new, |(_, end)| end.to_ascii_lowercase())
}

/// The bytes as text, if they are: UTF-8, perhaps cut inside the last character, and without
/// control characters except those that lay a text out. What begins as a page is less closely
/// looked at.
fn text(head: &[u8]) -> Option<&str> {
    let valid = head.utf8_chunks().next()?.valid();
    let cut_inside_a_character = head.len() - valid.len() < 4;
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}');
    let is_text = cut_inside_a_character && !valid.is_empty() && !valid.contains(odd);
    (is_text || is_tag(trim(valid))).then_some(valid)
}

/// Without a byte order mark and blanks before it.
fn trim(text: &str) -> &str {
    text.trim_start_matches('\u{feff}').trim_start()
}

fn document(text: &str) -> Kind {
    let text = trim(text);
    let lower = text.to_ascii_lowercase();
    let says = || Words(title(text, &lower).unwrap_or_else(|| first_line(text)));
    if ["<!doctype html", "<html", "<head", "<body", "<script", "<!--"]
        .iter()
        .any(|tag| lower.starts_with(tag))
        || (lower.starts_with("<?xml") && lower.contains("<html"))
    {
        Kind::Html(says())
    } else if lower.starts_with("<?xml") || is_tag(&lower) {
        Kind::Xml(says())
    } else if is_json(text) {
        Kind::Json(Words(first_line(text)))
    } else {
        Kind::Text(Words(first_line(text)))
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

/// What stands between `<title>` and its end, if there is anything. `lower` is the same text in
/// lower case, byte for byte.
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
    fn every_kind_is_known_by_its_beginning() {
        for (head, words) in [
            (&b""[..], "empty"),
            (b"\x1f\x8b\x08\0", "a gzip file"),
            (&tar(), "a plain tar: the gzip layer was taken off on the way"),
            (b"PK\x03\x04\x14", "a zip: a browser packs several files into one"),
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
            (b"Too many requests\r\nsorry", "a text: Too many requests"),
            (&[0; 40], "nothing but zeros at its beginning"),
            (b"\0\0\x01", "of no known kind"),
            (b"\x89PNG\r\n\x1a\n", "of no known kind"),
        ] {
            assert_eq!(kind(head).words(), words, "{}", head.escape_ascii());
        }
    }

    #[test]
    fn what_a_page_says_is_harmless() {
        let page = kind("<html><title>\u{202e}gz\u{9b}31m\x1b[2J".as_bytes());
        assert_eq!(page.words(), r"a web page: \u{202e}gz\u{9b}31m\u{1b}[2J");
        assert_eq!(kind(b"no page \x1b[2J"), Kind::Unknown);
    }

    #[test]
    fn a_long_line_is_cut_at_a_character() {
        let page = format!("<html><title>{}", "ü".repeat(200));
        let Kind::Html(words) = kind(&page.as_bytes()[..HEAD.min(page.len())]) else {
            panic!("a page is a page");
        };
        assert_eq!(words.to_string(), format!("{}…", "ü".repeat(80)));
    }

    #[test]
    fn names_promise_a_kind() {
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
            (&Kind::Tar, "a.tar", false),
            (&Kind::Tar, "a.TAR.GZ", true),
            (&Kind::Gzip, "a.tar.gz", false),
            (&Kind::Gzip, "a.tar", true),
            (&Kind::Zip, "a.tar.gz", true),
            (&Kind::Zeros, "a.tar.gz", false),
            (&Kind::Unknown, "a.tar.gz", false),
        ] {
            assert_eq!(is_out_of_place(kind, name), out_of_place, "{kind:?} {name}");
        }
        assert!(expects_gzip("images_001.tar.gz"));
        assert!(!expects_gzip("images_001.tar"));
    }
}
