//! The table of archives: names, digests, sizes, addresses.
//!
//! [`Catalog::nih`] is the built-in table, [`Catalog::from_checksums`] reads another one,
//! [`Catalog::md5sums`] writes it for other tools, and [`Catalog::select`] understands the names
//! of archives on the command line.

mod archive_name;
mod checksum_file;
mod checksum_line;
pub mod cite;
mod digests;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[path = "../../fuzz/invariants/catalog.rs"]
pub(crate) mod fuzz;
mod hashdeep;
mod image_set;
pub mod inventory;
mod needed_archives;
mod nih;
mod select;
mod table;
#[cfg(any(debug_assertions, feature = "benchmarks"))]
mod test_inventory;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use checksum_file::MAX_CHECKSUMS_BYTES;
pub(crate) use digests::DigestKinds;
pub use digests::Digests;
pub use error::{CatalogError, LineError};
pub use image_set::ImageSet;
pub(crate) use inventory::Inventory;
pub use select::SelectError;
pub(crate) use select::Selector;
#[cfg(any(debug_assertions, feature = "benchmarks"))]
pub use test_inventory::use_test_inventories;

use crate::hash::digest::{Digest, Md5, Sha256};
use crate::text::command_line::{self, TABLE};
use crate::text::shell;

/// An archive as the table describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// The name of its file: relative, with `/` between folders, without `..`.
    pub name: String,
    /// The digests that its publisher prints.
    pub digests: Digests,
    /// The exact size in bytes; `None` if the table does not say.
    pub size: Option<u64>,
    /// The publisher's address; `None` if the table does not say.
    pub address: Option<String>,
    /// Another name of the file, as NIH's own script writes it.
    pub alias: Option<String>,
}

impl Archive {
    /// An archive of which the table says nothing more.
    pub fn new(name: impl Into<String>, digests: impl Into<Digests>) -> Self {
        let (name, digests) = (name.into(), digests.into());
        Self { name, digests, size: None, address: None, alias: None }
    }

    /// The MD5; `None` if the table does not say.
    pub const fn md5(&self) -> Option<Md5> {
        self.digests.md5()
    }

    /// The SHA-256; `None` if the table does not say.
    pub const fn sha256(&self) -> Option<Sha256> {
        self.digests.sha256()
    }

    /// The digest that decides whether a file is this archive.
    pub const fn digest(&self) -> Digest {
        self.digests.deciding()
    }
}

/// A table of archives, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    /// Shared, like the indices: a table may have hundreds of thousands of archives, and each part of
    /// a run has it.
    archives: Arc<Vec<Archive>>,
    /// The file from which the table was read.
    file: Option<PathBuf>,
    indices: Arc<Indices>,
}

/// The places of the archives in different orders.
#[derive(Debug, PartialEq, Eq)]
struct Indices {
    names: Vec<u32>,
    /// Those that have an alias.
    aliases: Vec<u32>,
    /// By the digest that decides. Archives with the same one are in the order of the table.
    digests: Vec<u32>,
    /// The kinds of the digests that decide.
    kinds: DigestKinds,
}

impl Indices {
    fn new(archives: &[Archive]) -> Self {
        let archive = |index: &u32| archives.get(*index as usize);
        let all: Vec<u32> = (0..).take(archives.len()).collect();
        let mut names = all.clone();
        names.sort_unstable_by_key(|index| archive(index).map(|archive| &archive.name));
        let alias = |index: &u32| archive(index).and_then(|archive| archive.alias.as_ref());
        let mut aliases: Vec<u32> =
            all.iter().copied().filter(|index| alias(index).is_some()).collect();
        aliases.sort_unstable_by_key(alias);
        let mut digests = all;
        digests.sort_unstable_by_key(|index| (archive(index).map(Archive::digest), *index));
        let mut kinds = DigestKinds::default();
        for archive in archives {
            kinds.add(&archive.digests);
        }
        Self { names, aliases, digests, kinds }
    }
}

/// Returns the first archive whose key, by which the indices are sorted, is this one.
fn find<'a, K: Ord>(
    archives: &'a [Archive],
    indices: &[u32],
    wanted: &K,
    key: impl Fn(&'a Archive) -> K,
) -> Option<usize> {
    let archive = |index: u32| archives.get(index as usize).map(&key);
    let at = indices.partition_point(|&index| archive(index).is_some_and(|key| key < *wanted));
    let index = *indices.get(at)?;
    (archive(index)? == *wanted).then_some(index as usize)
}

impl Catalog {
    /// A catalog of these archives, in this order.
    ///
    /// # Errors
    ///
    /// There must be at least one archive. Every name and alias must be fit to be a file in the
    /// folder of the archives, and appear once.
    pub fn new(archives: Vec<Archive>) -> Result<Self, CatalogError> {
        Self::from_lines((1..).zip(archives).collect())
    }

    /// A catalog of archives, each with its line in the table.
    fn from_lines(archives: Vec<(usize, Archive)>) -> Result<Self, CatalogError> {
        if archives.is_empty() {
            return Err(CatalogError::Empty);
        }
        check_folders(check_names(&archives)?)?;
        Ok(Self::indexed(archives.into_iter().map(|(_, archive)| archive).collect()))
    }

    /// A catalog of archives that are known to be right.
    fn indexed(archives: Vec<Archive>) -> Self {
        let indices = Arc::new(Indices::new(&archives));
        Self { archives: Arc::new(archives), file: None, indices }
    }

    /// The archives, in order. There is at least one, and their names differ.
    pub fn archives(&self) -> &[Archive] {
        &self.archives
    }

    /// Returns true if an archive of the table has the same digest and the same size.
    pub(crate) fn has_same_content(&self, archive: &Archive) -> bool {
        let is_same = |known: &Archive| match (known.md5(), archive.md5()) {
            (Some(known), Some(md5)) => known == md5,
            _ => known.sha256().is_some() && known.sha256() == archive.sha256(),
        };
        self.archives().iter().any(|known| known.size == archive.size && is_same(known))
    }

    /// A catalog of the archives with these indices, in this order. Invalid indices are ignored.
    #[must_use]
    pub fn only(&self, indices: &[usize]) -> Self {
        if indices.iter().copied().eq(0..self.archives.len()) {
            return self.clone();
        }
        let archives = indices.iter().filter_map(|&index| self.archives.get(index));
        Self { file: self.file.clone(), ..Self::indexed(archives.cloned().collect()) }
    }

    /// Sets the file from which the table was read.
    #[must_use]
    pub fn read_from(self, file: PathBuf) -> Self {
        Self { file: Some(file), ..self }
    }

    /// Returns the catalog without the archive of this name.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Empty`] if there is no other.
    pub fn without(&self, name: &str) -> Result<Self, CatalogError> {
        let others = |index: &usize| self.archives[*index].name != name;
        let others: Vec<usize> = (0..self.archives.len()).filter(others).collect();
        if others.is_empty() { Err(CatalogError::Empty) } else { Ok(self.only(&others)) }
    }

    /// The file from which the table was read; `None` for the built-in table.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Returns the table as a word of a suggested command; `None` for the built-in table.
    pub(crate) fn table_word(&self) -> Option<String> {
        let file = self.file()?;
        Some(if command_line::is_read_once(file) { TABLE.to_owned() } else { shell::path(file) })
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<usize> {
        find(&self.archives, &self.indices.names, &name, |archive| &*archive.name)
    }

    pub(crate) fn by_alias(&self, alias: &str) -> Option<usize> {
        find(&self.archives, &self.indices.aliases, &Some(alias), |archive| {
            archive.alias.as_deref()
        })
    }

    /// The index of the first archive about which this digest decides.
    pub(crate) fn by_digest(&self, digest: &Digest) -> Option<usize> {
        find(&self.archives, &self.indices.digests, digest, Archive::digest)
    }

    /// The first archive about which this digest decides.
    pub(crate) fn of_digest(&self, digest: &Digest) -> Option<&Archive> {
        self.archives.get(self.by_digest(digest)?)
    }

    /// The kinds of digests to compute of a file that may be any archive: those that decide, and the
    /// SHA-256 `with_sha256`.
    pub(crate) fn kinds(&self, with_sha256: bool) -> DigestKinds {
        let DigestKinds { md5, sha256 } = self.indices.kinds;
        DigestKinds { md5, sha256: sha256 || with_sha256 }
    }
}

/// Checks all names and aliases. Returns each with its line.
fn check_names(archives: &[(usize, Archive)]) -> Result<Vec<(&str, usize)>, CatalogError> {
    let mut lines = HashMap::with_capacity(archives.len());
    for (line, archive) in archives {
        for name in [Some(&archive.name), archive.alias.as_ref()].into_iter().flatten() {
            let wrong = |error| CatalogError::Line(*line, error);
            let folder = || common_folder(archives);
            archive_name::check(name)
                .map_err(|reason| wrong(LineError::of_name(name, reason, folder)))?;
            if let Some(earlier) = lines.insert(name.as_str(), *line) {
                return Err(wrong(LineError::Repeated(name.clone(), earlier)));
            }
        }
    }
    Ok(lines.into_iter().collect())
}

/// Returns the folder that has the files of all absolute names, empty if that is the root.
fn common_folder(archives: &[(usize, Archive)]) -> String {
    let names = archives.iter().map(|(_, archive)| archive.name.as_str());
    let folders = names
        .filter(|name| name.starts_with('/'))
        .map(|name| name.rsplit_once('/').map_or("", |(folder, _)| folder));
    let common = folders.reduce(|mut common, folder| {
        let contains = |common: &str| {
            folder.strip_prefix(common).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        while !contains(common) {
            common = common.rsplit_once('/').map_or("", |(above, _)| above);
        }
        common
    });
    common.unwrap_or_default().to_owned()
}

/// Checks that no name is the folder of another one: `a` and `a/b` cannot both be files.
fn check_folders(mut names: Vec<(&str, usize)>) -> Result<(), CatalogError> {
    // With `/` before all other bytes, the content of a folder directly follows its name.
    let order = |byte: u8| if byte == b'/' { 0 } else { byte };
    names.sort_unstable_by(|(a, _), (b, _)| a.bytes().map(order).cmp(b.bytes().map(order)));
    for pair in names.windows(2) {
        let [(folder, _), (name, line)] = pair else { continue };
        if name.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')) {
            let (name, folder) = ((*name).to_owned(), (*folder).to_owned());
            return Err(CatalogError::Line(*line, LineError::Folder(folder, name)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(name: &str, alias: Option<&str>) -> Archive {
        Archive { alias: alias.map(str::to_owned), ..Archive::new(name, Md5::EMPTY) }
    }

    fn refused(names: &[(&str, Option<&str>)]) -> CatalogError {
        let archives = names.iter().map(|(name, alias)| archive(name, *alias)).collect();
        Catalog::new(archives).unwrap_err()
    }

    #[test]
    fn an_archive_is_found_by_its_name_its_alias_and_its_digest() {
        let mut second = archive("b", Some("c"));
        second.digests = Md5::new([7; 16]).into();
        let catalog = Catalog::new(vec![archive("a", None), second.clone()]).unwrap();
        assert_eq!(catalog.by_name("b"), Some(1));
        assert_eq!(catalog.by_name("c"), None);
        assert_eq!(catalog.by_alias("c"), Some(1));
        assert_eq!(catalog.by_alias("b"), None);
        assert_eq!(catalog.by_digest(&second.digest()), Some(1));
        assert_eq!(catalog.by_digest(&Md5::new([0; 16]).into()), None);
    }

    #[test]
    fn the_first_of_two_archives_with_the_same_digest_is_found() {
        let catalog = Catalog::new(vec![archive("a", None), archive("b", None)]).unwrap();
        assert_eq!(catalog.by_digest(&catalog.archives()[1].digest()), Some(0));
    }

    #[test]
    fn an_empty_catalog_is_refused() {
        assert_eq!(refused(&[]), CatalogError::Empty);
    }

    #[test]
    fn a_name_or_alias_that_appears_twice_is_refused() {
        for names in [
            [("a", None), ("a", None)],
            [("a", Some("b")), ("b", None)],
            [("a", Some("c")), ("b", Some("c"))],
        ] {
            let error = refused(&names);
            let CatalogError::Line(2, error) = error else { panic!("{error:?}") };
            assert!(matches!(error, LineError::Repeated(_, 1)), "{error:?}");
        }
    }

    #[test]
    fn a_name_cannot_be_a_file_and_a_folder() {
        // In the order of bytes, `a!` and `a-x` come before `a/b`.
        let names = [("a/b/c", None), ("a!", None), ("a-x", None), ("x", None), ("a", None)];
        let error = refused(&names);
        let expected = "line 1: `a` cannot be a file and the folder of `a/b/c`";
        assert_eq!(error.to_string(), expected);
        let fine = ["a/b", "a/c", "ab", "b/a"].map(|name| archive(name, None));
        Catalog::new(fine.to_vec()).unwrap();
    }
}
