//! Faults that tests inject into operations on files. Compiled with debug assertions only.
//!
//! - `CXR_FAULT_DIE=NAME:N` ends the process, as `kill -9` does, at this crash point the Nth time.
//! - `CXR_FAULT_DISK` holds rules, separated by `;`, of the form
//!   `OPERATION ENDING EFFECT [after=N] [times=N] [every=N] [at=BYTE] [until=written]`. The effect
//!   applies to an operation on a path with this ending: after N operations, N times, every Nth
//!   time, or if it reads or writes this byte, until the byte is written, as with a bad block of a
//!   disk. `any` means all operations, `change` all but reads, `*` all paths. An effect is the name
//!   of an error (`EIO`), `short` for half of the bytes, `die`, `torn` for half of the bytes and
//!   then death, or `stop`, which waits for `SIGCONT` before the operation.
//! - `CXR_FAULT_SYNC_MS`, `CXR_FAULT_HEARTBEAT_MS`, `CXR_FAULT_OWNER_TIMEOUT_MS` and
//!   `CXR_FAULT_SLOW_SOURCE_MS` replace an [`Interval`].
//! - `CXR_FAULT_JOURNAL_BYTES` replaces the length at which a journal is compacted.
//! - `CXR_FAULT_LOCKS=off` grants every lock of the operating system.
//! - `CXR_FAULT_HOST=NAME` pretends to be another host.
//! - `CXR_FAULT_INVENTORY` gives archives a part of NIH's inventory
//!   ([`use_test_inventories`](crate::catalog::use_test_inventories)).
//! - `CXR_FAULT_RECORD=FILE` appends a line of JSON for every operation that succeeded.
//!
//! An invalid rule is a panic: a test that tests nothing would be worse.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;

use super::syscalls::{Interval, Operation};
use super::system;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FaultEffect {
    Error(i32),
    Short,
    Die,
    Torn,
    Stop,
}

#[derive(Debug)]
struct FaultRule {
    operation: String,
    ending: String,
    effect: FaultEffect,
    after: u64,
    times: u64,
    every: u64,
    at: Option<u64>,
    until_written: bool,
    met: AtomicU64,
    is_over: AtomicBool,
}

static RULES: LazyLock<Vec<FaultRule>> = LazyLock::new(|| {
    let text = variable("CXR_FAULT_DISK").unwrap_or_default();
    text.split(';').map(str::trim).filter(|rule| !rule.is_empty()).map(FaultRule::parse).collect()
});

#[expect(clippy::disallowed_methods, reason = "the record does not record itself")]
static RECORD: LazyLock<Option<Mutex<fs::File>>> = LazyLock::new(|| {
    let path = variable("CXR_FAULT_RECORD")?;
    let file = fs::File::options().create(true).append(true).open(&path);
    Some(Mutex::new(file.unwrap_or_else(|error| panic!("{path}: {error}"))))
});

static DEATH: LazyLock<Option<(String, u64)>> = LazyLock::new(|| {
    let text = variable("CXR_FAULT_DIE")?;
    let (name, number) = text.split_once(':').unwrap_or((&text, "1"));
    Some((name.to_owned(), parsed(number, &text)))
});

/// The number of times that each crash point was reached.
static REACHED: LazyLock<Mutex<HashMap<&'static str, u64>>> = LazyLock::new(Mutex::default);

/// Returns the value of a variable. Until it is set, nothing is injected.
static VARIABLES: OnceLock<fn(&str) -> Option<String>> = OnceLock::new();

/// Lets the tests of a program inject faults: `variable` returns the value of a `CXR_FAULT_…`
/// variable. Only the first call counts.
pub fn inject_faults(variable: fn(&str) -> Option<String>) {
    let _ = VARIABLES.set(variable);
}

fn variable(name: &str) -> Option<String> {
    VARIABLES.get().and_then(|variable| variable(name)).filter(|value| !value.is_empty())
}

fn parsed(number: &str, text: &str) -> u64 {
    number.parse().unwrap_or_else(|_| panic!("expected a number in {text:?}"))
}

impl FaultRule {
    fn parse(text: &str) -> Self {
        let mut words = text.split_whitespace();
        let mut next = || words.next().unwrap_or_else(|| panic!("the rule {text:?} is too short"));
        let mut rule = Self {
            operation: next().to_owned(),
            ending: next().to_owned(),
            effect: FaultEffect::parse(next()),
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
                _ => panic!("unknown condition {word:?}"),
            }
        }
        rule
    }

    /// Returns true if the rule applies to this operation, and counts the operation.
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

    fn is_on(&self, path: &Path) -> bool {
        self.ending == "*" || path.to_string_lossy().ends_with(&self.ending)
    }

    /// Ends a rule whose byte this operation writes.
    fn observe(&self, path: &Path, operation: &Operation<'_>) {
        let writes = matches!(operation, Operation::Write { .. });
        let there = self.at.is_some_and(|at| operation.touches(at));
        if self.until_written && writes && there && self.is_on(path) {
            self.is_over.store(true, Ordering::SeqCst);
        }
    }
}

impl FaultEffect {
    fn parse(word: &str) -> Self {
        Self::Error(match word {
            "short" => return Self::Short,
            "die" => return Self::Die,
            "torn" => return Self::Torn,
            "stop" => return Self::Stop,
            _ => system::error_code(word).unwrap_or_else(|| panic!("unknown effect {word:?}")),
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
            Self::CreateFolder => "make",
            Self::SyncFolder => "sync-folder",
            Self::SyncFileSystem => "sync-file-system",
            Self::RenameNew { .. } => "rename-new",
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

/// Performs an operation, unless a rule makes it fail.
pub(super) fn perform<T>(
    path: &Path,
    operation: Operation<'_>,
    act: impl FnOnce(usize) -> io::Result<T>,
) -> io::Result<T> {
    RULES.iter().for_each(|rule| rule.observe(path, &operation));
    let effect = RULES.iter().find(|rule| rule.applies(path, &operation)).map(|rule| rule.effect);
    let length = match effect {
        None => operation.length(),
        Some(FaultEffect::Die) => die(),
        Some(FaultEffect::Stop) => {
            system::stop();
            operation.length()
        }
        Some(FaultEffect::Error(error)) => return Err(io::Error::from_raw_os_error(error)),
        Some(FaultEffect::Short | FaultEffect::Torn) => operation.length().div_ceil(2),
    };
    // Held during the operation, so that the record is in the right order.
    let record = RECORD.as_ref().map(Mutex::lock);
    let result = act(length);
    if effect == Some(FaultEffect::Torn) {
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
        Operation::Rename { to } | Operation::RenameNew { to } => {
            line["to"] = json!(to.to_string_lossy());
        }
        _ => {}
    }
    let written = writeln!(record, "{line}");
    written.unwrap_or_else(|error| panic!("cannot write the record: {error}"));
}

/// A named step between two operations, at which a test can end the process as `kill -9` does.
pub(crate) fn crash_point(name: &'static str) {
    let Some((wanted, number)) = DEATH.as_ref() else { return };
    if wanted == name {
        let mut reached = REACHED.lock();
        let times = reached.entry(name).or_default();
        *times += 1;
        if *times == *number {
            die();
        }
    }
}

/// Returns true if every lock must be granted, as some network file systems do.
pub(super) fn locks_are_off() -> bool {
    variable("CXR_FAULT_LOCKS").is_some()
}

/// Returns the host that this process pretends to be on.
pub(super) fn pretended_host() -> Option<String> {
    variable("CXR_FAULT_HOST")
}

/// Returns the usual interval, or the one that a test sets.
pub(crate) fn interval(interval: Interval, usual: Duration) -> Duration {
    let name = match interval {
        Interval::Sync => "CXR_FAULT_SYNC_MS",
        Interval::Heartbeat => "CXR_FAULT_HEARTBEAT_MS",
        Interval::OwnerTimeout => "CXR_FAULT_OWNER_TIMEOUT_MS",
        Interval::SlowSource => "CXR_FAULT_SLOW_SOURCE_MS",
    };
    variable(name).map_or(usual, |value| Duration::from_millis(parsed(&value, name)))
}

/// Returns the usual length at which a journal is compacted, or the one that a test sets.
pub(crate) fn journal_limit(usual: u64) -> u64 {
    let name = "CXR_FAULT_JOURNAL_BYTES";
    variable(name).map_or(usual, |value| parsed(&value, name))
}

fn die() -> ! {
    system::die();
    loop {
        thread::park();
    }
}
