//! The options of `verify`, and the request that they become.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use clap::builder::{BoolishValueParser, OsStringValueParser, TypedValueParser};
use cxr::catalog::{Archive, Catalog, SelectError};
use cxr::images::ImagesRequest;
use cxr::session::NetworkOptions;
use cxr::source::SourceSpec;
use cxr::text::command_line::CommandLine;
use cxr::text::escape;
use cxr::verify::{MirrorsRequest, NotesRequest, VerifyRequest};

use super::environment;
use super::fetch::{FetchUsageError, select_with_images};
use super::habits;
use super::headings::{FROM, LIMITS, OUTPUT, WHAT};
use super::network::NetworkArguments;
use super::report_options::ReportOptions;
use super::selection::SelectionOptions;
use super::value_parsers::{self, Sources};

/// The options of `verify`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Verify {
    /// Folders of archives, and files of any name [default: .]
    ///
    /// A folder must hold every archive of the table. cxr recognizes a file by its name or by its
    /// content. With --from or --images, these are the archives to check, as for `fetch`, and the
    /// default is all.
    #[arg(value_name = "PATH", help_heading = FROM, display_order = 0)]
    what: Vec<OsString>,
    /// Mirror to check: address or folder; repeat for several
    ///
    /// A mirror is an http:// or https:// address to which cxr adds /NAME, an address with {name}
    /// in it, a bucket such as s3://BUCKET/PREFIX, or a local folder. cxr reads every byte and
    /// stores nothing. The variable CXR_FROM does not apply.
    #[arg(long, value_name = "SOURCE", help_heading = FROM, value_parser = OsStringValueParser::new().try_map(|typed| value_parsers::sources(&typed)))]
    from: Vec<Sources>,
    /// Folder of extracted images to check, in any layout
    ///
    /// cxr checks every image of the folder against the list of NIH's images and decodes it. The
    /// images may lie in images/, images_NNN/, images_NNN/images/ or directly in the folder.
    #[arg(long, value_name = "TREE", help_heading = FROM, conflicts_with_all = ["from", "quick", "sha256", "resume", "since", "no_locate"])]
    images: Option<PathBuf>,
    /// With --images: images.tsv to compare with, byte for byte [default: TREE/images.tsv, if it exists]
    #[arg(long, value_name = "FILE", help_heading = FROM, requires = "images", hide_short_help = true)]
    compare: Option<PathBuf>,
    /// With --images: folder of the archives, for suggested commands [default: TREE]
    #[arg(long, value_name = "DIR", help_heading = FROM, requires = "images", hide_short_help = true)]
    archives: Option<PathBuf>,
    #[command(flatten)]
    selection: SelectionOptions,
    /// Check only presence and size; verify nothing
    ///
    /// cxr looks at names and sizes, and at the digests that a mirror reports. Of a file of another
    /// size, it reads the beginning and the end to say what it is. An archive that agrees with the
    /// table is `present`, not `ok`.
    #[arg(long, value_parser = BoolishValueParser::new(), help_heading = WHAT)]
    quick: bool,
    /// Also check the SHA-256 of each archive
    ///
    /// cxr computes both digests in one pass. The table must have a SHA-256 for each archive. An
    /// archive without an MD5 in the table is checked by its SHA-256 in any case.
    #[arg(long, value_parser = BoolishValueParser::new(), help_heading = WHAT, hide_short_help = true)]
    sha256: bool,
    /// Resume an interrupted check of folders
    ///
    /// cxr skips each archive that the interrupted check read to its end and that has not changed
    /// since. It keeps notes in the folder's .cxr/.
    #[arg(long, value_parser = BoolishValueParser::new(), help_heading = WHAT)]
    pub(crate) resume: bool,
    /// Skip archives verified within this time, such as 7d
    ///
    /// cxr reads only archives in folders that it last found right longer ago than this. Units are
    /// s, m, h, d and w. It keeps notes in the folder's .cxr/.
    #[arg(long, value_name = "TIME", value_parser = value_parsers::age, help_heading = WHAT)]
    since: Option<Duration>,
    /// Do not locate the damage in archives that are not ok
    ///
    /// To locate it, cxr reads these archives a second time.
    #[arg(long, value_parser = BoolishValueParser::new(), help_heading = WHAT, hide_short_help = true)]
    no_locate: bool,
    #[command(flatten)]
    network: NetworkArguments,
    /// Use processor and disk only while they are idle
    #[arg(long, value_parser = BoolishValueParser::new(), help_heading = LIMITS)]
    pub(crate) background: bool,
    /// Local files to read at a time, 1 to 64
    ///
    /// By default, cxr reads 16 files at a time, and one on a spinning disk (HDD).
    #[arg(long, value_name = "N", value_parser = value_parsers::count, help_heading = LIMITS, hide_short_help = true)]
    readers: Option<NonZeroUsize>,
    /// With --from: archives to read at a time, 1 to 64, each over one connection
    #[arg(short, long, default_value = "12", value_name = "N", value_parser = value_parsers::count, help_heading = LIMITS, hide_short_help = true)]
    jobs: NonZeroUsize,
    /// Print only what is not ok, and a summary line
    ///
    /// With --quick, `present` is no problem. A quiet run prints the summary too. Documents in JSON
    /// and JUnit XML stay complete.
    #[arg(long, value_parser = BoolishValueParser::new(), help_heading = OUTPUT, hide_short_help = true)]
    pub(crate) only_problems: bool,
    #[command(flatten)]
    pub(crate) reports: ReportOptions,
}

/// A check of local files or of mirrors.
#[derive(Debug)]
pub(crate) enum Verification {
    /// Local folders and files.
    Here(VerifyRequest),
    /// Mirrors.
    Mirrors(MirrorsRequest),
    /// Extracted images.
    Images(ImagesRequest),
}

/// A combination of options or a table that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// An address where folders belong. The second text is a tip.
    #[error("`{}` is an address, and verify checks folders and files; {}", escape::brief(.0), .1)]
    Address(String, String),
    /// An archive where folders and files belong. The second text is a tip.
    #[error("there is no file or folder `{}`; {}", escape::brief(.0), .1)]
    Archive(String, String),
    /// A selector matches no archive.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// The table has no SHA-256 to compare with.
    #[error(
        "--sha256: the table has no SHA-256 for {}; name another table with --checksums, \
         or omit --sha256",
        escape::text(.0)
    )]
    NoSha256(String),
    /// No archive is selected.
    #[error(transparent)]
    Selected(#[from] FetchUsageError),
    /// Only a check of images has a selection.
    #[error(
        "--split, --label, --view, --patient and --names select images; add --images TREE, or omit them"
    )]
    Selection,
    /// `--quick` reads no archive.
    #[error("--quick reads no archive, and --sha256 needs every byte; omit one of them")]
    QuickSha256,
    /// Notes exist only for files that were read.
    #[error(
        "--resume and --since apply to folders that cxr reads; omit them, or omit --quick and --from"
    )]
    Notes,
}

impl Verify {
    /// Builds the request over this catalog.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if the options contradict each other or the catalog lacks something.
    pub(crate) fn request(
        self,
        catalog: Catalog,
        typed: &CommandLine,
        arguments: &[OsString],
    ) -> Result<Verification, RequestError> {
        if self.sha256 && self.quick {
            return Err(RequestError::QuickSha256);
        }
        if let Some(tree) = self.images.clone() {
            return self.images_request(tree, catalog, typed, arguments);
        }
        if !self.selection.is_empty() {
            return Err(RequestError::Selection);
        }
        let notes = self.notes();
        if notes.is_some() && (self.quick || !self.from.is_empty()) {
            return Err(RequestError::Notes);
        }
        let mirrors: Vec<SourceSpec> = self.from.iter().flat_map(|s| s.0.clone()).collect();
        if mirrors.is_empty() {
            if let Some((address, tip)) = habits::address(&self.what, arguments) {
                return Err(RequestError::Address(address, tip));
            }
            if let Some((word, tip)) = habits::archives(&self.what, &catalog, arguments) {
                return Err(RequestError::Archive(word, tip));
            }
            self.require_sha256(catalog.archives())?;
            let what = self.what.iter().map(PathBuf::from).collect();
            let NetworkOptions { limit_rate, limit_rate_file, .. } = self.network.options();
            return Ok(Verification::Here(VerifyRequest {
                readers: self.readers,
                quick: self.quick,
                sha256: self.sha256,
                locate: !self.no_locate,
                limit_rate,
                limit_rate_file,
                notes,
                command_line: typed.clone(),
                lanes: environment::lanes(),
                ..VerifyRequest::new(catalog, what)
            }));
        }
        let words: Vec<_> = self.what.iter().map(|word| word.to_string_lossy()).collect();
        let selected = catalog.select(&words)?;
        let archives = catalog.archives();
        self.require_sha256(selected.iter().filter_map(|&index| archives.get(index)))?;
        Ok(Verification::Mirrors(MirrorsRequest {
            selected,
            catalog,
            mirrors,
            jobs: self.jobs,
            readers: self.readers,
            network: self.network.options(),
            quick: self.quick,
            sha256: self.sha256,
            lanes: environment::lanes(),
            command_line: typed.clone(),
        }))
    }

    /// Builds the request to check extracted images.
    fn images_request(
        self,
        tree: PathBuf,
        catalog: Catalog,
        typed: &CommandLine,
        arguments: &[OsString],
    ) -> Result<Verification, RequestError> {
        let words = self.what.iter().map(|word| word.to_string_lossy().into_owned());
        let words: Vec<_> = words.collect();
        let (selected, images) = select_with_images(&catalog, &words, &self.selection, arguments)?;
        Ok(Verification::Images(ImagesRequest {
            selected,
            catalog,
            images,
            tree,
            compare: self.compare,
            archives: self.archives,
            readers: self.readers,
            command_line: typed.clone(),
        }))
    }

    /// Returns the folders that are checked, and files; by default, the current folder.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &Path> {
        let here = self.what.is_empty().then_some(Path::new("."));
        self.what.iter().map(Path::new).chain(here)
    }

    fn notes(&self) -> Option<NotesRequest> {
        let Self { resume, since, .. } = *self;
        let is_wanted = resume || since.is_some();
        is_wanted.then(|| NotesRequest { resume, since, state: environment::state() })
    }

    /// With `--sha256`, an archive without one would pass unchecked.
    fn require_sha256<'a>(
        &self,
        archives: impl IntoIterator<Item = &'a Archive>,
    ) -> Result<(), RequestError> {
        let lacking = archives.into_iter().find(|archive| archive.sha256().is_none());
        match lacking.filter(|_| self.sha256) {
            Some(archive) => Err(RequestError::NoSha256(archive.name.clone())),
            None => Ok(()),
        }
    }
}
