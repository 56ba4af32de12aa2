//! The options of every command: the table of MD5s, and the form of the output.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, ValueEnum};
use cxr::progress::{Display, HEARTBEAT, LiveVerdicts, Progress, Verbosity};
use cxr::text::When;

use super::environment;
use super::headings::GLOBAL;

/// The options of every command, as typed.
#[derive(Debug, Args)]
#[command(next_help_heading = GLOBAL)]
pub(super) struct GlobalOptions {
    /// Table of checksums to use, not the built-in one
    ///
    /// The table has any form that `md5sum -c` or `sha256sum -c` reads, or columns with tabs between the cells. The
    /// first line of a table with columns names them, in any order: name, and md5 or
    /// sha256 or both, and optionally size (bytes), address (http:// or https://) and script_name (another name of the
    /// file). Each further line is one archive; an empty cell is unknown. The form of hashdeep is read
    /// too. `-` reads standard input.
    #[arg(long, global = true, value_name = "FILE")]
    checksums: Option<PathBuf>,
    /// Format of results
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        hide_default_value = true
    )]
    format: Format,
    /// Print only results and errors
    #[arg(short, long, global = true, value_parser = BoolishValueParser::new())]
    quiet: bool,
    /// Report every failed attempt, not only the first
    ///
    /// By default, cxr reports the first failed attempt of each archive.
    #[arg(short, long, global = true, value_parser = BoolishValueParser::new(), hide_short_help = true)]
    verbose: bool,
    /// Draw progress bars
    ///
    /// Without bars, cxr prints a line of progress every 30 seconds.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        hide_short_help = true
    )]
    progress: Choice,
    /// Colour the verdicts
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        hide_short_help = true
    )]
    color: Choice,
}

/// The options of every command, resolved.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) checksums: Option<PathBuf>,
    pub(crate) format: Format,
    pub(crate) verbosity: Verbosity,
    pub(crate) progress: When,
    pub(crate) color: When,
}

/// The format of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// One line per archive
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
    /// Always
    Always,
    /// Never
    Never,
}

impl GlobalOptions {
    /// Checks the options that depend on each other.
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

impl Settings {
    /// True if bars are wanted on standard error.
    pub(crate) fn has_bars(&self) -> bool {
        environment::wants_bars(self.progress)
    }

    /// Shows a run from now on, with bars or with lines.
    pub(crate) fn start_progress(&self, has_bars: bool, verdicts: LiveVerdicts) -> Progress {
        let display = if has_bars {
            Display::Bars { rewraps: environment::rewraps() }
        } else {
            Display::Lines(environment::heartbeat().unwrap_or(HEARTBEAT))
        };
        Progress::start(self.verbosity, display, verdicts)
    }

    /// True if the verdicts on standard output have colours.
    pub(crate) fn has_color(&self) -> bool {
        environment::wants_color(self.color)
    }
}

/// A typed switch overrides a variable; two typed switches contradict each other.
fn verbosity(global: &GlobalOptions, matches: &ArgMatches) -> Result<Verbosity, String> {
    let matches = matches.subcommand().map_or(matches, |(_, matches)| matches);
    let typed = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
    if global.quiet && global.verbose && typed("quiet") == typed("verbose") {
        return Err("--quiet and --verbose contradict each other; omit one of them".to_owned());
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
