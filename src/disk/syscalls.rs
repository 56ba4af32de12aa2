//! The door through which every operation on a file passes.
//!
//! In a build with debug assertions a trial can stand behind it, which lets operations fail, keeps
//! a record of them, or ends the process between two of them. In any other build there is nothing
//! behind it.

use std::io;
use std::path::Path;
use std::time::Duration;

#[cfg(debug_assertions)]
use super::fault_injection;
use super::operation::{Operation, Timing};

/// Lets an operation on the path pass. `act` does it, for so many bytes at most as it is given.
pub(super) fn pass<T>(
    path: &Path,
    operation: Operation<'_>,
    act: impl FnOnce(usize) -> io::Result<T>,
) -> io::Result<T> {
    #[cfg(debug_assertions)]
    return fault_injection::pass(path, operation, act);
    #[cfg(not(debug_assertions))]
    {
        let _ = path;
        act(operation.length())
    }
}

/// Does it again while a signal comes in between.
pub(super) fn again<T>(mut act: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match act() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// A step between two operations, by its name. A trial can end the process here as `kill -9` does;
/// in a build without debug assertions this is nothing.
#[inline]
pub fn crash_point(name: &'static str) {
    #[cfg(debug_assertions)]
    fault_injection::crash_point(name);
    #[cfg(not(debug_assertions))]
    let _ = name;
}

/// How long it usually takes. A trial can make it shorter.
#[inline]
pub fn pace(timing: Timing, usual: Duration) -> Duration {
    #[cfg(debug_assertions)]
    return fault_injection::pace(timing).unwrap_or(usual);
    #[cfg(not(debug_assertions))]
    {
        let _ = timing;
        usual
    }
}

/// Whether the locks of the operating system are to be granted always, as some network file
/// systems do.
pub(super) fn locks_are_off() -> bool {
    #[cfg(debug_assertions)]
    return fault_injection::locks_are_off();
    #[cfg(not(debug_assertions))]
    false
}

/// The host that this process is to be taken to be on.
pub(super) fn pretended_host() -> Option<String> {
    #[cfg(debug_assertions)]
    return fault_injection::pretended_host();
    #[cfg(not(debug_assertions))]
    None
}
