//! The grammar, as clap derives it, and what it becomes.

use std::path::PathBuf;

use clap::{ArgMatches, Args, Parser, Subcommand};
use clap_complete::Shell;
use cxr::selftest::SelftestRequest;

use super::Invocation;
use super::checksums::Checksums;
use super::fetch::Fetch;
use super::outputs::Outputs;
use super::settings::{Format, Global};
use super::verify::Verify;

const EXAMPLES: &str = "\
Examples:
  cxr selftest                         does this program work here?
  cxr fetch -d data                    all twelve archives, 45 GB, into ./data
  cxr fetch -d data 1-4 images_009     five of them
  cxr fetch -d data --from https://mirror.example.org/nih --from /mnt/nih
  cxr verify data                      is everything in ./data right?
  cxr verify download.bin              which archive is this file, and is it right?
  cxr verify data --format json        the same for a program
  cxr verify --from https://mirror.example.org/nih   is a mirror right?
  cxr checksums | (cd data && md5sum -c)";

const EXIT_STATUS: &str = "\
Exit status:
  0    every archive is ok (with --quick: present, and nothing verified)
  1    an archive is missing, incomplete, corrupt or foreign
  2    the command line or a table of checksums is wrong
  3    none of these, but an archive is unreachable or this machine failed
  130  ended by SIGINT (143: by SIGTERM); the same command goes on

Every long option can also be given as a variable: --limit-rate as CXR_LIMIT_RATE.
An empty variable counts as none; a switch takes 1, 0, true, false, yes or no.";

/// Fetches and verifies the archives of NIH ChestX-ray14: concurrent, resumable, every byte checked.
#[derive(Debug, Parser)]
#[command(name = "cxr", version, propagate_version = true, args_override_self = true)]
#[command(color = clap::ColorChoice::Never, max_term_width = 100)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_STATUS}"))]
pub(super) struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Download what is not here yet or not right, verifying as it streams
    Fetch(Fetch),
    /// Check archives against the published MD5s
    Verify(Verify),
    /// Show the catalogue: name, size, MD5, and what is here, without hashing
    List(List),
    /// Print the table for other tools: by default its MD5s, as `md5sum -c` reads them
    Checksums(Checksums),
    /// Test in some seconds whether this program works on this machine: without a network, in a
    /// folder of its own
    Selftest(Selftest),
    /// Print the citation and the acknowledgement that NIH asks for
    Cite,
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

impl Command {
    /// Where the command leaves reports, if it does.
    const fn outputs(&self) -> Option<&Outputs> {
        match self {
            Self::Fetch(fetch) => Some(&fetch.outputs),
            Self::Verify(verify) => Some(&verify.outputs),
            _ => None,
        }
    }
}

/// What `list` was told.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// The folder of the archives
    #[arg(short, long, default_value = ".", value_name = "DIR")]
    pub(crate) dir: PathBuf,
}

/// What `selftest` was told.
#[derive(Debug, Args)]
pub(crate) struct Selftest {
    /// The folder whose file system is to be tested; what is made there is removed. Without it, the
    /// folder for temporary files
    #[arg(short, long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The check that shall fail, by its name
    #[arg(long, hide = true, value_name = "CHECK")]
    sabotage: Option<String>,
}

impl Selftest {
    /// The request that this is; `program` is started for one of the checks.
    pub(crate) fn request(self, program: PathBuf) -> SelftestRequest {
        SelftestRequest { dir: self.dir, program, sabotage: self.sabotage }
    }
}

impl Arguments {
    /// Applies the rules that need more than one option.
    pub(super) fn resolve(self, matches: &ArgMatches) -> Result<Invocation, String> {
        let settings = self.global.resolve(matches)?;
        let on_stdout = self.command.outputs().is_some_and(Outputs::events_on_stdout);
        if settings.format == Format::Json && on_stdout {
            return Err("`--events -` and `--format json` both need standard output: \
                        the report can go to a file, with `--report FILE`"
                .to_owned());
        }
        Ok(Invocation { settings, command: self.command })
    }
}
