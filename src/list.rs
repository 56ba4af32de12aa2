//! The `list` command: the catalog, and the local files as far as no hashing is needed.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use serde::{Serialize, Serializer};

use crate::catalog::{Archive, Catalog};
use crate::disk::Folder;
use crate::disk::leftovers::Leftover;
use crate::hash::digest::{Digest, Md5, Sha256};
use crate::images::{self, deleted, deleted::DeletedArchive};
use crate::other_names::OtherNames;
use crate::report::{SuggestedCommand, write_json};
use crate::text::{escape, units};
use crate::transfer;
use crate::verdict::Verdict;
use crate::verify::verdict_on_other_size;

const SCHEMA: &str = "cxr.list/1";

/// The widest column of names. A longer name moves the rest of its line to the right.
const NAME_COLUMN: usize = 60;

/// The state of an archive's local file. None of these means that its content is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum ListState {
    Missing,
    /// The file is too short, or there is a partial download and no file.
    Incomplete,
    /// The file is too short, and damaged as far as its beginning and its end show.
    Corrupt,
    /// The file is too short, and something else than the archive.
    Foreign,
    /// The file has the right size, or the size is unknown.
    Here,
    TooLong,
    /// It cannot be read, or is not a file.
    Unreadable,
}

/// The list of a table and a folder. Its rows are made one by one when it is written: a table may have
/// hundreds of thousands.
pub struct Listing<'a> {
    catalog: &'a Catalog,
    dir: &'a Path,
    others: OtherNames<'a>,
    /// The images of each archive that are here, and all its images; empty if they are unknown.
    images: Vec<(usize, usize)>,
}

/// One archive of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct ListRow<'a> {
    name: &'a str,
    size: Option<u64>,
    md5: Option<Md5>,
    /// The one that decides.
    #[serde(skip)]
    digest: Digest,
    sha256: Option<Sha256>,
    address: Option<&'a str>,
    state: ListState,
    actual_size: Option<u64>,
    path: Option<String>,
    /// The extracted images that are in the folder, if there are any.
    images: Option<ListImages>,
    /// The deletion of the archive after its extraction.
    deleted: Option<ListDeletion>,
    /// The name of the file, if that is not the archive's.
    #[serde(skip)]
    found_as: Option<String>,
}

/// The deletion of an archive after its images were extracted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct ListDeletion {
    /// The day in UTC, if it is known.
    date: Option<String>,
    /// The folder of the images.
    images: String,
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
    archives: ListRows<'a>,
    leftovers: &'a [Leftover],
}

/// The rows of a listing in JSON.
struct ListRows<'a>(&'a Listing<'a>);

impl Serialize for ListRows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.rows())
    }
}

impl<'a> Listing<'a> {
    /// A list of what is in the folder: each archive by its name, its other name, or its size.
    pub fn new(catalog: &'a Catalog, dir: &'a Path) -> Self {
        let (others, images) = (OtherNames::new(dir, catalog), images::count(dir, catalog));
        Self { catalog, dir, others, images }
    }

    fn rows(&self) -> impl Iterator<Item = ListRow<'_>> {
        self.catalog.archives().iter().enumerate().map(|(index, archive)| {
            let images = self.images.get(index).filter(|(here, _)| *here > 0);
            let images = images.map(|&(here, expected)| ListImages { here, expected });
            ListRow { images, ..row(archive, self.dir, &self.others) }
        })
    }

    /// Writes one line for each archive.
    ///
    /// # Errors
    ///
    /// Returns the errors of `out`.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let archives = || self.catalog.archives().iter();
        let names = archives().map(|archive| escape::text(&archive.name).chars().count());
        let names = names.filter(|width| *width <= NAME_COLUMN).max().unwrap_or(0);
        let digests = if self.catalog.kinds(false).sha256 { 64 } else { 32 };
        self.rows().try_for_each(|row| {
            let size = row.size.map_or_else(|| "?".to_owned(), units::bytes);
            let (name, digest) = (escape::text(row.name), row.digest.to_string());
            writeln!(out, "{name:names$}  {size:>8}  {digest:digests$}  {}", row.describe())
        })
    }

    /// Writes the JSON document, with the leftovers after the archives.
    ///
    /// # Errors
    ///
    /// Returns the errors of `out`.
    pub fn write_document(&self, leftovers: &[Leftover], out: &mut dyn Write) -> io::Result<()> {
        write_json(&ListDocument { schema: SCHEMA, archives: ListRows(self), leftovers }, out)
    }

    /// Says why nothing can be here: there is no such folder.
    pub fn describe_folder(&self) -> Option<String> {
        let path = escape::path(self.dir);
        let fetch = SuggestedCommand::fetch_all(self.catalog, self.dir);
        match fs::metadata(self.dir) {
            Ok(metadata) if metadata.is_dir() => None,
            Ok(_) => Some(format!("{path} is not a folder, so no archive can be in it")),
            Err(error) if error.kind() == ErrorKind::NotFound => Some(format!(
                "there is no folder {path}, so no archive is here; check its name, or to create it \
                 and fetch into it, run: {fetch}"
            )),
            Err(error) => Some(format!("{path} cannot be read: {error}")),
        }
    }
}

fn row<'a>(archive: &'a Archive, dir: &Path, others: &OtherNames<'_>) -> ListRow<'a> {
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
    let deleted = || {
        let DeletedArchive { tree, date, .. } = deleted::look(&Folder::new(dir), archive)?;
        Some(ListDeletion { date, images: tree.to_string_lossy().into_owned() })
    };
    ListRow {
        deleted: (state == ListState::Missing).then(deleted).flatten(),
        name: &archive.name,
        size: archive.size,
        md5: archive.md5(),
        digest: archive.digest(),
        sha256: archive.sha256(),
        address: archive.address.as_deref(),
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
        Some(expected) if size < expected => match verdict_on_other_size(archive, path) {
            Some((Verdict::Corrupt, _)) => ListState::Corrupt,
            Some((Verdict::Foreign, _)) => ListState::Foreign,
            _ => ListState::Incomplete,
        },
        Some(expected) if size > expected => ListState::TooLong,
        _ => ListState::Here,
    };
    (state, Some(size))
}

impl ListRow<'_> {
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
        let state = match &self.deleted {
            Some(ListDeletion { date, images }) => {
                let on = date.as_ref().map_or_else(String::new, |date| format!(" on {date}"));
                let images = escape::text(images);
                format!("{state}: cxr extracted it into {images} and deleted it{on}")
            }
            None => state,
        };
        match self.images {
            Some(ListImages { here, expected }) => {
                format!("{state}, and {here} of its {}", units::count(expected, "image"))
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
            Self::Corrupt => "corrupt",
            Self::Foreign => "foreign",
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

    fn table() -> Catalog {
        let archives = [
            archive("missing", Some(100), None),
            archive("begun", Some(100), None),
            archive("short", Some(100), None),
            archive("right", Some(100), None),
            archive("long", Some(100), None),
            archive("unknown", None, None),
            archive("renamed", Some(100), Some("alias")),
            archive("folder", Some(100), None),
        ];
        Catalog::new(archives.to_vec()).unwrap()
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
        let catalog = table();
        Listing::new(&catalog, dir.path()).write_text(&mut out).unwrap();
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
        ];
        let expected: Vec<String> = expected
            .iter()
            .map(|(name, size, state)| format!("{name:7}  {size:>8}  {zeros}  {state}"))
            .collect();
        assert_eq!(String::from_utf8(out).unwrap().lines().collect::<Vec<_>>(), expected);
        // The folder of the name is a file.
        let inside = archive("right/inside", Some(100), None);
        let row = row(&inside, dir.path(), &OtherNames::new(dir.path(), &catalog));
        assert_eq!(row.state, ListState::Missing);
    }

    #[test]
    fn the_document_shows_the_same_states() {
        let dir = folder();
        let mut out = Vec::new();
        Listing::new(&table(), dir.path()).write_document(&[], &mut out).unwrap();
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
                "unreadable"
            ]
        );
        assert_eq!(document["archives"][2]["actual_size"], 45);
        let path = dir.path().join("alias");
        assert_eq!(document["archives"][6]["path"], path.to_str().unwrap());
    }
}
