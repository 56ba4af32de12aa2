//! The words of a command line, and the line that they become.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::cli::typed_command::typed_command;

/// The names that other programs give to the folder or file that they write.
pub(super) const OUTPUT: [&str; 8] =
    ["-o", "-O", "--out", "--output", "--output-dir", "--outdir", "--dest", "--target"];

/// The names that other programs give to `--from`.
pub(super) const FROM: [&str; 6] =
    ["--url", "--source", "--mirror", "--base-url", "--remote", "-u"];

/// Returns true for the option alone, and for the option with a value in the same word.
pub(super) fn is_option(typed: &OsStr, name: &str) -> bool {
    let Some(rest) = typed.to_str().and_then(|typed| typed.strip_prefix(name)) else {
        return false;
    };
    rest.is_empty() || rest.starts_with('=') || !name.starts_with("--")
}

/// Returns the words with another option, or none, in place of the one at `place`.
pub(super) fn replaced<'a>(
    words: &'a [&'a OsStr],
    place: usize,
    name: &str,
    with: Option<&'a str>,
) -> Vec<&'a OsStr> {
    let typed = words[place].to_str().unwrap_or_default();
    let value = typed.strip_prefix(name).unwrap_or_default();
    let value = value.strip_prefix('=').unwrap_or(value);
    let value = Some(value).filter(|value| !value.is_empty());
    let middle = with.into_iter().chain(value).map(OsStr::new);
    words[..place].iter().copied().chain(middle).chain(words[place + 1..].iter().copied()).collect()
}

/// Returns true for a folder, and for a word that does not look like an archive.
pub(super) fn may_be_folder(word: &str) -> bool {
    let is_number = word.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | ','));
    Path::new(word).is_dir() || !(is_number || word.contains('.') || word.contains("images"))
}

/// Returns a command line to paste, without passwords.
pub(super) fn run<'a>(words: impl IntoIterator<Item = &'a OsStr>) -> String {
    let words = [OsString::from("cxr")].into_iter().chain(words.into_iter().map(OsString::from));
    typed_command(&words.collect::<Vec<_>>()).explained()
}
