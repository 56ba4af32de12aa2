//! An archive in hand: what its keeper and its connections share.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::hash_cursor::HashCursor;
use super::part::Part;
use crate::catalog::Archive;
use crate::event::{Event, Listener};

/// An archive in hand.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) archive: Archive,
    pub(super) front: HashCursor,
    part: RwLock<Part>,
    pub(super) downloaded: AtomicU64,
    pub(super) attempts: AtomicU32,
    /// All of it is here, and bytes that come replace others: no progress of the whole.
    pub(super) mending: AtomicBool,
}

impl Job {
    pub(super) fn new(archive: Archive, front: HashCursor, part: RwLock<Part>) -> Self {
        Self {
            archive,
            front,
            part,
            downloaded: AtomicU64::new(0),
            attempts: AtomicU32::new(0),
            mending: AtomicBool::new(false),
        }
    }

    /// The part, when nobody writes to it: who comes later finds out first that it is over.
    pub(super) fn wait_for_writers(&self) -> RwLockWriteGuard<'_, Part> {
        self.part.write()
    }

    pub(super) fn part(&self) -> RwLockReadGuard<'_, Part> {
        self.part.read()
    }

    /// Tells how much of the archive is here, unless that is not what is being done.
    pub(super) fn tell_position(&self, listener: &dyn Listener, done: u64) {
        if !self.mending.load(Ordering::Relaxed) {
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
