//! Whether there is room for what must be fetched.

use super::run::{Need, Reports, Run};
use super::{FetchError, conclude, survey};
use crate::catalog::Archive;
use crate::disk;

impl Run<'_> {
    /// Bytes of disk that an archive will take beyond what it takes now.
    pub(super) fn needed(&self, archive: &Archive) -> u64 {
        let taken = survey::unfinished(self.folder, archive).map_or(0, |part| part.allocated);
        archive.size.unwrap_or(0).saturating_sub(taken)
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
        let needed = needs.iter().map(|need| self.needed_beside(need)).sum();
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

    /// The same for an archive with a file in its place, which may be taken over.
    fn needed_beside(&self, need: &Need) -> u64 {
        let archive = &self.archives[need.index];
        let needed = self.needed(archive);
        match &need.misfit {
            Some((path, size)) if survey::is_beginning(archive, path, *size) => {
                needed.min(archive.size.unwrap_or(0).saturating_sub(*size))
            }
            _ => needed,
        }
    }

    pub(super) fn free(&self) -> Result<u64, FetchError> {
        disk::available(self.folder.dir()).map_err(|error| FetchError::Machine(error.to_string()))
    }
}
