//! The options that select images, and the set that they select.

use std::fmt::Display;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use cxr::catalog::{Catalog, ImageSet};
use cxr::labels::{Finding, MAX_NAMES_BYTES, Patients, Selection, Split, View, read_names};

use super::headings::IMAGES;
use super::option_file::{option_file, read_option_file};

/// The options that select images.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SelectionOptions {
    /// Only images of NIH's part train_val or test
    #[arg(long, help_heading = IMAGES, value_name = "PART", ignore_case = true, value_parser = one_of(&[Split::TrainVal, Split::Test], |split| split.word()), hide_possible_values = true)]
    split: Option<Split>,
    /// Only images with this label; repeat for several
    ///
    /// The labels are Atelectasis, Cardiomegaly, Effusion, Infiltration, Mass, Nodule, Pneumonia,
    /// Pneumothorax, Consolidation, Edema, Emphysema, Fibrosis, Pleural_Thickening, Hernia and
    /// no_finding. With several, an image needs one of them. Commas work too: Mass,Nodule.
    #[arg(long, help_heading = IMAGES, value_name = "LABEL", ignore_case = true, value_delimiter = ',', value_parser = one_of(&Finding::ALL, Finding::word), hide_possible_values = true)]
    label: Vec<Finding>,
    /// Only images of this view: PA or AP
    ///
    /// The rays come from the back (PA) or from the front (AP).
    #[arg(long, help_heading = IMAGES, value_name = "VIEW", ignore_case = true, value_parser = one_of(&[View::Pa, View::Ap], |view| view.word()), hide_possible_values = true)]
    view: Option<View>,
    /// Only images of these patients, as 1-100,250
    #[arg(long, help_heading = IMAGES, value_name = "PATIENTS", value_parser = patients)]
    patient: Vec<PatientList>,
    /// Only images that a file names; - is standard input
    ///
    /// A line is a name, a path that ends in one, a name with numbers behind it, or a row of a csv
    /// with a name in one of its cells.
    #[arg(long, help_heading = IMAGES, value_name = "FILE")]
    names: Option<PathBuf>,
}

/// The patients of one `--patient`.
#[derive(Debug, Clone)]
struct PatientList(Vec<Patients>);

fn patients(typed: &str) -> Result<PatientList, String> {
    Patients::parse(typed).map(PatientList).map_err(|error| error.to_string())
}

/// A parser of the words of these values, which also accepts their other spellings.
fn one_of<T: Copy + Send + Sync + 'static>(
    values: &'static [T],
    word: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let spelled = |text: &str, from, to| text.replace(from, to);
    let possible = move |value: &T| {
        let word = word(*value);
        let others = [spelled(word, "_", " "), spelled(word, "_", "-"), spelled(word, "_", "")];
        PossibleValue::new(word).aliases(others.into_iter().filter(move |other| other != word))
    };
    let parser = PossibleValuesParser::new(values.iter().map(possible));
    parser.try_map(move |typed| {
        let is_typed = |value: &&T| possible(value).matches(&typed, true);
        values.iter().find(is_typed).copied().ok_or("unknown value")
    })
}

impl SelectionOptions {
    /// Returns the selected images, or `None` if no option selects any. Reads the list of `--names`.
    ///
    /// # Errors
    ///
    /// Fails if the list cannot be read, or if no image is selected.
    pub(crate) fn images(&self) -> Result<Option<ImageSet>, String> {
        let selection = self.selection()?;
        if selection.is_everything() {
            return Ok(None);
        }
        let images = selection.images();
        if images.is_empty() {
            return Err(
                "no image matches all of the options --split, --label, --view, --patient and \
                        --names that were given"
                    .to_owned(),
            );
        }
        Ok(Some(images))
    }

    /// Returns true if no option selects anything.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { split, label, view, patient, names } = self;
        split.is_none()
            && view.is_none()
            && names.is_none()
            && label.is_empty()
            && patient.is_empty()
    }

    fn selection(&self) -> Result<Selection, String> {
        Ok(Selection {
            split: self.split,
            labels: self.label.clone(),
            view: self.view,
            patients: self.patient.iter().flat_map(|list| list.0.iter().copied()).collect(),
            names: self.names().transpose()?,
        })
    }

    fn names(&self) -> Option<Result<ImageSet, String>> {
        let path = self.names.as_ref()?;
        let failed = |error: &dyn Display| format!("{}: {error}", option_file("names", path));
        let bytes = read_option_file(path, MAX_NAMES_BYTES).map_err(|error| failed(&error));
        Some(bytes.and_then(|bytes| read_names(&bytes).map_err(|error| failed(&error))))
    }

    /// Returns the indices of the archives of the catalog that contain selected images.
    ///
    /// # Errors
    ///
    /// Fails if the table has none of them.
    pub(crate) fn archives(images: &ImageSet, catalog: &Catalog) -> Result<Vec<usize>, String> {
        let archives = catalog.archives_with(images);
        if archives.is_empty() {
            return Err(
                "the table of --checksums has no archive of NIH ChestX-ray14 that contains \
                        selected images; --split, --label, --view, --patient and --names select \
                        images of NIH ChestX-ray14"
                    .to_owned(),
            );
        }
        Ok(archives)
    }
}
