//! The content of a file, from its blocks.

use bytes::Bytes;

use crate::catalog::{Archive, Catalog, DigestKinds};
use crate::hash::digest::{Digest, DigestKind, Md5, Sha256};
use crate::hash::{DigestStream, Engine, Md5Stream, Sha256Stream};
use crate::locate::identify::HEAD;

/// A summary of a file that was read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ContentSummary {
    /// The size in bytes.
    pub(super) size: u64,
    /// The MD5, if it was computed.
    pub(super) md5: Option<Md5>,
    /// The SHA-256, if it was computed.
    pub(super) sha256: Option<Sha256>,
    /// The digest of the first bytes, as many as the archive has, if the file is longer.
    pub(super) prefix: Option<Digest>,
    /// The first [`HEAD`] bytes.
    pub(super) head: Vec<u8>,
    /// The number of zero bytes at the end.
    pub(super) zeros_at_end: u64,
}

impl ContentSummary {
    /// The digest of this kind, if it was computed.
    pub(super) fn digest(&self, kind: DigestKind) -> Option<Digest> {
        match kind {
            DigestKind::Md5 => self.md5.map(Digest::Md5),
            DigestKind::Sha256 => self.sha256.map(Digest::Sha256),
        }
    }

    /// Returns true if the digest that decides about the archive is that of the file.
    pub(super) fn is(&self, archive: &Archive) -> bool {
        self.digest(archive.digest().kind()) == Some(archive.digest())
    }

    /// The first archive that the file is.
    pub(super) fn archive_in<'a>(&self, catalog: &'a Catalog) -> Option<&'a Archive> {
        let kinds = [DigestKind::Md5, DigestKind::Sha256].into_iter();
        kinds.filter_map(|kind| self.digest(kind)).find_map(|digest| catalog.of_digest(&digest))
    }
}

/// Summarizes a file block by block.
pub(super) struct ContentHasher {
    size: u64,
    md5: Option<Md5Stream>,
    sha256: Option<Sha256Stream>,
    /// The hash of the prefix, and the bytes that it still needs.
    prefix: Option<(DigestStream, u64)>,
    head: Vec<u8>,
    zeros_at_end: u64,
}

impl ContentHasher {
    /// `prefix` is the size of the archive and the kind of its digest, if the file is longer.
    pub(super) fn new(
        engine: &Engine,
        kinds: DigestKinds,
        prefix: Option<(u64, DigestKind)>,
    ) -> Self {
        Self {
            size: 0,
            md5: kinds.md5.then(|| engine.stream()),
            sha256: kinds.sha256.then(Sha256Stream::new),
            prefix: prefix.map(|(length, kind)| (DigestStream::new(engine, kind), length)),
            head: Vec::new(),
            zeros_at_end: 0,
        }
    }

    pub(super) fn update(&mut self, block: Bytes) {
        self.size += block.len() as u64;
        let missing = HEAD.saturating_sub(self.head.len()).min(block.len());
        self.head.extend_from_slice(&block[..missing]);
        let zeros = zeros_at_end(&block);
        let before = if zeros == block.len() { self.zeros_at_end } else { 0 };
        self.zeros_at_end = before + zeros as u64;
        if let Some((stream, left)) = &mut self.prefix
            && *left > 0
        {
            let part = usize::try_from(*left).unwrap_or(block.len()).min(block.len());
            stream.push(block.slice(..part));
            *left -= part as u64;
        }
        if let Some(sha256) = &mut self.sha256 {
            sha256.push(block.clone());
        }
        if let Some(md5) = &mut self.md5 {
            md5.push(block);
        }
    }

    /// Returns true if a block can be added without waiting for the hash.
    pub(super) fn has_room(&self) -> bool {
        self.md5.as_ref().is_none_or(Md5Stream::has_room)
    }

    /// Goes on with another engine.
    pub(super) fn move_to(&mut self, engine: &Engine) {
        if let Some(stream) = &mut self.md5 {
            stream.move_to(engine);
        }
        if let Some((DigestStream::Md5(stream), _)) = &mut self.prefix {
            stream.move_to(engine);
        }
    }

    /// Says that no block will come for a while.
    pub(super) fn rest(&self) {
        self.md5.as_ref().inspect(|stream| stream.rest());
        if let Some((DigestStream::Md5(stream), _)) = &self.prefix {
            stream.rest();
        }
    }

    pub(super) fn finish(self) -> ContentSummary {
        ContentSummary {
            size: self.size,
            prefix: self.prefix.map(|(stream, _)| stream.finish()),
            md5: self.md5.map(Md5Stream::finish),
            sha256: self.sha256.map(Sha256Stream::finish),
            head: self.head,
            zeros_at_end: self.zeros_at_end,
        }
    }
}

/// Counts the zero bytes at the end of the block.
pub(super) fn zeros_at_end(block: &[u8]) -> usize {
    let is_zero = |chunk: &&[u8]| chunk.iter().fold(0, |all, byte| all | byte) == 0;
    let zeros: usize = block.rchunks(64).take_while(is_zero).map(<[u8]>::len).sum();
    let rest = &block[..block.len() - zeros];
    zeros + rest.iter().rev().take_while(|&&byte| byte == 0).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_zeros_at_the_end_count() {
        for (length, last) in
            [(0, None), (1, None), (700, None), (700, Some(0)), (700, Some(699)), (700, Some(300))]
        {
            let mut block = vec![0; length];
            if let Some(index) = last {
                block[index] = 1;
            }
            assert_eq!(zeros_at_end(&block), length - last.map_or(0, |index| index + 1));
        }
    }
}
