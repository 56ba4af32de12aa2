//! When a verdict has a colour.

use std::ffi::OsString;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColorChoice {
    /// On a terminal, unless the environment says otherwise.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

impl ColorChoice {
    /// Whether there shall be colour. The environment is asked through `variable`: a `NO_COLOR`
    /// that is not empty (<https://no-color.org>) outweighs a `CLICOLOR_FORCE` other than `0`,
    /// which outweighs `CLICOLOR=0` (<https://bixense.com/clicolors/>), `TERM=dumb` and the
    /// terminal.
    pub fn wanted(self, is_terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
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
    fn the_environment_is_heard_in_its_order() {
        use ColorChoice::{Always, Auto, Never};
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
            let found = choice.wanted(terminal, |name| {
                let value = variables.iter().find(|(variable, _)| *variable == name);
                value.map(|(_, value)| OsString::from(value))
            });
            assert_eq!(found, expected, "{choice:?} {terminal} {variables:?}");
        }
    }
}
