//! Extracted images: where they lie, the record of their bytes, and their check.

mod count;
pub(crate) mod deleted;
mod expected;
mod file_check;
#[cfg(any(test, feature = "fuzzing"))]
#[path = "../../fuzz/invariants/images.rs"]
pub(crate) mod fuzz;
mod layout;
pub mod manifest;
mod next_step;
pub(crate) mod record;
mod tally;
mod verify_tree;
mod walk;

pub(crate) use self::count::count;
pub(crate) use self::layout::is_image_folder;
pub use self::layout::{Layout, LayoutPlace, is_plain_name};
pub use self::verify_tree::{ImagesError, verify_images};

use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::catalog::{Catalog, ImageSet};
use crate::text::command_line::CommandLine;

/// A request to check extracted images.
#[derive(Debug, Clone)]
pub struct ImagesRequest {
    /// The archives from which the images come.
    pub catalog: Catalog,
    /// The indices of the archives whose images should be there.
    pub selected: Vec<usize>,
    /// The images of NIH that should be there; `None`: all of these archives.
    pub images: Option<ImageSet>,
    /// The folder of the images, in any layout.
    pub tree: PathBuf,
    /// An `images.tsv` to compare with; `None`: that of the tree, if there is one.
    pub compare: Option<PathBuf>,
    /// The folder of the archives, for the commands that the report suggests; `None`: the tree.
    pub archives: Option<PathBuf>,
    /// The number of files that are read at a time; `None`: as many as suit machine and disk.
    pub readers: Option<NonZeroUsize>,
    /// The command line that asks for this.
    pub command_line: CommandLine,
}
