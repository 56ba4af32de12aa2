//! The record that an archive was deleted after its images were extracted. While the images are there,
//! `fetch` does not download the archive again, and other commands say what became of it.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::{Layout, record};
use crate::catalog::{Archive, Catalog};
use crate::disk::{DiskError, Folder, StateFile};
use crate::hash::digest::Digest;
use crate::report::SuggestedCommand;
use crate::text::{date, escape, shell, units};

/// The most bytes of a record.
const LIMIT: usize = 16 << 10;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DeletionRecord {
    #[serde(flatten)]
    digest: Digest,
    /// The folder of the images.
    images: PathBuf,
    layout: String,
    /// The time in seconds since 1970. Records of the first version have none.
    #[serde(default)]
    time: Option<u64>,
    /// The sources of the fetch, as values of `--from`.
    #[serde(default)]
    sources: Vec<String>,
}

/// An archive that was deleted after its images were extracted, and what is left of the images.
#[derive(Debug)]
pub(crate) struct DeletedArchive {
    /// The folder of the layout.
    pub(crate) tree: PathBuf,
    pub(crate) layout: Layout,
    /// The day in UTC.
    pub(crate) date: Option<String>,
    /// The images that were extracted, `None` without a record of them.
    extracted: Option<usize>,
    /// Those of them that are there with their sizes.
    here: usize,
    /// The sources from which it came, as values of `--from`.
    sources: Vec<String>,
}

/// Records that the archive is about to be deleted.
pub(crate) fn write(
    folder: &Folder,
    archive: &Archive,
    target: &Path,
    layout: Layout,
    sources: &[String],
) -> Result<(), DiskError> {
    // The folder may be given relative to another one next time.
    let images = target.canonicalize().unwrap_or_else(|_| target.to_owned());
    let layout = layout.word().to_owned();
    let time = SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs());
    let (digest, sources) = (archive.digest(), sources.to_vec());
    let record = DeletionRecord { digest, images, layout, time, sources };
    let entry = folder.state_file(archive, StateFile::Deleted);
    let json = serde_json::to_vec(&record);
    let failed = DiskError::new(entry.path(), "written");
    entry.replace(&json.map_err(|error| failed(error.into()))?)?;
    entry.sync_folder()
}

fn record_of(folder: &Folder, archive: &Archive) -> Option<DeletionRecord> {
    let entry = folder.state_file(archive, StateFile::Deleted);
    let bytes = entry.read(LIMIT).ok()?;
    read(&bytes).filter(|record| record.digest == archive.digest())
}

/// Returns the sources of an archive that was deleted, as values of `--from`; `None` if there is no record.
pub(super) fn sources(folder: &Folder, archive: &Archive) -> Option<Vec<String>> {
    record_of(folder, archive).map(|record| record.sources)
}

/// Returns what is known of an archive that was deleted; `None` if there is no record.
pub(crate) fn look(folder: &Folder, archive: &Archive) -> Option<DeletedArchive> {
    let record = record_of(folder, archive)?;
    let layout = Layout::ALL.into_iter().find(|layout| layout.word() == record.layout)?;
    let date = record.date();
    let is_same = folder.dir().canonicalize().is_ok_and(|dir| dir == record.images);
    let DeletionRecord { images, sources, .. } = record;
    let tree = if is_same { folder.dir().to_owned() } else { images };
    let target = Folder::new(&tree);
    let images = target.subfolder(&layout.folder(&archive.name));
    let files = record::read(&target, archive);
    let is_here = |file: &&record::RecordedFile| file.is_in(&images);
    let here = files.iter().flatten().filter(is_here).count();
    let extracted = files.map(|files| files.len());
    Some(DeletedArchive { tree, layout, date, extracted, here, sources })
}

pub(super) fn read(bytes: &[u8]) -> Option<DeletionRecord> {
    serde_json::from_slice(bytes).ok()
}

impl DeletionRecord {
    pub(super) fn date(&self) -> Option<String> {
        self.time.map(date::day)
    }
}

impl DeletedArchive {
    /// Returns true if the images are all there, as far as their sizes say.
    pub(crate) fn is_complete(&self) -> bool {
        self.extracted == Some(self.here)
    }

    /// Says what became of the archive and of its images.
    pub(crate) fn describe(&self) -> String {
        let Self { tree, extracted, here, date, .. } = self;
        let on = date.as_ref().map_or_else(String::new, |date| format!(" on {date}"));
        let deleted = format!("cxr extracted it and deleted it{on}");
        let tree = escape::path(tree);
        match (*extracted, *here) {
            (None, _) => format!("{deleted}; {tree} has no record of its images any more"),
            (Some(0), _) => format!("{deleted}; it contained no file"),
            (Some(1), 1) => {
                format!("{deleted}; its 1 file in {tree} has the right size and was not read")
            }
            (Some(all), here) if here == all => {
                format!(
                    "{deleted}; its {all} files in {tree} have the right sizes and were not read"
                )
            }
            (Some(1), _) => format!("{deleted}; its 1 file in {tree} is missing"),
            (Some(all), here) => {
                let missing = all - here;
                let are = units::are(missing);
                format!("{deleted}; of its {all} files in {tree}, {missing} {are} missing")
            }
        }
    }

    /// Returns the command that checks the images.
    pub(crate) fn check(&self, catalog: &Catalog) -> String {
        let table = catalog.table_word().map(|table| format!(" --checksums {table}"));
        format!("cxr verify --images {}{}", shell::path(&self.tree), table.unwrap_or_default())
    }

    /// Returns the command that downloads the archive again, from these sources if they are known, and
    /// otherwise from those of the first time.
    pub(crate) fn fetch(
        &self,
        catalog: &Catalog,
        archive: &Archive,
        dir: &Path,
        sources: &[String],
    ) -> SuggestedCommand {
        let sources = if sources.is_empty() { &self.sources } else { sources };
        if self.is_complete() {
            // Without it, the archive counts as fetched.
            let fetch = SuggestedCommand::fetch_with(catalog, archive, dir, "--recheck");
            return fetch.with_sources(sources);
        }
        let mut options = "--extract --delete-archives".to_owned();
        if self.tree != dir {
            options.extend([" --to ", &shell::path(&self.tree)]);
        }
        if self.layout != Layout::Flat {
            options.extend([" --layout ", self.layout.word()]);
        }
        SuggestedCommand::fetch_with(catalog, archive, dir, &options).with_sources(sources)
    }
}
