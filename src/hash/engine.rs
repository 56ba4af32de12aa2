//! A pool of threads that hash many streams.

use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::digest::Md5;
use super::distribution::{Distribution, Feed, ReaderThreads};
use super::hasher::Md5Hasher;
use super::lane_set::{LaneInput, LaneSet};
use super::sha256_list::Sha256Lanes;
use super::stream_table::{BACKLOG, HashJob, StreamTable};

/// The time for which a source may be blocked while a thread waits for other streams to fill its
/// lanes: a set takes as long for one as for eight. If there are too few processors, the other
/// streams fill meanwhile.
const FILL_TIME: Duration = Duration::from_millis(2);

/// Hashes the blocks of many streams: on threads of its own, which end after it is dropped, as soon as no
/// stream is open, or on the threads of its callers.
#[derive(Debug)]
pub struct Engine {
    shared: Arc<EngineShared>,
}

/// A stream of bytes to be hashed. Dropping it forgets them.
#[derive(Debug)]
pub struct Md5Stream {
    shared: Arc<EngineShared>,
    id: u64,
}

#[derive(Debug)]
struct EngineShared {
    lanes: LaneSet,
    /// Of std: with the locks of `parking_lot`, `fetch` takes a tenth longer.
    state: Mutex<EngineState>,
    /// Notified when there is work for another thread, and when the engine is dropped.
    work: Condvar,
}

#[derive(Debug)]
struct EngineState {
    table: StreamTable,
    threads: usize,
    idle: usize,
    is_closed: bool,
}

impl Engine {
    /// An engine with one thread for every processor that this process may use.
    pub fn for_this_machine(lanes: LaneSet, feed: Feed) -> Self {
        Self::new(lanes, thread::available_parallelism().unwrap_or(NonZeroUsize::MIN), feed)
    }

    /// An engine with this number of threads. It measures the kernels of the lanes first.
    pub fn new(lanes: LaneSet, threads: NonZeroUsize, feed: Feed) -> Self {
        let lanes = lanes.measured();
        let distribution = Distribution::new(lanes.costs, threads.get(), feed.percent());
        let shared = Arc::new(EngineShared::new(lanes, distribution, BACKLOG));
        for _ in 0..threads.get() {
            let worker = Arc::clone(&shared);
            let thread = thread::Builder::new().name("hash".to_owned());
            // If the system gives no thread, the threads that wait for a digest do the work.
            if thread.spawn(move || worker.run()).is_ok() {
                shared.lock().threads += 1;
            }
        }
        Self { shared }
    }

    /// Returns an engine for one thread that pushes blocks of several streams in turns. It has no thread
    /// of its own: the second block of a stream waits until the first ones of all are hashed, which are
    /// still in the cache of the processor.
    pub(crate) fn for_calling_thread(&self) -> Self {
        let lanes = self.shared.lanes;
        let distribution = Distribution::new(lanes.costs, 1, 0);
        Self { shared: Arc::new(EngineShared::new(lanes, distribution, 0)) }
    }

    /// Returns lanes of the same instructions for SHA-256s.
    pub(crate) fn sha256_lanes(&self) -> Sha256Lanes {
        Sha256Lanes::new(self.shared.lanes)
    }

    /// The threads that should read this number of files.
    pub(crate) fn readers(&self, files: usize) -> ReaderThreads {
        self.shared.lock().table.distribution.readers(files)
    }

    /// Opens an empty stream.
    pub fn stream(&self) -> Md5Stream {
        let id = self.shared.lock().table.open();
        Md5Stream { shared: Arc::clone(&self.shared), id }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.work.notify_all();
    }
}

impl Md5Stream {
    /// Adds a block to the end of the stream. Waits while more than [`BACKLOG`] bytes are unhashed.
    #[expect(clippy::needless_pass_by_value, reason = "the caller does not need the block again")]
    pub fn push(&mut self, block: Bytes) {
        let mut state = self.shared.lock();
        while let Err(room) = state.table.push(self.id, &block) {
            // An idle thread takes the stream of a blocked source after a moment.
            if state.idle > 0 {
                self.shared.work.notify_one();
            }
            state = self.shared.wait(state, &room);
        }
        self.shared.wake(&state);
    }

    /// Returns true if a block can be pushed without waiting.
    pub(crate) fn has_room(&self) -> bool {
        self.shared.lock().table.has_room(self.id)
    }

    /// Hashes what was pushed, and moves the stream to another engine.
    pub(crate) fn move_to(&mut self, engine: &Engine) {
        let hasher = self.hash_all();
        let id = engine.shared.lock().table.open_with(hasher);
        *self = Self { shared: Arc::clone(&engine.shared), id };
    }

    /// Says that no more bytes will come for a while, so that other streams do not wait for them.
    pub(crate) fn rest(&self) {
        self.shared.lock().table.rest(self.id);
    }

    /// Ends the stream: waits until all of it is hashed, and returns the digest.
    pub fn finish(self) -> Md5 {
        self.hash_all().finish()
    }

    /// Waits until all bytes are hashed, and takes the hasher out.
    fn hash_all(&self) -> Md5Hasher {
        let mut state = self.shared.lock();
        loop {
            match state.table.end(self.id) {
                Ok(hasher) => return hasher,
                Err(end) => {
                    self.shared.wake(&state);
                    state = self.shared.wait(state, &end);
                }
            }
        }
    }
}

impl Drop for Md5Stream {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.table.close(self.id);
        if state.is_over() {
            self.shared.work.notify_all();
        } else {
            // Without this stream, the ready ones may be most of all.
            self.shared.wake(&state);
        }
    }
}

impl EngineState {
    fn is_over(&self) -> bool {
        self.is_closed && self.table.is_empty()
    }
}

impl EngineShared {
    fn new(lanes: LaneSet, distribution: Distribution, backlog: usize) -> Self {
        let table = StreamTable::new(distribution, backlog);
        let state = Mutex::new(EngineState { table, threads: 0, idle: 0, is_closed: false });
        Self { lanes, state, work: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, EngineState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes an idle thread if there is work for it.
    fn wake(&self, state: &EngineState) {
        if state.idle > 0 && state.table.is_worthwhile() {
            self.work.notify_one();
        }
    }

    /// Waits for the progress of a stream.
    fn wait<'a>(
        &'a self,
        mut state: MutexGuard<'a, EngineState>,
        progress: &Condvar,
    ) -> MutexGuard<'a, EngineState> {
        if state.threads == 0 {
            let jobs = state.table.take(false);
            if !jobs.is_empty() {
                return self.hash(state, jobs);
            }
        }
        progress.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// The loop of a thread.
    fn run(&self) {
        let mut state = self.lock();
        // The end of the time for which a blocked source has to wait for more lanes to fill.
        let mut deadline = None;
        while !state.is_over() {
            let is_patient = deadline.is_none_or(|deadline| Instant::now() < deadline);
            let jobs = state.table.take(is_patient);
            state = if jobs.is_empty() {
                let is_urgent = state.table.is_urgent();
                deadline = is_urgent.then(|| deadline.unwrap_or(Instant::now() + FILL_TIME));
                self.wait_for_work(state, deadline)
            } else {
                deadline = None;
                self.wake(&state);
                self.hash(state, jobs)
            };
        }
    }

    fn wait_for_work<'a>(
        &'a self,
        mut state: MutexGuard<'a, EngineState>,
        deadline: Option<Instant>,
    ) -> MutexGuard<'a, EngineState> {
        state.idle += 1;
        let mut state = match deadline {
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                self.work.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
        };
        state.idle -= 1;
        state
    }

    /// Hashes the jobs without the lock, and puts them back.
    fn hash<'a>(
        &'a self,
        state: MutexGuard<'a, EngineState>,
        mut jobs: Vec<HashJob>,
    ) -> MutexGuard<'a, EngineState> {
        drop(state);
        let inputs = jobs.iter_mut().map(|job| LaneInput::new(&mut job.hasher, &job.blocks));
        self.lanes.update(inputs.collect());
        let mut state = self.lock();
        state.table.put_back(jobs);
        state
    }
}

#[cfg(test)]
mod tests {
    use md5::{Digest as _, Md5};

    use super::*;
    use crate::hash::BACKLOG;
    use crate::hash::digest::DigestOf;

    fn engine(threads: usize) -> Engine {
        Engine::new(LaneSet::for_this_machine(), NonZeroUsize::new(threads).unwrap(), Feed::Files)
    }

    fn expected(text: &[u8]) -> DigestOf<16> {
        DigestOf::new(Md5::digest(text).into())
    }

    #[test]
    fn many_streams_pushed_in_turns_are_hashed_right() {
        let engine = engine(2);
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
            assert_eq!(stream.finish(), expected(text));
        }
    }

    /// Streams that begin and end at different times, each fed by its own thread in blocks of any
    /// size; some are dropped early.
    #[test]
    fn streams_open_and_close_at_any_time() {
        let engine = engine(3);
        thread::scope(|scope| {
            for seed in 0..14 {
                let engine = &engine;
                scope.spawn(move || {
                    let mut random = fastrand::Rng::with_seed(seed);
                    for _ in 0..3 {
                        hash_random_bytes(engine, &mut random);
                    }
                });
            }
        });
    }

    fn hash_random_bytes(engine: &Engine, random: &mut fastrand::Rng) {
        let length =
            random.choice([100, 100_000, 2 * BACKLOG]).map_or(0, |most| random.usize(..most));
        let largest = if random.bool() { 10_000 } else { 300_000 };
        let text = Bytes::from((0..=250).cycle().take(length).collect::<Vec<u8>>());
        let mut stream = engine.stream();
        let mut rest = text.clone();
        while !rest.is_empty() {
            let size = random.usize(..largest).min(rest.len());
            stream.push(rest.split_to(size));
            if random.usize(..200) == 0 {
                return;
            }
        }
        assert_eq!(stream.finish(), expected(&text));
    }

    #[test]
    fn a_dropped_stream_does_not_block_others() {
        let engine = engine(1);
        let mut lost = engine.stream();
        lost.push(Bytes::from_static(b"lost"));
        drop(lost);
        assert_eq!(engine.stream().finish().to_string(), "d41d8cd98f00b204e9800998ecf8427e");
    }

    #[test]
    fn a_stream_outlives_its_engine() {
        let engine = engine(1);
        let mut stream = engine.stream();
        drop(engine);
        let text = vec![7; 3 * BACKLOG];
        for block in text.chunks(BACKLOG / 2) {
            stream.push(Bytes::copy_from_slice(block));
        }
        assert_eq!(stream.finish(), expected(&text));
    }

    #[test]
    fn without_a_thread_waiting_callers_hash() {
        let lanes = LaneSet::for_this_machine();
        let distribution = Distribution::new(lanes.costs, 1, Feed::Files.percent());
        let without_threads =
            Engine { shared: Arc::new(EngineShared::new(lanes, distribution, BACKLOG)) };
        for engine in [without_threads.for_calling_thread(), without_threads] {
            let text = vec![7; 3 * BACKLOG];
            let mut streams = [engine.stream(), engine.stream()];
            for block in text.chunks(BACKLOG / 2) {
                for stream in &mut streams {
                    stream.push(Bytes::copy_from_slice(block));
                }
            }
            for stream in streams {
                assert_eq!(stream.finish(), expected(&text));
            }
        }
    }

    #[test]
    fn a_stream_moves_to_another_engine() {
        let (first, second) = (engine(2), engine(1).for_calling_thread());
        let text: Vec<u8> = (0..=250).cycle().take(3 * BACKLOG + 7).collect();
        let mut stream = first.stream();
        for (number, block) in text.chunks(BACKLOG / 5).enumerate() {
            stream.push(Bytes::copy_from_slice(block));
            if number % 5 == 2 {
                stream.move_to(if number % 2 == 0 { &second } else { &first });
            }
        }
        assert_eq!(stream.finish(), expected(&text));
        assert!(first.shared.lock().table.is_empty() && second.shared.lock().table.is_empty());
    }
}
