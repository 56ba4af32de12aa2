//! Checks one file: from its path to its report.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use super::advice::advice;
use super::classify::{Classification, classify};
use super::content::{ContentHasher, ContentSummary};
use super::file_reader::{FileReader, ReadError};
use super::names::{NameMatch, match_name};
use crate::cancel::Cancel;
use crate::catalog::{Archive, Catalog, DigestKinds};
use crate::disk;
use crate::event::{Activity, Event, Listener};
use crate::hash::Engine;
use crate::hash::buffer_pool::BufferPool;
use crate::locate::{Damage, DamageKind};
use crate::rate::Throttle;
use crate::report::SuggestedCommand::Again;
use crate::report::{ArchiveReport, NextStep};
use crate::text::escape;
use crate::verdict::Verdict;

/// The bytes between two positions that the listener gets.
const STEP: u64 = 1 << 20;

/// Checks files, from any number of threads.
pub(crate) struct FileChecker<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) engine: &'a Engine,
    pub(super) listener: &'a dyn Listener,
    pub(super) cancel: &'a Cancel,
    pub(super) buffers: BufferPool,
    /// The name of the source in events, if there are several.
    pub(super) source: Option<&'a str>,
    /// The digests to compute. With SHA-256s, a file is `ok` only if its SHA-256 is right too, provided
    /// that the catalog has one.
    pub(super) kinds: DigestKinds,
    /// The limit for all files together.
    pub(super) throttle: Option<&'a Throttle<'a>>,
    /// The work in events.
    pub(crate) activity: Activity,
}

impl<'a> FileChecker<'a> {
    pub(crate) fn new(
        catalog: &'a Catalog,
        engine: &'a Engine,
        listener: &'a dyn Listener,
        cancel: &'a Cancel,
    ) -> Self {
        let buffers = BufferPool::default();
        let (source, kinds, throttle) = (None, catalog.kinds(false), None);
        let activity = Activity::Verify;
        Self { catalog, engine, listener, cancel, buffers, source, kinds, throttle, activity }
    }

    /// Opens the file, or returns the report if that fails. Without an `expected` archive, the name
    /// and the content tell which archive it is.
    ///
    /// A file that could not be read to its end or that changed meanwhile is always an `error`, and
    /// so is one if the check was cancelled.
    pub(super) fn begin<'c>(
        &'c self,
        path: &'c Path,
        expected: Option<&'a Archive>,
    ) -> Result<FileCheck<'c, 'a>, Box<ArchiveReport>> {
        let begun = Instant::now();
        let name = expected.map_or_else(|| match_name(path, self.catalog), NameMatch::Exact);
        let is_cancelled = self.cancel.is_cancelled();
        let opened = if is_cancelled { Err(ReadError::Cancelled) } else { FileReader::open(path) };
        let reader = opened.map_err(|error| Box::new(unreadable(path, name.archive(), &error)))?;
        let size = reader.size();
        let label = label(path, name, size, self.catalog);
        let (archive, source, activity) = (&label, self.source, self.activity);
        self.listener.on(Event::Begun { archive, source, activity, size: Some(size) });
        let expected = name.archive().and_then(|it| Some((it.size?, it.digest().kind())));
        let prefix = expected.filter(|&(expected, _)| expected < size);
        let hasher = Some(ContentHasher::new(self.engine, self.kinds, prefix));
        Ok(FileCheck {
            checker: self,
            path,
            name,
            reader,
            buffers: self.buffers.clone(),
            label,
            hasher,
            reported: 0,
            speed: ReadSpeed::default(),
            begun,
        })
    }

    /// Checks a file, and passes each block to `tap` while it is hashed. Returns `None` if that ends the
    /// reading.
    pub(crate) fn check(
        &self,
        path: &Path,
        expected: &'a Archive,
        tap: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Option<ArchiveReport> {
        let mut check = match self.begin(path, Some(expected)) {
            Ok(check) => check,
            Err(report) => return Some(*report),
        };
        let mut is_over = false;
        while !is_over {
            let mut tap = |block: &[u8]| is_over = tap(block).is_break();
            if let Some(report) = check.step_with(&mut tap) {
                return Some(report);
            }
        }
        None
    }

    /// Waits after a read of this many bytes, as the rate limit demands.
    pub(super) fn wait(&self, bytes: u64) {
        let Self { throttle, cancel, .. } = self;
        let Some(throttle) = throttle else { return };
        let Some(toll) = throttle.take(bytes, Instant::now()) else { return };
        while let Some(wait) = throttle.owed(toll, Instant::now())
            && !cancel.is_cancelled()
        {
            cancel.sleep(wait);
        }
    }
}

/// The name in events before the content is known. It is that of the report, as far as the name of
/// the file or else the size can tell.
pub(super) fn label(path: &Path, name: NameMatch<'_>, size: u64, catalog: &Catalog) -> String {
    let of_this_size = || catalog.archives().iter().find(|archive| archive.size == Some(size));
    let archive = name.archive().or_else(of_this_size);
    archive.map_or_else(|| own_name(path), |archive| archive.name.clone())
}

/// Bytes that came from the disk, and the time that they took.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct ReadSpeed {
    pub(super) bytes: u64,
    pub(super) time: Duration,
}

/// A file that is being checked, block by block.
pub(super) struct FileCheck<'c, 'a> {
    checker: &'c FileChecker<'a>,
    path: &'c Path,
    name: NameMatch<'a>,
    reader: FileReader,
    buffers: BufferPool,
    label: String,
    /// `None` after the end of the file.
    hasher: Option<ContentHasher>,
    /// The last position that the listener got.
    reported: u64,
    /// The speed of the reads, without the waits for the hash.
    pub(super) speed: ReadSpeed,
    begun: Instant,
}

impl FileCheck<'_, '_> {
    /// Reads and hashes the next block; returns the report at the end of the file.
    pub(super) fn step(&mut self) -> Option<ArchiveReport> {
        self.step_with(&mut |_| ())
    }

    /// Does the same, and passes the block to `tap` too.
    fn step_with(&mut self, tap: &mut dyn FnMut(&[u8])) -> Option<ArchiveReport> {
        if self.checker.cancel.is_cancelled() {
            return Some(self.report(Err(ReadError::Cancelled)));
        }
        let start = Instant::now();
        match self.reader.next_block(self.path, &self.buffers) {
            Ok(Some((block, done))) => {
                let length = block.len() as u64;
                self.speed.bytes += length;
                self.speed.time += start.elapsed();
                if let Some(hasher) = &mut self.hasher {
                    hasher.update(block.clone());
                }
                tap(&block);
                drop(block);
                self.report_position(done);
                self.checker.wait(length);
                None
            }
            Ok(None) => {
                let content = self.hasher.take().map(ContentHasher::finish);
                Some(self.report(content.ok_or(ReadError::Cancelled)))
            }
            Err(error) => Some(self.report(Err(error))),
        }
    }

    /// Goes on with another engine, and with blocks of another pool.
    pub(super) fn move_to(&mut self, engine: &Engine, buffers: &BufferPool) {
        if let Some(hasher) = &mut self.hasher {
            hasher.move_to(engine);
        }
        self.buffers = buffers.clone();
    }

    /// Returns true if the next block can be hashed without waiting.
    pub(super) fn has_room(&self) -> bool {
        self.hasher.as_ref().is_none_or(ContentHasher::has_room)
    }

    /// Says that other files are read before the next block.
    pub(super) fn rest(&self) {
        self.hasher.as_ref().inspect(|hasher| hasher.rest());
    }

    fn report_position(&mut self, done: u64) {
        if done - self.reported >= STEP || done == self.reader.size() {
            self.reported = done;
            let (archive, source) = (&self.label, self.checker.source);
            self.checker.listener.on(Event::Position { archive, source, done });
        }
    }

    fn report(&self, content: Result<ContentSummary, ReadError>) -> ArchiveReport {
        let mut report = match content {
            Ok(content) => self.report_on(&content),
            Err(error) => unreadable(self.path, self.name.archive(), &error),
        };
        report.seconds = self.begun.elapsed().as_secs_f64();
        report
    }

    fn report_on(&self, content: &ContentSummary) -> ArchiveReport {
        let (path, catalog) = (self.path, self.checker.catalog);
        let found = classify(path, self.name, catalog, content);
        let Classification { verdict, archive, .. } = found;
        let contains = archive.filter(|archive| content.prefix == Some(archive.digest()));
        let damage = contains.map(|archive| {
            let range = archive.size.unwrap_or(content.size)..content.size;
            Damage { range, member: None, kind: DamageKind::TrailingBytes }
        });
        ArchiveReport {
            actual_md5: content.md5,
            actual_sha256: content.sha256,
            actual_size: Some(content.size),
            bytes_reused: if verdict == Verdict::Ok { content.size } else { 0 },
            detail: found.detail,
            next: advice(verdict, archive, found.content, path, catalog),
            damage: damage.into_iter().collect(),
            ..blank(path, archive, verdict)
        }
    }
}

/// A report on the file at the path, with the published values of the archive.
pub(crate) fn blank(path: &Path, archive: Option<&Archive>, verdict: Verdict) -> ArchiveReport {
    let of = |archive| ArchiveReport::of(archive, verdict);
    let report = archive.map_or_else(|| ArchiveReport::new(own_name(path), verdict), of);
    ArchiveReport { path: Some(path.to_owned()), ..report }
}

/// The report on a file that could not be read.
pub(super) fn unreadable(
    path: &Path,
    archive: Option<&Archive>,
    error: &ReadError,
) -> ArchiveReport {
    let next = match error {
        ReadError::Open(cause) if cause.kind() == io::ErrorKind::NotFound => {
            NextStep::by_hand("check the name")
        }
        ReadError::NotAFile(_) => NextStep::then("move it away", Again),
        ReadError::Open(cause) if disk::is_open_file_limit(cause) => {
            NextStep::then("allow more open files (`ulimit -n`)", Again)
        }
        ReadError::Open(_) => NextStep::then("make it readable", Again),
        ReadError::Read { .. } => {
            NextStep::then("look for errors of the disk in the system's log", Again)
        }
        ReadError::Changed => NextStep::then("wait until nothing writes to it", Again),
        ReadError::Cancelled => Again.into(),
    };
    let detail = match error {
        ReadError::Cancelled => error.to_string(),
        _ => format!("{} {error}", escape::path(path)),
    };
    let damage = match *error {
        ReadError::Read { offset, .. } => {
            vec![Damage { range: offset..offset + 1, member: None, kind: DamageKind::Unreadable }]
        }
        _ => Vec::new(),
    };
    ArchiveReport {
        detail: Some(detail),
        next: Some(next),
        damage,
        ..blank(path, archive, Verdict::Error)
    }
}

/// The file name, or the whole path if it has none.
fn own_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
