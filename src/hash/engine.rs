//! The threads that hash, and the streams that they hash for.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::digest::Digest;
use super::lanes::{Feed, Lanes};
use super::table::{Job, Table, Width};

/// How long a source may stand still while a thread waits for other streams to fill its lanes: a
/// set takes as long for one as for eight. Where processors are short, the others fill meanwhile.
const PATIENCE: Duration = Duration::from_millis(2);

/// A pool of threads that hash the blocks of many streams.
///
/// Dropping it ends its threads as soon as no stream is open.
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
}

/// One file's bytes on their way to a digest. Dropping it forgets them.
#[derive(Debug)]
pub struct Stream {
    shared: Arc<Shared>,
    id: u64,
}

#[derive(Debug)]
struct Shared {
    lanes: Lanes,
    state: Mutex<State>,
    /// Told when there is work for another thread, and when the engine is dropped.
    work: Condvar,
}

#[derive(Debug, Default)]
struct State {
    table: Table,
    threads: usize,
    idle: usize,
    is_closed: bool,
}

impl Engine {
    /// An engine with so many threads.
    pub fn new(threads: NonZeroUsize) -> Self {
        Self::on(Lanes::for_this_machine(), threads)
    }

    /// An engine with a thread for every processor that this process may use.
    pub fn for_this_machine(lanes: Lanes) -> Self {
        Self::on(lanes, thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }

    /// An engine with so many threads that hash in these lanes.
    pub fn on(lanes: Lanes, threads: NonZeroUsize) -> Self {
        let shared = Arc::new(Shared { lanes, state: Mutex::default(), work: Condvar::new() });
        for _ in 0..threads.get() {
            let worker = Arc::clone(&shared);
            let thread = thread::Builder::new().name("hash".to_owned());
            // Where the system gives no thread, those do the work who wait for it.
            if thread.spawn(move || worker.run()).is_ok() {
                shared.state().threads += 1;
            }
        }
        Self { shared }
    }

    /// Opens a stream with nothing in it yet.
    pub fn stream(&self) -> Stream {
        let id = self.shared.state().table.open();
        Stream { shared: Arc::clone(&self.shared), id }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.state().is_closed = true;
        self.shared.work.notify_all();
    }
}

impl Stream {
    /// Adds a block to the end of the stream. Waits while more than [`BACKLOG`](super::BACKLOG)
    /// bytes are unhashed.
    #[expect(clippy::needless_pass_by_value, reason = "whoever pushes a block is done with it")]
    pub fn push(&mut self, block: Bytes) {
        let mut state = self.shared.state();
        while let Err(room) = state.table.push(self.id, &block) {
            self.shared.press(&state);
            self.shared.wait(&mut state, &room);
        }
        self.shared.call(&state);
    }

    /// Ends the stream: waits until all of it is hashed, and gives its digest.
    pub fn finish(self) -> Digest {
        let mut state = self.shared.state();
        loop {
            match state.table.end(self.id) {
                Ok(chain) => return chain.finish(),
                Err(end) => {
                    self.shared.call(&state);
                    self.shared.wait(&mut state, &end);
                }
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.table.close(self.id);
        if state.is_over() {
            self.shared.work.notify_all();
        } else {
            // The others may be most of the streams now.
            self.shared.call(&state);
        }
    }
}

impl State {
    fn is_over(&self) -> bool {
        self.is_closed && self.table.is_empty()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn width(&self) -> Width {
        Width { swift: self.lanes.swift_width(), most: self.lanes.width() }
    }

    /// Wakes another thread where there is one and work for it.
    fn call(&self, state: &State) {
        if state.idle > 0 && state.table.is_worth_while(self.width()) {
            self.work.notify_one();
        }
    }

    /// Tells a thread that has nothing to do that a source begins to stand still.
    fn press(&self, state: &State) {
        if state.idle > 0 {
            self.work.notify_one();
        }
    }

    /// Waits for a stream's progress.
    fn wait(&self, state: &mut MutexGuard<'_, State>, progress: &Condvar) {
        if state.threads > 0 {
            return progress.wait(state);
        }
        let jobs = state.table.take(self.width(), 0, false);
        if jobs.is_empty() {
            return progress.wait(state);
        }
        self.hash(state, jobs);
    }

    /// What a thread does until the engine is over.
    fn run(&self) {
        let mut state = self.state();
        // Until when a source that stands still has to wait for more lanes to fill.
        let mut deadline = None;
        while !state.is_over() {
            let others = state.idle;
            let is_patient = deadline.is_none_or(|deadline| Instant::now() < deadline);
            let jobs = state.table.take(self.width(), others, is_patient);
            if jobs.is_empty() {
                let is_pressing = state.table.is_pressing();
                deadline = is_pressing.then(|| deadline.unwrap_or(Instant::now() + PATIENCE));
                self.rest(&mut state, deadline);
            } else {
                deadline = None;
                self.call(&state);
                self.hash(&mut state, jobs);
            }
        }
    }

    /// Waits for work, at most until the deadline.
    fn rest(&self, state: &mut MutexGuard<'_, State>, deadline: Option<Instant>) {
        state.idle += 1;
        match deadline {
            Some(deadline) => drop(self.work.wait_until(state, deadline)),
            None => self.work.wait(state),
        }
        state.idle -= 1;
    }

    /// Hashes what was taken, unlocked, and puts it back.
    fn hash(&self, state: &mut MutexGuard<'_, State>, mut jobs: Vec<Job>) {
        MutexGuard::unlocked(state, || {
            let feeds = jobs.iter_mut().map(|job| Feed::new(&mut job.chain, &job.blocks)).collect();
            self.lanes.update(feeds);
        });
        for job in jobs {
            state.table.put_back(job);
        }
    }
}

#[cfg(test)]
mod tests {
    use md5::{Digest as _, Md5};

    use super::*;
    use crate::hash::BACKLOG;

    fn engine(threads: usize) -> Engine {
        Engine::new(NonZeroUsize::new(threads).unwrap())
    }

    fn oracle(text: &[u8]) -> Digest {
        Digest::new(Md5::digest(text).into())
    }

    #[test]
    fn many_streams_pushed_in_turns_have_the_digests_of_their_bytes() {
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
            assert_eq!(stream.finish(), oracle(text));
        }
    }

    /// Streams that begin and end at different times, fed by threads of their own in blocks of any
    /// size, some given up half way.
    #[test]
    fn streams_come_and_go_at_any_time() {
        let engine = engine(3);
        thread::scope(|scope| {
            for seed in 0..14 {
                let engine = &engine;
                scope.spawn(move || {
                    let mut random = fastrand::Rng::with_seed(seed);
                    for _ in 0..3 {
                        come_and_go(engine, &mut random);
                    }
                });
            }
        });
    }

    fn come_and_go(engine: &Engine, random: &mut fastrand::Rng) {
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
        assert_eq!(stream.finish(), oracle(&text));
    }

    #[test]
    fn a_dropped_stream_holds_nobody_up() {
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
        assert_eq!(stream.finish(), oracle(&text));
    }

    #[test]
    fn without_a_thread_those_work_who_wait() {
        let lanes = Lanes::for_this_machine();
        let shared = Arc::new(Shared { lanes, state: Mutex::default(), work: Condvar::new() });
        let engine = Engine { shared };
        let text = vec![7; 3 * BACKLOG];
        let mut streams = [engine.stream(), engine.stream()];
        for block in text.chunks(BACKLOG / 2) {
            for stream in &mut streams {
                stream.push(Bytes::copy_from_slice(block));
            }
        }
        for stream in streams {
            assert_eq!(stream.finish(), oracle(&text));
        }
    }
}
