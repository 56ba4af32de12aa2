//! Checks mirrors: hashes every archive at every mirror without keeping it.
//!
//! Servers are read as in a transfer, with the same rules for retries. A mirror that is a local
//! folder is checked like any folder.

mod hash_reader;
mod mirror_report;
mod quick_reader;
mod stream;

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread;
use std::time::Instant;

use parking_lot::Mutex;

use self::hash_reader::HashReader;
use self::quick_reader::QuickReader;
use self::stream::{ReadRequest, Reader};
use super::targets::{VerifyTarget, archive_in};
use super::{FileChecker, check_all};
use crate::cancel::Cancel;
use crate::catalog::{Archive, Catalog};
use crate::event::{Event, Listener};
use crate::hash::{Engine, Feed, LaneSet};
use crate::locate::identify::HEAD;
use crate::report::{ArchiveReport, ArchiveReports, Report, label};
use crate::session::{NetworkOptions, SessionOptions};
use crate::source::{ClientError, Source, SourceSpec};
use crate::text::command_line::CommandLine;

/// A request to check mirrors.
#[derive(Debug, Clone)]
pub struct MirrorsRequest {
    /// All known archives, among which content is recognized.
    pub catalog: Catalog,
    /// The archives to check: indices into the catalog, ascending, each once.
    pub selected: Vec<usize>,
    /// The mirrors.
    pub mirrors: Vec<SourceSpec>,
    /// The number of archives that are read at a time from all mirrors together, each over one
    /// connection.
    pub jobs: NonZeroUsize,
    /// The number of files of a local folder that are read at a time; `None`: as many as suit its
    /// disk.
    pub readers: Option<NonZeroUsize>,
    /// The options for servers. A limit of the rate applies to local folders as well, separately.
    pub network: NetworkOptions,
    /// Checks only presence, size, digest headers and the first bytes: archives that seem right are
    /// `present`.
    pub quick: bool,
    /// Checks SHA-256s as well, which every archive that is checked must have.
    pub sha256: bool,
    /// The lanes that hash.
    pub lanes: LaneSet,
    /// The command line that asks for this, which the report suggests where it must be repeated.
    pub command_line: CommandLine,
}

/// An archive at a mirror.
struct MirrorEntry<'a> {
    archive: &'a Archive,
    /// The number of the mirror.
    mirror: usize,
    /// The number of its report.
    number: usize,
}

struct MirrorCheck<'a> {
    request: &'a MirrorsRequest,
    options: SessionOptions,
    mirrors: Vec<Source>,
    names: Vec<String>,
    engine: Engine,
    listener: &'a dyn Listener,
    cancel: &'a Cancel,
    entries: Vec<MirrorEntry<'a>>,
    reports: Mutex<ArchiveReports>,
}

/// A reader of an archive at a server.
trait MirrorReader: Reader {
    /// Returns the report on what was read.
    fn report(&self) -> ArchiveReport;
}

/// Checks every archive at every mirror. Returns one report for each, by archive and then by
/// mirror. The archives are hashed and not kept.
///
/// # Errors
///
/// Returns a [`ClientError`] if the request cannot be carried out. Problems with single archives are
/// verdicts.
pub fn verify_mirrors(
    request: &MirrorsRequest,
    listener: &dyn Listener,
    cancel: &Cancel,
) -> Result<Report, ClientError> {
    let start = Instant::now();
    // One request for all missing bytes of an archive.
    let chunk = if request.quick { HEAD as u64 } else { u64::MAX };
    let options = SessionOptions::new(&request.network, request.jobs, request.jobs, chunk)?;
    let (options, fewer) = options.allow_for(&request.catalog).fit_limits();
    for message in &fewer {
        listener.on(Event::Notice { message });
    }
    let mirrors: Vec<Source> = request.mirrors.iter().cloned().map(Source::new).collect();
    let names: Vec<String> = mirrors.iter().map(Source::name).collect();
    let archives =
        request.selected.iter().filter_map(|&index| request.catalog.archives().get(index));
    let at_each = |archive| (0..mirrors.len()).map(move |mirror| (archive, mirror));
    let entries = archives.flat_map(at_each).enumerate();
    let entries =
        entries.map(|(number, (archive, mirror))| MirrorEntry { archive, mirror, number });
    let (entries, reports) = (entries.collect(), Mutex::default());
    let engine = Engine::for_this_machine(request.lanes, Feed::Work);
    let check = MirrorCheck {
        request,
        options,
        mirrors,
        names,
        engine,
        listener,
        cancel,
        entries,
        reports,
    };
    let bytes = check.entries.iter().filter_map(|entry| entry.archive.size);
    let bytes = bytes.fold(0, u64::saturating_add);
    let labels = check.entries.iter();
    let labels = labels.map(|entry| label(&entry.archive.name, check.label(entry.mirror)));
    listener
        .on(Event::Planned { archives: &labels.map(Cow::into_owned).collect::<Vec<_>>(), bytes });
    check.run();
    Ok(Report::new("verify", check.reports.into_inner(), start.elapsed().as_secs_f64()))
}

impl<'a> MirrorCheck<'a> {
    /// Checks servers and folders side by side.
    fn run(&self) {
        thread::scope(|scope| {
            let folders = thread::Builder::new().spawn_scoped(scope, || self.check_folders());
            if folders.is_err() {
                // Without a thread of their own, they are checked first.
                self.check_folders();
            }
            if let Err(error) = self.check_servers() {
                for entry in self.at_servers() {
                    self.settle(entry, mirror_report::not_requested(entry.archive, &error));
                }
            }
            // A thread that panicked leaves entries without a report.
            let _ = folders.map(thread::ScopedJoinHandle::join);
        });
        for entry in &self.entries {
            if !self.reports.lock().has(entry.number) {
                self.settle(entry, mirror_report::interrupted(entry.archive));
            }
        }
    }

    fn at_servers(&self) -> Vec<&MirrorEntry<'a>> {
        self.entries.iter().filter(|entry| !self.mirrors[entry.mirror].is_local()).collect()
    }

    fn check_servers(&self) -> Result<(), ClientError> {
        let MirrorsRequest { catalog, sha256, .. } = self.request;
        let kinds = catalog.kinds(*sha256);
        if self.request.quick {
            self.read_with(QuickReader::new)
        } else {
            self.read_with(|archive| HashReader::new(&self.engine, archive, catalog, kinds))
        }
    }

    fn read_with<R: MirrorReader>(
        &self,
        reader: impl Fn(&'a Archive) -> R,
    ) -> Result<(), ClientError> {
        let entries = self.at_servers();
        let request = |entry: &&MirrorEntry<'a>| ReadRequest {
            archive: entry.archive,
            source: entry.mirror,
            label: self.label(entry.mirror),
            reader: reader(entry.archive),
        };
        let requests = entries.iter().map(request).collect();
        let Self { mirrors, options, listener, cancel, .. } = self;
        stream::read(requests, mirrors, options, *listener, cancel, |number, result| {
            let entry = entries[number];
            self.settle(entry, mirror_report::of_result(entry.archive, &result));
        })
    }

    /// Checks one folder after the other, because two may be on one disk.
    fn check_folders(&self) {
        for (mirror, spec) in self.request.mirrors.iter().enumerate() {
            if let Some(dir) = spec.folder() {
                self.check_folder(mirror, dir);
            }
        }
    }

    fn check_folder(&self, mirror: usize, dir: &'a Path) {
        let Self { request, engine, listener, cancel, .. } = self;
        let entries = self.entries.iter().filter(|entry| entry.mirror == mirror);
        if let Err(error) = dir.metadata() {
            for entry in entries {
                self.settle(entry, mirror_report::no_folder(entry.archive, dir, &error));
            }
            return;
        }
        let (entries, targets): (Vec<_>, Vec<VerifyTarget<'_>>) =
            entries.map(|entry| (entry, archive_in(dir, entry.archive))).unzip();
        let throttle = request.network.throttle(*listener);
        let checker = FileChecker {
            source: self.label(mirror),
            kinds: request.catalog.kinds(request.sha256),
            throttle: Some(&throttle),
            ..FileChecker::new(&request.catalog, engine, *listener, cancel)
        };
        check_all(&targets, &checker, request.readers, request.quick, |index, report| {
            self.settle(entries[index], report);
        });
    }

    /// The name of the mirror, if there are several.
    fn label(&self, mirror: usize) -> Option<&str> {
        self.names.get(mirror).filter(|_| self.names.len() > 1).map(String::as_str)
    }

    fn settle(&self, entry: &MirrorEntry<'_>, report: ArchiveReport) {
        let detail = match (self.label(entry.mirror), report.detail) {
            (Some(name), Some(detail)) => Some(format!("at {name}: {detail}")),
            (Some(name), None) => Some(format!("at {name}")),
            (None, detail) => detail,
        };
        let source = self.names.get(entry.mirror).cloned();
        let mut report = ArchiveReport { source, detail, ..report };
        report.resolve_next(&self.request.command_line);
        self.listener.on(Event::Settled(&report));
        self.reports.lock().set(entry.number, report);
    }
}
