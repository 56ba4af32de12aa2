//! Checks an archive at a mirror with `--quick`: presence, size, digest headers and the first bytes.
//! Nothing is verified.

use std::ops::ControlFlow;

use bytes::Bytes;

use super::MirrorReader;
use super::mirror_report::blank;
use super::stream::Reader;
use crate::catalog::Archive;
use crate::hash::digest::{Digest, DigestKind};
use crate::hash::digest_of;
use crate::locate::identify::{self, FileKind, HEAD};
use crate::report::ArchiveReport;
use crate::source::{DigestScope, ServerDigest, SourceAnswer};
use crate::verdict::Verdict;

pub(super) struct QuickReader<'a> {
    archive: &'a Archive,
    /// The digests in the headers.
    digests: Vec<ServerDigest>,
    has_ranges: bool,
    size: Option<u64>,
    head: Vec<u8>,
}

impl<'a> QuickReader<'a> {
    pub(super) const fn new(archive: &'a Archive) -> Self {
        Self { archive, digests: Vec::new(), has_ranges: false, size: None, head: Vec::new() }
    }

    /// True if the digest is that of the table, and false if it is another one. `None` if the table
    /// does not have it, or if it is the digest of the received part.
    fn agrees(&self, server: &ServerDigest) -> Option<bool> {
        let agrees = match server.digest {
            Digest::Md5(md5) => md5 == self.archive.md5()?,
            Digest::Sha256(sha256) => sha256 == self.archive.sha256()?,
        };
        let is_of_part = server.scope == DigestScope::MaybePart
            && self.part_digest(server.digest.kind()) == Some(server.digest);
        (agrees || !is_of_part).then_some(agrees)
    }

    /// The digest of the received bytes, if they are only a part of the archive.
    fn part_digest(&self, kind: DigestKind) -> Option<Digest> {
        let is_part = self.has_ranges && self.size.is_none_or(|size| size > self.head.len() as u64);
        is_part.then(|| digest_of(kind, &self.head))
    }

    /// The detail of an archive that seems right.
    fn present(&self) -> String {
        let size = match (self.size, self.archive.size) {
            (Some(_), Some(_)) => "its size is right".to_owned(),
            (Some(size), None) => format!("{size} bytes, and the table has no size"),
            (None, _) => "the mirror does not report a size".to_owned(),
        };
        let headers = |agree: bool| {
            let digests = self.digests.iter().filter(|digest| self.agrees(digest) == Some(agree));
            let mut headers: Vec<_> = digests.map(|digest| digest.header).collect();
            headers.dedup();
            Some(headers.join(", ")).filter(|headers| !headers.is_empty())
        };
        let digest = match (headers(true), headers(false)) {
            (Some(headers), _) => format!("matching digest in {headers}"),
            (None, Some(header)) => {
                format!("its {header} is not the MD5, but it may not be an MD5")
            }
            (None, None) => "the mirror does not report a digest".to_owned(),
        };
        let ranges = if self.has_ranges { "byte ranges" } else { "no byte ranges" };
        format!("not verified: {size}; {digest}; {ranges}")
    }

    fn contradiction(&self, server: &ServerDigest) -> String {
        let expected = match server.digest {
            Digest::Md5(_) => self.archive.md5().map(Digest::Md5),
            Digest::Sha256(_) => self.archive.sha256().map(Digest::Sha256),
        };
        let expected = expected.map_or_else(String::new, |it| format!(", should be {it}"));
        let (header, found) = (server.header, server.digest);
        format!("not read, but its {header} says {} {found}{expected}", found.kind())
    }
}

impl Reader for QuickReader<'_> {
    /// A server without ranges sends more than the first bytes: each block may be enough.
    const BATCH: u64 = 1;
    const WANTS_DIGESTS: bool = true;

    fn answered(&mut self, answer: &SourceAnswer) {
        self.digests.clone_from(&answer.digests);
        self.has_ranges = !answer.whole;
        self.size = answer.total;
    }

    fn take(&mut self, block: Bytes) -> ControlFlow<()> {
        let missing = HEAD.saturating_sub(self.head.len()).min(block.len());
        self.head.extend_from_slice(&block[..missing]);
        if self.head.len() < HEAD { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

impl MirrorReader for QuickReader<'_> {
    /// A wrong size and another document in the place of the archive are source errors, which are
    /// reported before this.
    fn report(&self) -> ArchiveReport {
        // A tag that looks like an MD5 and is a different one may not be an MD5 at all.
        let is_wrong = |server: &&ServerDigest| {
            server.scope != DigestScope::ETag && self.agrees(server) == Some(false)
        };
        let name = &self.archive.name;
        let kind = identify::kind(&self.head);
        let (verdict, detail) = match self.digests.iter().find(is_wrong) {
            Some(server) => (Verdict::Corrupt, self.contradiction(server)),
            None if identify::is_out_of_place(&kind, name) => (Verdict::Foreign, kind.to_string()),
            None if identify::expects_gzip(name) && kind != FileKind::Gzip => {
                (Verdict::Corrupt, "it does not begin like a gzip file".to_owned())
            }
            None => (Verdict::Present, self.present()),
        };
        let report = blank(self.archive, verdict);
        ArchiveReport { actual_size: self.size, detail: Some(detail), ..report }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::digest::Md5;
    use crate::verify::testing::{archive, gzip_like, md5};

    fn report(digests: Vec<ServerDigest>, head: &[u8]) -> ArchiveReport {
        let archive = &archive("a.gz", &gzip_like(1, 5000));
        let head = head.to_vec();
        QuickReader { archive, digests, has_ranges: true, size: Some(5000), head }.report()
    }

    fn digest(header: &'static str, scope: DigestScope, md5: Md5) -> ServerDigest {
        ServerDigest { header, scope, digest: md5.into() }
    }

    fn verdict(digests: Vec<ServerDigest>) -> (Verdict, String) {
        let report = report(digests, &gzip_like(1, HEAD));
        (report.verdict, report.detail.unwrap())
    }

    #[test]
    fn a_matching_digest_is_named_and_makes_nothing_ok() {
        let right = md5(&gzip_like(1, 5000));
        for (header, scope) in [
            ("Repr-Digest", DigestScope::Whole),
            ("Content-MD5", DigestScope::MaybePart),
            ("ETag", DigestScope::ETag),
        ] {
            let (verdict, detail) = verdict(vec![digest(header, scope, right)]);
            assert_eq!(verdict, Verdict::Present);
            let words = format!(
                "not verified: its size is right; matching digest in {header}; byte ranges"
            );
            assert_eq!(detail, words);
        }
        assert!(verdict(vec![]).1.contains("the mirror does not report a digest"));
    }

    #[test]
    fn a_wrong_digest_outweighs_matching_ones_and_a_wrong_etag_is_only_mentioned() {
        let (right, wrong) = (md5(&gzip_like(1, 5000)), md5(b"wrong"));
        for scope in [DigestScope::Whole, DigestScope::MaybePart] {
            let digests =
                vec![digest("ETag", DigestScope::ETag, right), digest("Digest", scope, wrong)];
            let (verdict, detail) = verdict(digests);
            assert_eq!(verdict, Verdict::Corrupt);
            assert!(detail.contains(&format!("Digest says MD5 {wrong}")), "{detail}");
        }
        let (verdict, detail) = verdict(vec![digest("ETag", DigestScope::ETag, wrong)]);
        assert_eq!(verdict, Verdict::Present);
        assert!(detail.contains("its ETag is not the MD5, but it may not be an MD5"), "{detail}");
    }

    #[test]
    fn a_digest_of_the_received_part_is_ignored() {
        let part = md5(&gzip_like(1, HEAD));
        let (verdict, detail) = verdict(vec![digest("Content-MD5", DigestScope::MaybePart, part)]);
        assert_eq!(verdict, Verdict::Present);
        assert!(detail.contains("does not report a digest"), "{detail}");
    }

    #[test]
    fn the_first_bytes_are_checked() {
        for (head, verdict) in
            [(&b"<html>"[..], Verdict::Foreign), (&[0; HEAD][..], Verdict::Corrupt)]
        {
            assert_eq!(report(vec![], head).verdict, verdict);
        }
    }
}
