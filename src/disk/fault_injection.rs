//! What tests let happen behind the door. Compiled in with debug assertions only.
//!
//! - `CXR_TRIAL_DIE=NAME:N` ends the process, as `kill -9` does, when it comes to this crash point
//!   for the Nth time.
//! - `CXR_TRIAL_DISK` holds rules, with `;` between them, of the form
//!   `OPERATION ENDING EFFECT [after=N] [times=N] [every=N] [at=BYTE] [until=written]`: an operation
//!   on a path with this ending meets the effect, once N have passed, N times, every Nth time, or
//!   where it reads or writes this byte, until the byte is written, as with a bad block of a disk.
//!   `any` stands for all operations, `change` for all but reads, `*` for all paths. An effect is
//!   the name of an error (`EIO`), `short` for half of the bytes, `die`, `torn`: half of the bytes,
//!   and then it dies, or `stop`: it does it once it is told to go on (`SIGCONT`).
//! - `CXR_TRIAL_SYNC_MS=N` is how often parts are synced, `CXR_TRIAL_BEAT_MS=N` how often an owner
//!   gives a sign of life, `CXR_TRIAL_STILL_MS=N` how long it must give none to be given up,
//!   `CXR_TRIAL_PATIENCE_MS=N` how long a source may be slow.
//! - `CXR_TRIAL_LOCKS=off` grants every lock of the operating system.
//! - `CXR_TRIAL_HOST=NAME` makes this another host.
//! - `CXR_TRIAL_RECORD=FILE` appends a line of JSON for every operation that was done.
//!
//! A rule that cannot be read is a panic: a test that tests nothing would be worse.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::io::Errno;
use rustix::process::{Signal, getpid, kill_process};
use serde_json::json;

use super::operation::{Operation, Timing};

/// What befalls an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Error(Errno),
    Short,
    Die,
    Torn,
    Stop,
}

#[derive(Debug)]
struct Rule {
    operation: String,
    ending: String,
    effect: Effect,
    after: u64,
    times: u64,
    every: u64,
    at: Option<u64>,
    until_written: bool,
    met: AtomicU64,
    is_over: AtomicBool,
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let text = variable("CXR_TRIAL_DISK").unwrap_or_default();
    text.split(';').map(str::trim).filter(|rule| !rule.is_empty()).map(Rule::parse).collect()
});

#[expect(clippy::disallowed_methods, reason = "the record does not record itself")]
static RECORD: LazyLock<Option<Mutex<fs::File>>> = LazyLock::new(|| {
    let path = variable("CXR_TRIAL_RECORD")?;
    let file = fs::File::options().create(true).append(true).open(&path);
    Some(Mutex::new(file.unwrap_or_else(|error| panic!("{path}: {error}"))))
});

static DEATH: LazyLock<Option<(String, u64)>> = LazyLock::new(|| {
    let text = variable("CXR_TRIAL_DIE")?;
    let (name, number) = text.split_once(':').unwrap_or((&text, "1"));
    Some((name.to_owned(), parsed(number, &text)))
});

/// How often each crash point was passed.
static PASSED: LazyLock<Mutex<HashMap<&'static str, u64>>> = LazyLock::new(Mutex::default);

/// Returns the value of a variable; without it, nothing is injected.
static VARIABLES: OnceLock<fn(&str) -> Option<String>> = OnceLock::new();

/// Lets the tests of a program inject faults: `variable` returns the value of a `CXR_TRIAL_…`
/// variable. Only the first call counts.
pub fn inject_faults(variable: fn(&str) -> Option<String>) {
    let _ = VARIABLES.set(variable);
}

fn variable(name: &str) -> Option<String> {
    VARIABLES.get().and_then(|variable| variable(name)).filter(|value| !value.is_empty())
}

fn parsed(number: &str, of: &str) -> u64 {
    number.parse().unwrap_or_else(|_| panic!("no number in {of:?}"))
}

impl Rule {
    fn parse(text: &str) -> Self {
        let mut words = text.split_whitespace();
        let mut next = || words.next().unwrap_or_else(|| panic!("too short a rule: {text:?}"));
        let mut rule = Self {
            operation: next().to_owned(),
            ending: next().to_owned(),
            effect: Effect::parse(next()),
            after: 0,
            times: u64::MAX,
            every: 1,
            at: None,
            until_written: false,
            met: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        };
        for word in words {
            match word.split_once('=') {
                Some(("after", number)) => rule.after = parsed(number, text),
                Some(("times", number)) => rule.times = parsed(number, text),
                Some(("every", number)) => rule.every = parsed(number, text),
                Some(("at", number)) => rule.at = Some(parsed(number, text)),
                Some(("until", "written")) => rule.until_written = true,
                _ => panic!("no such condition: {word:?}"),
            }
        }
        rule
    }

    /// Whether it applies to this operation, which counts.
    fn applies(&self, path: &Path, operation: &Operation<'_>) -> bool {
        let named = match self.operation.as_str() {
            "any" => true,
            "change" => !matches!(operation, Operation::Read { .. }),
            name => name == operation.name(),
        };
        let elsewhere = self.at.is_some_and(|at| !operation.touches(at));
        if !named || elsewhere || !self.is_on(path) || self.is_over.load(Ordering::SeqCst) {
            return false;
        }
        let met = self.met.fetch_add(1, Ordering::SeqCst);
        met >= self.after && met - self.after < self.times && met.is_multiple_of(self.every)
    }
}

impl Rule {
    fn is_on(&self, path: &Path) -> bool {
        self.ending == "*" || path.to_string_lossy().ends_with(&self.ending)
    }

    /// What is written is no longer as it was.
    fn heed(&self, path: &Path, operation: &Operation<'_>) {
        let writes = matches!(operation, Operation::Write { .. });
        let there = self.at.is_some_and(|at| operation.touches(at));
        if self.until_written && writes && there && self.is_on(path) {
            self.is_over.store(true, Ordering::SeqCst);
        }
    }
}

impl Effect {
    fn parse(word: &str) -> Self {
        Self::Error(match word {
            "short" => return Self::Short,
            "die" => return Self::Die,
            "torn" => return Self::Torn,
            "stop" => return Self::Stop,
            "EDQUOT" => Errno::DQUOT,
            "EINTR" => Errno::INTR,
            "EIO" => Errno::IO,
            "EMFILE" => Errno::MFILE,
            "ENOSPC" => Errno::NOSPC,
            "EINVAL" => Errno::INVAL,
            "EROFS" => Errno::ROFS,
            "ESTALE" => Errno::STALE,
            _ => panic!("no such effect: {word:?}"),
        })
    }
}

impl Operation<'_> {
    const fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Create => "create",
            Self::Empty => "empty",
            Self::Read { .. } => "read",
            Self::Write { .. } => "write",
            Self::Append { .. } => "append",
            Self::Sync => "sync",
            Self::Resize { .. } => "resize",
            Self::Close => "close",
            Self::Touch => "touch",
            Self::Rename { .. } => "rename",
            Self::Remove => "remove",
            Self::Make => "make",
            Self::SyncFolder => "sync-folder",
        }
    }

    fn touches(&self, byte: u64) -> bool {
        match self {
            Self::Read { at, .. } | Self::Write { at, .. } => {
                (*at..at.saturating_add(self.length() as u64)).contains(&byte)
            }
            _ => false,
        }
    }
}

/// As [`super::door::pass`].
pub(super) fn pass<T>(
    path: &Path,
    operation: Operation<'_>,
    act: impl FnOnce(usize) -> io::Result<T>,
) -> io::Result<T> {
    RULES.iter().for_each(|rule| rule.heed(path, &operation));
    let effect = RULES.iter().find(|rule| rule.applies(path, &operation)).map(|rule| rule.effect);
    let length = match effect {
        None => operation.length(),
        Some(Effect::Die) => die(),
        Some(Effect::Stop) => {
            // It goes on here.
            let _ = kill_process(getpid(), Signal::STOP);
            operation.length()
        }
        Some(Effect::Error(error)) => return Err(error.into()),
        Some(Effect::Short | Effect::Torn) => operation.length().div_ceil(2),
    };
    // Held while it is done: the record has everything in its order.
    let record = RECORD.as_ref().map(Mutex::lock);
    let result = act(length);
    if effect == Some(Effect::Torn) {
        die();
    }
    if let (Some(mut record), Ok(_)) = (record, &result) {
        note(&mut record, path, &operation, length);
    }
    result
}

fn note(record: &mut fs::File, path: &Path, operation: &Operation<'_>, length: usize) {
    let mut line = json!({ "operation": operation.name(), "path": path.to_string_lossy() });
    match operation {
        Operation::Write { at, bytes } => {
            line["at"] = json!(at);
            line["bytes"] = json!(hex::encode(&bytes[..length]));
        }
        Operation::Append { bytes } => line["bytes"] = json!(hex::encode(&bytes[..length])),
        Operation::Resize { to } => line["to"] = json!(to),
        Operation::Rename { to } => line["to"] = json!(to.to_string_lossy()),
        _ => {}
    }
    let written = writeln!(record, "{line}");
    written.unwrap_or_else(|error| panic!("the record: {error}"));
}

/// As [`super::door::crash_point`].
pub(super) fn crash_point(name: &'static str) {
    let Some((wanted, number)) = DEATH.as_ref() else { return };
    if wanted == name {
        let mut passed = PASSED.lock();
        let times = passed.entry(name).or_default();
        *times += 1;
        if *times == *number {
            die();
        }
    }
}

/// As [`super::door::locks_are_off`].
pub(super) fn locks_are_off() -> bool {
    variable("CXR_TRIAL_LOCKS").is_some()
}

/// As [`super::door::pretended_host`].
pub(super) fn pretended_host() -> Option<String> {
    variable("CXR_TRIAL_HOST")
}

/// As [`super::door::pace`].
pub(super) fn pace(timing: Timing) -> Option<Duration> {
    let name = match timing {
        Timing::Sync => "CXR_TRIAL_SYNC_MS",
        Timing::Beat => "CXR_TRIAL_BEAT_MS",
        Timing::Still => "CXR_TRIAL_STILL_MS",
        Timing::Patience => "CXR_TRIAL_PATIENCE_MS",
    };
    let value = variable(name)?;
    Some(Duration::from_millis(parsed(&value, name)))
}

/// Ends the process at once, as `kill -9` does.
fn die() -> ! {
    // Nothing is left that could be done about an error.
    let _ = kill_process(getpid(), Signal::KILL);
    loop {
        thread::park();
    }
}
