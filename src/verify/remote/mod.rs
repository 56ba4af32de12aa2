//! Checks mirrors: every archive at every mirror, streamed through the hash and kept nowhere.
//!
//! Servers are read as a transfer reads them, with the same rules for trying again. A mirror that
//! is a local folder is checked as any folder is.

mod detail;
mod glance;
mod hashing;
mod stream;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::OnceLock;
use std::thread;
use std::time::Instant;

use self::glance::Glance;
use self::hashing::Hashing;
use self::stream::{ReadRequest, Reader};
use super::targets::{Target, archive_in};
use super::{Checker, check_all};
use crate::cancel::Cancel;
use crate::catalog::{Archive, Catalog};
use crate::event::{Event, Listener};
use crate::hash::{Engine, LaneSet};
use crate::locate::identify::HEAD;
use crate::report::{ArchiveReport, Report};
use crate::session::{NetworkOptions, SessionOptions};
use crate::source::{ClientError, Source, SourceSpec};
use crate::text::command_line::CommandLine;

/// Which mirrors to check, and how.
#[derive(Debug, Clone)]
pub struct MirrorsRequest {
    /// All archives that are known: content is recognised among these.
    pub catalog: Catalog,
    /// Which of them are to be checked: indices into the catalogue, ascending, each once.
    pub selected: Vec<usize>,
    /// The mirrors.
    pub mirrors: Vec<SourceSpec>,
    /// Archives that are read at a time, all mirrors together: each over one connection.
    pub jobs: NonZeroUsize,
    /// Files of a local folder that are read at a time; `None`: as many as its disk bears.
    pub readers: Option<NonZeroUsize>,
    /// How they are asked. Where a rate is given, as many bytes a second again may be read from
    /// local folders.
    pub network: NetworkOptions,
    /// Ask for presence, size and digest headers only, and read no more than the first bytes: what
    /// seems right is `present`.
    pub quick: bool,
    /// Check SHA-256s as well, for which every archive that is checked needs one.
    pub sha256: bool,
    /// The lanes that hash.
    pub lanes: LaneSet,
    /// The command line that asks for this, which the report suggests where it must be repeated.
    pub command_line: CommandLine,
}

/// An archive at a mirror.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    archive: &'a Archive,
    /// The mirror's number.
    mirror: usize,
}

/// What a check of mirrors works with.
struct Check<'a> {
    request: &'a MirrorsRequest,
    mirrors: &'a [Source],
    names: &'a [String],
    engine: &'a Engine,
    listener: &'a dyn Listener,
    cancel: &'a Cancel,
    places: Vec<Place<'a>>,
    reports: Vec<OnceLock<ArchiveReport>>,
}

/// Checks every archive at every mirror: one report for each, by archive and then by mirror. What
/// is read is hashed and kept nowhere.
///
/// # Errors
///
/// [`ClientError`] if the request cannot be carried out. What befalls an archive is a verdict.
pub fn verify_mirrors(
    request: &MirrorsRequest,
    listener: &dyn Listener,
    cancel: &Cancel,
) -> Result<Report, ClientError> {
    let start = Instant::now();
    // One request for all that is left of an archive.
    let chunk = if request.quick { HEAD as u64 } else { u64::MAX };
    let options = SessionOptions::new(&request.network, request.jobs, request.jobs, chunk)?;
    let (options, fewer) = options.fit_open_files();
    if let Some(message) = fewer {
        listener.on(Event::Notice { message: &message });
    }
    let mirrors: Vec<Source> = request.mirrors.iter().cloned().map(Source::new).collect();
    let names: Vec<String> = mirrors.iter().map(Source::name).collect();
    let engine = Engine::for_this_machine(request.lanes);
    let check = Check::new(request, &mirrors, &names, &engine, listener, cancel);
    let bytes = check.places.iter().filter_map(|place| place.archive.size);
    let bytes = bytes.fold(0, u64::saturating_add);
    listener.on(Event::Planned { archives: check.places.len(), bytes });
    check.run(&options);
    let archives = check.reports.into_iter().filter_map(OnceLock::into_inner).collect();
    Ok(Report::new("verify", archives, start.elapsed().as_secs_f64()))
}

impl<'a> Check<'a> {
    fn new(
        request: &'a MirrorsRequest,
        mirrors: &'a [Source],
        names: &'a [String],
        engine: &'a Engine,
        listener: &'a dyn Listener,
        cancel: &'a Cancel,
    ) -> Self {
        let all = request.catalog.archives();
        let places: Vec<Place<'_>> = request
            .selected
            .iter()
            .filter_map(|&index| all.get(index))
            .flat_map(|archive| (0..mirrors.len()).map(move |mirror| Place { archive, mirror }))
            .collect();
        let reports = places.iter().map(|_| OnceLock::new()).collect();
        Self { request, mirrors, names, engine, listener, cancel, places, reports }
    }

    /// Servers and folders side by side.
    fn run(&self, options: &SessionOptions) {
        thread::scope(|scope| {
            let folders = thread::Builder::new().spawn_scoped(scope, || self.check_folders());
            if folders.is_err() {
                // Without a thread of their own they come first.
                self.check_folders();
            }
            if let Err(error) = self.read_servers(options) {
                for (index, place) in self.at_servers() {
                    self.settle(index, detail::unasked(place.archive, &error));
                }
            }
            // A thread that ended early leaves its places without a report.
            let _ = folders.map(thread::ScopedJoinHandle::join);
        });
        for (index, place) in self.places.iter().enumerate() {
            if self.reports[index].get().is_none() {
                self.settle(index, detail::interrupted(place.archive));
            }
        }
    }

    /// The places at servers, with their numbers.
    fn at_servers(&self) -> Vec<(usize, Place<'a>)> {
        let places = self.places.iter().copied().enumerate();
        places.filter(|(_, place)| !self.mirrors[place.mirror].is_local()).collect()
    }

    fn read_servers(&self, options: &SessionOptions) -> Result<(), ClientError> {
        if self.request.quick {
            return self.read_with(
                options,
                |_| Glance::default(),
                |archive, glance| glance.report(archive),
            );
        }
        let sha256 = self.request.sha256;
        let hashing = |archive| Hashing::new(self.engine, archive, sha256);
        let catalog = &self.request.catalog;
        self.read_with(options, hashing, |archive, reader| detail::read(archive, catalog, reader))
    }

    /// Reads with such readers, and has from each what is said of its archive.
    fn read_with<R: Reader>(
        &self,
        options: &SessionOptions,
        reader: impl Fn(&'a Archive) -> R,
        seen: impl Fn(&'a Archive, &R) -> ArchiveReport + Sync,
    ) -> Result<(), ClientError> {
        let places = self.at_servers();
        let request = |&(_, place): &(usize, Place<'a>)| ReadRequest {
            archive: place.archive,
            source: place.mirror,
            label: self.label(place.mirror),
            reader: reader(place.archive),
        };
        let requests = places.iter().map(request).collect();
        let Self { mirrors, listener, cancel, .. } = *self;
        stream::read(requests, mirrors, options, listener, cancel, |number, done| {
            let (index, Place { archive, .. }) = places[number];
            self.settle(index, detail::report(archive, &done, |reader| seen(archive, reader)));
        })
    }

    /// One folder after the other: two may well lie on one disk.
    fn check_folders(&self) {
        for (mirror, spec) in self.request.mirrors.iter().enumerate() {
            if let Some(dir) = spec.folder() {
                self.check_folder(mirror, dir);
            }
        }
    }

    fn check_folder(&self, mirror: usize, dir: &Path) {
        let Self { request, engine, listener, cancel, .. } = *self;
        let places = self.places.iter().enumerate().filter(|(_, place)| place.mirror == mirror);
        if let Err(error) = dir.metadata() {
            for (index, place) in places {
                self.settle(index, detail::no_folder(place.archive, dir, &error));
            }
            return;
        }
        let (numbers, targets): (Vec<usize>, Vec<Target<'_>>) = places
            .map(|(index, place)| (index, archive_in(dir, place.archive, &request.catalog)))
            .unzip();
        let checker = Checker::new(&request.catalog, engine, listener, cancel);
        let throttle = request.network.throttle(listener);
        let checker = checker.at(self.label(mirror)).with_sha256(request.sha256).limited(&throttle);
        check_all(&targets, &checker, request.readers, request.quick, |index, report| {
            self.settle(numbers[index], report);
        });
    }

    /// What to call a mirror, where there are several.
    fn label(&self, mirror: usize) -> Option<&'a str> {
        self.names.get(mirror).filter(|_| self.names.len() > 1).map(String::as_str)
    }

    fn settle(&self, index: usize, report: ArchiveReport) {
        let mirror = self.places[index].mirror;
        let detail = match (self.label(mirror), report.detail) {
            (Some(name), Some(detail)) => Some(format!("at {name}: {detail}")),
            (Some(name), None) => Some(format!("at {name}")),
            (None, detail) => detail,
        };
        let source = self.names.get(mirror).cloned();
        let mut report = ArchiveReport { source, detail, ..report };
        report.resolve_next(&self.request.command_line);
        self.listener.on(Event::Settled(self.reports[index].get_or_init(|| report)));
    }
}
