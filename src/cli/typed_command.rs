//! The command line as typed, for suggestions.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use cxr::source::without_password;
use cxr::text::command_line::{CommandLine, FILE, TABLE, is_read_once};

/// Options whose value `-` is standard input.
const INPUTS: [&str; 2] = ["--checksums", "--names"];

/// Returns `cxr` and the arguments; passwords in addresses become `***`, and pipes `TABLE` or `FILE`.
pub(crate) fn typed_command(arguments: &[OsString]) -> CommandLine {
    let before = arguments.iter().map(OsString::as_os_str);
    let words = before.zip(arguments.iter().skip(1));
    let words = words.map(|(before, word)| without_pipe(before, word));
    CommandLine::new([OsString::from("cxr")].into_iter().chain(words))
}

/// Replaces a pipe, which another command does not have. `before` is the word before it.
fn without_pipe(before: &OsStr, word: &OsStr) -> OsString {
    let (option, value) = match word.to_str().and_then(|word| word.split_once('=')) {
        Some((option, value)) if option.starts_with("--") => (Some(option), OsStr::new(value)),
        _ => (None, word),
    };
    let name = option.or(before.to_str()).unwrap_or_default();
    if !is_read_once(Path::new(value)) || (value == "-" && !INPUTS.contains(&name)) {
        return hide_password(word);
    }
    let placeholder = if name == "--checksums" { TABLE } else { FILE };
    option.map_or_else(|| placeholder.into(), |option| format!("{option}={placeholder}").into())
}

fn hide_password(argument: &OsStr) -> OsString {
    argument.to_str().map_or_else(|| argument.to_owned(), |text| without_password(text).into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;
    use std::process::Command;

    use super::*;

    fn line(arguments: &[&[u8]]) -> String {
        let arguments: Vec<OsString> =
            arguments.iter().map(|bytes| OsStr::from_bytes(bytes).to_owned()).collect();
        typed_command(&arguments).to_string()
    }

    #[test]
    fn plain_arguments_have_no_quotes() {
        let arguments: [&[u8]; 5] = [b"/usr/bin/cxr", b"fetch", b"-d", b"a/b.c", b"1-4,7"];
        assert_eq!(line(&arguments), "cxr fetch -d a/b.c 1-4,7");
    }

    #[test]
    fn odd_arguments_are_quoted() {
        for (argument, expected) in [
            (&b""[..], "cxr ''"),
            (b"my data", "cxr 'my data'"),
            (b"it's", r"cxr 'it'\''s'"),
            (b"$HOME;`x`", "cxr '$HOME;`x`'"),
            (b"~/x", "cxr '~/x'"),
            (b"a\xff1", r"cxr $'a\3771'"),
            (b"a\n\x1b'\\", r"cxr $'a\012\033\'\\'"),
            ("\u{202e}".as_bytes(), r"cxr $'\342\200\256'"),
            ("Zürich".as_bytes(), "cxr 'Zürich'"),
        ] {
            assert_eq!(line(&[b"cxr", argument]), expected);
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        for (argument, expected) in [
            ("https://me:secret@m.org/a:b@c", "cxr 'https://me:***@m.org/a:b@c'"),
            ("--from=http://me:p@ss@m.org", "cxr '--from=http://me:***@m.org'"),
            ("https://me@m.org/", "cxr https://me@m.org/"),
            ("https://m.org/x:y@z", "cxr https://m.org/x:y@z"),
        ] {
            assert_eq!(line(&[b"cxr", argument.as_bytes()]), expected);
        }
    }

    #[test]
    fn a_shell_reads_the_argument_back() {
        let argument = b"a b'c\\d$e\nf\xff\x1b1\"~*";
        let script = line(&[b"cxr", argument]).replacen("cxr", "printf %s", 1);
        // `$'…'` is in POSIX since 2024; not every `sh` has it yet.
        let Ok(output) = Command::new("bash").args(["-c", &script]).output() else { return };
        assert_eq!(output.stdout, argument);
    }
}
