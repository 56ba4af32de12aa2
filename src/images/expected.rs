//! The images that a tree should hold: those of the built-in inventory, or the rows of an
//! `images.tsv`.

use std::collections::{HashMap, HashSet};

use super::layout::archive_folder;
use super::manifest::Manifest;
use super::record;
use crate::catalog::{Archive, Catalog, ImageSet, Inventory};
use crate::disk::Folder;

/// The images of all archives of a table.
#[derive(Debug)]
pub(super) struct ExpectedImages<'a> {
    pub(super) archives: Vec<ExpectedArchive<'a>>,
}

/// The images of one archive.
#[derive(Debug)]
pub(super) struct ExpectedArchive<'a> {
    pub(super) archive: &'a Archive,
    pub(super) is_selected: bool,
    /// It was extracted, and contains no file.
    pub(super) is_empty: bool,
    names: ImageNames<'a>,
}

#[derive(Debug)]
enum ImageNames<'a> {
    /// Those of NIH, all or some.
    Nih(Inventory, Option<&'a ImageSet>),
    /// Those of a record, by their names and in order.
    Recorded(HashMap<&'a str, usize>, Vec<&'a str>),
}

/// The place of an image: the indices of its archive and of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ImagePlace {
    pub(super) archive: usize,
    pub(super) position: usize,
}

impl<'a> ExpectedImages<'a> {
    /// Returns the images of the archives with these indices, `None` if nothing says which they are.
    pub(super) fn new(
        catalog: &'a Catalog,
        selected: &[usize],
        images: Option<&'a ImageSet>,
        manifest: Option<&'a Manifest>,
    ) -> Option<Self> {
        let mut recorded: HashMap<&str, Vec<&str>> = HashMap::new();
        for (name, archive, _) in manifest.into_iter().flat_map(Manifest::rows) {
            recorded.entry(archive).or_default().push(name);
        }
        let inventory = |archive: &Archive| Inventory::of(archive.md5(), archive.sha256());
        if manifest.is_none()
            && !catalog.archives().iter().any(|archive| inventory(archive).is_some())
        {
            return None;
        }
        let selected: HashSet<usize> = selected.iter().copied().collect();
        let archive = |(index, archive): (usize, &'a Archive)| {
            let names = if let Some(inventory) = inventory(archive) {
                ImageNames::Nih(inventory, images)
            } else {
                let names = recorded.remove(&*archive.name).unwrap_or_default();
                ImageNames::Recorded(names.iter().copied().zip(0..).collect(), names)
            };
            let is_selected = selected.contains(&index);
            ExpectedArchive { archive, is_selected, is_empty: false, names }
        };
        let archives: Vec<_> = catalog.archives().iter().enumerate().map(archive).collect();
        let is_known = archives.iter().any(|archive| archive.is_selected && archive.number() > 0);
        is_known.then_some(Self { archives })
    }

    /// Takes note of the archives without a file, of which the tree has a record.
    pub(super) fn note_empty(&mut self, tree: &Folder) {
        for of in self.archives.iter_mut().filter(|of| !of.is_nih() && of.places() == 0) {
            of.is_empty = record::read(tree, of.archive).is_some_and(|files| files.is_empty());
        }
    }

    /// Returns the places of the image with this name: several archives of a table may have the same
    /// file. In the folder of one archive, an image of another has none.
    pub(super) fn places(&self, name: &str, folder_of: Option<usize>) -> Vec<ImagePlace> {
        let in_archive = |archive: usize| {
            let position = self.archives.get(archive)?.position(name)?;
            Some(ImagePlace { archive, position })
        };
        let archives = match folder_of {
            Some(archive) => archive..archive + 1,
            None => 0..self.archives.len(),
        };
        archives.filter_map(in_archive).collect()
    }

    /// Returns true if an archive has this path.
    pub(super) fn is_archive(&self, path: &str) -> bool {
        self.archives.iter().any(|expected| expected.archive.name == path)
    }

    /// Returns true if the folder of an archive lies somewhere in this one.
    pub(super) fn has_archive_in(&self, folder: &str) -> bool {
        self.archives.iter().any(|expected| {
            let inner = archive_folder(&expected.archive.name);
            let (start, rest) = inner.split_at_checked(folder.len()).unwrap_or_default();
            start.eq_ignore_ascii_case(folder) && rest.starts_with('/')
        })
    }

    /// Returns the archive whose folder has this path; some file systems ignore case.
    pub(super) fn archive_of(&self, folder: &str) -> Option<usize> {
        let has_folder = |expected: &ExpectedArchive<'_>| {
            archive_folder(&expected.archive.name).eq_ignore_ascii_case(folder)
        };
        self.archives.iter().position(has_folder)
    }
}

impl ExpectedArchive<'_> {
    /// Returns the number of places, of which some may be of images that were not selected.
    pub(super) fn places(&self) -> usize {
        match &self.names {
            ImageNames::Nih(inventory, _) => inventory.len(),
            ImageNames::Recorded(_, names) => names.len(),
        }
    }

    /// Returns the number of images that should be there.
    pub(super) fn number(&self) -> usize {
        (0..self.places()).filter(|&position| self.is_wanted(position)).count()
    }

    /// Returns true if the image is one of those that should be there.
    pub(super) fn is_wanted(&self, position: usize) -> bool {
        match &self.names {
            ImageNames::Nih(inventory, Some(images)) => {
                images.contains(inventory.places().start + position)
            }
            _ => true,
        }
    }

    /// Returns true if the images must have NIH's form.
    pub(super) fn is_nih(&self) -> bool {
        matches!(self.names, ImageNames::Nih(..))
    }

    pub(super) fn name(&self, position: usize) -> String {
        match &self.names {
            ImageNames::Nih(inventory, _) => inventory.name(position),
            ImageNames::Recorded(_, names) => {
                names.get(position).copied().unwrap_or_default().to_owned()
            }
        }
    }

    fn position(&self, name: &str) -> Option<usize> {
        match &self.names {
            ImageNames::Nih(inventory, _) => inventory.position(name),
            ImageNames::Recorded(places, _) => places.get(name).copied(),
        }
    }
}
