//! Downloads the archives that are missing or wrong, and verifies them as they arrive.

mod archive_reports;
mod ask_size;
mod check;
mod coordinator;
mod elsewhere;
mod extraction;
#[cfg(any(test, feature = "fuzzing"))]
#[path = "../../fuzz/invariants/fetch.rs"]
pub(crate) mod fuzz;
mod receipt;
mod reports;
mod run;
mod run_context;
mod space;
mod start_point;
mod survey;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Instant;

use crate::cancel::Cancel;
use crate::catalog::{Archive, Catalog, ImageSet};
use crate::disk::leftovers::{self, leftovers};
use crate::disk::{DiskError, Folder, Lock};
use crate::event::{Event, Listener};
use crate::extract::{Extractor, ImagePlace, check_folders};
use crate::hash::{Engine, Feed, LaneSet};
use crate::other_names::OtherNames;
use crate::report::Report;
use crate::session::{NetworkOptions, SessionOptions};
use crate::source::{Source, SourceSpec};
use crate::text::command_line::CommandLine;
use crate::text::escape;
use crate::transfer::{Context, lock_folder};
use extraction::Extraction;
pub use extraction::{ExtractOptions, USUAL_WITH_DELETION};
use run_context::FetchRun;

/// The archives to fetch, their sources, the folder and the options.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct FetchRequest {
    /// The table. The content of a file is compared with all of its archives.
    pub catalog: Catalog,
    /// The archives to fetch: indices into the catalog, ascending, each once, at least one.
    pub selected: Vec<usize>,
    /// The images that are wanted, if not all are. Archives are fetched whole, and only these images are
    /// extracted.
    pub images: Option<ImageSet>,
    /// The folder. It is created if it does not exist.
    pub dir: PathBuf,
    /// The sources, in order of preference; at least one.
    pub sources: Vec<SourceSpec>,
    /// Archives at a time.
    pub jobs: NonZeroUsize,
    /// Connections in total.
    pub connections: NonZeroUsize,
    /// Options for all connections.
    pub network: NetworkOptions,
    /// Hash files even if a receipt says that they were verified.
    pub recheck: bool,
    /// Keep bytes that failed their MD5, in `.cxr/corrupt/`.
    pub keep_corrupt: bool,
    /// Wait until another cxr has finished in the same folder.
    pub wait: bool,
    /// Stop all archives when one has failed, and keep their partial downloads.
    pub fail_fast: bool,
    /// Report what would be done, and do nothing.
    pub dry_run: bool,
    /// Extract each archive as soon as it is verified.
    pub extract: Option<ExtractOptions>,
    /// Bytes that a connection requests at a time.
    pub chunk: NonZeroU64,
    /// The lanes that hash.
    pub lanes: LaneSet,
    /// The command line of this request. The report suggests it where it must be repeated.
    pub command_line: CommandLine,
}

impl FetchRequest {
    /// The sources as values of `--from`.
    fn typed_sources(&self) -> Vec<String> {
        self.sources.iter().filter_map(SourceSpec::option).collect()
    }

    /// A request for all archives of the catalog, from their published addresses into `dir`, with the
    /// defaults of the command line.
    pub fn new(catalog: Catalog, dir: impl Into<PathBuf>) -> Self {
        const TWELVE: NonZeroUsize = NonZeroUsize::new(12).unwrap();
        const CHUNK: NonZeroU64 = NonZeroU64::new(32 << 20).unwrap();
        let dir = dir.into();
        Self {
            command_line: CommandLine::new(
                ["cxr", "fetch", "-d"].map(OsStr::new).into_iter().chain([dir.as_os_str()]),
            ),
            selected: (0..catalog.archives().len()).collect(),
            images: None,
            catalog,
            dir,
            sources: vec![SourceSpec::Publisher],
            jobs: TWELVE,
            connections: TWELVE,
            network: NetworkOptions::default(),
            recheck: false,
            keep_corrupt: false,
            wait: false,
            fail_fast: false,
            dry_run: false,
            extract: None,
            chunk: CHUNK,
            lanes: LaneSet::for_this_machine(),
        }
    }
}

/// An error before the first archive. A failure of one archive is a verdict, not an error.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The request is wrong: exit status 2.
    #[error("{0}")]
    Request(String),
    /// This machine, or another cxr in the same folder, prevents the run: exit status 3.
    #[error("{0}")]
    Machine(String),
}

/// Fetches archives and reports the result of each.
///
/// # Errors
///
/// [`FetchError`] if the run could not start.
pub fn fetch(
    request: &FetchRequest,
    listener: &dyn Listener,
    cancel: &Cancel,
) -> Result<Report, FetchError> {
    let start = Instant::now();
    let FetchRequest { network, jobs, connections, chunk, .. } = request;
    let options = SessionOptions::new(network, *jobs, *connections, chunk.get());
    let options = options.map_err(|error| FetchError::Request(error.to_string()))?;
    let (options, fewer) = options.allow_for(&request.catalog).fit_limits();
    let archives = selected(request)?;
    if let Some(extract) = &request.extract {
        let archives = archives.iter().copied();
        check_folders(archives, extract.layout)
            .map_err(|error| FetchError::Request(error.to_string()))?;
    }
    let folder = Folder::new(&request.dir);
    let lock = if request.dry_run {
        folder.check().map_err(|error| refused(&error))?;
        None
    } else {
        Some(lock(request, &folder, alone(request, &archives), listener, cancel)?)
    };
    check_names(&archives, &folder)?;
    announce(request, &archives, &fewer, listener);
    let sources: Vec<Source> = request.sources.iter().cloned().map(Source::new).collect();
    let engine = Engine::for_this_machine(request.lanes, Feed::Work);
    let cancel = &cancel.child();
    let context = Context {
        folder: &folder,
        lock: lock.as_ref(),
        sources: &sources,
        options: &options,
        keep_corrupt: request.keep_corrupt,
        engine: &engine,
        listener,
        cancel,
    };
    let others = OtherNames::new(folder.dir(), &request.catalog);
    let target = request.extract.as_ref().and_then(|extract| extract.to.as_deref());
    let target = Folder::new(target.unwrap_or(&request.dir));
    let _target_lock = lock_target(request, &target, listener, cancel)?;
    let extraction = extraction(request, &archives, &context, &target)?;
    let extraction = extraction.as_ref();
    let run = FetchRun {
        request,
        archives: &archives,
        context,
        probed: OnceLock::new(),
        others,
        extraction,
    };
    Ok(Report::new("fetch", run.fetch_all(), start.elapsed().as_secs_f64()))
}

/// Tells the listener what the run finds before it begins.
fn announce(
    request: &FetchRequest,
    archives: &[&Archive],
    fewer: &[String],
    listener: &dyn Listener,
) {
    let leftovers = leftovers(&request.catalog, &request.dir);
    if let Some(message) = leftovers::describe(&leftovers, &request.dir) {
        listener.on(Event::Notice { message: &message });
    }
    for message in fewer.iter().filter(|_| !request.dry_run) {
        listener.on(Event::Notice { message });
    }
    if let Some(images) = &request.images {
        listener.on(Event::Notice { message: &request.catalog.describe_images(images, archives) });
    }
    let bytes = archives.iter().filter_map(|archive| archive.size).sum();
    let names = archives.iter().map(|archive| archive.name.clone());
    listener.on(Event::Planned { archives: &names.collect::<Vec<_>>(), bytes });
}

/// Fails if two of the names mean one file in the folder.
fn check_names(archives: &[&Archive], folder: &Folder) -> Result<(), FetchError> {
    if !folder.ignores_case() {
        return Ok(());
    }
    let mut names = HashMap::new();
    let mut same = archives.iter().filter_map(|Archive { name, .. }| {
        let other = names.insert(name.to_lowercase(), name)?;
        Some((escape::text(other), escape::text(name)))
    });
    match same.next() {
        Some((other, name)) => Err(FetchError::Request(format!(
            "{other} and {name} are the same file in {}, whose file system ignores upper and lower \
             case; nothing was downloaded; fetch each of them into a folder of its own (-d)",
            escape::path(folder.dir())
        ))),
        None => Ok(()),
    }
}

fn refused(error: &DiskError) -> FetchError {
    FetchError::Machine(format!("{error}; {}", error.remedy()))
}

/// Returns the archive if the run fetches one of several and extracts nothing. Such runs may work side
/// by side in one folder, because every file that they write there belongs to one archive.
fn alone<'a>(request: &FetchRequest, archives: &[&'a Archive]) -> Option<&'a Archive> {
    let is_one_of_several = request.catalog.archives().len() > 1 && request.extract.is_none();
    archives.first().copied().filter(|_| is_one_of_several && archives.len() == 1)
}

/// Creates the folder and locks it, or one archive in it.
fn lock(
    request: &FetchRequest,
    folder: &Folder,
    archive: Option<&Archive>,
    listener: &dyn Listener,
    cancel: &Cancel,
) -> Result<Lock, FetchError> {
    folder.create().map_err(|error| refused(&error))?;
    let locked =
        lock_folder(folder, archive, request.wait, &request.command_line, listener, cancel);
    locked.map_err(FetchError::Machine)
}

/// Locks the folder of the images, if it is not that of the archives.
fn lock_target(
    request: &FetchRequest,
    target: &Folder,
    listener: &dyn Listener,
    cancel: &Cancel,
) -> Result<Option<Lock>, FetchError> {
    let is_wanted = request.extract.is_some() && !request.dry_run;
    if !is_wanted {
        return Ok(None);
    }
    target.create().map_err(|error| refused(&error))?;
    let is_same = |path: &Path| path.canonicalize().ok();
    if is_same(target.dir()) == is_same(&request.dir) {
        return Ok(None);
    }
    lock(request, target, None, listener, cancel).map(Some)
}

/// Prepares the extraction that is wanted.
fn extraction<'a>(
    request: &'a FetchRequest,
    archives: &'a [&'a Archive],
    context: &Context<'a>,
    target: &'a Folder,
) -> Result<Option<Extraction<'a>>, FetchError> {
    let Some(extract) = request.extract.as_ref().filter(|_| !request.dry_run) else {
        return Ok(None);
    };
    let Context { engine, listener, cancel, folder, .. } = *context;
    let images = request.images.as_ref();
    let place = ImagePlace { folder: target, layout: extract.layout, images };
    let extractor = Extractor::new(&request.catalog, place, engine, listener, cancel)
        .map_err(|error| FetchError::Machine(error.to_string()))?;
    Ok(Some(Extraction {
        extractor,
        archives,
        folder,
        listener,
        delete_archives: extract.delete_archives,
        recheck: request.recheck,
        layout: extract.layout,
        sources: request.typed_sources(),
        is_partial: images.is_some(),
        target: target.dir(),
        command_line: request.command_line.clone(),
    }))
}

/// Returns the archives to fetch. Fails if no source can have one of them.
fn selected(request: &FetchRequest) -> Result<Vec<&Archive>, FetchError> {
    let all = request.catalog.archives();
    let archives: Vec<&Archive> =
        request.selected.iter().filter_map(|&index| all.get(index)).collect();
    let has_source = |archive: &&Archive| {
        request.sources.iter().any(|source| source.location(archive).is_some())
    };
    match archives.iter().find(|archive| !has_source(archive)) {
        Some(Archive { name, .. }) => Err(FetchError::Request(format!(
            "the table has no address for {}; add a source with --from",
            escape::text(name)
        ))),
        None => Ok(archives),
    }
}
