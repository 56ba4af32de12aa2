//! The command line: from arguments and variables to an [`Invocation`], without input or output.

#![expect(clippy::doc_markdown, reason = "the comments on options are help texts, printed as is")]

mod arguments;
mod checksums;
mod completions;
mod environment;
mod extract;
mod fetch;
mod global_options;
mod habits;
mod headings;
mod help;
mod ignored_options;
mod image_target;
mod labels;
mod man;
mod network;
mod option_file;
mod report_options;
mod selection;
mod typed_command;
mod value_parsers;
mod verify;
mod version;

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches};
use cxr::source::without_password;
use cxr::text::escape;

pub(crate) use arguments::{Command, List, Selftest};
pub(crate) use checksums::Checksums;
pub(crate) use completions::completions;
#[cfg(any(debug_assertions, feature = "benchmarks"))]
pub(crate) use environment::fault;
#[cfg(unix)]
pub(crate) use environment::is_set;
pub(crate) use extract::Extract;
pub(crate) use fetch::Fetch;
pub(crate) use global_options::{Format, Settings};
pub(crate) use labels::Labels;
pub(crate) use man::manual;
pub(crate) use option_file::{option_file, read_option_file};
pub(crate) use report_options::{EventTarget, ReportOptions};
pub(crate) use typed_command::typed_command;
pub(crate) use verify::{Verification, Verify};

use arguments::Arguments;

/// The command to run, with its options.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) settings: Settings,
    pub(crate) command: Command,
}

/// The end of a program that has no command to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EarlyExit {
    /// The help or the version that was asked for.
    Answer(String),
    /// An error in the command line.
    UsageError(String),
}

/// Reads the command line and the `CXR_…` variables.
pub(crate) fn parse(arguments: &[OsString]) -> Result<Invocation, EarlyExit> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(arguments);
    let matches = matches.map_err(|error| early_exit(error, arguments))?;
    let parsed = Arguments::from_arg_matches(&matches);
    let parsed = parsed.map_err(|error| early_exit(error.format(&mut command), arguments))?;
    // A wrong one would show only after minutes.
    environment::heartbeat().map_err(EarlyExit::UsageError)?;
    ignored_options::refuse(&matches, arguments).map_err(EarlyExit::UsageError)?;
    parsed.resolve(&matches).map_err(EarlyExit::UsageError)
}

/// Returns the commands and options.
pub(crate) fn command() -> clap::Command {
    environment::attach(help::arrange(Arguments::command()))
}

fn early_exit(mut error: clap::Error, arguments: &[OsString]) -> EarlyExit {
    let (origin, tip) = (origin(&error), habits::tip(&error, arguments));
    escape_context(&mut error);
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayVersion if version::is_verbose(arguments) => {
            EarlyExit::Answer(version::details())
        }
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => EarlyExit::Answer(text),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            EarlyExit::UsageError(format!("expected a command\n\n{}", text.trim_end()))
        }
        _ => {
            let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
            let text = with_tip(text, tip.as_deref());
            EarlyExit::UsageError(format!("{text}{}", origin.unwrap_or_default()))
        }
    }
}

/// Puts a tip below the first line of an error, in place of those of clap.
fn with_tip(text: &str, tip: Option<&str>) -> String {
    let Some(tip) = tip else { return text.to_owned() };
    let (first, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let rest = rest.find("For more").map_or("", |at| &rest[at..]);
    format!("{first}\n\n  tip: {tip}\n\n{rest}").trim_end().to_owned()
}

/// Names the variable that holds a wrong value: it is not on the command line.
fn origin(error: &clap::Error) -> Option<String> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        _ => None,
    };
    let (option, value) = (text(ContextKind::InvalidArg)?, text(ContextKind::InvalidValue)?);
    let variable = environment::variable_with(option, value)?;
    Some(format!("\nThe value comes from the variable {variable}."))
}

/// Escapes what was typed, and hides passwords in it.
fn escape_context(error: &mut clap::Error) {
    let escaped: Vec<(ContextKind, ContextValue)> = error
        .context()
        .filter_map(|(kind, value)| {
            let value = match value {
                ContextValue::String(text) => {
                    ContextValue::String(escape::text(&without_password(text)).into_owned())
                }
                ContextValue::Strings(texts) => ContextValue::Strings(
                    texts.iter().map(|text| escape::text(text).into_owned()).collect(),
                ),
                _ => return None,
            };
            Some((kind, value))
        })
        .collect();
    for (kind, value) in escaped {
        error.insert(kind, value);
    }
}

#[cfg(test)]
mod tests;
