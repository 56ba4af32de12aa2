//! The commands, from their arguments to their exit status.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
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
    let (only_problems, resumes) = (false, !fetch.dry_run);
    let request = catalog(settings, [fetch.dir.as_path()])
        .and_then(|catalog| fetch.request(catalog, typed, arguments).map_err(CommandError::usage));
    CommandRun { command: "fetch", settings, outputs, only_problems, resumes, typed }.run(
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
    let Verify { reports, background, only_problems, resume, .. } = &verify;
    let (outputs, background) = (reports.clone(), *background);
    let (only_problems, resumes) = (*only_problems, *resume);
    let request = catalog(settings, verify.folders())
        .and_then(|catalog| verify.request(catalog, typed, arguments).map_err(CommandError::usage));
    CommandRun { command: "verify", settings, outputs, only_problems, resumes, typed }.run(
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
    let request = catalog(settings, [extract.dir.as_path()]).and_then(|catalog| {
        extract.request(catalog, typed, arguments).map_err(CommandError::usage)
    });
    let (only_problems, resumes) = (false, true);
    CommandRun { command: "extract", settings, outputs, only_problems, resumes, typed }.run(
        request,
        ProtectedPaths::add_extract,
        |request, listener, cancel| Ok(cxr::extract::extract(&request, listener, cancel)?),
    )
}

fn labels(labels: Labels, settings: &Settings) -> Result<ExitStatus> {
    let request = labels.request().map_err(anyhow::Error::msg).map_err(CommandError::usage)?;
    let report = cxr::labels::write_labels(&request).map_err(CommandError::usage)?;
    print(|out| match settings.format {
        Format::Text => report.write_text(out),
        Format::Json => report.write_json(out),
    })?;
    let messages = Messages::new(settings.verbosity);
    report.messages().iter().for_each(|message| messages.note(message));
    Ok(report.exit_status())
}

fn list(List { dir }: &List, settings: &Settings) -> Result<ExitStatus> {
    let catalog = catalog(settings, [dir.as_path()])?;
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
    let resolved = checksums.resolve(&catalog(settings, [])?, settings.format);
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
/// with a bad table too. `folders` may contain the table itself.
fn catalog<'a>(
    settings: &Settings,
    folders: impl IntoIterator<Item = &'a Path>,
) -> Result<Catalog> {
    let Some(path) = &settings.checksums else { return Ok(Catalog::nih()) };
    let shown = || cli::option_file("checksums", path);
    let bytes = cli::read_option_file(path, MAX_CHECKSUMS_BYTES).with_context(shown);
    let bytes = bytes.map_err(CommandError::usage)?;
    let catalog = Catalog::from_checksums(&bytes).and_then(|catalog| {
        let Some(name) = own_name(&catalog, path, &bytes, folders) else { return Ok(catalog) };
        Messages::new(settings.verbosity).note(format_args!(
            "{} lists itself, with a digest that cannot be right; cxr leaves that line out",
            escape::path(path)
        ));
        catalog.without(name)
    });
    let catalog = catalog.with_context(shown).map_err(CommandError::usage)?;
    Ok(catalog.read_from(path.clone()))
}

/// Returns the name of the table in the table, as after `md5sum * >FILE`: its digest is that of an empty
/// file, or one of the folders has the table under this name.
fn own_name<'p, 'f>(
    catalog: &Catalog,
    path: &'p Path,
    bytes: &[u8],
    folders: impl IntoIterator<Item = &'f Path>,
) -> Option<&'p str> {
    let name = path.file_name()?.to_str()?;
    let archive = catalog.archives().iter().find(|archive| archive.name == name)?;
    let is_table = |folder: &Path| {
        let file = disk::read_through(&folder.join(name), MAX_CHECKSUMS_BYTES);
        file.is_ok_and(|file| file == bytes)
    };
    let is_own = archive.digest().is_of_nothing() || folders.into_iter().any(is_table);
    is_own.then_some(name)
}

pub(crate) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<ExitStatus> {
    report::print(write).context("cannot write to standard output")?;
    Ok(ExitStatus::Ok)
}
