//! Words and paths quoted for a shell.

use std::ffi::OsStr;
#[cfg(not(windows))]
use std::fmt::Write as _;
use std::path::Path;

#[cfg(not(windows))]
use super::escape;

#[cfg(any(windows, test))]
mod windows;

/// The commands that remove a file, remove a folder with its content, rename a file, and copy one.
pub const REMOVE: &str = if cfg!(windows) { "del" } else { "rm" };
/// See [`REMOVE`].
pub const REMOVE_ALL: &str = if cfg!(windows) { "rmdir" } else { "rm -r" };
/// See [`REMOVE`].
pub const MOVE: &str = if cfg!(windows) { "move" } else { "mv" };
/// See [`REMOVE`].
pub const COPY: &str = if cfg!(windows) { "copy" } else { "cp -p" };

/// Quotes a word for the shells of this system if it needs quotes. The result is always safe to show.
pub fn quote(word: &OsStr) -> String {
    #[cfg(windows)]
    return windows::quote(&std::os::windows::ffi::OsStrExt::encode_wide(word).collect::<Vec<_>>());
    #[cfg(not(windows))]
    posix_quote(word)
}

/// Quotes a word for a POSIX shell. One that is not UTF-8 or unsafe to show becomes `$'…'` with the
/// bytes in octal (POSIX.1-2024, and bash, zsh and ksh before it).
#[cfg(not(windows))]
fn posix_quote(word: &OsStr) -> String {
    match word.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(is_plain) => text.to_owned(),
        Some(text) if !text.contains(escape::is_unsafe) => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        _ => dollar_quote(word.as_encoded_bytes()),
    }
}

/// Quotes a path as an argument that cannot be taken for an option.
pub fn path(path: &Path) -> String {
    let word = path.as_os_str();
    if word.as_encoded_bytes().starts_with(b"-") {
        return quote(Path::new(".").join(path).as_os_str());
    }
    quote(word)
}

/// Returns true if the character has no meaning to any POSIX shell, anywhere in a word.
#[cfg(not(windows))]
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '/' | '.' | '_' | '-' | '+' | ',' | ':' | '=' | '@' | '%')
}

#[cfg(not(windows))]
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
    use std::os::unix::ffi::OsStrExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn words_are_quoted_only_where_needed() {
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
    fn a_path_is_never_an_option() {
        assert_eq!(path(Path::new("-d")), "./-d");
        assert_eq!(path(Path::new("d")), "d");
    }

    #[test]
    fn bash_reads_back_every_byte_that_a_file_name_can_have() {
        let word: Vec<u8> = (1..=255).collect();
        let script = format!("printf %s {}", quote(OsStr::from_bytes(&word)));
        let shell = Command::new("bash").env("LC_ALL", "C").arg("-c").arg(script).output().unwrap();
        assert_eq!(shell.stdout, word);
    }
}
