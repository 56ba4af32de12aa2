//! The options of `labels`, and the request that they become.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use cxr::labels::{LabelsRequest, Validation};

use super::headings::FROM_AND_TO;
use super::image_target::LayoutName;
use super::selection::SelectionOptions;

const LISTS: &str = "Lists";

/// The options of `labels`.
#[derive(Debug, Args)]
pub(crate) struct Labels {
    /// Folder for the files
    ///
    /// cxr creates the folder if it does not exist. It replaces metadata.csv and lists that it wrote
    /// before, and no other file.
    #[arg(short, long, default_value = ".", value_name = "DIR", help_heading = FROM_AND_TO)]
    dir: PathBuf,
    /// Folders of the images, for the paths in metadata.csv
    ///
    /// By default those of a metadata.csv that cxr wrote before, or else flat.
    #[arg(long, value_name = "LAYOUT", ignore_case = true, help_heading = FROM_AND_TO, hide_short_help = true)]
    layout: Option<LayoutName>,
    #[command(flatten)]
    selection: SelectionOptions,
    /// Also write lists of names with labels, in this form
    ///
    /// Each line is the name of an image and a 0 or 1 for each of fourteen labels.
    #[arg(long, value_name = "FORM", help_heading = LISTS)]
    lists: Option<ListForm>,
    /// Proportion of train_val for validation, such as 0.125
    ///
    /// Whole patients: none is in both parts. The split column of metadata.csv is then train, val and
    /// test, and cxr also writes train_list.txt and val_list.txt. The same seed gives the same parts
    /// on every machine, and the options that select images do not change them.
    #[arg(long, value_name = "FRACTION", value_parser = fraction, help_heading = LISTS)]
    val: Option<f64>,
    /// Number that chooses the patients
    #[arg(long, value_name = "N", default_value_t = 0, requires = "val", help_heading = LISTS)]
    seed: u64,
}

/// The form of a list of names with labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ListForm {
    /// `NAME 0 0 1 …`: fourteen labels in NIH's order, in a folder chexnet
    Chexnet,
}

fn fraction(typed: &str) -> Result<f64, &'static str> {
    let fraction = typed.parse::<f64>().ok();
    fraction
        .filter(|fraction| *fraction > 0.0 && *fraction < 1.0)
        .ok_or("expected a number between 0 and 1, such as 0.125")
}

impl Labels {
    /// Builds the request.
    ///
    /// # Errors
    ///
    /// Fails if no image is selected, or the list of `--names` cannot be read.
    pub(crate) fn request(self) -> Result<LabelsRequest, String> {
        Ok(LabelsRequest {
            dir: self.dir,
            images: self.selection.images()?,
            validation: self.val.map(|fraction| Validation { fraction, seed: self.seed }),
            layout: self.layout.map(Into::into),
            chexnet: self.lists == Some(ListForm::Chexnet),
        })
    }
}
