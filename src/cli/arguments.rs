//! The command line as clap reads it.

use std::path::PathBuf;

use clap::{ArgMatches, Args, Parser, Subcommand};
use clap_complete::Shell;
use cxr::selftest::SelftestRequest;

use super::Invocation;
use super::checksums::Checksums;
use super::environment;
use super::extract::Extract;
use super::fetch::Fetch;
use super::global_options::{Format, GlobalOptions};
use super::headings::{FROM, WHAT};
use super::labels::Labels;
use super::report_options::ReportOptions;
use super::verify::Verify;

/// Download and verify the archives of NIH ChestX-ray14
#[derive(Debug, Parser)]
#[command(name = "cxr", version, propagate_version = true, args_override_self = true)]
#[command(color = clap::ColorChoice::Never, max_term_width = 100)]
pub(super) struct Arguments {
    #[command(flatten)]
    global: GlobalOptions,
    #[command(subcommand)]
    command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Download archives that are missing or damaged, and verify them
    Fetch(Fetch),
    /// Check archives against the published MD5s
    Verify(Verify),
    /// Extract the images of verified archives
    ///
    /// cxr reads each archive once: it checks the MD5 of the archive and every image, and gives the
    /// images their names only if all of them are right.
    Extract(Extract),
    /// Write NIH's labels and split, and metadata.csv
    ///
    /// Data_Entry_2017_v2020.csv, BBox_List_2017.csv, train_val_list.txt and test_list.txt are NIH's
    /// files, byte for byte. metadata.csv joins them: a row for each image.
    Labels(Labels),
    /// List the archives, and which of them exist; read no data
    List(List),
    /// Print the table of MD5s for other tools
    Checksums(Checksums),
    /// Test whether cxr works on this machine
    ///
    /// The test takes less than ten seconds, uses no network, and removes its files.
    Selftest(Selftest),
    /// Print the citation and the acknowledgement that NIH asks for
    Cite,
    /// Print the completion script of a shell
    Completions {
        /// Shell
        #[arg(help_heading = WHAT)]
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

impl Command {
    /// Returns the reports to write, for a command that writes any.
    const fn reports(&self) -> Option<&ReportOptions> {
        match self {
            Self::Fetch(fetch) => Some(&fetch.reports),
            Self::Verify(verify) => Some(&verify.reports),
            Self::Extract(extract) => Some(&extract.reports),
            _ => None,
        }
    }
}

/// The options of `list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Folder of the archives
    #[arg(short, long, default_value = ".", value_name = "DIR", help_heading = FROM)]
    pub(crate) dir: PathBuf,
}

/// The options of `selftest`.
#[derive(Debug, Args)]
pub(crate) struct Selftest {
    /// Folder to test in [default: the folder for temporary files]
    ///
    /// cxr makes a new folder inside it, and removes that folder at the end.
    #[arg(short, long, value_name = "DIR", help_heading = "Where")]
    dir: Option<PathBuf>,
    /// Name of a check that must fail
    #[arg(long, hide = true, value_name = "CHECK")]
    sabotage: Option<String>,
}

impl Selftest {
    /// Builds the request; one of the checks starts `program`.
    pub(crate) fn request(self, program: PathBuf) -> SelftestRequest {
        SelftestRequest {
            dir: self.dir.unwrap_or_else(environment::temporary),
            program,
            environment: environment::of_child(),
            platforms: environment::platforms(),
            sabotage: self.sabotage,
        }
    }
}

impl Arguments {
    /// Checks the options that depend on each other.
    pub(super) fn resolve(self, matches: &ArgMatches) -> Result<Invocation, String> {
        let settings = self.global.resolve(matches)?;
        let on_stdout = self.command.reports().is_some_and(ReportOptions::events_on_stdout);
        if settings.format == Format::Json && on_stdout {
            return Err("--events - and --format json both write to standard output; \
                        write the report to a file with --report"
                .to_owned());
        }
        Ok(Invocation { settings, command: self.command })
    }
}
