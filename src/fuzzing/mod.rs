//! The one way in for fuzzers, and for the run of their corpora in the tests.
//!
//! Each target takes any bytes to a parser of what others wrote (a table, a server, a user, a
//! file that was damaged) and panics where a promise is broken. The targets live in the rooms
//! whose promises they hold, in `fuzz.rs`, and are called by name from here. Only tests and the
//! cargo feature `fuzzing` have this module; no release has.
//!
//! `fuzz/README.md` says how to run them and how to add one.

pub(crate) mod promises;
mod words;

use crate::{catalog, fetch, hash, locate, source, transfer};

/// Panics where the bytes make it break a promise.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its program and of its corpus.
pub const TARGETS: [(&str, Target); 15] = [
    ("addresses", source::fuzz::addresses),
    ("checksums", catalog::fuzz::checksums),
    ("content_range", source::fuzz::content_range),
    ("escape", words::escape),
    ("identify", words::identify),
    ("inflate", locate::fuzz::inflate),
    ("journal", transfer::fuzz::journal),
    ("md5", hash::fuzz::md5),
    ("rate_limit", source::fuzz::rate_limit),
    ("receipt", fetch::fuzz::receipt),
    ("redirects", source::fuzz::redirects),
    ("retry_after", source::fuzz::retry_after),
    ("selectors", catalog::fuzz::selectors),
    ("tar", locate::fuzz::tar),
    ("walker", locate::fuzz::walker),
];

/// Takes the bytes to the target of this name.
///
/// # Panics
///
/// If there is no such target, and if the bytes make it break a promise.
pub fn check(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = target.unwrap_or_else(|| panic!("there is no target {name}"));
    target(bytes);
}

#[cfg(test)]
pub(crate) mod tests;
