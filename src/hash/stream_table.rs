//! The open streams of the engine, and the choice of those to hash next. It has no thread and no
//! lock.
//!
//! A set of vector lanes takes as long for one stream as for eight, so the engine does not start at
//! every block: it waits until most streams have bytes, or until someone waits for one. It starts at
//! once for a stream that has ended, and after a moment for one whose source is blocked.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar};

use bytes::Bytes;

use super::hasher::Md5Hasher;
use super::md5::Platform;

/// Unhashed bytes of one stream above which `push` waits.
pub const BACKLOG: usize = 512 << 10;

/// Blocks that one stream may hold: limits the memory if they are tiny.
const MAX_BLOCKS: usize = 1024;

/// A stream with fewer bytes has to wait for more, unless someone waits for it: lanes that run out
/// after a few blocks leave the others alone.
const MIN_BYTES: usize = 16 << 10;

/// The most bytes of a stream that are hashed at once. After them, streams are chosen again, so that
/// new ones fill the lanes of those that ran out.
const MAX_BYTES: usize = 64 << 10;

#[derive(Debug, Default)]
pub(super) struct StreamTable {
    streams: BTreeMap<u64, OpenStream>,
    next: u64,
}

#[derive(Debug, Default)]
struct OpenStream {
    hasher: Md5Hasher,
    blocks: VecDeque<Bytes>,
    /// Bytes in the blocks, and in those that a thread has taken.
    waiting: usize,
    /// A thread has taken the hasher and the first blocks.
    is_taken: bool,
    /// `push` waits for room.
    is_blocked: bool,
    /// `finish` waits for the rest.
    is_ending: bool,
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

impl StreamTable {
    pub(super) fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// Opens a stream and returns its number.
    pub(super) fn open(&mut self) -> u64 {
        let id = self.next;
        self.next += 1;
        self.streams.insert(id, OpenStream::default());
        id
    }

    /// Forgets a stream, even if a thread has taken it.
    pub(super) fn close(&mut self, id: u64) {
        self.streams.remove(&id);
    }

    /// Adds a block to the stream, or returns the condition to wait for until there is room.
    pub(super) fn push(&mut self, id: u64, block: &Bytes) -> Result<(), Arc<Condvar>> {
        let Some(stream) = self.streams.get_mut(&id) else { return Ok(()) };
        stream.is_blocked = stream.is_full();
        if stream.is_blocked {
            return Err(Arc::clone(&stream.progress));
        }
        if !block.is_empty() {
            stream.waiting += block.len();
            stream.blocks.push_back(block.clone());
        }
        Ok(())
    }

    /// Ends the stream and returns its hasher, or the condition to wait for until all is hashed.
    pub(super) fn end(&mut self, id: u64) -> Result<Md5Hasher, Arc<Condvar>> {
        let Some(stream) = self.streams.get_mut(&id) else { return Ok(Md5Hasher::new()) };
        stream.is_ending = true;
        if stream.waiting > 0 {
            return Err(Arc::clone(&stream.progress));
        }
        Ok(std::mem::take(&mut stream.hasher))
    }

    /// True if a thread should take streams now: most have bytes, or one has ended.
    pub(super) fn is_worthwhile(&self, platform: Platform) -> bool {
        let ready = self.streams.values().filter(|stream| stream.is_ready()).count();
        let is_ending = |stream: &OpenStream| stream.is_ready() && stream.is_ending;
        4 * ready >= 3 * self.streams.len().min(platform.lanes()) && ready > 0
            || self.streams.values().any(is_ending)
    }

    /// True if a source is blocked until a thread takes its stream.
    pub(super) fn is_urgent(&self) -> bool {
        self.streams.values().any(|stream| stream.is_ready() && stream.is_blocked)
    }

    /// Chooses streams for a thread, while `idle` others have nothing to do. A `patient` thread does
    /// not take streams only because a source is blocked.
    pub(super) fn take(&mut self, platform: Platform, idle: usize, patient: bool) -> Vec<HashJob> {
        if !self.is_worthwhile(platform) && (patient || !self.is_urgent()) {
            return Vec::new();
        }
        let mut ready: Vec<_> = self.streams.iter_mut().filter(|(_, s)| s.is_ready()).collect();
        // Streams with similar numbers of bytes share a set: their lanes run out together.
        ready.sort_by_key(|(_, stream)| (!stream.is_ending, Reverse(stream.waiting)));
        let behind = ready.iter().filter(|(_, stream)| stream.is_behind()).count();
        let mut sets = ready.len().div_ceil(platform.lanes()).min(idle + 1);
        if 2 * behind >= ready.len() {
            // One wide set costs the least time of all processors together. Several faster ones pay
            // if the hash is behind and processors are idle: all idle ones but one, which feeds us.
            sets = sets.max(ready.len().div_ceil(platform.full_speed_lanes()).min(idle.max(1)));
        }
        let share = ready.len().div_ceil(sets).min(platform.lanes());
        ready.into_iter().take(share).map(|(id, stream)| stream.take(*id)).collect()
    }

    /// Takes back a job from [`Self::take`], hashed.
    pub(super) fn put_back(&mut self, job: HashJob) {
        let Some(stream) = self.streams.get_mut(&job.id) else { return };
        stream.hasher = job.hasher;
        stream.is_taken = false;
        stream.waiting -= job.blocks.iter().map(Bytes::len).sum::<usize>();
        let is_done = stream.is_ending && stream.waiting == 0;
        if is_done || (stream.is_blocked && !stream.is_behind()) {
            // Notified once: `push` sets the flag again if there is still no room.
            stream.is_blocked = false;
            stream.progress.notify_all();
        }
    }
}

impl OpenStream {
    fn is_full(&self) -> bool {
        self.waiting > BACKLOG || self.blocks.len() >= MAX_BLOCKS
    }

    fn is_behind(&self) -> bool {
        self.waiting > BACKLOG / 2 || self.blocks.len() >= MAX_BLOCKS / 2
    }

    fn is_ready(&self) -> bool {
        let has_enough = self.waiting >= MIN_BYTES || self.is_ending || self.is_blocked;
        !self.is_taken && !self.blocks.is_empty() && has_enough
    }

    fn take(&mut self, id: u64) -> HashJob {
        self.is_taken = true;
        let mut blocks = Vec::new();
        let mut left = MAX_BYTES;
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
mod tests {
    use super::*;

    fn table(waiting: &[usize]) -> StreamTable {
        let mut table = StreamTable::default();
        for &bytes in waiting {
            let id = table.open();
            table.push(id, &Bytes::from(vec![0; bytes])).unwrap();
        }
        table
    }

    /// Lets a thread take streams. Returns their numbers, and how many bytes of each were taken.
    fn taken(table: &mut StreamTable, idle: usize) -> Vec<(u64, usize)> {
        let jobs = table.take(Platform::SIXTEEN, idle, false);
        jobs.iter().map(|job| (job.id, job.blocks.iter().map(Bytes::len).sum())).collect()
    }

    #[test]
    fn a_single_stream_is_taken_when_it_has_enough_bytes() {
        assert_eq!(taken(&mut table(&[MIN_BYTES - 1]), 1), []);
        assert_eq!(taken(&mut table(&[MIN_BYTES]), 1), [(0, MIN_BYTES)]);
        assert_eq!(taken(&mut table(&[10 * MAX_BYTES]), 1), [(0, MAX_BYTES)]);
    }

    #[test]
    fn a_few_of_many_streams_wait_until_a_source_is_blocked() {
        let mut waiting = [0; 12];
        waiting[..8].fill(MAX_BYTES);
        assert_eq!(taken(&mut table(&waiting), 1), []);
        waiting[8] = MAX_BYTES;
        assert_eq!(taken(&mut table(&waiting), 1).len(), 9);
        let mut full = [0; 12];
        full[3] = BACKLOG + 1;
        full[5] = MIN_BYTES;
        let mut table = table(&full);
        assert!(!table.is_urgent());
        let _ = table.push(3, &Bytes::from_static(b"x")).unwrap_err();
        assert!(table.is_urgent());
        assert!(table.take(Platform::SIXTEEN, 1, true).is_empty(), "a patient thread waits");
        assert_eq!(taken(&mut table, 1), [(3, MAX_BYTES), (5, MIN_BYTES)]);
    }

    #[test]
    fn a_stream_that_ends_is_taken_at_once() {
        let mut table = table(&[1, 0, 0, 0]);
        let _ = table.end(0).unwrap_err();
        assert_eq!(taken(&mut table, 1), [(0, 1)]);
    }

    #[test]
    fn blocks_are_taken_in_order_and_once() {
        let mut table = StreamTable::default();
        let id = table.open();
        let content = Bytes::from((0..=250).cycle().take(3 * MAX_BYTES + 7).collect::<Vec<u8>>());
        for block in content.chunks(MAX_BYTES / 3) {
            table.push(id, &content.slice_ref(block)).unwrap();
        }
        let _ = table.end(id).unwrap_err();
        let mut seen = Vec::new();
        while let Some(job) = table.take(Platform::SIXTEEN, 0, false).pop() {
            assert!(table.take(Platform::SIXTEEN, 0, false).is_empty(), "it is taken already");
            seen.extend(job.blocks.concat());
            table.put_back(job);
        }
        assert!(seen == content);
        assert!(table.end(id).is_ok());
    }

    #[test]
    fn a_full_stream_accepts_no_block_until_half_is_hashed() {
        for block in [BACKLOG / 4, 1] {
            let mut table = StreamTable::default();
            let id = table.open();
            let block = Bytes::from(vec![0; block]);
            while table.push(id, &block).is_ok() {}
            let stream = &table.streams[&id];
            assert!(stream.waiting > BACKLOG || stream.blocks.len() == MAX_BLOCKS);
            assert!(stream.waiting <= BACKLOG + block.len());
            while let Some(job) = table.take(Platform::SIXTEEN, 0, false).pop() {
                table.put_back(job);
            }
            assert!(table.push(id, &block).is_ok());
        }
    }

    #[test]
    fn the_work_is_split_if_the_hash_is_behind_and_processors_are_idle() {
        for (streams, waiting, idle, share) in [
            (12, BACKLOG, 0, 12),
            // The idle processor feeds the hash.
            (12, BACKLOG, 1, 12),
            (12, BACKLOG, 2, 6),
            (12, MAX_BYTES, 2, 12),
            // More streams than lanes are split in any case.
            (20, MAX_BYTES, 0, 16),
            (20, MAX_BYTES, 1, 10),
            (20, BACKLOG, 8, 7),
        ] {
            let taken = taken(&mut table(&vec![waiting; streams]), idle);
            assert_eq!(taken.len(), share, "{streams} × {waiting}, {idle} idle");
        }
    }

    #[test]
    fn a_stream_closed_while_taken_is_forgotten() {
        let mut table = table(&[MAX_BYTES]);
        let job = table.take(Platform::SIXTEEN, 0, false).pop().unwrap();
        table.close(0);
        table.put_back(job);
        assert!(table.is_empty());
    }
}
