//! The help of each command: its groups of options, examples and exit status.

use clap::{Arg, ArgAction, Command};

use super::headings::{GLOBAL, OUTPUT, WHAT};
use super::{checksums, fetch, verify};

const EXAMPLES: &str = "\
Examples:
  cxr selftest               does cxr work on this machine?
  cxr fetch -d nih           download all twelve archives (45 GB) into ./nih
  cxr verify nih             is every archive in ./nih right?
  cxr list -d nih            which archives are in ./nih?
  cxr verify --from https://mirror.example.org/nih
                             is every archive of this mirror right?
";

const VARIABLES: &str = "\
Variables:
  Each long option can be set by a variable: --limit-rate by CXR_LIMIT_RATE.
  The command line overrides variables. An empty variable counts as unset. A
  switch takes 1, 0, true, false, yes or no. `cxr man` and docs/environment.md
  list the other variables.
";

const VERDICT_STATUS: &str = "\
Exit status:
  0    every archive is ok (with --quick: present)
  1    an archive is missing, incomplete, corrupt or foreign
  2    the command line or the table is wrong
  3    an archive is unreachable, this machine failed, or the folder is in use
  129, 130, 143
       ended by SIGHUP, SIGINT, SIGTERM
";

const SELFTEST_STATUS: &str = "\
Exit status:
  0    every check is ok
  1    cxr does not work correctly on this machine
  2    the command line is wrong
  3    a check could not run
  129, 130, 143
       ended by SIGHUP, SIGINT, SIGTERM
";

const PRINT_STATUS: &str = "\
Exit status:
  0    everything is printed
  2    the command line or the table is wrong
  3    standard output could not be written
";

/// Arranges the help of the program and of its commands.
pub(super) fn arrange(command: Command) -> Command {
    let global: Vec<Arg> = command.get_arguments().cloned().collect();
    command
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args([help(), version().hide_short_help(false)].map(|answer| answer.help_heading(GLOBAL)))
        .after_long_help(format!("{EXAMPLES}\n{VERDICT_STATUS}\n{VARIABLES}"))
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
    let (examples, status) = more(&name);
    command.args(global).args([help(), version()]).after_long_help(format!("{examples}\n{status}"))
}

/// Returns true if the global argument has an effect on the command.
fn applies(argument: &str, command: &str) -> bool {
    match argument {
        "checksums" => matches!(command, "fetch" | "verify" | "list" | "checksums"),
        "format" => matches!(command, "fetch" | "verify" | "list" | "checksums" | "selftest"),
        "quiet" => matches!(command, "fetch" | "verify" | "list" | "selftest"),
        "progress" => matches!(command, "fetch" | "verify"),
        _ => matches!(command, "fetch" | "verify" | "selftest"),
    }
}

/// Returns the examples and the exit status of a command.
fn more(command: &str) -> (&'static str, &'static str) {
    match command {
        "fetch" => (fetch::EXAMPLES, VERDICT_STATUS),
        "verify" => (verify::EXAMPLES, VERDICT_STATUS),
        "checksums" => (checksums::EXAMPLES, PRINT_STATUS),
        "list" => (
            "\
Examples:
  cxr list -d nih                  names, sizes, MD5s, and what exists in ./nih
  cxr list -d nih --format json    the same for programs
",
            PRINT_STATUS,
        ),
        "selftest" => (
            "\
Examples:
  cxr selftest           test in the folder for temporary files
  cxr selftest -d nih    test on the file system of ./nih
",
            SELFTEST_STATUS,
        ),
        "completions" => (
            "\
Examples:
  cxr completions bash >/etc/bash_completion.d/cxr
  cxr completions fish >~/.config/fish/completions/cxr.fish
",
            PRINT_STATUS,
        ),
        "man" => (
            "\
Examples:
  cxr man >cxr.1
  man ./cxr.1
",
            PRINT_STATUS,
        ),
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
        .help("Print the version")
        .help_heading(OUTPUT)
        .display_order(201)
        .hide_short_help(true)
        .action(ArgAction::Version)
}
