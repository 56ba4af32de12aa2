//! The place of an archive that is missing under its names.

use super::check::{Check, Files};
use super::{archive_reports, receipt};
use crate::catalog::Archive;
use crate::disk::Folder;
use crate::other_names::{OtherFile, OtherNames};
use crate::report::ArchiveReport;

/// The files under other names.
pub(super) enum Elsewhere {
    /// A file whose receipt holds. Holds the report.
    Verified(Box<ArchiveReport>),
    /// Files that may be the archive.
    Candidates(Check),
    Nothing,
}

/// Looks for the archive with this index under other names.
pub(super) fn look(
    folder: &Folder,
    archive: &Archive,
    index: usize,
    others: &OtherNames<'_>,
    trust_receipts: bool,
) -> Elsewhere {
    let files = others.candidates(archive);
    let is_verified = |file: &&&OtherFile| {
        let metadata = file.path.symlink_metadata();
        metadata.is_ok_and(|metadata| receipt::holds(folder, archive, &metadata))
    };
    if let Some(file) = files.iter().find(is_verified).filter(|_| trust_receipts) {
        let (path, size) = (file.path.clone(), file.size);
        let report = archive_reports::verified_before(folder, archive, path, size);
        return Elsewhere::Verified(Box::new(file.named_in(report)));
    }
    if files.is_empty() {
        return Elsewhere::Nothing;
    }
    let files = Files::Others(files.into_iter().cloned().collect());
    Elsewhere::Candidates(Check { index, files })
}
