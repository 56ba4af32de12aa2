//! The signals of POSIX.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals as Arriving;

use super::ECHO;

/// Lets a write beyond the limit of the size of files (`ulimit -f`) fail with an error, instead of
/// ending the process without a word.
pub(crate) fn survive_file_limit() -> io::Result<()> {
    flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))).map(drop)
}

/// Calls `end` with the first signal, and lets the next one end the process.
pub(super) fn listen(end: impl FnOnce(i32) + Send + 'static) -> io::Result<()> {
    let again = Arc::new(AtomicBool::new(false));
    let caught: Vec<i32> = [SIGINT, SIGTERM].into_iter().chain(hang_up()).collect();
    for &signal in &caught {
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&again))?;
    }
    let mut arriving = Arriving::new(caught)?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if let Some(signal) = arriving.forever().next() {
            end(signal);
            thread::sleep(ECHO);
            again.store(true, Ordering::SeqCst);
        }
    })?;
    Ok(())
}

/// Returns SIGHUP, unless it is ignored or the system does not report that.
fn hang_up() -> Option<i32> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    let ignored = u64::from_str_radix(mask.trim(), 16).ok()?;
    (ignored & (1 << (SIGHUP - 1)) == 0).then_some(SIGHUP)
}
