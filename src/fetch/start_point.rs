//! What a transfer can be built on: an unfinished part, or a file of the user's.

use std::path::{Path, PathBuf};

use super::outcome::blank;
use super::run::Run;
use super::survey;
use crate::catalog::Archive;
use crate::disk::{DiskError, Lock};
use crate::event::Event;
use crate::hash::digest::Digest;
use crate::report::{ArchiveReport, SuggestedCommand};
use crate::source::Source;
use crate::text::escape;
use crate::text::units;
use crate::transfer::{JournalState, Part, PartialDownload};
use crate::verdict::Verdict;

/// What a transfer is built on.
#[derive(Debug)]
pub(super) enum StartPoint {
    /// What is unfinished; perhaps nothing.
    Part(PartialDownload),
    /// A file of the user's that is the beginning of the archive, and its length in bytes.
    Beginning(PathBuf, u64),
    /// A file of the user's that is damaged and can be mended, and its digest, where it is as long
    /// as the archive.
    Damaged(PathBuf, Option<Digest>),
}

/// An archive that must be transferred.
#[derive(Debug)]
pub(super) struct Need {
    pub(super) index: usize,
    /// With its size, where a source told it.
    pub(super) archive: Archive,
    /// Bytes of the file that stands in its place.
    length: Option<u64>,
    /// What a check said of that file.
    pub(super) checked: Option<Box<ArchiveReport>>,
    pub(super) ground: StartPoint,
}

impl Run<'_> {
    /// The need of an archive in whose place stands `misfit`, a file and its length in bytes, of
    /// which a check said `checked`.
    pub(super) fn need(
        &self,
        index: usize,
        archive: Archive,
        misfit: Option<(PathBuf, u64)>,
        checked: Option<Box<ArchiveReport>>,
    ) -> Need {
        let length = misfit.as_ref().map(|(_, length)| *length);
        let ground = self.ground(&archive, misfit, checked.as_deref());
        Need { index, archive, length, checked, ground }
    }

    /// What can be built on: a file of the user's that has more of the archive than the part, or
    /// else the part.
    fn ground(
        &self,
        archive: &Archive,
        misfit: Option<(PathBuf, u64)>,
        checked: Option<&ArchiveReport>,
    ) -> StartPoint {
        let part = survey::unfinished(self.context.folder, archive).unwrap_or_default();
        let Some((path, length)) = misfit else { return StartPoint::Part(part) };
        let written = part.recovered.written.total();
        // A part that was begun beside the file on purpose is gone on with, and so is one that is a
        // file of the user's itself: it would be lost.
        let stays = part.recovered.beside || part.recovered.original.is_some();
        if length <= written || stays || !survey::is_movable(&path) {
            return StartPoint::Part(part);
        }
        if survey::is_beginning(archive, &path, length) {
            return StartPoint::Beginning(path, length);
        }
        if self.is_damaged(archive, &path, length, checked) {
            let checked = checked.filter(|_| archive.size == Some(length));
            return StartPoint::Damaged(path, checked.and_then(|report| report.actual_md5));
        }
        StartPoint::Part(part)
    }

    /// Whether a file is the archive, with something wrong in it or behind it.
    fn is_damaged(
        &self,
        archive: &Archive,
        path: &Path,
        length: u64,
        checked: Option<&ArchiveReport>,
    ) -> bool {
        // Under the archive's other name it stays where it is.
        path == self.context.folder.archive(archive)
            && archive.size.is_some_and(|size| length >= size)
            && checked.is_none_or(|report| {
                report.verdict == Verdict::Corrupt || !report.damage.is_empty()
            })
            && survey::may_be(archive, path)
    }

    /// Takes over what is built on. Gives what there is, and its digest where that is known to be
    /// wrong.
    pub(super) fn take_over(
        &self,
        archive: &Archive,
        ground: StartPoint,
    ) -> Result<(JournalState, Option<Digest>), DiskError> {
        let (path, wrong) = match ground {
            StartPoint::Part(part) => return Ok((part.recovered, None)),
            StartPoint::Beginning(path, length) => {
                let shown = escape::path(&path);
                let message =
                    format!("{shown}: taking over the {} that are here", units::bytes(length));
                self.context.listener.on(Event::Notice { message: &message });
                (path, None)
            }
            StartPoint::Damaged(path, wrong) => (path, wrong),
        };
        self.context.lock.map_or(Ok(()), Lock::require)?;
        Ok((Part::adopt(self.context.folder, archive, &path)?, wrong))
    }

    /// What `--dry-run` says of an archive that is not right.
    pub(super) fn would_fetch(&self, need: Need) -> ArchiveReport {
        let Need { archive, length, checked, ground, .. } = need;
        let source = self.context.sources.first().map(Source::name).unwrap_or_default();
        let here = match &ground {
            StartPoint::Part(part) => part.recovered.written.total(),
            StartPoint::Beginning(_, length) => *length,
            StartPoint::Damaged(..) => 0,
        };
        let would = match (&ground, archive.size) {
            (StartPoint::Damaged(..), _) => {
                format!("would look for what is damaged in it and fetch that from {source}")
            }
            (_, Some(size)) => {
                format!("would fetch {} from {source}", units::bytes(size.saturating_sub(here)))
            }
            (_, None) => format!("would fetch it from {source}"),
        };
        let mut report = checked.map_or_else(
            || blank(self.context.folder, &archive, verdict(&archive, length, here)),
            |report| *report,
        );
        report.actual_size = report.actual_size.or(Some(here).filter(|&here| here > 0));
        report.next = Some(SuggestedCommand::Again.into());
        report.detail = Some(match report.detail {
            Some(detail) => format!("{detail}; {would}"),
            None => would,
        });
        report
    }
}

/// The verdict on what was not looked into: a file of this length, of which so much can be used.
fn verdict(archive: &Archive, length: Option<u64>, here: u64) -> Verdict {
    match length {
        _ if here > 0 => Verdict::Incomplete,
        None => Verdict::Missing,
        Some(length) if archive.size.is_some_and(|size| length > size) => Verdict::Corrupt,
        Some(_) => Verdict::Foreign,
    }
}
