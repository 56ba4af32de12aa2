//! The entry point for fuzzers, and for the tests that run their corpora.
//!
//! Each target gives any bytes to a parser of untrusted input (a table, a server, a user, a damaged
//! file), and panics if a promise is broken. The targets are in the file of the module whose
//! promises they check. Only tests and the cargo feature `fuzzing` have this module; no release has.
//!
//! `fuzz/README.md` explains how to run targets and how to add one.

mod escaping;
#[cfg(test)]
pub(crate) mod tests;

use crate::text::escape;
use crate::{catalog, extract, fetch, hash, images, labels, locate, source, transfer};

/// A function that panics if the bytes break a promise.
pub type FuzzTarget = fn(&[u8]);

/// All targets by their names, which are also those of their programs and corpora.
pub const TARGETS: [(&str, FuzzTarget); 23] = [
    ("addresses", source::fuzz::addresses),
    ("checksums", catalog::fuzz::checksums),
    ("content_range", source::fuzz::content_range),
    ("deleted", images::fuzz::deleted),
    ("escape", escaping::escape),
    ("gunzip", extract::fuzz::gunzip),
    ("identify", locate::fuzz::identify),
    ("images_tsv", images::fuzz::images_tsv),
    ("inflate", locate::fuzz::inflate),
    ("journal", transfer::fuzz::journal),
    ("md5", hash::fuzz::md5),
    ("members", extract::fuzz::members),
    ("metadata", labels::fuzz::metadata),
    ("names", labels::fuzz::names),
    ("png", locate::fuzz::png),
    ("rate_limit", source::fuzz::rate_limit),
    ("receipt", fetch::fuzz::receipt),
    ("redirects", source::fuzz::redirects),
    ("refusal", source::fuzz::refusal),
    ("retry_after", source::fuzz::retry_after),
    ("scanner", locate::fuzz::scanner),
    ("selectors", catalog::fuzz::selectors),
    ("tar", locate::fuzz::tar),
];

/// Runs the target of this name on the bytes.
///
/// # Panics
///
/// If the target does not exist, or if the bytes break a promise.
pub fn check(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = target.unwrap_or_else(|| panic!("unknown fuzz target {name}"));
    target(bytes);
}

/// The longest message, in bytes: some hundred characters of input, each of which may take ten when
/// it is escaped, and the words around them.
const LONGEST_MESSAGE: usize = 8192;

/// Checks that a text is safe for a terminal and a log: all its characters are visible.
pub(crate) fn assert_visible(text: &str) {
    assert!(!text.contains(escape::is_unsafe), "unescaped: {text:?}");
}

/// Checks that a message is safe and short, whatever it is about.
pub(crate) fn assert_message(text: &str) {
    assert_visible(text);
    assert!(text.len() <= LONGEST_MESSAGE, "{} bytes: {text}", text.len());
}
