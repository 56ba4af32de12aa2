//! An archive in progress, as its finisher and its connections share it.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::hash_cursor::HashCursor;
use super::part::Part;
use crate::catalog::Archive;
use crate::event::{Event, Listener};

#[derive(Debug)]
pub(super) struct Job {
    pub(super) archive: Archive,
    pub(super) cursor: HashCursor,
    part: RwLock<Part>,
    pub(super) downloaded: AtomicU64,
    pub(super) attempts: AtomicU32,
    /// A repair is under way: bytes that arrive replace others, and are no progress.
    pub(super) repairing: AtomicBool,
    /// A source sent bytes without end, which are in the part.
    pub(super) endless: AtomicBool,
}

impl Job {
    pub(super) fn new(archive: Archive, cursor: HashCursor, part: Part) -> Self {
        Self {
            archive,
            cursor,
            part: RwLock::new(part),
            downloaded: AtomicU64::new(0),
            attempts: AtomicU32::new(0),
            repairing: AtomicBool::new(false),
            endless: AtomicBool::new(false),
        }
    }

    /// Waits until no connection writes to the part. Later ones first notice that the attempt is
    /// over.
    pub(super) fn wait_for_writers(&self) -> RwLockWriteGuard<'_, Part> {
        self.part.write()
    }

    pub(super) fn part(&self) -> RwLockReadGuard<'_, Part> {
        self.part.read()
    }

    /// Reports how much of the archive is here, unless a repair is under way.
    pub(super) fn report_position(&self, listener: &dyn Listener, done: u64) {
        if !self.repairing.load(Ordering::Relaxed) {
            let archive = &self.archive.name;
            listener.on(Event::Position { archive, source: None, done });
        }
    }

    pub(super) fn count_attempt(&self) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_downloaded(&self, bytes: u64) {
        self.downloaded.fetch_add(bytes, Ordering::Relaxed);
    }
}
