//! Ctrl-C and Ctrl-Break, and the end of the console, of the session and of the system.

use std::io;
use std::thread;

use tokio::runtime::Builder;
use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};
use tokio::time::sleep;

use super::ECHO;

/// The numbers of SIGHUP, SIGINT and SIGTERM: the same end has the same exit status on every system.
const HANG_UP: i32 = 1;
const INTERRUPT: i32 = 2;
const TERMINATE: i32 = 15;

/// Calls `end` with the number of the first signal, and ends the process at the next one.
pub(super) fn listen(end: impl FnOnce(i32) + Send + 'static) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_time().build()?;
    let entered = runtime.enter();
    let (mut interrupt, mut stop, mut close) = (ctrl_c()?, ctrl_break()?, ctrl_close()?);
    let (mut logoff, mut shutdown) = (ctrl_logoff()?, ctrl_shutdown()?);
    drop(entered);
    let mut next = async move || {
        tokio::select! {
            _ = interrupt.recv() => INTERRUPT,
            _ = stop.recv() => INTERRUPT,
            _ = close.recv() => HANG_UP,
            _ = logoff.recv() => HANG_UP,
            _ = shutdown.recv() => TERMINATE,
        }
    };
    let wait = async move {
        end(next().await);
        sleep(ECHO).await;
        next().await
    };
    let run = move || end_at_once(128 + runtime.block_on(wait));
    thread::Builder::new().name("signals".to_owned()).spawn(run).map(drop)
}

#[expect(clippy::exit, reason = "the second signal ends the process at once")]
fn end_at_once(status: i32) {
    std::process::exit(status)
}
