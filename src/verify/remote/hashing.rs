//! Hashes an archive as it is read from a mirror.

use std::ops::ControlFlow;

use bytes::Bytes;

use super::stream::Reader;
use crate::catalog::Archive;
use crate::hash::Engine;
use crate::hash::digest::Digest;
use crate::verify::judge::Observation;
use crate::verify::view::View;

/// Takes an archive's bytes and has its digest at the end.
pub(super) struct Hashing<'a> {
    engine: &'a Engine,
    archive: &'a Archive,
    sha256: bool,
    view: View,
    /// What was seen when all had come.
    pub(super) seen: Option<Observation>,
    /// The wrong digest of a first reading that was put together from several answers.
    pub(super) patchwork: Option<Digest>,
}

impl<'a> Hashing<'a> {
    /// With SHA-256s where that is wanted.
    pub(super) fn new(engine: &'a Engine, archive: &'a Archive, sha256: bool) -> Self {
        let view = View::new(engine, None, sha256);
        Self { engine, archive, sha256, view, seen: None, patchwork: None }
    }
}

impl Reader for Hashing<'_> {
    const BATCH: u64 = 256 * 1024;
    const WANTS_DIGESTS: bool = false;

    fn take(&mut self, block: Bytes) -> ControlFlow<()> {
        self.view.take(block);
        ControlFlow::Continue(())
    }

    /// Several answers may be of two versions of the file, when the mirror was changed meanwhile:
    /// then no wrong digest says anything of either.
    fn is_content(&mut self, answers: u32) -> bool {
        let view = View::new(self.engine, None, self.sha256);
        let seen = std::mem::replace(&mut self.view, view).finish();
        let is_doubtful = seen.digest != self.archive.md5 && answers > 1;
        if is_doubtful && self.patchwork.is_none() {
            self.patchwork = Some(seen.digest);
            return false;
        }
        self.seen = Some(seen);
        true
    }
}
