//! SIGINT and SIGTERM: the first ends the run in good order, the second at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;
use std::time::Duration;

use cxr::cancel::Cancel;
use cxr::verdict::ExitStatus;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals as Arriving;

/// A second signal so soon is an echo of the first: `timeout`, for one, sends it to the process
/// and to its group.
const ECHO: Duration = Duration::from_millis(200);

/// Which signal came first, if any.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signals {
    first: Arc<AtomicI32>,
}

impl Signals {
    /// From now on, SIGINT and SIGTERM ask `cancel` to stop the run.
    pub(crate) fn listen(cancel: Cancel) -> io::Result<Self> {
        let signals = Self::default();
        let again = Arc::new(AtomicBool::new(false));
        for (signal, status) in [(SIGINT, 130), (SIGTERM, 143)] {
            flag::register_conditional_shutdown(signal, status, Arc::clone(&again))?;
        }
        let mut arriving = Arriving::new([SIGINT, SIGTERM])?;
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

    /// How the process ends because of the signal, if one came.
    pub(crate) fn status(&self) -> Option<ExitStatus> {
        u8::try_from(self.first.load(Ordering::SeqCst))
            .ok()
            .filter(|signal| *signal > 0)
            .map(ExitStatus::Signal)
    }
}
