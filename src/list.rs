//! The `list` command: the catalog, and the local files as far as no hashing is needed.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use serde::Serialize;

use crate::catalog::{Archive, Catalog};
use crate::disk::Folder;
use crate::disk::leftovers::Leftover;
use crate::hash::digest::{Digest, Md5, Sha256};
use crate::images;
use crate::other_names::OtherNames;
use crate::report::write_json;
use crate::text::{escape, units};
use crate::transfer;

const SCHEMA: &str = "cxr.list/1";

/// The state of an archive's local file. None of these means that its content is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum ListState {
    Missing,
    /// The file is too short, or there is a partial download and no file.
    Incomplete,
    /// The file has the right size, or the size is unknown.
    Here,
    TooLong,
    /// It cannot be read, or is not a file.
    Unreadable,
}

/// One archive of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListRow {
    name: String,
    size: Option<u64>,
    md5: Option<Md5>,
    /// The one that decides.
    #[serde(skip)]
    digest: Digest,
    sha256: Option<Sha256>,
    address: Option<String>,
    state: ListState,
    actual_size: Option<u64>,
    path: Option<String>,
    /// The extracted images that are in the folder, if there are any.
    images: Option<ListImages>,
    /// The name of the file, if that is not the archive's.
    #[serde(skip)]
    found_as: Option<String>,
}

/// The extracted images of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct ListImages {
    /// Images that have a file; nothing says that it is right.
    here: usize,
    expected: usize,
}

#[derive(Serialize)]
struct ListDocument<'a> {
    schema: &'static str,
    archives: &'a [ListRow],
    leftovers: &'a [Leftover],
}

/// Looks for every archive in the folder, by its name, its other name, and then by its size.
pub fn rows(catalog: &Catalog, dir: &Path) -> Vec<ListRow> {
    let others = OtherNames::new(dir, catalog);
    let rows = catalog.archives().iter().map(|archive| row(archive, dir, &others));
    let images = images::count(dir, catalog)
        .into_iter()
        .map(|(here, expected)| (here > 0).then_some(ListImages { here, expected }));
    rows.zip(images).map(|(row, images)| ListRow { images, ..row }).collect()
}

fn row(archive: &Archive, dir: &Path, others: &OtherNames<'_>) -> ListRow {
    let names = [Some(&archive.name), archive.alias.as_ref()];
    let mut found = names
        .into_iter()
        .flatten()
        .map(|name| (name, state_of(archive, &dir.join(name))))
        .filter(|(_, (state, _))| *state != ListState::Missing);
    let (name, (state, actual_size)) = match found.next() {
        Some((name, found)) => (Some(name.clone()), found),
        None => elsewhere(archive, dir, others),
    };
    ListRow {
        name: archive.name.clone(),
        size: archive.size,
        md5: archive.md5(),
        digest: archive.digest(),
        sha256: archive.sha256(),
        address: archive.address.clone(),
        state,
        actual_size,
        path: name.as_ref().map(|name| dir.join(name).to_string_lossy().into_owned()),
        images: None,
        found_as: name.filter(|name| *name != archive.name),
    }
}

/// Returns the state of an archive without a file under its names: that of a file that may be the
/// archive or its beginning, with its name, or that of the partial download.
fn elsewhere(
    archive: &Archive,
    dir: &Path,
    others: &OtherNames<'_>,
) -> (Option<String>, (ListState, Option<u64>)) {
    if let Some(file) = others.candidates(archive).first() {
        return (Some(file.name.clone()), (ListState::Here, Some(file.size)));
    }
    let (state, written) = unfinished(archive, dir);
    match others.beginning(archive, archive.size) {
        Some(file) if written.is_none_or(|written| written < file.size) => {
            (Some(file.name.clone()), (ListState::Incomplete, Some(file.size)))
        }
        _ => (None, (state, written)),
    }
}

/// Returns the state of an archive without a file, and the bytes of its partial download.
fn unfinished(archive: &Archive, dir: &Path) -> (ListState, Option<u64>) {
    let written = transfer::look(&Folder::new(dir), archive)
        .map(|part| part.bytes())
        .filter(|&written| written > 0);
    (written.map_or(ListState::Missing, |_| ListState::Incomplete), written)
}

/// Returns the state and the size of the file at the path.
fn state_of(archive: &Archive, path: &Path) -> (ListState, Option<u64>) {
    let size = match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return (ListState::Missing, None);
        }
        _ => return (ListState::Unreadable, None),
    };
    let state = match archive.size {
        Some(expected) if size < expected => ListState::Incomplete,
        Some(expected) if size > expected => ListState::TooLong,
        _ => ListState::Here,
    };
    (state, Some(size))
}

/// Writes one line for each archive.
///
/// # Errors
///
/// Returns the errors of `out`.
pub fn write_text(rows: &[ListRow], out: &mut dyn Write) -> io::Result<()> {
    rows.iter().try_for_each(|row| {
        let size = row.size.map_or_else(|| "?".to_owned(), units::bytes);
        let name = escape::text(&row.name);
        writeln!(out, "{name}  {size:>8}  {}  {}", row.digest, row.describe())
    })
}

/// Writes the JSON document, with the leftovers after the archives.
///
/// # Errors
///
/// Returns the errors of `out`.
pub fn write_document(
    rows: &[ListRow],
    leftovers: &[Leftover],
    out: &mut dyn Write,
) -> io::Result<()> {
    write_json(&ListDocument { schema: SCHEMA, archives: rows, leftovers }, out)
}

impl ListRow {
    fn describe(&self) -> String {
        let state = match (self.state, self.actual_size, self.size) {
            (ListState::Incomplete, Some(actual), Some(size)) => {
                format!("{} {} %", self.state.word(), units::percent(actual, size))
            }
            (state, ..) => state.word().to_owned(),
        };
        let state = match &self.found_as {
            Some(name) => format!("{state}, as {}", escape::text(name)),
            None => state,
        };
        match self.images {
            Some(ListImages { here, expected }) => {
                format!("{state}, and {here} of its {expected} images")
            }
            None => state,
        }
    }
}

impl ListState {
    const fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Incomplete => "incomplete",
            Self::Here => "here",
            Self::TooLong => "too long",
            Self::Unreadable => "unreadable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::{JournalState, Part};

    fn archive(name: &str, size: Option<u64>, alias: Option<&str>) -> Archive {
        let alias = alias.map(str::to_owned);
        Archive { size, alias, ..Archive::new(name, Md5::new([0; 16])) }
    }

    fn table(dir: &Path) -> Vec<ListRow> {
        let archives = [
            archive("missing", Some(100), None),
            archive("begun", Some(100), None),
            archive("short", Some(100), None),
            archive("right", Some(100), None),
            archive("long", Some(100), None),
            archive("unknown", None, None),
            archive("renamed", Some(100), Some("alias")),
            archive("folder", Some(100), None),
            archive("right/inside", Some(100), None),
        ];
        // A catalog cannot have both `right` and the last one.
        let catalog = Catalog::new(archives[..8].to_vec()).unwrap();
        let mut rows = rows(&catalog, dir);
        rows.push(row(&archives[8], dir, &OtherNames::new(dir, &catalog)));
        rows
    }

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, size) in
            [("short", 45), ("right", 100), ("long", 101), ("unknown", 3), ("alias", 100)]
        {
            fs::write(dir.path().join(name), vec![0; size]).unwrap();
        }
        fs::create_dir(dir.path().join("folder")).unwrap();
        let own = Folder::new(dir.path());
        own.create().unwrap();
        let begun = archive("begun", Some(100), None);
        let part = Part::open(&own, &begun, JournalState::default()).unwrap();
        part.write(0, &[1; 30]).unwrap();
        part.record(0..30, "x").unwrap();
        dir
    }

    #[test]
    fn the_text_shows_the_state_of_each_file() {
        let dir = folder();
        let mut out = Vec::new();
        write_text(&table(dir.path()), &mut out).unwrap();
        let zeros = Md5::new([0; 16]);
        let expected = [
            ("missing", "100 B", "missing"),
            ("begun", "100 B", "incomplete 30 %"),
            ("short", "100 B", "incomplete 45 %"),
            ("right", "100 B", "here"),
            ("long", "100 B", "too long"),
            ("unknown", "?", "here"),
            ("renamed", "100 B", "here, as alias"),
            ("folder", "100 B", "unreadable"),
            ("right/inside", "100 B", "missing"),
        ];
        let expected: Vec<String> = expected
            .iter()
            .map(|(name, size, state)| format!("{name}  {size:>8}  {zeros}  {state}"))
            .collect();
        assert_eq!(String::from_utf8(out).unwrap().lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_document_shows_the_same_states() {
        let dir = folder();
        let mut out = Vec::new();
        write_document(&table(dir.path()), &[], &mut out).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(document["schema"], "cxr.list/1");
        let states: Vec<_> =
            document["archives"].as_array().unwrap().iter().map(|row| &row["state"]).collect();
        assert_eq!(
            states,
            [
                "missing",
                "incomplete",
                "incomplete",
                "here",
                "too-long",
                "here",
                "here",
                "unreadable",
                "missing"
            ]
        );
        assert_eq!(document["archives"][2]["actual_size"], 45);
        let path = dir.path().join("alias");
        assert_eq!(document["archives"][6]["path"], path.to_str().unwrap());
    }
}
