//! What `verify` can be told, and what it becomes.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::{BoolishValueParser, OsStringValueParser, TypedValueParser};
use cxr::catalog::{Archive, Catalog, SelectError};
use cxr::session::NetworkOptions;
use cxr::source::SourceSpec;
use cxr::text::escape;
use cxr::verify::{MirrorsRequest, NotesRequest, VerifyRequest};

use super::asking::Asking;
use super::environment;
use super::outputs::Outputs;
use super::values::{self, Sources};

/// What `verify` was told.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Verify {
    /// Folders, each with all the archives in it, and files under any name; none: this folder.
    /// With --from: archives, called as `fetch` calls them; none: all
    #[arg(value_name = "WHAT")]
    what: Vec<OsString>,
    /// A mirror to check in place of what is here: an `http(s)://` address to which `/NAME` is
    /// added, an address with `{name}` in it, or a local folder. Everything is read, and nothing
    /// kept. Repeat it for several mirrors. There is no variable for it
    #[arg(long, value_name = "SOURCE", value_parser = OsStringValueParser::new().try_map(|typed| values::sources(&typed)))]
    from: Vec<Sources>,
    /// With --from: archives that are read at a time, 1 to 64, each over one connection
    #[arg(short, long, default_value = "12", value_name = "N", value_parser = values::count)]
    jobs: NonZeroUsize,
    /// Look at presence and size only, and at a mirror's digest headers. What seems right is
    /// `present`, and nothing is verified
    #[arg(long, value_parser = BoolishValueParser::new())]
    quick: bool,
    /// Check SHA-256s too, beside the MD5s and in the same pass; every archive of the table needs one
    #[arg(long, value_parser = BoolishValueParser::new())]
    sha256: bool,
    /// Go on with a check of folders that was interrupted: what it has read to the end is not read
    /// again while it is unchanged. Keeps notes in the folder's `.cxr`
    #[arg(long, value_parser = BoolishValueParser::new())]
    resume: bool,
    /// Read in folders only what was last found right longer ago than this: `12h`, `7d`. Keeps notes
    /// in the folder's `.cxr`
    #[arg(long, value_name = "TIME", value_parser = values::ago)]
    since: Option<Duration>,
    /// Give way to everything else: the processor and the disk only when nobody else wants them
    #[arg(long, value_parser = BoolishValueParser::new())]
    pub(crate) background: bool,
    #[command(flatten)]
    asking: Asking,
    /// Files here that are read at a time, 1 to 64. Without it: sixteen, but one on a disk that
    /// spins
    #[arg(long, value_name = "N", value_parser = values::count)]
    readers: Option<NonZeroUsize>,
    /// Do not find out where an archive is broken, which takes another reading of it
    #[arg(long, value_parser = BoolishValueParser::new())]
    no_locate: bool,
    #[command(flatten)]
    pub(crate) outputs: Outputs,
}

/// What is to be verified.
#[derive(Debug)]
pub(crate) enum Verification {
    /// What is here.
    Here(VerifyRequest),
    /// What mirrors have.
    Mirrors(MirrorsRequest),
}

/// Why a catalogue cannot serve a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// A word calls no archive.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// There is nothing to hold a SHA-256 against.
    #[error(
        "--sha256: the table has no SHA-256 for {}; give one that has with --checksums, or leave --sha256 out",
        escape::text(.0)
    )]
    NoSha256(String),
    /// What reads nothing has no digest.
    #[error("--quick reads nothing, and --sha256 needs every byte")]
    QuickSha256,
    /// Notes are of files that were read.
    #[error(
        "--resume and --since are for reading folders here, and go neither with --quick nor with --from"
    )]
    Notes,
}

impl Verify {
    /// The request, over this catalogue.
    ///
    /// # Errors
    ///
    /// [`RequestError`] where the catalogue cannot serve it.
    pub(crate) fn request(self, catalog: Catalog) -> Result<Verification, RequestError> {
        if self.sha256 && self.quick {
            return Err(RequestError::QuickSha256);
        }
        let notes = self.notes();
        if notes.is_some() && (self.quick || !self.from.is_empty()) {
            return Err(RequestError::Notes);
        }
        let mirrors: Vec<SourceSpec> = self.from.iter().flat_map(|s| s.0.clone()).collect();
        if mirrors.is_empty() {
            self.see_that_all_have_sha256(catalog.archives())?;
            let what = self.what.iter().map(PathBuf::from).collect();
            let NetworkOptions { limit_rate, limit_rate_file, .. } = self.asking.manners();
            return Ok(Verification::Here(VerifyRequest {
                readers: self.readers,
                quick: self.quick,
                sha256: self.sha256,
                locate: !self.no_locate,
                limit_rate,
                limit_rate_file,
                notes,
                ..VerifyRequest::new(catalog, what)
            }));
        }
        let words: Vec<_> = self.what.iter().map(|word| word.to_string_lossy()).collect();
        let selected = catalog.select(&words)?;
        let archives = catalog.archives();
        self.see_that_all_have_sha256(selected.iter().filter_map(|&index| archives.get(index)))?;
        Ok(Verification::Mirrors(MirrorsRequest {
            selected,
            catalog,
            mirrors,
            jobs: self.jobs,
            readers: self.readers,
            manners: self.asking.manners(),
            quick: self.quick,
            sha256: self.sha256,
        }))
    }

    fn notes(&self) -> Option<NotesRequest> {
        let Self { resume, since, .. } = *self;
        let is_wanted = resume || since.is_some();
        is_wanted.then(|| NotesRequest { resume, since, state: environment::state() })
    }

    /// Nothing checked is never a pass.
    fn see_that_all_have_sha256<'a>(
        &self,
        archives: impl IntoIterator<Item = &'a Archive>,
    ) -> Result<(), RequestError> {
        let lacking = archives.into_iter().find(|archive| archive.sha256.is_none());
        match lacking.filter(|_| self.sha256) {
            Some(archive) => Err(RequestError::NoSha256(archive.name.clone())),
            None => Ok(()),
        }
    }
}
