//! What is said of every archive, and of the run as a whole; the forms in which it is said, and the
//! one way to standard output.

mod annotations;
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

use serde::{Serialize, Serializer};

use crate::hash::digest::{Digest, Sha256};
use crate::locate::Damage;
use crate::text::command_line::CommandLine;
use crate::verdict::{ExitStatus, Verdict};

pub use annotations::Annotations;
pub(crate) use json::Summary;
pub use json::{Json, write_json};
pub use junit::Junit;
pub use markdown::Markdown;
pub use next_step::{NextStep, SuggestedCommand};
pub use stdout::{lines, print};
pub use text::Text;

/// One form of a report: results in, bytes out.
pub trait Exporter {
    /// Writes the whole report.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    fn export(&self, report: &Report, out: &mut dyn Write) -> io::Result<()>;

    /// The whole report in memory.
    ///
    /// # Errors
    ///
    /// None that memory could have; those of `export`, if it makes some of its own.
    fn to_bytes(&self, report: &Report) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.export(report, &mut bytes)?;
        Ok(bytes)
    }
}

/// All that a run found out about one archive.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArchiveReport {
    /// The catalogue name, or the file's name where it is none of the catalogue's.
    pub name: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The published MD5; `None` for a file that is none of the catalogue's.
    pub expected_md5: Option<Digest>,
    /// The MD5 of what is here, where it was computed.
    pub actual_md5: Option<Digest>,
    /// The SHA-256 in the table, if there is one.
    pub expected_sha256: Option<Sha256>,
    /// The SHA-256 of what is here, where it was asked for.
    pub actual_sha256: Option<Sha256>,
    /// The published size in bytes, if known.
    pub expected_size: Option<u64>,
    /// The size in bytes of what is here.
    pub actual_size: Option<u64>,
    /// Where the file is, or would be.
    #[serde(serialize_with = "lossy")]
    pub path: Option<PathBuf>,
    /// The sources that gave bytes, in words; `None` where nothing was downloaded.
    pub source: Option<String>,
    /// Bytes received from sources for this archive, those fetched twice counted twice.
    pub bytes_downloaded: u64,
    /// Bytes that were already here and stayed.
    pub bytes_reused: u64,
    /// Requests made.
    pub attempts: u32,
    /// Seconds from the first work on this archive to its verdict.
    pub seconds: f64,
    /// Why the verdict is what it is; already escaped. `None` only for a plain `ok`.
    pub detail: Option<String>,
    /// What to do next; `None` for `ok`.
    pub next: Option<NextStep>,
    /// Where what is here is broken, as far as it was looked for and found; there may be more
    /// behind the last one.
    #[serde(serialize_with = "json::damage")]
    pub damage: Vec<Damage>,
}

impl ArchiveReport {
    /// A report with nothing but a name and a verdict.
    pub fn new(name: impl Into<String>, verdict: Verdict) -> Self {
        Self {
            name: name.into(),
            verdict,
            expected_md5: None,
            actual_md5: None,
            expected_sha256: None,
            actual_sha256: None,
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
        }
    }

    /// Puts the command line of the run into the next step, where that refers to it.
    pub(crate) fn resolve_next(&mut self, run: &CommandLine) {
        if let Some(next) = &mut self.next {
            next.resolve(run);
        }
    }
}

/// All that a run found out.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The command, as typed: `fetch` or `verify`.
    pub command: &'static str,
    /// One report an archive, in the order of the catalogue or of the command line.
    pub archives: Vec<ArchiveReport>,
    /// Seconds that the run took.
    pub seconds: f64,
    /// Why the run came to no result, in words; escaped already.
    pub error: Option<String>,
}

impl Report {
    /// The report of a run that came to its end.
    pub const fn new(command: &'static str, archives: Vec<ArchiveReport>, seconds: f64) -> Self {
        Self { command, archives, seconds, error: None }
    }

    /// The report of a run that came to no result, as one that could not begin.
    pub const fn failed(command: &'static str, error: String, seconds: f64) -> Self {
        Self { command, archives: Vec::new(), seconds, error: Some(error) }
    }

    /// Whether every archive is `ok`; a report of no archive is not, nor one of a glance.
    pub fn is_ok(&self) -> bool {
        let mut archives = self.archives.iter();
        !self.archives.is_empty() && archives.all(|archive| archive.verdict == Verdict::Ok)
    }

    /// The exit status that the verdicts add up to.
    pub fn exit_status(&self) -> ExitStatus {
        ExitStatus::of(self.archives.iter().map(|archive| archive.verdict))
    }

    /// How many archives have the verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.archives.iter().filter(|archive| archive.verdict == verdict).count()
    }

    /// Bytes received from sources, all archives together.
    pub fn bytes_downloaded(&self) -> u64 {
        self.archives.iter().map(|archive| archive.bytes_downloaded).sum()
    }
}

/// What an archive is called beside the same one at other sources.
pub(crate) fn label<'a>(archive: &'a str, source: Option<&str>) -> Cow<'a, str> {
    source.map_or(Cow::Borrowed(archive), |source| Cow::Owned(format!("{archive} at {source}")))
}

/// JSON has no bytes: what is not UTF-8 in a path becomes U+FFFD.
#[expect(clippy::ref_option, reason = "serde passes the field by reference")]
fn lossy<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => serializer.serialize_str(&path.to_string_lossy()),
        None => serializer.serialize_none(),
    }
}
