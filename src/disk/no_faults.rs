//! Stands in for fault injection in builds without debug assertions.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::syscalls::{Interval, Operation};

pub(super) fn perform<T>(
    _: &Path,
    operation: Operation<'_>,
    act: impl FnOnce(usize) -> io::Result<T>,
) -> io::Result<T> {
    act(operation.length())
}

pub(crate) const fn crash_point(_: &'static str) {}

pub(crate) const fn interval(_: Interval, usual: Duration) -> Duration {
    usual
}

pub(crate) const fn journal_limit(usual: u64) -> u64 {
    usual
}

pub(super) const fn locks_are_off() -> bool {
    false
}

pub(super) const fn pretended_host() -> Option<String> {
    None
}
