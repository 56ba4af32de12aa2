//! A note on one archive, and the mark of a pass.

use std::ops::Range;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::catalog::{Archive, Catalog};
use crate::disk::{DiskError, Entry, Folder, Stamp, StateFile};
use crate::hash::digest::{Digest, Md5, Sha256};
use crate::locate::{Damage, DamageKind};
use crate::report::ArchiveReport;
use crate::verdict::Verdict;
use crate::verify::advice::advice;
use crate::verify::file_check::blank;

/// The most bytes of a note; a longer file is not a note.
const LIMIT: usize = 4096;

/// The result of an earlier check of a file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Note {
    /// The MD5 in the table, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    md5: Option<Md5>,
    /// The SHA-256 in the table, if it has no MD5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    table_sha256: Option<Sha256>,
    /// The SHA-256 of the file, if it was computed beside the MD5.
    sha256: Option<Sha256>,
    #[serde(flatten)]
    stamp: Stamp,
    ok: bool,
    /// The fault, for the pass that found it.
    pub(super) wrong: Option<NotedFault>,
    /// Seconds since 1970.
    time: u64,
    pub(super) pass: Option<u64>,
}

/// A fault of a file, to be reported again.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct NotedFault {
    verdict: Verdict,
    /// The MD5 of the file, and its SHA-256.
    md5: Option<Md5>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<Sha256>,
    detail: Option<String>,
    /// Each damage: its first byte, the byte after it, and the member of the tar.
    damage: Vec<(u64, u64, Option<String>)>,
    /// True if the damage was located, as far as that is possible.
    pub(super) located: bool,
}

impl Note {
    /// A note with the current time.
    pub(super) fn new(
        archive: &Archive,
        stamp: Stamp,
        ok: bool,
        wrong: Option<NotedFault>,
        sha256: Option<Sha256>,
        pass: Option<u64>,
    ) -> Self {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let table_sha256 = sha256_alone(archive);
        Self {
            md5: archive.md5(),
            table_sha256,
            sha256: sha256.filter(|_| archive.md5().is_some()),
            stamp,
            ok,
            wrong,
            time,
            pass,
        }
    }

    pub(super) fn read(folder: &Folder, archive: &Archive) -> Option<Self> {
        read(&folder.state_file(archive, StateFile::Note))
    }

    pub(super) fn write(&self, folder: &Folder, archive: &Archive) -> Result<(), DiskError> {
        write(&folder.state_file(archive, StateFile::Note), self)
    }

    /// True if the note is about this very file, and says either that it is the archive or what is
    /// wrong with it. With `sha256`, the note must be about the SHA-256 as well.
    pub(super) fn applies(&self, archive: &Archive, stamp: &Stamp, sha256: bool) -> bool {
        let expected = archive.sha256();
        let has_sha256 = expected.is_some() && self.sha256 == expected;
        // Without an MD5, the SHA-256 was verified in any case.
        let sha256 = sha256 && archive.md5().is_some();
        let is_this_archive =
            self.md5 == archive.md5() && self.table_sha256 == sha256_alone(archive);
        let is_complete = match self.wrong {
            None => self.ok && (has_sha256 || !sha256),
            Some(_) => !self.ok && self.sha256.is_some() == sha256,
        };
        is_complete && self.stamp == *stamp && is_this_archive
    }

    pub(super) fn time(&self) -> SystemTime {
        UNIX_EPOCH.checked_add(Duration::from_secs(self.time)).unwrap_or(UNIX_EPOCH)
    }
}

impl NotedFault {
    /// The fault of a file that was read to its end and is not right.
    pub(super) fn new(report: &ArchiveReport, located: bool) -> Option<Self> {
        let noted = |damage: &Damage| {
            let Range { start, end } = damage.range;
            (start, end, damage.member.clone())
        };
        can_be_noted(report.verdict).then(|| Self {
            verdict: report.verdict,
            md5: report.actual_md5,
            sha256: report.actual_sha256,
            detail: report.detail.clone(),
            damage: report.damage.iter().map(noted).collect(),
            located,
        })
    }

    /// The report on the file at the path, as it was before.
    pub(super) fn report(
        &self,
        path: &Path,
        archive: &Archive,
        catalog: &Catalog,
        stamp: &Stamp,
    ) -> ArchiveReport {
        // cxr writes no other verdict into a note.
        let verdict = if can_be_noted(self.verdict) { self.verdict } else { Verdict::Corrupt };
        let digests = [self.md5.map(Digest::Md5), self.sha256.map(Digest::Sha256)];
        let content = digests.into_iter().flatten().find_map(|digest| catalog.of_digest(&digest));
        let content = content.filter(|_| verdict == Verdict::Foreign);
        let damage = self.damage.iter().cloned().map(|(start, end, member)| Damage {
            range: start..end,
            member,
            kind: DamageKind::Noted,
        });
        ArchiveReport {
            actual_size: Some(stamp.size()),
            detail: self.detail.clone(),
            next: advice(verdict, Some(archive), content, path, catalog),
            damage: damage.collect(),
            ..blank(path, Some(archive), verdict)
        }
    }
}

/// The SHA-256 in the table, if it has no MD5.
fn sha256_alone(archive: &Archive) -> Option<Sha256> {
    archive.sha256().filter(|_| archive.md5().is_none())
}

/// True for the verdicts on a file that was read to its end and is not right.
const fn can_be_noted(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Incomplete | Verdict::Corrupt | Verdict::Foreign)
}

/// The file that marks a pass as unfinished.
#[derive(Serialize, Deserialize)]
struct PassMark {
    pass: u64,
}

/// Returns the number of the pass that was interrupted in the folder.
pub(super) fn read_pass(folder: &Folder) -> Option<u64> {
    read(&pass_mark(folder)).map(|PassMark { pass }| pass)
}

pub(super) fn write_pass(folder: &Folder, pass: u64) -> Result<(), DiskError> {
    write(&pass_mark(folder), &PassMark { pass })
}

pub(super) fn remove_pass(folder: &Folder) -> Result<(), DiskError> {
    pass_mark(folder).remove()
}

fn pass_mark(folder: &Folder) -> Entry {
    folder.own_entry("pass")
}

fn read<T: for<'a> Deserialize<'a>>(entry: &Entry) -> Option<T> {
    let bytes = entry.read(LIMIT + 1).ok().filter(|bytes| bytes.len() <= LIMIT)?;
    serde_json::from_slice(&bytes).ok()
}

fn write(entry: &Entry, value: &impl Serialize) -> Result<(), DiskError> {
    let json = serde_json::to_vec(value);
    let failed = DiskError::new(entry.path(), "written");
    entry.replace(&json.map_err(|error| failed(error.into()))?)
}
