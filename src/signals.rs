//! SIGINT and SIGTERM: the first ends the run in good order, the second at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;

use cxr::cancel::Cancel;
use cxr::verdict::ExitStatus;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals as Arriving;

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
            // In this order: the first arms the second.
            flag::register_conditional_shutdown(signal, status, Arc::clone(&again))?;
            flag::register(signal, Arc::clone(&again))?;
        }
        let mut arriving = Arriving::new([SIGINT, SIGTERM])?;
        let first = Arc::clone(&signals.first);
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            if let Some(signal) = arriving.forever().next() {
                first.store(signal, Ordering::SeqCst);
                cancel.cancel();
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
