//! The input file of aria2 (`aria2c --input-file`): a line of addresses, then indented options.

use std::io::Write;

use super::{AddressedArchive, InterchangeError};

pub(super) fn write(
    archives: &[AddressedArchive<'_>],
    out: &mut dyn Write,
) -> Result<(), InterchangeError> {
    for entry in archives {
        let name = &entry.archive.name;
        // A value ends with its line, and aria2 removes spaces around it.
        if name.contains(['\n', '\r']) || name.trim() != name {
            return Err(entry.unfit_name());
        }
        let addresses = entry.needed_addresses()?.join("\t");
        let md5 = entry.archive.md5;
        writeln!(out, "{addresses}\n  out={name}\n  checksum=md5={md5}")?;
    }
    Ok(())
}
