//! The report of a run and of each archive, the formats of a report, and the only way to standard
//! output.

mod annotations;
mod archive_reports;
mod json;
mod junit;
mod line;
mod markdown;
mod matrix;
mod next_step;
mod stdout;
mod text;

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::catalog::Archive;
use crate::hash::digest::{Digest, DigestKind, Md5, Sha256};
use crate::locate::Damage;
use crate::text::command_line::CommandLine;
use crate::text::escape;
use crate::verdict::{ExitStatus, Verdict};

pub use annotations::Annotations;
pub use archive_reports::{ArchiveReports, ArchiveReportsIter};
pub use json::{Json, write_json};
pub(crate) use json::{JsonArchive, Summary};
pub use junit::Junit;
pub use markdown::Markdown;
pub use next_step::{NextStep, SuggestedCommand};
pub use stdout::{is_stderr_too, lines, print};
pub use text::Text;

/// A format of a report.
pub trait Exporter {
    /// Writes the whole report.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    fn export(&self, report: &Report, out: &mut dyn Write) -> io::Result<()>;

    /// Returns the whole report as bytes.
    ///
    /// # Errors
    ///
    /// Those of `export`; writing to memory has none.
    fn to_bytes(&self, report: &Report) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.export(report, &mut bytes)?;
        Ok(bytes)
    }
}

/// The result of a run for one archive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArchiveReport {
    /// The name in the table, or the name of a file that is not in the table.
    pub name: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The MD5 in the table, if there is one.
    pub expected_md5: Option<Md5>,
    /// The MD5 of the file, if it was computed.
    pub actual_md5: Option<Md5>,
    /// The SHA-256 in the table, if there is one.
    pub expected_sha256: Option<Sha256>,
    /// The SHA-256 of the file, if it was computed.
    pub actual_sha256: Option<Sha256>,
    /// The kind of the digest that decides; `None` for a file that is not in the table.
    pub digest: Option<DigestKind>,
    /// The size in the table in bytes, if known.
    pub expected_size: Option<u64>,
    /// The size of the file in bytes.
    pub actual_size: Option<u64>,
    /// The path of the file, even if it does not exist.
    pub path: Option<PathBuf>,
    /// The sources that sent bytes; `None` if nothing was downloaded.
    pub source: Option<String>,
    /// Bytes received for this archive; bytes that were received twice count twice.
    pub bytes_downloaded: u64,
    /// Bytes of an earlier run that were reused.
    pub bytes_reused: u64,
    /// The number of requests.
    pub attempts: u32,
    /// The seconds from the start of this archive to its verdict.
    pub seconds: f64,
    /// The reason for the verdict; already escaped. `None` only for a plain `ok`.
    pub detail: Option<String>,
    /// The next step; `None` for `ok`.
    pub next: Option<NextStep>,
    /// The damage that was located; more damage may follow.
    pub damage: Vec<Damage>,
    /// The extracted images of the archive, if these were checked.
    pub images: Option<Box<ImageSummary>>,
}

/// The extracted images of one archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSummary {
    /// The images that should be there.
    pub expected: u64,
    /// Those that are whole.
    pub ok: u64,
    /// Those without a file.
    pub missing: u64,
    /// Damaged, truncated and empty files.
    pub corrupt: u64,
    /// Files that are something else, such as a resized copy.
    pub foreign: u64,
    /// Files that could not be read.
    pub unreadable: u64,
    /// Those of the whole images that are RGBA.
    pub rgba: u64,
    /// The first files with a problem, by the names of their images.
    pub problems: Vec<ProblemImage>,
}

/// An image that is not right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemImage {
    /// The name of the image.
    pub name: String,
    /// The verdict on the image.
    pub verdict: Verdict,
    /// The reason; already escaped.
    pub reason: String,
}

impl ArchiveReport {
    /// Creates a report with only a name and a verdict.
    pub fn new(name: impl Into<String>, verdict: Verdict) -> Self {
        Self {
            name: name.into(),
            verdict,
            expected_md5: None,
            actual_md5: None,
            expected_sha256: None,
            actual_sha256: None,
            digest: None,
            expected_size: None,
            actual_size: None,
            path: None,
            source: None,
            bytes_downloaded: 0,
            bytes_reused: 0,
            attempts: 0,
            seconds: 0.0,
            detail: None,
            next: None,
            damage: Vec::new(),
            images: None,
        }
    }

    /// Creates a report with the published values of the archive.
    pub(crate) fn of(archive: &Archive, verdict: Verdict) -> Self {
        Self {
            expected_md5: archive.md5(),
            expected_sha256: archive.sha256(),
            expected_size: archive.size,
            digest: Some(archive.digest().kind()),
            ..Self::new(archive.name.clone(), verdict)
        }
    }

    /// Sets the digest of the file.
    pub(crate) const fn set_actual(&mut self, digest: &Digest) {
        match *digest {
            Digest::Md5(md5) => self.actual_md5 = Some(md5),
            Digest::Sha256(sha256) => self.actual_sha256 = Some(sha256),
        }
    }

    /// The digest of the file of the kind that decides, if it was computed.
    pub(crate) fn actual_digest(&self) -> Option<Digest> {
        match self.digest? {
            DigestKind::Md5 => self.actual_md5.map(Digest::Md5),
            DigestKind::Sha256 => self.actual_sha256.map(Digest::Sha256),
        }
    }

    /// The digests that were compared beyond the MD5, if the archive is right.
    pub(super) fn proof(&self) -> Option<&'static str> {
        let has_sha256 = self.expected_sha256.is_some() && self.actual_sha256.is_some();
        match (self.verdict, has_sha256, self.actual_md5) {
            (Verdict::Ok, true, Some(_)) => Some("MD5 and SHA-256 match"),
            (Verdict::Ok, true, None) => Some("SHA-256 matches"),
            _ => None,
        }
    }

    /// Shortens the report unless it is that on the `first` archive: all have the same reason.
    #[must_use]
    pub(crate) fn unless_first(self, first: Option<&String>, done: &str) -> Self {
        let Some(first) = first.filter(|first| **first != self.name) else { return self };
        let command = self.next.and_then(|next| next.command);
        let detail = format!("not {done} for the same reason as {}", escape::text(first));
        Self { detail: Some(detail), next: command.map(NextStep::from), ..self }
    }

    /// Replaces a reference to the command of the run by its command line.
    pub(crate) fn resolve_next(&mut self, run: &CommandLine) {
        if let Some(next) = &mut self.next {
            next.resolve(run);
        }
    }
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The command, as typed: `fetch` or `verify`.
    pub command: &'static str,
    /// One report per archive, in the order of the table or of the command line.
    pub archives: ArchiveReports,
    /// The duration of the run in seconds.
    pub seconds: f64,
    /// The reason why the run has no result; already escaped.
    pub error: Option<String>,
}

impl Report {
    /// Creates the report of a complete run.
    pub fn new(command: &'static str, archives: impl Into<ArchiveReports>, seconds: f64) -> Self {
        Self { command, archives: archives.into(), seconds, error: None }
    }

    /// Creates the report of a run without a result, such as one that could not start.
    pub fn failed(command: &'static str, error: String, seconds: f64) -> Self {
        Self { error: Some(error), ..Self::new(command, ArchiveReports::default(), seconds) }
    }

    /// True if every archive is `ok`, and there is at least one.
    pub fn is_ok(&self) -> bool {
        !self.archives.is_empty() && self.archives.verdicts().all(|verdict| verdict == Verdict::Ok)
    }

    /// The exit status for the verdicts.
    pub fn exit_status(&self) -> ExitStatus {
        ExitStatus::of(self.archives.verdicts())
    }

    /// The number of archives with the verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.archives.verdicts().filter(|other| *other == verdict).count()
    }

    /// Bytes received from sources, all archives together.
    pub fn bytes_downloaded(&self) -> u64 {
        self.archives.iter().map(|archive| archive.bytes_downloaded).sum()
    }
}

/// The name of an archive, with its source if there are several.
pub(crate) fn label<'a>(archive: &'a str, source: Option<&str>) -> Cow<'a, str> {
    source.map_or(Cow::Borrowed(archive), |source| Cow::Owned(format!("{archive} at {source}")))
}
