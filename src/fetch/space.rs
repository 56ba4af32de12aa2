//! The disk space that a run needs.

use super::archive_reports::{blank, disk_failed};
use super::start_point::{NeededArchive, StartPoint};
use crate::catalog::Archive;
use crate::disk::{DiskError, FileLimit, Folder};
use crate::report::SuggestedCommand::Again;
use crate::report::{ArchiveReport, NextStep};
use crate::text::{shell, units};
use crate::verdict::Verdict;

impl NeededArchive<'_> {
    /// Bytes that the archive takes on the disk beyond what is there of it.
    pub(super) fn bytes(&self) -> u64 {
        let size = self.archive.size.unwrap_or(0);
        match &self.start {
            StartPoint::Part(part) | StartPoint::Copy(part, ..) => {
                size.saturating_sub(part.allocated)
            }
            StartPoint::Beginning(_, length) => size.saturating_sub(*length),
            // Only the bytes that are overwritten are saved, and they are few.
            StartPoint::Damaged(..) => 0,
        }
    }
}

/// Returns a message if fewer bytes are free than needed.
fn shortage(folder: &Folder, needed: u64, free: u64) -> Option<String> {
    let message = || {
        format!(
            "not enough space in {}: {} more are needed ({needed} bytes), {} are free ({free} bytes)",
            shell::path(folder.dir()),
            units::bytes(needed),
            units::bytes(free),
        )
    };
    (needed > free).then(message)
}

/// Returns the report of an archive that is not fetched because no file may be as large.
pub(super) fn too_large(
    folder: &Folder,
    archive: &Archive,
    limit: Option<FileLimit>,
) -> Option<ArchiveReport> {
    let (limit, size) = limit.zip(archive.size).filter(|(limit, size)| *size > limit.bytes)?;
    let (path, size) = (shell::path(folder.dir()), units::bytes(size));
    Some(ArchiveReport {
        detail: Some(format!(
            "its {size} do not fit in a file in {path}: {limit}; nothing was fetched"
        )),
        next: Some(NextStep::then(limit.remedy(), Again)),
        ..blank(folder, archive, Verdict::Error)
    })
}

/// Returns the report of an archive that is not fetched because fewer bytes are free than needed,
/// or because the disk cannot be asked. `saving` describes a way that needs fewer.
pub(super) fn refusal(
    folder: &Folder,
    archive: &Archive,
    needed: u64,
    free: &Result<Option<u64>, DiskError>,
    saving: Option<&str>,
) -> Option<ArchiveReport> {
    let free = match free {
        Ok(free) => (*free)?,
        Err(error) => return Some(disk_failed(folder, archive, error)),
    };
    let shortage = shortage(folder, needed, free)?;
    let missing = units::bytes(needed - free);
    let saving = saving.map_or_else(String::new, |saving| format!("; {saving}"));
    Some(ArchiveReport {
        detail: Some(format!("{shortage}; nothing was fetched{saving}")),
        next: Some(NextStep::then(format!("free {missing}, or fetch fewer archives"), Again)),
        ..blank(folder, archive, Verdict::Error)
    })
}
