//! Tests whether cxr works on this machine, on this file system, with these proxy settings.
//!
//! A server on the loopback interface has small generated archives. On purpose it breaks connections,
//! stalls, and sends a wrong bit. [`fetch`](crate::fetch::fetch),
//! [`verify`](crate::verify::verify) and [`extract`](crate::extract::extract), the functions that the
//! commands call, must succeed all the same.
//! The self-test uses no other network, and removes all its files.

mod extracted;
mod killed_fetch;
mod machine;
mod md5;
mod sample;
mod selftest_report;
mod server;
mod setup;
mod transfers;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Instant;

use serde::Serialize;

pub use selftest_report::SelftestReport;

use crate::cancel::Cancel;
use crate::catalog::Catalog;
use crate::disk::{DiskError, Scratch};
use crate::event::Listener;
use crate::hash::Platform;
use crate::report::{ArchiveReport, NextStep};
use crate::verdict::Verdict;
use sample::{SAMPLES, Sample};
use server::Server;
use setup::Setup;
use transfers::{TRANSFERS, TransferCheck};

/// The options of a self-test.
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
    /// For tests: the name of a check in which something really goes wrong.
    pub sabotage: Option<String>,
}

/// A check and its result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// The name, such as `resets`.
    pub name: &'static str,
    /// The verdict, as for an archive.
    pub verdict: Verdict,
    /// The result in words; already escaped.
    pub detail: String,
    /// The next step; `None` for `ok`.
    pub next: Option<String>,
    /// The duration in seconds.
    pub seconds: f64,
}

/// The result of a check: details of its success, or the reason for its failure.
type CheckResult = Result<String, CheckError>;

/// The reason for the failure of a check.
#[derive(Debug)]
struct CheckError {
    verdict: Verdict,
    detail: String,
    next: Option<String>,
}

impl Check {
    /// The check in one line, without a newline.
    pub fn line(&self, color: bool) -> String {
        self.as_archive().line(color)
    }

    /// Returns the check as a report of an archive: lines and summaries have the same form.
    fn as_archive(&self) -> ArchiveReport {
        ArchiveReport {
            detail: Some(self.detail.clone()),
            next: self.next.clone().map(NextStep::by_hand),
            seconds: self.seconds,
            ..ArchiveReport::new(self.name, self.verdict)
        }
    }
}

impl CheckError {
    fn new(verdict: Verdict, detail: String) -> Self {
        let next = match verdict {
            Verdict::Unreachable => {
                "find out what blocks connections between programs on this machine, such as a firewall"
            }
            Verdict::Error => "remove the cause, or test another folder with --dir",
            _ => "this machine changes bytes: test its memory and its disk before you use it",
        };
        Self { verdict, detail, next: Some(next.to_owned()) }
    }

    /// This machine cannot do something.
    fn machine(detail: String) -> Self {
        Self::new(Verdict::Error, detail)
    }

    /// Bytes are wrong.
    fn corrupt(detail: String) -> Self {
        Self::new(Verdict::Corrupt, detail)
    }

    fn interrupted() -> Self {
        let detail = "interrupted before this check".to_owned();
        let next = Some("run the same command again".to_owned());
        Self { verdict: Verdict::Error, detail, next }
    }

    fn not_run(without: &str) -> Self {
        let detail = format!("not run: it needs the check {without}");
        Self {
            verdict: Verdict::Error,
            detail,
            next: Some("see the failed check above".to_owned()),
        }
    }
}

impl From<DiskError> for CheckError {
    fn from(error: DiskError) -> Self {
        Self::machine(error.to_string())
    }
}

/// Runs every check, and passes each to `each` when it is done. A check that cannot run is an `error`:
/// the run was cancelled, or a check that it depends on has failed.
pub fn selftest(
    request: &SelftestRequest,
    listener: &dyn Listener,
    cancel: &Cancel,
    each: &mut dyn FnMut(&Check),
) -> SelftestReport {
    let begun = Instant::now();
    let mut run = RunningTest { cancel, each, checks: Vec::new() };
    let is_sabotaged = |name: &str| request.sabotage.as_deref() == Some(name);
    run.check("md5", || {
        md5::check(&request.platforms, fastrand::u64(..), is_sabotaged("md5")).map(without_value)
    });
    let scratch = run.check("folder", || machine::folder(&request.dir));
    let samples: Vec<Sample> = (1..=SAMPLES).map(Sample::make).collect();
    let server = run.check("loopback", || loopback(&samples));
    let proxy = run.check("proxy", || match &server {
        Some(server) => machine::proxy(server).map(without_value),
        None => Err(CheckError::not_run("loopback")),
    });
    let catalog = Catalog::new(samples.iter().map(|sample| sample.archive.clone()).collect());
    let setup = match (&scratch, &server, proxy, &catalog) {
        (Some(scratch), Some(server), Some(()), Ok(catalog)) => Ok(Setup {
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
    for TransferCheck { name, after, check } in TRANSFERS {
        let without = after.filter(|after| !run.passed(after));
        let setup = setup.as_ref().map_err(|without| *without);
        let setup = setup.and_then(|setup| without.map_or(Ok(setup), Err));
        run.check(name, || match setup {
            Ok(setup) => check(setup).map(without_value),
            Err(without) => Err(CheckError::not_run(without)),
        });
    }
    drop(server);
    run.clean_up(scratch, is_sabotaged("removal"));
    SelftestReport { checks: run.checks, seconds: begun.elapsed().as_secs_f64() }
}

fn without_value(detail: String) -> ((), String) {
    ((), detail)
}

fn loopback(samples: &[Sample]) -> Result<(Server, String), CheckError> {
    let failed = |what| {
        move |error| {
            CheckError::machine(format!(
                "programs on this machine cannot {what} 127.0.0.1: {error}"
            ))
        }
    };
    let server = Server::start(samples).map_err(failed("listen on"))?;
    server.check_connection().map_err(failed("connect to"))?;
    let detail = format!("a server of this program answers at {}", server.base());
    Ok((server, detail))
}

/// A self-test that is running.
struct RunningTest<'a> {
    cancel: &'a Cancel,
    each: &'a mut dyn FnMut(&Check),
    checks: Vec<Check>,
}

impl RunningTest<'_> {
    /// Runs a check, unless the run is cancelled. Returns its value if it passes.
    fn check<T>(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<(T, String), CheckError>,
    ) -> Option<T> {
        let begun = Instant::now();
        let result =
            if self.cancel.is_cancelled() { Err(CheckError::interrupted()) } else { work() };
        // The verdicts of a cancelled fetch say nothing about the machine.
        let result = match result {
            Err(_) if self.cancel.is_cancelled() => Err(CheckError::interrupted()),
            result => result,
        };
        let seconds = begun.elapsed().as_secs_f64();
        let (value, check) = match result {
            Ok((value, detail)) => {
                (Some(value), Check { name, verdict: Verdict::Ok, detail, next: None, seconds })
            }
            Err(CheckError { verdict, detail, next }) => {
                (None, Check { name, verdict, detail, next, seconds })
            }
        };
        (self.each)(&check);
        self.checks.push(check);
        value
    }

    fn passed(&self, name: &str) -> bool {
        self.checks.iter().any(|check| check.name == name && check.verdict == Verdict::Ok)
    }

    /// Removes the files of the self-test, also after a cancelled run.
    fn clean_up(&mut self, scratch: Option<Scratch>, sabotaged: bool) {
        let Some(scratch) = scratch else { return };
        if sabotaged {
            // Another program removes the folder first.
            let _ = std::fs::remove_dir_all(scratch.path());
        }
        let removed = scratch.remove();
        if self.cancel.is_cancelled() && removed.is_ok() {
            return;
        }
        self.check("removal", || {
            removed?;
            Ok(((), "all files of the self-test are removed".to_owned()))
        });
    }
}
