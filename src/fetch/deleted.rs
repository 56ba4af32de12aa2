//! The record that an archive was deleted after its images were extracted. While the images are there,
//! `fetch` does not download the archive again.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::catalog::Archive;
use crate::disk::{DiskError, Folder, StateFile};
use crate::extract::extracted_files;
use crate::hash::digest::Digest;
use crate::images::Layout;

/// The most bytes of a record.
const LIMIT: usize = 16 << 10;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Deleted {
    #[serde(flatten)]
    digest: Digest,
    /// The folder of the images.
    images: PathBuf,
    layout: String,
}

/// Records that the archive is about to be deleted.
pub(super) fn write(
    folder: &Folder,
    archive: &Archive,
    target: &Path,
    layout: Layout,
) -> Result<(), DiskError> {
    // The folder may be given relative to another one next time.
    let images = target.canonicalize().unwrap_or_else(|_| target.to_owned());
    let record = Deleted { digest: archive.digest(), images, layout: layout.word().to_owned() };
    let entry = folder.state_file(archive, StateFile::Deleted);
    let json = serde_json::to_vec(&record);
    let failed = DiskError::new(entry.path(), "written");
    entry.replace(&json.map_err(|error| failed(error.into()))?)?;
    entry.sync_folder()
}

/// Returns a description of the images that are left of a deleted archive; `None` if there is no record, or
/// some of the images are missing.
pub(super) fn look(folder: &Folder, archive: &Archive) -> Option<String> {
    let entry = folder.state_file(archive, StateFile::Deleted);
    let bytes = entry.read(LIMIT).ok()?;
    let record = read(&bytes).filter(|record| record.digest == archive.digest())?;
    let layout = Layout::ALL.into_iter().find(|layout| layout.word() == record.layout)?;
    extracted_files(&Folder::new(&record.images), layout, archive)
}

pub(super) fn read(bytes: &[u8]) -> Option<Deleted> {
    serde_json::from_slice(bytes).ok()
}
