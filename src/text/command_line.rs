//! A command line that can be pasted into a shell.

use std::ffi::OsStr;
use std::fmt;

use super::shell;

/// A command line, each word quoted where a POSIX shell needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine(Vec<String>);

impl CommandLine {
    /// A command line of these words, the program first.
    pub fn new<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> Self {
        Self(words.into_iter().map(|word| shell::quote(word.as_ref())).collect())
    }

    /// Returns the command line with the switch.
    #[must_use]
    pub fn with(&self, switch: &str) -> Self {
        let mut words = self.without(switch).0;
        // Words after `--` are no options.
        let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
        words.insert(end, switch.to_owned());
        Self(words)
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
    }
}
