//! Files that a run reads, or makes for other ends: no document may take their place.

use std::io;
use std::path::{Path, PathBuf};

use cxr::catalog::{Archive, Catalog};
use cxr::disk::FileId;
use cxr::fetch::FetchRequest;
use cxr::session::NetworkOptions;
use cxr::source::SourceSpec;
use cxr::text::escape;
use cxr::verify::{MirrorsRequest, VerifyRequest};

use super::github::Job;
use crate::cli::{EventTarget, ReportOptions, Settings, Verification};

/// What is taken.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// The files, by what each is.
    files: Vec<(PathBuf, String)>,
    /// The folders that are the program's own.
    own: Vec<PathBuf>,
}

/// A document would take the place of a file, or of another document.
#[derive(Debug, thiserror::Error)]
#[error("{option} {path} is {what}: name another file", path = escape::path(.path))]
pub(crate) struct Clash {
    option: &'static str,
    path: PathBuf,
    what: String,
}

impl Taken {
    /// Those of every run.
    pub(crate) fn new(settings: &Settings) -> Self {
        let mut taken = Self::default();
        taken.add(settings.checksums.as_deref(), "the table");
        let job = Job::detect();
        taken.add(job.as_ref().and_then(Job::summary), "the summary of the step");
        taken
    }

    /// And those of a fetch.
    pub(crate) fn by_fetch(mut self, request: &FetchRequest) -> Self {
        self.add_folder(&request.dir, &request.catalog);
        self.add_sources(&request.sources, &request.catalog);
        self.by_asking(&request.network)
    }

    /// And those of a check.
    pub(crate) fn by_verification(self, verification: &Verification) -> Self {
        match verification {
            Verification::Here(request) => self.by_check_here(request),
            Verification::Mirrors(request) => self.by_check_of_mirrors(request),
        }
    }

    fn by_check_here(mut self, request: &VerifyRequest) -> Self {
        let here = [PathBuf::from(".")];
        let what = if request.what.is_empty() { &here[..] } else { &request.what };
        for path in what {
            self.add(Some(path), "to be verified");
            self.add_folder(path, &request.catalog);
        }
        self.add(request.limit_rate_file.as_deref(), "the file of --limit-rate-file");
        self
    }

    fn by_check_of_mirrors(mut self, request: &MirrorsRequest) -> Self {
        self.add_sources(&request.mirrors, &request.catalog);
        self.by_asking(&request.network)
    }

    fn by_asking(mut self, network: &NetworkOptions) -> Self {
        self.add(network.limit_rate_file.as_deref(), "the file of --limit-rate-file");
        self.add(network.cacert.as_deref(), "the file of --cacert");
        self
    }

    fn add(&mut self, path: Option<&Path>, what: &str) {
        self.files.extend(path.map(|path| (path.to_owned(), what.to_owned())));
    }

    fn add_sources(&mut self, sources: &[SourceSpec], catalog: &Catalog) {
        for folder in sources.iter().filter_map(SourceSpec::folder) {
            self.add_folder(folder, catalog);
        }
    }

    /// The place of every archive in the folder, whether it is there or not, and all of `.cxr`.
    fn add_folder(&mut self, dir: &Path, catalog: &Catalog) {
        self.own.push(dir.join(".cxr"));
        let names = |archive: &'_ Archive| [Some(archive.name.clone()), archive.alias.clone()];
        for name in catalog.archives().iter().flat_map(names).flatten() {
            self.files.push((dir.join(&name), format!("the place of {}", escape::text(&name))));
        }
    }

    /// Whether a document would lie in a folder of the program's own.
    fn is_in_own(&self, path: &Path) -> bool {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let Ok(folder) = folder.unwrap_or(Path::new(".")).canonicalize() else { return false };
        let mut own = self.own.iter().filter_map(|own| own.canonicalize().ok());
        own.any(|own| folder.starts_with(own))
    }

    /// Sees to it that each document has a file of its own.
    ///
    /// # Errors
    ///
    /// [`Clash`] with the first that has not.
    pub(crate) fn see_that_none_is(&self, outputs: &ReportOptions) -> Result<(), Clash> {
        let documents = documents(outputs);
        if documents.is_empty() {
            return Ok(());
        }
        let streams = [
            (FileId::of_open(io::stdout()), "where standard output goes".to_owned()),
            (FileId::of_open(io::stderr()), "where standard error goes".to_owned()),
        ];
        let files = self.files.iter().map(|(path, what)| (FileId::of(path), what.clone()));
        let known = streams.into_iter().chain(files);
        let mut known: Vec<_> = known.filter_map(|(id, what)| Some((id?, what))).collect();
        for (option, path) in documents {
            if self.is_in_own(path) {
                let what = "in `.cxr`, where cxr keeps its own files".to_owned();
                return Err(Clash { option, path: path.to_owned(), what });
            }
            let Some(id) = FileId::of(path) else { continue };
            if let Some((_, what)) = known.iter().find(|(other, _)| *other == id) {
                return Err(Clash { option, path: path.to_owned(), what: what.clone() });
            }
            known.push((id, format!("the file of {option} too")));
        }
        Ok(())
    }
}

/// The files that were asked for, and by which option.
fn documents(outputs: &ReportOptions) -> Vec<(&'static str, &Path)> {
    let events = match &outputs.events {
        Some(EventTarget::File(path)) => Some(path.as_path()),
        _ => None,
    };
    let options = [
        ("--events", events),
        ("--report", outputs.report.as_deref()),
        ("--junit", outputs.junit.as_deref()),
    ];
    options.into_iter().filter_map(|(option, path)| Some((option, path?))).collect()
}
