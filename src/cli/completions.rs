//! The completion scripts of the shells: commands, options, and the names of the archives.

use clap::builder::PossibleValuesParser;
use clap_complete::Shell;
use cxr::catalog::Catalog;

/// The commands that take the names of archives.
const SELECTING: [&str; 3] = ["fetch", "extract", "checksums"];

/// Returns the script of a shell.
pub(crate) fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut shown(&super::command()), "cxr", &mut script);
    with_names(shell, &String::from_utf8_lossy(&script))
}

/// Returns the commands and options without the hidden ones.
fn shown(command: &clap::Command) -> clap::Command {
    let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set());
    let arguments = arguments.cloned().map(with_possible_values);
    let about = command.get_about().cloned().unwrap_or_default();
    clap::Command::new(command.get_name().to_owned())
        .disable_help_flag(true)
        .disable_version_flag(true)
        .version(env!("CARGO_PKG_VERSION"))
        .about(about)
        .args(arguments)
        .subcommands(command.get_subcommands().map(shown))
}

/// Gives the argument that selects archives their names, for the shells whose generator reads them.
fn with_possible_values(argument: clap::Arg) -> clap::Arg {
    if argument.get_id() == "archives" {
        argument.value_parser(PossibleValuesParser::new(names()))
    } else {
        argument
    }
}

/// Adds the names for the shells whose generator completes only options.
fn with_names(shell: Shell, script: &str) -> String {
    SELECTING.iter().fold(script.to_owned(), |script, command| match shell {
        Shell::Fish => {
            let names = names().join(" ");
            let condition = format!("__fish_cxr_using_subcommand {command}");
            format!("{script}complete -c cxr -n \"{condition}\" -f -a \"{names}\"\n")
        }
        Shell::PowerShell => insert(&script, &format!("'cxr;{command}' {{\n"), |name| {
            let kind = "[CompletionResultType]::ParameterValue";
            format!("            [CompletionResult]::new('{name}', '{name}', {kind}, 'Archive')\n")
        }),
        Shell::Elvish => insert(&script, &format!("&'cxr;{command}'= {{\n"), |name| {
            format!("            cand {name} 'Archive'\n")
        }),
        _ => script,
    })
}

/// Inserts a line for each name behind a line of the script.
fn insert(script: &str, head: &str, line: impl Fn(&str) -> String) -> String {
    let lines: String = names().iter().map(|name| line(name)).collect();
    script.replacen(head, &format!("{head}{lines}"), 1)
}

/// The names in the built-in table, without their ending.
fn names() -> Vec<String> {
    let short = |name: &str| name.trim_end_matches(".tar.gz").to_owned();
    Catalog::nih().archives().iter().map(|archive| short(&archive.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_completes_the_names_of_archives() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell, Shell::Elvish] {
            let script = completions(shell);
            let counts = names().into_iter().map(|name| script.matches(&name).count());
            // In a script, the name is once or twice in a line.
            assert!(counts.into_iter().all(|count| count >= SELECTING.len()), "{shell}");
            assert!(!script.contains("--sabotage"), "{shell}: hidden options stay hidden");
        }
    }
}
