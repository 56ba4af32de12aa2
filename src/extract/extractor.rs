//! Extracts single archives, for `extract` and for `fetch`.

use std::io::{BufReader, ErrorKind};
use std::path::Path;

use parking_lot::Mutex;

use super::archive_pass::{ArchivePass, Extraction, ImagePlace, SharedTools};
use super::labels_file::ExtractedTree;
use super::publish::Published;
use super::unpacker::LargeFile;
use super::{ExtractError, reports};
use crate::cancel::Cancel;
use crate::catalog::{Archive, Catalog};
use crate::disk::{DiskError, Entry, crash_point};
use crate::event::{Activity, Listener};
use crate::hash::Engine;
use crate::images::Layout;
use crate::images::manifest::{MANIFEST_NAME, Manifest};
use crate::images::record::{self, RecordedFile};
use crate::report::ArchiveReport;
use crate::text::command_line::CommandLine;
use crate::text::{escape, units};
use crate::verify::FileChecker;

/// Extracts archives to one place, from any number of threads.
pub(crate) struct Extractor<'a> {
    catalog: &'a Catalog,
    place: ImagePlace<'a>,
    shared: SharedTools<'a>,
    /// The rows of `images.tsv` before the run, until the lists are written.
    manifest: Mutex<Manifest>,
}

impl<'a> Extractor<'a> {
    /// Fails if something else than a list of images has the name of the list.
    pub(crate) fn new(
        catalog: &'a Catalog,
        place: ImagePlace<'a>,
        engine: &'a Engine,
        listener: &'a dyn Listener,
        cancel: &'a Cancel,
    ) -> Result<Self, ExtractError> {
        let mut checker = FileChecker::new(catalog, engine, listener, cancel);
        checker.activity = Activity::Extract;
        let manifest = read_manifest(&place.folder.file(MANIFEST_NAME))?;
        let (large_file, sha256_lanes) = (LargeFile::default(), engine.sha256_lanes());
        let shared = SharedTools { checker, large_file, sha256_lanes };
        Ok(Self { catalog, place, shared, manifest: Mutex::new(manifest) })
    }

    /// Says that images of these archives are here in another layout, and what another copy takes.
    pub(crate) fn describe_copy<'b>(
        &self,
        archives: impl IntoIterator<Item = &'b Archive>,
    ) -> Option<String> {
        let ImagePlace { folder, layout, .. } = self.place;
        let (mut bytes, mut count, mut earlier) = (0, 0, None);
        for archive in archives {
            let files = record::read(folder, archive).unwrap_or_default();
            let has = |of: &Layout| {
                let target = folder.subfolder(&of.folder(&archive.name));
                files.first().is_some_and(|file| file.is_in(&target))
            };
            let other = Layout::ALL.into_iter().filter(|of| *of != layout).find(has);
            if let Some(other) = other.filter(|_| !has(&layout)) {
                earlier = Some(other.word());
                count += 1;
                bytes += files.iter().map(|file| file.row.bytes).sum::<u64>();
            }
        }
        let (earlier, layout) = (earlier?, layout.word());
        Some(format!(
            "the files of {} are in {} already, in the layout {earlier}; this run writes them a second time, in the \
             layout {layout}, which takes {} more; to keep one copy, use --layout {earlier}",
            units::count(count, "archive"),
            escape::path(folder.dir()),
            units::bytes(bytes)
        ))
    }

    pub(super) fn pass(&self, archive: &'a Archive) -> ArchivePass<'a> {
        ArchivePass::new(archive, self.place)
    }

    /// Completes the report of an archive that an earlier run extracted. Returns `None` if it is to be read.
    pub(crate) fn resume(
        &self,
        archive: &'a Archive,
        report: ArchiveReport,
    ) -> Option<ArchiveReport> {
        let pass = self.pass(archive);
        match pass.resume() {
            Ok(None) => None,
            Ok(Some(published)) => Some(reports::extracted(report, &published, &pass)),
            Err(error) => Some(reports::failed(report, &error.into(), &pass)),
        }
    }

    /// Extracts the archive from its file. Returns an error with the report on a file that is not the
    /// archive.
    pub(crate) fn extract(
        &self,
        archive: &'a Archive,
        path: &Path,
    ) -> Result<ArchiveReport, Box<ArchiveReport>> {
        let pass = self.pass(archive);
        match pass.extract(path, &self.shared) {
            Extraction::Right(report, published) => {
                Ok(reports::extracted(*report, &published, &pass))
            }
            Extraction::Failed(report, error) => Ok(reports::failed(*report, &error, &pass)),
            Extraction::Wrong(report) => Err(report),
        }
    }

    /// Brings `images.tsv` and `metadata.csv` up to date. Returns a message if a file of the user's has the
    /// name of the latter.
    pub(crate) fn write_lists<'b>(
        &self,
        archives: impl IntoIterator<Item = &'b Archive>,
        command_line: &CommandLine,
    ) -> Result<Option<String>, DiskError> {
        let ImagePlace { folder, layout, .. } = self.place;
        let manifest = self.write_manifest(archives)?;
        let tree = ExtractedTree { folder, layout, catalog: self.catalog, manifest: &manifest };
        tree.write_labels(command_line)
    }

    /// Brings `images.tsv` up to date, and returns it.
    fn write_manifest<'b>(
        &self,
        archives: impl IntoIterator<Item = &'b Archive>,
    ) -> Result<Manifest, DiskError> {
        let mut manifest = std::mem::take(&mut *self.manifest.lock());
        let mut is_changed = false;
        let ImagePlace { folder, layout, .. } = self.place;
        for archive in archives {
            let Some(files) = record::read(folder, archive) else { continue };
            let target = folder.subfolder(&layout.folder(&archive.name));
            // A run that was killed may have recorded files that never got their names.
            let is_here = |file: &&RecordedFile| {
                let listed = manifest.get(&file.name, &archive.name);
                listed == Some(&file.row) || file.is_in(&target)
            };
            let here = files.iter().filter(is_here);
            let rows: Vec<_> = here.map(|file| (&*file.name, &file.row)).collect();
            // An archive of this name may have had other files before.
            if files.is_empty() || !rows.is_empty() {
                is_changed |= manifest.set_archive(&archive.name, &rows);
            }
        }
        if !is_changed {
            return Ok(manifest);
        }
        let entry = folder.file(MANIFEST_NAME);
        let mut bytes = Vec::new();
        manifest.write(&mut bytes).map_err(DiskError::new(entry.path(), "written"))?;
        entry.replace_through(&folder.own_entry("images.tsv.new"), &bytes)?;
        crash_point("manifest-written");
        Ok(manifest)
    }
}

/// Completes the report of an archive whose images an earlier run extracted to the place. Returns `None` if
/// some are missing.
pub(crate) fn extracted_before(
    archive: &Archive,
    place: ImagePlace<'_>,
    report: ArchiveReport,
) -> Option<ArchiveReport> {
    let pass = ArchivePass::new(archive, place);
    let kept = pass.extracted()?;
    let published = Published { kept, ..Published::default() };
    Some(reports::extracted(report, &published, &pass))
}

/// Reads the `images.tsv` of an earlier run. Fails if something else has its name.
fn read_manifest(entry: &Entry) -> Result<Manifest, ExtractError> {
    if entry.is_free() {
        return Ok(Manifest::default());
    }
    let refuse = |why: String| {
        let path = escape::path(entry.path());
        ExtractError::Machine(format!(
            "{path} exists and is not a list of images that cxr wrote: {why}; cxr left it unchanged, and \
             extracted nothing; move it away, or use another folder with --to"
        ))
    };
    let file = entry.open().map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => {
            ExtractError::of_disk(&DiskError::new(entry.path(), "opened")(error))
        }
        _ => refuse(error.to_string()),
    })?;
    Manifest::read(BufReader::new(file.reader())).map_err(|error| refuse(error.to_string()))
}
