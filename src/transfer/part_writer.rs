//! Writes the bytes of a lease to the part, notes them in the journal, and hands them to the hash.

use std::ops::{ControlFlow, Range};
use std::time::Instant;

use bytes::Bytes;

use super::download::{LINGER, LeaseError, Sink};
use super::{Job, Transfer};
use crate::disk::{DiskError, crash_point};
use crate::schedule::Lease;
use crate::source::SourceError;

/// Bytes that may be written before the journal notes them: what a kill can cost a connection.
const UNRECORDED: u64 = 512 * 1024;

pub(super) struct PartWriter<'a> {
    transfer: &'a Transfer<'a>,
    job: &'a Job,
    source: String,
    /// The start of the bytes that are written and not in the journal.
    unrecorded: u64,
    recorded: Instant,
}

impl<'a> PartWriter<'a> {
    pub(super) fn new(transfer: &'a Transfer<'a>, job: &'a Job, lease: &Lease) -> Self {
        let source = transfer.context.sources[lease.source].name();
        let unrecorded = lease.range.start;
        Self { transfer, job, source, unrecorded, recorded: Instant::now() }
    }
}

impl Sink for PartWriter<'_> {
    const BATCH: u64 = 256 * 1024;
    const WANTS_DIGESTS: bool = false;

    fn received(&mut self, bytes: u64) {
        self.job.count_downloaded(bytes);
    }

    fn check_size(&self, size: u64) -> Result<(), SourceError> {
        if size == 0 && !self.job.archive.digest().is_of_nothing() {
            return Err(SourceError::Foreign("nothing at all".to_owned()));
        }
        Ok(())
    }

    fn size_learned(&mut self, size: u64) -> Result<(), DiskError> {
        self.transfer.size_learned(self.job, size)
    }

    fn write(&mut self, at: u64, block: &Bytes) -> Result<ControlFlow<()>, LeaseError> {
        crash_point("bytes-received");
        if !self.transfer.owned_the_folder_recently()? {
            return Err(LeaseError::Superseded);
        }
        self.job.part().write(at, block)?;
        Ok(ControlFlow::Continue(()))
    }

    fn written(
        &mut self,
        at: u64,
        block: Bytes,
        rest: &Range<u64>,
        done: u64,
    ) -> Result<(), DiskError> {
        let is_much = rest.start - self.unrecorded >= UNRECORDED;
        if is_much || self.recorded.elapsed() >= LINGER || rest.is_empty() {
            self.record(rest.start)?;
        }
        // Last: with the last bytes hashed, the archive is judged, and the journal must be complete.
        self.job.cursor.wrote(at, block);
        self.job.report_position(self.transfer.context.listener, done);
        Ok(())
    }

    fn moved(&mut self, to: u64) {
        self.unrecorded = to;
    }

    fn record(&mut self, end: u64) -> Result<(), DiskError> {
        self.job.part().record(self.unrecorded..end, &self.source)?;
        self.unrecorded = end;
        self.recorded = Instant::now();
        Ok(())
    }
}
