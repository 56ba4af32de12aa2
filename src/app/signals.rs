//! SIGINT, SIGTERM and SIGHUP: the first ends the run cleanly, the second at once.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;
use std::time::Duration;

use cxr::cancel::Cancel;
use cxr::verdict::ExitStatus;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals as Arriving;

/// A second signal within this time belongs to the first: `timeout`, for example, signals the
/// process and then its group.
const ECHO: Duration = Duration::from_millis(200);

/// The first signal that arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signals {
    first: Arc<AtomicI32>,
}

/// Lets a write beyond the limit of the size of files (`ulimit -f`) fail with an error, instead of
/// ending the process without a word.
pub(crate) fn survive_file_limit() -> io::Result<()> {
    flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))).map(drop)
}

impl Signals {
    /// Lets SIGINT and SIGTERM cancel the run, and SIGHUP too unless it is ignored, as under
    /// `nohup`.
    pub(crate) fn listen(cancel: Cancel) -> io::Result<Self> {
        let signals = Self::default();
        let again = Arc::new(AtomicBool::new(false));
        let caught: Vec<i32> = [SIGINT, SIGTERM].into_iter().chain(hang_up()).collect();
        for &signal in &caught {
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&again))?;
        }
        let mut arriving = Arriving::new(caught)?;
        let first = Arc::clone(&signals.first);
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            if let Some(signal) = arriving.forever().next() {
                first.store(signal, Ordering::SeqCst);
                cancel.cancel();
                thread::sleep(ECHO);
                again.store(true, Ordering::SeqCst);
            }
        })?;
        Ok(signals)
    }

    /// Returns the exit status of a run that a signal ended.
    pub(crate) fn status(&self) -> Option<ExitStatus> {
        u8::try_from(self.first.load(Ordering::SeqCst))
            .ok()
            .filter(|signal| *signal > 0)
            .map(ExitStatus::Signal)
    }
}

/// Returns SIGHUP, unless it is ignored or the system does not report that.
fn hang_up() -> Option<i32> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    let ignored = u64::from_str_radix(mask.trim(), 16).ok()?;
    (ignored & (1 << (SIGHUP - 1)) == 0).then_some(SIGHUP)
}
