//! Messages on standard error, which nothing else but the progress display writes to.

use std::fmt::Display;
use std::io::{self, Write};

use super::Verbosity;

/// Writes messages to standard error, as the verbosity allows. The text is escaped already.
#[derive(Debug, Clone, Copy)]
pub struct Messages {
    verbosity: Verbosity,
}

impl Messages {
    /// Messages at this verbosity.
    pub const fn new(verbosity: Verbosity) -> Self {
        Self { verbosity }
    }

    /// Writes an error, at every verbosity.
    pub fn error(&self, text: impl Display) {
        line(&format!("cxr: {text}"));
    }

    /// Writes commands for the CI runner that reads our standard error, one per line.
    pub fn commands(&self, lines: &[u8]) {
        let _ = io::stderr().lock().write_all(lines);
    }

    /// Writes a note, unless `--quiet` was given.
    pub fn note(&self, text: impl Display) {
        if self.verbosity > Verbosity::Quiet {
            line(&text.to_string());
        }
    }
}

/// Writes a line in one piece. If standard error is closed, nobody reads it, and that is no error.
pub(super) fn line(text: &str) {
    let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
}
