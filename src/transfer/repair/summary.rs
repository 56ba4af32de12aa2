//! The repairs of an archive, for the report.

use std::ops::Range;

use crate::locate::Damage;

/// The number of damages that are kept for the report.
const KEPT: usize = 1000;

#[derive(Debug, Clone, Default)]
pub(crate) struct RepairSummary {
    /// The first thousand damages, in the order in which they were found.
    pub damages: Vec<Damage>,
    /// Bytes fetched to repair them; those fetched twice count twice.
    pub fetched: u64,
    /// Bytes fetched to compare, because no damage was found.
    pub compared: u64,
    /// Bytes behind the archive in a user's file that were cut off.
    pub cut: u64,
    /// The reason why the repair failed, if it did.
    pub failed: Option<CannotRepair>,
    /// The sources of wrong bytes, if there are several sources and the archive is right now.
    pub wrong: Vec<String>,
}

/// The reason why an archive cannot be repaired.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CannotRepair {
    /// The damage cannot be located.
    #[error("the damage cannot be located")]
    NotLocated,
    /// More is damaged than may be fetched.
    #[error("too much is damaged")]
    TooMuch,
    /// The bytes that the sources give are damaged as well.
    #[error("bytes {} to {} are still damaged after another download", .0.start, .0.end)]
    DamagedAtSources(Range<u64>),
    /// No damage was found, and nothing that differs from the source's bytes.
    #[error("no damage was found")]
    NoDamage,
    /// No source gives ranges of the archive.
    #[error("no source supports byte ranges")]
    NoRanges,
    /// The damaged file is to be kept, and there is no space for two.
    #[error("there is no space to keep the damaged file beside it")]
    NoSpace,
}

impl RepairSummary {
    pub(crate) fn found(&mut self, damage: Damage) {
        if self.damages.len() < KEPT {
            self.damages.push(damage);
        }
    }

    /// Adds a later repair.
    pub(crate) fn add(&mut self, later: Self) {
        let Self { damages, fetched, compared, cut, failed, wrong } = later;
        let room = KEPT.saturating_sub(self.damages.len());
        self.damages.extend(damages.into_iter().take(room));
        self.fetched += fetched;
        self.compared += compared;
        self.cut += cut;
        self.failed = failed;
        self.wrong.extend(wrong);
    }
}
