//! Comma-separated values.

use std::io::Write;

use super::{Entry, InterchangeError, Writer};

pub(super) struct Csv;

impl Writer for Csv {
    fn write(&self, entries: &[Entry<'_>], out: &mut dyn Write) -> Result<(), InterchangeError> {
        writeln!(out, "name,size,md5,sha256,address")?;
        for Entry { archive, addresses } in entries {
            let size = archive.size.map(|size| size.to_string()).unwrap_or_default();
            let sha256 = archive.sha256.map(|digest| digest.to_string()).unwrap_or_default();
            // No address has a space in it.
            let (name, addresses) = (cell(&archive.name), cell(&addresses.join(" ")));
            writeln!(out, "{name},{size},{},{sha256},{addresses}", archive.md5)?;
        }
        Ok(())
    }
}

/// A cell, in quotes where RFC 4180, section 2, asks for them.
fn cell(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}
