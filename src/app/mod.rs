//! The binary's own modules: commands, runs with their signals and reports, and exit statuses.

mod background;
mod command_run;
pub(crate) mod commands;
mod failure;
mod github;
mod protected_paths;
mod report_files;
mod selftest_command;
mod signals;
