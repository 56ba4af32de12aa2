//! The seven verdicts, one more for a quick look, and the exit status that follows from them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The result for one archive. Every archive gets exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The MD5 matches. Nothing else makes an archive `ok`.
    Ok,
    /// It exists and nothing contradicts the table, but its MD5 was not checked.
    Present,
    /// It does not exist.
    Missing,
    /// It is too short, and nothing is known to be wrong with its bytes.
    Incomplete,
    /// Its bytes are wrong.
    Corrupt,
    /// It is a different file: a web page, another archive, something else.
    Foreign,
    /// No source could provide it.
    Unreachable,
    /// This machine could not read or write it.
    Error,
}

impl Verdict {
    /// Every verdict, in the order of the summary.
    pub const ALL: [Self; 8] = [
        Self::Ok,
        Self::Present,
        Self::Missing,
        Self::Incomplete,
        Self::Corrupt,
        Self::Foreign,
        Self::Unreachable,
        Self::Error,
    ];

    /// Returns the word that text and JSON reports use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Present => "present",
            Self::Missing => "missing",
            Self::Incomplete => "incomplete",
            Self::Corrupt => "corrupt",
            Self::Foreign => "foreign",
            Self::Unreachable => "unreachable",
            Self::Error => "error",
        }
    }

    /// Returns true if the archive is known to be wrong: exit status 1.
    pub const fn is_wrong(self) -> bool {
        matches!(self, Self::Missing | Self::Incomplete | Self::Corrupt | Self::Foreign)
    }

    /// Returns true if the archive could not be checked: exit status 3.
    pub const fn is_undecided(self) -> bool {
        matches!(self, Self::Unreachable | Self::Error)
    }

    /// Returns true if the exit status is not 0 because of this archive.
    pub const fn is_problem(self) -> bool {
        self.is_wrong() || self.is_undecided()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// The exit status of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// 0: all are `ok`, or `present` after a quick look.
    Ok,
    /// 1: an archive is `missing`, `incomplete`, `corrupt` or `foreign`.
    Bad,
    /// 2: the command line or a table is wrong.
    Usage,
    /// 3: none of these, but an archive is `unreachable` or `error`, or the folder is in use.
    Failed,
    /// 128 plus the number of the signal that ended the run: 129 for SIGHUP, 130 for SIGINT, 143
    /// for SIGTERM.
    Signal(u8),
}

impl ExitStatus {
    /// Returns the number that the parent process gets.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Bad => 1,
            Self::Usage => 2,
            Self::Failed => 3,
            Self::Signal(number) => 128 + number,
        }
    }

    /// Returns the status for the verdicts of a run: a wrong archive outweighs an undecided one.
    /// No verdict at all is never a pass.
    pub fn of(verdicts: impl IntoIterator<Item = Verdict>) -> Self {
        let rank = |verdict: Verdict| (verdict.is_wrong(), verdict.is_undecided());
        match verdicts.into_iter().map(rank).max() {
            Some((true, _)) => Self::Bad,
            Some((false, false)) => Self::Ok,
            Some((false, true)) | None => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_verdict_decides_the_exit_status() {
        use Verdict::{Corrupt, Error, Foreign, Incomplete, Missing, Ok, Present, Unreachable};
        for (verdicts, code) in [
            (vec![Ok, Ok], 0),
            (vec![], 3),
            (vec![Present, Present], 0),
            (vec![Present, Missing], 1),
            (vec![Unreachable, Present], 3),
            (vec![Ok, Missing], 1),
            (vec![Incomplete], 1),
            (vec![Foreign, Ok], 1),
            (vec![Corrupt, Error], 1),
            (vec![Error, Corrupt], 1),
            (vec![Unreachable, Ok], 3),
            (vec![Ok, Error], 3),
        ] {
            assert_eq!(ExitStatus::of(verdicts.iter().copied()).code(), code, "{verdicts:?}");
        }
    }

    #[test]
    fn a_signal_ends_with_128_plus_its_number() {
        assert_eq!(ExitStatus::Signal(2).code(), 130);
        assert_eq!(ExitStatus::Signal(15).code(), 143);
    }

    #[test]
    fn words_are_the_same_in_json() {
        for verdict in Verdict::ALL {
            let json = serde_json::to_string(&verdict).unwrap();
            assert_eq!(json, format!("\"{}\"", verdict.word()));
        }
    }
}
