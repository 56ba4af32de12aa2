//! One archive of the schedule.

use super::chunks::Chunks;
use super::source_health::SourceHealth;

/// How far an archive has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It waits for a keeper.
    Waiting,
    /// It has a keeper, and its part is not open yet.
    Kept,
    /// Connections may take leases of it.
    InHand,
    /// Its keeper has been told that no source is left.
    Stranded,
    /// It has its verdict.
    Settled,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) chunks: Chunks,
    /// The size that the table says.
    pub(super) published: Option<u64>,
    pub(super) standings: Vec<SourceHealth>,
    /// The one source that a round after a wrong MD5 takes everything from.
    pub(super) pinned: Option<usize>,
    /// Bytes that were wrong are fetched anew: the sources that are not to give them, if others
    /// can.
    pub(super) mending: Option<Vec<usize>>,
    pub(super) round: u32,
    pub(super) state: State,
}

impl Entry {
    pub(super) fn is_settled(&self) -> bool {
        self.state == State::Settled
    }

    /// Bytes are missing, and neither a source nor a connection is left to bring them.
    pub(super) fn is_stranded(&self) -> bool {
        self.state == State::InHand
            && self.open().next().is_none()
            && self.chunks.leases() == 0
            && !self.chunks.is_complete()
    }

    /// Whether the source may be asked.
    pub(super) fn is_open(&self, source: usize) -> bool {
        let standing = &self.standings[source];
        standing.given_up.is_none() && !(self.mending.is_some() && standing.sends_whole)
    }

    /// The sources that may be asked: while there are such, only those that are wanted first.
    pub(super) fn open(&self) -> impl Iterator<Item = usize> + '_ {
        let all = 0..self.standings.len();
        let some = all.clone().any(|source| self.is_open(source) && self.is_wanted(source));
        all.filter(move |&source| self.is_open(source) && (!some || self.is_wanted(source)))
    }

    fn is_wanted(&self, source: usize) -> bool {
        match &self.mending {
            Some(avoided) => !avoided.contains(&source),
            None => self.pinned.is_none_or(|pinned| pinned == source),
        }
    }
}
