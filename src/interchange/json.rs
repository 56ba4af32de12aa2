//! One JSON document.

use std::io::Write;

use serde::Serialize;

use super::{AddressedArchive, InterchangeError};
use crate::hash::digest::{Md5, Sha256};
use crate::report::write_json;

/// The version of the document. Members may be added; none changes its meaning.
const SCHEMA: &str = "cxr.checksums/1";

#[derive(Serialize)]
struct ChecksumsDocument<'a> {
    schema: &'static str,
    archives: Vec<ArchiveRow<'a>>,
}

#[derive(Serialize)]
struct ArchiveRow<'a> {
    name: &'a str,
    size: Option<u64>,
    md5: Option<Md5>,
    sha256: Option<Sha256>,
    addresses: &'a [String],
}

pub(super) fn write<'a>(
    archives: &'a [AddressedArchive<'_>],
    out: &mut dyn Write,
) -> Result<(), InterchangeError> {
    let row = |entry: &'a AddressedArchive<'_>| ArchiveRow {
        name: &entry.archive.name,
        size: entry.archive.size,
        md5: entry.archive.md5(),
        sha256: entry.archive.sha256(),
        addresses: &entry.addresses,
    };
    let archives = archives.iter().map(row).collect();
    Ok(write_json(&ChecksumsDocument { schema: SCHEMA, archives }, out)?)
}
