//! The catalogue, and what is here of it as far as can be seen without hashing.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::catalog::{Archive, Catalog};
use crate::disk::Folder;
use crate::disk::leftovers::Leftover;
use crate::hash::digest::{Digest, Sha256};
use crate::report::write_json;
use crate::text::{escape, units};
use crate::transfer;

const SCHEMA: &str = "cxr.list/1";

/// What is here of an archive. None of these says that it is right: `verify` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing.
    Missing,
    /// No file, but the program has some of it.
    Unfinished,
    /// A file that is too short.
    Incomplete,
    /// A file, and of the right size where the size is known.
    Here,
    /// A file that is too long.
    TooLong,
    /// Something that cannot be looked at, or is no file.
    Unreadable,
}

/// One archive of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    name: String,
    size: Option<u64>,
    md5: Digest,
    sha256: Option<Sha256>,
    address: Option<String>,
    state: State,
    actual_size: Option<u64>,
    path: Option<String>,
    /// The other name, where the file has that one.
    #[serde(skip)]
    found_as: Option<String>,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    archives: &'a [Row],
    leftovers: &'a [Leftover],
}

/// Looks for every archive in the folder, under its name and then under its other name.
pub fn rows(catalog: &Catalog, dir: &Path) -> Vec<Row> {
    catalog.archives().iter().map(|archive| row(archive, dir)).collect()
}

fn row(archive: &Archive, dir: &Path) -> Row {
    let names = [Some(&archive.name), archive.alias.as_ref()];
    let mut found = names
        .into_iter()
        .flatten()
        .map(|name| (name, state_of(archive, &dir.join(name))))
        .filter(|(_, (state, _))| *state != State::Missing);
    let (name, found) = found.next().unzip();
    let (state, actual_size) = found.unwrap_or_else(|| unfinished(archive, dir));
    Row {
        name: archive.name.clone(),
        size: archive.size,
        md5: archive.md5,
        sha256: archive.sha256,
        address: archive.address.clone(),
        state,
        actual_size,
        path: name.map(|name| dir.join(name).to_string_lossy().into_owned()),
        found_as: name.filter(|name| **name != archive.name).cloned(),
    }
}

/// What the program has of an archive of which there is no file, and how many bytes.
fn unfinished(archive: &Archive, dir: &Path) -> (State, Option<u64>) {
    let written = transfer::look(&Folder::new(dir), archive)
        .map(|part| part.recovered.written.total())
        .filter(|&written| written > 0);
    (written.map_or(State::Missing, |_| State::Unfinished), written)
}

/// What the file at the path is for the archive, and its size.
fn state_of(archive: &Archive, path: &Path) -> (State, Option<u64>) {
    let size = match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Err(error) if is_absence(&error) => return (State::Missing, None),
        _ => return (State::Unreadable, None),
    };
    let state = match archive.size {
        Some(expected) if size < expected => State::Incomplete,
        Some(expected) if size > expected => State::TooLong,
        _ => State::Here,
    };
    (state, Some(size))
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Writes one line an archive.
///
/// # Errors
///
/// Those of `out`.
pub fn write_text(rows: &[Row], out: &mut dyn Write) -> io::Result<()> {
    rows.iter().try_for_each(|row| {
        let size = row.size.map_or_else(|| "?".to_owned(), units::bytes);
        let name = escape::text(&row.name);
        writeln!(out, "{name}  {size:>8}  {}  {}", row.md5, row.words())
    })
}

/// Writes the document, with what is left over beside the archives, and a line's end.
///
/// # Errors
///
/// Those of `out`.
pub fn write_document(rows: &[Row], leftovers: &[Leftover], out: &mut dyn Write) -> io::Result<()> {
    write_json(&Document { schema: SCHEMA, archives: rows, leftovers }, out)
}

impl Row {
    fn words(&self) -> String {
        let words = match (self.state, self.actual_size, self.size) {
            (State::Incomplete | State::Unfinished, Some(actual), Some(size)) => {
                format!("{} {} %", self.state.word(), units::percent(actual, size))
            }
            (state, ..) => state.word().to_owned(),
        };
        match &self.found_as {
            Some(name) => format!("{words}, as {}", escape::text(name)),
            None => words,
        }
    }
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unfinished => "unfinished",
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
        Archive {
            name: name.to_owned(),
            md5: Digest::new([0; 16]),
            sha256: None,
            size,
            address: None,
            alias: alias.map(str::to_owned),
        }
    }

    fn table(dir: &Path) -> Vec<Row> {
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
        // The last one could not stand in one catalogue with `right`.
        let mut rows = rows(&Catalog::new(archives[..8].to_vec()).unwrap(), dir);
        rows.push(row(&archives[8], dir));
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
        own.make().unwrap();
        let begun = archive("begun", Some(100), None);
        let part = Part::open(&own, &begun, JournalState::default()).unwrap();
        part.write(0, &[vec![1; 30].into()]).unwrap();
        part.record(0..30, "x").unwrap();
        dir
    }

    #[test]
    fn what_is_here_is_told_by_its_size() {
        let dir = folder();
        let mut out = Vec::new();
        write_text(&table(dir.path()), &mut out).unwrap();
        let zeros = Digest::new([0; 16]);
        let expected = [
            ("missing", "100 B", "missing"),
            ("begun", "100 B", "unfinished 30 %"),
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
    fn the_document_says_the_same() {
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
                "unfinished",
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
