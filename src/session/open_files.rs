//! Fits the numbers of archives and connections to the limit of open files.

use std::num::NonZeroUsize;

use super::options::SessionOptions;

/// Files of a connection: three of its runtime, two addresses that are tried side by side, and one
/// for the name service.
const PER_CONNECTION: u64 = 6;

/// Files of an archive: its partial download, its journal, the undo log of a repair, and one to read
/// back.
const PER_ARCHIVE: u64 = 4;

/// All other files: standard streams, locks, reports, signals, files that are verified meanwhile.
const OTHERS: u64 = 32;

impl SessionOptions {
    /// Raises the soft limit to the open files that the run needs. Where the hard limit is lower,
    /// reduces the archives and connections at a time, to one of each at least, and returns a
    /// message about it.
    pub(super) fn fit_open_files(self) -> (Self, Option<String>) {
        let limit = raise_limit(needed(self.jobs, self.connections));
        let (jobs, connections) = fit(limit, self.jobs, self.connections);
        if (jobs, connections) == (self.jobs, self.connections) {
            return (self, None);
        }
        let message = format!(
            "only {limit} files may be open at a time (`ulimit -n`): cxr uses {connections} \
             connections for {jobs} archives at a time"
        );
        (Self { jobs, connections, ..self }, Some(message))
    }
}

const fn needed(jobs: NonZeroUsize, connections: NonZeroUsize) -> u64 {
    OTHERS + PER_ARCHIVE * jobs.get() as u64 + PER_CONNECTION * connections.get() as u64
}

/// The largest numbers that `limit` open files allow.
fn fit(limit: u64, jobs: NonZeroUsize, connections: NonZeroUsize) -> (NonZeroUsize, NonZeroUsize) {
    if needed(jobs, connections) <= limit {
        return (jobs, connections);
    }
    let share = limit.saturating_sub(OTHERS) / (PER_ARCHIVE + PER_CONNECTION);
    let share = usize::try_from(share).ok().and_then(NonZeroUsize::new);
    let share = share.unwrap_or(NonZeroUsize::MIN);
    (jobs.min(share), connections.min(share))
}

/// Windows has no such limit.
#[cfg(windows)]
const fn raise_limit(_: u64) -> u64 {
    u64::MAX
}

/// Raises the soft limit to `wanted`, or to the hard limit if that is lower. Returns the soft limit.
#[cfg(unix)]
fn raise_limit(wanted: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
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
    fn jobs_and_connections_fit_the_limit() {
        let fitted = |limit, jobs, connections| {
            let (jobs, connections) = of(jobs, connections);
            fit(limit, jobs, connections)
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
