//! The self-test on the command line: a line a check as it is done, or a document at the end.

use std::env;

use anyhow::Context;
use cxr::cancel::Cancel;
use cxr::event::{Listener, Silent};
use cxr::progress::{Messages, Verbosity};
use cxr::report;
use cxr::selftest::{Check, SelftestReport, SelftestRequest, selftest};
use cxr::verdict::ExitStatus;

use super::failure::Failure;
use super::signals::Signals;
use crate::cli::{Format, Selftest, Settings};

/// Runs every check. `again` is the command line that begins anew after a signal.
pub(crate) fn run(
    selftest: Selftest,
    settings: &Settings,
    again: &str,
) -> Result<ExitStatus, Failure> {
    let program = env::current_exe().context("cannot find this program's own file")?;
    let request = selftest.request(program);
    let messages = Messages::new(settings.verbosity);
    let cancel = Cancel::new();
    let signals = Signals::listen(cancel.clone()).context("cannot listen for signals")?;
    let report = watched(&request, settings, &cancel)?;
    if settings.format == Format::Json {
        report::print(|out| report.write_json(out)).context("cannot write to standard output")?;
    }
    messages.note(report.summary());
    let Some(status) = signals.status() else { return Ok(report.exit_status()) };
    messages.error(format_args!("interrupted; to begin again: {again}"));
    Ok(status)
}

/// Runs them, and prints their lines if that is the form of the results.
fn watched(
    request: &SelftestRequest,
    settings: &Settings,
    cancel: &Cancel,
) -> anyhow::Result<SelftestReport> {
    // What the fetches say on the way is for those who want to know more.
    let is_wordy = settings.verbosity == Verbosity::Verbose;
    let progress = is_wordy.then(|| settings.start_lines());
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
