//! Extracts one archive: from its file to the names of its images.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::Path;

use super::UnpackError;
use super::image_writer::{ExpectedFiles, ImageWriter};
use super::publish::{Published, Staged, publish};
use super::unpacker::{LargeFile, Unpacker};
use crate::catalog::inventory::Inventory;
use crate::catalog::{Archive, ImageSet};
use crate::disk::{DiskError, Folder, Subfolder, crash_point};
use crate::hash::Sha256Lanes;
use crate::images::record::{self, RecordedFile};
use crate::images::{Layout, is_image_folder};
use crate::report::{ArchiveReport, NextStep, SuggestedCommand};
use crate::text::shell;
use crate::verdict::Verdict;
use crate::verify::{FileChecker, blank};

/// The place of the images.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ImagePlace<'a> {
    pub(crate) folder: &'a Folder,
    pub(crate) layout: Layout,
    /// The images that are wanted; `None`: all.
    pub(crate) images: Option<&'a ImageSet>,
}

/// The tools that all archives of a run share.
pub(super) struct SharedTools<'a> {
    pub(super) checker: FileChecker<'a>,
    pub(super) large_file: LargeFile,
    pub(super) sha256_lanes: Sha256Lanes,
}

/// The end of an attempt to extract an archive.
pub(super) enum Extraction {
    /// The digest is right, and the images are here as far as their names were free.
    Right(Box<ArchiveReport>, Published),
    /// The report on a file that is not the archive or could not be read.
    Wrong(Box<ArchiveReport>),
    /// The digest is right, and the archive cannot be unpacked.
    Failed(Box<ArchiveReport>, UnpackError),
}

/// One archive, and the folders of its images.
pub(super) struct ArchivePass<'a> {
    archive: &'a Archive,
    expected: ExpectedFiles<'a>,
    place: ImagePlace<'a>,
    staging: Subfolder,
    target: Subfolder,
}

impl<'a> ArchivePass<'a> {
    pub(super) fn new(archive: &'a Archive, place: ImagePlace<'a>) -> Self {
        let expected = match Inventory::of(archive.md5(), archive.sha256()) {
            Some(inventory) => ExpectedFiles::Images(inventory, place.images),
            None => ExpectedFiles::Any,
        };
        let staging = place.folder.staging(archive);
        let target = place.folder.subfolder(&place.layout.folder(&archive.name));
        Self { archive, expected, place, staging, target }
    }

    /// The folder of the images.
    pub(super) fn target(&self) -> &Path {
        self.target.path()
    }

    /// Returns the next step if a link or a file is in the place of the folder of the images: they go into
    /// another folder, that of the link if there is one.
    pub(super) fn elsewhere(&self, error: &DiskError) -> Option<NextStep> {
        if !error.is_in_place_of(self.target()) {
            return None;
        }
        let linked = error.path.canonicalize().ok().filter(|path| path.is_dir());
        let root = match &linked {
            Some(folder) if is_image_folder(folder) => folder.parent().unwrap_or(folder).to_owned(),
            Some(folder) => folder.clone(),
            None => self.place.folder.dir().join("extracted"),
        };
        let to = format!("--to {}", shell::path(&root));
        Some(SuggestedCommand::With(to.into()).into())
    }

    /// The word for the files of the archive.
    pub(super) fn noun(&self) -> &'static str {
        match self.expected {
            ExpectedFiles::Images(..) => "image",
            ExpectedFiles::Any => "file",
        }
    }

    /// Returns the wanted files of the record; `None` if it does not have them all.
    fn recorded(&self) -> Option<Vec<RecordedFile>> {
        let mut files = record::read(self.place.folder, self.archive)?;
        let ExpectedFiles::Images(..) = self.expected else { return Some(files) };
        let wanted: HashSet<String> = self.expected.names().collect();
        files.retain(|file| wanted.contains(&*file.name));
        (files.len() == wanted.len()).then_some(files)
    }

    /// Returns the number of the files if all of them were extracted and are there with their sizes.
    pub(super) fn extracted(&self) -> Option<usize> {
        let files = self.recorded()?;
        files.iter().all(|file| file.is_in(&self.target)).then_some(files.len())
    }

    /// Completes an archive whose files were all written before, without reading it. Returns `None` if
    /// some are missing.
    pub(super) fn resume(&self) -> Result<Option<Published>, DiskError> {
        let Some(files) = self.recorded() else { return Ok(None) };
        let published = publish(&files, Staged::Before, &self.staging, &self.target)?;
        if published.is_complete() {
            self.staging.remove()?;
            return Ok(Some(published));
        }
        Ok(None)
    }

    /// Reads, verifies and unpacks the file, and gives the images their names.
    pub(super) fn extract(&self, path: &Path, shared: &SharedTools<'a>) -> Extraction {
        let result = self.read(path, shared);
        // What cannot be removed only takes space until the next run.
        let _ = self.staging.remove();
        crash_point("staging-removed");
        result
    }

    fn read(&self, path: &Path, shared: &SharedTools<'a>) -> Extraction {
        let SharedTools { checker, large_file, sha256_lanes } = shared;
        let blank = || Box::new(blank(path, Some(self.archive), Verdict::Ok));
        let unsynced = self.staging.create().and_then(|()| self.staging.clear());
        let unsynced = match unsynced.and_then(|()| self.staging.unsynced()) {
            Ok(unsynced) => unsynced,
            Err(error) => return Extraction::Failed(blank(), error.into()),
        };
        let writer =
            ImageWriter::new(self.expected.clone(), &self.staging, &self.target, sha256_lanes);
        let mut unpacker = Ok(Unpacker::new(writer, large_file));
        let report = checker.check(path, self.archive, &mut |block| {
            if let Ok(running) = &mut unpacker
                && let Err(error) = running.push(block)
            {
                // After damage, the rest is only hashed.
                unpacker = Err(error);
            }
            match unpacker {
                Err(UnpackError::Disk(_)) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        });
        let report = match report {
            Some(report) if report.verdict != Verdict::Ok => {
                return Extraction::Wrong(Box::new(report));
            }
            report => report.map_or_else(blank, Box::new),
        };
        let finished = unpacker.and_then(Unpacker::finish).and_then(|writer| {
            writer.check_complete()?;
            self.staging.sync(&unsynced)?;
            crash_point("images-synced");
            self.keep(&writer.finish())
        });
        match finished {
            Ok(published) => Extraction::Right(report, published),
            Err(error) => Extraction::Failed(report, error),
        }
    }

    /// Records the files, and gives them their names. The record comes first: after a kill between these,
    /// the next run names the staged files without another pass. Without one, it reads the archive again.
    fn keep(&self, files: &[RecordedFile]) -> Result<Published, UnpackError> {
        record::add(self.place.folder, self.archive, files)?;
        let published = publish(files, Staged::Now, &self.staging, &self.target);
        // The next run must not take what has the names of these files for them.
        match &published {
            Ok(published) if published.is_complete() => {}
            Ok(Published { conflicts, .. }) => {
                self.forget(conflicts.iter().map(|(name, _)| &**name))?;
            }
            Err(_) => {
                // The first error matters more than this one.
                let _ = self.forget(files.iter().map(|file| &*file.name));
            }
        }
        Ok(published?)
    }

    /// Removes files from the record that did not get their names. Without an inventory the record holds all
    /// files of an archive, or there is none. One without a file is that of an archive without any.
    fn forget<'b>(&self, names: impl Iterator<Item = &'b str>) -> Result<(), DiskError> {
        let (folder, names) = (self.place.folder, names.collect::<HashSet<_>>());
        let mut files = record::read(folder, self.archive).unwrap_or_default();
        files.retain(|file| !names.contains(&*file.name));
        match self.expected {
            ExpectedFiles::Images(..) if !files.is_empty() => {
                record::write(folder, self.archive, &files)
            }
            _ => record::remove(folder, self.archive),
        }
    }
}
