//! The options of `extract`, and the request that they become.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;
use cxr::catalog::Catalog;
use cxr::extract::ExtractRequest;
use cxr::text::command_line::CommandLine;

use super::environment;
use super::fetch::{FetchUsageError, select_with_images};
use super::headings::{FROM_AND_TO, LIMITS, WHAT};
use super::image_target::ImageTarget;
use super::report_options::ReportOptions;
use super::selection::SelectionOptions;
use super::value_parsers;

/// The options of `extract`.
#[derive(Debug, Args)]
pub(crate) struct Extract {
    /// Folder of the archives
    #[arg(short, long, default_value = ".", value_name = "DIR", help_heading = FROM_AND_TO)]
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    target: ImageTarget,
    /// Archives, such as 3, 1-4 or images_009 [default: all]
    ///
    /// images_003.tar.gz, images_003, 003 and 3 are the same archive. Ranges and lists are 1-4 and
    /// 1,3,7-9.
    #[arg(value_name = "ARCHIVE", help_heading = WHAT, display_order = 0)]
    archives: Vec<String>,
    #[command(flatten)]
    selection: SelectionOptions,
    /// Read archives again that were extracted before
    ///
    /// By default, cxr does not read an archive again whose images are all there with their sizes.
    /// With --recheck it reads the archive, compares every image, and replaces damaged ones.
    #[arg(long, value_parser = BoolishValueParser::new(), help_heading = WHAT)]
    recheck: bool,
    /// Wait while another cxr uses the folder of the images
    #[arg(long, value_parser = BoolishValueParser::new(), help_heading = WHAT)]
    wait: bool,
    /// Archives at a time, 1 to 64
    ///
    /// By default, cxr extracts as many as there are processors, at least 8 and at most 12, and one
    /// from a spinning disk (HDD).
    #[arg(short, long, value_name = "N", value_parser = value_parsers::count, help_heading = LIMITS)]
    jobs: Option<NonZeroUsize>,
    #[command(flatten)]
    pub(crate) reports: ReportOptions,
}

impl Extract {
    /// Builds the request over this catalog.
    ///
    /// # Errors
    ///
    /// [`FetchUsageError`] if a word selects no archive.
    pub(crate) fn request(
        self,
        catalog: Catalog,
        typed: &CommandLine,
        arguments: &[OsString],
    ) -> Result<ExtractRequest, FetchUsageError> {
        let (selected, images) =
            select_with_images(&catalog, &self.archives, &self.selection, arguments)?;
        Ok(ExtractRequest {
            selected,
            images,
            layout: self.target.layout(),
            to: self.target.to,
            jobs: self.jobs,
            recheck: self.recheck,
            wait: self.wait,
            lanes: environment::lanes(),
            command_line: typed.clone(),
            ..ExtractRequest::new(catalog, self.dir)
        })
    }
}
