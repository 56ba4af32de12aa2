//! The commands, from their arguments to their exit status.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

use anyhow::Context;
use cxr::catalog::cite::CITATION;
use cxr::catalog::{Catalog, MAX_CHECKSUMS_BYTES};
use cxr::disk::leftovers::{self, leftovers};
use cxr::interchange::{Table, TableFormat};
use cxr::list::Listing;
use cxr::progress::Messages;
use cxr::text::command_line::CommandLine;
use cxr::text::escape;
use cxr::verdict::ExitStatus;
use cxr::{disk, report};

use super::background;
use super::command_run::CommandRun;
use super::exit::{CommandError, Result};
use super::protected_paths::ProtectedPaths;
use super::selftest_command;
use crate::cli::{
    self, Checksums, Command, Extract, Fetch, Format, Invocation, Labels, List, Settings,
    Verification, Verify,
};

/// Runs the command. `typed` is the command line that asks for it.
pub(crate) fn run(
    invocation: Invocation,
    typed: &CommandLine,
    arguments: &[OsString],
) -> Result<ExitStatus> {
    let Invocation { settings, command } = invocation;
    match command {
        Command::Fetch(command) => fetch(command, &settings, typed, arguments),
        Command::Verify(command) => verify(command, &settings, typed, arguments),
        Command::Extract(command) => extract(command, &settings, typed, arguments),
        Command::Selftest(command) => selftest_command::run(command, &settings, typed),
        Command::Labels(command) => labels(command, &settings),
        Command::List(command) => list(&command, &settings),
        Command::Checksums(command) => checksums(command, &settings),
        Command::Cite => print(|out| out.write_all(CITATION.as_bytes())),
        Command::Completions { shell } => {
            print(|out| out.write_all(cli::completions(shell).as_bytes()))
        }
        Command::Man => print(cli::manual),
    }
}

fn fetch(
    fetch: Fetch,
    settings: &Settings,
    typed: &CommandLine,
    arguments: &[OsString],
) -> Result<ExitStatus> {
    let outputs = fetch.reports.clone();
    let request = catalog(settings)
        .and_then(|catalog| fetch.request(catalog, typed, arguments).map_err(CommandError::usage));
    CommandRun { command: "fetch", settings, outputs, only_problems: false, typed }.run(
        request,
        ProtectedPaths::add_fetch,
        |request, listener, cancel| Ok(cxr::fetch::fetch(&request, listener, cancel)?),
    )
}

fn verify(
    verify: Verify,
    settings: &Settings,
    typed: &CommandLine,
    arguments: &[OsString],
) -> Result<ExitStatus> {
    let Verify { reports, background, only_problems, .. } = &verify;
    let (outputs, background, only_problems) = (reports.clone(), *background, *only_problems);
    let request = catalog(settings)
        .and_then(|catalog| verify.request(catalog, typed, arguments).map_err(CommandError::usage));
    CommandRun { command: "verify", settings, outputs, only_problems, typed }.run(
        request,
        ProtectedPaths::add_verification,
        |request, listener, cancel| {
            if background {
                let given = background::give_way().map_err(anyhow::Error::msg);
                given.context(
                    "nothing was checked: the system refuses the low priority of --background",
                )?;
            }
            Ok(match request {
                Verification::Here(request) => cxr::verify::verify(&request, listener, cancel),
                Verification::Mirrors(request) => {
                    cxr::verify::verify_mirrors(&request, listener, cancel)?
                }
                Verification::Images(request) => {
                    cxr::images::verify_images(&request, listener, cancel)?
                }
            })
        },
    )
}

fn extract(
    extract: Extract,
    settings: &Settings,
    typed: &CommandLine,
    arguments: &[OsString],
) -> Result<ExitStatus> {
    let outputs = extract.reports.clone();
    let request = catalog(settings).and_then(|catalog| {
        extract.request(catalog, typed, arguments).map_err(CommandError::usage)
    });
    CommandRun { command: "extract", settings, outputs, only_problems: false, typed }.run(
        request,
        ProtectedPaths::add_extract,
        |request, listener, cancel| Ok(cxr::extract::extract(&request, listener, cancel)?),
    )
}

fn labels(labels: Labels, settings: &Settings) -> Result<ExitStatus> {
    let request = labels.request().map_err(anyhow::Error::msg).map_err(CommandError::usage)?;
    let report = cxr::labels::write_labels(&request);
    print(|out| match settings.format {
        Format::Text => report.write_text(out),
        Format::Json => report.write_json(out),
    })?;
    let messages = Messages::new(settings.verbosity);
    report.messages().iter().for_each(|message| messages.note(message));
    Ok(report.exit_status())
}

fn list(List { dir }: &List, settings: &Settings) -> Result<ExitStatus> {
    let catalog = catalog(settings)?;
    let (listing, leftovers) = (Listing::new(&catalog, dir), leftovers(&catalog, dir));
    let status = print(|out| match settings.format {
        Format::Text => listing.write_text(out),
        Format::Json => listing.write_document(&leftovers, out),
    })?;
    let notes = [listing.describe_folder(), leftovers::describe(&leftovers, dir)];
    for words in notes.into_iter().flatten() {
        Messages::new(settings.verbosity).note(words);
    }
    Ok(status)
}

fn checksums(checksums: Checksums, settings: &Settings) -> Result<ExitStatus> {
    let resolved = checksums.resolve(&catalog(settings)?, settings.format);
    let (catalog, form, sources) = resolved.map_err(CommandError::usage)?;
    let table = Table::new(&catalog, &sources, form).map_err(CommandError::usage)?;
    // A program gets the names unchanged. A terminal would obey control characters in them. JSON has
    // none.
    if io::stdout().is_terminal() && form != TableFormat::Json {
        return print(|out| escape::write_lines(out, |out| table.write(out)));
    }
    print(|out| table.write(out))
}

/// The table of `--checksums`, or the built-in one. Only commands that need it read it: `cite` works
/// with a bad table too.
fn catalog(settings: &Settings) -> Result<Catalog> {
    let Some(path) = &settings.checksums else { return Ok(Catalog::nih()) };
    let is_standard_input = path.as_os_str() == "-";
    let shown = if is_standard_input { "standard input".into() } else { escape::path(path) };
    let bytes = read_table(path, is_standard_input)
        .with_context(|| shown.clone())
        .map_err(CommandError::usage)?;
    let catalog = Catalog::from_checksums(&bytes).with_context(|| shown);
    Ok(catalog.map_err(CommandError::usage)?.read_from(path.clone()))
}

/// Reads a little more of the table than it may have, so that a larger one is noticed.
fn read_table(path: &Path, is_standard_input: bool) -> io::Result<Vec<u8>> {
    if !is_standard_input {
        return disk::read_through(path, MAX_CHECKSUMS_BYTES);
    }
    let mut bytes = Vec::new();
    io::stdin().lock().take(MAX_CHECKSUMS_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

pub(crate) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<ExitStatus> {
    report::print(write).context("cannot write to standard output")?;
    Ok(ExitStatus::Ok)
}
