//! A lease under way: the source is read, the part written, the hash fed, all in turn.
//!
//! No byte crosses threads between the socket and the file, and a slow disk holds back its own
//! socket and nothing else.

use std::ops::Range;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Job, Transfer};
use crate::disk::{DiskError, crash_point};
use crate::hash::digest::Digest;
use crate::schedule::Lease;
use crate::session::Watch;
use crate::session::{Cut, Line};
use crate::source::{Body, Client, SourceAnswer, SourceError, SourceRequest};

/// Bytes that are gathered before they are written.
const BATCH: u64 = 256 * 1024;

/// How long bytes may lie unwritten, and written ones unrecorded, on a slow line.
const LINGER: Duration = Duration::from_secs(1);

/// Bytes that may be written and not yet in the journal: what a kill can cost a connection.
const RECORD: u64 = 512 * 1024;

/// Why a lease ended before all of it had come.
#[derive(Debug)]
pub(super) enum Trouble {
    Source(SourceError),
    Disk(DiskError),
    /// Nobody wants it any more, or the run is being ended.
    Moot,
}

impl From<SourceError> for Trouble {
    fn from(fault: SourceError) -> Self {
        Self::Source(fault)
    }
}

impl From<Cut> for Trouble {
    fn from(cut: Cut) -> Self {
        match cut {
            Cut::SourceError(fault) => Self::Source(fault),
            Cut::Cancelled => Self::Moot,
        }
    }
}

impl From<DiskError> for Trouble {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

/// One lease under way.
pub(super) struct Flight<'a> {
    transfer: &'a Transfer<'a>,
    job: &'a Job,
    lease: &'a Lease,
    /// Where the next byte to be written belongs, and where this lease ends by now.
    rest: Range<u64>,
    batch: Vec<Bytes>,
    gathered: u64,
    since: Instant,
    /// Where the bytes begin that are written and not in the journal.
    unrecorded: u64,
    recorded: Instant,
    delivered: bool,
    source: String,
}

impl<'a> Flight<'a> {
    pub(super) fn new(transfer: &'a Transfer<'a>, job: &'a Job, lease: &'a Lease) -> Self {
        let now = Instant::now();
        Self {
            transfer,
            job,
            lease,
            rest: lease.range.clone(),
            batch: Vec::new(),
            gathered: 0,
            since: now,
            unrecorded: lease.range.start,
            recorded: now,
            delivered: false,
            source: transfer.sources[lease.source].name(),
        }
    }

    /// Opens the source and takes what comes.
    pub(super) async fn fly(&mut self, client: &Client) -> Result<(), Trouble> {
        self.job.count_attempt();
        let opened = self.open(client).await?;
        if let Some(tag) = &opened.tag {
            self.transfer.schedule.lock().saw_tag(self.lease, tag);
        }
        // In this order: once the size is known, others would ask for chunks of it.
        if opened.whole {
            self.take_whole()?;
        }
        if let Some(total) = opened.total {
            self.learn_size(total)?;
        }
        self.receive(opened).await
    }

    async fn open(&self, client: &Client) -> Result<SourceAnswer, Trouble> {
        let question = SourceRequest {
            archive: &self.job.archive,
            range: self.lease.range.clone(),
            size: self.lease.size,
            fresh: self.lease.fresh,
            plain: self.lease.plain,
            wants_digests: false,
        };
        Ok(self.line().open(client, &question).await?)
    }

    fn line(&self) -> Line<'a> {
        let Transfer { sources, options, throttle, cancel, .. } = self.transfer;
        Line { source: &sources[self.lease.source], options, throttle, cancel }
    }

    fn learn_size(&mut self, total: u64) -> Result<(), Trouble> {
        if total == 0 && self.job.archive.md5 != Digest::EMPTY {
            return Err(SourceError::Foreign("nothing at all".to_owned()).into());
        }
        let mut schedule = self.transfer.schedule.lock();
        let news = schedule.chunks(self.lease.archive).size().is_none();
        schedule
            .learn_size(self.lease, total)
            .map_err(|expected| SourceError::size(total, expected, self.job.archive.size))?;
        drop(schedule);
        self.rest.end = self.rest.end.min(total);
        if news {
            self.transfer.size_learnt(self.job, total)?;
        }
        Ok(())
    }

    /// The source sends all there is, whatever was asked for: so much is taken as is free.
    fn take_whole(&mut self) -> Result<(), Trouble> {
        let mut schedule = self.transfer.schedule.lock();
        match schedule.whole(self.lease) {
            Some(end) => self.rest.end = end,
            None => return Err(SourceError::NoRanges.into()),
        }
        Ok(())
    }

    async fn receive(&mut self, opened: SourceAnswer) -> Result<(), Trouble> {
        let SourceAnswer { start, end, mut body, .. } = opened;
        // A source without ranges begins at the beginning: what is here already is passed over.
        let mut skip = self.rest.start - start;
        let mut watch = Watch::new(self.transfer.options.stall_timeout);
        while self.rest.start + self.gathered < self.rest.end {
            let Some(mut block) = self.next(&mut body, &mut watch).await? else {
                self.write()?;
                return self.ended(end);
            };
            let passed = skip.min(block.len() as u64);
            skip -= passed;
            block = block.slice(usize::try_from(passed).unwrap_or(block.len())..);
            if !block.is_empty() {
                self.gather(block);
            }
            if self.gathered >= BATCH || self.since.elapsed() >= LINGER {
                self.write()?;
            }
        }
        self.write()
    }

    /// The next bytes, in time.
    async fn next(&self, body: &mut Body, watch: &mut Watch) -> Result<Option<Bytes>, Trouble> {
        let line = self.line();
        let block = line.next(body, watch).await?;
        if !line.source.is_local() {
            self.job.count_downloaded(block.as_ref().map_or(0, Bytes::len) as u64);
        }
        Ok(block)
    }

    fn gather(&mut self, block: Bytes) {
        if self.batch.is_empty() {
            self.since = Instant::now();
        }
        self.gathered += block.len() as u64;
        self.batch.push(block);
        if !self.delivered {
            self.delivered = true;
            self.transfer.schedule.lock().delivers(self.lease);
        }
    }

    /// The answer ended before the lease did.
    fn ended(&mut self, promised: Option<u64>) -> Result<(), Trouble> {
        let at = self.rest.start;
        let Some(end) = promised.or(self.transfer.size_of(self.lease)) else {
            // Nobody told the size, and the end of the answer is the end of the archive.
            self.record()?;
            return self.learn_size(at);
        };
        if at < end.min(self.rest.end) {
            return Err(SourceError::Truncated { at, end: Some(end.min(self.rest.end)) }.into());
        }
        if !self.delivered {
            return Err(
                SourceError::Protocol("the answer to a range held none of it".to_owned()).into()
            );
        }
        // A server may send less than it was asked for (RFC 9110, section 15.3.7).
        Ok(())
    }

    /// Writes what was gathered, and hands it to the hash.
    fn write(&mut self) -> Result<(), Trouble> {
        if self.gathered == 0 {
            return Ok(());
        }
        crash_point("bytes-received");
        if !self.transfer.is_ours_lately()? {
            return Err(Trouble::Moot);
        }
        let gathered = std::mem::take(&mut self.gathered);
        let mut batch = std::mem::take(&mut self.batch);
        let claimed = self.transfer.schedule.lock().claim(self.lease, gathered);
        let own = claimed.ok_or(Trouble::Moot)?;
        cut(&mut batch, own);
        let at = self.rest.start;
        self.job.part().write(at, &batch)?;
        let mut schedule = self.transfer.schedule.lock();
        let rest = schedule.advance(self.lease, Instant::now());
        let done = schedule.chunks(self.lease.archive).total_done();
        drop(schedule);
        self.rest = rest.ok_or(Trouble::Moot)?;
        if self.rest.start - self.unrecorded >= RECORD
            || self.recorded.elapsed() >= LINGER
            || self.rest.is_empty()
        {
            self.record()?;
        }
        // Last: with the last bytes hashed, the archive is judged, and the journal must be whole.
        self.job.front.wrote(at, &batch);
        self.job.tell_position(self.transfer.listener, done);
        if own < gathered {
            // What lies past the end is somebody else's by now.
            self.rest.end = self.rest.start;
        }
        Ok(())
    }

    fn record(&mut self) -> Result<(), Trouble> {
        self.job.part().record(self.unrecorded..self.rest.start, &self.source)?;
        self.unrecorded = self.rest.start;
        self.recorded = Instant::now();
        Ok(())
    }

    /// Whatever ended it: nothing that came is lost.
    pub(super) fn land(mut self, result: Result<(), Trouble>) -> (Result<(), Trouble>, bool) {
        let result = match result {
            Ok(()) => self.record(),
            Err(Trouble::Disk(error)) => {
                // What was written before is good all the same.
                let _ = self.record();
                Err(Trouble::Disk(error))
            }
            // In a round that is over, the journal is no longer this one's.
            Err(Trouble::Moot) if !self.is_wanted() => Err(Trouble::Moot),
            Err(trouble) => match self.write().and_then(|()| self.record()) {
                Ok(()) | Err(Trouble::Moot) => Err(trouble),
                Err(worse) => Err(worse),
            },
        };
        (result, self.delivered)
    }

    fn is_wanted(&self) -> bool {
        self.transfer.schedule.lock().claim(self.lease, 0).is_some()
    }
}

/// Leaves so many bytes of the blocks.
fn cut(blocks: &mut Vec<Bytes>, bytes: u64) {
    let mut left = usize::try_from(bytes).unwrap_or(usize::MAX);
    blocks.retain_mut(|block| {
        block.truncate(left);
        left -= block.len();
        !block.is_empty()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_cut_to_what_is_their_own() {
        let blocks = || vec![Bytes::from_static(b"abc"), Bytes::from_static(b"def")];
        for (own, expected) in [(6, "abcdef"), (4, "abcd"), (3, "abc"), (0, "")] {
            let mut blocks = blocks();
            cut(&mut blocks, own);
            assert_eq!(blocks.concat(), expected.as_bytes());
        }
    }
}
