//! Does this program work on this machine, on this file system, behind this proxy setting?
//!
//! A server on the loopback interface has small archives, made on the fly, and breaks connections,
//! falls silent, and sends a wrong bit on purpose. [`fetch`](crate::fetch::fetch) and
//! [`verify`](crate::verify::verify) must come to the right end all the same: the same functions
//! that the commands call. Nothing leaves the machine, and nothing stays on it.

mod child;
mod machine;
mod md5;
mod report;
mod sample;
mod server;
mod stage;
mod transfers;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Instant;

use serde::Serialize;

pub use report::SelftestReport;

use crate::cancel::Cancel;
use crate::catalog::Catalog;
use crate::disk::{DiskError, Scratch};
use crate::event::Listener;
use crate::hash::Platform;
use crate::report::{ArchiveReport, NextStep};
use crate::verdict::Verdict;
use sample::{SAMPLES, Sample};
use server::Server;
use stage::Stage;
use transfers::{TRANSFERS, Transfer};

/// Where to test, and with what.
#[derive(Debug, Clone)]
pub struct SelftestRequest {
    /// The folder whose file system is tested. A folder that does not exist is created, and removed
    /// at the end.
    pub dir: PathBuf,
    /// The `cxr` program, which one of the checks starts as `cxr fetch` and kills.
    pub program: PathBuf,
    /// The environment variables of that process.
    pub environment: Vec<(OsString, OsString)>,
    /// The instruction sets whose lanes are checked; the first is the one in use.
    pub platforms: Vec<Platform>,
    /// For tests: the check of this name is made to fail, by what really goes wrong.
    pub sabotage: Option<String>,
}

/// One thing that was tried, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// A word for it: `resets`.
    pub name: &'static str,
    /// As for an archive: `ok`, or how it went wrong.
    pub verdict: Verdict,
    /// What was found, in words; already escaped.
    pub detail: String,
    /// What to do next; `None` for `ok`.
    pub next: Option<String>,
    /// Seconds that it took.
    pub seconds: f64,
}

/// What came of a check: words for what is well, or what is not.
type Found = Result<String, Trouble>;

/// What is not well.
#[derive(Debug)]
struct Trouble {
    verdict: Verdict,
    detail: String,
    next: Option<String>,
}

impl Check {
    /// The check in one line, without the line's end.
    pub fn line(&self, color: bool) -> String {
        self.as_archive().line(color)
    }

    /// As if it were an archive, whose lines and counts are the same.
    fn as_archive(&self) -> ArchiveReport {
        ArchiveReport {
            detail: Some(self.detail.clone()),
            next: self.next.clone().map(NextStep::by_hand),
            seconds: self.seconds,
            ..ArchiveReport::new(self.name, self.verdict)
        }
    }
}

impl Trouble {
    fn new(verdict: Verdict, detail: String) -> Self {
        let next = match verdict {
            Verdict::Unreachable => {
                "see what stands between programs on this machine, such as a firewall"
            }
            Verdict::Error => {
                "see what the message says of this machine, or test another folder with --dir"
            }
            _ => {
                "bytes change on this machine: test its memory and its disk, and do not trust them until then"
            }
        };
        Self { verdict, detail, next: Some(next.to_owned()) }
    }

    /// This machine stands in the way.
    fn machine(detail: String) -> Self {
        Self::new(Verdict::Error, detail)
    }

    /// Bytes are not what they should be.
    fn corrupt(detail: String) -> Self {
        Self::new(Verdict::Corrupt, detail)
    }

    fn interrupted() -> Self {
        let again = "the same command begins anew".to_owned();
        let detail = "interrupted before it was checked".to_owned();
        Self { verdict: Verdict::Error, detail, next: Some(again) }
    }

    fn not_run(without: &str) -> Self {
        let detail = format!("not tried without {without}");
        Self { verdict: Verdict::Error, detail, next: Some("see above".to_owned()) }
    }
}

impl From<DiskError> for Trouble {
    fn from(error: DiskError) -> Self {
        Self::machine(error.to_string())
    }
}

/// Runs every check, and tells `each` of it as soon as it is done. One that cannot be tried, since
/// another one went wrong that it builds on, or since the run was cancelled, is an `error`.
pub fn selftest(
    request: &SelftestRequest,
    listener: &dyn Listener,
    cancel: &Cancel,
    each: &mut dyn FnMut(&Check),
) -> SelftestReport {
    let begun = Instant::now();
    let mut run = Run { cancel, each, checks: Vec::new() };
    let is_sabotaged = |name: &str| request.sabotage.as_deref() == Some(name);
    run.check("md5", || {
        md5::check(&request.platforms, fastrand::u64(..), is_sabotaged("md5")).map(with_nothing)
    });
    let scratch = run.check("folder", || machine::folder(&request.dir));
    let samples: Vec<Sample> = (1..=SAMPLES).map(Sample::make).collect();
    let server = run.check("loopback", || loopback(&samples));
    let proxy = run.check("proxy", || match &server {
        Some(server) => machine::proxy(server).map(with_nothing),
        None => Err(Trouble::not_run("loopback")),
    });
    let catalog = Catalog::new(samples.iter().map(|sample| sample.archive.clone()).collect());
    let stage = match (&scratch, &server, proxy, &catalog) {
        (Some(scratch), Some(server), Some(()), Ok(catalog)) => Ok(Stage {
            request,
            listener,
            cancel,
            samples: &samples,
            catalog,
            server,
            scratch: scratch.path(),
        }),
        (None, ..) => Err("folder"),
        (_, None, ..) => Err("loopback"),
        _ => Err("proxy"),
    };
    for Transfer { name, behind, check } in TRANSFERS {
        let without = behind.filter(|behind| !run.went_well(behind));
        let stage = stage.as_ref().map_err(|without| *without);
        let stage = stage.and_then(|stage| without.map_or(Ok(stage), Err));
        run.check(name, || match stage {
            Ok(stage) => check(stage).map(with_nothing),
            Err(without) => Err(Trouble::not_run(without)),
        });
    }
    drop(server);
    run.clean_up(scratch, is_sabotaged("removal"));
    SelftestReport { checks: run.checks, seconds: begun.elapsed().as_secs_f64() }
}

fn with_nothing(words: String) -> ((), String) {
    ((), words)
}

fn loopback(samples: &[Sample]) -> Result<(Server, String), Trouble> {
    let failed = |what| {
        move |error| {
            Trouble::machine(format!("127.0.0.1 cannot be {what} on this machine: {error}"))
        }
    };
    let server = Server::start(samples).map_err(failed("listened to"))?;
    server.greet().map_err(failed("connected to"))?;
    let words = format!("a server of this program answers at {}", server.base());
    Ok((server, words))
}

/// The checks as they are done.
struct Run<'a> {
    cancel: &'a Cancel,
    each: &'a mut dyn FnMut(&Check),
    checks: Vec<Check>,
}

impl Run<'_> {
    /// Tries one thing, unless the run has been cancelled; what it made, if it went well.
    fn check<T>(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<(T, String), Trouble>,
    ) -> Option<T> {
        let begun = Instant::now();
        let result = if self.cancel.is_cancelled() { Err(Trouble::interrupted()) } else { work() };
        // What a cancelled fetch says of its archives says nothing of the machine.
        let result = match result {
            Err(_) if self.cancel.is_cancelled() => Err(Trouble::interrupted()),
            result => result,
        };
        let seconds = begun.elapsed().as_secs_f64();
        let (made, check) = match result {
            Ok((made, detail)) => {
                (Some(made), Check { name, verdict: Verdict::Ok, detail, next: None, seconds })
            }
            Err(Trouble { verdict, detail, next }) => {
                (None, Check { name, verdict, detail, next, seconds })
            }
        };
        (self.each)(&check);
        self.checks.push(check);
        made
    }

    fn went_well(&self, name: &str) -> bool {
        self.checks.iter().any(|check| check.name == name && check.verdict == Verdict::Ok)
    }

    /// Removes what was made, also of a run that was cancelled.
    fn clean_up(&mut self, scratch: Option<Scratch>, sabotaged: bool) {
        let Some(scratch) = scratch else { return };
        if sabotaged {
            // Somebody else was faster.
            let _ = std::fs::remove_dir_all(scratch.path());
        }
        let removed = scratch.remove();
        if self.cancel.is_cancelled() && removed.is_ok() {
            return;
        }
        self.check("removal", || {
            removed?;
            Ok(((), "what was made has been removed".to_owned()))
        });
    }
}
