//! Checks files and mirrors against the published MD5s.
//!
//! [`verify()`] checks folders and files, many at a time, and [`verify_mirrors`] servers and folders
//! that serve as mirrors. Reading and judging are separate: `classify.rs` turns what was read into a
//! verdict without touching anything.

mod advice;
mod classify;
mod content;
mod file_check;
mod file_reader;
mod locate_damage;
mod names;
mod notes;
mod other_size;
mod quick;
mod reader_threads;
mod remote;
mod renames;
mod targets;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Instant;

use parking_lot::Mutex;

pub(crate) use self::file_check::{FileChecker, blank};
pub use self::notes::NotesRequest;
pub(crate) use self::other_size::verdict_on_other_size;
pub(crate) use self::reader_threads::check_files;
pub use self::remote::{MirrorsRequest, verify_mirrors};
pub(crate) use self::targets::{ArchiveFiles, files_of, wrong_link};

use self::locate_damage::is_damaged;
use self::notes::{NotedFile, Notes};
use self::reader_threads::FileToCheck;
use self::targets::{VerifyTarget, or_blocked, targets};
use crate::cancel::Cancel;
use crate::catalog::Catalog;
use crate::event::{Event, Listener};
use crate::hash::{Engine, Feed, LaneSet};
use crate::rate::Throttle;
use crate::report::{ArchiveReport, ArchiveReports, Report};
use crate::text::command_line::CommandLine;
use crate::verdict::Verdict;

/// A request to check folders and files.
#[derive(Debug, Clone)]
pub struct VerifyRequest {
    /// The archives that should exist.
    pub catalog: Catalog,
    /// Folders, each of which should hold the whole catalog, and files under any name. If empty,
    /// the current folder.
    pub what: Vec<PathBuf>,
    /// The number of files that are read at a time; `None`: as many as suit the disk.
    pub readers: Option<NonZeroUsize>,
    /// Checks only presence and size and reads nothing: files that seem right are `present`.
    pub quick: bool,
    /// Checks SHA-256s as well, which every archive of the catalog must have.
    pub sha256: bool,
    /// Locates the damage in files that are not right, by reading those again.
    pub locate: bool,
    /// The limit in bytes per second for all files together.
    pub limit_rate: Option<NonZeroU64>,
    /// A file into which another limit can be written during the run.
    pub limit_rate_file: Option<PathBuf>,
    /// Keeps notes and uses some; `None`: reads everything and writes nothing.
    pub notes: Option<NotesRequest>,
    /// The lanes that hash.
    pub lanes: LaneSet,
    /// The command line that asks for this, which the report suggests where it must be repeated.
    pub command_line: CommandLine,
}

impl VerifyRequest {
    /// A request to read all these files and folders to the last byte, and to locate damage.
    pub fn new(catalog: Catalog, what: Vec<PathBuf>) -> Self {
        let words = ["cxr", "verify"].map(OsStr::new).into_iter();
        Self {
            command_line: CommandLine::new(words.chain(what.iter().map(|path| path.as_os_str()))),
            catalog,
            what,
            readers: None,
            quick: false,
            sha256: false,
            locate: true,
            limit_rate: None,
            limit_rate_file: None,
            notes: None,
            lanes: LaneSet::for_this_machine(),
        }
    }
}

/// Checks every file. Returns one report for each archive of a folder and for each file, in the
/// order of the request. Files that are not right are read again, to locate the damage. A file that
/// could not be read to its end, or not before the run was cancelled, is an `error`.
pub fn verify(request: &VerifyRequest, listener: &dyn Listener, cancel: &Cancel) -> Report {
    let start = Instant::now();
    let mut targets = targets(request, listener);
    let locates = request.locate && !request.quick;
    let notes = request.notes.as_ref().map(|notes| Notes::open(notes, request, &targets, listener));
    let look_up = |target| notes.as_ref().and_then(|notes| notes.look_up(target, locates));
    let with_notes = if notes.is_some() { &mut targets[..] } else { &mut [] };
    let noted: Vec<Option<NotedFile<'_>>> = with_notes.iter_mut().map(look_up).collect();
    let bytes = targets.iter().map(VerifyTarget::size).fold(0, u64::saturating_add);
    let labels = targets.iter().map(|target| target.label(&request.catalog));
    listener.on(Event::Planned { archives: &labels.collect::<Vec<_>>(), bytes });
    let engine = Engine::for_this_machine(request.lanes, Feed::Files);
    let throttle = Throttle::new(request.limit_rate, request.limit_rate_file.as_deref(), listener);
    let checker = FileChecker {
        kinds: request.catalog.kinds(request.sha256),
        throttle: Some(&throttle),
        ..FileChecker::new(&request.catalog, &engine, listener, cancel)
    };
    let reports = Mutex::new(ArchiveReports::default());
    let note = |index: usize, report: &ArchiveReport, is_located: bool| {
        if let (Some(notes), Some(Some(file))) = (&notes, noted.get(index)) {
            notes.keep(file, report, is_located);
        }
    };
    let settle = |index: usize, mut report: ArchiveReport| {
        report.resolve_next(&request.command_line);
        // If the reading was interrupted, nothing new is known of the file.
        let is_open = report.verdict == Verdict::Error || (locates && is_damaged(&report));
        if !is_open || !cancel.is_cancelled() {
            note(index, &report, locates);
        }
        let report = or_blocked(report, &request.catalog);
        listener.on(Event::Settled(&report));
        reports.lock().set(index, report);
    };
    let damaged = Mutex::new(Vec::new());
    check_all(&targets, &checker, request.readers, request.quick, |index, report| {
        let is_settled =
            matches!(targets[index], VerifyTarget::Settled(_) | VerifyTarget::Absent(..));
        if locates && !is_settled && is_damaged(&report) {
            note(index, &report, false);
            damaged.lock().push((index, report));
        } else {
            settle(index, report);
        }
    });
    checker.locate_all(&damaged.into_inner(), request.readers, settle);
    if let Some(notes) = notes.as_ref().filter(|_| !cancel.is_cancelled()) {
        notes.end_pass();
    }
    let mut archives = reports.into_inner();
    renames::advise(&mut archives, &request.catalog);
    Report::new("verify", archives, start.elapsed().as_secs_f64())
}

/// Checks all targets, or only their size if `quick`. Passes each report to `settle`, with the index
/// of its target.
fn check_all<'a>(
    targets: &'a [VerifyTarget<'a>],
    checker: &FileChecker<'a>,
    readers: Option<NonZeroUsize>,
    quick: bool,
    settle: impl Fn(usize, ArchiveReport) + Sync,
) {
    for (index, target) in targets.iter().enumerate() {
        if let Some(report) = target.known_report(checker.catalog) {
            settle(index, report);
        }
    }
    let mut indices: Vec<usize> = (0..targets.len()).collect();
    for number in 0.. {
        // Files under other names are read only if those before them are not the archive.
        let file = |index: usize| Some((index, targets[index].file(number)?));
        let files = std::mem::take(&mut indices).into_iter().filter_map(file);
        let (read, files): (Vec<usize>, Vec<FileToCheck<'_, 'a>>) = files.unzip();
        if read.is_empty() {
            break;
        }
        let undecided = Mutex::new(Vec::new());
        let conclude = |file: usize, report: ArchiveReport| {
            let index = read[file];
            let is_interrupted = report.verdict == Verdict::Error && checker.cancel.is_cancelled();
            match targets[index].conclude(number, report.clone()) {
                _ if is_interrupted => settle(index, report),
                Some(report) => settle(index, report),
                None => undecided.lock().push(index),
            }
        };
        if quick {
            let check = |(path, expected)| quick::check(path, expected, checker.catalog);
            (0..)
                .zip(files.into_iter().map(check))
                .for_each(|(file, report)| conclude(file, report));
        } else {
            check_files(checker, &files, readers, conclude);
        }
        indices = undecided.into_inner();
    }
}
