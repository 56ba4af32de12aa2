//! The `cxr` program: reads the command line, calls the library, and returns the exit status.
//!
//! Its own modules follow those of the library, in the order in which they depend on each other:
//!
//! - `cli` defines the command line and turns it into requests to the library.
//! - `app` runs the commands: signals, progress, reports and the exit status.

mod app;
mod cli;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use cxr::progress::{Messages, Verbosity};
use cxr::text::error_chain;
use cxr::verdict::ExitStatus;

use app::commands;
use app::exit::CommandError;
use cli::EarlyExit;

fn main() -> ExitCode {
    #[cfg(debug_assertions)]
    cxr::disk::inject_faults(cli::fault);
    #[cfg(any(debug_assertions, feature = "benchmarks"))]
    cxr::catalog::use_test_inventories(cli::fault);
    // If that is impossible, only a limit that is met ends the process.
    #[cfg(unix)]
    let _ = app::signals::survive_file_limit();
    let arguments: Vec<OsString> = env::args_os().collect();
    #[cfg(unix)]
    app::memory::use_one_heap(&arguments);
    // A console that shows no colours shows the codes for them.
    #[cfg(windows)]
    app::console::use_colors();
    ExitCode::from(run(&arguments).code())
}

fn run(arguments: &[OsString]) -> ExitStatus {
    let result = match cli::parse(arguments) {
        Ok(invocation) => commands::run(invocation, &cli::typed_command(arguments), arguments),
        Err(EarlyExit::Answer(text)) => commands::print(|out| out.write_all(text.as_bytes())),
        Err(EarlyExit::UsageError(text)) => Err(CommandError::usage(anyhow::Error::msg(text))),
    };
    result.unwrap_or_else(|CommandError { status, error }| {
        Messages::new(Verbosity::Normal).error(error_chain::describe(error.as_ref()));
        status
    })
}
