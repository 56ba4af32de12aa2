//! The threads, the queue of streams that have work, and the streams.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use bytes::Bytes;
use md5::{Digest as _, Md5};

use crate::digest::Digest;

/// Bytes that one stream may hold unhashed before `push` waits.
pub const BACKLOG: usize = 1 << 20;

/// A pool of threads that hash the blocks of many streams.
///
/// Dropping it ends its threads; streams that are still open then never finish, so the engine is
/// dropped last.
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
    threads: Vec<thread::JoinHandle<()>>,
}

/// One file's bytes on their way to a digest. Dropping it forgets them.
#[derive(Debug)]
pub struct Stream {
    shared: Arc<Shared>,
    lane: Arc<Lane>,
}

#[derive(Debug, Default)]
struct Shared {
    ready: Mutex<Ready>,
    work: Condvar,
}

#[derive(Debug, Default)]
struct Ready {
    lanes: VecDeque<Arc<Lane>>,
    closed: bool,
}

#[derive(Debug, Default)]
struct Lane {
    state: Mutex<LaneState>,
    progress: Condvar,
}

#[derive(Debug, Default)]
struct LaneState {
    blocks: VecDeque<Bytes>,
    waiting: usize,
    /// Taken out by the thread that hashes, so that the lock is not held meanwhile.
    hasher: Option<Md5>,
    queued: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// An engine with so many threads.
    pub fn new(threads: NonZeroUsize) -> Self {
        let shared = Arc::new(Shared::default());
        let threads = (0..threads.get())
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.run())
            })
            .collect();
        Self { shared, threads }
    }

    /// An engine with a thread for every processor that this process may use.
    pub fn for_this_machine() -> Self {
        Self::new(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }

    /// Opens a stream with nothing in it yet.
    pub fn stream(&self) -> Stream {
        let lane = Lane::default();
        lock(&lane.state).hasher = Some(Md5::new());
        Stream { shared: Arc::clone(&self.shared), lane: Arc::new(lane) }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        lock(&self.shared.ready).closed = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Stream {
    /// Adds a block to the end of the stream. Waits while more than [`BACKLOG`] bytes are unhashed.
    pub fn push(&mut self, block: Bytes) {
        let mut state = lock(&self.lane.state);
        while state.waiting > BACKLOG {
            state = self.lane.progress.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting += block.len();
        state.blocks.push_back(block);
        if !state.queued {
            state.queued = true;
            drop(state);
            lock(&self.shared.ready).lanes.push_back(Arc::clone(&self.lane));
            self.shared.work.notify_one();
        }
    }

    /// Ends the stream: waits until all of it is hashed, and gives its digest.
    pub fn finish(self) -> Digest {
        let mut state = lock(&self.lane.state);
        while state.waiting > 0 || state.queued {
            state = self.lane.progress.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let hasher = state.hasher.take().unwrap_or_default();
        Digest::new(hasher.finalize().into())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        lock(&self.lane.state).blocks.clear();
    }
}

impl Shared {
    fn run(&self) {
        while let Some(lane) = self.next() {
            if lane.hash_waiting() {
                lock(&self.ready).lanes.push_back(lane);
            }
        }
    }

    fn next(&self) -> Option<Arc<Lane>> {
        let mut ready = lock(&self.ready);
        loop {
            if let Some(lane) = ready.lanes.pop_front() {
                return Some(lane);
            }
            if ready.closed {
                return None;
            }
            ready = self.work.wait(ready).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Lane {
    /// Hashes what waits, and says whether more came meanwhile.
    fn hash_waiting(&self) -> bool {
        let mut state = lock(&self.state);
        let blocks = std::mem::take(&mut state.blocks);
        let mut hasher = state.hasher.take().unwrap_or_default();
        drop(state);
        let mut hashed = 0;
        for block in blocks {
            hasher.update(&block);
            hashed += block.len();
        }
        let mut state = lock(&self.state);
        state.hasher = Some(hasher);
        state.waiting -= hashed;
        state.queued = !state.blocks.is_empty();
        let again = state.queued;
        drop(state);
        self.progress.notify_all();
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_streams_pushed_in_turns_have_the_digests_of_their_bytes() {
        let engine = Engine::new(NonZeroUsize::new(2).unwrap());
        let texts: Vec<Vec<u8>> =
            (0..20).map(|n| (0..=250).cycle().take(n * 70_001).collect()).collect();
        let mut streams: Vec<_> = texts.iter().map(|_| engine.stream()).collect();
        for piece in 0..30 {
            for (text, stream) in texts.iter().zip(&mut streams) {
                let size = text.len().div_ceil(30);
                let start = (piece * size).min(text.len());
                let end = (start + size).min(text.len());
                stream.push(Bytes::copy_from_slice(&text[start..end]));
            }
        }
        for (text, stream) in texts.iter().zip(streams) {
            assert_eq!(stream.finish(), Digest::new(Md5::digest(text).into()));
        }
    }

    #[test]
    fn a_dropped_stream_holds_nobody_up() {
        let engine = Engine::new(NonZeroUsize::MIN);
        let mut lost = engine.stream();
        lost.push(Bytes::from_static(b"lost"));
        drop(lost);
        assert_eq!(engine.stream().finish().to_string(), "d41d8cd98f00b204e9800998ecf8427e");
    }
}
