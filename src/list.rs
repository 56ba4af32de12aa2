//! The catalogue, and what is here of it as far as can be seen without hashing.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::catalog::{Archive, Catalog};
use crate::digest::Digest;
use crate::report::write_json;
use crate::{escape, units};

const SCHEMA: &str = "cxr.list/1";

/// What is here of an archive. None of these says that it is right: `verify` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing.
    Missing,
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
    address: Option<String>,
    state: State,
    actual_size: Option<u64>,
    path: Option<String>,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    archives: &'a [Row],
}

/// Looks for every archive in the folder, under its name and then under its other name.
pub fn rows(catalog: &Catalog, dir: &Path) -> Vec<Row> {
    catalog.archives().iter().map(|archive| row(archive, dir)).collect()
}

fn row(archive: &Archive, dir: &Path) -> Row {
    let (state, actual_size, path) = state_of(archive, dir);
    Row {
        name: archive.name.clone(),
        size: archive.size,
        md5: archive.md5,
        address: archive.address.clone(),
        state,
        actual_size,
        path: path.map(|path| path.to_string_lossy().into_owned()),
    }
}

fn state_of(archive: &Archive, dir: &Path) -> (State, Option<u64>, Option<PathBuf>) {
    let names = [Some(&archive.name), archive.alias.as_ref()];
    for path in names.into_iter().flatten().map(|name| dir.join(name)) {
        let size = match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => metadata.len(),
            Err(error) if is_absence(&error) => continue,
            _ => return (State::Unreadable, None, Some(path)),
        };
        let state = match archive.size {
            Some(expected) if size < expected => State::Incomplete,
            Some(expected) if size > expected => State::TooLong,
            _ => State::Here,
        };
        return (state, Some(size), Some(path));
    }
    (State::Missing, None, None)
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

/// Writes the document and a line's end.
///
/// # Errors
///
/// Those of `out`.
pub fn write_document(rows: &[Row], out: &mut dyn Write) -> io::Result<()> {
    write_json(&Document { schema: SCHEMA, archives: rows }, out)
}

impl Row {
    fn words(&self) -> String {
        match (self.state, self.actual_size, self.size) {
            (State::Incomplete, Some(actual), Some(size)) => {
                format!("incomplete {} %", units::percent(actual, size))
            }
            (State::Incomplete, ..) => "incomplete".to_owned(),
            (State::Missing, ..) => "missing".to_owned(),
            (State::Here, ..) => "here".to_owned(),
            (State::TooLong, ..) => "too long".to_owned(),
            (State::Unreadable, ..) => "unreadable".to_owned(),
        }
    }
}
