//! Files that a run reads or writes for another purpose: no report may replace them.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::bail;
use cxr::catalog::Catalog;
use cxr::disk::FileId;
use cxr::extract::ExtractRequest;
use cxr::fetch::FetchRequest;
use cxr::images::ImagesRequest;
use cxr::images::manifest::MANIFEST_NAME;
use cxr::labels::METADATA_NAME;
use cxr::session::NetworkOptions;
use cxr::source::SourceSpec;
use cxr::text::escape;
use cxr::verify::{MirrorsRequest, VerifyRequest};

use super::github::GithubJob;
use crate::cli::{EventTarget, ReportOptions, Settings, Verification};

#[derive(Debug, Default)]
pub(crate) struct ProtectedPaths {
    /// Files, each with its role.
    files: Vec<(PathBuf, String)>,
    /// Folders with the files of all archives of a table.
    folders: Vec<(PathBuf, Catalog)>,
    /// The `.cxr` folders.
    own: Vec<PathBuf>,
}

impl ProtectedPaths {
    /// The paths of every run.
    pub(crate) fn new(settings: &Settings) -> Self {
        let mut protected = Self::default();
        protected.add(settings.checksums.as_deref(), "the table");
        let summary = GithubJob::detect().and_then(|job| job.summary);
        protected.add(summary.as_deref(), "the summary of the GitHub step");
        protected
    }

    pub(crate) fn add_fetch(&mut self, request: &FetchRequest) {
        self.add_folder(&request.dir, &request.catalog);
        if let Some(extract) = &request.extract {
            self.add_images(extract.to.as_ref().unwrap_or(&request.dir));
        }
        self.add_sources(&request.sources, &request.network, &request.catalog);
    }

    pub(crate) fn add_extract(&mut self, request: &ExtractRequest) {
        self.add_folder(&request.dir, &request.catalog);
        self.add_images(request.target());
    }

    /// Adds the paths of extracted images.
    fn add_images(&mut self, target: &Path) {
        self.own.push(target.join(".cxr"));
        self.add(Some(&target.join(MANIFEST_NAME)), "reserved for the list of images");
        self.add(Some(&target.join(METADATA_NAME)), "reserved for the labels of the images");
    }

    pub(crate) fn add_verification(&mut self, verification: &Verification) {
        match verification {
            Verification::Here(request) => self.add_local_check(request),
            Verification::Mirrors(MirrorsRequest { mirrors, network, catalog, .. }) => {
                self.add_sources(mirrors, network, catalog);
            }
            Verification::Images(ImagesRequest { tree, compare, catalog, .. }) => {
                self.add_folder(tree, catalog);
                let record = tree.join(MANIFEST_NAME);
                self.add(Some(compare.as_deref().unwrap_or(&record)), "the record of the images");
            }
        }
    }

    fn add_local_check(&mut self, request: &VerifyRequest) {
        let here = [PathBuf::from(".")];
        let what = if request.what.is_empty() { &here[..] } else { &request.what };
        for path in what {
            self.add(Some(path), "a file to verify");
            self.add_folder(path, &request.catalog);
        }
        self.add(request.limit_rate_file.as_deref(), "also the file of --limit-rate-file");
    }

    fn add(&mut self, path: Option<&Path>, role: &str) {
        self.files.extend(path.map(|path| (path.to_owned(), role.to_owned())));
    }

    fn add_sources(&mut self, sources: &[SourceSpec], network: &NetworkOptions, catalog: &Catalog) {
        for folder in sources.iter().filter_map(SourceSpec::folder) {
            self.add_folder(folder, catalog);
        }
        self.add(network.limit_rate_file.as_deref(), "also the file of --limit-rate-file");
        self.add(network.cacert.as_deref(), "also the file of --cacert");
    }

    /// Adds the path of every archive in the folder, even if there is no file yet, and `.cxr`.
    fn add_folder(&mut self, dir: &Path, catalog: &Catalog) {
        self.own.push(dir.join(".cxr"));
        self.folders.push((dir.to_owned(), catalog.clone()));
    }

    /// Returns the role of the file if it belongs to an archive.
    fn role_in_folders(&self, id: Option<&FileId>) -> Option<String> {
        self.folders.iter().find_map(|(dir, catalog)| {
            let archives = catalog.archives().iter();
            let mut names = archives
                .flat_map(|archive| [Some(&archive.name), archive.alias.as_ref()])
                .flatten();
            let name =
                names.find(|name| id.is_some() && FileId::of(&dir.join(name)).as_ref() == id)?;
            Some(format!("reserved for {}", escape::text(name)))
        })
    }

    /// Returns true if the path is in a `.cxr` folder.
    fn is_in_own(&self, path: &Path) -> bool {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let Ok(folder) = folder.unwrap_or(Path::new(".")).canonicalize() else { return false };
        let mut own = self.own.iter().filter_map(|own| own.canonicalize().ok());
        own.any(|own| folder.starts_with(own))
    }

    /// Checks that each output is a file of its own. Fails with the first that is not.
    pub(crate) fn check_outputs(&self, outputs: &ReportOptions) -> anyhow::Result<()> {
        let outputs = output_files(outputs);
        if outputs.is_empty() {
            return Ok(());
        }
        let streams = [
            (FileId::of_open(io::stdout()), "where standard output goes".to_owned()),
            (FileId::of_open(io::stderr()), "where standard error goes".to_owned()),
        ];
        let files = self.files.iter().map(|(path, role)| (FileId::of(path), role.clone()));
        let known = streams.into_iter().chain(files);
        let mut known: Vec<_> = known.filter_map(|(id, role)| Some((id?, role))).collect();
        for (option, path) in outputs {
            let id = FileId::of(path);
            let role = if self.is_in_own(path) {
                Some("in `.cxr`, where cxr keeps its own files".to_owned())
            } else {
                let known = known.iter().find(|(other, _)| Some(other) == id.as_ref());
                known.map(|(_, role)| role.clone()).or_else(|| self.role_in_folders(id.as_ref()))
            };
            if let Some(role) = role {
                let path = escape::path(path);
                bail!("{option} {path} is {role}; cxr did not start; name another file");
            }
            known.extend(id.map(|id| (id, format!("also the file of {option}"))));
        }
        Ok(())
    }
}

/// The requested files with their options.
fn output_files(outputs: &ReportOptions) -> Vec<(&'static str, &Path)> {
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
