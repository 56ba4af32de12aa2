//! The open streams of the engine, and the choice of those to hash next. It has no thread and no
//! lock.
//!
//! A set of vector lanes takes as long for one stream as for eight, so the engine does not start at
//! every block: it waits until most streams of a set have bytes. It does not wait for more if a stream
//! has ended, and waits only a moment for one whose source is blocked. It does not wait at all for
//! streams whose sources rest.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar};

use bytes::Bytes;

use super::distribution::{Distribution, Load, Width};
use super::hasher::Md5Hasher;

/// Unhashed bytes of one stream above which `push` waits for the threads of the engine.
pub const BACKLOG: usize = 512 << 10;

/// Blocks that one stream may hold: limits the memory if they are tiny.
const MAX_BLOCKS: usize = 1024;

/// A stream with fewer bytes has to wait for more, unless someone waits for it: lanes that run out
/// after a few blocks leave the others alone.
const MIN_BYTES: usize = 16 << 10;

/// The most bytes of a stream that are hashed at once. After them, streams are chosen again, so that
/// new ones fill the lanes of those that ran out.
pub(super) const MAX_BYTES: usize = 64 << 10;

/// The same for a stream that has a core to itself.
const MAX_BYTES_ALONE: usize = 256 << 10;

#[derive(Debug)]
pub(super) struct StreamTable {
    pub(super) distribution: Distribution,
    /// Unhashed bytes of one stream above which `push` waits.
    backlog: usize,
    streams: BTreeMap<u64, OpenStream>,
    next: u64,
    /// The number of times that a thread took streams, and of those that have not put them back.
    turns: u64,
    sets: usize,
}

/// The part of a stream that pushes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Source {
    #[default]
    Active,
    /// No bytes will come for a while.
    Rests,
    /// `finish` waits for the rest.
    Ended,
}

#[derive(Debug, Default)]
struct OpenStream {
    hasher: Md5Hasher,
    blocks: VecDeque<Bytes>,
    /// Bytes in the blocks, and in those that a thread has taken.
    waiting: usize,
    /// A thread has taken the hasher and the first blocks.
    is_taken: bool,
    /// The last time that one did.
    turn: u64,
    /// `push` waits for room.
    is_blocked: bool,
    source: Source,
    /// Notified when there is room again, and when all bytes are hashed.
    progress: Arc<Condvar>,
}

/// The hasher and the next blocks of a stream, taken by a thread.
#[derive(Debug)]
pub(super) struct HashJob {
    id: u64,
    pub(super) hasher: Md5Hasher,
    pub(super) blocks: Vec<Bytes>,
}

/// Numbers of streams.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    /// A thread can take them.
    ready: usize,
    /// They have bytes, or may get some soon.
    active: usize,
    /// A thread has them.
    taken: usize,
    /// Their sources are faster than the hash.
    behind: usize,
    /// A ready one has ended.
    has_end: bool,
}

impl StreamTable {
    pub(super) const fn new(distribution: Distribution, backlog: usize) -> Self {
        Self { distribution, backlog, streams: BTreeMap::new(), next: 0, turns: 0, sets: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// Opens a stream and returns its number.
    pub(super) fn open(&mut self) -> u64 {
        self.open_with(Md5Hasher::new())
    }

    /// Opens a stream whose first bytes are hashed.
    pub(super) fn open_with(&mut self, hasher: Md5Hasher) -> u64 {
        let id = self.next;
        self.next += 1;
        self.streams.insert(id, OpenStream { hasher, ..OpenStream::default() });
        id
    }

    /// Expects no more bytes of a stream until the next one is pushed.
    pub(super) fn rest(&mut self, id: u64) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.source = Source::Rests;
        }
    }

    /// Forgets a stream, even if a thread has taken it.
    pub(super) fn close(&mut self, id: u64) {
        self.streams.remove(&id);
    }

    /// Adds a block to the stream, or returns the condition to wait for until there is room.
    pub(super) fn push(&mut self, id: u64, block: &Bytes) -> Result<(), Arc<Condvar>> {
        let Some(stream) = self.streams.get_mut(&id) else { return Ok(()) };
        stream.is_blocked = stream.is_full(self.backlog);
        if stream.is_blocked {
            return Err(Arc::clone(&stream.progress));
        }
        if !block.is_empty() {
            stream.waiting += block.len();
            stream.blocks.push_back(block.clone());
            stream.source = Source::Active;
        }
        Ok(())
    }

    /// Returns true if the stream takes a block now.
    pub(super) fn has_room(&self, id: u64) -> bool {
        self.streams.get(&id).is_none_or(|stream| !stream.is_full(self.backlog))
    }

    /// Ends the stream and returns its hasher, or the condition to wait for until all is hashed.
    pub(super) fn end(&mut self, id: u64) -> Result<Md5Hasher, Arc<Condvar>> {
        let Some(stream) = self.streams.get_mut(&id) else { return Ok(Md5Hasher::new()) };
        stream.source = Source::Ended;
        if stream.waiting > 0 {
            return Err(Arc::clone(&stream.progress));
        }
        Ok(std::mem::take(&mut stream.hasher))
    }

    /// True if a thread should take streams now: enough for a set are ready, or one has ended.
    pub(super) fn is_worthwhile(&self) -> bool {
        self.is_worth(self.count())
    }

    /// True if a source is blocked until a thread takes its stream.
    pub(super) fn is_urgent(&self) -> bool {
        self.streams.values().any(|stream| stream.is_ready() && stream.is_blocked)
    }

    /// Chooses streams for a thread. One that is not patient any more does not wait for streams without
    /// bytes if a source is blocked.
    pub(super) fn take(&mut self, is_patient: bool) -> Vec<HashJob> {
        let counts = self.count();
        if !self.is_worth(counts) && (is_patient || !self.is_urgent()) {
            return Vec::new();
        }
        let Width { most, .. } = self.width(counts);
        let bytes = if most == 1 { MAX_BYTES_ALONE } else { MAX_BYTES };
        let mut ready: Vec<_> = self.streams.iter_mut().filter(|(_, s)| s.is_ready()).collect();
        // First the last bytes of those that have ended. Otherwise, streams with the same number of
        // bytes share a set, because their lanes run out together; and all take turns.
        ready.sort_by_key(|(_, stream)| {
            let is_last = stream.is_ending() && stream.waiting <= bytes;
            (!is_last, Reverse(stream.waiting.min(bytes)), stream.turn)
        });
        self.sets += usize::from(!ready.is_empty());
        self.turns += 1;
        let turn = self.turns;
        ready.into_iter().take(most).map(|(id, stream)| stream.take(*id, bytes, turn)).collect()
    }

    fn count(&self) -> Counts {
        let mut counts = Counts::default();
        for stream in self.streams.values() {
            counts.ready += usize::from(stream.is_ready());
            counts.active += usize::from(stream.source != Source::Rests);
            counts.taken += usize::from(stream.is_taken);
            counts.behind += usize::from(stream.is_behind(self.backlog) || stream.is_ending());
            counts.has_end |= stream.is_ready() && stream.is_ending();
        }
        counts
    }

    fn is_worth(&self, counts: Counts) -> bool {
        // While a set is being hashed, its thread will take a stream that has ended next.
        let is_end = counts.has_end && self.sets == 0;
        is_end || counts.ready > 0 && 4 * counts.ready >= 3 * self.width(counts).least
    }

    fn width(&self, counts: Counts) -> Width {
        let Counts { active: streams, taken, behind, .. } = counts;
        let is_hash_behind = 2 * behind >= streams;
        self.distribution.width(Load { streams, taken, sets: self.sets, is_hash_behind })
    }

    /// Takes back a set from [`Self::take`], hashed.
    pub(super) fn put_back(&mut self, set: Vec<HashJob>) {
        self.sets -= 1;
        for job in set {
            self.put_back_stream(job);
        }
    }

    fn put_back_stream(&mut self, job: HashJob) {
        let Some(stream) = self.streams.get_mut(&job.id) else { return };
        stream.hasher = job.hasher;
        stream.is_taken = false;
        stream.waiting -= job.blocks.iter().map(Bytes::len).sum::<usize>();
        let is_done = stream.is_ending() && stream.waiting == 0;
        if is_done || (stream.is_blocked && !stream.is_behind(self.backlog)) {
            // Notified once: `push` sets the flag again if there is still no room.
            stream.is_blocked = false;
            stream.progress.notify_all();
        }
    }
}

impl OpenStream {
    fn is_full(&self, backlog: usize) -> bool {
        self.waiting > backlog || self.blocks.len() >= MAX_BLOCKS
    }

    fn is_ending(&self) -> bool {
        self.source == Source::Ended
    }

    fn is_behind(&self, backlog: usize) -> bool {
        self.waiting > backlog / 2 || self.blocks.len() >= MAX_BLOCKS / 2
    }

    fn is_ready(&self) -> bool {
        let has_enough = self.waiting >= MIN_BYTES || self.is_ending() || self.is_blocked;
        !self.is_taken && !self.blocks.is_empty() && has_enough
    }

    /// Takes at most this number of bytes.
    fn take(&mut self, id: u64, bytes: usize, turn: u64) -> HashJob {
        self.is_taken = true;
        self.turn = turn;
        let mut blocks = Vec::new();
        let mut left = bytes;
        while left > 0
            && let Some(first) = self.blocks.front_mut()
        {
            let block = first.split_to(first.len().min(left));
            if first.is_empty() {
                self.blocks.pop_front();
            }
            left -= block.len();
            blocks.push(block);
        }
        HashJob { id, hasher: std::mem::take(&mut self.hasher), blocks }
    }
}

#[cfg(test)]
impl HashJob {
    pub(super) fn bytes(&self) -> usize {
        self.blocks.iter().map(Bytes::len).sum()
    }
}

#[cfg(test)]
mod tests;
