//! What should exist: names, MD5s, sizes, addresses.

use crate::digest::Digest;

/// One archive as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// The name under which it is kept: relative, `/` between folders, never `..` in it.
    pub name: String,
    /// The MD5 that its publisher prints.
    pub md5: Digest,
    /// Its exact size in bytes; `None` where the table does not say.
    pub size: Option<u64>,
    /// The publisher's own address; `None` where the table does not say.
    pub address: Option<String>,
    /// Another name under which people have it, as NIH's own script writes.
    pub alias: Option<String>,
}

/// The archives that a run is about, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    archives: Vec<Archive>,
}

impl Catalog {
    /// The archives, in order. Never empty; names differ.
    pub fn archives(&self) -> &[Archive] {
        &self.archives
    }
}
