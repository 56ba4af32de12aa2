//! A run of `fetch` or `verify`: shown while it lasts, ended by a signal, reported at the end.

use std::io::{self, Write};
use std::time::Instant;

use anyhow::Context;
use cxr::cancel::Cancel;
use cxr::event::{Listener, Listeners};
use cxr::progress::{EventLog, LiveVerdicts, Messages, Progress};
use cxr::report::{self, Exporter, Json, Report, Text};
use cxr::text::command_line::CommandLine;
use cxr::text::error_chain;
use cxr::verdict::ExitStatus;

use super::exit::{CommandError, Result};
use super::github::GithubJob;
use super::memory;
use super::protected_paths::ProtectedPaths;
use super::report_files::ReportFiles;
use super::signals::Signals;
use crate::cli::{Format, ReportOptions, Settings};

pub(crate) struct CommandRun<'a> {
    pub(crate) command: &'static str,
    pub(crate) settings: &'a Settings,
    pub(crate) outputs: ReportOptions,
    /// True if the text is only about archives with a problem.
    pub(crate) only_problems: bool,
    /// True if the same command continues what an interrupted one did.
    pub(crate) resumes: bool,
    /// The command line that asks for the run.
    pub(crate) typed: &'a CommandLine,
}

impl CommandRun<'_> {
    /// Does the work and reports it wherever a report was requested, except at paths that the
    /// request needs. A run that cannot start is reported too.
    ///
    /// `request` is made before signals are caught: it may read a table from a pipe to which nobody
    /// writes, and a signal then ends the process at once.
    pub(crate) fn run<R>(
        &self,
        request: Result<R>,
        protect: impl FnOnce(&mut ProtectedPaths, &R),
        work: impl FnOnce(R, &dyn Listener, &Cancel) -> Result<Report>,
    ) -> Result<ExitStatus> {
        let start = Instant::now();
        let messages = Messages::new(self.settings.verbosity);
        let cancel = Cancel::new();
        // Too little memory comes first: it is reported without another thread.
        let enough = memory::check().map_err(CommandError::from);
        let signals = match &enough {
            Ok(()) => Signals::listen(cancel.clone()).context("cannot listen for signals")?,
            Err(_) => Signals::default(),
        };
        let request = enough.and(request);
        let mut protected = ProtectedPaths::new(self.settings);
        if let Ok(request) = &request {
            protect(&mut protected, request);
        }
        let mut files = ReportFiles::default();
        let opened = files.open(self.command, &self.outputs, &protected);
        let result = opened.map_err(CommandError::usage).and(request).and_then(|request| {
            self.show(files.events.as_ref(), |listener| work(request, listener, &cancel))
        });
        let (report, mut status) = match result {
            Ok(report) => {
                let status = report.exit_status();
                (report, status)
            }
            Err(CommandError { status, error }) => {
                let error = error_chain::describe(error.as_ref());
                messages.error(&error);
                (Report::failed(self.command, error, start.elapsed().as_secs_f64()), status)
            }
        };
        let mut lost: Vec<anyhow::Error> = self.print(&report).err().into_iter().collect();
        lost.extend(files.write(&report));
        if let Some(job) = GithubJob::detect() {
            lost.extend(job.report(&report, messages).err().map(anyhow::Error::from));
        }
        for error in lost {
            status = after_loss(status, &error, messages);
        }
        if report.error.is_none() && !self.has_summary() {
            messages.note(report.summary());
        }
        let signal = signals.status();
        status = signal.unwrap_or(status);
        if let Err(error) = files.finish(&report, status) {
            status = after_loss(status, &error, messages);
        }
        if signal.is_some() {
            self.explain_interruption(messages);
        }
        Ok(status)
    }

    fn explain_interruption(&self, messages: Messages) {
        let command = self.typed.explained();
        messages.error(if self.resumes {
            format!("interrupted; to resume, run: {command}")
        } else {
            format!("interrupted; to start again, run: {command}")
        });
    }

    fn show(
        &self,
        events: Option<&EventLog>,
        work: impl FnOnce(&dyn Listener) -> Result<Report>,
    ) -> Result<Report> {
        let progress = self.start_progress();
        let mut listeners: Vec<&dyn Listener> = vec![&progress];
        listeners.extend(events.map(|events| events as &dyn Listener));
        let result = work(&Listeners(listeners));
        progress.finish();
        result
    }

    fn start_progress(&self) -> Progress {
        let is_shared = report::is_stderr_too();
        // Bars and events would overwrite each other.
        let has_events = is_shared && self.outputs.events_on_stdout();
        let has_bars = self.settings.has_bars() && !has_events;
        let verdicts = match self.only_problems {
            // The report has them at the same place.
            _ if has_bars || is_shared => LiveVerdicts::None,
            true => LiveVerdicts::Problems,
            false => LiveVerdicts::All,
        };
        self.settings.start_progress(has_bars, verdicts)
    }

    /// Returns true if the report on standard output ends with the summary.
    fn has_summary(&self) -> bool {
        let is_text = self.settings.format == Format::Text && !self.outputs.events_on_stdout();
        self.only_problems && is_text
    }

    fn print(&self, report: &Report) -> anyhow::Result<()> {
        if self.outputs.events_on_stdout() {
            return Ok(());
        }
        let color = self.settings.has_color();
        let write = |out: &mut dyn Write| -> io::Result<()> {
            match self.settings.format {
                Format::Text => {
                    Text { color, only_problems: self.only_problems }.export(report, out)
                }
                Format::Json => Json.export(report, out),
            }
        };
        report::print(write).context("cannot write to standard output")
    }
}

/// The exit status after a report was lost: that is not a success.
fn after_loss(status: ExitStatus, error: &anyhow::Error, messages: Messages) -> ExitStatus {
    messages.error(error_chain::describe(error.as_ref()));
    if status == ExitStatus::Ok { ExitStatus::Failed } else { status }
}
