//! Checks what is here against the published MD5s.
//!
//! [`verify`] checks folders and files, many at once, and [`verify_mirrors`] what servers have;
//! [`Checker`] checks one file. What was seen of a
//! file and what that means are kept apart: one part reads, another one judges without touching
//! anything.

mod advice;
mod buffers;
mod check;
mod glance;
mod judge;
mod locate;
mod names;
mod notes;
mod read;
mod remote;
mod targets;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod turns;
mod view;

use std::ffi::OsStr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Instant;

pub(crate) use check::Checker;
pub use notes::NotesRequest;
use parking_lot::Mutex;
pub use remote::{MirrorsRequest, verify_mirrors};

use self::check::unreadable;
use self::notes::{Before, Belief, Notes};
use self::read::Trouble;
use self::targets::{Target, targets};
pub(crate) use self::turns::{Task, check_in_turns};
use crate::cancel::Cancel;
use crate::catalog::Catalog;
use crate::event::{Event, Listener};
use crate::hash::{Engine, LaneSet};
use crate::rate::Throttle;
use crate::report::{ArchiveReport, Report};
use crate::text::command_line::CommandLine;
use crate::verdict::Verdict;

/// What to check.
#[derive(Debug, Clone)]
pub struct VerifyRequest {
    /// What should exist.
    pub catalog: Catalog,
    /// Folders, each of which should hold the whole catalogue, and files under any name. Nothing
    /// stands for the present folder.
    pub what: Vec<PathBuf>,
    /// Files that are read at a time; `None`: as many as the disk bears.
    pub readers: Option<NonZeroUsize>,
    /// Look at presence and size only, and read nothing: what seems right is `present`.
    pub quick: bool,
    /// Check SHA-256s as well, for which every archive of the catalogue needs one.
    pub sha256: bool,
    /// Find out where archives are broken, which takes another reading of those that are not
    /// whole.
    pub locate: bool,
    /// Bytes a second that all files together are read with.
    pub limit_rate: Option<NonZeroU64>,
    /// A file into which another rate may be written meanwhile.
    pub limit_rate_file: Option<PathBuf>,
    /// Keep notes, and believe some; `None`: read everything and write nothing.
    pub notes: Option<NotesRequest>,
    /// The lanes that hash.
    pub lanes: LaneSet,
    /// The command line that asks for this, which the report suggests where it must be repeated.
    pub command_line: CommandLine,
}

impl VerifyRequest {
    /// All of these files and folders, read to the last byte, and those that are broken once more.
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

/// Checks every file and says what each is: one report for every archive of a folder and for every
/// file, in the order of the request. Then those that are broken are read again, to say where.
/// Whatever could not be read to its end, and all that was not yet read when the run was
/// cancelled, is an `error`.
pub fn verify(request: &VerifyRequest, listener: &dyn Listener, cancel: &Cancel) -> Report {
    let start = Instant::now();
    let mut targets = targets(request);
    let locates = request.locate && !request.quick;
    let notes = request.notes.as_ref().map(|notes| Notes::open(notes, request, &targets, listener));
    let before = notes.as_ref().map(|notes| leave_out(&mut targets, notes, locates));
    let bytes = targets.iter().map(Target::size).fold(0, u64::saturating_add);
    listener.on(Event::Planned { archives: targets.len(), bytes });
    let engine = Engine::for_this_machine(request.lanes);
    let throttle = Throttle::new(request.limit_rate, request.limit_rate_file.as_deref(), listener);
    let checker = Checker::new(&request.catalog, &engine, listener, cancel)
        .with_sha256(request.sha256)
        .limited(&throttle);
    let reports: Vec<OnceLock<ArchiveReport>> = targets.iter().map(|_| OnceLock::new()).collect();
    let note = |index: usize, report: &ArchiveReport, is_located: bool| {
        if let (Some(notes), Some(before)) = (&notes, &before)
            && let Some(before) = &before[index]
        {
            notes.keep(before, report, is_located);
        }
    };
    let settle = |index: usize, mut report: ArchiveReport| {
        report.resolve_next(&request.command_line);
        // Of a file whose reading was interrupted nothing more is known.
        let is_unlocated = locates && locate::is_broken(&report);
        let is_open = report.verdict == Verdict::Error || is_unlocated;
        if !is_open || !cancel.is_cancelled() {
            note(index, &report, locates);
        }
        listener.on(Event::Settled(reports[index].get_or_init(|| report)));
    };
    let broken = Mutex::new(Vec::new());
    check_all(&targets, &checker, request.readers, request.quick, |index, report| {
        let is_settled = matches!(targets[index], Target::Settled(_));
        if locates && !is_settled && locate::is_broken(&report) {
            note(index, &report, false);
            broken.lock().push((index, report));
        } else {
            settle(index, report);
        }
    });
    let broken = broken.into_inner();
    checker.locate_all(&broken, request.readers, settle);
    if let Some(notes) = notes.as_ref().filter(|_| !cancel.is_cancelled()) {
        notes.end();
    }
    // A target whose thread ended early has no report.
    let reports = reports.into_iter().map(OnceLock::into_inner).zip(&targets);
    let archives = reports.map(|(report, target)| {
        report.unwrap_or_else(|| {
            let mut report = target.unchecked();
            report.resolve_next(&request.command_line);
            report
        })
    });
    Report::new("verify", archives.collect(), start.elapsed().as_secs_f64())
}

/// Settles those that need not be read again; of the others, what they are before they are read.
fn leave_out<'a>(
    targets: &mut [Target<'a>],
    notes: &Notes<'_>,
    locates: bool,
) -> Vec<Option<Before<'a>>> {
    let settle = |target: &mut Target<'a>| {
        let Target::File { path, expected: Some(archive), .. } = target else { return None };
        match notes.believe(path, archive, locates) {
            Belief::Settled(report) => {
                *target = Target::Settled(report);
                None
            }
            Belief::Unlocated(report, before) => {
                *target = Target::Unlocated(report);
                Some(before)
            }
            Belief::Unread(before) => before,
        }
    };
    targets.iter_mut().map(settle).collect()
}

/// Checks all targets, or only glances at them. Each report goes to `settle` with the number of its
/// target.
fn check_all<'a>(
    targets: &'a [Target<'a>],
    checker: &Checker<'a>,
    readers: Option<NonZeroUsize>,
    quick: bool,
    settle: impl Fn(usize, ArchiveReport) + Sync,
) {
    let mut files = Vec::new();
    for (index, target) in targets.iter().enumerate() {
        match target {
            Target::File { path, expected, .. } if quick => {
                settle(index, glance::glance(path, *expected, checker.catalog()));
            }
            Target::File { path, expected, .. } => files.push((index, (path.as_path(), *expected))),
            Target::Settled(report) | Target::Unlocated(report) => {
                settle(index, (**report).clone());
            }
        }
    }
    let (numbers, tasks): (Vec<usize>, Vec<Task<'_, 'a>>) = files.into_iter().unzip();
    check_in_turns(checker, &tasks, readers, |file, report| settle(numbers[file], report));
}

impl Target<'_> {
    /// Bytes to read.
    fn size(&self) -> u64 {
        match self {
            Self::File { size, .. } => *size,
            Self::Settled(_) | Self::Unlocated(_) => 0,
        }
    }

    /// What is said of a file that was not read.
    fn unchecked(&self) -> ArchiveReport {
        match self {
            Self::File { path, expected, .. } => unreadable(path, *expected, &Trouble::Cancelled),
            Self::Settled(report) | Self::Unlocated(report) => (**report).clone(),
        }
    }
}
