//! The options of `fetch`, and the request that they become.

use std::ffi::OsString;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{BoolishValueParser, OsStringValueParser, TypedValueParser};
use cxr::catalog::{Catalog, ImageSet, SelectError};
use cxr::fetch::{FetchRequest, USUAL_WITH_DELETION};
use cxr::source::SourceSpec;
use cxr::text::command_line::CommandLine;
use cxr::text::escape;

use super::environment;
use super::habits;
use super::headings::{FROM_AND_TO, LIMITS, WHAT};
use super::image_target::ImageTarget;
use super::network::NetworkArguments;
use super::report_options::ReportOptions;
use super::selection::SelectionOptions;
use super::value_parsers::{self, Sources};

/// The archives at a time: few if they are deleted.
const TWELVE: NonZeroUsize = NonZeroUsize::new(12).unwrap();
const THREE: NonZeroUsize = NonZeroUsize::new(USUAL_WITH_DELETION).unwrap();

/// The options of `fetch`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Fetch {
    /// Folder for the archives
    ///
    /// cxr creates the folder if it does not exist. Partial downloads stay in DIR/.cxr/.
    #[arg(short, long, default_value = ".", value_name = "DIR", help_heading = FROM_AND_TO)]
    pub(crate) dir: PathBuf,
    /// Address of a mirror, or a folder; repeat for several
    ///
    /// A source is an http:// or https:// address to which cxr adds /NAME, an address with {name}
    /// in it, a bucket such as s3://BUCKET/PREFIX, or a local folder. cxr asks several sources in
    /// the order given. Without --from, cxr uses the addresses in the table; those of the built-in
    /// table are NIH's.
    #[arg(long, value_name = "SOURCE", help_heading = FROM_AND_TO, value_parser = OsStringValueParser::new().try_map(|typed| value_parsers::sources(&typed)))]
    from: Vec<Sources>,
    /// Archives, such as 3, 1-4 or images_009 [default: all]
    ///
    /// images_003.tar.gz, images_003, 003 and 3 are the same archive. Ranges and lists are 1-4 and
    /// 1,3,7-9.
    #[arg(value_name = "ARCHIVE", help_heading = WHAT, display_order = 0)]
    archives: Vec<String>,
    #[command(flatten)]
    selection: SelectionOptions,
    /// Show what would be fetched; change nothing
    ///
    /// The exit status is 1 if something would be fetched.
    #[arg(long, value_parser = BoolishValueParser::new(), help_heading = WHAT)]
    pub(crate) dry_run: bool,
    /// Wait while another cxr uses the folder
    #[arg(long, value_parser = BoolishValueParser::new(), help_heading = WHAT, hide_short_help = true)]
    wait: bool,
    /// Read verified archives again
    ///
    /// By default, cxr does not read an archive again that it verified before and that has not
    /// changed since.
    #[arg(long, value_parser = BoolishValueParser::new(), help_heading = WHAT, hide_short_help = true)]
    recheck: bool,
    /// Keep files that fail their MD5, in DIR/.cxr/corrupt/
    #[arg(long, value_parser = BoolishValueParser::new(), help_heading = WHAT, hide_short_help = true)]
    keep_corrupt: bool,
    /// Stop all downloads when one archive fails
    ///
    /// Partial downloads stay. The same command resumes them.
    #[arg(long, value_parser = BoolishValueParser::new(), help_heading = WHAT, hide_short_help = true)]
    fail_fast: bool,
    /// Extract the images of each verified archive
    #[arg(long, value_parser = BoolishValueParser::new(), help_heading = WHAT)]
    extract: bool,
    /// With --extract: delete each archive after its images are extracted
    ///
    /// A record in DIR/.cxr/ keeps fetch from downloading the archive again while its images are
    /// there.
    #[arg(long, value_parser = BoolishValueParser::new(), help_heading = WHAT, requires = "extract", hide_short_help = true)]
    delete_archives: bool,
    #[command(flatten)]
    target: ImageTarget,
    #[command(flatten)]
    network: NetworkArguments,
    /// Archives at a time, 1 to 64 [default: 12]
    ///
    /// With --delete-archives, the default is 3, so that the disk holds few archives.
    #[arg(short, long, value_name = "N", value_parser = value_parsers::count, help_heading = LIMITS, display_order = 0)]
    jobs: Option<NonZeroUsize>,
    /// Connections in total, 1 to 64
    ///
    /// A connection that becomes free helps with the archives that are still in progress.
    #[arg(short, long, default_value = "12", value_name = "N", value_parser = value_parsers::count, help_heading = LIMITS, display_order = 1)]
    connections: NonZeroUsize,
    /// Bytes per request
    #[arg(long, hide = true, default_value = "32M", value_name = "SIZE", value_parser = value_parsers::rate)]
    chunk: NonZeroU64,
    #[command(flatten)]
    pub(crate) reports: ReportOptions,
}

impl Fetch {
    /// Builds the request over this catalog.
    ///
    /// # Errors
    ///
    /// [`FetchUsageError`] if there is nothing that could be fetched.
    pub(crate) fn request(
        self,
        catalog: Catalog,
        typed: &CommandLine,
        arguments: &[OsString],
    ) -> Result<FetchRequest, FetchUsageError> {
        let (selected, images) =
            select_with_images(&catalog, &self.archives, &self.selection, arguments)?;
        let sources = value_parsers::or_publisher(self.from);
        let mut archives = selected.iter().filter_map(|&index| catalog.archives().get(index));
        if !self.dry_run
            && let Some(folder) = missing_folder(&sources)
            && !archives.any(|archive| self.dir.join(&archive.name).exists())
        {
            return Err(FetchUsageError::NoFolder(folder.to_owned()));
        }
        Ok(FetchRequest {
            selected,
            images,
            catalog,
            dir: self.dir,
            sources,
            jobs: self.jobs.unwrap_or(if self.delete_archives { THREE } else { TWELVE }),
            extract: self.target.options(self.extract, self.delete_archives),
            connections: self.connections,
            network: self.network.options(),
            recheck: self.recheck,
            keep_corrupt: self.keep_corrupt,
            wait: self.wait,
            fail_fast: self.fail_fast,
            dry_run: self.dry_run,
            chunk: self.chunk,
            lanes: environment::lanes(),
            command_line: typed.clone(),
        })
    }
}

/// Returns the indices of the archives that the words select.
fn select(
    catalog: &Catalog,
    words: &[String],
    arguments: &[OsString],
) -> Result<Vec<usize>, FetchUsageError> {
    catalog.select(words).map_err(|error| {
        let unknown = words.iter().find(|word| catalog.select(&[word]).is_err());
        let tip = unknown.and_then(|word| habits::archive(word, arguments));
        let tip = tip.map_or_else(String::new, |tip| format!("; {tip}"));
        FetchUsageError::Select(error, tip)
    })
}

/// Returns the indices of the archives that the words select and that contain a selected image, and the
/// selected images if not all are.
pub(super) fn select_with_images(
    catalog: &Catalog,
    words: &[String],
    selection: &SelectionOptions,
    arguments: &[OsString],
) -> Result<(Vec<usize>, Option<ImageSet>), FetchUsageError> {
    let mut selected = select(catalog, words, arguments)?;
    let images = selection.images().map_err(FetchUsageError::Images)?;
    if let Some(images) = &images {
        let needed = SelectionOptions::archives(images, catalog);
        let needed = needed.map_err(FetchUsageError::Images)?;
        selected.retain(|archive| needed.contains(archive));
        if selected.is_empty() {
            return Err(FetchUsageError::OtherArchives(catalog.list(&needed)));
        }
    }
    Ok((selected, images))
}

/// Returns the first source if none of them exists: all are folders, and missing.
fn missing_folder(sources: &[SourceSpec]) -> Option<&Path> {
    let is_missing = |source: &SourceSpec| source.folder().is_some_and(|folder| !folder.exists());
    sources.iter().all(is_missing).then(|| sources.first()?.folder())?
}

/// A command line with which nothing can be fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchUsageError {
    /// A word selects no archive. The text is a tip, or empty.
    #[error("{0}{1}")]
    Select(SelectError, String),
    /// The options that select images are wrong.
    #[error("{0}")]
    Images(String),
    /// The archives that were named have no selected image. These have some.
    #[error(
        "none of the archives that were named contains a selected image; name these, or none: {0}"
    )]
    OtherArchives(String),
    /// No source exists.
    #[error(
        "--from {folder}: no such folder, so nothing can be fetched; check the name, and that it is \
         mounted",
        folder = escape::path(.0)
    )]
    NoFolder(PathBuf),
}
