//! Downloads one lease: sends the request and hands the bytes to a sink, batch by batch.
//!
//! No byte crosses threads between the socket and the sink. A slow disk holds back only its own
//! socket.

use std::ops::{ControlFlow, Range};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Runtime;

use super::batch::Batch;
use crate::catalog::Archive;
use crate::disk::DiskError;
use crate::hash::buffer_pool::BufferPool;
use crate::schedule::Lease;
use crate::session::{
    Clients, ResponseReader, SessionError, SharedSchedule, StallTimer, closing_response,
};
use crate::source::{Client, SourceAnswer, SourceError, SourceRequest};

/// The longest time that bytes may stay unwritten, and written bytes unrecorded, on a slow line.
pub(super) const LINGER: Duration = Duration::from_secs(1);

/// The reason why a lease ended before all its bytes arrived.
#[derive(Debug)]
pub(crate) enum LeaseError {
    Source(SourceError),
    Disk(DiskError),
    /// The bytes are no longer wanted, or the run is being cancelled.
    Superseded,
}

impl From<SourceError> for LeaseError {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

impl From<SessionError> for LeaseError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Source(error) => Self::Source(error),
            SessionError::Cancelled => Self::Superseded,
        }
    }
}

impl From<DiskError> for LeaseError {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

/// The receiver of the bytes of a lease.
pub(crate) trait Sink {
    /// Bytes to gather before they are written.
    const BATCH: u64;
    /// True if sources are asked for the digests that they know.
    const WANTS_DIGESTS: bool;

    /// The source has answered.
    fn answered(&mut self, _: &SourceAnswer) {}

    /// Counts bytes that came over the network.
    fn received(&mut self, bytes: u64);

    /// Checks the size that a source reports.
    fn check_size(&self, _: u64) -> Result<(), SourceError> {
        Ok(())
    }

    /// Checks how far a response without a length has come.
    fn check_end(&self, _: u64) -> Result<(), SourceError> {
        Ok(())
    }

    /// Notes the size of the archive, which was unknown.
    fn size_learned(&mut self, _: u64) -> Result<(), DiskError> {
        Ok(())
    }

    /// Takes a block that belongs at an offset. `Break` ends the lease: nothing more is needed.
    fn write(&mut self, at: u64, block: &Bytes) -> Result<ControlFlow<()>, LeaseError>;

    /// The schedule counts the block as done; `rest` is left of the lease, and `done` bytes of the
    /// archive are here.
    fn written(
        &mut self,
        at: u64,
        block: Bytes,
        rest: &Range<u64>,
        done: u64,
    ) -> Result<(), DiskError>;

    /// The next bytes belong at this offset, behind some that are here.
    fn moved(&mut self, _: u64) {}

    /// Records everything written before an offset.
    fn record(&mut self, _: u64) -> Result<(), DiskError> {
        Ok(())
    }
}

/// The download of one lease.
pub(crate) struct LeaseDownload<'a, S> {
    reader: ResponseReader<'a>,
    schedule: &'a SharedSchedule,
    archive: &'a Archive,
    lease: &'a Lease,
    sink: S,
    /// The range that is still to be written.
    rest: Range<u64>,
    batch: Batch<'a>,
    since: Instant,
    delivered: bool,
}

impl<'a, S: Sink> LeaseDownload<'a, S> {
    pub(crate) fn new(
        reader: ResponseReader<'a>,
        schedule: &'a SharedSchedule,
        archive: &'a Archive,
        lease: &'a Lease,
        pool: &'a BufferPool,
        sink: S,
    ) -> Self {
        Self {
            reader,
            schedule,
            archive,
            lease,
            sink,
            rest: lease.range.clone(),
            batch: Batch::new(pool),
            since: Instant::now(),
            delivered: false,
        }
    }

    /// Downloads the lease. Returns how it ended (`Break` if the sink needs nothing more), and true
    /// if bytes arrived.
    pub(crate) fn run(
        mut self,
        runtime: &Runtime,
        clients: &Clients<'_>,
    ) -> (Result<ControlFlow<()>, LeaseError>, bool) {
        let result = match clients.for_lease(self.lease) {
            Ok(client) => runtime.block_on(closing_response(self.download(&client))),
            Err(error) => Err(SourceError::File(error.to_string()).into()),
        };
        (self.finish(result), self.delivered)
    }

    async fn download(&mut self, client: &Client) -> Result<ControlFlow<()>, LeaseError> {
        let request = SourceRequest {
            archive: self.archive,
            range: self.lease.range.clone(),
            size: self.archive.size.or(self.lease.size),
            fresh: self.lease.fresh,
            plain: self.lease.plain,
            wants_digests: S::WANTS_DIGESTS,
        };
        let answer = self.reader.open(client, &request).await?;
        if let Some(tag) = &answer.tag {
            self.schedule.lock().saw_tag(self.lease, tag);
        }
        // In this order: once the size is known, other connections ask for chunks.
        if answer.whole {
            self.rest.end = self.schedule.lock().whole(self.lease).ok_or(SourceError::NoRanges)?;
        }
        if let Some(total) = answer.total {
            self.learn_size(total)?;
        }
        self.sink.answered(&answer);
        self.receive(answer).await
    }

    fn learn_size(&mut self, size: u64) -> Result<(), LeaseError> {
        self.sink.check_size(size)?;
        let mut schedule = self.schedule.lock();
        let known = schedule.chunks(self.lease.archive).size();
        let accepted = schedule.learn_size(self.lease, size);
        drop(schedule);
        accepted.map_err(|expected| SourceError::size(size, expected, self.archive.size))?;
        self.rest.end = self.rest.end.min(size);
        if known.is_none() {
            self.sink.size_learned(size)?;
        }
        Ok(())
    }

    async fn receive(&mut self, answer: SourceAnswer) -> Result<ControlFlow<()>, LeaseError> {
        let SourceAnswer { start: mut at, end, total, whole, framed, mut body, .. } = answer;
        let mut stall = StallTimer::new(self.reader.options.stall_timeout);
        while self.is_unfinished() {
            let Some(block) = self.reader.next(&mut body, &mut stall).await? else {
                let flow = self.write()?;
                return if flow.is_break() {
                    Ok(flow)
                } else {
                    self.ended(end, framed).map(|()| flow)
                };
            };
            if !self.reader.source.is_local() {
                self.sink.received(block.len() as u64);
            }
            let start = at;
            at += block.len() as u64;
            if total.is_none() {
                self.sink.check_end(at)?;
                self.check_limit(at)?;
            }
            if self.take(start, &block, whole)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        self.write()
    }

    /// Stops at a limit if nobody says how long the archive is: the answer may have no end.
    fn check_limit(&self, at: u64) -> Result<(), SourceError> {
        let limit = self.reader.options.unsized_limit.get();
        if at > limit && self.archive.size.or(self.lease.size).is_none() {
            return Err(SourceError::Endless { limit });
        }
        Ok(())
    }

    /// The offset of the byte that is wanted next.
    fn next(&self) -> u64 {
        self.rest.start + self.batch.len()
    }

    fn is_unfinished(&self) -> bool {
        self.next() < self.rest.end
    }

    /// Takes a block of the answer that begins at an offset. An answer may begin before the lease,
    /// and one with the whole archive holds bytes that are here already: these are skipped.
    fn take(
        &mut self,
        start: u64,
        block: &Bytes,
        whole: bool,
    ) -> Result<ControlFlow<()>, LeaseError> {
        loop {
            let skipped = usize::try_from(self.next().saturating_sub(start)).unwrap_or(block.len());
            let Some(new) = block.get(skipped..).filter(|new| !new.is_empty()) else {
                return Ok(ControlFlow::Continue(()));
            };
            let mut flow = ControlFlow::Continue(());
            if self.reader.source.is_local() {
                // It fills a batch by itself, and is not copied.
                self.arrived();
                flow = self.put(block.slice(skipped..))?;
            } else {
                self.gather(new);
                if self.is_due() || whole && !self.is_unfinished() {
                    flow = self.write()?;
                }
            }
            if flow.is_break() {
                return Ok(flow);
            }
            let is_complete = !self.is_unfinished();
            if is_complete && !(whole && self.continue_with_next_gap()?) {
                return Ok(ControlFlow::Continue(()));
            }
        }
    }

    fn is_due(&self) -> bool {
        self.batch.is_full() || self.batch.len() >= S::BATCH || self.since.elapsed() >= LINGER
    }

    /// Continues with the next missing bytes of an archive that arrives whole. Returns false if there
    /// are none.
    fn continue_with_next_gap(&mut self) -> Result<bool, LeaseError> {
        self.sink.record(self.rest.start)?;
        let Some(gap) = self.schedule.lock().next_gap(self.lease) else { return Ok(false) };
        self.sink.moved(gap.start);
        self.rest = gap;
        Ok(true)
    }

    fn gather(&mut self, bytes: &[u8]) {
        if self.batch.is_empty() {
            self.since = Instant::now();
        }
        self.batch.gather(bytes);
        self.arrived();
    }

    /// The first bytes show that the source delivers.
    fn arrived(&mut self) {
        if !self.delivered {
            self.delivered = true;
            self.schedule.lock().delivers(self.lease, Instant::now());
        }
    }

    /// The response ended before the lease.
    fn ended(&mut self, promised: Option<u64>, framed: bool) -> Result<(), LeaseError> {
        let at = self.rest.start;
        let size = self.schedule.lock().chunks(self.lease.archive).size().or(self.archive.size);
        if let Some(end) =
            promised.or(size).map(|end| end.min(self.rest.end)).filter(|&end| at < end)
        {
            let is_sure = promised.is_some() && (framed || !self.delivered);
            return Err(if is_sure && !self.reader.source.is_local() {
                contradiction(at, end)
            } else {
                SourceError::Truncated { at, end: Some(end) }.into()
            });
        }
        if promised.is_none() && size.is_none_or(|size| size == at) {
            // The source reported no size: the end of the response is the end of the archive.
            self.sink.record(at)?;
            return self.learn_size(at);
        }
        if !self.delivered {
            return Err(
                SourceError::Contradiction("the answer to a range held none of it".into()).into()
            );
        }
        // A server may send less than requested (RFC 9110, section 15.3.7).
        Ok(())
    }

    /// Writes the batch.
    fn write(&mut self) -> Result<ControlFlow<()>, LeaseError> {
        if self.batch.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let block = self.batch.take();
        self.put(block)
    }

    /// Hands a block to the sink, as far as its bytes still belong to this lease.
    fn put(&mut self, mut block: Bytes) -> Result<ControlFlow<()>, LeaseError> {
        let gathered = block.len() as u64;
        let claimed = self.schedule.lock().claim(self.lease, gathered);
        let own = claimed.ok_or(LeaseError::Superseded)?;
        block.truncate(usize::try_from(own).unwrap_or(usize::MAX));
        let at = self.rest.start;
        let flow = self.sink.write(at, &block)?;
        let mut schedule = self.schedule.lock();
        let rest = schedule.advance(self.lease, Instant::now());
        let done = schedule.chunks(self.lease.archive).total_done();
        drop(schedule);
        self.rest = rest.ok_or(LeaseError::Superseded)?;
        self.sink.written(at, block, &self.rest, done)?;
        if own < gathered {
            // Another connection fetches what lies behind.
            self.rest.end = self.rest.start;
        }
        Ok(flow)
    }

    /// Keeps every byte that arrived, however the lease ended.
    fn finish(
        &mut self,
        result: Result<ControlFlow<()>, LeaseError>,
    ) -> Result<ControlFlow<()>, LeaseError> {
        match result {
            Ok(flow) => Ok(self.sink.record(self.rest.start).map(|()| flow)?),
            Err(LeaseError::Disk(error)) => {
                // What was written before is right all the same.
                let _ = self.sink.record(self.rest.start);
                Err(LeaseError::Disk(error))
            }
            // After the attempt has ended, its journal belongs to the next one.
            Err(LeaseError::Superseded) if !self.is_wanted() => Err(LeaseError::Superseded),
            Err(error) => match self.write().and_then(|_| Ok(self.sink.record(self.rest.start)?)) {
                Ok(()) | Err(LeaseError::Superseded) => Err(error),
                Err(worse) => Err(worse),
            },
        }
    }

    fn is_wanted(&self) -> bool {
        self.schedule.lock().claim(self.lease, 0).is_some()
    }
}

/// A body that ended properly, but not where its `Content-Range` says.
fn contradiction(at: u64, end: u64) -> LeaseError {
    let text = format!("the answer ended at byte {at}, and its Content-Range says {end}");
    SourceError::Contradiction(text).into()
}
