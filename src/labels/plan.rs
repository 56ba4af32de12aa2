//! The request for labels, and the contents of `metadata.csv` that follow from it.

use std::path::PathBuf;

use serde::Serialize;

use super::metadata::Metadata;
use super::parts::{Parts, Validation};
use super::records::record;
use crate::catalog::ImageSet;
use crate::images::Layout;
use crate::text::units;

/// The files to write.
#[derive(Debug, Clone)]
pub struct LabelsRequest {
    /// The folder. It is created if it does not exist.
    pub dir: PathBuf,
    /// The images of `metadata.csv` and of the lists; `None`: those of a `metadata.csv` that cxr wrote
    /// before, or else all.
    pub images: Option<ImageSet>,
    /// A part for validation; `None`: none, or if `images` is `None` too, that of an earlier
    /// `metadata.csv`.
    pub validation: Option<Validation>,
    /// The folders of the images; `None`: those of an earlier `metadata.csv`, or else `images/`.
    pub layout: Option<Layout>,
    /// Also write lists with labels, in a folder `chexnet`.
    pub chexnet: bool,
}

/// A request that cannot be met. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum LabelsError {
    /// A part would have no image.
    #[error(
        "--val {fraction} --seed {seed} leaves no image for the part {empty}: of the {all}, \
         {train} would be train and {val} val; nothing was written; choose another --val or --seed, or \
         more images",
        all = units::count(*.images, "image")
    )]
    EmptyPart {
        /// The proportion.
        fraction: f64,
        /// The number that chooses the patients.
        seed: u64,
        /// The part.
        empty: &'static str,
        /// The number of selected images.
        images: usize,
        /// Those for training.
        train: usize,
        /// Those for validation.
        val: usize,
    },
}

/// The images in a part.
#[derive(Debug, Serialize)]
pub(super) struct PartCount {
    pub(super) part: &'static str,
    pub(super) images: usize,
}

/// Returns the contents of `metadata.csv`, given those of an earlier one that cxr wrote.
pub(super) fn plan(
    request: &LabelsRequest,
    earlier: Option<&Metadata>,
) -> Result<Metadata, LabelsError> {
    let LabelsRequest { images, validation, layout, .. } = request;
    let is_chosen = images.is_some();
    let earlier_parts = earlier.filter(|_| !is_chosen).map(|earlier| earlier.parts.clone());
    let parts = match validation {
        Some(validation) => Parts { validation: Some(validation.images()) },
        None => earlier_parts.unwrap_or_default(),
    };
    let images = images.clone().or_else(|| Some(earlier?.images.clone()));
    let layout = layout.or_else(|| Some(earlier?.layout));
    let metadata = Metadata {
        images: images.unwrap_or_else(ImageSet::all),
        parts,
        layout: layout.unwrap_or_default(),
    };
    // The images of an earlier run may be few: a job that comes later does not fail because of them.
    let are_wanted = is_chosen || earlier.is_none();
    if let Some(Validation { fraction, seed }) = validation.filter(|_| are_wanted) {
        let counts = count_parts(&metadata);
        let [train, val] = ["train", "val"]
            .map(|part| counts.iter().find(|it| it.part == part).map_or(0, |it| it.images));
        if train == 0 || val == 0 {
            let (images, empty) = (metadata.images.len(), if val == 0 { "val" } else { "train" });
            return Err(LabelsError::EmptyPart { fraction, seed, empty, images, train, val });
        }
    }
    Ok(metadata)
}

/// Counts the images in each part.
pub(super) fn count_parts(metadata: &Metadata) -> Vec<PartCount> {
    let mut counts: Vec<PartCount> =
        metadata.parts.words().iter().map(|part| PartCount { part, images: 0 }).collect();
    for place in metadata.images.iter() {
        let Some(record) = record(place) else { continue };
        let word = metadata.parts.word(place, record.split);
        counts.iter_mut().filter(|count| count.part == word).for_each(|count| count.images += 1);
    }
    counts
}
