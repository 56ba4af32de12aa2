//! What each command does, from its arguments to its exit status.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

use anyhow::Context;
use cxr::catalog::{Catalog, MAX_CHECKSUMS_BYTES};
use cxr::cite::CITATION;
use cxr::fetch::FetchError;
use cxr::leftovers::{self, leftovers};
use cxr::progress::Messages;
use cxr::source::ClientError;
use cxr::verdict::ExitStatus;
use cxr::{escape, interchange, list, report, verify};

use crate::background;
use crate::checkup;
use crate::cli::{self, Command, Format, Invocation, List, Verification};
use crate::taken::Taken;
use crate::watch::Watch;

/// Why a command did not come to a result, and the status that this has.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: ExitStatus,
    pub(crate) error: anyhow::Error,
}

impl Failure {
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
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
            ClientError::Tls(_) | ClientError::System(_) => anyhow::Error::from(error).into(),
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
            let outputs = fetch.outputs.clone();
            let watch = Watch { command: "fetch", settings: &settings, outputs, resume };
            watch.run(
                || fetch.request(catalog()?).map_err(Failure::usage),
                Taken::by_fetch,
                |request, listener, cancel| Ok(cxr::fetch::fetch(&request, listener, cancel)?),
            )
        }
        Command::Verify(verify) => {
            let outputs = verify.outputs.clone();
            let watch = Watch { command: "verify", settings: &settings, outputs, resume };
            let background = verify.background;
            watch.run(
                || verify.request(catalog()?).map_err(Failure::usage),
                Taken::by_verification,
                |request, listener, cancel| {
                    if background {
                        let given = background::give_way().map_err(anyhow::Error::msg);
                        given.context("--background is not granted")?;
                    }
                    Ok(match request {
                        Verification::Here(request) => verify::verify(&request, listener, cancel),
                        Verification::Mirrors(request) => {
                            verify::verify_mirrors(&request, listener, cancel)?
                        }
                    })
                },
            )
        }
        Command::Selftest(selftest) => checkup::run(selftest, &settings, resume),
        Command::List(List { dir }) => {
            let catalog = catalog()?;
            let (rows, leftovers) = (list::rows(&catalog, &dir), leftovers(&catalog, &dir));
            let status = print(|out| match settings.format {
                Format::Text => list::write_text(&rows, out),
                Format::Json => list::write_document(&rows, &leftovers, out),
            })?;
            if let Some(words) = leftovers::words(&leftovers, &dir) {
                Messages::new(settings.verbosity).note(words);
            }
            Ok(status)
        }
        Command::Checksums(checksums) => {
            let resolved = checksums.resolve(&catalog()?, settings.format);
            let (catalog, form, sources) = resolved.map_err(Failure::usage)?;
            let mut table = Vec::new();
            interchange::write(&catalog, &sources, form, &mut table).map_err(Failure::usage)?;
            // A program gets the names as they are; a terminal would obey what is in them.
            if io::stdout().is_terminal() {
                table = escape::lines(&String::from_utf8_lossy(&table)).into_owned().into_bytes();
            }
            print(|out| out.write_all(&table))
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
#[expect(clippy::disallowed_methods, reason = "a table may come through a pipe")]
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_CHECKSUMS_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<ExitStatus, Failure> {
    report::print(write).context("cannot write to standard output")?;
    Ok(ExitStatus::Ok)
}
