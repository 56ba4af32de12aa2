//! One file, from its path to its report.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::advice::advice;
use super::buffers::Buffers;
use super::judge::{Judgement, Observation, judge};
use super::names::{Named, named};
use super::read::{SourceAnswer, Trouble};
use super::view::View;
use crate::cancel::Cancel;
use crate::catalog::{Archive, Catalog};
use crate::disk;
use crate::event::{Activity, Event, Listener};
use crate::hash::Engine;
use crate::locate::{Damage, DamageKind};
use crate::rate::Throttle;
use crate::report::SuggestedCommand::Again;
use crate::report::{ArchiveReport, NextStep};
use crate::text::escape;
use crate::verdict::Verdict;

/// Positions are told when so many bytes more are done.
const STEP: u64 = 1 << 20;

/// Checks files, from several threads if wanted.
#[derive(Clone)]
pub(crate) struct Checker<'a> {
    pub(super) catalog: &'a Catalog,
    engine: &'a Engine,
    pub(super) listener: &'a dyn Listener,
    pub(super) cancel: &'a Cancel,
    buffers: Buffers,
    /// What events call the source, where archives are looked at in several.
    pub(super) source: Option<&'a str>,
    /// SHA-256s are computed as well.
    sha256: bool,
    /// How fast files may be read, all together.
    throttle: Option<&'a Throttle<'a>>,
}

impl<'a> Checker<'a> {
    /// A checker that recognises the archives of the catalogue.
    pub(crate) fn new(
        catalog: &'a Catalog,
        engine: &'a Engine,
        listener: &'a dyn Listener,
        cancel: &'a Cancel,
    ) -> Self {
        let buffers = Buffers::default();
        Self {
            catalog,
            engine,
            listener,
            cancel,
            buffers,
            source: None,
            sha256: false,
            throttle: None,
        }
    }

    /// What it knows.
    pub(super) const fn catalog(&self) -> &'a Catalog {
        self.catalog
    }

    /// The same for the folder that events call so; `None` where there is only one.
    #[must_use]
    pub(crate) fn at(self, source: Option<&'a str>) -> Self {
        Self { source, ..self }
    }

    /// The same, reading no faster than that.
    #[must_use]
    pub(crate) fn limited(self, throttle: &'a Throttle<'a>) -> Self {
        Self { throttle: Some(throttle), ..self }
    }

    /// The same, with SHA-256s where that is `wanted`: a file is then `ok` only where its SHA-256 is
    /// right too, if the catalogue has one.
    #[must_use]
    pub(crate) fn with_sha256(self, wanted: bool) -> Self {
        Self { sha256: wanted, ..self }
    }

    /// Opens the file, to be read block by block; or the report, where that is the end of it. It ought
    /// to be the `expected` archive; where that is `None`, its name and its content tell which archive
    /// it is.
    ///
    /// A file that could not be read to its end, or that changed meanwhile, is an `error` and never
    /// anything else; so is one whose check was cancelled.
    pub(super) fn begin<'c>(
        &'c self,
        path: &'c Path,
        expected: Option<&'a Archive>,
    ) -> Result<Check<'c, 'a>, Box<ArchiveReport>> {
        let named = expected.map_or_else(|| named(path, self.catalog), Named::Exactly);
        self.open(path, named)
            .map_err(|trouble| Box::new(unreadable(path, named.archive(), &trouble)))
    }

    fn open<'c>(&'c self, path: &'c Path, named: Named<'a>) -> Result<Check<'c, 'a>, Trouble> {
        let begun = Instant::now();
        if self.cancel.is_cancelled() {
            return Err(Trouble::Cancelled);
        }
        let opened = SourceAnswer::new(path)?;
        let size = opened.size();
        let label = self.label(path, named, size);
        self.listener.on(Event::Begun {
            archive: &label,
            source: self.source,
            activity: Activity::Verify,
            size: Some(size),
        });
        let expected = named.archive().and_then(|archive| archive.size);
        let prefix = expected.filter(|&expected| expected < size);
        let view = Some(View::new(self.engine, prefix, self.sha256));
        Ok(Check {
            checker: self,
            path,
            named,
            opened,
            label,
            view,
            told: 0,
            pace: Pace::default(),
            begun,
        })
    }

    /// So many bytes were read: keeps to the rate, if there is one.
    pub(super) fn wait(&self, bytes: u64) {
        let Self { throttle, cancel, .. } = self;
        let Some(throttle) = throttle else { return };
        let Some(toll) = throttle.take(bytes, Instant::now()) else { return };
        while let Some(wait) = throttle.owed(toll, Instant::now())
            && !cancel.is_cancelled()
        {
            cancel.sleep(wait);
        }
    }

    /// What to call the file before its content is known: as it will be called in the end, as far
    /// as the name or else the size can tell.
    fn label(&self, path: &Path, named: Named<'a>, size: u64) -> String {
        let of_this_size =
            || self.catalog.archives().iter().find(|archive| archive.size == Some(size));
        let archive = named.archive().or_else(of_this_size);
        archive.map_or_else(|| own_name(path), |archive| archive.name.clone())
    }
}

/// How fast bytes come from the disk.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Pace {
    pub(super) bytes: u64,
    pub(super) time: Duration,
}

/// A file that is being checked, block by block.
pub(super) struct Check<'c, 'a> {
    checker: &'c Checker<'a>,
    path: &'c Path,
    named: Named<'a>,
    opened: SourceAnswer,
    label: String,
    /// `None` once the file has its report.
    view: Option<View>,
    told: u64,
    pace: Pace,
    begun: Instant,
}

impl Check<'_, '_> {
    /// How fast bytes have come from the disk since this was asked last; waits for the hash do not
    /// count.
    pub(super) fn take_pace(&mut self) -> Pace {
        std::mem::take(&mut self.pace)
    }

    /// Reads the next block and hands it to the hash. Gives the report when there is none left.
    pub(super) fn step(&mut self) -> Option<ArchiveReport> {
        if self.checker.cancel.is_cancelled() {
            return Some(self.report(Err(Trouble::Cancelled)));
        }
        let asked = Instant::now();
        match self.opened.next(self.path, &self.checker.buffers) {
            Ok(Some((block, done))) => {
                let length = block.len() as u64;
                self.pace.bytes += length;
                self.pace.time += asked.elapsed();
                if let Some(view) = &mut self.view {
                    view.take(block);
                }
                self.tell(done);
                self.checker.wait(length);
                None
            }
            Ok(None) => {
                let seen = self.view.take().map(View::finish).ok_or(Trouble::Cancelled);
                Some(self.report(seen))
            }
            Err(trouble) => Some(self.report(Err(trouble))),
        }
    }

    fn tell(&mut self, done: u64) {
        if done - self.told >= STEP || done == self.opened.size() {
            self.told = done;
            let archive = &self.label;
            self.checker.listener.on(Event::Position {
                archive,
                source: self.checker.source,
                done,
            });
        }
    }

    fn report(&self, seen: Result<Observation, Trouble>) -> ArchiveReport {
        let mut report = match seen {
            Ok(seen) => {
                let judgement = judge(self.path, self.named, self.checker.catalog, &seen);
                let mut report = blank(self.path, judgement.archive, judgement.verdict);
                fill(&mut report, &judgement, &seen, self.path, self.checker.catalog);
                report
            }
            Err(trouble) => unreadable(self.path, self.named.archive(), &trouble),
        };
        report.seconds = self.begun.elapsed().as_secs_f64();
        report
    }
}

/// A report of the file at the path that knows what is published of the archive.
pub(super) fn blank(path: &Path, archive: Option<&Archive>, verdict: Verdict) -> ArchiveReport {
    let name = archive.map_or_else(|| own_name(path), |archive| archive.name.clone());
    ArchiveReport {
        expected_md5: archive.map(|archive| archive.md5),
        expected_sha256: archive.and_then(|archive| archive.sha256),
        expected_size: archive.and_then(|archive| archive.size),
        path: Some(path.to_owned()),
        ..ArchiveReport::new(name, verdict)
    }
}

fn fill(
    report: &mut ArchiveReport,
    judgement: &Judgement<'_>,
    seen: &Observation,
    path: &Path,
    catalog: &Catalog,
) {
    report.actual_md5 = Some(seen.digest);
    report.actual_sha256 = seen.sha256;
    report.actual_size = Some(seen.size);
    report.bytes_reused = if report.verdict == Verdict::Ok { seen.size } else { 0 };
    report.detail.clone_from(&judgement.detail);
    report.next = advice(judgement.remedy, judgement.archive, path, catalog);
    if let Some(archive) = judgement.archive
        && seen.prefix == Some(archive.md5)
    {
        let range = archive.size.unwrap_or(seen.size)..seen.size;
        report.damage.push(Damage { range, member: None, kind: DamageKind::TrailingBytes });
    }
}

/// The report of a file that this machine could not read.
pub(super) fn unreadable(
    path: &Path,
    archive: Option<&Archive>,
    trouble: &Trouble,
) -> ArchiveReport {
    let next = match trouble {
        Trouble::Open(error) if error.kind() == io::ErrorKind::NotFound => {
            NextStep::by_hand("check the name")
        }
        Trouble::NotAFile(_) => NextStep::then("move it away", Again),
        Trouble::Open(error) if disk::is_open_file_limit(error) => {
            NextStep::then("allow more open files (`ulimit -n`)", Again)
        }
        Trouble::Open(_) => NextStep::then("make it readable", Again),
        Trouble::Read { .. } => {
            NextStep::then("look for errors of the disk in the system's log", Again)
        }
        Trouble::Changed => NextStep::then("wait until nothing writes to it", Again),
        Trouble::Cancelled => Again.into(),
    };
    let detail = match trouble {
        Trouble::Cancelled => trouble.to_string(),
        _ => format!("{} {trouble}", escape::path(path)),
    };
    let damage = match *trouble {
        Trouble::Read { offset, .. } => {
            vec![Damage { range: offset..offset + 1, member: None, kind: DamageKind::Unreadable }]
        }
        _ => Vec::new(),
    };
    ArchiveReport {
        detail: Some(detail),
        next: Some(next),
        damage,
        ..blank(path, archive, Verdict::Error)
    }
}

/// The file's own name without its folders, or all of a path that has none.
fn own_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
