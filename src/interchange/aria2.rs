//! The input file of aria2 (`aria2c --input-file`): a line of addresses, then indented options.

use std::io::{self, Write};

use super::{AddressedArchive, InterchangeError, Table};
use crate::hash::digest::DigestKind;

pub(super) fn check(entry: &AddressedArchive<'_>) -> Result<(), InterchangeError> {
    let name = &entry.archive.name;
    // A value ends with its line, and aria2 removes spaces around it.
    if name.contains(['\n', '\r']) || name.trim() != name {
        return Err(entry.unfit_name());
    }
    entry.needed_addresses()
}

pub(super) fn write(table: &Table<'_>, out: &mut dyn Write) -> io::Result<()> {
    for entry in table.archives() {
        let (name, addresses) = (&entry.archive.name, entry.addresses.join("\t"));
        let digest = entry.archive.digest();
        let kind = match digest.kind() {
            DigestKind::Md5 => "md5",
            DigestKind::Sha256 => "sha-256",
        };
        writeln!(out, "{addresses}\n  out={name}\n  checksum={kind}={digest}")?;
    }
    Ok(())
}
