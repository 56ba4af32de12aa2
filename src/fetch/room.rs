//! Whether there is room for what must be fetched.

use super::ground::Ground;
use super::run::{Need, Reports, Run};
use super::{FetchError, conclude};
use crate::catalog::Archive;
use crate::disk;

impl Run<'_> {
    /// Bytes of disk that an archive will take beyond what it and the file in its place take now.
    pub(super) fn needed(&self, archive: &Archive, need: &Need) -> u64 {
        let size = archive.size.unwrap_or(0);
        match self.ground(archive, need) {
            Ground::Part(part) => size.saturating_sub(part.allocated),
            Ground::Beginning(_, length) => size.saturating_sub(length),
            // What is written over is saved, and that is little.
            Ground::Damaged(..) => 0,
        }
    }

    /// Refuses all that must be fetched, before the first byte, if there is no room for it.
    pub(super) fn refuse_without_room(
        &self,
        needs: &mut Vec<Need>,
        reports: &mut Reports<'_>,
    ) -> Result<(), FetchError> {
        if needs.is_empty() || self.request.dry_run {
            return Ok(());
        }
        let needed = needs.iter().map(|need| self.needed(&self.archives[need.index], need)).sum();
        let free = self.free()?;
        if needed > free {
            for need in needs.drain(..) {
                let archive = &self.archives[need.index];
                let report = conclude::no_room(self.folder, archive, needed, free);
                reports.settle(need.index, report);
            }
        }
        Ok(())
    }

    pub(super) fn free(&self) -> Result<u64, FetchError> {
        disk::available(self.folder.dir()).map_err(|error| FetchError::Machine(error.to_string()))
    }
}
