//! Choices that may depend on the terminal: colours and progress bars.

use std::ffi::OsString;

/// A choice that may depend on the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum When {
    /// On a terminal, unless the environment says otherwise.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

impl When {
    /// Returns true if bars are wanted on a stream, given the value of `TERM`.
    pub fn wants_bars(self, is_terminal: bool, term: Option<OsString>) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => is_terminal && term.is_none_or(|term| term != "dumb"),
        }
    }

    /// Returns true if colours are wanted on a stream. `variable` reads the environment: a `NO_COLOR`
    /// that is not empty (<https://no-color.org>) overrides a `CLICOLOR_FORCE` other than `0`, which
    /// overrides `CLICOLOR=0` (<https://bixense.com/clicolors/>), `TERM=dumb` and the terminal.
    pub fn wants_color(
        self,
        is_terminal: bool,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> bool {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto if set("NO_COLOR").is_some() => false,
            Self::Auto if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
            Self::Auto if set("CLICOLOR").is_some_and(|value| value == "0") => false,
            Self::Auto if set("TERM").is_some_and(|value| value == "dumb") => false,
            Self::Auto => is_terminal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_override_each_other_in_order() {
        use When::{Always, Auto, Never};
        for (choice, terminal, variables, expected) in [
            (Auto, true, vec![], true),
            (Auto, false, vec![], false),
            (Auto, true, vec![("NO_COLOR", "0")], false),
            (Auto, true, vec![("NO_COLOR", "")], true),
            (Auto, false, vec![("CLICOLOR_FORCE", "1")], true),
            (Auto, false, vec![("CLICOLOR_FORCE", "0")], false),
            (Auto, true, vec![("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], false),
            (Auto, false, vec![("CLICOLOR_FORCE", "1"), ("TERM", "dumb")], true),
            (Auto, true, vec![("CLICOLOR", "0")], false),
            (Auto, true, vec![("TERM", "dumb")], false),
            (Auto, true, vec![("TERM", "xterm")], true),
            (Always, false, vec![("NO_COLOR", "1"), ("TERM", "dumb")], true),
            (Never, true, vec![("CLICOLOR_FORCE", "1")], false),
        ] {
            let found = choice.wants_color(terminal, |name| {
                let value = variables.iter().find(|(variable, _)| *variable == name);
                value.map(|(_, value)| OsString::from(value))
            });
            assert_eq!(found, expected, "{choice:?} {terminal} {variables:?}");
        }
    }
}
