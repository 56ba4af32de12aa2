//! What each command does, from its arguments to its exit status.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::Context;
use cxr::cancel::Cancel;
use cxr::catalog::{Catalog, MAX_CHECKSUMS_BYTES};
use cxr::cite::CITATION;
use cxr::event::Listener;
use cxr::fetch::FetchError;
use cxr::progress::{Messages, Progress};
use cxr::report::{self, Report};
use cxr::source::ClientError;
use cxr::verdict::ExitStatus;
use cxr::{escape, list, verify};

use crate::cli::{self, Command, Format, Invocation, List, Settings, Verification};
use crate::signals::Signals;

/// Why a command did not come to a result, and the status that this has.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: ExitStatus,
    pub(crate) error: anyhow::Error,
}

impl Failure {
    fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { status: ExitStatus::Usage, error: error.into() }
    }
}

/// This machine stood in the way.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { status: ExitStatus::Failed, error }
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Request(_) => Self::usage(error),
            FetchError::Machine(_) => anyhow::Error::from(error).into(),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Roots { .. } => Self::usage(error),
            ClientError::Tls(_) => anyhow::Error::from(error).into(),
        }
    }
}

/// Does what was asked for. `resume` is the command line that continues it after a signal.
pub(crate) fn run(invocation: Invocation, resume: &str) -> Result<ExitStatus, Failure> {
    let Invocation { settings, command } = invocation;
    // Read only where it is needed: a bad table keeps nobody from citing.
    let catalog = || catalog(settings.checksums.as_deref());
    match command {
        Command::Fetch(fetch) => {
            let request = fetch.request(catalog()?).map_err(Failure::usage)?;
            watched(&settings, resume, |listener, cancel| {
                Ok(cxr::fetch::fetch(&request, listener, cancel)?)
            })
        }
        Command::Verify(verify) => {
            let request = verify.request(catalog()?).map_err(Failure::usage)?;
            watched(&settings, resume, |listener, cancel| match &request {
                Verification::Here(request) => Ok(verify::verify(request, listener, cancel)),
                Verification::Mirrors(request) => {
                    Ok(verify::verify_mirrors(request, listener, cancel)?)
                }
            })
        }
        Command::List(List { dir }) => {
            let rows = list::rows(&catalog()?, &dir);
            print(|out| match settings.format {
                Format::Text => list::write_text(&rows, out),
                Format::Json => list::write_document(&rows, out),
            })
        }
        Command::Checksums => {
            let table = catalog()?.md5sums();
            print(|out| out.write_all(table.as_bytes()))
        }
        Command::Cite => print(|out| out.write_all(CITATION.as_bytes())),
        Command::Completions { shell } => print(|out| {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut cli::command(), "cxr", &mut script);
            out.write_all(&script)
        }),
        Command::Man => print(cli::manual),
    }
}

/// The built-in table, or the one in the file.
fn catalog(checksums: Option<&Path>) -> Result<Catalog, Failure> {
    let Some(path) = checksums else { return Ok(Catalog::nih()) };
    let shown = escape::path(path);
    let bytes = read(path).with_context(|| shown.clone()).map_err(Failure::usage)?;
    Catalog::from_checksums(&bytes).with_context(|| shown).map_err(Failure::usage)
}

/// Reads no more than tells that the file is too large.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_CHECKSUMS_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Runs what can take hours: shown on the way, ended by a signal, reported at the end.
fn watched(
    settings: &Settings,
    resume: &str,
    work: impl FnOnce(&dyn Listener, &Cancel) -> Result<Report, Failure>,
) -> Result<ExitStatus, Failure> {
    let messages = Messages::new(settings.verbosity);
    let cancel = Cancel::new();
    let signals = Signals::listen(cancel.clone()).context("cannot listen for signals")?;
    let progress = Progress::start(settings.verbosity, settings.progress);
    let result = work(&progress, &cancel);
    progress.finish();
    let result = result.and_then(|report| conclude(&report, settings, messages));
    let Some(status) = signals.status() else { return result };
    if let Err(failure) = result {
        messages.error(format_args!("{:#}", failure.error));
    }
    messages.error(format_args!("interrupted; to continue: {resume}"));
    Ok(status)
}

/// Prints the report and its summary.
fn conclude(
    report: &Report,
    settings: &Settings,
    messages: Messages,
) -> Result<ExitStatus, Failure> {
    print(|out| match settings.format {
        Format::Text => report.write_text(out, settings.color.on_stdout()),
        Format::Json => report.write_json(out),
    })?;
    messages.note(report.summary());
    Ok(report.exit_status())
}

fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<ExitStatus, Failure> {
    report::print(write).context("cannot write to standard output")?;
    Ok(ExitStatus::Ok)
}
