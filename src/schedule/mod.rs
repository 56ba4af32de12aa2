//! Who fetches what from where next. Pure: it is told the time, and never waits.
//!
//! A connection asks for a [`Lease`]: some bytes of one of the archives in hand, from one source.
//! It goes to the archive that has the fewest connections, so that all are hashed side by side
//! and close behind what arrives; among equals, in the order of the catalogue. When nothing is
//! free, the largest flight is halved, so that all end together, unless what is left of it will be
//! here in a moment.

mod chunks;
mod entry;
mod failure;
mod refetch;
mod retry;
mod source_health;
mod speed;
#[cfg(test)]
mod tests;

pub(crate) use failure::Failure;
pub(crate) use retry::RetryClass;
pub(crate) use retry::{AfterFailure, RetryPolicy};

use std::ops::Range;
use std::time::{Duration, Instant};

use entry::{Entry, State};
use speed::Speeds;

use self::chunks::Chunks;
use self::source_health::{ConnectionGate, Opening, SourceHealth, Tags};
use crate::ranges::RangeSet;

/// After so many answers in a row that do not fit a question for a range, the next one is for the
/// whole: some servers, and what stands before them, take no range at all.
const MISUNDERSTOOD: u32 = 2;

/// Bytes of an archive that one connection is to bring from one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lease {
    /// Its number; none is given twice.
    pub id: u64,
    /// Which archive: the number that [`Schedule::add`] gave.
    pub archive: usize,
    /// Which source.
    pub source: usize,
    /// Which bytes.
    pub range: Range<u64>,
    /// The size of the archive, if known.
    pub size: Option<u64>,
    /// Caches on the way are to be passed by: what came so far was wrong.
    pub fresh: bool,
    /// Ranges were not understood there, again and again: the whole is to be asked for.
    pub plain: bool,
    /// When it was given.
    pub begun: Instant,
    /// Which round of the archive it belongs to; a later round begins from nothing.
    round: u32,
}

/// The answer to a connection that wants work.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Fetch this.
    Work(Lease),
    /// Nothing now: ask again at this moment, or when something has changed.
    Wait(Option<Instant>),
    /// No source is left for this archive, and no connection is at it: it needs a verdict.
    Stranded(usize),
    /// Nothing ever again.
    Done,
}

/// All archives under way.
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
    /// A schedule for so many sources and for chunks of so many bytes. A source that is slow is
    /// borne for so long before another one is tried; `None`: for ever.
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

    /// Adds an archive of which `done` is here. Its number is how many were added before.
    pub(crate) fn add(&mut self, size: Option<u64>, done: RangeSet) -> usize {
        self.entries.push(Entry {
            chunks: Chunks::new(size, self.chunk, done),
            published: size,
            standings: vec![SourceHealth::default(); self.gates.len()],
            pinned: None,
            mending: None,
            round: 0,
            state: State::Waiting,
        });
        self.entries.len() - 1
    }

    /// Adds an archive that is wanted in its order, from this source and no other, and that needs no
    /// keeper. It has as many bytes as the source says: where its end is not known, one looks behind
    /// the last byte.
    pub(crate) fn add_reading(&mut self, source: usize) -> usize {
        let archive = self.add(None, RangeSet::new());
        let entry = &mut self.entries[archive];
        entry.chunks.take_in_order();
        entry.state = State::InHand;
        for (_, other) in entry.standings.iter_mut().enumerate().filter(|(n, _)| *n != source) {
            other.given_up = Some("not asked".to_owned());
        }
        archive
    }

    /// No archive will be added any more.
    pub(crate) const fn close(&mut self) {
        self.closed = true;
    }

    /// The bytes of an archive.
    pub(crate) fn chunks(&self, archive: usize) -> &Chunks {
        &self.entries[archive].chunks
    }

    /// Bytes that an archive has still to get, as far as its size is known.
    pub(crate) fn left(&self, archive: usize) -> u64 {
        let entry = &self.entries[archive];
        let size = entry.chunks.size().filter(|_| !entry.is_settled()).unwrap_or(0);
        size.saturating_sub(entry.chunks.total_done())
    }

    /// What a connection is to do next.
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
        // An archive that will be in hand in a moment needs a connection more than one that has
        // some: bytes that arrive in order go to the hash from memory.
        let others_are_coming = self.entries.iter().any(|entry| entry.state == State::Kept);
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

    /// Gives the next archive that nobody has claimed to be its keeper; `None` and whether there
    /// will never be another.
    pub(crate) fn keep(&mut self) -> Result<usize, bool> {
        let free = self.entries.iter().position(|entry| entry.state == State::Waiting);
        let index = free.ok_or(self.closed)?;
        self.entries[index].state = State::Kept;
        Ok(index)
    }

    /// From now on connections may take leases of the archive.
    pub(crate) fn take_in_hand(&mut self, archive: usize) {
        self.entries[archive].state = State::InHand;
    }

    /// The archives in hand, those with the fewest connections first.
    fn by_leases(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.entries.len())
            .filter(|&index| self.entries[index].state == State::InHand)
            .collect();
        order.sort_by_key(|&index| self.entries[index].chunks.leases());
        order
    }

    /// The source that can be asked for the archive first, the preferred among those that are not
    /// much slower than others; `None` if all are given up.
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
                let standing = entry.standings[source].opens(now)?;
                Some((source, standing.and(self.gates[source].opens(now))))
            })
            .collect();
        let open = asked.iter().filter(|(_, opening)| *opening == Opening::Now);
        match self.speeds.choose(open.map(|(source, _)| *source), now) {
            Some(source) => Some((source, Opening::Now)),
            None => asked.into_iter().min_by_key(|&(_, opening)| rank(opening)),
        }
    }

    /// Whether a lease is to end here: its source is slow, and another one may do better.
    fn leaves(&mut self, lease: &Lease, now: Instant) -> bool {
        let entry = &self.entries[lease.archive];
        let others: Vec<usize> = entry
            .open()
            .filter(|&source| source != lease.source && !entry.standings[source].sends_whole)
            .filter(|&source| entry.standings[source].opens(now) == Some(Opening::Now))
            .filter(|&source| self.gates[source].opens(now) == Opening::Now)
            .collect();
        self.speeds.leaves(lease.id, others, now)
    }

    fn halve(&mut self, id: u64, now: Instant) -> Option<Lease> {
        let candidates = self.by_leases().into_iter().filter_map(|index| {
            let (largest, left) = self.entries[index].chunks.largest_lease()?;
            if self.speeds.brings_soon(largest, left, now) {
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
        let (size, round) = (entry.chunks.size(), entry.round);
        let SourceHealth { suspicious, failures, .. } = entry.standings[source];
        let fresh = round > 0 || suspicious || entry.mending.is_some();
        let plain = suspicious && failures >= MISUNDERSTOOD;
        Lease { id, archive, source, range, size, fresh, plain, begun: now, round }
    }

    fn current(&mut self, lease: &Lease) -> Option<&mut Entry> {
        let entry = &mut self.entries[lease.archive];
        (!entry.is_settled() && entry.round == lease.round).then_some(entry)
    }

    /// The source has told the size of the archive, which was not known. A size that contradicts
    /// what another source told in the meantime is refused.
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

    /// The source sends whole files only. Lets this lease run on to the end of the free bytes, and
    /// says where that is; `None` if another connection is at the archive already, or if a few
    /// bytes of it are wanted only.
    pub(crate) fn whole(&mut self, lease: &Lease) -> Option<u64> {
        let source = lease.source;
        let entry = self.current(lease)?;
        entry.standings[source].sends_whole = true;
        if entry.mending.is_some() {
            return None;
        }
        entry.chunks.take_whole();
        entry.chunks.extend(lease.id)
    }

    /// The first bytes of a lease came.
    pub(crate) fn delivers(&mut self, lease: &Lease) {
        self.gates[lease.source].deliver();
    }

    /// A lease is about to write so many bytes. Gives how many of them are its own by now; `None`
    /// if nobody wants it any more.
    pub(crate) fn claim(&mut self, lease: &Lease, bytes: u64) -> Option<u64> {
        let own = self.current(lease)?.chunks.claim(lease.id, bytes)?;
        self.speeds.bring(lease.id, own);
        Some(own)
    }

    /// What a lease claimed is written. Gives where it goes on and where it ends by now, which is
    /// here if its source is too slow; `None` if nobody wants it any more.
    pub(crate) fn advance(&mut self, lease: &Lease, now: Instant) -> Option<Range<u64>> {
        let source = lease.source;
        let entry = self.current(lease)?;
        entry.standings[source].progress();
        let rest = entry.chunks.advance(lease.id)?;
        if rest.is_empty() || !self.leaves(lease, now) {
            return Some(rest);
        }
        self.entries[lease.archive].chunks.release(lease.id);
        Some(rest.start..rest.start)
    }

    /// A lease ended without a fault. What it did not bring is free again.
    pub(crate) fn finish(&mut self, lease: &Lease, delivered: bool, now: Instant) {
        self.gates[lease.source].leave(delivered, now);
        self.speeds.end(lease.id, now);
        if let Some(entry) = self.current(lease) {
            entry.chunks.release(lease.id);
        }
    }

    /// The source calls this state of the archive so.
    pub(crate) fn saw_tag(&mut self, lease: &Lease, tag: &str) {
        let source = lease.source;
        if let Some(entry) = self.current(lease) {
            entry.standings[source].tags.see(tag);
        }
    }

    /// The sources that have called one archive by different tags in this round.
    pub(crate) fn changed_at(&self, archive: usize) -> impl Iterator<Item = usize> {
        let standings = self.entries[archive].standings.iter().enumerate();
        standings.filter(|(_, standing)| standing.tags.have_changed()).map(|(source, _)| source)
    }

    /// The archive has its verdict, or will get it without any further byte.
    pub(crate) fn settle(&mut self, archive: usize) {
        self.entries[archive].state = State::Settled;
    }

    /// The whole archive was wrong: begins again with what is done of it all the same, all of the
    /// rest from one source.
    pub(crate) fn begin_again(&mut self, archive: usize, source: usize, done: RangeSet) {
        let entry = &mut self.entries[archive];
        entry.chunks.reset(entry.published, done);
        entry.pinned = Some(source);
        entry.mending = None;
        entry.round += 1;
        entry.state = State::InHand;
        entry.standings[source].failures = 0;
        entry.standings.iter_mut().for_each(|standing| standing.tags = Tags::default());
        if entry.published.is_none() {
            // Those that were given up over a size that another source told may have been right.
            let doubtful = entry.standings.iter_mut().filter(|standing| standing.by_size);
            doubtful.for_each(|standing| *standing = SourceHealth::default());
        }
    }

    /// Gives a source up for an archive, for a reason in words.
    pub(crate) fn give_up(&mut self, archive: usize, source: usize, why: String) {
        self.entries[archive].standings[source].given_up = Some(why);
    }

    /// Whether a source could still be asked for an archive.
    pub(crate) fn is_open(&self, archive: usize, source: usize) -> bool {
        let entry = &self.entries[archive];
        let standing = &entry.standings[source];
        standing.given_up.is_none() || (standing.by_size && entry.published.is_none())
    }

    /// The sources that were given up over a size that only another source, or an earlier run, had
    /// told: with nothing built on that size, each may be right.
    pub(crate) fn doubtful(&self, archive: usize) -> Vec<usize> {
        let entry = &self.entries[archive];
        let all = 0..entry.standings.len();
        let doubtful = all.filter(|&source| entry.standings[source].by_size);
        doubtful.filter(|_| entry.published.is_none()).collect()
    }

    /// What each source that was given up answered: its number, and why in words.
    pub(crate) fn answers(&self, archive: usize) -> Vec<(usize, String)> {
        let standings = self.entries[archive].standings.iter().enumerate();
        standings.filter_map(|(source, s)| Some((source, s.given_up.clone()?))).collect()
    }
}
