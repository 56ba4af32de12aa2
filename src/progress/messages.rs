//! Messages for people: the only way to standard error beside the bars.

use std::fmt::Display;
use std::io::{self, Write};

use super::Verbosity;

/// Says things on standard error, as many as were asked for.
#[derive(Debug, Clone, Copy)]
pub struct Messages {
    verbosity: Verbosity,
}

impl Messages {
    /// Messages of this verbosity.
    pub const fn new(verbosity: Verbosity) -> Self {
        Self { verbosity }
    }

    /// Something that went wrong. It is always said; `text` is escaped already.
    pub fn error(&self, text: impl Display) {
        line(&format!("cxr: {text}"));
    }

    /// Commands for the runner that reads our standard error, a line each, escaped already.
    pub fn commands(&self, lines: &[u8]) {
        let _ = io::stderr().lock().write_all(lines);
    }

    /// Something worth knowing, which `--quiet` keeps back; `text` is escaped already.
    pub fn note(&self, text: impl Display) {
        if self.verbosity > Verbosity::Quiet {
            line(&text.to_string());
        }
    }
}

/// Writes a line in one piece. If standard error is gone, there is nobody left to tell.
pub(super) fn line(text: &str) {
    let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
}
