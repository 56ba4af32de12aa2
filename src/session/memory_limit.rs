//! Fits the numbers of archives and connections to a limit of memory (`ulimit -v`).

use std::num::NonZeroUsize;
use std::thread;

use super::options::SessionOptions;
use crate::text::units;

/// The addresses that a command needs with the usual numbers of archives and connections: the
/// program, its heap and buffers, and its threads.
const NEEDED: u64 = if cfg!(debug_assertions) { 192 << 20 } else { 80 << 20 };

/// The addresses of the threads that exist once for each processor.
const PER_PROCESSOR: u64 = 8 << 20;

/// The usual number of archives and of connections at a time.
const USUAL: usize = 12;

/// The addresses of one more archive and one more connection: their stacks, buffers and clients.
const PER_PAIR: u64 = 8 << 20;

/// The addresses that a command needs.
pub fn needed_memory() -> u64 {
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    NEEDED + PER_PROCESSOR * processors as u64
}

/// The limit of the addresses of this process, if there is one.
#[cfg(unix)]
pub fn memory_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::As).current
}

/// Windows has no such limit.
#[cfg(windows)]
pub const fn memory_limit() -> Option<u64> {
    None
}

impl SessionOptions {
    /// Reduces the archives and connections at a time to what the limit of memory allows, and returns
    /// a message about it: an allocation that fails ends the process without a report.
    pub(super) fn fit_memory(self) -> (Self, Option<String>) {
        let Some(limit) = memory_limit() else { return (self, None) };
        let (jobs, connections) = fit(limit, needed_memory(), self.jobs, self.connections);
        if (jobs, connections) == (self.jobs, self.connections) {
            return (self, None);
        }
        let message = format!(
            "this process may use only {} of memory (`ulimit -v`): cxr uses {connections} connections \
             for {jobs} archives at a time",
            units::bytes(limit)
        );
        (Self { jobs, connections, ..self }, Some(message))
    }
}

/// The largest numbers that a `limit` of memory allows, where the usual ones need `needed`.
fn fit(
    limit: u64,
    needed: u64,
    jobs: NonZeroUsize,
    connections: NonZeroUsize,
) -> (NonZeroUsize, NonZeroUsize) {
    let more = usize::try_from(limit.saturating_sub(needed) / PER_PAIR).unwrap_or(usize::MAX);
    let most = NonZeroUsize::MIN.saturating_add(more.saturating_add(USUAL - 1));
    (jobs.min(most), connections.min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_usual_numbers_need_more_memory() {
        let number = |number| NonZeroUsize::new(number).unwrap();
        let fitted = |limit, jobs, connections| {
            let (jobs, connections) = fit(limit, 100 << 20, number(jobs), number(connections));
            (jobs.get(), connections.get())
        };
        assert_eq!(fitted(100 << 20, 12, 12), (12, 12));
        assert_eq!(fitted(90 << 20, 64, 3), (12, 3));
        assert_eq!(fitted(116 << 20, 64, 64), (14, 14));
        assert_eq!(fitted(2 << 30, 64, 64), (64, 64));
        assert_eq!(fitted(u64::MAX, 64, 1 << 20), (64, 1 << 20));
    }
}
