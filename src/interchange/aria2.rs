//! The input file of aria2 (`aria2c --input-file`): a line of addresses, then indented options.

use std::io::Write;

use super::{AddressedArchive, InterchangeError};
use crate::hash::digest::DigestKind;

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
        let digest = entry.archive.digest();
        let kind = match digest.kind() {
            DigestKind::Md5 => "md5",
            DigestKind::Sha256 => "sha-256",
        };
        writeln!(out, "{addresses}\n  out={name}\n  checksum={kind}={digest}")?;
    }
    Ok(())
}
