//! How many archives and connections the system's limit of open files bears.

use std::num::NonZeroUsize;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::options::Options;

/// A connection: three of its runtime, two addresses that are tried side by side, and one for the
/// name service.
const PER_CONNECTION: u64 = 6;

/// An archive in hand: its part, its journal, what mending saves, and what is read back.
const PER_ARCHIVE: u64 = 4;

/// All else: standard streams, locks, reports, signals, files that are checked meanwhile.
const ELSE: u64 = 32;

impl Options {
    /// Makes room for the open files that the transfer needs. Where the system's hard limit is
    /// below that, the transfer gets along with fewer archives and connections at a time, at least
    /// one of each, and there are words for it.
    pub(crate) fn within_open_files(self) -> (Self, Option<String>) {
        let limit = raised_to(needed(self.jobs, self.connections));
        let (jobs, connections) = within(limit, self.jobs, self.connections);
        if (jobs, connections) == (self.jobs, self.connections) {
            return (self, None);
        }
        let words = format!(
            "no more than {limit} files may be open here (`ulimit -n`), so that archives at a time \
             are {jobs}, and connections {connections}"
        );
        (Self { jobs, connections, ..self }, Some(words))
    }
}

const fn needed(jobs: NonZeroUsize, connections: NonZeroUsize) -> u64 {
    ELSE + PER_ARCHIVE * jobs.get() as u64 + PER_CONNECTION * connections.get() as u64
}

/// As many of each as `limit` open files bear.
fn within(
    limit: u64,
    jobs: NonZeroUsize,
    connections: NonZeroUsize,
) -> (NonZeroUsize, NonZeroUsize) {
    if needed(jobs, connections) <= limit {
        return (jobs, connections);
    }
    let share = limit.saturating_sub(ELSE) / (PER_ARCHIVE + PER_CONNECTION);
    let share = usize::try_from(share).ok().and_then(NonZeroUsize::new);
    let share = share.unwrap_or(NonZeroUsize::MIN);
    (jobs.min(share), connections.min(share))
}

/// The soft limit of open files, raised to `wanted` as far as the hard one lets it.
fn raised_to(wanted: u64) -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let is = current.unwrap_or(u64::MAX);
    let can = maximum.unwrap_or(u64::MAX).min(wanted);
    if is >= can {
        return is;
    }
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(can), maximum });
    if raised.is_ok() { can } else { is }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(jobs: usize, connections: usize) -> (NonZeroUsize, NonZeroUsize) {
        (NonZeroUsize::new(jobs).unwrap(), NonZeroUsize::new(connections).unwrap())
    }

    #[test]
    fn as_many_as_the_limit_bears() {
        let fitted = |limit, jobs, connections| {
            let (jobs, connections) = of(jobs, connections);
            within(limit, jobs, connections)
        };
        assert_eq!(fitted(1024, 64, 64), of(64, 64));
        assert_eq!(fitted(152, 12, 12), of(12, 12));
        assert_eq!(fitted(151, 12, 12), of(11, 11));
        assert_eq!(fitted(64, 64, 64), of(3, 3));
        assert_eq!(fitted(64, 2, 64), of(2, 3));
        assert_eq!(fitted(64, 64, 1), of(3, 1));
        for limit in [0, 8, 33, 41] {
            assert_eq!(fitted(limit, 12, 12), of(1, 1));
        }
    }
}
