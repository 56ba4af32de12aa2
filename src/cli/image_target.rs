//! The options that say where extracted images go.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use cxr::fetch::ExtractOptions;
use cxr::images::Layout;

use super::headings::FROM_AND_TO;

/// The folder and the layout of the images.
#[derive(Debug, Args)]
pub(crate) struct ImageTarget {
    /// Folder for the images [default: that of the archives]
    ///
    /// cxr creates the folder if it does not exist, and writes the list images.tsv into it.
    #[arg(long, value_name = "DIR2", help_heading = FROM_AND_TO, hide_short_help = true)]
    pub(super) to: Option<PathBuf>,
    /// Folders of the images: flat, archive or kaggle
    ///
    /// flat: images/NAME. archive: images_001/NAME. kaggle: images_001/images/NAME.
    #[arg(long, default_value = "flat", value_name = "LAYOUT", ignore_case = true, help_heading = FROM_AND_TO, hide_possible_values = true, hide_short_help = true)]
    layout: LayoutName,
}

/// The name of a layout.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum LayoutName {
    /// images/NAME
    Flat,
    /// images_NNN/NAME
    Archive,
    /// images_NNN/images/NAME
    Kaggle,
}

impl From<LayoutName> for Layout {
    fn from(name: LayoutName) -> Self {
        match name {
            LayoutName::Flat => Self::Flat,
            LayoutName::Archive => Self::Archive,
            LayoutName::Kaggle => Self::Kaggle,
        }
    }
}

impl ImageTarget {
    pub(super) fn layout(&self) -> Layout {
        self.layout.into()
    }

    /// Returns the options of a fetch that extracts, if that `is_wanted`.
    pub(super) fn options(self, is_wanted: bool, delete_archives: bool) -> Option<ExtractOptions> {
        let (layout, to) = (self.layout(), self.to);
        is_wanted.then_some(ExtractOptions { to, layout, delete_archives })
    }
}
