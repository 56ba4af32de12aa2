//! Reads an archive from a mirror to its end, and hashes it.

use std::ops::ControlFlow;
use std::path::Path;

use bytes::Bytes;

use super::MirrorReader;
use super::mirror_report::{blank, interrupted};
use super::stream::Reader;
use crate::catalog::{Archive, Catalog, DigestKinds};
use crate::hash::Engine;
use crate::hash::digest::Digest;
use crate::report::ArchiveReport;
use crate::verify::classify::classify;
use crate::verify::content::{ContentHasher, ContentSummary};
use crate::verify::names::NameMatch;

pub(super) struct HashReader<'a> {
    engine: &'a Engine,
    archive: &'a Archive,
    catalog: &'a Catalog,
    kinds: DigestKinds,
    hasher: ContentHasher,
    /// The content, after its last byte.
    content: Option<ContentSummary>,
    /// The wrong digest of a first reading that was put together from several responses.
    mixed: Option<Digest>,
}

impl<'a> HashReader<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        archive: &'a Archive,
        catalog: &'a Catalog,
        kinds: DigestKinds,
    ) -> Self {
        let hasher = ContentHasher::new(engine, kinds, None);
        Self { engine, archive, catalog, kinds, hasher, content: None, mixed: None }
    }
}

impl Reader for HashReader<'_> {
    const BATCH: u64 = 256 * 1024;
    const WANTS_DIGESTS: bool = false;

    fn take(&mut self, block: Bytes) -> ControlFlow<()> {
        self.hasher.update(block);
        ControlFlow::Continue(())
    }

    /// If the mirror was changed meanwhile, several responses can be of two versions of the file.
    /// Their digest is then wrong and says nothing about either, so the archive is read again.
    fn is_content(&mut self, answers: u32) -> bool {
        let hasher = ContentHasher::new(self.engine, self.kinds, None);
        let content = std::mem::replace(&mut self.hasher, hasher).finish();
        if !content.is(self.archive) && answers > 1 && self.mixed.is_none() {
            self.mixed = content.digest(self.archive.digest().kind());
            return false;
        }
        self.content = Some(content);
        true
    }
}

impl MirrorReader for HashReader<'_> {
    fn report(&self) -> ArchiveReport {
        let Some(content) = &self.content else { return interrupted(self.archive) };
        let name = NameMatch::Exact(self.archive);
        let found = classify(Path::new(&self.archive.name), name, self.catalog, content);
        let before = self.mixed.map(|digest| {
            let kind = digest.kind();
            format!("read twice: the first reading was interrupted and had the {kind} {digest}")
        });
        let detail: Vec<String> = found.detail.into_iter().chain(before).collect();
        ArchiveReport {
            actual_md5: content.md5,
            actual_sha256: content.sha256,
            actual_size: Some(content.size),
            detail: Some(detail.join("; ")).filter(|detail| !detail.is_empty()),
            ..blank(self.archive, found.verdict)
        }
    }
}
