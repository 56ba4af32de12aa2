//! A fetch in a process of its own, which is killed.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::Trouble;
use super::stage::{CHUNK, Stage};
use crate::disk::{self, Folder};
use crate::text::escape;
use crate::transfer;

/// How long the child may take until it has noted what it has: on a busy machine, that of a
/// person's patience.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// Bytes of the child's last words that are read.
const WORDS: u64 = 1000;

/// Kills it when dropped, whatever has happened.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // One that has ended by itself cannot be killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a fetch of the first sample, waits until most of its first four chunks are noted in the
/// journal, and kills it. Says how many bytes were.
pub(super) fn fetch_and_kill(stage: &Stage<'_>, dir: &Path) -> Result<u64, Trouble> {
    let mut child = Killed(start(stage, dir)?);
    let begun = Instant::now();
    loop {
        let written = written(stage, dir);
        if written >= 3 * CHUNK.get() {
            return Ok(written);
        }
        if let Ok(Some(status)) = child.0.try_wait() {
            let mut words = Vec::new();
            let stderr = child.0.stderr.take().map(|stderr| stderr.take(WORDS));
            let _ = stderr.map(|mut stderr| stderr.read_to_end(&mut words));
            let words = escape::bytes(words.trim_ascii());
            return Err(Trouble::machine(format!(
                "the fetch in a process of its own ended: {status}; {words}"
            )));
        }
        if stage.cancel.is_cancelled() {
            return Err(Trouble::interrupted());
        }
        if begun.elapsed() > PATIENCE {
            return Err(Trouble::machine(format!(
                "the fetch in a process of its own noted {written} bytes in {} s",
                PATIENCE.as_secs()
            )));
        }
        thread::sleep(LOOK);
    }
}

/// What the child has noted in its journal so far.
fn written(stage: &Stage<'_>, dir: &Path) -> u64 {
    let archive = stage.samples.first().map(|sample| &sample.archive);
    let unfinished = archive.and_then(|archive| transfer::look(&Folder::new(dir), archive));
    unfinished.map_or(0, |unfinished| unfinished.recovered.written.total())
}

fn start(stage: &Stage<'_>, dir: &Path) -> Result<Child, Trouble> {
    let table = stage.dir("table.md5");
    disk::replace(&table, stage.catalog.md5sums().as_bytes())?;
    let mut program = stage.request.program.clone();
    if stage.is_sabotaged("kill") {
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
    command.args(["--chunk", &CHUNK.to_string(), "--from", &stage.server.base(), "--checksums"]);
    command.arg(&table).arg("--dir").arg(dir);
    command.env_clear().envs(stage.request.environment.iter().cloned());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().map_err(|error| {
        Trouble::machine(format!("{} could not be started: {error}", escape::path(&program)))
    })
}
