//! Whether there is room for what must be fetched.

use super::outcome;
use super::reports::Reports;
use super::run::Run;
use super::start_point::{Need, StartPoint};
use crate::disk;
use crate::event::Event;
use crate::report::ArchiveReport;

impl Need {
    /// Bytes of disk that the archive will take beyond what it and the file in its place take now.
    fn bytes(&self) -> u64 {
        let size = self.archive.size.unwrap_or(0);
        match &self.ground {
            StartPoint::Part(part) => size.saturating_sub(part.allocated),
            StartPoint::Beginning(_, length) => size.saturating_sub(*length),
            // What is written over is saved, and that is little.
            StartPoint::Damaged(..) => 0,
        }
    }
}

impl Run<'_> {
    /// Refuses all that must be fetched, before the first byte, if there is no room for it.
    pub(super) fn refuse_without_room(&self, needs: &mut Vec<Need>, reports: &mut Reports<'_>) {
        if needs.is_empty() {
            return;
        }
        let needed = needs.iter().map(Need::bytes).sum();
        let free = disk::available(self.context.folder.dir());
        if free.as_ref().is_ok_and(|&free| needed <= free) {
            return;
        }
        if self.request.dry_run {
            if let Ok(free) = free {
                let message = outcome::too_little_room(self.context.folder, needed, free);
                self.context.listener.on(Event::Notice { message: &message });
            }
            return;
        }
        for need in needs.drain(..) {
            let report = match &free {
                Ok(free) => outcome::no_room(self.context.folder, &need.archive, needed, *free),
                Err(error) => self.refused(&need.archive, error),
            };
            reports.settle(need.index, report);
        }
    }

    /// The same for one archive, when others are under way that take `others` bytes. Its report, if
    /// there is no room.
    pub(super) fn no_room(&self, need: &Need, others: u64) -> Option<ArchiveReport> {
        let needed = need.bytes() + others;
        match disk::available(self.context.folder.dir()) {
            Ok(free) => (needed > free)
                .then(|| outcome::no_room(self.context.folder, &need.archive, needed, free)),
            Err(error) => Some(self.refused(&need.archive, &error)),
        }
    }
}
