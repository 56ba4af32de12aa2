//! What every command can be told: the table that is spoken of, and what is printed how.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, ValueEnum};
use cxr::progress::{Verbosity, When};
use cxr::report::ColorChoice;

/// The options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Global {
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

impl Global {
    /// Applies the rules that need more than one option.
    pub(super) fn resolve(self, matches: &ArgMatches) -> Result<Settings, String> {
        Ok(Settings {
            verbosity: verbosity(&self, matches)?,
            checksums: self.checksums,
            format: self.format,
            progress: self.progress.into(),
            color: self.color.into(),
        })
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
