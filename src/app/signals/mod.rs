//! SIGINT, SIGTERM and SIGHUP, and their counterparts on Windows: the first ends the run cleanly, the
//! second at once.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use cxr::cancel::Cancel;
use cxr::verdict::ExitStatus;

#[cfg(unix)]
use unix::listen;
#[cfg(unix)]
pub(crate) use unix::survive_file_limit;
#[cfg(windows)]
use windows::listen;

/// A second signal within this time belongs to the first: `timeout`, for example, signals the
/// process and then its group.
const ECHO: Duration = Duration::from_millis(200);

/// The first signal that arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signals {
    first: Arc<AtomicI32>,
}

impl Signals {
    /// Lets SIGINT and SIGTERM cancel the run, and SIGHUP too unless it is ignored, as under
    /// `nohup`.
    pub(crate) fn listen(cancel: Cancel) -> io::Result<Self> {
        let signals = Self::default();
        let first = Arc::clone(&signals.first);
        listen(move |signal| {
            first.store(signal, Ordering::SeqCst);
            cancel.cancel();
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
