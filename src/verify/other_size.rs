//! The verdict on a file of another size than its archive, without reading all of it.

use std::path::Path;

use super::classify;
use super::content::{ContentSummary, zeros_at_end};
use super::file_reader::FileReader;
use super::locate_damage::complete_in_itself;
use crate::catalog::Archive;
use crate::locate::{identify, is_small_and_complete};
use crate::verdict::Verdict;

/// The bytes at the end of the file that are read.
const TAIL: u64 = 64 << 10;

/// Returns the verdict of `verify` on a file of another size than its archive, and the reason, as far as its
/// beginning, its end, and a small file as a whole show it; `None` if it cannot be read.
pub(crate) fn verdict_on_other_size(archive: &Archive, path: &Path) -> Option<(Verdict, String)> {
    let reader = FileReader::open(path).ok()?;
    let size = reader.size();
    let tail = size.min(TAIL);
    let mut end = vec![0; usize::try_from(tail).ok()?];
    let mut filled = 0;
    while filled < end.len() {
        let at = size - tail + filled as u64;
        match reader.file.read_at(&mut end[filled..], at).ok()? {
            0 => return None,
            read => filled += read,
        }
    }
    let content = ContentSummary {
        size,
        md5: None,
        sha256: None,
        prefix: None,
        head: reader.file.read(identify::HEAD).ok()?,
        zeros_at_end: zeros_at_end(&end) as u64,
    };
    let (verdict, detail) = classify::wrong(archive, &content).outcome();
    let expected = archive
        .size
        .filter(|_| verdict == Verdict::Incomplete && is_small_and_complete(&reader.file));
    match expected {
        Some(expected) => Some((Verdict::Foreign, complete_in_itself(size, expected))),
        None => Some((verdict, detail)),
    }
}
