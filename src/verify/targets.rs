//! From the requested folders and files to single files, without reading any.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::VerifyRequest;
use super::advice::folder_of;
use super::file_check::{blank, label, unreadable};
use super::file_reader::ReadError;
use super::names::{NameMatch, match_name};
use crate::catalog::{Archive, Catalog};
use crate::disk::{Folder, StateFile};
use crate::report::{ArchiveReport, NextStep, SuggestedCommand};
use crate::verdict::Verdict;

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
    /// Nothing to read.
    Settled(Box<ArchiveReport>),
    /// A file with damage that was read before. The damage is still to be located.
    Unlocated(Box<ArchiveReport>),
}

impl VerifyTarget<'_> {
    /// The bytes to read.
    pub(super) const fn size(&self) -> u64 {
        if let Self::File { size, .. } = self { *size } else { 0 }
    }

    /// The name in events before the content is known.
    pub(super) fn label(&self, catalog: &Catalog) -> String {
        match self {
            Self::File { expected: Some(archive), .. } => archive.name.clone(),
            Self::File { path, size, .. } => label(path, match_name(path, catalog), *size, catalog),
            Self::Settled(report) | Self::Unlocated(report) => report.name.clone(),
        }
    }
}

/// All targets, in the order of the request and of the catalog.
pub(super) fn targets(request: &VerifyRequest) -> Vec<VerifyTarget<'_>> {
    let here = [PathBuf::from(".")];
    let what = if request.what.is_empty() { &here[..] } else { &request.what };
    what.iter().flat_map(|path| of_one(path, request)).collect()
}

fn of_one<'a>(path: &Path, request: &'a VerifyRequest) -> Vec<VerifyTarget<'a>> {
    let catalog = &request.catalog;
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            catalog.archives().iter().map(|archive| archive_in(path, archive, catalog)).collect()
        }
        Ok(metadata) => {
            vec![VerifyTarget::File { path: path.to_owned(), expected: None, size: metadata.len() }]
        }
        Err(error) => vec![VerifyTarget::Settled(Box::new(absent(path, catalog, error)))],
    }
}

/// The report on a requested path without a file: an archive is missing, anything else is an error.
fn absent(path: &Path, catalog: &Catalog, error: io::Error) -> ArchiveReport {
    match match_name(path, catalog) {
        NameMatch::Exact(archive) if error.kind() == io::ErrorKind::NotFound => {
            missing(&folder_of(archive, path), archive, catalog)
        }
        name => {
            let mut report = unreadable(path, name.archive(), &ReadError::Open(error));
            report.name = path.to_string_lossy().into_owned();
            report
        }
    }
}

/// The archive in the folder, under its name or else under its alias.
pub(super) fn archive_in<'a>(
    dir: &Path,
    archive: &'a Archive,
    catalog: &Catalog,
) -> VerifyTarget<'a> {
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
    VerifyTarget::Settled(Box::new(missing(dir, archive, catalog)))
}

fn missing(dir: &Path, archive: &Archive, catalog: &Catalog) -> ArchiveReport {
    let path = join(dir, &archive.name);
    let fetch = SuggestedCommand::fetch(catalog, archive, dir);
    let has_part = Folder::new(dir).state_file(archive, StateFile::Part).is_file();
    let (detail, next) = if has_part {
        ("a partial download exists", fetch.into())
    } else if fs::symlink_metadata(&path).is_ok() {
        ("the symbolic link has no target", NextStep::then("remove the link", fetch))
    } else {
        ("not here", fetch.into())
    };
    ArchiveReport {
        detail: Some(detail.to_owned()),
        next: Some(next),
        ..blank(&path, Some(archive), Verdict::Missing)
    }
}

/// The path of a file in the folder; in the current folder, the name alone.
fn join(dir: &Path, name: &str) -> PathBuf {
    if dir == Path::new(".") { PathBuf::from(name) } else { dir.join(name) }
}
