//! The program: its commands, runs with signals, progress and reports, and the exit status.

mod background;
mod command_run;
pub(crate) mod commands;
#[cfg(windows)]
pub(crate) mod console;
pub(crate) mod exit;
mod github;
pub(crate) mod memory;
mod protected_paths;
mod report_files;
mod selftest_command;
pub(crate) mod signals;
