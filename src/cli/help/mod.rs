//! The help of each command: its groups of options, examples and exit status.

use clap::{Arg, ArgAction, Command};

use super::headings::{GLOBAL, IMAGES, OUTPUT, WHAT};

const EXAMPLES: &str = include_str!("program.txt");
const VARIABLES: &str = include_str!("variables.txt");
const PROGRAM_STATUS: &str = include_str!("program_status.txt");
const LABELS_STATUS: &str = include_str!("labels_status.txt");
const SELFTEST_STATUS: &str = include_str!("selftest_status.txt");
const TABLE_STATUS: &str = include_str!("table_status.txt");
const PRINT_STATUS: &str = include_str!("print_status.txt");

/// Arranges the help of the program and of its commands.
pub(super) fn arrange(command: Command) -> Command {
    let global: Vec<Arg> = command.get_arguments().cloned().collect();
    command
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args([help(), version().hide_short_help(false)].map(|answer| answer.help_heading(GLOBAL)))
        .after_long_help(format!("{EXAMPLES}\n{PROGRAM_STATUS}\n{VARIABLES}"))
        .mut_subcommands(|command| arrange_subcommand(command, &global))
}

fn arrange_subcommand(command: Command, global: &[Arg]) -> Command {
    let name = command.get_name().to_owned();
    // Clap passes global arguments on to a subcommand only where it has none of that name.
    let global = global.iter().enumerate().map(|(index, argument)| {
        let id = argument.get_id().as_str();
        let heading = if id == "checksums" { WHAT } else { OUTPUT };
        let argument = argument.clone().help_heading(heading).display_order(100 + index);
        argument.hide(!applies(id, &name))
    });
    // The short help of these has no room for them.
    let is_full = matches!(name.as_str(), "fetch" | "verify" | "extract");
    let command = command.mut_args(|argument| {
        let is_long = is_full && argument.get_help_heading() == Some(IMAGES);
        if is_long { argument.hide_short_help(true) } else { argument }
    });
    let (examples, status) = more(&name);
    command.args(global).args([help(), version()]).after_long_help(format!("{examples}\n{status}"))
}

/// Returns true if the global argument has an effect on the command.
pub(super) fn applies(argument: &str, command: &str) -> bool {
    let is_run = matches!(command, "fetch" | "verify" | "extract");
    match argument {
        "checksums" => is_run || matches!(command, "list" | "checksums"),
        "format" => is_run || matches!(command, "labels" | "list" | "checksums" | "selftest"),
        "quiet" => is_run || matches!(command, "labels" | "list" | "selftest"),
        "progress" => is_run,
        _ => is_run || command == "selftest",
    }
}

/// Returns the examples and the exit status of a command.
fn more(command: &str) -> (&'static str, &'static str) {
    match command {
        "fetch" => (include_str!("fetch.txt"), include_str!("fetch_status.txt")),
        "verify" => (include_str!("verify.txt"), include_str!("verify_status.txt")),
        "extract" => (include_str!("extract.txt"), include_str!("extract_status.txt")),
        "checksums" => (include_str!("checksums.txt"), TABLE_STATUS),
        "labels" => (include_str!("labels.txt"), LABELS_STATUS),
        "list" => (include_str!("list.txt"), TABLE_STATUS),
        "selftest" => (include_str!("selftest.txt"), SELFTEST_STATUS),
        "completions" => (include_str!("completions.txt"), PRINT_STATUS),
        "man" => (include_str!("man.txt"), PRINT_STATUS),
        _ => ("Examples:\n  cxr cite\n", PRINT_STATUS),
    }
}

fn help() -> Arg {
    Arg::new("help")
        .short('h')
        .long("help")
        .help("Print a summary; --help prints all options and examples")
        .help_heading(OUTPUT)
        .display_order(200)
        .action(ArgAction::Help)
}

fn version() -> Arg {
    Arg::new("version")
        .short('V')
        .long("version")
        .help("Print the version; -vV prints more")
        .help_heading(OUTPUT)
        .display_order(201)
        .hide_short_help(true)
        .action(ArgAction::Version)
}
