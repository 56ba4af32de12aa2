//! A limit of memory (`ulimit -v`), as batch systems set one.

use cxr::session::{memory_limit, needed_memory};
use cxr::text::units;

/// The variable that limits the heaps of the C library (mallopt(3)).
#[cfg(unix)]
const HEAPS: &str = "MALLOC_ARENA_MAX";

/// Starts this program again with one heap if its addresses are limited. Otherwise the C library
/// reserves 64 MiB for many of the threads, and none are left for others. Returns if that is not
/// needed or not possible.
#[cfg(unix)]
pub(crate) fn use_one_heap(arguments: &[std::ffi::OsString]) {
    use std::os::unix::process::CommandExt;
    if memory_limit().is_none() || crate::cli::is_set(HEAPS) {
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
    let needed = needed_memory();
    match memory_limit() {
        Some(limit) if limit < needed => anyhow::bail!(
            "this process may use only {} of memory (`ulimit -v`), and cxr needs {}; nothing was \
             done; raise the limit: ulimit -v unlimited",
            units::bytes(limit),
            units::bytes(needed)
        ),
        _ => Ok(()),
    }
}
