//! Downloads what is not here yet or not right, verifying as it streams.

mod coordinator;
mod course;
#[cfg(any(test, feature = "fuzzing"))]
#[path = "../../fuzz/invariants/fetch.rs"]
pub(crate) mod fuzz;
mod outcome;
mod receipt;
mod repair_text;
mod reports;
mod run;
mod size_probe;
mod space;
mod start_point;
mod survey;

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Instant;

use crate::cancel::Cancel;
use crate::catalog::{Archive, Catalog};
use crate::disk::leftovers::{self, leftovers};
use crate::disk::{DiskError, Folder, Lock, LockError, LockNotice};
use crate::event::{Event, Listener};
use crate::hash::{Engine, LaneSet};
use crate::report::Report;
use crate::session::{NetworkOptions, SessionOptions};
use crate::source::{Source, SourceSpec};
use crate::text::command_line::CommandLine;
use crate::text::escape;
use crate::transfer::Context;
use run::Run;

/// What to fetch, whence, whither and how.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct FetchRequest {
    /// All archives that are known: content is recognised among these.
    pub catalog: Catalog,
    /// Which of them are wanted: indices into the catalogue, ascending, each once, at least one.
    pub selected: Vec<usize>,
    /// Where they go. Made if absent.
    pub dir: PathBuf,
    /// Where they come from, in order of preference; at least one.
    pub sources: Vec<SourceSpec>,
    /// Archives in hand at a time.
    pub jobs: NonZeroUsize,
    /// Connections in all.
    pub connections: NonZeroUsize,
    /// How they are asked.
    pub network: NetworkOptions,
    /// Hash what is here even where a receipt says that it was verified.
    pub recheck: bool,
    /// Keep what failed its MD5, in `.cxr/corrupt/`.
    pub keep_corrupt: bool,
    /// Wait for another cxr at work in the same folder.
    pub wait: bool,
    /// When one archive has failed, stop the others; what came of them is kept.
    pub fail_fast: bool,
    /// Say what would be done, and do nothing.
    pub dry_run: bool,
    /// Bytes that a connection takes at a time.
    pub chunk: NonZeroU64,
    /// The lanes that hash.
    pub lanes: LaneSet,
    /// The command line that asks for this, which the report suggests where it must be repeated.
    pub command_line: CommandLine,
}

impl FetchRequest {
    /// Everything in the catalogue, from its publisher's addresses into `dir`, with the defaults of
    /// the command line.
    pub fn new(catalog: Catalog, dir: impl Into<PathBuf>) -> Self {
        const TWELVE: NonZeroUsize = NonZeroUsize::new(12).unwrap();
        const CHUNK: NonZeroU64 = NonZeroU64::new(32 << 20).unwrap();
        let dir = dir.into();
        Self {
            command_line: CommandLine::new([
                "cxr".as_ref(),
                "fetch".as_ref(),
                "-d".as_ref(),
                dir.as_os_str(),
            ]),
            selected: (0..catalog.archives().len()).collect(),
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
            chunk: CHUNK,
            lanes: LaneSet::for_this_machine(),
        }
    }
}

/// Why a fetch could not begin. What befalls one archive is a verdict, not an error.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The request cannot be carried out as it stands: exit status 2.
    #[error("{0}")]
    Request(String),
    /// This machine, or another cxr in the same folder, stands in the way: exit status 3.
    #[error("{0}")]
    Machine(String),
}

/// Fetches what was asked for and says what became of each archive.
///
/// # Errors
///
/// [`FetchError`] if nothing could be begun.
pub fn fetch(
    request: &FetchRequest,
    listener: &dyn Listener,
    cancel: &Cancel,
) -> Result<Report, FetchError> {
    let start = Instant::now();
    let (options, fewer) = options(request)?.fit_open_files();
    let archives = selected(request)?;
    let folder = Folder::new(&request.dir);
    let lock =
        if request.dry_run { None } else { Some(begin(request, &folder, listener, cancel)?) };
    if let Some(message) =
        leftovers::describe(&leftovers(&request.catalog, &request.dir), &request.dir)
    {
        listener.on(Event::Notice { message: &message });
    }
    if let Some(message) = fewer.filter(|_| !request.dry_run) {
        listener.on(Event::Notice { message: &message });
    }
    let bytes = archives.iter().filter_map(|archive| archive.size).sum();
    listener.on(Event::Planned { archives: archives.len(), bytes });
    let sources: Vec<Source> = request.sources.iter().cloned().map(Source::new).collect();
    let engine = Engine::for_this_machine(request.lanes);
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
    let run = Run { request, archives, context };
    Ok(Report::new("fetch", run.go(), start.elapsed().as_secs_f64()))
}

/// Makes the folder and takes its lock.
fn begin(
    request: &FetchRequest,
    folder: &Folder,
    listener: &dyn Listener,
    cancel: &Cancel,
) -> Result<Lock, FetchError> {
    let refused = |error: DiskError| FetchError::Machine(format!("{error}; {}", error.remedy()));
    folder.create().map_err(refused)?;
    let dir = escape::path(folder.dir());
    let tell = |waiting: LockNotice<'_>| {
        let message = match waiting {
            LockNotice::Waiting(holder) => {
                format!("waiting for another cxr at work in {dir}: {holder}")
            }
            LockNotice::Watching(holder) => {
                format!("{holder} was at work in {dir}; watching whether it still is")
            }
            LockNotice::TakenOver(holder) => format!("taking {dir} over from {holder}"),
        };
        listener.on(Event::Notice { message: &message });
    };
    Lock::take(folder, request.wait, &tell, cancel).map_err(|error| {
        let next = match error {
            LockError::Busy { .. } => {
                let command = request.command_line.with("--wait");
                format!("; use another folder, or wait for it: {command}")
            }
            _ => String::new(),
        };
        FetchError::Machine(format!("{error}{next}"))
    })
}

/// The archives that are wanted, each of which some source could have.
fn selected(request: &FetchRequest) -> Result<Vec<Archive>, FetchError> {
    let all = request.catalog.archives();
    let archives: Vec<Archive> =
        request.selected.iter().filter_map(|&index| all.get(index)).cloned().collect();
    let nowhere = archives
        .iter()
        .find(|archive| request.sources.iter().all(|source| source.location(archive).is_none()));
    match nowhere {
        Some(archive) => Err(FetchError::Request(format!(
            "the table has no address for {}: say with --from where the archives are",
            escape::text(&archive.name)
        ))),
        None => Ok(archives),
    }
}

fn options(request: &FetchRequest) -> Result<SessionOptions, FetchError> {
    let FetchRequest { network, jobs, connections, chunk, .. } = request;
    let options = SessionOptions::new(network, *jobs, *connections, chunk.get());
    options.map_err(|error| FetchError::Request(error.to_string()))
}
