//! Which files are read when: several in turns on one thread, so that their streams come to the
//! hash side by side.
//!
//! One thread reads as fast as a processor copies, which is as fast as twelve streams are hashed
//! side by side on another. More threads help where there are more processors. A disk that spins
//! would seek from file to file: there one file is read at a time, until it turns out that the
//! bytes come faster than any such disk gives them, from memory or from a disk that only claims to
//! spin.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Scope};

use parking_lot::Mutex;

use super::check::{Check, Checker, Pace};
use crate::catalog::Archive;
use crate::report::ArchiveReport;

/// Files that are read at a time where nothing else is said: the twelve, and no more than fill the
/// widest lanes.
const FILES: usize = 16;

/// The most threads that read.
const THREADS: usize = 4;

/// On a disk that spins, so many blocks of a file are read before it is the next one's turn: 8 MiB,
/// for which a seek of 10 ms costs a fifth at most.
const LONG_TURN: usize = 32;

/// So much is read before a disk is judged by its speed: more than the system reads ahead (8 MiB
/// on some arrays), so that it was waited for at least once.
const PROBE: u64 = 32 << 20;

/// A disk that gives more bytes a second than this does not spin.
const SWIFT: f64 = 1_073_741_824.0;

/// A file to be checked, and the archive that it ought to be.
pub(crate) type Task<'p, 'a> = (&'p Path, Option<&'a Archive>);

/// Files on their way through a few threads.
struct Turns<'c, 'a, S> {
    checker: &'c Checker<'a>,
    tasks: &'c [Task<'c, 'a>],
    settle: S,
    next: AtomicUsize,
    /// Threads that read, at most.
    threads: usize,
    /// Files that may be open at a time on each of them, and how many on all if nothing keeps them.
    files: AtomicUsize,
    most: usize,
    /// The disk is taken for one that spins.
    spins: AtomicBool,
    pace: Mutex<Pace>,
}

/// Checks all files, at most `files` at a time where that is given, else as many as the disk bears;
/// this thread helps. Each report goes to `settle` with the number of its file as soon as it is there.
pub(crate) fn check_in_turns<'a>(
    checker: &Checker<'a>,
    tasks: &[Task<'_, 'a>],
    files: Option<NonZeroUsize>,
    settle: impl Fn(usize, ArchiveReport) + Sync,
) {
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let most = files.map_or(FILES, NonZeroUsize::get).min(tasks.len().max(1));
    let spins = first_spins(tasks);
    let first = if spins && files.is_none() { 1 } else { most };
    let threads = (processors / 2).clamp(1, THREADS).min(most);
    let turns = Turns {
        checker,
        tasks,
        settle,
        next: AtomicUsize::new(0),
        threads,
        files: AtomicUsize::new(first.div_ceil(threads)),
        most,
        spins: AtomicBool::new(spins),
        pace: Mutex::default(),
    };
    thread::scope(|scope| {
        if !spins {
            turns.help(scope);
        }
        turns.read(scope);
    });
}

fn first_spins(tasks: &[Task<'_, '_>]) -> bool {
    let metadata = tasks.iter().find_map(|(path, _)| path.metadata().ok());
    metadata.is_some_and(|metadata| crate::disk::is_on_spinning_disk(&metadata))
}

impl<'c, 'a, S: Fn(usize, ArchiveReport) + Sync> Turns<'c, 'a, S> {
    /// Lets the other threads read as well. Where the system gives none, this one does it all.
    fn help<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) {
        for _ in 1..self.threads {
            let _ = thread::Builder::new().spawn_scoped(scope, || self.read(scope));
        }
    }

    /// Reads files in turns until none is left.
    fn read<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) {
        let mut open: Vec<(usize, Check<'c, 'a>)> = Vec::new();
        loop {
            while open.len() < self.files.load(Ordering::Relaxed)
                && let Some(next) = self.open_next()
            {
                open.push(next);
            }
            if open.is_empty() {
                return;
            }
            open.retain_mut(|(index, check)| match self.turn(check, scope) {
                Some(report) => {
                    (self.settle)(*index, report);
                    false
                }
                None => true,
            });
        }
    }

    /// Opens the next file that can be opened, and settles those that cannot.
    fn open_next(&self) -> Option<(usize, Check<'c, 'a>)> {
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let (path, expected) = self.tasks.get(index)?;
            match self.checker.begin(path, *expected) {
                Ok(check) => return Some((index, check)),
                Err(report) => (self.settle)(index, *report),
            }
        }
    }

    /// Reads on in one file; the report where that was the end of it.
    fn turn<'scope>(
        &'scope self,
        check: &mut Check<'c, 'a>,
        scope: &'scope Scope<'scope, '_>,
    ) -> Option<ArchiveReport> {
        let spins = self.spins.load(Ordering::Relaxed);
        for _ in 0..if spins { LONG_TURN } else { 1 } {
            if let Some(report) = check.step() {
                return Some(report);
            }
        }
        if spins && self.is_swift(check.take_pace()) {
            self.spins.store(false, Ordering::Relaxed);
            self.files.store(self.most.div_ceil(self.threads), Ordering::Relaxed);
            self.help(scope);
        }
        None
    }

    /// Adds to what is known of the disk. True once: when it turns out not to spin.
    fn is_swift(&self, more: Pace) -> bool {
        let mut pace = self.pace.lock();
        pace.bytes += more.bytes;
        pace.time += more.time;
        if pace.bytes < PROBE {
            return false;
        }
        std::mem::take(&mut *pace).is_swift() && self.spins.load(Ordering::Relaxed)
    }
}

impl Pace {
    fn is_swift(self) -> bool {
        self.bytes as f64 > SWIFT * self.time.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn no_disk_that_spins_is_swift() {
        let pace = |bytes, milliseconds| Pace { bytes, time: Duration::from_millis(milliseconds) };
        assert!(!pace(PROBE, 115).is_swift(), "280 MB/s");
        assert!(!pace(PROBE, 32).is_swift());
        assert!(pace(PROBE, 30).is_swift());
        assert!(pace(PROBE, 0).is_swift());
    }
}
