//! One archive of the schedule.

use super::chunks::Chunks;
use super::source_health::SourceHealth;

/// The progress of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// No finisher has it yet.
    Waiting,
    /// A finisher has it, and the part is not open yet.
    Opening,
    /// Connections may take leases.
    Active,
    /// Its finisher knows that no source is left.
    Stranded,
    /// It has its verdict.
    Settled,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) chunks: Chunks,
    /// The size in the table.
    pub(super) table_size: Option<u64>,
    pub(super) health: Vec<SourceHealth>,
    /// The only source of an attempt after a wrong MD5.
    pub(super) only_source: Option<usize>,
    /// Damaged bytes are being fetched again: the sources that should not give them, if others can.
    pub(super) avoided: Option<Vec<usize>>,
    pub(super) attempt: u32,
    pub(super) state: State,
}

impl Entry {
    pub(super) fn is_settled(&self) -> bool {
        self.state == State::Settled
    }

    /// Returns true if bytes are missing, and neither a source nor a connection is left.
    pub(super) fn is_stranded(&self) -> bool {
        self.state == State::Active
            && self.open().next().is_none()
            && self.chunks.leases() == 0
            && !self.chunks.is_complete()
    }

    pub(super) fn is_open(&self, source: usize) -> bool {
        let health = &self.health[source];
        health.skipped.is_none() && !(self.avoided.is_some() && health.sends_whole)
    }

    /// The sources that may be asked: only the wanted ones, as long as there are any.
    pub(super) fn open(&self) -> impl Iterator<Item = usize> + '_ {
        let all = 0..self.health.len();
        let some = all.clone().any(|source| self.is_open(source) && self.is_wanted(source));
        all.filter(move |&source| self.is_open(source) && (!some || self.is_wanted(source)))
    }

    fn is_wanted(&self, source: usize) -> bool {
        match &self.avoided {
            Some(avoided) => !avoided.contains(&source),
            None => self.only_source.is_none_or(|only_source| only_source == source),
        }
    }
}
