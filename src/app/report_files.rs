//! The report files and the event log of a run: opened before the work, complete at its end.

use std::io::Write;

use anyhow::Context;
use cxr::disk::{Destination, DestinationError};
use cxr::progress::EventLog;
use cxr::report::{self, Exporter, Json, Junit, Report};
use cxr::verdict::ExitStatus;

use super::protected_paths::ProtectedPaths;
use crate::cli::{EventTarget, ReportOptions};

#[derive(Default)]
pub(crate) struct ReportFiles {
    reports: Vec<(Destination, Box<dyn Exporter>)>,
    pub(crate) events: Option<EventLog>,
}

impl ReportFiles {
    /// Checks that every file can be written and replaces nothing that the run needs. On an error,
    /// the files that were opened before it stay open and will report it; if two options name the
    /// same file, no file is opened.
    pub(crate) fn open(
        &mut self,
        command: &'static str,
        outputs: &ReportOptions,
        protected: &ProtectedPaths,
    ) -> anyhow::Result<()> {
        let checked = protected.check_outputs(outputs);
        let is_stream = outputs.events_on_stdout();
        if let Some(target) = outputs.events.as_ref().filter(|_| checked.is_ok() || is_stream) {
            let events = EventLog::start(command, lines(target).context("--events")?);
            self.events = Some(events.context("cannot write the event log")?);
        }
        checked?;
        if let Some(path) = &outputs.report {
            let destination = Destination::new(path, Json::HEAD, "cxr report");
            let destination = destination.context("--report")?;
            self.reports.push((destination, Box::new(Json)));
        }
        if let Some(path) = &outputs.junit {
            let destination = Destination::new(path, Junit::HEAD, "cxr JUnit report");
            let destination = destination.context("--junit")?;
            self.reports.push((destination, Box::new(Junit)));
        }
        Ok(())
    }

    /// Writes the reports, and returns the errors.
    pub(crate) fn write(&mut self, report: &Report) -> Vec<anyhow::Error> {
        let write = |(destination, exporter): (Destination, Box<dyn Exporter>)| {
            Ok(destination.write(|out| exporter.export(report, out))?)
        };
        self.reports.drain(..).filter_map(|report| write(report).err()).collect()
    }

    /// Writes the last event.
    pub(crate) fn finish(self, report: &Report, status: ExitStatus) -> anyhow::Result<()> {
        let Some(events) = self.events else { return Ok(()) };
        events.finish(report, status).context("the event log is incomplete")
    }
}

fn lines(target: &EventTarget) -> Result<Box<dyn Write + Send>, DestinationError> {
    match target {
        EventTarget::Stdout => Ok(report::lines()),
        EventTarget::File(path) => {
            let destination = Destination::new(path, EventLog::HEAD, "cxr event log")?;
            Ok(Box::new(destination.open()?))
        }
    }
}
