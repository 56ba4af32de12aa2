//! The seven words that end every check, one more for what was only glanced at, and the exit status
//! they add up to. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What became of one archive. Every archive gets exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The MD5 matches. Nothing else makes an archive `ok`.
    Ok,
    /// It is there, and nothing contradicts the table; nobody has verified it.
    Present,
    /// It is not here.
    Missing,
    /// It is shorter than it should be, and nothing is known to be wrong with what is here.
    Incomplete,
    /// Its bytes are wrong.
    Corrupt,
    /// It is not this archive at all: a web page, another archive, another file.
    Foreign,
    /// No source could give it.
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

    /// The word as it is printed and as JSON has it.
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

    /// Whether something is known to be wrong: exit status 1.
    pub const fn is_wrong(self) -> bool {
        matches!(self, Self::Missing | Self::Incomplete | Self::Corrupt | Self::Foreign)
    }

    /// Whether nobody could tell: exit status 3.
    pub const fn is_unjudged(self) -> bool {
        matches!(self, Self::Unreachable | Self::Error)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// 0: all `ok`, or, where no more was asked for, `present`.
    Ok,
    /// 1: some archive is `missing`, `incomplete`, `corrupt` or `foreign`.
    Bad,
    /// 2: the command line or a table file is wrong.
    Usage,
    /// 3: none of the former, but some archive is `unreachable` or `error`, or the folder is busy.
    Failed,
    /// 128 and the number of the signal that ended the run: 129 for SIGHUP, 130 for SIGINT, 143 for
    /// SIGTERM.
    Signal(u8),
}

impl ExitStatus {
    /// The number that the parent process sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Bad => 1,
            Self::Usage => 2,
            Self::Failed => 3,
            Self::Signal(number) => 128 + number,
        }
    }

    /// The status that the verdicts of a run add up to: a wrong archive outweighs one that could
    /// not be judged. No verdict at all is never a pass.
    pub fn of(verdicts: impl IntoIterator<Item = Verdict>) -> Self {
        let mut status = None;
        for verdict in verdicts {
            status = match verdict {
                Verdict::Ok | Verdict::Present => status.or(Some(Self::Ok)),
                Verdict::Unreachable | Verdict::Error if status != Some(Self::Bad) => {
                    Some(Self::Failed)
                }
                Verdict::Unreachable | Verdict::Error => status,
                Verdict::Missing | Verdict::Incomplete | Verdict::Corrupt | Verdict::Foreign => {
                    Some(Self::Bad)
                }
            };
        }
        status.unwrap_or(Self::Failed)
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
    fn signals_end_with_128_and_their_number() {
        assert_eq!(ExitStatus::Signal(2).code(), 130);
        assert_eq!(ExitStatus::Signal(15).code(), 143);
    }

    #[test]
    fn words_are_those_of_json() {
        for verdict in Verdict::ALL {
            let json = serde_json::to_string(&verdict).unwrap();
            assert_eq!(json, format!("\"{}\"", verdict.word()));
        }
    }
}
