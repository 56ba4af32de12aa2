//! What was done about damages, for the report.

use std::ops::Range;

use crate::locate::Damage;

/// Damages that are remembered for the report.
const REMEMBERED: usize = 1000;

/// What was done about damages.
#[derive(Debug, Clone, Default)]
pub(crate) struct RepairSummary {
    /// What was found, in the order in which it was: the first thousand.
    pub damages: Vec<Damage>,
    /// Bytes that were fetched for it, those fetched twice counted twice.
    pub fetched: u64,
    /// Bytes that were fetched to compare, since no damage was to be found.
    pub compared: u64,
    /// Bytes that followed the archive in a file of the user's, and do no more.
    pub cut: u64,
    /// Why it came to nothing, if it did.
    pub failed: Option<CannotRepair>,
    /// The sources whose bytes were wrong, by their names, where there are several and the archive
    /// is right by now.
    pub wrong: Vec<String>,
}

/// Why mending came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CannotRepair {
    /// Nobody knows where the damage is.
    #[error("where it is damaged cannot be told")]
    Vague,
    /// More is damaged than may be fetched.
    #[error("too much of it is damaged")]
    TooMuch,
    /// What the sources give is damaged as well.
    #[error("what the sources give of bytes {} to {} is damaged as well", .0.start, .0.end)]
    Helpless(Range<u64>),
    /// No damage was found and nothing that differs from the source's.
    #[error("no damage is to be found in it")]
    Sound,
    /// No source gives parts of the archive.
    #[error("no source gives single parts of it")]
    NoRanges,
    /// The damaged file is to be kept, and there is no room for two.
    #[error("there is no room to keep the damaged file beside it")]
    NoRoom,
}

impl RepairSummary {
    /// A damage was found.
    pub(crate) fn found(&mut self, damage: Damage) {
        if self.damages.len() < REMEMBERED {
            self.damages.push(damage);
        }
    }

    /// Adds what was done later.
    pub(crate) fn add(&mut self, later: Self) {
        let Self { damages, fetched, compared, cut, failed, wrong } = later;
        let room = REMEMBERED.saturating_sub(self.damages.len());
        self.damages.extend(damages.into_iter().take(room));
        self.fetched += fetched;
        self.compared += compared;
        self.cut += cut;
        self.failed = failed;
        self.wrong.extend(wrong);
    }
}
