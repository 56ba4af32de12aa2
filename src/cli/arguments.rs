//! The grammar, as clap derives it, and what it becomes.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{BoolishValueParser, OsStringValueParser, TypedValueParser};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use cxr::catalog::{Catalog, SelectError};
use cxr::fetch::FetchRequest;
use cxr::progress::{Verbosity, When};
use cxr::report::ColorChoice;
use cxr::selftest::SelftestRequest;

use super::checksums::Checksums;
use super::outputs::Outputs;
use super::values::Sources;
use super::verify::Verify;
use super::{Invocation, values};

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

#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// Another table of MD5s in place of the built-in one, in any form that `md5sum -c` reads, or
    /// with columns
    ///
    /// A table with columns has tabs between its cells. Its first line names the columns, in any
    /// order: `name` and `md5`, and if known `size` (bytes), `sha256`, `address` (http:// or https://)
    /// and `script_name` (another name under which people have the archive). Then comes one archive a
    /// line; an empty cell is unknown.
    #[arg(long, global = true, value_name = "FILE")]
    checksums: Option<PathBuf>,
    /// How results are printed on standard output
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
    /// Print nothing but results and errors
    #[arg(short, long, global = true, value_parser = BoolishValueParser::new())]
    quiet: bool,
    /// Say of every failed attempt what failed; without it, only of an archive's first
    #[arg(short, long, global = true, value_parser = BoolishValueParser::new())]
    verbose: bool,
    /// When to draw progress bars; where there are none, there is a line now and then
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    progress: Choice,
    /// When to colour the verdicts
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: Choice,
}

/// What is printed how, and the table that is spoken of.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) checksums: Option<PathBuf>,
    pub(crate) format: Format,
    pub(crate) verbosity: Verbosity,
    pub(crate) progress: When,
    pub(crate) color: ColorChoice,
}

/// The form of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// One line an archive
    #[default]
    Text,
    /// One JSON document
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Choice {
    /// On a terminal
    #[default]
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
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

/// What `fetch` was told.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Fetch {
    /// Archives: `images_003.tar.gz`, `images_003`, `003`, `3`, `1-4`, `1,3,7-9`; none: all
    #[arg(value_name = "ARCHIVE")]
    archives: Vec<String>,
    /// The folder of the archives; made if absent
    #[arg(short, long, default_value = ".", value_name = "DIR")]
    dir: PathBuf,
    /// Where to fetch from: an `http(s)://` address to which `/NAME` is added, an address with
    /// `{name}` in it, or a local folder. Repeat it for several, in order of preference (in the
    /// variable: one a line). Without it: NIH's own addresses
    #[arg(long, value_name = "SOURCE", value_parser = OsStringValueParser::new().try_map(|typed| values::sources(&typed)))]
    from: Vec<Sources>,
    /// Archives at a time, 1 to 64
    #[arg(short, long, default_value = "12", value_name = "N", value_parser = values::count)]
    jobs: NonZeroUsize,
    /// Connections in all, 1 to 64; a free one helps the archives still under way
    #[arg(short, long, default_value = "12", value_name = "N", value_parser = values::count)]
    connections: NonZeroUsize,
    #[command(flatten)]
    asking: Asking,
    /// Hash again what an earlier run has found right
    #[arg(long, value_parser = BoolishValueParser::new())]
    recheck: bool,
    /// Keep what failed its MD5, in `DIR/.cxr/corrupt`
    #[arg(long, value_parser = BoolishValueParser::new())]
    keep_corrupt: bool,
    /// Wait for another cxr at work in the same folder
    #[arg(long, value_parser = BoolishValueParser::new())]
    wait: bool,
    /// When one archive has failed, stop the others; what came of them is kept
    #[arg(long, value_parser = BoolishValueParser::new())]
    fail_fast: bool,
    /// Say what would be done, and do nothing
    #[arg(long, value_parser = BoolishValueParser::new())]
    dry_run: bool,
    #[command(flatten)]
    pub(crate) outputs: Outputs,
    /// Bytes that a connection takes at a time
    #[arg(long, hide = true, default_value = "32M", value_name = "SIZE", value_parser = values::rate)]
    chunk: NonZeroU64,
}

/// How servers are asked.
#[derive(Debug, Args)]
pub(super) struct Asking {
    /// Attempts in a row without a new byte before a source is given up
    #[arg(long, default_value_t = 8, value_name = "N")]
    pub(super) retries: u32,
    /// How long a connection may bring no byte
    #[arg(long, default_value = "30", value_name = "SECONDS", value_parser = values::seconds)]
    pub(super) stall_timeout: Duration,
    /// How long a connection may take to come about
    #[arg(long, default_value = "30", value_name = "SECONDS", value_parser = values::seconds)]
    pub(super) connect_timeout: Duration,
    /// Bytes a second in all: `10M` and `10MiB` are 10 × 1024 × 1024
    #[arg(long, value_name = "RATE", value_parser = values::rate)]
    pub(super) limit_rate: Option<NonZeroU64>,
    /// A file in which a rate may be written while cxr runs, as `2M`; it is looked at every second.
    /// Where there is none, or it says `none`, --limit-rate holds
    #[arg(long, value_name = "FILE")]
    pub(super) limit_rate_file: Option<PathBuf>,
    /// Certificates (PEM) to trust beside the system's
    #[arg(long, value_name = "FILE")]
    pub(super) cacert: Option<PathBuf>,
    /// The wait after the first failed attempt, in milliseconds, before it doubles
    #[arg(long, hide = true, default_value_t = 1000, value_name = "MILLISECONDS")]
    pub(super) backoff_ms: u32,
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
        let verbosity = verbosity(&self.global, matches)?;
        let Global { checksums, format, progress, color, .. } = self.global;
        if format == Format::Json && self.command.outputs().is_some_and(Outputs::events_on_stdout) {
            return Err("`--events -` and `--format json` both need standard output: \
                        the report can go to a file, with `--report FILE`"
                .to_owned());
        }
        let settings = Settings {
            checksums,
            format,
            verbosity,
            progress: progress.into(),
            color: color.into(),
        };
        Ok(Invocation { settings, command: self.command })
    }
}

/// A switch that was typed outweighs a variable; two that were typed are too many.
fn verbosity(global: &Global, matches: &ArgMatches) -> Result<Verbosity, String> {
    let matches = matches.subcommand().map_or(matches, |(_, matches)| matches);
    let typed = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
    if global.quiet && global.verbose && typed("quiet") == typed("verbose") {
        return Err("`--quiet` and `--verbose` cannot both be asked for".to_owned());
    }
    Ok(match (global.quiet, global.verbose) {
        (false, false) => Verbosity::Normal,
        (true, verbose) if !verbose || typed("quiet") => Verbosity::Quiet,
        _ => Verbosity::Verbose,
    })
}

impl From<Choice> for When {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Auto => Self::Auto,
            Choice::Always => Self::Always,
            Choice::Never => Self::Never,
        }
    }
}

impl From<Choice> for ColorChoice {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Auto => Self::Auto,
            Choice::Always => Self::Always,
            Choice::Never => Self::Never,
        }
    }
}

impl Fetch {
    /// The request, over this catalogue.
    pub(crate) fn request(self, catalog: Catalog) -> Result<FetchRequest, SelectError> {
        Ok(FetchRequest {
            selected: catalog.select(&self.archives)?,
            catalog,
            dir: self.dir,
            sources: values::or_publisher(self.from),
            jobs: self.jobs,
            connections: self.connections,
            retries: self.asking.retries,
            stall_timeout: self.asking.stall_timeout,
            connect_timeout: self.asking.connect_timeout,
            limit_rate: self.asking.limit_rate,
            backoff: self.asking.backoff(),
            limit_rate_file: self.asking.limit_rate_file,
            cacert: self.asking.cacert,
            recheck: self.recheck,
            keep_corrupt: self.keep_corrupt,
            wait: self.wait,
            fail_fast: self.fail_fast,
            dry_run: self.dry_run,
            chunk: self.chunk,
        })
    }
}

impl Asking {
    pub(super) fn backoff(&self) -> Duration {
        Duration::from_millis(self.backoff_ms.into())
    }
}
