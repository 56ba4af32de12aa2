//! Brings `metadata.csv` up to date: the split and the labels of the images that are there.

use std::collections::HashMap;

use crate::catalog::inventory::{ARCHIVES, Inventory, archive_of, place_of};
use crate::catalog::{Catalog, ImageSet};
use crate::disk::{DiskError, Folder, Found, Subfolder, crash_point};
use crate::images::Layout;
use crate::images::manifest::Manifest;
use crate::labels::{MAX_METADATA_BYTES, METADATA_NAME, Metadata, Parts};
use crate::text::escape;

/// A folder of images, and the record of those in it.
pub(super) struct ExtractedTree<'a> {
    pub(super) folder: &'a Folder,
    pub(super) layout: Layout,
    pub(super) catalog: &'a Catalog,
    pub(super) manifest: &'a Manifest,
}

impl ExtractedTree<'_> {
    /// Writes the file, or replaces it if cxr wrote every byte of it. Returns the reason if it is left.
    pub(super) fn write_labels(&self) -> Result<Option<String>, DiskError> {
        let Self { folder, layout, .. } = *self;
        let images = self.images(layout);
        if images.is_empty() {
            return Ok(None);
        }
        let (entry, draft) = (folder.file(METADATA_NAME), folder.own_entry("metadata.csv.new"));
        let left = |why: &str| {
            Ok(Some(format!("{} {why}, and cxr left it unchanged", escape::path(entry.path()))))
        };
        let found = entry.look().map_err(DiskError::new(entry.path(), "read"))?;
        let metadata = Metadata { images, parts: Parts::default(), layout };
        let own = match found {
            Some(Found::Other(what)) => return left(&format!("is {what}")),
            Some(Found::File(_)) => {
                entry.read(MAX_METADATA_BYTES).ok().and_then(|bytes| Metadata::read_own(&bytes))
            }
            None if entry.write_new(&draft, &metadata.to_csv())? => {
                crash_point("labels-written");
                return Ok(None);
            }
            None => None,
        };
        match own {
            None => return left("is not a file that cxr wrote"),
            Some(own) if own == metadata => return Ok(None),
            Some(Metadata { images, parts, .. }) if parts.validation.is_some() => {
                if images == metadata.images {
                    return Ok(None);
                }
                return left("has a part for validation, and lists other images");
            }
            Some(own) if own.layout != layout && !self.images(own.layout).is_empty() => {
                return left(&format!("lists images of the layout {}", own.layout.word()));
            }
            Some(_) => entry.replace_through(&draft, &metadata.to_csv())?,
        }
        crash_point("labels-written");
        Ok(None)
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
