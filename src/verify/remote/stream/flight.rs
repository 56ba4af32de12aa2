//! One lease of an archive that is read.

use std::ops::Range;
use std::time::Instant;

use bytes::Bytes;

use super::{Job, ReadResult, Reader, StreamReads, Wish};
use crate::schedule::Lease;
use crate::session::Watch;
use crate::session::{Cut, Line};
use crate::source::{Body, Client, SourceAnswer, SourceError, SourceRequest};

/// Bytes after which the schedule and the listener are told of them.
const BATCH: u64 = 256 * 1024;

/// A lease under way.
pub(super) struct Flight<'f, 'a, R, F> {
    readings: &'f StreamReads<'a, R, F>,
    job: &'f mut Job<'a, R>,
    lease: &'f Lease,
    /// Where the next byte belongs, and where the lease ends by now.
    rest: Range<u64>,
    /// Bytes that the schedule has not been told of.
    untold: u64,
    delivered: bool,
}

impl<'f, 'a, R: Reader, F: Fn(usize, ReadResult<R>) + Sync> Flight<'f, 'a, R, F> {
    pub(super) fn new(
        readings: &'f StreamReads<'a, R, F>,
        job: &'f mut Job<'a, R>,
        lease: &'f Lease,
    ) -> Self {
        let rest = lease.range.clone();
        Self { readings, job, lease, rest, untold: 0, delivered: false }
    }

    /// Opens the source and takes what comes.
    pub(super) async fn fly(&mut self, client: &Client) -> Result<Wish, Cut> {
        self.job.attempts += 1;
        let question = SourceRequest {
            archive: self.job.errand.archive,
            range: self.lease.range.clone(),
            size: self.expected(),
            fresh: self.lease.fresh,
            plain: self.lease.plain,
            wants_digests: R::WANTS_DIGESTS,
        };
        let opened = self.line().open(client, &question).await?;
        if opened.whole {
            let end = self.readings.schedule.lock().whole(self.lease);
            self.rest.end = end.unwrap_or(self.rest.end);
        }
        if let Some(total) = opened.total {
            self.learn_size(total)?;
        }
        self.job.errand.reader.answered(&opened);
        self.receive(opened).await
    }

    fn line(&self) -> Line<'f> {
        let readings = self.readings;
        Line {
            source: &readings.sources[self.lease.source],
            options: readings.options,
            throttle: &readings.throttle,
            cancel: readings.cancel,
        }
    }

    /// The size in bytes that the archive should have, or that the source has told before.
    fn expected(&self) -> Option<u64> {
        self.job.errand.archive.size.or(self.lease.size)
    }

    fn learn_size(&mut self, total: u64) -> Result<(), SourceError> {
        if let Some(expected) = self.expected().filter(|&expected| expected != total) {
            return Err(SourceError::WrongSize { offered: total, expected });
        }
        self.readings
            .schedule
            .lock()
            .learn_size(self.lease, total)
            .map_err(|expected| SourceError::WrongSize { offered: total, expected })?;
        self.rest.end = self.rest.end.min(total);
        Ok(())
    }

    async fn receive(&mut self, opened: SourceAnswer) -> Result<Wish, Cut> {
        let SourceAnswer { start, total, end, mut body, .. } = opened;
        // A source without ranges begins at the beginning: what is known already is passed over.
        let mut skip = self.rest.start.saturating_sub(start);
        let mut watch = Watch::new(self.readings.options.stall_timeout);
        while self.rest.start < self.rest.end {
            let Some(block) = self.next(&mut body, &mut watch).await? else {
                return Ok(self.ended(end).map(|()| Wish::More)?);
            };
            let passed = skip.min(block.len() as u64);
            skip -= passed;
            let block = block.slice(usize::try_from(passed).unwrap_or(block.len())..);
            if total.is_none() {
                self.see_that_it_fits(&block)?;
            }
            if !block.is_empty() && self.take(block) == Wish::Enough {
                return Ok(Wish::Enough);
            }
        }
        Ok(Wish::More)
    }

    async fn next(&mut self, body: &mut Body, watch: &mut Watch) -> Result<Option<Bytes>, Cut> {
        let line = self.line();
        let block = line.next(body, watch).await?;
        if !line.source.is_local() {
            self.job.received += block.as_ref().map_or(0, Bytes::len) as u64;
        }
        Ok(block)
    }

    fn take(&mut self, mut block: Bytes) -> Wish {
        let left = usize::try_from(self.rest.end - self.rest.start).unwrap_or(usize::MAX);
        block.truncate(left);
        if !self.delivered {
            self.delivered = true;
            self.job.answers += 1;
            self.readings.schedule.lock().delivers(self.lease);
        }
        let length = block.len() as u64;
        let wish = self.job.errand.reader.take(block);
        self.rest.start += length;
        self.untold += length;
        if self.untold >= BATCH {
            self.tell();
        }
        wish
    }

    /// Where nobody told the size, too long an archive shows only when there is more of it.
    fn see_that_it_fits(&self, block: &Bytes) -> Result<(), SourceError> {
        let reached = self.rest.start + block.len() as u64;
        match self.expected() {
            Some(expected) if reached > expected => Err(SourceError::TooLong { expected }),
            _ => Ok(()),
        }
    }

    /// The answer ended before the lease did.
    fn ended(&mut self, promised: Option<u64>) -> Result<(), SourceError> {
        let at = self.rest.start;
        let Some(end) = promised else {
            // All of the archive was sent, and the end of the answer is its end.
            if let Some(end) = self.expected().filter(|&end| at < end) {
                return Err(SourceError::Truncated { at, end: Some(end) });
            }
            self.tell();
            return self.learn_size(at);
        };
        let end = end.min(self.rest.end);
        if at < end {
            return Err(SourceError::Truncated { at, end: Some(end) });
        }
        if !self.delivered {
            return Err(SourceError::Protocol("the answer to a range held none of it".to_owned()));
        }
        // A server may send less than it was asked for (RFC 9110, section 15.3.7).
        Ok(())
    }

    /// Tells the schedule and the listener how far it is.
    fn tell(&mut self) {
        let untold = std::mem::take(&mut self.untold);
        if untold == 0 {
            return;
        }
        let mut schedule = self.readings.schedule.lock();
        schedule.claim(self.lease, untold);
        schedule.advance(self.lease, Instant::now());
        let done = schedule.chunks(self.lease.archive).total_done();
        drop(schedule);
        self.readings.tell_position(self.job, done);
    }

    /// Whatever ended it: nothing that came is forgotten. Says whether bytes came.
    pub(super) fn land(mut self) -> bool {
        self.tell();
        self.delivered
    }
}
