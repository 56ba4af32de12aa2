//! What should exist: names, digests, sizes, addresses.
//!
//! [`Catalog::nih`] is the table that the program carries, [`Catalog::from_checksums`] reads
//! another one, [`Catalog::md5sums`] writes it for other tools, and [`Catalog::select`]
//! understands how archives are called on the command line.

mod checksums;
pub mod cite;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod name;
mod nih;
mod select;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

pub use checksums::{ChecksumsError, LineError, MAX_CHECKSUMS_BYTES, RowError};
pub use name::NameError;
pub use select::{SelectError, Selector};

use crate::hash::digest::{Digest, Sha256};
use crate::text::escape;

/// One archive as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// The name under which it is kept: relative, `/` between folders, never `..` in it.
    pub name: String,
    /// The MD5 that its publisher prints.
    pub md5: Digest,
    /// Its SHA-256; `None` where the table does not say.
    pub sha256: Option<Sha256>,
    /// Its exact size in bytes; `None` where the table does not say.
    pub size: Option<u64>,
    /// The publisher's own address; `None` where the table does not say.
    pub address: Option<String>,
    /// Another name under which people have it, as NIH's own script writes.
    pub alias: Option<String>,
}

/// The archives that a run is about, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    archives: Vec<Archive>,
    /// The file that the table was read from.
    file: Option<PathBuf>,
    by_name: HashMap<String, usize>,
    by_alias: HashMap<String, usize>,
    by_md5: HashMap<Digest, usize>,
}

/// Why a list of archives is no catalogue. Positions count from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// There is nothing in it.
    #[error("there is no archive in it")]
    Empty,
    /// A name or an alias cannot be one.
    #[error("`{}` {error}", escape::brief(.name))]
    Name {
        /// Which archive.
        position: usize,
        /// The name.
        name: String,
        /// What is wrong with it.
        error: NameError,
    },
    /// A name or an alias stands twice.
    #[error("`{}` is there twice", escape::brief(.name))]
    Repeated {
        /// The later of the two archives.
        position: usize,
        /// The earlier.
        earlier: usize,
        /// The name.
        name: String,
    },
    /// A name is a folder of another one, and cannot be a file too.
    #[error("`{}` would be a file, and a folder for `{}` too", escape::brief(.name), escape::brief(.inside))]
    Folder {
        /// Which archive lies in the folder.
        position: usize,
        /// The file that would have to be a folder.
        name: String,
        /// The name that lies in it.
        inside: String,
    },
}

impl CatalogError {
    /// Which archive is at fault, counted from 0; `None` where there is none at all.
    pub const fn position(&self) -> Option<usize> {
        match self {
            Self::Empty => None,
            Self::Name { position, .. }
            | Self::Repeated { position, .. }
            | Self::Folder { position, .. } => Some(*position),
        }
    }
}

impl Catalog {
    /// A catalogue of these archives, in this order.
    ///
    /// # Errors
    ///
    /// There must be at least one; every name and alias must be fit to be a file in the folder of
    /// the archives, and stand there once.
    pub fn new(archives: Vec<Archive>) -> Result<Self, CatalogError> {
        if archives.is_empty() {
            return Err(CatalogError::Empty);
        }
        let names = names_and_aliases(&archives)?;
        refuse_files_that_are_folders(names)?;
        Ok(Self::indexed(archives))
    }

    /// Makes the indices over archives that are known to be good.
    fn indexed(archives: Vec<Archive>) -> Self {
        let mut catalog = Self {
            by_name: HashMap::with_capacity(archives.len()),
            by_alias: HashMap::new(),
            by_md5: HashMap::with_capacity(archives.len()),
            archives,
            file: None,
        };
        for (index, archive) in catalog.archives.iter().enumerate() {
            catalog.by_name.insert(archive.name.clone(), index);
            catalog.by_md5.entry(archive.md5).or_insert(index);
            if let Some(alias) = &archive.alias {
                catalog.by_alias.insert(alias.clone(), index);
            }
        }
        catalog
    }

    /// The archives, in order. Never empty; names differ.
    pub fn archives(&self) -> &[Archive] {
        &self.archives
    }

    /// Whether it says the same of the archive's content: its MD5 and its size.
    pub(crate) fn has_as_it_is(&self, archive: &Archive) -> bool {
        let known = self.by_md5(&archive.md5).and_then(|index| self.archives.get(index));
        known.is_some_and(|known| known.size == archive.size)
    }

    /// A catalogue of the archives with these indices, in this order; an index of none is left out.
    #[must_use]
    pub fn only(&self, indices: &[usize]) -> Self {
        let archives = indices.iter().filter_map(|&index| self.archives.get(index));
        Self { file: self.file.clone(), ..Self::indexed(archives.cloned().collect()) }
    }

    /// The same catalogue, read from this file.
    #[must_use]
    pub fn read_from(self, file: PathBuf) -> Self {
        Self { file: Some(file), ..self }
    }

    /// The file that the table was read from, if any.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The index of the archive of this name.
    pub fn by_name(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The index of the archive that has this as its other name.
    pub fn by_alias(&self, alias: &str) -> Option<usize> {
        self.by_alias.get(alias).copied()
    }

    /// The index of the first archive that has this MD5.
    pub fn by_md5(&self, md5: &Digest) -> Option<usize> {
        self.by_md5.get(md5).copied()
    }
}

/// Every name and alias with the index of its archive, sorted by name; each checked by itself and
/// against being there twice.
fn names_and_aliases(archives: &[Archive]) -> Result<Vec<(&str, usize)>, CatalogError> {
    let mut seen = HashMap::with_capacity(archives.len());
    for (position, archive) in archives.iter().enumerate() {
        for name in [Some(&archive.name), archive.alias.as_ref()].into_iter().flatten() {
            name::check(name).map_err(|error| CatalogError::Name {
                position,
                name: name.clone(),
                error,
            })?;
            if let Some(earlier) = seen.insert(name.as_str(), position) {
                return Err(CatalogError::Repeated { position, earlier, name: name.clone() });
            }
        }
    }
    Ok(seen.into_iter().collect())
}

/// `a` and `a/b` cannot both be files.
fn refuse_files_that_are_folders(mut names: Vec<(&str, usize)>) -> Result<(), CatalogError> {
    names.sort_unstable_by(|(a, _), (b, _)| folder_order(a).cmp(folder_order(b)));
    for pair in names.windows(2) {
        let [(name, _), (inside, position)] = pair else { continue };
        if inside.strip_prefix(name).is_some_and(|rest| rest.starts_with('/')) {
            return Err(CatalogError::Folder {
                position: *position,
                name: (*name).to_owned(),
                inside: (*inside).to_owned(),
            });
        }
    }
    Ok(())
}

/// With `/` before every other byte, what lies in a folder follows the folder's name at once.
fn folder_order(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().map(|byte| if byte == b'/' { 0 } else { byte })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(name: &str, alias: Option<&str>) -> Archive {
        Archive {
            name: name.to_owned(),
            md5: "d41d8cd98f00b204e9800998ecf8427e".parse().unwrap(),
            sha256: None,
            size: None,
            address: None,
            alias: alias.map(str::to_owned),
        }
    }

    fn refused(names: &[(&str, Option<&str>)]) -> CatalogError {
        let archives = names.iter().map(|(name, alias)| archive(name, *alias)).collect();
        Catalog::new(archives).unwrap_err()
    }

    #[test]
    fn an_archive_is_found_by_its_name_its_alias_and_its_md5() {
        let mut second = archive("b", Some("c"));
        second.md5 = "fe8ed0a6961412fddcbb3603c11b3698".parse().unwrap();
        let catalog = Catalog::new(vec![archive("a", None), second.clone()]).unwrap();
        assert_eq!(catalog.by_name("b"), Some(1));
        assert_eq!(catalog.by_name("c"), None);
        assert_eq!(catalog.by_alias("c"), Some(1));
        assert_eq!(catalog.by_alias("b"), None);
        assert_eq!(catalog.by_md5(&second.md5), Some(1));
        assert_eq!(catalog.by_md5(&Digest::new([0; 16])), None);
    }

    #[test]
    fn of_two_archives_with_one_md5_the_first_is_found() {
        let catalog = Catalog::new(vec![archive("a", None), archive("b", None)]).unwrap();
        assert_eq!(catalog.by_md5(&catalog.archives()[1].md5), Some(0));
    }

    #[test]
    fn nothing_is_no_catalogue() {
        assert_eq!(refused(&[]), CatalogError::Empty);
    }

    #[test]
    fn a_name_stands_once_be_it_as_an_alias() {
        for names in [
            [("a", None), ("a", None)],
            [("a", Some("b")), ("b", None)],
            [("a", Some("c")), ("b", Some("c"))],
        ] {
            let error = refused(&names);
            assert!(
                matches!(error, CatalogError::Repeated { position: 1, earlier: 0, .. }),
                "{error:?}"
            );
        }
    }

    #[test]
    fn a_file_is_no_folder() {
        // `a!` and `a-x` come before `a/b` in the order of bytes.
        let names = [("a/b/c", None), ("a!", None), ("a-x", None), ("x", None), ("a", None)];
        let error = refused(&names);
        assert_eq!(error.position(), Some(0), "{error:?}");
        assert_eq!(error.to_string(), "`a` would be a file, and a folder for `a/b/c` too");
        let fine = ["a/b", "a/c", "ab", "b/a"].map(|name| archive(name, None));
        Catalog::new(fine.to_vec()).unwrap();
    }
}
