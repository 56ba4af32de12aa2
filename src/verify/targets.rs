//! From the requested folders and files to single files, without reading any.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::VerifyRequest;
use super::advice::folder_of;
use super::file_check::{blank, label, unreadable};
use super::file_reader::ReadError;
use super::names::{NameMatch, match_name};
use crate::catalog::{Archive, Catalog};
use crate::disk::Folder;
use crate::event::{Event, Listener};
use crate::images::deleted::{self, DeletedArchive};
use crate::other_names::{OtherFile, OtherNames};
use crate::report::{ArchiveReport, NextStep, SuggestedCommand};
use crate::text::escape;
use crate::transfer;
use crate::verdict::Verdict;

/// The reason of an archive of which nothing is known.
const NOT_HERE: &str = "not here";

/// A line of the report.
#[derive(Debug)]
pub(super) enum VerifyTarget<'a> {
    /// A file to read.
    File {
        path: PathBuf,
        /// The archive that it should be, if a folder was requested.
        expected: Option<&'a Archive>,
        size: u64,
    },
    /// An archive that is missing under its names, and files that may be it.
    Missing(Box<MissingArchive<'a>>),
    /// An archive without any file. Its report is made when it is settled: there may be hundreds of
    /// thousands.
    Absent(&'a Archive, &'a Path),
    /// Nothing to read.
    Settled(Box<ArchiveReport>),
    /// A file with damage that was read before. The damage is still to be located.
    Unlocated(Box<ArchiveReport>),
}

/// An archive that is missing under its names, and files that may be it.
#[derive(Debug)]
pub(super) struct MissingArchive<'a> {
    pub(super) archive: &'a Archive,
    /// The folder.
    pub(super) dir: PathBuf,
    /// The files, the likeliest first; at least one.
    pub(super) files: Vec<OtherFile>,
    /// The report if none of them is the archive or its beginning.
    pub(super) missing: Box<ArchiveReport>,
}

impl<'a> VerifyTarget<'a> {
    /// The bytes to read.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::File { size, .. } => *size,
            Self::Missing(missing) => missing.files.first().map_or(0, |file| file.size),
            Self::Absent(..) | Self::Settled(_) | Self::Unlocated(_) => 0,
        }
    }

    /// The file of this number to read, and the archive that it should be. Only a missing archive
    /// has several, one of which is enough.
    pub(super) fn file(&self, number: usize) -> Option<(&Path, Option<&'a Archive>)> {
        match self {
            Self::File { path, expected, .. } => (number == 0).then_some((path, *expected)),
            Self::Missing(missing) => {
                missing.files.get(number).map(|file| (&*file.path, Some(missing.archive)))
            }
            Self::Absent(..) | Self::Settled(_) | Self::Unlocated(_) => None,
        }
    }

    /// The report on an archive without any file, and one that was made before.
    pub(super) fn known_report(&self, catalog: &Catalog) -> Option<ArchiveReport> {
        match self {
            Self::Absent(archive, dir) => Some(missing(dir, archive, catalog)),
            Self::Settled(report) | Self::Unlocated(report) => Some((**report).clone()),
            Self::File { .. } | Self::Missing(_) => None,
        }
    }

    /// The file that notes are about, its archive, and the folder of both.
    pub(super) fn noted(&self) -> Option<(&Path, &'a Archive, PathBuf)> {
        match self {
            Self::File { path, expected: Some(archive), .. } => {
                Some((path, archive, folder_of(archive, path)))
            }
            Self::Missing(missing) => {
                let MissingArchive { archive, dir, files, .. } = &**missing;
                Some((&files.first()?.path, archive, dir.clone()))
            }
            _ => None,
        }
    }

    /// The next step for a missing archive.
    pub(super) fn next_step(&self) -> Option<NextStep> {
        let Self::Missing(missing) = self else { return None };
        missing.missing.next.clone()
    }

    /// Returns the report that follows from the report on the file of this number; `None` if the
    /// next file is to be read.
    pub(super) fn conclude(&self, number: usize, report: ArchiveReport) -> Option<ArchiveReport> {
        let Self::Missing(of) = self else { return Some(report) };
        let MissingArchive { files, missing, .. } = &**of;
        match report.verdict {
            Verdict::Ok | Verdict::Present | Verdict::Incomplete => {
                let next = self.next_step().filter(|_| report.verdict == Verdict::Incomplete);
                Some(files[number].named_in(ArchiveReport { next, ..report }))
            }
            _ if number + 1 < files.len() => None,
            _ => Some((**missing).clone()),
        }
    }

    /// The name in events before the content is known.
    pub(super) fn label(&self, catalog: &Catalog) -> String {
        match self {
            Self::File { expected: Some(archive), .. } | Self::Absent(archive, _) => {
                archive.name.clone()
            }
            Self::File { path, size, .. } => label(path, match_name(path, catalog), *size, catalog),
            Self::Missing(missing) => missing.archive.name.clone(),
            Self::Settled(report) | Self::Unlocated(report) => report.name.clone(),
        }
    }
}

/// All targets, in the order of the request and of the catalog.
pub(super) fn targets<'a>(
    request: &'a VerifyRequest,
    listener: &dyn Listener,
) -> Vec<VerifyTarget<'a>> {
    let here = request.what.is_empty().then_some(Path::new("."));
    let what = request.what.iter().map(PathBuf::as_path).chain(here);
    what.flat_map(|path| of_one(path, request, listener)).collect()
}

fn of_one<'a>(
    path: &'a Path,
    request: &'a VerifyRequest,
    listener: &dyn Listener,
) -> Vec<VerifyTarget<'a>> {
    let catalog = &request.catalog;
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            let others = OtherNames::new(path, catalog);
            let archives = catalog.archives().iter();
            let mut found: Vec<_> =
                archives.map(|archive| in_folder(path, archive, &others)).collect();
            if let Some(command) = others.check_images() {
                advise_images(&mut found, command, catalog);
            }
            let notes = [others.unpacked_images(), others.superfluous_folder()];
            for message in notes.into_iter().flatten() {
                listener.on(Event::Notice { message: &message });
            }
            found
        }
        Ok(metadata) => {
            vec![VerifyTarget::File { path: path.to_owned(), expected: None, size: metadata.len() }]
        }
        Err(error) => vec![VerifyTarget::Settled(Box::new(absent(path, catalog, error)))],
    }
}

/// Changes the next step for a folder that has extracted images and no archive at all.
fn advise_images(targets: &mut [VerifyTarget<'_>], command: String, catalog: &Catalog) {
    if !targets.iter().all(|target| matches!(target, VerifyTarget::Absent(..))) {
        return;
    }
    let command = SuggestedCommand::Line(command.into());
    for target in targets {
        let Some(report) = target.known_report(catalog) else { continue };
        if report.detail.as_deref() == Some(NOT_HERE) {
            let next = Some(command.clone().into());
            *target = VerifyTarget::Settled(Box::new(ArchiveReport { next, ..report }));
        }
    }
}

/// The archive in the folder, under any name by which it can be recognized.
fn in_folder<'a>(dir: &'a Path, archive: &'a Archive, others: &OtherNames<'_>) -> VerifyTarget<'a> {
    let target = archive_in(dir, archive);
    let is_absent = matches!(target, VerifyTarget::Absent(..));
    if !is_absent || fs::symlink_metadata(join(dir, &archive.name)).is_ok() {
        return target;
    }
    let mut missing = Box::new(missing(dir, archive, others.catalog()));
    let mut files: Vec<_> = others.candidates(archive).into_iter().cloned().collect();
    // Without the size, every file with the name was hashed, and none is known to be a beginning.
    let here = missing.actual_size.unwrap_or(0);
    let beginning = others.beginning(archive, archive.size);
    files.extend(beginning.filter(|file| file.size > here).cloned());
    let other = others.describe(archive);
    if files.is_empty() && other.is_none() {
        return VerifyTarget::Absent(archive, dir);
    }
    if let Some(other) = other {
        missing.detail = missing.detail.map(|detail| format!("{detail}; {other}"));
    }
    if files.is_empty() {
        return VerifyTarget::Settled(missing);
    }
    let dir = dir.to_owned();
    VerifyTarget::Missing(Box::new(MissingArchive { archive, dir, files, missing }))
}

/// The files in a folder that may be an archive.
pub(crate) struct ArchiveFiles {
    /// The likeliest first.
    pub(crate) paths: Vec<PathBuf>,
    /// The report if none of them is the archive; `None`: that on the file.
    pub(crate) otherwise: Option<Box<ArchiveReport>>,
}

/// Returns the files that may be the archive, under any name by which it can be recognized.
pub(crate) fn files_of(dir: &Path, archive: &Archive, others: &OtherNames<'_>) -> ArchiveFiles {
    let (paths, otherwise) = match in_folder(dir, archive, others) {
        VerifyTarget::File { path, .. } => (vec![path], None),
        VerifyTarget::Missing(missing) => {
            let MissingArchive { files, missing, .. } = *missing;
            (files.into_iter().map(|file| file.path).collect(), Some(missing))
        }
        target => (vec![], target.known_report(others.catalog()).map(Box::new)),
    };
    ArchiveFiles { paths, otherwise }
}

/// The report on a requested path without a file. An archive may have a partial download.
fn absent(path: &Path, catalog: &Catalog, error: io::Error) -> ArchiveReport {
    let name = match_name(path, catalog);
    if error.kind() != io::ErrorKind::NotFound {
        return unnamed(path, unreadable(path, name.archive(), &ReadError::Open(error)));
    }
    let detail = Some(format!("there is no file or folder {}", escape::path(path)));
    let check = "check the name";
    let NameMatch::Exact(archive) = name else {
        let next = Some(NextStep::by_hand(check));
        let report = blank(path, name.archive(), Verdict::Error);
        return unnamed(path, ArchiveReport { detail, next, ..report });
    };
    let report = missing(&folder_of(archive, path), archive, catalog);
    if report.detail.as_deref() != Some(NOT_HERE) {
        return report;
    }
    let command = report.next.and_then(|next| next.command);
    let next = command.map(|fetch| NextStep::then(check, fetch));
    ArchiveReport { detail, next, ..blank(path, Some(archive), Verdict::Error) }
}

/// Names the report after the path as it was requested.
fn unnamed(path: &Path, report: ArchiveReport) -> ArchiveReport {
    ArchiveReport { name: path.to_string_lossy().into_owned(), ..report }
}

/// The archive in the folder, under its name or else under its alias.
pub(super) fn archive_in<'a>(dir: &'a Path, archive: &'a Archive) -> VerifyTarget<'a> {
    let names = [Some(&archive.name), archive.alias.as_ref()];
    for path in names.into_iter().flatten().map(|name| join(dir, name)) {
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // Any other error is reported when the file is opened.
            metadata => {
                let size = metadata.map_or(0, |metadata| metadata.len());
                return VerifyTarget::File { path, expected: Some(archive), size };
            }
        }
    }
    VerifyTarget::Absent(archive, dir)
}

/// The report on an archive without a file: `incomplete` if it has a partial download with bytes.
fn missing(dir: &Path, archive: &Archive, catalog: &Catalog) -> ArchiveReport {
    let path = join(dir, &archive.name);
    if let Some(report) = blocked(&path, archive, catalog) {
        return report;
    }
    let folder = Folder::new(dir);
    let part = transfer::look(&folder, archive).filter(|part| part.bytes() > 0);
    let fetch = || SuggestedCommand::fetch(catalog, archive, dir);
    let (verdict, detail, next) = match &part {
        Some(part) => {
            (Verdict::Incomplete, transfer::kept(part.bytes(), part.size(archive)), fetch())
        }
        None => match deleted::look(&folder, archive) {
            Some(deleted) => {
                let (detail, next) = describe_deleted(&deleted, dir, archive, catalog);
                (Verdict::Missing, detail, next)
            }
            None => (Verdict::Missing, NOT_HERE.to_owned(), fetch()),
        },
    };
    ArchiveReport {
        actual_size: part.map(|part| part.bytes()),
        detail: Some(detail),
        next: Some(next.into()),
        ..blank(&path, Some(archive), verdict)
    }
}

/// Describes an archive that was deleted after its extraction, with the next command. The archive is
/// `missing` all the same: nothing of it was read.
fn describe_deleted(
    deleted: &DeletedArchive,
    dir: &Path,
    archive: &Archive,
    catalog: &Catalog,
) -> (String, SuggestedCommand) {
    let (detail, fetch) = (deleted.describe(), deleted.fetch(catalog, archive, dir, &[]));
    if deleted.is_complete() {
        let detail = format!("not here: {detail}; to download the archive again, run: {fetch}");
        (detail, SuggestedCommand::line(&deleted.check(catalog)))
    } else {
        (format!("not here: {detail}"), fetch)
    }
}

/// The report on a symbolic link under the name of an archive that does not lead to the archive.
/// `fetch` neither replaces it nor writes through it. `None` if there is no link.
fn blocked(path: &Path, archive: &Archive, catalog: &Catalog) -> Option<ArchiveReport> {
    let dir = folder_of(archive, path);
    let why = wrong_link(path).filter(|_| path.ends_with(&archive.name))?;
    let fetch = SuggestedCommand::fetch(catalog, archive, &dir);
    Some(ArchiveReport {
        detail: Some(why),
        next: Some(NextStep::only_after("move it away", fetch)),
        ..blank(path, Some(archive), Verdict::Error)
    })
}

/// Returns the report as it is, or if the file is not right and is a symbolic link, the report on
/// the link.
pub(super) fn or_blocked(report: ArchiveReport, catalog: &Catalog) -> ArchiveReport {
    if !matches!(report.verdict, Verdict::Incomplete | Verdict::Corrupt | Verdict::Foreign) {
        return report;
    }
    let archive = catalog.by_name(&report.name).and_then(|index| catalog.archives().get(index));
    let link = report.path.as_ref().zip(archive);
    let link = link.and_then(|(path, archive)| blocked(path, archive, catalog));
    let Some(ArchiveReport { verdict, detail: why, next, .. }) = link else { return report };
    let words = [why, report.detail.clone()].into_iter().flatten();
    let detail = Some(words.collect::<Vec<_>>().join(": "));
    ArchiveReport { verdict, detail, next, ..report }
}

/// Returns a description of the symbolic link at the path, which does not lead to the verified
/// archive. `None` if there is no link.
pub(crate) fn wrong_link(path: &Path) -> Option<String> {
    path.symlink_metadata().ok().filter(Metadata::is_symlink)?;
    let shown = escape::path(path);
    Some(format!("{shown} is a symbolic link to something other than the verified archive"))
}

/// The path of a file in the folder; in the current folder, the name alone.
fn join(dir: &Path, name: &str) -> PathBuf {
    if dir == Path::new(".") { PathBuf::from(name) } else { dir.join(name) }
}
