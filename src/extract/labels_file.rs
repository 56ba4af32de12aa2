//! Brings `metadata.csv` up to date: the split and the labels of the images that are there.

use std::collections::HashMap;
use std::io::ErrorKind;

use crate::catalog::inventory::{ARCHIVES, Inventory, archive_of, place_of};
use crate::catalog::{Catalog, ImageSet};
use crate::disk::{DiskError, Folder, Found, Subfolder, crash_point};
use crate::images::Layout;
use crate::images::manifest::Manifest;
use crate::labels::{
    LabelsRecord, MAX_METADATA_BYTES, METADATA_NAME, Metadata, PART_LISTS, Parts, Validation,
};
use crate::text::command_line::CommandLine;
use crate::text::{escape, shell};

/// A folder of images, and the record of those in it.
pub(super) struct ExtractedTree<'a> {
    pub(super) folder: &'a Folder,
    pub(super) layout: Layout,
    pub(super) catalog: &'a Catalog,
    pub(super) manifest: &'a Manifest,
}

impl ExtractedTree<'_> {
    /// Writes the file, or replaces it if cxr wrote every byte of it. Returns the reason if it is left.
    pub(super) fn write_labels(
        &self,
        command_line: &CommandLine,
    ) -> Result<Option<String>, DiskError> {
        let Self { folder, layout, .. } = *self;
        let images = self.images(layout);
        if images.is_empty() {
            return Ok(None);
        }
        let (entry, draft) = (folder.file(METADATA_NAME), folder.own_entry("metadata.csv.new"));
        let left = |why: &str| {
            let path = escape::path(entry.path());
            let next = "for the labels of the images that are here, move it away, then run";
            Ok(Some(format!("{path} {why}, and cxr left it unchanged; {next}: {command_line}")))
        };
        let found = entry.look().map_err(DiskError::new(entry.path(), "read"))?;
        let metadata = Metadata { images, parts: Parts::default(), layout };
        let own = match found {
            Some(Found::Other(what)) => return left(&format!("is {what}")),
            Some(Found::File(_)) => match entry.read(MAX_METADATA_BYTES) {
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    return left("cannot be read");
                }
                read => read.ok().and_then(|bytes| Metadata::read_own(&bytes)),
            },
            None if entry.write_new(&draft, &metadata.to_csv())? => {
                crash_point("labels-written");
                return Ok(None);
            }
            None => None,
        };
        match own {
            None => return left("is not a file that cxr wrote"),
            Some(own) if own == metadata => return Ok(None),
            Some(own) if own.layout != layout && !self.images(own.layout).is_empty() => {
                return left(&format!("lists images of the layout {}", own.layout.word()));
            }
            Some(Metadata { parts: Parts { validation: Some(part) }, images, layout: of }) => {
                let is_same = images == metadata.images && of == layout;
                let Some(validation) = self.validation(&images, &part) else {
                    let why = "has a part for validation, of which no record is here, and lists other images";
                    return if is_same { Ok(None) } else { left(why) };
                };
                let parts = Parts { validation: Some(validation.images()) };
                let metadata = Metadata { parts, ..metadata };
                if !is_same {
                    entry.replace_through(&draft, &metadata.to_csv())?;
                    crash_point("labels-written");
                }
                return Ok(self.stale_lists(&metadata, validation));
            }
            Some(_) => entry.replace_through(&draft, &metadata.to_csv())?,
        }
        crash_point("labels-written");
        Ok(None)
    }

    /// Returns the request for the part for validation, given the images of a `metadata.csv` and those of
    /// the part; `None` if there is no record of it.
    fn validation(&self, images: &ImageSet, part: &ImageSet) -> Option<Validation> {
        let validation = LabelsRecord::read(self.folder).validation()?;
        let mut expected = validation.images();
        expected.intersect(images);
        (expected == *part).then_some(validation)
    }

    /// Returns a message if the lists of the parts have other images than `metadata.csv`.
    fn stale_lists(&self, metadata: &Metadata, validation: Validation) -> Option<String> {
        let is_stale = |name: &&&str| {
            let part = name.trim_end_matches("_list.txt");
            let found = self.folder.file(name).read(MAX_METADATA_BYTES);
            found.is_ok_and(|found| found != metadata.names(part))
        };
        let stale: Vec<&str> = PART_LISTS.iter().filter(is_stale).copied().collect();
        let Validation { fraction, seed } = validation;
        let dir = shell::path(self.folder.dir());
        (!stale.is_empty()).then(|| {
            format!(
                "{} in {} have other images than metadata.csv; to write them again, run: cxr labels -d {dir} \
                 --val {fraction} --seed {seed}",
                stale.join(" and "),
                escape::path(self.folder.dir())
            )
        })
    }

    /// Returns NIH's images that were extracted and are there with their sizes, in NIH's folders.
    fn images(&self, layout: Layout) -> ImageSet {
        let archives = self.catalog.archives().iter();
        let inventories: HashMap<&str, Inventory> = archives
            .filter_map(|it| Some((&*it.name, Inventory::of(it.md5(), it.sha256())?)))
            .collect();
        let folder = |number| layout.folder(&format!("images_{number:03}.tar.gz"));
        let folders: Vec<Subfolder> =
            (1..=ARCHIVES).map(|number| self.folder.subfolder(&folder(number))).collect();
        let rows = self.manifest.rows().filter_map(|(name, of, row)| {
            let place = place_of(name)?;
            inventories.get(of)?.position(name)?;
            let found = folders.get(archive_of(place))?.entry(name).look().ok()??;
            matches!(found, Found::File(size) if size == row.bytes).then_some(place)
        });
        rows.collect()
    }
}
