//! One JSON document.

use std::io::{self, Write};

use serde::{Serialize, Serializer};

use super::Table;
use crate::hash::digest::{Md5, Sha256};
use crate::report::write_json;

/// The version of the document. Members may be added; none changes its meaning.
const SCHEMA: &str = "cxr.checksums/1";

#[derive(Serialize)]
struct ChecksumsDocument<'a> {
    schema: &'static str,
    archives: ArchiveRows<'a>,
}

struct ArchiveRows<'a>(&'a Table<'a>);

#[derive(Serialize)]
struct ArchiveRow<'a> {
    name: &'a str,
    size: Option<u64>,
    md5: Option<Md5>,
    sha256: Option<Sha256>,
    addresses: Vec<String>,
}

impl Serialize for ArchiveRows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.archives().map(|entry| ArchiveRow {
            name: &entry.archive.name,
            size: entry.archive.size,
            md5: entry.archive.md5(),
            sha256: entry.archive.sha256(),
            addresses: entry.addresses,
        }))
    }
}

pub(super) fn write(table: &Table<'_>, out: &mut dyn Write) -> io::Result<()> {
    write_json(&ChecksumsDocument { schema: SCHEMA, archives: ArchiveRows(table) }, out)
}
