//! A note on one archive, and on a pass.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::catalog::{Archive, Catalog};
use crate::disk::{self, DiskError, Folder, Stamp, StateFile};
use crate::hash::digest::Sha256;
use crate::locate::{Damage, DamageKind};
use crate::report::ArchiveReport;
use crate::verdict::Verdict;
use crate::verify::advice::advice;
use crate::verify::check::blank;
use crate::verify::judge::Remedy;

/// A note is shorter than this, in bytes; a longer file is none.
const LIMIT: usize = 4096;

/// What was found out about a file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Note {
    md5: String,
    /// The SHA-256, where that was verified too.
    sha256: Option<String>,
    #[serde(flatten)]
    stamp: Stamp,
    ok: bool,
    /// What is wrong, for the pass that found it.
    wrong: Option<Wrong>,
    /// Seconds since 1970.
    time: u64,
    pass: Option<u64>,
}

/// What is wrong with a file, to be told again.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Wrong {
    verdict: Verdict,
    /// The MD5 of what is there.
    md5: Option<String>,
    detail: Option<String>,
    /// Where, from one byte to another, in which member of the tar.
    damage: Vec<(u64, u64, Option<String>)>,
    /// It was found out where, as far as that can be.
    located: bool,
}

/// A pass that has not come to its end.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Pass {
    pass: u64,
}

impl Note {
    /// A note of this moment.
    pub(super) fn new(
        archive: &Archive,
        stamp: Stamp,
        ok: bool,
        wrong: Option<Wrong>,
        sha256: Option<Sha256>,
        pass: Option<u64>,
    ) -> Self {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let sha256 = sha256.map(|sha256| sha256.to_string());
        Self { md5: archive.md5.to_string(), sha256, stamp, ok, wrong, time, pass }
    }

    /// The note on the archive that is kept for the folder, if there is one.
    pub(super) fn read(folder: &Folder, archive: &Archive) -> Option<Self> {
        read(&folder.state_file(archive, StateFile::Note))
    }

    pub(super) fn write(&self, folder: &Folder, archive: &Archive) -> Result<(), DiskError> {
        write(&folder.state_file(archive, StateFile::Note), self)
    }

    /// Whether it says of this very file that it is the archive, by its SHA-256 as well where that
    /// is asked for; or what is wrong with it, by the same digests.
    pub(super) fn holds(&self, archive: &Archive, stamp: &Stamp, sha256: bool) -> bool {
        let expected = archive.sha256.map(|sha256| sha256.to_string());
        let has_sha256 = expected.is_some() && self.sha256 == expected;
        let says = match self.wrong {
            None => self.ok && (has_sha256 || !sha256),
            Some(_) => !self.ok && self.sha256.is_some() == sha256,
        };
        says && self.stamp == *stamp && self.md5 == archive.md5.to_string()
    }

    /// What is wrong with the file, if that is what it says.
    pub(super) const fn wrong(&self) -> Option<&Wrong> {
        self.wrong.as_ref()
    }

    pub(super) fn time(&self) -> SystemTime {
        UNIX_EPOCH.checked_add(Duration::from_secs(self.time)).unwrap_or(UNIX_EPOCH)
    }

    pub(super) const fn pass(&self) -> Option<u64> {
        self.pass
    }
}

impl Wrong {
    /// Of a file that was read to its end and is not right.
    pub(super) fn new(report: &ArchiveReport, located: bool) -> Option<Self> {
        let places = report.damage.iter();
        let place = |damage: &Damage| {
            let Range { start, end } = damage.range;
            (start, end, damage.member.clone())
        };
        is_of_read(report.verdict).then(|| Self {
            verdict: report.verdict,
            md5: report.actual_md5.map(|md5| md5.to_string()),
            detail: report.detail.clone(),
            damage: places.map(place).collect(),
            located,
        })
    }

    pub(super) const fn is_located(&self) -> bool {
        self.located
    }

    /// The report that it was, of the file at the path, which was not read.
    pub(super) fn report(
        &self,
        path: &Path,
        archive: &Archive,
        catalog: &Catalog,
        stamp: &Stamp,
    ) -> ArchiveReport {
        // Whatever else stands in the note is none that was written here.
        let verdict = if is_of_read(self.verdict) { self.verdict } else { Verdict::Corrupt };
        let md5 = self.md5.as_ref().and_then(|md5| md5.parse().ok());
        let content = md5.and_then(|md5| catalog.archives().get(catalog.by_md5(&md5)?));
        let places = self.damage.iter().cloned();
        let damage = places.map(|(start, end, member)| Damage {
            range: start..end,
            member,
            kind: DamageKind::Noted,
        });
        ArchiveReport {
            actual_size: Some(stamp.size()),
            detail: self.detail.clone(),
            next: advice(Remedy::of(verdict, content), Some(archive), path, catalog),
            damage: damage.collect(),
            ..blank(path, Some(archive), verdict)
        }
    }
}

/// The verdicts on what was read and is not right.
const fn is_of_read(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Incomplete | Verdict::Corrupt | Verdict::Foreign)
}

impl Pass {
    pub(super) const fn new(number: u64) -> Self {
        Self { pass: number }
    }

    pub(super) const fn number(self) -> u64 {
        self.pass
    }

    /// The pass that was interrupted in the folder.
    pub(super) fn read(folder: &Folder) -> Option<Self> {
        read(&path(folder))
    }

    pub(super) fn write(self, folder: &Folder) -> Result<(), DiskError> {
        write(&path(folder), &self)
    }

    pub(super) fn remove(folder: &Folder) -> Result<(), DiskError> {
        disk::remove(&path(folder))
    }
}

fn path(folder: &Folder) -> PathBuf {
    folder.own().join("pass")
}

fn read<T: for<'a> Deserialize<'a>>(path: &std::path::Path) -> Option<T> {
    let bytes = disk::read(path, LIMIT + 1).ok().filter(|bytes| bytes.len() <= LIMIT)?;
    serde_json::from_slice(&bytes).ok()
}

fn write(path: &std::path::Path, value: &impl Serialize) -> Result<(), DiskError> {
    let json = serde_json::to_vec(value);
    disk::replace(path, &json.map_err(|error| DiskError::new(path, "written")(error.into()))?)
}
