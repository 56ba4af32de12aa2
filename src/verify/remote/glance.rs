//! A glance at an archive at a mirror: is it there, how long is it, what does the mirror say of it?
//! Its first bytes are looked at, and nothing is verified.

use std::ops::ControlFlow;

use bytes::Bytes;

use super::detail::blank;
use super::stream::Reader;
use crate::catalog::Archive;
use crate::hash::Md5Hasher;
use crate::hash::digest::Digest;
use crate::locate::identify::{self, FileKind, HEAD};
use crate::report::ArchiveReport;
use crate::source::{Claim, Claimed, Scope, SourceAnswer};
use crate::verdict::Verdict;

/// What a glance saw.
#[derive(Debug, Default)]
pub(super) struct Glance {
    claims: Vec<Claim>,
    /// The mirror gives parts of files.
    has_ranges: bool,
    size: Option<u64>,
    head: Vec<u8>,
}

/// How a claim stands to the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClaimMatch {
    Agrees,
    Contradicts,
    /// A tag that looks like an MD5 and is not this one: it may be no MD5 at all.
    Doubtful,
    /// It is about something else, or the table does not know.
    Nothing,
}

impl Reader for Glance {
    /// A server without ranges sends more than the first bytes: each block may be enough.
    const BATCH: u64 = 1;
    const WANTS_DIGESTS: bool = true;

    fn answered(&mut self, answer: &SourceAnswer) {
        self.claims.clone_from(&answer.claims);
        self.has_ranges = !answer.whole;
        self.size = answer.total;
    }

    fn take(&mut self, block: Bytes) -> ControlFlow<()> {
        let missing = HEAD.saturating_sub(self.head.len()).min(block.len());
        self.head.extend_from_slice(&block[..missing]);
        if self.head.len() < HEAD { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

impl Glance {
    /// What is said of an archive that was glanced at. A size that is not the table's, and another
    /// document in its place, are faults of the source and known already.
    pub(super) fn report(&self, archive: &Archive) -> ArchiveReport {
        let wrong = self
            .claims
            .iter()
            .find(|claim| standing(claim, archive, self.part()) == ClaimMatch::Contradicts);
        let kind = identify::kind(&self.head);
        let (verdict, detail) = match wrong {
            Some(claim) => (Verdict::Corrupt, contradiction(claim, archive)),
            None if identify::is_out_of_place(&kind, &archive.name) => {
                (Verdict::Foreign, kind.to_string())
            }
            None if identify::expects_gzip(&archive.name) && kind != FileKind::Gzip => {
                (Verdict::Corrupt, "it does not begin as gzip does".to_owned())
            }
            None => (Verdict::Present, self.sight(archive)),
        };
        ArchiveReport { actual_size: self.size, detail: Some(detail), ..blank(archive, verdict) }
    }

    /// The MD5 of the part that was sent, where it was one.
    fn part(&self) -> Option<Digest> {
        let is_part = self.has_ranges && self.size.is_none_or(|size| size > self.head.len() as u64);
        is_part.then(|| {
            let mut hasher = Md5Hasher::new();
            hasher.update(&self.head);
            hasher.finish()
        })
    }

    /// What speaks for the archive, in words.
    fn sight(&self, archive: &Archive) -> String {
        let size = match (self.size, archive.size) {
            (Some(_), Some(_)) => "its size is right".to_owned(),
            (Some(size), None) => format!("{size} bytes, and the table knows no size"),
            (None, _) => "the mirror tells no size".to_owned(),
        };
        let named = |wanted| {
            let claims = self.claims.iter();
            let claims = claims.filter(move |c| standing(c, archive, self.part()) == wanted);
            let mut names: Vec<_> = claims.map(|claim| claim.header).collect();
            names.dedup();
            Some(names.join(", ")).filter(|names| !names.is_empty())
        };
        let digests = match (named(ClaimMatch::Agrees), named(ClaimMatch::Doubtful)) {
            (Some(names), _) => format!("as the table, says {names}"),
            (None, Some(name)) => format!("its {name} is not the MD5, and may be none"),
            (None, None) => "the mirror names no digest".to_owned(),
        };
        let ranges = if self.has_ranges { "byte ranges" } else { "no byte ranges" };
        format!("not verified: {size}; {digests}; {ranges}")
    }
}

fn standing(claim: &Claim, archive: &Archive, part: Option<Digest>) -> ClaimMatch {
    let agrees = match claim.digest {
        Claimed::Md5(md5) => md5 == archive.md5,
        Claimed::Sha256(sha256) => match archive.sha256 {
            Some(expected) => sha256 == expected,
            None => return ClaimMatch::Nothing,
        },
    };
    match claim.scope {
        _ if agrees => ClaimMatch::Agrees,
        Scope::Tag => ClaimMatch::Doubtful,
        Scope::Perhaps if part.map(Claimed::Md5) == Some(claim.digest) => ClaimMatch::Nothing,
        Scope::Perhaps | Scope::Whole => ClaimMatch::Contradicts,
    }
}

fn contradiction(claim: &Claim, archive: &Archive) -> String {
    let header = claim.header;
    match claim.digest {
        Claimed::Md5(md5) => {
            format!("not read, but its {header} says MD5 {md5}, and the table {}", archive.md5)
        }
        Claimed::Sha256(sha256) => {
            let expected = archive.sha256.map_or_else(String::new, |sha256| sha256.to_string());
            format!("not read, but its {header} says SHA-256 {sha256}, and the table {expected}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::testing::{archive, gzip_like, md5};

    fn glance(claims: Vec<Claim>) -> Glance {
        let head = gzip_like(1, HEAD);
        Glance { claims, has_ranges: true, size: Some(5000), head }
    }

    fn said(header: &'static str, scope: Scope, digest: Digest) -> Claim {
        Claim { header, scope, digest: Claimed::Md5(digest) }
    }

    fn verdict(claims: Vec<Claim>) -> (Verdict, String) {
        let archive = archive("a.gz", &gzip_like(1, 5000));
        let report = glance(claims).report(&archive);
        (report.verdict, report.detail.unwrap())
    }

    #[test]
    fn a_claim_that_agrees_is_named_and_makes_nothing_ok() {
        let right = md5(&gzip_like(1, 5000));
        for (header, scope) in
            [("Repr-Digest", Scope::Whole), ("Content-MD5", Scope::Perhaps), ("ETag", Scope::Tag)]
        {
            let (verdict, detail) = verdict(vec![said(header, scope, right)]);
            assert_eq!(verdict, Verdict::Present);
            let words = format!(
                "not verified: its size is right; as the table, says {header}; byte ranges"
            );
            assert_eq!(detail, words);
        }
        assert!(verdict(vec![]).1.contains("the mirror names no digest"));
    }

    #[test]
    fn one_that_contradicts_outweighs_those_that_agree_and_a_tag_is_only_told_of() {
        let (right, wrong) = (md5(&gzip_like(1, 5000)), md5(b"wrong"));
        for scope in [Scope::Whole, Scope::Perhaps] {
            let claims = vec![said("ETag", Scope::Tag, right), said("Digest", scope, wrong)];
            let (verdict, detail) = verdict(claims);
            assert_eq!(verdict, Verdict::Corrupt);
            assert!(detail.contains(&format!("Digest says MD5 {wrong}")), "{detail}");
        }
        let (verdict, detail) = verdict(vec![said("ETag", Scope::Tag, wrong)]);
        assert_eq!(verdict, Verdict::Present);
        assert!(detail.contains("its ETag is not the MD5, and may be none"), "{detail}");
    }

    #[test]
    fn the_digest_of_the_part_that_came_says_nothing() {
        let part = md5(&gzip_like(1, HEAD));
        let (verdict, detail) = verdict(vec![said("Content-MD5", Scope::Perhaps, part)]);
        assert_eq!(verdict, Verdict::Present);
        assert!(detail.contains("names no digest"), "{detail}");
    }

    #[test]
    fn the_first_bytes_are_looked_at() {
        let archive = archive("a.gz", &gzip_like(1, 5000));
        for (head, verdict) in
            [(&b"<html>"[..], Verdict::Foreign), (&[0; HEAD][..], Verdict::Corrupt)]
        {
            let glance = Glance { head: head.to_vec(), ..glance(vec![]) };
            assert_eq!(glance.report(&archive).verdict, verdict);
        }
    }
}
