//! Archives that are read from sources and kept nowhere, for those who only want to know.
//!
//! An archive is read in its order, from one source, over one connection at a time. After a drop
//! the next connection goes on at the byte where the last one ended. Who asks whom when, and who
//! is given up, is decided by the same schedule as in a transfer.

mod flight;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use tokio::runtime::Runtime;

use self::flight::Flight;
use crate::cancel::Cancel;
use crate::catalog::Archive;
use crate::event::{Activity, Event, Listener};
use crate::ranges::RangeSet;
use crate::rate::Throttle;
use crate::schedule::AfterFailure;
use crate::schedule::{Lease, Next, Schedule};
use crate::session::Cut;
use crate::session::{Clients, letting_go};
use crate::session::{LOOK_AGAIN, Options};
use crate::source::{Client, ClientError, Source, SourceAnswer, SourceError};

/// What a reader says of going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// The next bytes.
    More,
    /// Nothing any more: it knows what it wanted to know.
    Enough,
}

/// Whoever wants to know an archive's bytes.
pub(crate) trait Reader: Send {
    /// Whether the sources are asked for the digests that they know.
    const WANTS_DIGESTS: bool;

    /// The source has answered. Called again after each drop.
    fn answered(&mut self, answer: &SourceAnswer);

    /// The next bytes, in their order. It may wait.
    fn take(&mut self, block: Bytes) -> Wish;

    /// All bytes have come, in so many answers. `false` asks for all of them anew, past caches.
    fn is_content(&mut self, answers: u32) -> bool;
}

/// An archive to be read.
#[derive(Debug)]
pub(crate) struct ReadRequest<'a, R> {
    /// Which archive.
    pub archive: &'a Archive,
    /// From which source: its number.
    pub source: usize,
    /// What events call the source, where the archive is read from several.
    pub label: Option<&'a str>,
    /// Who takes the bytes.
    pub reader: R,
}

/// What became of an errand.
#[derive(Debug)]
pub(crate) struct ReadResult<R> {
    /// How it ended.
    pub ending: ReadOutcome,
    /// Who took the bytes.
    pub reader: R,
    /// Bytes received over the network, those received twice counted twice.
    pub received: u64,
    /// Requests made.
    pub attempts: u32,
    /// From the first request on.
    pub time: Duration,
}

/// How the reading of an archive ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReadOutcome {
    /// The reader has all it wanted.
    Read,
    /// The source was given up: for this fault, and why in words.
    GivenUp(SourceError, String),
    /// The run was ended.
    Cancelled,
}

/// An errand on its way.
struct Job<'a, R> {
    errand: ReadRequest<'a, R>,
    begun: Option<Instant>,
    /// Answers that brought bytes since the last beginning.
    answers: u32,
    attempts: u32,
    received: u64,
}

/// What all connections share.
struct StreamReads<'a, R, F> {
    sources: &'a [Source],
    options: &'a Options,
    listener: &'a dyn Listener,
    cancel: &'a Cancel,
    throttle: Throttle<'a>,
    schedule: Mutex<Schedule>,
    changed: Arc<Condvar>,
    /// In the order of the schedule; away while a connection is at it, and when it is done.
    jobs: Vec<Mutex<Option<Job<'a, R>>>>,
    /// Takes what became of each, by its number.
    done: F,
}

/// Reads all errands, `options.jobs` at a time, and passes on what became of each, from whichever
/// thread it is, with its number in their order. Chunks are `options.chunk` bytes: what one request
/// asks for.
///
/// # Errors
///
/// If this machine can make no client, no runtime or no thread; then nothing was read.
pub(crate) fn read<'a, R: Reader>(
    errands: Vec<ReadRequest<'a, R>>,
    sources: &'a [Source],
    options: &'a Options,
    listener: &'a dyn Listener,
    cancel: &'a Cancel,
    done: impl Fn(usize, ReadResult<R>) + Sync,
) -> Result<(), ClientError> {
    let mut connections = Vec::new();
    for _ in 0..options.jobs.get().min(errands.len()) {
        connections.push(tokio::runtime::Builder::new_current_thread().enable_all().build()?);
    }
    if !connections.is_empty() {
        // What is wrong with the trust store is told now, and once.
        Client::new(&options.client)?;
    }
    let readings = StreamReads::new(errands, sources, options, listener, cancel, done);
    let mut threads = 0;
    let started = thread::scope(|scope| {
        connections.into_iter().try_for_each(|runtime| {
            let readings = &readings;
            thread::Builder::new().spawn_scoped(scope, move || readings.run(&runtime))?;
            threads += 1;
            Ok(())
        })
    });
    if threads > 0 {
        // However few they are, they have done it all.
        readings.end();
        return Ok(());
    }
    started
}

impl<'a, R: Reader, F: Fn(usize, ReadResult<R>) + Sync> StreamReads<'a, R, F> {
    fn new(
        errands: Vec<ReadRequest<'a, R>>,
        sources: &'a [Source],
        options: &'a Options,
        listener: &'a dyn Listener,
        cancel: &'a Cancel,
        done: F,
    ) -> Self {
        let mut schedule = Schedule::new(sources.len(), options.chunk, options.policy, None);
        for errand in &errands {
            schedule.add_reading(errand.source);
        }
        schedule.close();
        let changed = Arc::new(Condvar::new());
        let wake = Arc::clone(&changed);
        cancel.on_cancel(move || {
            wake.notify_all();
        });
        Self {
            sources,
            options,
            listener,
            cancel,
            throttle: options.throttle(listener),
            schedule: Mutex::new(schedule),
            changed,
            jobs: errands.into_iter().map(|errand| Mutex::new(Some(Job::new(errand)))).collect(),
            done,
        }
    }

    /// A connection: works until nothing is left to do or the run is being ended.
    fn run(&self, runtime: &Runtime) {
        let clients = Clients::new(&self.options.client);
        while let Some(lease) = self.next_lease() {
            let Some(mut job) = self.jobs[lease.archive].lock().take() else { continue };
            self.begin(&mut job);
            let (delivered, result) = {
                let mut flight = Flight::new(self, &mut job, &lease);
                let result = match clients.for_lease(&lease) {
                    Ok(client) => runtime.block_on(letting_go(flight.fly(&client))),
                    Err(error) => Err(SourceError::File(error.to_string()).into()),
                };
                (flight.land(), result)
            };
            self.conclude(job, &lease, delivered, result);
            self.changed.notify_all();
        }
    }

    /// Waits for something to do; `None` at the end.
    fn next_lease(&self) -> Option<Lease> {
        let mut schedule = self.schedule.lock();
        while !self.cancel.is_cancelled() {
            let now = Instant::now();
            let wait = match schedule.next(now) {
                Next::Work(lease) => return Some(lease),
                Next::Done => return None,
                // Whoever gave its source up is about to say so.
                Next::Stranded(_) | Next::Wait(None) => LOOK_AGAIN,
                Next::Wait(Some(until)) => (until - now).min(LOOK_AGAIN),
            };
            self.changed.wait_for(&mut schedule, wait);
        }
        None
    }

    fn begin(&self, job: &mut Job<'a, R>) {
        if job.begun.is_none() {
            job.begun = Some(Instant::now());
            let ReadRequest { archive, label, .. } = job.errand;
            self.listener.on(Event::Begun {
                archive: &archive.name,
                source: label,
                activity: Activity::Verify,
                size: archive.size,
            });
            self.tell_position(job, 0);
        }
    }

    fn tell_position(&self, job: &Job<'a, R>, done: u64) {
        let ReadRequest { archive, label, .. } = job.errand;
        self.listener.on(Event::Position { archive: &archive.name, source: label, done });
    }

    fn conclude(&self, job: Job<'a, R>, lease: &Lease, delivered: bool, result: Result<Wish, Cut>) {
        match result {
            Ok(Wish::Enough) => self.settle(lease, delivered, job, ReadOutcome::Read),
            Ok(Wish::More) => self.go_on(job, lease, delivered),
            Err(Cut::Cancelled) => {
                self.put_back(lease, job);
                self.schedule.lock().finish(lease, delivered, Instant::now());
            }
            Err(Cut::SourceError(fault)) => self.fail(job, lease, delivered, fault),
        }
    }

    /// A lease was brought: it was all, or the rest is free to take.
    fn go_on(&self, mut job: Job<'a, R>, lease: &Lease, delivered: bool) {
        if !self.schedule.lock().chunks(lease.archive).is_complete() {
            self.put_back(lease, job);
            self.schedule.lock().finish(lease, delivered, Instant::now());
        } else if job.errand.reader.is_content(job.answers) {
            self.settle(lease, delivered, job, ReadOutcome::Read);
        } else {
            job.answers = 0;
            self.tell_position(&job, 0);
            self.put_back(lease, job);
            let mut schedule = self.schedule.lock();
            schedule.finish(lease, delivered, Instant::now());
            schedule.begin_again(lease.archive, lease.source, RangeSet::new());
        }
    }

    fn fail(&self, job: Job<'a, R>, lease: &Lease, delivered: bool, fault: SourceError) {
        let ReadRequest { archive, label, .. } = job.errand;
        self.put_back(lease, job);
        let now = Instant::now();
        let reaction = self.schedule.lock().fail(lease, delivered, &fault, now, fastrand::f64());
        match reaction {
            AfterFailure::Again(wait) if !wait.is_zero() => {
                let reason = match label {
                    Some(_) => fault.to_string(),
                    None => format!("{}: {fault}", self.sources[lease.source].name()),
                };
                let archive = &archive.name;
                self.listener.on(Event::Retrying { archive, source: label, reason: &reason, wait });
            }
            AfterFailure::Again(_) | AfterFailure::Moot => {}
            AfterFailure::GivenUp(why) => {
                let job = self.jobs[lease.archive].lock().take();
                if let Some(job) = job {
                    self.settle(lease, delivered, job, ReadOutcome::GivenUp(fault, why));
                }
            }
        }
    }

    fn put_back(&self, lease: &Lease, job: Job<'a, R>) {
        *self.jobs[lease.archive].lock() = Some(job);
    }

    fn settle(&self, lease: &Lease, delivered: bool, job: Job<'a, R>, ending: ReadOutcome) {
        let given_up = matches!(ending, ReadOutcome::GivenUp(..));
        let mut schedule = self.schedule.lock();
        schedule.settle(lease.archive);
        if !given_up {
            schedule.finish(lease, delivered, Instant::now());
        }
        drop(schedule);
        (self.done)(lease.archive, job.done(ending));
    }

    /// Says of all that were not read that they were not.
    fn end(self) {
        for (index, job) in self.jobs.into_iter().enumerate() {
            let job = job.into_inner();
            if let Some(job) = job {
                (self.done)(index, job.done(ReadOutcome::Cancelled));
            }
        }
    }
}

impl<'a, R> Job<'a, R> {
    const fn new(errand: ReadRequest<'a, R>) -> Self {
        Self { errand, begun: None, answers: 0, attempts: 0, received: 0 }
    }

    fn done(self, ending: ReadOutcome) -> ReadResult<R> {
        let time = self.begun.map_or(Duration::ZERO, |begun| begun.elapsed());
        let Self { errand, attempts, received, .. } = self;
        ReadResult { ending, reader: errand.reader, received, attempts, time }
    }
}
