//! Where `fetch` and `verify` say what they found, beside the terminal.

use std::path::PathBuf;

use clap::Args;

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
}
