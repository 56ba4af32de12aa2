//! A command line that can be pasted into a shell.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use super::shell;

/// The word in place of a table that cannot be read again.
pub const TABLE: &str = "TABLE";

/// The word in place of another file that cannot be opened again.
pub const FILE: &str = "FILE";

/// The end of a user in an address whose password is not shown.
const PASSWORD: &str = ":***@";

/// Parts of a command that stand for something else, and what to write in their place.
const PLACEHOLDERS: [(&str, &str); 3] = [
    (
        TABLE,
        "in place of TABLE, write a file with the table: cxr read it from a pipe, which cannot be \
         read again",
    ),
    (FILE, "in place of FILE, write the name of a file: this run had a pipe there, which is gone"),
    (PASSWORD, "in place of ***, write the password, which cxr does not show"),
];

/// Returns true for standard input, and for a file that is open under a number, such as that of
/// `<(…)` in a shell: another command does not have it.
pub fn is_read_once(path: &Path) -> bool {
    matches!(path.to_str(), Some("-" | "/dev/stdin"))
        || path.starts_with("/dev/fd")
        || path.starts_with("/proc/self/fd")
}

/// Returns what to change in a command before it is pasted.
pub fn changes(command: &str) -> impl Iterator<Item = &'static str> {
    let words = || command.split([' ', '=']);
    let has = move |part: &str| {
        words().any(|word| word == part) || (part == PASSWORD && command.contains(part))
    };
    PLACEHOLDERS.into_iter().filter(move |(part, _)| has(part)).map(|(_, change)| change)
}

/// Returns the command, with what to change in it before it is pasted.
pub fn explained(command: &str) -> String {
    let changes: Vec<_> = changes(command).collect();
    if changes.is_empty() {
        return command.to_owned();
    }
    format!("{command} ({})", changes.join("; "))
}

/// A command line, each word quoted where a POSIX shell needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine(Vec<String>);

impl CommandLine {
    /// A command line of these words, the program first.
    pub fn new<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> Self {
        Self(words.into_iter().map(|word| shell::quote(word.as_ref())).collect())
    }

    /// Returns the command line with the switch, or with an option and its value, quoted where needed, in
    /// place of another value.
    #[must_use]
    pub fn with(&self, switch: &str) -> Self {
        let mut words = match switch.split_once(' ') {
            None => self.without(switch).0,
            Some((option, _)) => self.without_value(option).0,
        };
        // Words after `--` are no options.
        let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
        words.insert(end, switch.to_owned());
        Self(words)
    }

    /// Returns the command line without the option and its value.
    #[must_use]
    pub fn without_value(&self, option: &str) -> Self {
        let mut is_value = false;
        let mut is_of_option = |word: &&String| {
            let bare = word.trim_start_matches('\'');
            let is_joined = bare.strip_prefix(option).is_some_and(|value| {
                value.starts_with('=') || (!option.starts_with("--") && !value.is_empty())
            });
            let is_of_option = is_value || is_joined || bare == option;
            is_value = !is_value && bare == option;
            is_of_option
        };
        let end = self.0.iter().position(|word| word == "--").unwrap_or(self.0.len());
        let (options, rest) = self.0.split_at(end);
        let others = options.iter().filter(|word| !is_of_option(word));
        Self(others.chain(rest).cloned().collect())
    }

    /// Returns the command line, with what to change in it before it is pasted.
    pub fn explained(&self) -> String {
        explained(&self.to_string())
    }

    /// Returns the command line without the switch.
    #[must_use]
    pub fn without(&self, switch: &str) -> Self {
        Self(self.0.iter().filter(|word| *word != switch).cloned().collect())
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_is_added_before_the_end_of_the_options_and_removed() {
        let line = CommandLine::new(["cxr", "fetch", "--dry-run", "-d", "my data", "--", "-a"]);
        assert_eq!(line.to_string(), "cxr fetch --dry-run -d 'my data' -- -a");
        let line = line.without("--dry-run").with("--wait").with("--wait");
        assert_eq!(line.to_string(), "cxr fetch -d 'my data' --wait -- -a");
        assert_eq!(CommandLine::new(["cxr"]).with("-q").to_string(), "cxr -q");
        for typed in [&["--to", "a b"][..], &["--to=a b"], &["--to", "--to"], &[]] {
            let line = CommandLine::new(["cxr", "x"].iter().chain(typed).chain(&["--", "--to"]));
            assert_eq!(line.with("--to c").to_string(), "cxr x --to c -- --to", "{typed:?}");
        }
        let line = CommandLine::new(["cxr", "-j12", "-j", "3", "1"]);
        assert_eq!(line.with("-j 2").to_string(), "cxr 1 -j 2");
    }
}
