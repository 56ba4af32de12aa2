//! Comma-separated values.

use std::io::{self, Write};

use super::{AddressedArchive, Table};

pub(super) fn write(table: &Table<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "name,size,md5,sha256,address")?;
    for AddressedArchive { archive, addresses } in table.archives() {
        let size = archive.size.map(|size| size.to_string()).unwrap_or_default();
        let md5 = archive.md5().map(|digest| digest.to_string()).unwrap_or_default();
        let sha256 = archive.sha256().map(|digest| digest.to_string()).unwrap_or_default();
        // No address contains a space.
        let (name, addresses) = (cell(&archive.name), cell(&addresses.join(" ")));
        writeln!(out, "{name},{size},{md5},{sha256},{addresses}")?;
    }
    Ok(())
}

/// A cell, in quotes if RFC 4180, section 2, requires them.
fn cell(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}
