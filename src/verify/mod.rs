//! Checks what is here against the published MD5s.
//!
//! [`verify`] checks folders and files, many at once, and [`verify_mirrors`] what servers have;
//! [`Checker`] checks one file. What was seen of a
//! file and what that means are kept apart: one part reads, another one judges without touching
//! anything.

mod advice;
mod buffers;
mod check;
mod judge;
mod names;
mod read;
mod remote;
mod targets;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod turns;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

pub use check::Checker;
pub use remote::{MirrorsRequest, verify_mirrors};

use self::check::unreadable;
use self::read::Trouble;
use self::targets::{Target, targets};
use self::turns::Task;
use crate::cancel::Cancel;
use crate::catalog::Catalog;
use crate::event::{Event, Listener};
use crate::hash::Engine;
use crate::report::{ArchiveReport, Report};

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
}

/// Checks every file and says what each is: one report for every archive of a folder and for every
/// file, in the order of the request. Whatever could not be read to its end, and all that was not
/// yet read when the run was cancelled, is an `error`.
pub fn verify(request: &VerifyRequest, listener: &dyn Listener, cancel: &Cancel) -> Report {
    let start = Instant::now();
    let targets = targets(request);
    let bytes = targets.iter().map(Target::size).fold(0, u64::saturating_add);
    listener.on(Event::Planned { archives: targets.len(), bytes });
    let engine = Engine::for_this_machine();
    let checker = Checker::new(&request.catalog, &engine, listener, cancel);
    let archives = check_all(&targets, &checker, request.readers, listener);
    Report::new("verify", archives, start.elapsed().as_secs_f64())
}

/// Checks all targets; the reports are in their order.
fn check_all<'a>(
    targets: &'a [Target<'a>],
    checker: &Checker<'a>,
    readers: Option<NonZeroUsize>,
    listener: &dyn Listener,
) -> Vec<ArchiveReport> {
    let reports: Vec<OnceLock<ArchiveReport>> = targets.iter().map(|_| OnceLock::new()).collect();
    let settle = |index: usize, report| {
        listener.on(Event::Settled(reports[index].get_or_init(|| report)));
    };
    let mut files = Vec::new();
    for (index, target) in targets.iter().enumerate() {
        match target {
            Target::File { path, expected, .. } => files.push((index, (path.as_path(), *expected))),
            Target::Settled(report) => settle(index, (**report).clone()),
        }
    }
    let (numbers, tasks): (Vec<usize>, Vec<Task<'_, 'a>>) = files.into_iter().unzip();
    checker.check_all(&tasks, readers, |file, report| settle(numbers[file], report));
    let reports = reports.into_iter().map(OnceLock::into_inner);
    reports
        .zip(targets)
        .map(|(report, target)| report.unwrap_or_else(|| target.unchecked()))
        .collect()
}

/// Works on all items, on so many at a time, this thread helping.
fn in_parallel<T: Sync>(items: &[T], at_a_time: usize, work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(item);
        }
    };
    thread::scope(|scope| {
        let helpers: Vec<_> = (1..at_a_time.min(items.len()))
            // Where the system gives no thread, fewer are worked on at a time.
            .map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok())
            .collect();
        work();
        for helper in helpers {
            // Whoever asked sees what was left undone by a thread that ended early.
            let _ = helper.join();
        }
    });
}

impl Target<'_> {
    /// Bytes to read.
    fn size(&self) -> u64 {
        match self {
            Self::File { size, .. } => *size,
            Self::Settled(_) => 0,
        }
    }

    /// What is said of a file that was not read.
    fn unchecked(&self) -> ArchiveReport {
        match self {
            Self::File { path, expected, .. } => unreadable(path, *expected, &Trouble::Cancelled),
            Self::Settled(report) => (**report).clone(),
        }
    }
}
