//! The options of `fetch` and `verify` that write a report in addition to the one on the terminal.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};

use super::headings::OUTPUT;

/// The reports to write.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = OUTPUT)]
pub(crate) struct ReportOptions {
    /// Also write the report to a file, as JSON
    ///
    /// The document is the one that --format json prints.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Also write the report to a file, as JUnit XML
    ///
    /// GitLab, Jenkins and other CI systems show it as a test report.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) junit: Option<PathBuf>,
    /// Write events to a file as they happen, one JSON object per line
    ///
    /// With `-`, the events go to standard output in place of the report.
    #[arg(long, value_name = "FILE", hide_short_help = true, value_parser = OsStringValueParser::new().try_map(event_target))]
    pub(crate) events: Option<EventTarget>,
}

/// The destination of the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EventTarget {
    /// Standard output.
    Stdout,
    /// A file.
    File(PathBuf),
}

impl ReportOptions {
    /// Returns true if the events go to standard output.
    pub(crate) fn events_on_stdout(&self) -> bool {
        self.events == Some(EventTarget::Stdout)
    }
}

fn event_target(typed: OsString) -> Result<EventTarget, &'static str> {
    match typed.to_str() {
        Some("") => Err("expected the name of a file, or `-`"),
        Some("-") => Ok(EventTarget::Stdout),
        _ => Ok(EventTarget::File(typed.into())),
    }
}
