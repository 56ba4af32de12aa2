//! The `selftest` command: one line per check as it ends, or one document at the end.

use std::env;
use std::path::PathBuf;

use anyhow::Context;
use cxr::cancel::Cancel;
use cxr::event::{Listener, Silent};
use cxr::progress::{LiveVerdicts, Messages, Verbosity};
use cxr::report;
use cxr::selftest::{Check, SelftestReport, SelftestRequest, selftest};
use cxr::text::command_line::CommandLine;
use cxr::verdict::ExitStatus;

use super::exit::Result;
use super::memory;
use super::signals::Signals;
use crate::cli::{Format, Selftest, Settings};

/// Runs every check. `typed` is the command line that asks for it.
pub(crate) fn run(
    selftest: Selftest,
    settings: &Settings,
    typed: &CommandLine,
) -> Result<ExitStatus> {
    memory::check()?;
    let request = selftest.request(program());
    let messages = Messages::new(settings.verbosity);
    let cancel = Cancel::new();
    let signals = Signals::listen(cancel.clone()).context("cannot listen for signals")?;
    let report = run_checks(&request, settings, &cancel)?;
    if settings.format == Format::Json {
        report::print(|out| report.write_json(out)).context("cannot write to standard output")?;
    }
    messages.note(report.summary());
    let Some(status) = signals.status() else { return Ok(report.exit_status()) };
    messages.error(format_args!("interrupted; to start again, run: {}", typed.explained()));
    Ok(status)
}

/// Returns the file of this program. Without /proc, it is what the shell started.
fn program() -> PathBuf {
    let started = || env::args_os().next().unwrap_or_else(|| "cxr".into());
    env::current_exe().unwrap_or_else(|_| started().into())
}

/// Runs the checks, and prints their lines unless a document is wanted.
fn run_checks(
    request: &SelftestRequest,
    settings: &Settings,
    cancel: &Cancel,
) -> anyhow::Result<SelftestReport> {
    // The messages of the fetches themselves are for `--verbose`.
    let is_verbose = settings.verbosity == Verbosity::Verbose;
    let progress = is_verbose.then(|| settings.start_progress(false, LiveVerdicts::All));
    let listener = progress.as_ref().map_or(&Silent as &dyn Listener, |progress| progress);
    let color = settings.has_color();
    let mut printed = Ok(());
    let mut line = |check: &Check| {
        if settings.format == Format::Text && printed.is_ok() {
            printed = report::print(|out| writeln!(out, "{}", check.line(color)));
        }
    };
    let report = selftest(request, listener, cancel, &mut line);
    printed.context("cannot write to standard output")?;
    Ok(report)
}
