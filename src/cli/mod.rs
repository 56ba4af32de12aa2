//! The command line. It is read once, without any input or output, and becomes an [`Invocation`].

mod arguments;
mod asking;
mod checksums;
mod environment;
mod fetch;
mod man;
mod outputs;
mod quote;
mod settings;
mod values;
mod verify;

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches};
use cxr::source::without_password;
use cxr::text::escape;

pub(crate) use arguments::{Command, List, Selftest};
pub(crate) use checksums::Checksums;
pub(crate) use fetch::Fetch;
pub(crate) use man::manual;
pub(crate) use outputs::{LineTarget, Outputs};
pub(crate) use quote::command_line;
pub(crate) use settings::{Format, Settings};
pub(crate) use verify::{Verification, Verify};

use arguments::Arguments;

/// What the user asked for.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) settings: Settings,
    pub(crate) command: Command,
}

/// Why there is nothing to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Help or the version was asked for: this is it.
    Answer(String),
    /// The command line is wrong: why, and how it should look.
    Wrong(String),
}

/// Reads the command line and the `CXR_…` variables.
pub(crate) fn parse(arguments: &[OsString]) -> Result<Invocation, Stop> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(arguments).map_err(stop)?;
    let arguments =
        Arguments::from_arg_matches(&matches).map_err(|e| stop(e.format(&mut command)))?;
    arguments.resolve(&matches).map_err(Stop::Wrong)
}

/// The grammar, for the manual as well.
pub(crate) fn command() -> clap::Command {
    environment::attach(Arguments::command())
}

/// The grammar without what is hidden, for completions.
pub(crate) fn shown(command: &clap::Command) -> clap::Command {
    let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set()).cloned();
    let about = command.get_about().cloned().unwrap_or_default();
    clap::Command::new(command.get_name().to_owned())
        .about(about)
        .args(arguments)
        .subcommands(command.get_subcommands().map(shown))
}

fn stop(mut error: clap::Error) -> Stop {
    let origin = origin(&error);
    escape_context(&mut error);
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Stop::Answer(text),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Stop::Wrong(format!("a command is needed\n\n{}", text.trim_end()))
        }
        _ => {
            let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
            Stop::Wrong(format!("{text}{}", origin.unwrap_or_default()))
        }
    }
}

/// Nobody looks for a mistake on the command line where none is.
fn origin(error: &clap::Error) -> Option<String> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        _ => None,
    };
    let (option, value) = (text(ContextKind::InvalidArg)?, text(ContextKind::InvalidValue)?);
    let variable = environment::origin(option, value)?;
    Some(format!("\nThe value is that of the variable {variable}."))
}

/// What was typed is part of the message, and may hold anything, a password among other things.
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
