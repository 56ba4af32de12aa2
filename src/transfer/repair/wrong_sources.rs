//! Finds the sources of wrong bytes.

use std::ops::Range;

use crate::hash::digest::Md5;
use crate::transfer::part::HERE;
use crate::transfer::{Job, Transfer};

/// The number of pieces that are kept.
const KEPT: usize = 10_000;

/// Bytes of an archive that were replaced, by source.
#[derive(Debug, Default)]
pub(crate) struct ReplacedBytes(Vec<Piece>);

#[derive(Debug)]
struct Piece {
    range: Range<u64>,
    source: String,
    /// The digest of the replaced bytes.
    digest: Md5,
}

impl ReplacedBytes {
    /// Notes a range before it is replaced, if there are several sources.
    pub(crate) fn note(&mut self, transfer: &Transfer<'_>, job: &Job, range: Range<u64>) {
        if transfer.context.sources.len() < 2 {
            return;
        }
        let given = job.part().given(range);
        for (range, source) in given.into_iter().filter(|(_, source)| source != HERE) {
            if self.0.len() < KEPT
                && let Some(digest) = digest(transfer, job, range.clone())
            {
                self.0.push(Piece { range, source, digest });
            }
        }
    }

    /// Adds later ones.
    pub(crate) fn add(&mut self, later: Self) {
        let room = KEPT.saturating_sub(self.0.len());
        self.0.extend(later.0.into_iter().take(room));
    }

    /// The sources that gave other bytes than those of the archive, which is right now.
    pub(crate) fn wrong_sources(&self, transfer: &Transfer<'_>, job: &Job) -> Vec<String> {
        self.sources_that_differ(|range| digest(transfer, job, range))
    }

    fn sources_that_differ(&self, digest: impl Fn(Range<u64>) -> Option<Md5>) -> Vec<String> {
        let mut wrong: Vec<String> = Vec::new();
        for Piece { range, source, digest: before } in &self.0 {
            let is_news = !wrong.contains(source);
            if is_news && digest(range.clone()).is_some_and(|now| now != *before) {
                wrong.push(source.clone());
            }
        }
        wrong
    }
}

/// The digest of a range of the part. `None` if it cannot be read or the run is over.
fn digest(transfer: &Transfer<'_>, job: &Job, range: Range<u64>) -> Option<Md5> {
    job.part().digest(transfer.context.engine, range, || transfer.is_over()).ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sources_of_different_bytes_are_named() {
        let digest = |byte| Md5::new([byte; 16]);
        let mut replaced = ReplacedBytes::default();
        for (at, source, byte) in [(0, "a", 1), (1, "b", 2), (2, "b", 2), (3, "c", 2), (4, "d", 2)]
        {
            let source = source.to_owned();
            replaced.0.push(Piece { range: at..at + 1, source, digest: digest(byte) });
        }
        // The last range can no longer be read.
        let now = |range: Range<u64>| (range.start < 4).then(|| digest(1));
        assert_eq!(replaced.sources_that_differ(now), ["b", "c"]);
    }
}
