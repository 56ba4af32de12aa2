//! What a run says to GitHub where it runs in one of its jobs.

use std::env;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cxr::progress::Messages;
use cxr::report::{Annotations, Exporter, Markdown, Report};
use cxr::text::escape;

/// GitHub drops the whole summary of a step if it is larger (`CreateStepSummaryCommand` of its
/// runner).
const LIMIT: u64 = 1024 * 1024;

/// The most that a report takes of it: thousands of lines are no summary.
const SHARE: u64 = 64 * 1024;

/// A job under way.
#[derive(Debug)]
pub(crate) struct Job {
    /// The file of the step's summary, if there is one.
    summary: Option<PathBuf>,
}

impl Job {
    /// The job that this process is a part of, if any.
    #[expect(clippy::disallowed_methods, reason = "only jobs of GitHub have these variables")]
    pub(crate) fn detect() -> Option<Self> {
        env::var_os("GITHUB_ACTIONS").filter(|value| value == "true")?;
        let summary = env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty());
        Some(Self { summary: summary.map(PathBuf::from) })
    }

    /// The file of the step's summary, if there is one.
    pub(crate) fn summary(&self) -> Option<&Path> {
        self.summary.as_deref()
    }

    /// Annotates the job and adds to the summary of its step. A summary that cannot be written is
    /// no reason to fail.
    ///
    /// The annotations go to standard error, which the runner reads as well, so that standard
    /// output keeps to the report.
    pub(crate) fn tell(&self, report: &Report, messages: Messages) -> io::Result<()> {
        messages.commands(&Annotations.to_bytes(report)?);
        let Some(path) = &self.summary else { return Ok(()) };
        if let Err(error) = summarise(path, report) {
            let path = escape::path(path);
            messages.error(format_args!("warning: no summary was added to {path}: {error}"));
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
        return Err(io::Error::other("it is full"));
    }
    file.write_all(&summary)
}
