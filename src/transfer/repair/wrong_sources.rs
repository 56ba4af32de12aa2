//! Who gave bytes that turned out to be wrong.

use std::ops::Range;

use crate::hash::digest::Digest;
use crate::transfer::part::HERE;
use crate::transfer::{Job, Transfer};

/// Pieces that are remembered: of more, the first tell enough.
const REMEMBERED: usize = 10_000;

/// Bytes of an archive that were exchanged for others, by who had given them.
#[derive(Debug, Default)]
pub(crate) struct ReplacedBytes(Vec<Piece>);

#[derive(Debug)]
struct Piece {
    range: Range<u64>,
    giver: String,
    /// Of the bytes as they were.
    digest: Digest,
}

impl ReplacedBytes {
    /// Notes what a range holds before it is lost, where there are several who could have given it.
    pub(crate) fn note(&mut self, transfer: &Transfer<'_>, job: &Job, range: Range<u64>) {
        if transfer.context.sources.len() < 2 {
            return;
        }
        let given = job.part().given(range);
        for (range, giver) in given.into_iter().filter(|(_, giver)| giver != HERE) {
            if self.0.len() < REMEMBERED
                && let Some(digest) = digest(transfer, job, range.clone())
            {
                self.0.push(Piece { range, giver, digest });
            }
        }
    }

    /// Adds what was noted later.
    pub(crate) fn add(&mut self, later: Self) {
        let room = REMEMBERED.saturating_sub(self.0.len());
        self.0.extend(later.0.into_iter().take(room));
    }

    /// Those who gave other bytes than those of the archive, which is right by now; each once.
    pub(crate) fn wrong(&self, transfer: &Transfer<'_>, job: &Job) -> Vec<String> {
        self.differ(|range| digest(transfer, job, range))
    }

    fn differ(&self, digest: impl Fn(Range<u64>) -> Option<Digest>) -> Vec<String> {
        let mut wrong: Vec<String> = Vec::new();
        for Piece { range, giver, digest: before } in &self.0 {
            let is_news = !wrong.contains(giver);
            if is_news && digest(range.clone()).is_some_and(|now| now != *before) {
                wrong.push(giver.clone());
            }
        }
        wrong
    }
}

/// The digest of a range of the part. Nothing where it cannot be read, or nobody waits for it any
/// more.
fn digest(transfer: &Transfer<'_>, job: &Job, range: Range<u64>) -> Option<Digest> {
    job.part().digest(transfer.context.engine, range, || transfer.is_over()).ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_are_named_whose_bytes_were_others() {
        let digest = |byte| Digest::new([byte; 16]);
        let mut exchanged = ReplacedBytes::default();
        for (at, giver, byte) in [(0, "a", 1), (1, "b", 2), (2, "b", 2), (3, "c", 2), (4, "d", 2)] {
            let giver = giver.to_owned();
            exchanged.0.push(Piece { range: at..at + 1, giver, digest: digest(byte) });
        }
        // The last cannot be read any more.
        let now = |range: Range<u64>| (range.start < 4).then(|| digest(1));
        assert_eq!(exchanged.differ(now), ["b", "c"]);
    }
}
