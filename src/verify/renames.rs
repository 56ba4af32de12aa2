//! Advice for files that have the content of another archive, after all files have been checked.

use std::path::{Path, PathBuf};

use super::advice::folder_of;
use crate::catalog::{Archive, Catalog};
use crate::hash::digest::Digest;
use crate::report::{ArchiveReport, NextStep, SuggestedCommand};
use crate::text::{escape, shell};
use crate::verdict::Verdict;

/// A file that has the content of another archive.
struct Misnamed<'a> {
    /// The number of its report.
    report: usize,
    path: PathBuf,
    archive: &'a Archive,
    content: &'a Archive,
}

/// Sets the next steps of files with the content of other archives, and of these archives, so that
/// nothing is fetched that a rename brings.
pub(super) fn advise(reports: &mut [ArchiveReport], catalog: &Catalog) {
    let misnamed: Vec<_> =
        (0..).zip(&*reports).filter_map(|(index, report)| find(index, report, catalog)).collect();
    let mut renamed: Vec<PathBuf> = Vec::new();
    for Misnamed { report, path, archive, content } in misnamed {
        let dir = folder_of(archive, &path);
        let target = dir.join(&content.name);
        let fetch = SuggestedCommand::fetch(catalog, archive, &dir);
        let is_place = |other: &ArchiveReport| {
            other.name == content.name
                && other.path.as_ref().is_some_and(|path| folder_of(content, path) == dir)
        };
        let place = reports.iter().position(is_place);
        let is_here = place.is_some_and(|place| reports[place].verdict == Verdict::Ok);
        if is_here || renamed.contains(&target) {
            // The other archive has its own file.
            reports[report].next = Some(fetch.into());
            continue;
        }
        let task = format!("rename it to {}", shell::quote(content.name.as_ref()));
        let is_taken = target.symlink_metadata().is_ok();
        let away = if is_taken { "move the file there away, then " } else { "" };
        reports[report].next = Some(NextStep::only_after(format!("{away}{task}"), fetch));
        if let Some(place) = place {
            point_to(&path, is_taken, &mut reports[place]);
        }
        renamed.push(target);
    }
}

/// Finds out whether the file of the report has the content of another archive.
fn find<'a>(report: usize, of: &ArchiveReport, catalog: &'a Catalog) -> Option<Misnamed<'a>> {
    if of.verdict != Verdict::Foreign {
        return None;
    }
    let digests = [of.actual_md5.map(Digest::Md5), of.actual_sha256.map(Digest::Sha256)];
    let content = digests.into_iter().flatten().find_map(|digest| catalog.of_digest(&digest))?;
    let archive = catalog.archives().get(catalog.by_name(&of.name)?)?;
    Some(Misnamed { report, path: of.path.clone()?, archive, content })
}

/// Points from an archive that is not right to the file that is it.
fn point_to(file: &Path, is_taken: bool, report: &mut ArchiveReport) {
    if matches!(report.verdict, Verdict::Foreign | Verdict::Error) {
        return;
    }
    let place = shell::quote(report.name.as_ref());
    let away = if is_taken { "move it away, then " } else { "" };
    report.next = Some(NextStep::by_hand(format!("{away}rename {} to {place}", shell::path(file))));
    let here = format!("{} has its content", escape::path(file));
    report.detail = Some(match report.detail.take() {
        Some(detail) => format!("{detail}; {here}"),
        None => here,
    });
}
