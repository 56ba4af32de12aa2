//! The parts of a fetch that its steps share.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::extraction::Extraction;
use super::start_point::{NeededArchive, QueuedArchive, StartPoint};
use super::{FetchRequest, receipt};
use crate::catalog::Archive;
use crate::disk::{self, DiskError};
use crate::event::Event;
use crate::other_names::OtherNames;
use crate::report::ArchiveReport;
use crate::text::escape;
use crate::transfer::{self, Context};

pub(super) struct FetchRun<'a> {
    pub(super) request: &'a FetchRequest,
    /// The archives to fetch.
    pub(super) archives: &'a [&'a Archive],
    pub(super) context: Context<'a>,
    /// The file system can do what a transfer needs.
    pub(super) probed: OnceLock<Result<(), DiskError>>,
    /// Files that may be archives under other names.
    pub(super) others: OtherNames<'a>,
    /// Extracts verified archives, if that is wanted.
    pub(super) extraction: Option<&'a Extraction<'a>>,
}

impl<'a> FetchRun<'a> {
    /// An archive that waits for its transfer. What is here of it is looked up again then: thousands may
    /// wait.
    pub(super) fn queued(
        &self,
        index: usize,
        archive: &Archive,
        file: Option<(PathBuf, u64)>,
    ) -> QueuedArchive {
        let (context, archive) = (&self.context, Cow::Borrowed(archive));
        let needed = NeededArchive::new(context, index, archive, file.clone(), None, &self.others);
        QueuedArchive { index, file: file.map(Box::new), bytes: needed.bytes() }
    }

    /// An archive that must be transferred, with what is here of it under any name.
    pub(super) fn needed(
        &self,
        index: usize,
        archive: Cow<'a, Archive>,
        file: Option<(PathBuf, u64)>,
        checked: Option<Box<ArchiveReport>>,
    ) -> NeededArchive<'a> {
        let is_missing = file.is_none();
        let needed = NeededArchive::new(&self.context, index, archive, file, checked, &self.others);
        let is_copy = matches!(needed.start, StartPoint::Copy(..));
        if let Some(other) =
            self.others.describe(&needed.archive).filter(|_| is_missing && !is_copy)
        {
            let message = format!("{}: {other}", escape::text(&needed.archive.name));
            self.context.listener.on(Event::Notice { message: &message });
        }
        needed
    }

    /// Returns the free bytes of the disk, if known. Before a dry run there may be no folder to ask.
    pub(super) fn free(&self) -> Result<Option<u64>, DiskError> {
        let free = disk::available(self.context.folder.dir());
        if self.request.dry_run { Ok(free.ok().flatten()) } else { free }
    }

    /// Removes what is left of an earlier download of a verified archive. What cannot be removed
    /// only takes space.
    pub(super) fn remove_leftovers(&self, archive: &Archive) {
        if self.context.lock.is_some() {
            let _ = transfer::remove_leftovers(self.context.folder, archive);
        }
    }

    /// Writes a receipt. If that fails, the next run takes longer.
    pub(super) fn keep_receipt(&self, archive: &Archive, path: &Path) {
        if !self.request.dry_run {
            let _ = receipt::write(self.context.folder, archive, path);
        }
    }
}
