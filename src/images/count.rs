//! Counts the images of a tree, without reading them.

use std::path::Path;

use super::expected::ExpectedImages;
use super::walk::TreeWalk;
use crate::catalog::Catalog;

/// Returns for each archive the number of its images that have a file in the tree, and the number of
/// all its images; nothing if the table says of no archive which these are.
pub(crate) fn count(tree: &Path, catalog: &Catalog) -> Vec<(usize, usize)> {
    let all: Vec<usize> = (0..catalog.archives().len()).collect();
    let Some(expected) = ExpectedImages::new(catalog, &all, None, None) else {
        return Vec::new();
    };
    let mut found: Vec<Vec<bool>> =
        expected.archives.iter().map(|of| vec![false; of.places()]).collect();
    for place in TreeWalk::new(tree, &expected).flat_map(|image| image.places) {
        let of = found.get_mut(place.archive);
        if let Some(place) = of.and_then(|of| of.get_mut(place.position)) {
            *place = true;
        }
    }
    found.iter().map(|of| (of.iter().filter(|&&found| found).count(), of.len())).collect()
}
