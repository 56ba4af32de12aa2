//! What a transfer can be built on: an unfinished part, or a file of the user's.

use std::path::PathBuf;

use super::conclude::blank;
use super::run::{Need, Run};
use super::survey;
use crate::catalog::Archive;
use crate::disk::{DiskError, Lock};
use crate::escape;
use crate::event::Event;
use crate::report::ArchiveReport;
use crate::source::Source;
use crate::transfer::{Part, Recovered};
use crate::units;
use crate::verdict::Verdict;

impl Run<'_> {
    /// What can be built on: the unfinished part, or a file of the user's that is the beginning of
    /// the archive and longer than what the part has.
    pub(super) fn kept(
        &self,
        archive: &Archive,
        misfit: Option<&(PathBuf, u64)>,
    ) -> Result<Recovered, DiskError> {
        let part = survey::unfinished(self.folder, archive).map(|part| part.recovered);
        let written = part.as_ref().map_or(0, |part| part.written.total());
        match misfit {
            Some((path, length))
                if *length > written && survey::is_beginning(archive, path, *length) =>
            {
                let message = format!(
                    "{}: taking over the {} that are here",
                    escape::path(path),
                    units::bytes(*length)
                );
                self.listener.on(Event::Notice { message: &message });
                self.hold.map_or(Ok(()), Lock::insist)?;
                Part::adopt(self.folder, archive, path, *length)
            }
            _ => Ok(part.unwrap_or_default()),
        }
    }

    pub(super) fn refused(&self, archive: &Archive, error: &DiskError) -> ArchiveReport {
        ArchiveReport {
            detail: Some(error.to_string()),
            next: Some("make the folder writable; the same command goes on".to_owned()),
            ..blank(self.folder, archive, Verdict::Error)
        }
    }

    /// What `--dry-run` says of an archive that is not right.
    pub(super) fn would_fetch(&self, archive: &Archive, need: Need) -> ArchiveReport {
        let part = survey::unfinished(self.folder, archive).map(|part| part.recovered);
        let written = part.map_or(0, |part| part.written.total());
        let beginning = need
            .misfit
            .as_ref()
            .filter(|(path, length)| survey::is_beginning(archive, path, *length))
            .map_or(0, |(_, length)| *length);
        let here = written.max(beginning);
        let source = self.sources.first().map(Source::name).unwrap_or_default();
        let would = match archive.size {
            Some(size) => {
                format!("would fetch {} from {source}", units::bytes(size.saturating_sub(here)))
            }
            None => format!("would fetch it from {source}"),
        };
        let mut report = need.checked.map_or_else(
            || {
                let verdict = match (&need.misfit, here) {
                    (None, 0) => Verdict::Missing,
                    (Some((_, length)), 0) if archive.size.is_some_and(|size| *length > size) => {
                        Verdict::Corrupt
                    }
                    (Some(_), 0) => Verdict::Foreign,
                    _ => Verdict::Incomplete,
                };
                blank(self.folder, archive, verdict)
            },
            |report| *report,
        );
        report.actual_size = report.actual_size.or(Some(here).filter(|&here| here > 0));
        report.next = Some("run it without --dry-run".to_owned());
        report.detail = Some(match report.detail {
            Some(detail) => format!("{detail}; {would}"),
            None => would,
        });
        report
    }
}
