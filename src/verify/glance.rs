//! A glance at a file: is it there, and how long is it? Nothing is read, and nothing verified.

use std::path::Path;

use super::advice::advice;
use super::check::{blank, unreadable};
use super::judge::{Remedy, part_of};
use super::names::named;
use super::read::SourceAnswer;
use crate::catalog::{Archive, Catalog};
use crate::report::{ArchiveReport, SuggestedCommand};
use crate::verdict::Verdict;

/// Looks at the file. It ought to be the `expected` archive; where that is `None`, the one that its
/// name says.
pub(super) fn glance(path: &Path, expected: Option<&Archive>, catalog: &Catalog) -> ArchiveReport {
    let archive = expected.or_else(|| named(path, catalog).archive());
    match (SourceAnswer::new(path), archive) {
        (Err(trouble), archive) => unreadable(path, archive, &trouble),
        (Ok(file), Some(archive)) => sized(path, archive, file.size(), catalog),
        (Ok(file), None) => ArchiveReport {
            actual_size: Some(file.size()),
            detail: Some("its name says no archive, and --quick does not read it".to_owned()),
            next: Some(SuggestedCommand::Without("--quick").into()),
            ..blank(path, None, Verdict::Error)
        },
    }
}

fn sized(path: &Path, archive: &Archive, size: u64, catalog: &Catalog) -> ArchiveReport {
    let (verdict, remedy, detail) = match archive.size {
        Some(expected) if size < expected => {
            (Verdict::Incomplete, Remedy::Continue, part_of(size, expected))
        }
        None if size == 0 => (Verdict::Incomplete, Remedy::Continue, "empty".to_owned()),
        Some(expected) if size > expected => {
            let surplus = size - expected;
            (Verdict::Corrupt, Remedy::Repair, format!("{surplus} bytes too many"))
        }
        Some(_) => {
            (Verdict::Present, Remedy::Nothing, "not verified: its size is right".to_owned())
        }
        None => {
            let detail = format!("not verified: {size} bytes, and the table knows no size");
            (Verdict::Present, Remedy::Nothing, detail)
        }
    };
    ArchiveReport {
        actual_size: Some(size),
        detail: Some(detail),
        next: advice(remedy, Some(archive), path, catalog),
        ..blank(path, Some(archive), verdict)
    }
}
