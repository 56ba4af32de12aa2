//! Annotations and a summary for the GitHub Actions job that runs cxr.

use std::env;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use cxr::progress::Messages;
use cxr::report::{Annotations, Exporter, Markdown, Report};
use cxr::text::escape;

/// GitHub drops the whole summary of a step that is larger (`CreateStepSummaryCommand` of its
/// runner).
const LIMIT: u64 = 1024 * 1024;

/// The largest part of it that one report may take: thousands of lines are not a summary.
const SHARE: u64 = 64 * 1024;

#[derive(Debug)]
pub(crate) struct GithubJob {
    /// The file of the summary of the step.
    pub(crate) summary: Option<PathBuf>,
}

impl GithubJob {
    /// Returns the job that runs this process.
    #[expect(clippy::disallowed_methods, reason = "only jobs of GitHub have these variables")]
    pub(crate) fn detect() -> Option<Self> {
        env::var_os("GITHUB_ACTIONS").filter(|value| value == "true")?;
        let summary = env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty());
        Some(Self { summary: summary.map(PathBuf::from) })
    }

    /// Annotates the job and appends to the summary of its step. A summary that cannot be written is
    /// not a failure.
    ///
    /// The annotations go to standard error, which the runner reads too, so that standard output
    /// holds the report alone.
    pub(crate) fn report(&self, report: &Report, messages: Messages) -> io::Result<()> {
        messages.commands(&Annotations.to_bytes(report)?);
        let Some(path) = &self.summary else { return Ok(()) };
        if let Err(error) = summarise(path, report) {
            let path = escape::path(path);
            messages.error(format_args!("warning: cannot add the summary to {path}: {error}"));
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "the file is the runner's")]
fn summarise(path: &PathBuf, report: &Report) -> io::Result<()> {
    let mut file = File::options().append(true).create(true).open(path)?;
    let room = LIMIT.saturating_sub(file.metadata()?.len()).min(SHARE);
    let limit = usize::try_from(room).unwrap_or(usize::MAX);
    let summary = Markdown { limit }.to_bytes(report)?;
    if summary.is_empty() {
        return Err(io::Error::other("the summary is full"));
    }
    file.write_all(&summary)
}
