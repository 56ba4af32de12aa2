//! Reads archives from sources without keeping them.
//!
//! An archive is read in order, from one source, over one connection at a time. After an
//! interruption the next connection continues at the byte reached. The same schedule as in a
//! transfer decides when to retry and when to skip a source.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::runtime::Runtime;

use crate::cancel::Cancel;
use crate::catalog::Archive;
use crate::disk::DiskError;
use crate::event::{Activity, Event, Listener};
use crate::hash::buffer_pool::BufferPool;
use crate::ranges::RangeSet;
use crate::rate::Throttle;
use crate::schedule::{AfterFailure, Lease, Schedule};
use crate::session::{Clients, ResponseReader, SessionOptions, SharedSchedule};
use crate::source::{Client, ClientError, Source, SourceAnswer, SourceError};
use crate::transfer::{LeaseDownload, LeaseError, Sink};

/// A consumer of an archive's bytes.
pub(crate) trait Reader: Send {
    /// Bytes to gather before they are handed over.
    const BATCH: u64;
    /// True if sources are asked for the digests that they know.
    const WANTS_DIGESTS: bool;

    /// The source has answered. Called again after each interruption.
    fn answered(&mut self, _: &SourceAnswer) {}

    /// Takes the next bytes, in order. It may wait. `Break` ends the reading.
    fn take(&mut self, block: Bytes) -> ControlFlow<()>;

    /// Every byte has arrived, in this number of responses. `false` requests them all again,
    /// bypassing caches.
    fn is_content(&mut self, _: u32) -> bool {
        true
    }
}

/// An archive to be read.
#[derive(Debug)]
pub(crate) struct ReadRequest<'a, R> {
    pub archive: &'a Archive,
    /// The number of the source.
    pub source: usize,
    /// The name of the source in events, if there are several.
    pub label: Option<&'a str>,
    pub reader: R,
}

/// The result of a [`ReadRequest`].
#[derive(Debug)]
pub(crate) struct ReadResult<R> {
    pub outcome: ReadOutcome,
    pub reader: R,
    /// Bytes received over the network; those received twice count twice.
    pub received: u64,
    /// Requests made.
    pub attempts: u32,
    /// The time since the first request.
    pub time: Duration,
}

/// The end of the reading of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReadOutcome {
    /// The reader has everything it wanted.
    Read,
    /// The source was skipped after this error, for this reason.
    Skipped(SourceError, String),
    Cancelled,
}

/// An archive while it is read.
struct ReadJob<'a, R> {
    request: ReadRequest<'a, R>,
    begun: Option<Instant>,
    /// Responses that delivered bytes since reading last began at byte 0.
    answers: u32,
    attempts: u32,
    received: u64,
}

/// The state that all connections share.
struct StreamReads<'a, R, F> {
    sources: &'a [Source],
    options: &'a SessionOptions,
    listener: &'a dyn Listener,
    cancel: &'a Cancel,
    throttle: Throttle<'a>,
    schedule: Arc<SharedSchedule>,
    pool: BufferPool,
    /// By the number in the schedule. `None` while a connection has it, and when it is done.
    jobs: Vec<Mutex<Option<ReadJob<'a, R>>>>,
    /// Takes each result with its number.
    done: F,
}

/// Reads every requested archive, `options.jobs` at a time, and passes each result on with its
/// number, from any thread. One request asks for `options.chunk` bytes.
///
/// Fails, without having read anything, if the system cannot make a client, a runtime or a thread.
pub(crate) fn read<'a, R: Reader>(
    requests: Vec<ReadRequest<'a, R>>,
    sources: &'a [Source],
    options: &'a SessionOptions,
    listener: &'a dyn Listener,
    cancel: &'a Cancel,
    done: impl Fn(usize, ReadResult<R>) + Sync,
) -> Result<(), ClientError> {
    let mut connections = Vec::new();
    for _ in 0..options.jobs.get().min(requests.len()) {
        connections.push(tokio::runtime::Builder::new_current_thread().enable_all().build()?);
    }
    if !connections.is_empty() {
        // A trust store that cannot be used is reported once, now.
        Client::new(&options.client)?;
    }
    let reads = StreamReads::new(requests, sources, options, listener, cancel, done);
    let mut threads = 0;
    let started = thread::scope(|scope| {
        connections.into_iter().try_for_each(|runtime| {
            let reads = &reads;
            thread::Builder::new().spawn_scoped(scope, move || reads.run(&runtime))?;
            threads += 1;
            Ok(())
        })
    });
    if threads > 0 {
        // Even a few threads do all the work.
        reads.finish();
        return Ok(());
    }
    started
}

impl<'a, R: Reader, F: Fn(usize, ReadResult<R>) + Sync> StreamReads<'a, R, F> {
    fn new(
        requests: Vec<ReadRequest<'a, R>>,
        sources: &'a [Source],
        options: &'a SessionOptions,
        listener: &'a dyn Listener,
        cancel: &'a Cancel,
        done: F,
    ) -> Self {
        let mut schedule =
            Schedule::new(sources.len(), options.chunk, options.retry_policy(), None);
        for request in &requests {
            schedule.add_reading(request.source);
        }
        schedule.close();
        let job = |request| Mutex::new(Some(ReadJob::new(request)));
        Self {
            sources,
            options,
            listener,
            cancel,
            throttle: options.network.throttle(listener),
            schedule: SharedSchedule::new(schedule, cancel),
            pool: BufferPool::default(),
            jobs: requests.into_iter().map(job).collect(),
            done,
        }
    }

    /// A connection: works until nothing is left to do or the run is cancelled.
    fn run(&self, runtime: &Runtime) {
        let clients = Clients::new(&self.options.client);
        // A connection that skips the last source reports a stranded archive itself.
        let is_over = || self.cancel.is_cancelled();
        let next = || self.schedule.next_lease(is_over, |_| (), || clients.close_idle(runtime));
        while let Some(lease) = next() {
            let Some(mut job) = self.jobs[lease.archive].lock().take() else { continue };
            self.begin(&mut job);
            job.attempts += 1;
            let (archive, reader) = (job.request.archive, self.reader(lease.source));
            let sink = ReaderSink { reads: self, job: &mut job, delivered: false };
            let download =
                LeaseDownload::new(reader, &self.schedule, archive, &lease, &self.pool, sink);
            let (result, delivered) = download.run(runtime, &clients);
            self.conclude(job, &lease, delivered, result);
            self.schedule.notify_all();
        }
    }

    fn reader(&self, source: usize) -> ResponseReader<'_> {
        ResponseReader {
            source: &self.sources[source],
            options: &self.options.network,
            throttle: &self.throttle,
            cancel: self.cancel,
        }
    }

    fn begin(&self, job: &mut ReadJob<'a, R>) {
        if job.begun.is_none() {
            job.begun = Some(Instant::now());
            let ReadRequest { archive, label, .. } = job.request;
            self.listener.on(Event::Begun {
                archive: &archive.name,
                source: label,
                activity: Activity::Verify,
                size: archive.size,
            });
            self.report_position(job, 0);
        }
    }

    fn report_position(&self, job: &ReadJob<'a, R>, done: u64) {
        let ReadRequest { archive, label, .. } = job.request;
        self.listener.on(Event::Position { archive: &archive.name, source: label, done });
    }

    fn conclude(
        &self,
        job: ReadJob<'a, R>,
        lease: &Lease,
        delivered: bool,
        result: Result<ControlFlow<()>, LeaseError>,
    ) {
        match result {
            Ok(ControlFlow::Break(())) => self.settle(lease, delivered, job, ReadOutcome::Read),
            Ok(ControlFlow::Continue(())) => self.resume(job, lease, delivered),
            Err(LeaseError::Superseded) => self.release(lease, delivered, job),
            Err(LeaseError::Source(error)) => self.fail(job, lease, delivered, error),
            Err(LeaseError::Disk(error)) => {
                self.fail(job, lease, delivered, SourceError::File(error.to_string()));
            }
        }
    }

    /// A lease has ended: it was the last, or the next one follows.
    fn resume(&self, mut job: ReadJob<'a, R>, lease: &Lease, delivered: bool) {
        if !self.schedule.lock().chunks(lease.archive).is_complete() {
            self.release(lease, delivered, job);
        } else if job.request.reader.is_content(job.answers) {
            self.settle(lease, delivered, job, ReadOutcome::Read);
        } else {
            job.answers = 0;
            self.report_position(&job, 0);
            self.put_back(lease, job);
            let mut schedule = self.schedule.lock();
            schedule.finish(lease, delivered, Instant::now());
            schedule.begin_again(lease.archive, lease.source, RangeSet::new());
        }
    }

    fn fail(&self, job: ReadJob<'a, R>, lease: &Lease, delivered: bool, error: SourceError) {
        let ReadRequest { archive, label, .. } = job.request;
        self.put_back(lease, job);
        let mut schedule = self.schedule.lock();
        let next = schedule.fail(lease, delivered, &error, Instant::now(), fastrand::f64());
        drop(schedule);
        match next {
            AfterFailure::Retry(wait) if !wait.is_zero() => {
                let reason = match label {
                    Some(_) => error.to_string(),
                    None => format!("{}: {error}", self.sources[lease.source].name()),
                };
                let archive = &archive.name;
                self.listener.on(Event::Retrying { archive, source: label, reason: &reason, wait });
            }
            AfterFailure::Retry(_) | AfterFailure::Superseded => {}
            AfterFailure::Skip(why) => {
                let job = self.jobs[lease.archive].lock().take();
                if let Some(job) = job {
                    self.settle(lease, delivered, job, ReadOutcome::Skipped(error, why));
                }
            }
        }
    }

    /// Ends a lease of an archive that is not complete.
    fn release(&self, lease: &Lease, delivered: bool, job: ReadJob<'a, R>) {
        self.put_back(lease, job);
        self.schedule.lock().finish(lease, delivered, Instant::now());
    }

    fn put_back(&self, lease: &Lease, job: ReadJob<'a, R>) {
        *self.jobs[lease.archive].lock() = Some(job);
    }

    fn settle(&self, lease: &Lease, delivered: bool, job: ReadJob<'a, R>, outcome: ReadOutcome) {
        let is_finished = matches!(outcome, ReadOutcome::Skipped(..));
        let mut schedule = self.schedule.lock();
        schedule.settle(lease.archive);
        if !is_finished {
            schedule.finish(lease, delivered, Instant::now());
        }
        drop(schedule);
        (self.done)(lease.archive, job.result(outcome));
    }

    /// Reports every archive that was not read as cancelled.
    fn finish(self) {
        for (index, job) in self.jobs.into_iter().enumerate() {
            if let Some(job) = job.into_inner() {
                (self.done)(index, job.result(ReadOutcome::Cancelled));
            }
        }
    }
}

impl<'a, R> ReadJob<'a, R> {
    const fn new(request: ReadRequest<'a, R>) -> Self {
        Self { request, begun: None, answers: 0, attempts: 0, received: 0 }
    }

    fn result(self, outcome: ReadOutcome) -> ReadResult<R> {
        let time = self.begun.map_or(Duration::ZERO, |begun| begun.elapsed());
        let Self { request, attempts, received, .. } = self;
        ReadResult { outcome, reader: request.reader, received, attempts, time }
    }
}

/// Hands the bytes of a lease to the reader.
struct ReaderSink<'s, 'a, R, F> {
    reads: &'s StreamReads<'a, R, F>,
    job: &'s mut ReadJob<'a, R>,
    delivered: bool,
}

impl<R: Reader, F: Fn(usize, ReadResult<R>) + Sync> Sink for ReaderSink<'_, '_, R, F> {
    const BATCH: u64 = R::BATCH;
    const WANTS_DIGESTS: bool = R::WANTS_DIGESTS;

    fn answered(&mut self, answer: &SourceAnswer) {
        self.job.request.reader.answered(answer);
    }

    fn received(&mut self, bytes: u64) {
        self.job.received += bytes;
    }

    /// If no source reports the size, only a longer response shows that an archive is too long.
    fn check_end(&self, reached: u64) -> Result<(), SourceError> {
        match self.job.request.archive.size {
            Some(expected) if reached > expected => Err(SourceError::TooLong { expected }),
            _ => Ok(()),
        }
    }

    fn write(&mut self, _: u64, block: &Bytes) -> Result<ControlFlow<()>, LeaseError> {
        self.job.answers += u32::from(!std::mem::replace(&mut self.delivered, true));
        let reader = &mut self.job.request.reader;
        Ok(reader.take(block.clone()))
    }

    fn written(&mut self, _: u64, _: Bytes, _: &Range<u64>, done: u64) -> Result<(), DiskError> {
        self.reads.report_position(self.job, done);
        Ok(())
    }
}
