//! One JSON document.

use std::io::Write;

use serde::Serialize;

use super::{Entry, InterchangeError, Writer};
use crate::hash::digest::{Digest, Sha256};
use crate::report::write_json;

/// The first member of the document. Members may be added to it; none changes its meaning.
const SCHEMA: &str = "cxr.checksums/1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    archives: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    size: Option<u64>,
    md5: Digest,
    sha256: Option<Sha256>,
    addresses: &'a [String],
}

impl<'a> Row<'a> {
    fn new(entry: &'a Entry<'_>) -> Self {
        let Entry { archive, addresses } = entry;
        Self {
            name: &archive.name,
            size: archive.size,
            md5: archive.md5,
            sha256: archive.sha256,
            addresses,
        }
    }
}

pub(super) struct Json;

impl Writer for Json {
    fn write(&self, entries: &[Entry<'_>], out: &mut dyn Write) -> Result<(), InterchangeError> {
        let archives = entries.iter().map(Row::new).collect();
        Ok(write_json(&Document { schema: SCHEMA, archives }, out)?)
    }
}
