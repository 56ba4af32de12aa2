//! The help and the main messages of the program, word for word, as files in `tests/snapshots/`.
//!
//! After a change of words, `INSTA_UPDATE=always cargo test --locked --test cxr wording::` writes
//! the files anew; `git diff tests/snapshots` then shows the change as a whole.

use crate::support::Sandbox;

/// Lines of a terminal, with one for the prompt of the shell.
const SCREEN: usize = 25;

const COMMANDS: [&str; 8] =
    ["fetch", "verify", "list", "checksums", "selftest", "cite", "completions", "man"];

/// Compares the text with the file of this name.
fn compare(name: &str, text: &str) {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    insta::with_settings!({
        snapshot_path => "../snapshots",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, lines.join("\n"));
    });
}

/// The answer of a command on a terminal of 80 columns.
fn answer(arguments: &[&str]) -> String {
    Sandbox::new().cxr(arguments).env("COLUMNS", "80").run().exits(0).stdout()
}

#[test]
fn the_short_help_fits_on_a_screen() {
    for command in COMMANDS {
        let help = answer(&[command, "-h"]);
        assert!(help.lines().count() < SCREEN, "{help}");
        compare(&format!("help-{command}-short"), &help);
    }
    let help = answer(&["-h"]);
    assert!(help.lines().count() < SCREEN, "{help}");
    compare("help-short", &help);
}

#[test]
fn the_long_help_has_all_options_examples_and_exit_statuses() {
    for command in COMMANDS {
        compare(&format!("help-{command}"), &answer(&[command, "--help"]));
    }
    compare("help", &answer(&["--help"]));
}
