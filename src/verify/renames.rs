//! Advice for files that have the content of another archive, after all files have been checked.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::advice::folder_of;
use crate::catalog::{Archive, Catalog};
use crate::hash::digest::Digest;
use crate::report::{ArchiveReport, ArchiveReports, NextStep, SuggestedCommand};
use crate::text::{escape, shell};
use crate::verdict::Verdict;

/// A file that has the content of another archive.
struct Misnamed<'a> {
    /// The number of its report.
    report: usize,
    path: PathBuf,
    /// The folder of its archive.
    dir: PathBuf,
    archive: &'a Archive,
    content: &'a Archive,
}

/// Sets the next steps of files with the content of other archives, and of these archives, so that
/// nothing is fetched that a rename brings.
pub(super) fn advise(reports: &mut ArchiveReports, catalog: &Catalog) {
    let find = |(index, report)| find(index, &report, catalog);
    let misnamed: Vec<_> = reports.indexed().filter_map(find).collect();
    let mut places: HashMap<PathBuf, Option<(usize, Verdict)>> =
        misnamed.iter().map(|misnamed| (misnamed.target(), None)).collect();
    for (index, report) in reports.indexed().filter(|_| !misnamed.is_empty()) {
        let place = target(&report, catalog).and_then(|target| places.get_mut(&target));
        if let Some(place) = place {
            place.get_or_insert((index, report.verdict));
        }
    }
    let mut renamed = HashSet::new();
    for misnamed in misnamed {
        let target = misnamed.target();
        let Misnamed { report: index, path, dir, archive, content } = misnamed;
        let Some(mut report) = reports.get(index) else { continue };
        let fetch = SuggestedCommand::fetch(catalog, archive, &dir);
        let place = places.get(&target).copied().flatten();
        let is_here = place.is_some_and(|(_, verdict)| verdict == Verdict::Ok);
        let is_taken = target.symlink_metadata().is_ok();
        if is_here || !renamed.insert(target) {
            // The other archive has its own file.
            report.next = Some(fetch.into());
            reports.set(index, report);
            continue;
        }
        let task = format!("rename it to {}", shell::quote(content.name.as_ref()));
        let away = if is_taken { "move the file there away, then " } else { "" };
        report.next = Some(NextStep::only_after(format!("{away}{task}"), fetch));
        reports.set(index, report);
        if let Some((place, mut other)) =
            place.and_then(|(place, _)| Some((place, reports.get(place)?)))
        {
            point_to(&path, is_taken, &mut other);
            reports.set(place, other);
        }
    }
}

impl Misnamed<'_> {
    /// The place of the archive that the file is.
    fn target(&self) -> PathBuf {
        self.dir.join(&self.content.name)
    }
}

/// The place of the archive of the report.
fn target(report: &ArchiveReport, catalog: &Catalog) -> Option<PathBuf> {
    let archive = catalog.archives().get(catalog.by_name(&report.name)?)?;
    Some(folder_of(archive, report.path.as_deref()?).join(&archive.name))
}

/// Finds out whether the file of the report has the content of another archive.
fn find<'a>(report: usize, of: &ArchiveReport, catalog: &'a Catalog) -> Option<Misnamed<'a>> {
    if of.verdict != Verdict::Foreign {
        return None;
    }
    let digests = [of.actual_md5.map(Digest::Md5), of.actual_sha256.map(Digest::Sha256)];
    let content = digests.into_iter().flatten().find_map(|digest| catalog.of_digest(&digest))?;
    let archive = catalog.archives().get(catalog.by_name(&of.name)?)?;
    let path = of.path.clone()?;
    Some(Misnamed { report, dir: folder_of(archive, &path), path, archive, content })
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
