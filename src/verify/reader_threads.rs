//! Reads several files at a time on a few threads. Each thread reads a block of one file after the
//! other, so that their streams are hashed side by side: by the threads of the engine, or if there are
//! many files, by the thread that reads, while the blocks are in the cache of its processor.
//!
//! The cost model of the hash says which, and how many threads read. A spinning disk
//! would seek from file to file, so one thread reads one file at a time there, or several, but many
//! blocks of each, until the bytes come faster than any spinning disk gives them: from memory, or from
//! a disk that only claims to spin.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Scope};

use parking_lot::Mutex;

use super::file_check::{FileCheck, FileChecker, ReadSpeed};
use crate::catalog::Archive;
use crate::hash::buffer_pool::BufferPool;
use crate::hash::{Engine, ReaderThreads};
use crate::report::ArchiveReport;

/// The default number of files that are read at a time: the twelve, and no more than fill the
/// widest lanes.
const FILES: usize = 16;

/// Blocks of a file that are read from a spinning disk before those of the next file: 8 MiB, for
/// which a seek of 10 ms takes at most a fifth of the time.
const BLOCKS_IN_A_ROW: usize = 32;

/// The bytes of a block that the reading thread hashes: those of eight files are in the second-level cache
/// together. Twelve files take 0.75 of the time of blocks that other threads hash.
const OWN_BLOCK: usize = 64 << 10;

/// Bytes that are read before a disk is judged by its speed: more than the system reads ahead
/// (8 MiB on some arrays), so that at least one read waited for the disk.
const PROBE: u64 = 32 << 20;

/// A disk that gives more bytes per second than this does not spin.
const SPINNING_DISK_LIMIT: f64 = 1_073_741_824.0;

/// A file to check, and the archive that it should be.
pub(super) type FileToCheck<'p, 'a> = (&'p Path, Option<&'a Archive>);

/// Shared by the threads that read.
struct Readers<'c, 'a, S> {
    checker: &'c FileChecker<'a>,
    files: &'c [FileToCheck<'c, 'a>],
    settle: S,
    next: AtomicUsize,
    /// Open files for threads that have none.
    spare: Mutex<Vec<(usize, FileCheck<'c, 'a>)>>,
    threads: ReaderThreads,
    /// The most open files of the first thread while the disk spins, and else of all threads together.
    most_spinning: usize,
    most: usize,
    /// True while the disk is treated as a spinning one.
    spins: AtomicBool,
    speed: Mutex<ReadSpeed>,
}

/// Checks all files, at most `readers` at a time or else as many as suit the disk. Passes each
/// report to `settle` as soon as it is complete, with the index of its file.
pub(crate) fn check_files<'a>(
    checker: &FileChecker<'a>,
    files: &[FileToCheck<'_, 'a>],
    readers: Option<NonZeroUsize>,
    settle: impl Fn(usize, ArchiveReport) + Sync,
) {
    let most = readers.map_or(FILES, NonZeroUsize::get).min(files.len().max(1));
    let spins = on_spinning_disk(files.iter().map(|(path, _)| *path));
    let threads = checker.engine.readers(most);
    let readers = Readers {
        checker,
        files,
        settle,
        next: AtomicUsize::new(0),
        spare: Mutex::default(),
        threads,
        most_spinning: readers.map_or(1, |_| most),
        most,
        spins: AtomicBool::new(spins),
        speed: Mutex::default(),
    };
    thread::scope(|scope| {
        if !spins {
            readers.add_threads(scope);
        }
        readers.read(scope, 0);
    });
}

/// True if the first of the files that exists lies on a spinning disk.
pub(super) fn on_spinning_disk<'p>(mut paths: impl Iterator<Item = &'p Path>) -> bool {
    let metadata = paths.find_map(|path| path.metadata().ok());
    metadata.is_some_and(|metadata| crate::disk::is_on_spinning_disk(&metadata))
}

impl<'c, 'a, S: Fn(usize, ArchiveReport) + Sync> Readers<'c, 'a, S> {
    /// Starts the other threads. If the system gives none, this thread reads everything.
    fn add_threads<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) {
        for thread in 1..self.threads.count() {
            let _ = thread::Builder::new().spawn_scoped(scope, move || self.read(scope, thread));
        }
    }

    /// The most open files of a thread.
    fn most_of(&self, thread: usize, spins: bool) -> usize {
        if spins { self.most_spinning } else { share(self.most, thread, self.threads.count()) }
    }

    /// Reads files until none is left.
    fn read<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, thread: usize) {
        let own = (self.checker.engine.for_calling_thread(), BufferPool::new(OWN_BLOCK));
        let mut open: Vec<(usize, FileCheck<'c, 'a>)> = Vec::new();
        loop {
            let spins = self.spins.load(Ordering::Relaxed);
            while open.len() < self.most_of(thread, spins)
                && let Some((index, mut check)) = self.open_next()
            {
                if spins {
                    check.rest();
                } else {
                    self.place(&mut check, &own);
                }
                open.push((index, check));
            }
            if open.is_empty() {
                return;
            }
            // A file that is ahead waits for the others: without their bytes, their lanes would be empty.
            let has_room = open.iter().any(|(_, check)| check.has_room());
            open.retain_mut(|(index, check)| {
                if has_room && !check.has_room() {
                    return true;
                }
                let report = self.advance(check);
                let is_open = report.is_none();
                if let Some(report) = report {
                    (self.settle)(*index, report);
                }
                is_open
            });
            if spins && !self.spins.load(Ordering::Relaxed) {
                let most = self.most_of(thread, false);
                *self.spare.lock() = open.split_off(open.len().min(most));
                self.add_threads(scope);
                for (_, check) in &mut open {
                    self.place(check, &own);
                }
            }
        }
    }

    /// Lets this thread hash the file, if the threads hash what they read.
    fn place(&self, check: &mut FileCheck<'c, 'a>, (engine, buffers): &(Engine, BufferPool)) {
        if matches!(self.threads, ReaderThreads::Hash(_)) {
            check.move_to(engine, buffers);
        }
    }

    /// Returns a spare file or opens the next one. Settles those that cannot be opened.
    fn open_next(&self) -> Option<(usize, FileCheck<'c, 'a>)> {
        if let Some(spare) = self.spare.lock().pop() {
            return Some(spare);
        }
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let (path, expected) = self.files.get(index)?;
            match self.checker.begin(path, *expected) {
                Ok(check) => return Some((index, check)),
                Err(report) => (self.settle)(index, *report),
            }
        }
    }

    /// Reads the next blocks of a file; returns the report at its end.
    fn advance(&self, check: &mut FileCheck<'c, 'a>) -> Option<ArchiveReport> {
        let spins = self.spins.load(Ordering::Relaxed);
        for _ in 0..if spins { BLOCKS_IN_A_ROW } else { 1 } {
            if let Some(report) = check.step() {
                return Some(report);
            }
        }
        if spins {
            check.rest();
            if self.does_not_spin(std::mem::take(&mut check.speed)) {
                self.spins.store(false, Ordering::Relaxed);
            }
        }
        None
    }

    /// Adds to the measured speed. Returns true if the disk turns out not to spin.
    fn does_not_spin(&self, more: ReadSpeed) -> bool {
        let mut speed = self.speed.lock();
        speed.bytes += more.bytes;
        speed.time += more.time;
        speed.bytes >= PROBE && std::mem::take(&mut *speed).exceeds_spinning_disk()
    }
}

/// Returns the part of a thread in `most` files, of which there are at least as many as threads.
const fn share(most: usize, thread: usize, threads: usize) -> usize {
    (most + thread) / threads
}

impl ReadSpeed {
    fn exceeds_spinning_disk(self) -> bool {
        self.bytes as f64 > SPINNING_DISK_LIMIT * self.time.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::testing::{archive, gzip_like};
    use super::*;
    use crate::cancel::Cancel;
    use crate::catalog::Catalog;
    use crate::event::Silent;
    use crate::hash::{Feed, LaneSet};
    use crate::verdict::Verdict::{self, Corrupt, Incomplete, Ok};

    /// Twenty files of up to ten blocks, of which some are damaged, on any number of processors: the one thread
    /// hashes what it reads, or threads feed others.
    #[test]
    fn verdicts_do_not_depend_on_the_threads_that_hash() {
        let dir = tempfile::tempdir().unwrap();
        let contents: Vec<_> =
            (0..20).map(|seed| gzip_like(seed, seed * OWN_BLOCK / 2 + 9)).collect();
        let name = |number: usize| format!("{number}.tar.gz");
        let archives =
            contents.iter().zip(0..).map(|(content, number)| archive(&name(number), content));
        let catalog = Catalog::new(archives.collect()).unwrap();
        let mut expected = vec![Ok; 20];
        for (number, mut content) in contents.into_iter().enumerate() {
            match number {
                7 => content[OWN_BLOCK + 3] ^= 1,
                // Longer than the archive: its first bytes are hashed apart too.
                11 => content.extend(vec![1; 3 * OWN_BLOCK]),
                13 => content.truncate(4 * OWN_BLOCK),
                _ => {}
            }
            std::fs::write(dir.path().join(name(number)), content).unwrap();
        }
        (expected[7], expected[11], expected[13]) = (Corrupt, Corrupt, Incomplete);
        for cores in [1, 2, 64] {
            let cores = NonZeroUsize::new(cores).unwrap();
            let engine = Engine::new(LaneSet::for_this_machine(), cores, Feed::Files);
            assert_eq!(verdicts(&engine, dir.path(), &catalog), expected, "{cores} processors");
        }
    }

    fn verdicts(engine: &Engine, dir: &Path, catalog: &Catalog) -> Vec<Verdict> {
        let archives = catalog.archives();
        let paths: Vec<_> = archives.iter().map(|archive| dir.join(&archive.name)).collect();
        let files: Vec<_> = paths
            .iter()
            .zip(archives)
            .map(|(path, archive)| (path.as_path(), Some(archive)))
            .collect();
        let cancel = Cancel::new();
        let checker = FileChecker::new(catalog, engine, &Silent, &cancel);
        let found = Mutex::new(vec![Verdict::Missing; files.len()]);
        check_files(&checker, &files, None, |index, report| found.lock()[index] = report.verdict);
        found.into_inner()
    }

    #[test]
    fn all_threads_together_open_as_many_files_as_allowed() {
        for (most, threads) in (1..=64).flat_map(|most| (1..=most).map(move |it| (most, it))) {
            let shares: Vec<_> = (0..threads).map(|thread| share(most, thread, threads)).collect();
            assert_eq!(shares.iter().sum::<usize>(), most, "{shares:?}");
            assert!(shares[0] > 0, "{shares:?}");
        }
    }

    #[test]
    fn no_spinning_disk_reaches_the_limit() {
        let speed =
            |bytes, milliseconds| ReadSpeed { bytes, time: Duration::from_millis(milliseconds) };
        assert!(!speed(PROBE, 115).exceeds_spinning_disk(), "280 MB/s");
        assert!(!speed(PROBE, 32).exceeds_spinning_disk());
        assert!(speed(PROBE, 30).exceeds_spinning_disk());
        assert!(speed(PROBE, 0).exceeds_spinning_disk());
    }
}
