//! Where `fetch` and `verify` say what they found, beside the terminal.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};

/// The documents that were asked for.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Reports")]
pub(crate) struct Outputs {
    /// Also write the report to a file, as the JSON document that `--format json` prints
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Also write it to a file as JUnit XML, which GitLab, Jenkins and others show
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Write what happens to a file, as it happens, one JSON object a line; `-`: to standard
    /// output, in place of the report
    #[arg(long, value_name = "FILE", value_parser = OsStringValueParser::new().try_map(line_target))]
    pub(crate) events: Option<LineTarget>,
}

/// Where lines go one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LineTarget {
    /// Standard output.
    Stdout,
    /// A file.
    File(PathBuf),
}

impl Outputs {
    /// Whether standard output is taken.
    pub(crate) fn events_on_stdout(&self) -> bool {
        self.events == Some(LineTarget::Stdout)
    }
}

fn line_target(typed: OsString) -> Result<LineTarget, &'static str> {
    match typed.to_str() {
        Some("") => Err("a file is needed, or `-`"),
        Some("-") => Ok(LineTarget::Stdout),
        _ => Ok(LineTarget::File(typed.into())),
    }
}
