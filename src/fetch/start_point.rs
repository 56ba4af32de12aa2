//! The start of a transfer: a partial download, or a user's file that holds a part of the archive.

use std::borrow::Cow;
use std::path::PathBuf;

use super::archive_reports::blank;
use super::survey;
use crate::catalog::Archive;
use crate::disk::{DiskError, Folder, Lock};
use crate::event::Event;
use crate::hash::digest::Digest;
use crate::other_names::OtherNames;
use crate::report::{ArchiveReport, SuggestedCommand};
use crate::source::Source;
use crate::text::{escape, units};
use crate::transfer::{self, Context, JournalState, Part, PartialDownload};
use crate::verdict::Verdict;
use crate::verify::verdict_on_other_size;

#[derive(Debug)]
pub(super) enum StartPoint {
    /// A partial download, perhaps an empty one.
    Part(PartialDownload),
    /// A user's file that is the beginning of the archive, and its length in bytes.
    Beginning(PathBuf, u64),
    /// A partial download, and a user's file under another name that is the beginning of the
    /// archive, with its length in bytes. The file stays, and its bytes are copied.
    Copy(PartialDownload, PathBuf, u64),
    /// A user's file that is damaged and can be repaired, and its digest if it has the length of
    /// the archive.
    Damaged(PathBuf, Option<Digest>),
}

/// An archive that waits for its transfer.
#[derive(Debug)]
pub(super) struct QueuedArchive {
    pub(super) index: usize,
    /// The wrong file under the archive's name, with its length in bytes.
    pub(super) file: Option<Box<(PathBuf, u64)>>,
    /// Bytes that the archive takes on the disk beyond what is there of it.
    pub(super) bytes: u64,
}

/// An archive that must be transferred.
#[derive(Debug)]
pub(super) struct NeededArchive<'a> {
    pub(super) index: usize,
    /// With its size, if a source gave it.
    pub(super) archive: Cow<'a, Archive>,
    /// The length of the file under the archive's name, in bytes.
    length: Option<u64>,
    /// The report of the check on that file.
    pub(super) checked: Option<Box<ArchiveReport>>,
    pub(super) start: StartPoint,
}

impl<'a> NeededArchive<'a> {
    /// `file` is the wrong file under the archive's name, with its length in bytes; `checked` is the
    /// report on it.
    pub(super) fn new(
        context: &Context<'_>,
        index: usize,
        archive: Cow<'a, Archive>,
        file: Option<(PathBuf, u64)>,
        checked: Option<Box<ArchiveReport>>,
        others: &OtherNames<'_>,
    ) -> Self {
        let length = file.as_ref().map(|(_, length)| *length);
        let start = StartPoint::choose(context, &archive, file, checked.as_deref());
        let start = start.or_copy(context.folder, &archive, others);
        Self { index, archive, length, checked, start }
    }

    /// Returns the report of `--dry-run`.
    pub(super) fn dry_run_report(self, context: &Context<'_>) -> ArchiveReport {
        let Self { archive, length, checked, start, .. } = self;
        let source = context.sources.first().map(Source::name).unwrap_or_default();
        let here = match &start {
            StartPoint::Part(part) => part.bytes(),
            StartPoint::Beginning(_, length) | StartPoint::Copy(_, _, length) => *length,
            StartPoint::Damaged(..) => 0,
        };
        let (size, kept) = match &start {
            StartPoint::Part(part) if here > 0 => {
                let size = part.size(&archive);
                (size, Some(transfer::kept(here, size)))
            }
            _ => (archive.size, None),
        };
        let would = match (&start, size) {
            (StartPoint::Damaged(..), _) => {
                format!("would locate the damage and fetch the damaged bytes from {source}")
            }
            (_, Some(size)) => {
                format!("would fetch {} from {source}", units::bytes(size.saturating_sub(here)))
            }
            (_, None) => format!("would fetch it from {source}"),
        };
        let is_unchecked = checked.is_none();
        let mut report = checked.map_or_else(
            || unchecked_report(context.folder, &archive, length, here),
            |report| *report,
        );
        let is_short = |length: &u64| archive.size.is_some_and(|size| *length < size);
        let is_open = is_unchecked || report.verdict == Verdict::Incomplete;
        if let Some(length) = length.filter(is_short).filter(|_| is_open) {
            judge_short_file(&mut report, context.folder, &archive, length);
        }
        report.actual_size = report.actual_size.or(Some(here).filter(|&here| here > 0));
        report.next = Some(SuggestedCommand::Again.into());
        let parts = [report.detail.take(), kept, Some(would)].into_iter().flatten();
        report.detail = Some(parts.collect::<Vec<_>>().join("; "));
        report
    }
}

impl StartPoint {
    /// Returns the partial download, whatever file there is.
    pub(super) fn partial_download(context: &Context<'_>, archive: &Archive) -> Self {
        Self::Part(look(context, archive))
    }

    /// Chooses the user's file if it has more of the archive than the partial download.
    fn choose(
        context: &Context<'_>,
        archive: &Archive,
        file: Option<(PathBuf, u64)>,
        checked: Option<&ArchiveReport>,
    ) -> Self {
        let part = look(context, archive);
        // A file under another name stays where it is.
        let own = context.folder.archive(archive);
        let Some((path, length)) = file.filter(|(path, _)| *path == own) else {
            return Self::Part(part);
        };
        let state = &part.recovered;
        // A partial download that was begun beside the file on purpose is continued. So is one that
        // is a user's file itself, which would be lost otherwise.
        let stays = state.beside || state.original.is_some();
        if length <= state.written.total() || stays || !survey::is_movable(&path) {
            return Self::Part(part);
        }
        if survey::is_beginning(archive, &path, length) {
            return Self::Beginning(path, length);
        }
        let is_damaged = || {
            archive.size.is_some_and(|size| length >= size)
                && checked.is_none_or(|report| {
                    report.verdict == Verdict::Corrupt || !report.damage.is_empty()
                })
                && survey::may_be(archive, &path)
        };
        if is_damaged() {
            let checked = checked.filter(|_| archive.size == Some(length));
            return Self::Damaged(path, checked.and_then(ArchiveReport::actual_digest));
        }
        Self::Part(part)
    }

    /// Adds the bytes of a file under another name, if it has more of the archive than the partial
    /// download.
    fn or_copy(self, folder: &Folder, archive: &Archive, others: &OtherNames<'_>) -> Self {
        let Self::Part(part) = self else { return self };
        let state = &part.recovered;
        if state.beside || state.original.is_some() {
            return Self::Part(part);
        }
        let alias = archive.alias.as_ref().map(|alias| folder.dir().join(alias));
        let alias = alias.and_then(|path| Some((path.metadata().ok()?.len(), path)));
        let alias = alias.filter(|(length, path)| survey::is_beginning(archive, path, *length));
        let other = others.beginning(archive, archive.size);
        let other = other.map(|other| (other.size, other.path.clone()));
        match alias.into_iter().chain(other).max() {
            Some((length, path)) if length > state.written.total() => {
                Self::Copy(part, path, length)
            }
            _ => Self::Part(part),
        }
    }

    /// Turns a user's file into a partial download. Returns the state of the partial download, and
    /// its digest if that is known to be wrong.
    pub(super) fn prepare(
        self,
        context: &Context<'_>,
        archive: &Archive,
    ) -> Result<(JournalState, Option<Digest>), DiskError> {
        let (path, wrong) = match self {
            Self::Part(part) => return Ok((part.recovered, None)),
            Self::Beginning(path, length) => {
                let (shown, bytes) = (escape::path(&path), units::bytes(length));
                let message = format!("{shown}: continuing the download from its {bytes}");
                context.listener.on(Event::Notice { message: &message });
                (path, None)
            }
            Self::Copy(part, path, length) => {
                let (shown, bytes) = (escape::path(&path), units::bytes(length));
                let name = escape::text(&archive.name);
                let message = format!("{shown}: copying its {bytes} as the beginning of {name}");
                context.listener.on(Event::Notice { message: &message });
                context.lock.map_or(Ok(()), Lock::require)?;
                let is_over = || context.cancel.is_cancelled();
                let (folder, file) = (context.folder, (&*path, length));
                let kept = Part::copy_beginning(folder, archive, part.recovered, file, is_over)?;
                return Ok((kept, None));
            }
            Self::Damaged(path, wrong) => (path, wrong),
        };
        context.lock.map_or(Ok(()), Lock::require)?;
        Ok((Part::adopt(context.folder, archive, &path)?, wrong))
    }
}

/// Returns the report on an archive whose content was not checked, given the length of its file and
/// the number of bytes that can be used.
fn unchecked_report(
    folder: &Folder,
    archive: &Archive,
    length: Option<u64>,
    here: u64,
) -> ArchiveReport {
    let verdict = match length {
        _ if here > 0 => Verdict::Incomplete,
        None => Verdict::Missing,
        Some(length) if archive.size.is_some_and(|size| length > size) => Verdict::Corrupt,
        Some(_) => Verdict::Foreign,
    };
    blank(folder, archive, verdict)
}

/// Gives the report on an archive with a short file the verdict that `verify` gives it.
fn judge_short_file(report: &mut ArchiveReport, folder: &Folder, archive: &Archive, length: u64) {
    let path = folder.archive(archive);
    let Some((verdict, detail)) = verdict_on_other_size(archive, &path) else { return };
    report.verdict = verdict;
    if verdict != Verdict::Incomplete {
        report.detail = Some(detail);
        report.actual_size = Some(length);
    }
}

/// Returns the partial download of an archive, an empty one if there is none.
fn look(context: &Context<'_>, archive: &Archive) -> PartialDownload {
    transfer::look(context.folder, archive).unwrap_or_default()
}
