//! A run that can take hours: shown on the way, ended by a signal, reported at the end.

use std::io::{self, Write};
use std::time::Instant;

use anyhow::Context;
use cxr::cancel::Cancel;
use cxr::event::{Listener, Listeners};
use cxr::progress::{EventLog, Messages};
use cxr::report::{self, Exporter, Json, Report, Text};
use cxr::text::error_chain;
use cxr::verdict::ExitStatus;

use super::failure::Failure;
use super::github::Job;
use super::protected_paths::Taken;
use super::report_files::Documents;
use super::signals::Signals;
use crate::cli::{Format, ReportOptions, Settings};

/// What is known of a run before it begins.
pub(crate) struct Watch<'a> {
    /// The command, as typed.
    pub(crate) command: &'static str,
    pub(crate) settings: &'a Settings,
    pub(crate) outputs: ReportOptions,
    /// The command line that continues it after a signal.
    pub(crate) resume: &'a str,
}

impl Watch<'_> {
    /// Does what is requested and says everywhere what came of it, but not in the place of what the
    /// request needs. A run that cannot begin is reported as well.
    pub(crate) fn run<R>(
        self,
        request: impl FnOnce() -> Result<R, Failure>,
        needs: impl FnOnce(Taken, &R) -> Taken,
        work: impl FnOnce(R, &dyn Listener, &Cancel) -> Result<Report, Failure>,
    ) -> Result<ExitStatus, Failure> {
        let start = Instant::now();
        let messages = Messages::new(self.settings.verbosity);
        let cancel = Cancel::new();
        // A signal ends it at once meanwhile: a table may come through a pipe that nobody writes to.
        let (request, taken) = (request(), Taken::new(self.settings));
        let signals = Signals::listen(cancel.clone()).context("cannot listen for signals")?;
        let taken = match &request {
            Ok(request) => needs(taken, request),
            Err(_) => taken,
        };
        let mut documents = Documents::default();
        let opened = documents.open(self.command, &self.outputs, &taken);
        let result = opened.map_err(Failure::usage).and(request).and_then(|request| {
            let work = |listener: &dyn Listener| work(request, listener, &cancel);
            self.watched(documents.events(), work)
        });
        let mut conclusion = Conclusion { messages, status: ExitStatus::Ok };
        let report = match result {
            Ok(report) => {
                conclusion.status = report.exit_status();
                report
            }
            Err(failure) => {
                let error = error_chain::describe(failure.error.as_ref());
                messages.error(&error);
                conclusion.status = failure.status;
                Report::failed(self.command, error, start.elapsed().as_secs_f64())
            }
        };
        conclusion.note(self.print(&report));
        documents.write(&report).into_iter().for_each(|error| conclusion.note(Err(error)));
        if let Some(job) = Job::detect() {
            conclusion.note(job.tell(&report, messages).map_err(anyhow::Error::from));
        }
        if report.error.is_none() {
            messages.note(report.summary());
        }
        let signal = signals.status();
        conclusion.status = signal.unwrap_or(conclusion.status);
        conclusion.note(documents.finish(&report, conclusion.status));
        if signal.is_some() {
            messages.error(format_args!("interrupted; to continue: {}", self.resume));
        }
        Ok(conclusion.status)
    }

    fn watched(
        &self,
        events: Option<&EventLog>,
        work: impl FnOnce(&dyn Listener) -> Result<Report, Failure>,
    ) -> Result<Report, Failure> {
        let progress = self.settings.start_progress();
        let mut listeners: Vec<&dyn Listener> = vec![&progress];
        listeners.extend(events.map(|events| events as &dyn Listener));
        let result = work(&Listeners(listeners));
        progress.finish();
        result
    }

    fn print(&self, report: &Report) -> anyhow::Result<()> {
        if self.outputs.events_on_stdout() {
            return Ok(());
        }
        let color = self.settings.has_color();
        let write = |out: &mut dyn Write| -> io::Result<()> {
            match self.settings.format {
                Format::Text => Text { color }.export(report, out),
                Format::Json => Json.export(report, out),
            }
        };
        report::print(write).context("cannot write to standard output")
    }
}

/// How the run ends: a report that was lost is no success.
struct Conclusion {
    messages: Messages,
    status: ExitStatus,
}

impl Conclusion {
    fn note(&mut self, result: anyhow::Result<()>) {
        let Err(error) = result else { return };
        self.messages.error(error_chain::describe(error.as_ref()));
        if self.status == ExitStatus::Ok {
            self.status = ExitStatus::Failed;
        }
    }
}
