//! The `cxr` program: reads the command line, calls the library, and returns the exit status.
//!
//! Its own rooms follow those of the library, in the order in which they depend on each other:
//!
//! - `cli` defines the command line and turns it into requests to the library.
//! - `app` runs the commands: signals, progress, reports and the exit status.

mod app;
mod cli;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use cxr::progress::{Messages, Verbosity};
use cxr::report;
use cxr::text::error_chain;
use cxr::verdict::ExitStatus;

use app::commands;
use cli::EarlyExit;

fn main() -> ExitCode {
    #[cfg(debug_assertions)]
    cxr::disk::inject_faults(cli::fault);
    let arguments: Vec<OsString> = env::args_os().collect();
    ExitCode::from(run(&arguments).code())
}

fn run(arguments: &[OsString]) -> ExitStatus {
    let messages = Messages::new(Verbosity::Normal);
    let invocation = match cli::parse(arguments) {
        Ok(invocation) => invocation,
        Err(EarlyExit::Answer(text)) => return answer(&text, messages),
        Err(EarlyExit::UsageError(text)) => {
            messages.error(text);
            return ExitStatus::Usage;
        }
    };
    commands::run(invocation, &cli::command_line(arguments)).unwrap_or_else(|failure| {
        messages.error(error_chain::describe(failure.error.as_ref()));
        failure.status
    })
}

fn answer(text: &str, messages: Messages) -> ExitStatus {
    match report::print(|out| out.write_all(text.as_bytes())) {
        Ok(()) => ExitStatus::Ok,
        Err(error) => {
            messages.error(format_args!("cannot write to standard output: {error}"));
            ExitStatus::Failed
        }
    }
}
