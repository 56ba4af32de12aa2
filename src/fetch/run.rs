//! What a run works with, and what it says of archives that it does not transfer.

use std::path::PathBuf;

use super::FetchRequest;
use super::outcome::blank;
use crate::catalog::Archive;
use crate::disk::DiskError;
use crate::report::SuggestedCommand::Again;
use crate::report::{ArchiveReport, NextStep};
use crate::source::ClientError;
use crate::transfer::{self, Context};
use crate::verdict::Verdict;

/// What a run works with.
pub(super) struct Run<'a> {
    pub(super) request: &'a FetchRequest,
    /// The archives that are wanted.
    pub(super) archives: Vec<Archive>,
    pub(super) context: Context<'a>,
}

impl Run<'_> {
    /// Nothing more is to be fetched of an archive. What cannot be removed takes room, and no more.
    pub(super) fn tidy(&self, archive: &Archive) {
        if self.context.lock.is_some() {
            let _ = transfer::remove_leftovers(self.context.folder, archive);
        }
    }

    pub(super) fn verified_before(
        &self,
        archive: &Archive,
        path: PathBuf,
        size: u64,
    ) -> ArchiveReport {
        ArchiveReport {
            actual_md5: Some(archive.md5),
            actual_size: Some(size),
            bytes_reused: size,
            path: Some(path),
            detail: Some("verified before, and unchanged since".to_owned()),
            ..blank(self.context.folder, archive, Verdict::Ok)
        }
    }

    pub(super) fn blocked(&self, archive: &Archive, why: String) -> ArchiveReport {
        ArchiveReport {
            detail: Some(why),
            next: Some(NextStep::then("move it away", Again)),
            ..blank(self.context.folder, archive, Verdict::Error)
        }
    }

    pub(super) fn interrupted(&self, archive: &Archive) -> ArchiveReport {
        ArchiveReport {
            detail: Some("interrupted before it was checked".to_owned()),
            next: Some(Again.into()),
            ..blank(self.context.folder, archive, Verdict::Error)
        }
    }

    /// The report of an archive for which this machine's disk refused.
    pub(super) fn refused(&self, archive: &Archive, error: &DiskError) -> ArchiveReport {
        ArchiveReport {
            detail: Some(error.to_string()),
            next: Some(NextStep::then(error.remedy(), Again)),
            ..blank(self.context.folder, archive, Verdict::Error)
        }
    }

    /// The report of an archive that this machine gives no connections for.
    pub(super) fn unconnected(&self, archive: &Archive, error: &ClientError) -> ArchiveReport {
        ArchiveReport {
            detail: Some(error.to_string()),
            next: Some(NextStep::then(
                "remove the cause, or set fewer connections with -c and -j",
                Again,
            )),
            ..blank(self.context.folder, archive, Verdict::Error)
        }
    }
}
