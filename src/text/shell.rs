//! File names as a person may paste them into a shell.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::escape;

/// The word as a POSIX shell reads it back: as it is where nothing in it means anything to the
/// shell, in single quotes otherwise. A word that is not UTF-8, or that would do something to the
/// terminal, becomes `$'…'` with the bytes in octal (POSIX.1-2024, and bash, zsh and ksh before
/// it). The answer is therefore safe to show as well.
pub fn quote(word: &OsStr) -> String {
    match word.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(is_plain) => text.to_owned(),
        Some(text) if !text.contains(escape::is_unsafe) => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        _ => dollar_quote(word.as_bytes()),
    }
}

/// The path as an argument of a command: quoted, and never taken for an option.
pub fn path(path: &Path) -> String {
    let word = path.as_os_str();
    if word.as_bytes().starts_with(b"-") {
        return quote(Path::new(".").join(path).as_os_str());
    }
    quote(word)
}

/// Characters that mean nothing to any shell, wherever in a word they stand.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '/' | '.' | '_' | '-' | '+' | ',' | ':' | '=' | '@' | '%')
}

fn dollar_quote(bytes: &[u8]) -> String {
    let mut quoted = String::from("$'");
    for &byte in bytes {
        match byte {
            b'\'' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b' '..=b'~' => quoted.push(char::from(byte)),
            _ => {
                let _ = write!(quoted, "\\{byte:03o}");
            }
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn only_what_needs_quotes_gets_them() {
        for (word, quoted) in [
            ("images_001.tar.gz", "images_001.tar.gz"),
            ("/data/nih", "/data/nih"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("~root", "'~root'"),
            ("$(reboot)", "'$(reboot)'"),
            ("Zürich", "'Zürich'"),
            ("a\nb", r"$'a\012b'"),
            ("\u{202e}x", r"$'\342\200\256x'"),
        ] {
            assert_eq!(quote(OsStr::new(word)), quoted);
        }
        assert_eq!(quote(OsStr::from_bytes(b"\xff'\\")), r"$'\377\'\\'");
    }

    #[test]
    fn a_path_is_no_option() {
        assert_eq!(path(Path::new("-d")), "./-d");
        assert_eq!(path(Path::new("d")), "d");
    }

    /// Every byte that a file name can have comes back from the shell as it was.
    #[test]
    fn bash_reads_every_byte_back() {
        let word: Vec<u8> = (1..=255).collect();
        let script = format!("printf %s {}", quote(OsStr::from_bytes(&word)));
        let shell = Command::new("bash").env("LC_ALL", "C").arg("-c").arg(script).output().unwrap();
        assert_eq!(shell.stdout, word);
    }
}
