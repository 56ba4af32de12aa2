//! What a run was asked to leave beside its output: found out at its beginning, whole at its end.

use std::io::Write;

use anyhow::Context;
use cxr::disk::{Destination, DestinationError};
use cxr::progress::EventLog;
use cxr::report::{self, Exporter, Json, Junit, Report};
use cxr::verdict::ExitStatus;

use super::protected_paths::Taken;
use crate::cli::{EventTarget, ReportOptions};

/// The documents to come, and the lines that come all the time.
#[derive(Default)]
pub(crate) struct Documents {
    documents: Vec<(Destination, Box<dyn Exporter>)>,
    events: Option<EventLog>,
}

impl Documents {
    /// Sees to it that each can be written, and takes the place of nothing that is needed. Those
    /// before the first that cannot are kept: they will say why the run did not begin. Where two
    /// are one file, none of the files is.
    pub(crate) fn open(
        &mut self,
        command: &'static str,
        outputs: &ReportOptions,
        taken: &Taken,
    ) -> anyhow::Result<()> {
        let clash = taken.see_that_none_is(outputs);
        let is_stream = outputs.events_on_stdout();
        if let Some(target) = outputs.events.as_ref().filter(|_| clash.is_ok() || is_stream) {
            let events = EventLog::start(command, lines(target)?);
            self.events = Some(events.context("cannot write events")?);
        }
        clash?;
        if let Some(path) = &outputs.report {
            let destination = Destination::new(path, Json::HEAD, "report of cxr")?;
            self.documents.push((destination, Box::new(Json)));
        }
        if let Some(path) = &outputs.junit {
            let destination = Destination::new(path, Junit::HEAD, "JUnit report of cxr")?;
            self.documents.push((destination, Box::new(Junit)));
        }
        Ok(())
    }

    /// The listener that writes events, if there is one.
    pub(crate) const fn events(&self) -> Option<&EventLog> {
        self.events.as_ref()
    }

    /// Writes each document, and gives what kept one from being written.
    pub(crate) fn write(&mut self, report: &Report) -> Vec<anyhow::Error> {
        let write = |(destination, exporter): (Destination, Box<dyn Exporter>)| {
            let document = exporter.to_bytes(report)?;
            destination.write(&document).map_err(anyhow::Error::from)
        };
        self.documents.drain(..).filter_map(|document| write(document).err()).collect()
    }

    /// Writes the last event.
    pub(crate) fn finish(self, report: &Report, status: ExitStatus) -> anyhow::Result<()> {
        let Some(events) = self.events else { return Ok(()) };
        events.finish(report, status).context("events were lost")
    }
}

fn lines(target: &EventTarget) -> Result<Box<dyn Write + Send>, DestinationError> {
    match target {
        EventTarget::Stdout => Ok(report::lines()),
        EventTarget::File(path) => {
            let destination = Destination::new(path, EventLog::HEAD, "log of events of cxr")?;
            Ok(Box::new(destination.open()?))
        }
    }
}
