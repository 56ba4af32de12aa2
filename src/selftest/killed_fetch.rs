//! A fetch in another process, which is killed.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::CheckError;
use super::setup::{CHUNK, Setup};
use crate::disk::{Entry, Folder};
use crate::text::escape;
use crate::transfer;

/// The time limit for the child to write its journal, even on a busy machine. Without /proc, nobody
/// knows whether the machine has restarted since, so only what is synced counts, after five seconds.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The time between two looks at the journal.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// The most bytes to read from standard error of the child.
const MAX_STDERR: u64 = 1000;

/// A process that is killed on drop.
struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        // A process that has ended cannot be killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a fetch of the first sample, waits until the journal has most of its first four chunks, and
/// kills it. Returns the number of bytes in the journal.
pub(super) fn fetch_and_kill(setup: &Setup<'_>, dir: &Path) -> Result<u64, CheckError> {
    let mut child = KillOnDrop(start(setup, dir)?);
    let begun = Instant::now();
    loop {
        let written = written(setup, dir);
        if written >= 3 * CHUNK.get() {
            return Ok(written);
        }
        if let Ok(Some(status)) = child.0.try_wait() {
            let mut bytes = Vec::new();
            let stderr = child.0.stderr.take().map(|stderr| stderr.take(MAX_STDERR));
            let _ = stderr.map(|mut stderr| stderr.read_to_end(&mut bytes));
            let stderr = escape::bytes(bytes.trim_ascii());
            return Err(CheckError::machine(format!(
                "the fetch in another process ended: {status}; {stderr}"
            )));
        }
        if setup.cancel.is_cancelled() {
            return Err(CheckError::interrupted());
        }
        if begun.elapsed() > TIMEOUT {
            return Err(CheckError::machine(format!(
                "the fetch in another process wrote only {written} bytes in {} s",
                TIMEOUT.as_secs()
            )));
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// Returns the number of bytes in the journal of the child.
fn written(setup: &Setup<'_>, dir: &Path) -> u64 {
    let archive = setup.samples.first().map(|sample| &sample.archive);
    let unfinished = archive.and_then(|archive| transfer::look(&Folder::new(dir), archive));
    unfinished.map_or(0, |unfinished| unfinished.recovered.written.total())
}

fn start(setup: &Setup<'_>, dir: &Path) -> Result<Child, CheckError> {
    let table = setup.dir("table.md5");
    Entry::at(&table).replace(setup.catalog.bsd_sums().to_string().as_bytes())?;
    let mut program = setup.request.program.clone();
    if setup.is_sabotaged("kill") {
        program.push("nowhere");
    }
    let mut command = Command::new(&program);
    command.args([
        "fetch",
        "1",
        "--connections",
        "1",
        "--stall-timeout",
        "30",
        "--progress",
        "never",
    ]);
    command.args(["--chunk", &CHUNK.to_string(), "--from", &setup.server.base(), "--checksums"]);
    command.arg(&table).arg("--dir").arg(dir);
    command.env_clear().envs(setup.request.environment.iter().cloned());
    // Pipes need no /dev/null, which a minimal container may lack. The output is a few lines.
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(|error| {
        CheckError::machine(format!("{} could not be started: {error}", escape::path(&program)))
    })
}
