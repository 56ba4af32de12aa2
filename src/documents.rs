//! The files that a run was asked to leave: found out at its beginning, written at its end.

use cxr::disk::{Destination, DestinationError, DiskError};
use cxr::report::{Exporter, Json, Junit, Report};

use crate::cli::Outputs;

/// The documents to come.
#[derive(Default)]
pub(crate) struct Documents(Vec<(Destination, Box<dyn Exporter>)>);

impl Documents {
    /// Sees to it that each can be written.
    pub(crate) fn new(outputs: &Outputs) -> Result<Self, DestinationError> {
        let mut documents = Self::default();
        if let Some(path) = &outputs.report {
            let destination = Destination::new(path, Json::HEAD, "report of cxr")?;
            documents.0.push((destination, Box::new(Json)));
        }
        if let Some(path) = &outputs.junit {
            let destination = Destination::new(path, Junit::HEAD, "JUnit report of cxr")?;
            documents.0.push((destination, Box::new(Junit)));
        }
        Ok(documents)
    }

    /// Writes each, and gives what kept one from being written.
    pub(crate) fn write(self, report: &Report) -> Vec<anyhow::Error> {
        let write = |(destination, exporter): (Destination, Box<dyn Exporter>)| {
            let document = exporter.to_bytes(report)?;
            destination.write(&document).map_err(|error: DiskError| error.into())
        };
        self.0.into_iter().filter_map(|document| write(document).err()).collect()
    }
}
