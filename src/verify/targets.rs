//! From what was asked for to single files, without reading any.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::VerifyRequest;
use super::advice::folder_of;
use super::check::{blank, unreadable};
use super::names::{Named, named};
use super::read::Trouble;
use crate::catalog::{Archive, Catalog};
use crate::disk::{Folder, StateFile};
use crate::report::{ArchiveReport, NextStep, SuggestedCommand};
use crate::verdict::Verdict;

/// One line of the report to come.
#[derive(Debug)]
pub(super) enum Target<'a> {
    /// A file to read.
    File {
        path: PathBuf,
        /// The archive that it ought to be, because a folder was asked for.
        expected: Option<&'a Archive>,
        /// Its size in bytes.
        size: u64,
    },
    /// There is nothing to read.
    Settled(Box<ArchiveReport>),
    /// It was read before, and is wrong: it is still to be found out where.
    Unlocated(Box<ArchiveReport>),
}

/// Everything to look at, in the order of the request and of the catalogue.
pub(super) fn targets(request: &VerifyRequest) -> Vec<Target<'_>> {
    let here = [PathBuf::from(".")];
    let what = if request.what.is_empty() { &here[..] } else { &request.what };
    what.iter().flat_map(|path| of_one(path, request)).collect()
}

fn of_one<'a>(path: &Path, request: &'a VerifyRequest) -> Vec<Target<'a>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => folder(path, &request.catalog),
        Ok(metadata) => {
            vec![Target::File { path: path.to_owned(), expected: None, size: metadata.len() }]
        }
        Err(error) => vec![Target::Settled(Box::new(absent(path, request, error)))],
    }
}

/// What was asked for by its name and cannot be looked at: an archive may be missing, anything
/// else is a mistake.
fn absent(path: &Path, request: &VerifyRequest, error: io::Error) -> ArchiveReport {
    match named(path, &request.catalog) {
        Named::Exactly(archive) if error.kind() == io::ErrorKind::NotFound => {
            let dir = folder_of(archive, path);
            missing(&dir, archive, &request.catalog)
        }
        named => {
            let mut report = unreadable(path, named.archive(), &Trouble::Open(error));
            report.name = path.to_string_lossy().into_owned();
            report
        }
    }
}

/// Every archive of the catalogue, under its name or else under its other name.
fn folder<'a>(dir: &Path, catalog: &'a Catalog) -> Vec<Target<'a>> {
    catalog.archives().iter().map(|archive| archive_in(dir, archive, catalog)).collect()
}

pub(super) fn archive_in<'a>(dir: &Path, archive: &'a Archive, catalog: &Catalog) -> Target<'a> {
    let names = [Some(&archive.name), archive.alias.as_ref()];
    for path in names.into_iter().flatten().map(|name| join(dir, name)) {
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // Whatever else is wrong is found out and said when it is opened.
            metadata => {
                let size = metadata.map_or(0, |metadata| metadata.len());
                return Target::File { path, expected: Some(archive), size };
            }
        }
    }
    Target::Settled(Box::new(missing(dir, archive, catalog)))
}

fn missing(dir: &Path, archive: &Archive, catalog: &Catalog) -> ArchiveReport {
    let path = join(dir, &archive.name);
    let fetch = SuggestedCommand::fetch(catalog, archive, dir);
    let is_begun = Folder::new(dir).state_file(archive, StateFile::Part).is_file();
    let (detail, next) = if is_begun {
        ("a partial download exists", fetch.into())
    } else if fs::symlink_metadata(&path).is_ok() {
        ("its symbolic link leads to nothing", NextStep::then("remove the link", fetch))
    } else {
        ("not here", fetch.into())
    };
    ArchiveReport {
        detail: Some(detail.to_owned()),
        next: Some(next),
        ..blank(&path, Some(archive), Verdict::Missing)
    }
}

/// The path of a file in the folder; that in the present folder is the name alone.
fn join(dir: &Path, name: &str) -> PathBuf {
    if dir == Path::new(".") { PathBuf::from(name) } else { dir.join(name) }
}
