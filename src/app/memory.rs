//! A limit of memory (`ulimit -v`), as batch systems set one.

use std::num::NonZeroUsize;
use std::thread;

use cxr::text::units;

/// The addresses that a command needs: the program, its heap and buffers, and its threads.
const NEEDED: u64 = if cfg!(debug_assertions) { 192 << 20 } else { 80 << 20 };

/// The addresses of the threads that exist once for each processor.
const PER_PROCESSOR: u64 = 8 << 20;

/// The variable that limits the heaps of the C library (mallopt(3)).
#[cfg(unix)]
const HEAPS: &str = "MALLOC_ARENA_MAX";

/// Starts this program again with one heap if its addresses are limited. Otherwise the C library
/// reserves 64 MiB for many of the threads, and none are left for others. Returns if that is not
/// needed or not possible.
#[cfg(unix)]
pub(crate) fn use_one_heap(arguments: &[std::ffi::OsString]) {
    use std::os::unix::process::CommandExt;
    if limit().is_none() || crate::cli::is_set(HEAPS) {
        return;
    }
    let (Ok(program), Some((name, rest))) = (std::env::current_exe(), arguments.split_first())
    else {
        return;
    };
    // It returns only after an error, and the limit may still be enough.
    let _ = std::process::Command::new(program).arg0(name).args(rest).env(HEAPS, "1").exec();
}

/// Fails if the limit is too low for any work, since an allocation that fails ends the process
/// without a report.
pub(crate) fn check() -> anyhow::Result<()> {
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let needed = NEEDED + PER_PROCESSOR * processors as u64;
    match limit() {
        Some(limit) if limit < needed => anyhow::bail!(
            "this process may use only {} of memory (`ulimit -v`), and cxr needs {}; nothing was \
             done; raise the limit: ulimit -v unlimited",
            units::bytes(limit),
            units::bytes(needed)
        ),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::As).current
}

/// Windows has no such limit.
#[cfg(windows)]
const fn limit() -> Option<u64> {
    None
}
