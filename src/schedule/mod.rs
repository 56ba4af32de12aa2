//! Decides which range is fetched next, and from which source. Pure: it is given the time and never
//! waits.
//!
//! A connection asks for a [`Lease`]: a range of one archive in progress, from one source. The
//! archive with the fewest connections comes first, so that all archives are hashed side by side and
//! close behind what arrives; among equals, the order of the catalog decides. When no range is
//! free, the largest lease is halved, so that all connections end together, unless what is left of
//! it will arrive in a moment.

mod chunks;
mod entry;
mod failure;
mod refetch;
mod retry;
mod source_health;
mod speed;
#[cfg(test)]
mod tests;
mod whole;

pub(crate) use failure::Failure;
pub(crate) use retry::RetryClass;
pub(crate) use retry::{AfterFailure, RetryDecision, RetryPolicy};

use std::ops::Range;
use std::time::{Duration, Instant};

use entry::{Entry, State};
use speed::Speeds;

use self::chunks::Chunks;
use self::source_health::{ConnectionGate, Opening, SourceHealth, Tags};
use crate::ranges::RangeSet;

/// After this many answers in a row that do not fit the requested range, the whole archive is
/// requested: some servers and proxies handle no range at all.
pub(crate) const MISUNDERSTOOD: u32 = 2;

/// A range of an archive that one connection fetches from one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lease {
    /// A unique number.
    pub id: u64,
    /// The number that [`Schedule::add`] returned.
    pub archive: usize,
    /// The number of the source.
    pub source: usize,
    pub range: Range<u64>,
    /// The size of the archive in bytes, if known.
    pub size: Option<u64>,
    /// Bypass caches: something that arrived before was wrong.
    pub fresh: bool,
    /// Request the whole archive: the source has misunderstood ranges again and again.
    pub plain: bool,
    pub begun: Instant,
    /// The attempt at the archive. A later one makes this lease void.
    attempt: u32,
}

/// The next step of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Fetch this range.
    Work(Lease),
    /// Ask again at this time, or when something has changed.
    Wait(Option<Instant>),
    /// This archive has neither a source nor a connection left: it needs a verdict.
    Stranded(usize),
    /// Nothing is left to do.
    Done,
}

/// All archives in progress.
#[derive(Debug)]
pub(crate) struct Schedule {
    entries: Vec<Entry>,
    gates: Vec<ConnectionGate>,
    speeds: Speeds,
    policy: RetryPolicy,
    chunk: u64,
    leases: u64,
    closed: bool,
}

impl Schedule {
    /// A schedule for a number of sources and chunks of this many bytes. After `patience`, a slow
    /// source is compared with another one; `None`: never.
    pub(crate) fn new(
        sources: usize,
        chunk: u64,
        policy: RetryPolicy,
        patience: Option<Duration>,
    ) -> Self {
        let gates = vec![ConnectionGate::default(); sources];
        let speeds = Speeds::new(sources, patience);
        Self { entries: Vec::new(), gates, speeds, policy, chunk, leases: 0, closed: false }
    }

    /// Adds an archive of which `done` is here. Returns its number, counted from 0.
    pub(crate) fn add(&mut self, size: Option<u64>, done: RangeSet) -> usize {
        self.entries.push(Entry {
            chunks: Chunks::new(size, self.chunk, done),
            table_size: size,
            health: vec![SourceHealth::default(); self.gates.len()],
            only_source: None,
            avoided: None,
            attempt: 0,
            state: State::Waiting,
        });
        self.entries.len() - 1
    }

    /// Adds an archive that is read in order, from this source only, without a finisher. Its size is
    /// what the source reports: where the end is unknown, the bytes behind the last one are
    /// requested too.
    pub(crate) fn add_reading(&mut self, source: usize) -> usize {
        let archive = self.add(None, RangeSet::new());
        let entry = &mut self.entries[archive];
        entry.chunks.take_in_order();
        entry.state = State::Active;
        for (_, other) in entry.health.iter_mut().enumerate().filter(|(n, _)| *n != source) {
            other.skipped = Some("not asked".to_owned());
        }
        archive
    }

    /// No archive is added after this.
    pub(crate) const fn close(&mut self) {
        self.closed = true;
    }

    pub(crate) fn chunks(&self, archive: usize) -> &Chunks {
        &self.entries[archive].chunks
    }

    /// Bytes of an archive that are still missing, as far as its size is known.
    pub(crate) fn left(&self, archive: usize) -> u64 {
        let entry = &self.entries[archive];
        let size = entry.chunks.size().filter(|_| !entry.is_settled()).unwrap_or(0);
        size.saturating_sub(entry.chunks.total_done())
    }

    /// The next step of a connection.
    pub(crate) fn next(&mut self, now: Instant) -> Next {
        self.gates.iter_mut().for_each(|gate| gate.ease(now));
        if self.closed && self.entries.iter().all(Entry::is_settled) {
            return Next::Done;
        }
        if let Some(stranded) = self.entries.iter().position(Entry::is_stranded) {
            self.entries[stranded].state = State::Stranded;
            return Next::Stranded(stranded);
        }
        let mut soonest = None;
        let id = self.leases;
        // An archive that is about to start needs a connection more than one that has some:
        // bytes that arrive in order go to the hash from memory.
        let others_are_coming = self.entries.iter().any(|entry| entry.state == State::Opening);
        let has_enough = |entry: &Entry| others_are_coming && entry.chunks.leases() > 0;
        for index in self.by_leases() {
            if has_enough(&self.entries[index]) {
                return Next::Wait(soonest);
            }
            match self.source_for(index, now) {
                Some((source, Opening::Now)) => {
                    if let Some(range) = self.entries[index].chunks.take(id) {
                        return Next::Work(self.lease(index, source, range, now));
                    }
                }
                Some((_, Opening::At(at))) if !self.entries[index].chunks.is_complete() => {
                    soonest = Some(soonest.map_or(at, |soonest: Instant| soonest.min(at)));
                }
                _ => {}
            }
        }
        match self.halve(id, now) {
            Some(lease) => Next::Work(lease),
            None => Next::Wait(soonest),
        }
    }

    /// Returns true if a connection that waits should be closed: a source may count it among those
    /// that it allows.
    pub(crate) fn wants_no_idle_connections(&self) -> bool {
        self.gates.iter().any(|gate| gate.counts_idle)
    }

    /// Claims the next archive without a finisher. Otherwise returns true if there will be none.
    pub(crate) fn claim_archive(&mut self) -> Result<usize, bool> {
        let free = self.entries.iter().position(|entry| entry.state == State::Waiting);
        let index = free.ok_or(self.closed)?;
        self.entries[index].state = State::Opening;
        Ok(index)
    }

    /// Allows connections to take leases of the archive.
    pub(crate) fn activate(&mut self, archive: usize) {
        self.entries[archive].state = State::Active;
    }

    /// The archives that allow leases, those with the fewest connections first.
    fn by_leases(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.entries.len())
            .filter(|&index| self.entries[index].state == State::Active)
            .collect();
        order.sort_by_key(|&index| self.entries[index].chunks.leases());
        order
    }

    /// The source that can be asked first for the archive: the preferred one among those that are not
    /// much slower than others. `None` if all are skipped.
    fn source_for(&self, index: usize, now: Instant) -> Option<(usize, Opening)> {
        let entry = &self.entries[index];
        let rank = |opening| match opening {
            Opening::Now => (0, None),
            Opening::At(at) => (1, Some(at)),
            Opening::Later => (2, None),
        };
        let asked = entry.open();
        let asked: Vec<(usize, Opening)> = asked
            .filter_map(|source| {
                let health = entry.health[source].opens(now)?;
                Some((source, health.and(self.gates[source].opens(now))))
            })
            .collect();
        let open = asked.iter().filter(|(_, opening)| *opening == Opening::Now);
        match self.speeds.choose(open.map(|(source, _)| *source), now) {
            Some(source) => Some((source, Opening::Now)),
            None => asked.into_iter().min_by_key(|&(_, opening)| rank(opening)),
        }
    }

    /// Returns true if a lease should end here: its source is slow, and another may be faster.
    fn leaves(&mut self, lease: &Lease, now: Instant) -> bool {
        let entry = &self.entries[lease.archive];
        let others: Vec<usize> = entry
            .open()
            .filter(|&source| source != lease.source && !entry.health[source].sends_whole)
            .filter(|&source| entry.health[source].opens(now) == Some(Opening::Now))
            .filter(|&source| self.gates[source].opens(now) == Opening::Now)
            .collect();
        self.speeds.leaves(lease.id, others, now)
    }

    fn halve(&mut self, id: u64, now: Instant) -> Option<Lease> {
        let candidates = self.by_leases().into_iter().filter_map(|index| {
            let (largest, left) = self.entries[index].chunks.largest_lease()?;
            if self.speeds.ends_soon(largest, left, now) {
                return None;
            }
            match self.source_for(index, now)? {
                (source, Opening::Now) => Some((left, index, source)),
                _ => None,
            }
        });
        let (_, index, source) = candidates.max_by_key(|&(left, ..)| left)?;
        let range = self.entries[index].chunks.halve(id)?;
        Some(self.lease(index, source, range, now))
    }

    fn lease(&mut self, archive: usize, source: usize, range: Range<u64>, now: Instant) -> Lease {
        let id = self.leases;
        self.leases += 1;
        self.gates[source].enter();
        self.speeds.begin(id, source, now);
        let entry = &self.entries[archive];
        let (size, attempt) = (entry.chunks.size(), entry.attempt);
        let SourceHealth { suspicious, failures, contradictions, .. } = entry.health[source];
        let fresh = attempt > 0 || suspicious || entry.avoided.is_some();
        let plain = (suspicious && failures >= MISUNDERSTOOD) || contradictions >= MISUNDERSTOOD;
        Lease { id, archive, source, range, size, fresh, plain, begun: now, attempt }
    }

    fn current(&mut self, lease: &Lease) -> Option<&mut Entry> {
        let entry = &mut self.entries[lease.archive];
        (!entry.is_settled() && entry.attempt == lease.attempt).then_some(entry)
    }

    /// Notes the size that a source reports. Fails with the known size if that differs.
    pub(crate) fn learn_size(&mut self, lease: &Lease, size: u64) -> Result<(), u64> {
        let Some(entry) = self.current(lease) else { return Ok(()) };
        match entry.chunks.size() {
            Some(known) if known != size => Err(known),
            Some(_) => Ok(()),
            None => {
                entry.chunks.learn_size(size);
                Ok(())
            }
        }
    }

    /// The first bytes of a lease have arrived.
    pub(crate) fn delivers(&mut self, lease: &Lease, now: Instant) {
        self.gates[lease.source].deliver(now);
    }

    /// Claims bytes that a lease is about to write. Returns how many still belong to it, or `None`
    /// if the lease is void.
    pub(crate) fn claim(&mut self, lease: &Lease, bytes: u64) -> Option<u64> {
        let own = self.current(lease)?.chunks.claim(lease.id, bytes)?;
        self.speeds.delivered(lease.id, own);
        Some(own)
    }

    /// Counts the claimed bytes as done. Returns the rest of the lease, which is empty if its source
    /// is too slow, or `None` if the lease is void.
    pub(crate) fn advance(&mut self, lease: &Lease, now: Instant) -> Option<Range<u64>> {
        let source = lease.source;
        let entry = self.current(lease)?;
        entry.health[source].progress();
        let rest = entry.chunks.advance(lease.id)?;
        if rest.is_empty() || !self.leaves(lease, now) {
            return Some(rest);
        }
        self.entries[lease.archive].chunks.release(lease.id);
        Some(rest.start..rest.start)
    }

    /// Ends a lease without a failure. Its remaining bytes are free again.
    pub(crate) fn finish(&mut self, lease: &Lease, delivered: bool, now: Instant) {
        self.end(lease, delivered, now);
        let source = lease.source;
        if let Some(entry) = self.current(lease).filter(|_| delivered && !lease.plain) {
            entry.health[source].contradictions = 0;
        }
    }

    fn end(&mut self, lease: &Lease, delivered: bool, now: Instant) {
        self.gates[lease.source].leave(delivered, now);
        self.speeds.end(lease.id, now);
        if let Some(entry) = self.current(lease) {
            entry.chunks.release(lease.id);
        }
    }

    /// Notes the ETag of a response.
    pub(crate) fn saw_tag(&mut self, lease: &Lease, tag: &str) {
        let source = lease.source;
        if let Some(entry) = self.current(lease) {
            entry.health[source].tags.note(tag);
        }
    }

    /// The sources whose ETag of an archive has changed in this attempt.
    pub(crate) fn changed_at(&self, archive: usize) -> impl Iterator<Item = usize> {
        let health = self.entries[archive].health.iter().enumerate();
        health.filter(|(_, health)| health.tags.have_changed()).map(|(source, _)| source)
    }

    /// The archive has its verdict, or will get it without any further byte.
    pub(crate) fn settle(&mut self, archive: usize) {
        self.entries[archive].state = State::Settled;
    }

    /// Starts another attempt after a wrong MD5: `done` counts, and the rest comes from one source.
    pub(crate) fn begin_again(&mut self, archive: usize, source: usize, done: RangeSet) {
        let entry = &mut self.entries[archive];
        entry.chunks.reset(entry.table_size, done);
        entry.only_source = Some(source);
        entry.avoided = None;
        entry.attempt += 1;
        entry.state = State::Active;
        entry.health[source].failures = 0;
        entry.health.iter_mut().for_each(|health| health.tags = Tags::default());
        if entry.table_size.is_none() {
            // Sources skipped over a size that another source reported may have been right.
            let doubtful = entry.health.iter_mut().filter(|health| health.by_size);
            doubtful.for_each(|health| *health = SourceHealth::default());
        }
    }

    /// Skips a source for an archive, for this reason.
    pub(crate) fn skip(&mut self, archive: usize, source: usize, why: String) {
        self.entries[archive].health[source].skipped = Some(why);
    }

    /// Returns true if a source can still be asked for an archive.
    pub(crate) fn is_open(&self, archive: usize, source: usize) -> bool {
        let entry = &self.entries[archive];
        let health = &entry.health[source];
        health.skipped.is_none() || (health.by_size && entry.table_size.is_none())
    }

    /// The sources skipped over a size that only another source or an earlier run reported. Starting
    /// over without that size, each may be right.
    pub(crate) fn doubtful(&self, archive: usize) -> Vec<usize> {
        let entry = &self.entries[archive];
        let all = 0..entry.health.len();
        let doubtful = all.filter(|&source| entry.health[source].by_size);
        doubtful.filter(|_| entry.table_size.is_none()).collect()
    }

    /// The numbers of the skipped sources, and the reason for each.
    pub(crate) fn answers(&self, archive: usize) -> Vec<(usize, String)> {
        let health = self.entries[archive].health.iter().enumerate();
        health.filter_map(|(source, s)| Some((source, s.skipped.clone()?))).collect()
    }
}
