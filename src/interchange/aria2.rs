//! The input file of aria2 (`aria2c --input-file`): a line of addresses, then options, indented.

use std::io::Write;

use super::{Entry, InterchangeError, Writer};

pub(super) struct Aria2;

impl Writer for Aria2 {
    fn write(&self, entries: &[Entry<'_>], out: &mut dyn Write) -> Result<(), InterchangeError> {
        for entry in entries {
            let name = &entry.archive.name;
            // Lines end where lines end, and blanks around a value are taken away.
            if name.contains(['\n', '\r']) || name.trim() != name {
                return Err(entry.unfit());
            }
            let addresses = entry.needed_addresses()?.join("\t");
            let md5 = entry.archive.md5;
            writeln!(out, "{addresses}\n  out={name}\n  checksum=md5={md5}")?;
        }
        Ok(())
    }
}
