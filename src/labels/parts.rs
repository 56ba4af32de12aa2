//! The parts of the data set: NIH's split, and a part of `train_val` for validation.

use sha2::{Digest as _, Sha256};

use super::records::{Split, record};
use crate::catalog::ImageSet;
use crate::catalog::inventory::{PATIENTS, places_of_patient};

/// A wish for a part of NIH's `train_val` for validation, of whole patients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Validation {
    /// The proportion of the images of `train_val`, between 0 and 1.
    pub fraction: f64,
    /// The number that chooses among the possible parts.
    pub seed: u64,
}

impl Validation {
    /// Returns the images for validation. They are the same on every machine and in every version:
    /// the patients of `train_val` are sorted by the SHA-256 of the text `SEED:PATIENT`, and taken from
    /// the first on until they have the wanted number of images.
    pub fn images(&self) -> ImageSet {
        let is_train_val =
            |&place: &usize| record(place).is_some_and(|record| record.split == Split::TrainVal);
        let mut patients: Vec<_> = (1..=PATIENTS)
            .filter_map(|patient| Some((patient, places_of_patient(patient)?)))
            .filter(|(_, places)| is_train_val(&places.start))
            .map(|(patient, places)| (Sha256::digest(format!("{}:{patient}", self.seed)), places))
            .collect();
        patients.sort_unstable_by_key(|(digest, _)| *digest);
        let all: usize = patients.iter().map(|(_, places)| places.len()).sum();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a proportion of a small number"
        )]
        let wanted = (self.fraction * all as f64).round() as usize;
        let mut images = ImageSet::empty();
        let mut taken = 0;
        for (_, places) in patients {
            if taken >= wanted {
                break;
            }
            taken += places.len();
            places.for_each(|place| images.insert(place));
        }
        images
    }
}

/// The part of each image: `train_val` and `test`, or `train`, `val` and `test`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// The images for validation, if there is such a part.
    pub validation: Option<ImageSet>,
}

impl Parts {
    /// The words for the parts, in order.
    pub fn words(&self) -> &'static [&'static str] {
        match self.validation {
            None => &["train_val", "test"],
            Some(_) => &["train", "val", "test"],
        }
    }

    /// Returns the word for the part of an image that NIH assigns to this part.
    pub fn word(&self, place: usize, split: Split) -> &'static str {
        match (&self.validation, split) {
            (Some(validation), Split::TrainVal) if validation.contains(place) => "val",
            (Some(_), Split::TrainVal) => "train",
            _ => split.word(),
        }
    }
}
