//! Selects images by what NIH says of them.

use super::finding::{Finding, Findings};
use super::records::{Split, View, record};
use crate::catalog::ImageSet;
use crate::catalog::inventory::{PATIENTS, places_of_patient};
use crate::text::escape;

/// A choice of images. Every part that is given must match; none selects all images.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// The part of the data set.
    pub split: Option<Split>,
    /// The labels of which an image must have one.
    pub labels: Vec<Finding>,
    /// The position in which the images were taken.
    pub view: Option<View>,
    /// The patients.
    pub patients: Vec<Patients>,
    /// The images that a list names.
    pub names: Option<ImageSet>,
}

impl Selection {
    /// Returns true if nothing is given, so that all images are selected.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the selected images.
    pub fn images(&self) -> ImageSet {
        let mut images = self.names.clone().unwrap_or_else(ImageSet::all);
        if !self.patients.is_empty() {
            let patients = self.patients.iter().flat_map(|patients| patients.0..=patients.1);
            images.intersect(&patients.filter_map(places_of_patient).flatten().collect());
        }
        if self.split.is_none() && self.labels.is_empty() && self.view.is_none() {
            return images;
        }
        let labels: Findings = self.labels.iter().copied().collect();
        let is_selected = |place: &usize| {
            record(*place).is_some_and(|record| {
                self.split.is_none_or(|split| record.split == split)
                    && (self.labels.is_empty() || record.findings.has_any(labels))
                    && self.view.is_none_or(|view| record.view == view)
            })
        };
        images.iter().filter(is_selected).collect()
    }
}

/// Patients from the first to the last number, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patients(usize, usize);

impl Patients {
    /// Reads numbers and ranges with commas between them, such as `1-100,250`.
    ///
    /// # Errors
    ///
    /// [`PatientsError`] for the first that is not a patient.
    pub fn parse(list: &str) -> Result<Vec<Self>, PatientsError> {
        list.split(',').map(|word| Self::parse_range(word.trim())).collect()
    }

    fn parse_range(word: &str) -> Result<Self, PatientsError> {
        let number = |text: &str| {
            let text = text.trim();
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = digits.then(|| text.trim_start_matches('0').parse().ok()).flatten();
            number
                .filter(|number| (1..=PATIENTS).contains(number))
                .ok_or_else(|| PatientsError::Unknown(text.to_owned()))
        };
        let (first, last) = match word.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(word)?, number(word)?),
        };
        if last < first {
            return Err(PatientsError::Backwards(word.to_owned()));
        }
        Ok(Self(first, last))
    }
}

/// A word that selects no patient.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatientsError {
    /// The word is not the number of a patient.
    #[error(
        "`{}` is not a patient: expected numbers from 1 to {PATIENTS}, such as 7, 1-100 or 1-100,250",
        escape::brief(.0)
    )]
    Unknown(String),
    /// The end of a range comes before its start.
    #[error("the range `{}` ends before it starts", escape::brief(.0))]
    Backwards(String),
}
