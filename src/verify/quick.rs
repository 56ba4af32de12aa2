//! The check with `--quick`: presence and size only. Of a file of another size, its beginning and its end show
//! whether it is something else. Nothing is verified.

use std::path::Path;

use super::advice::advice;
use super::classify::{count, part_of};
use super::file_check::{blank, unreadable};
use super::file_reader::FileReader;
use super::names::match_name;
use super::other_size::verdict_on_other_size;
use crate::catalog::{Archive, Catalog};
use crate::report::{ArchiveReport, SuggestedCommand};
use crate::verdict::Verdict;

/// Checks the file. Without an `expected` archive, it should be the one that matches its name.
pub(super) fn check(path: &Path, expected: Option<&Archive>, catalog: &Catalog) -> ArchiveReport {
    let archive = expected.or_else(|| match_name(path, catalog).archive());
    match (FileReader::open(path), archive) {
        (Err(error), archive) => unreadable(path, archive, &error),
        (Ok(file), Some(archive)) => check_size(path, archive, file.size(), catalog),
        (Ok(file), None) => ArchiveReport {
            actual_size: Some(file.size()),
            detail: Some(
                "its name is not in the table, and --quick does not read the content".to_owned(),
            ),
            next: Some(SuggestedCommand::Without("--quick".into()).into()),
            ..blank(path, None, Verdict::Error)
        },
    }
}

fn check_size(path: &Path, archive: &Archive, size: u64, catalog: &Catalog) -> ArchiveReport {
    let (verdict, detail) = match archive.size {
        Some(expected) if size < expected => (Verdict::Incomplete, part_of(size, expected)),
        None if size == 0 => (Verdict::Incomplete, "empty".to_owned()),
        Some(expected) if size > expected => {
            (Verdict::Corrupt, format!("{} too many", count(size - expected)))
        }
        Some(_) => (Verdict::Present, "not verified: its size is right".to_owned()),
        None => (Verdict::Present, format!("not verified: {size} bytes, no size in the table")),
    };
    let other = (verdict != Verdict::Present).then(|| verdict_on_other_size(archive, path));
    let other = other.flatten().filter(|(verdict, _)| *verdict == Verdict::Foreign);
    let (verdict, detail) = other.unwrap_or((verdict, detail));
    ArchiveReport {
        actual_size: Some(size),
        detail: Some(detail),
        next: advice(verdict, Some(archive), None, path, catalog),
        ..blank(path, Some(archive), verdict)
    }
}
