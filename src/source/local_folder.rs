//! A local folder as a source, such as a mounted mirror.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};

use super::{Body, SourceAnswer, SourceError, SourceRequest};
use crate::catalog::Archive;
use crate::disk::File;
use crate::text::escape;

/// The bytes of one read.
const BLOCK: usize = 256 * 1024;

/// A range of a file.
#[derive(Debug)]
pub(crate) struct FileBody {
    file: File,
    rest: Range<u64>,
}

/// Returns the path of the archive under its other name, if only that exists.
fn existing(path: &Path, archive: &Archive) -> PathBuf {
    let root = path.ancestors().nth(Path::new(&archive.name).components().count());
    let other = root.zip(archive.alias.as_ref()).map(|(root, alias)| root.join(alias));
    let other = other.filter(|other| path.symlink_metadata().is_err() && other.is_file());
    other.unwrap_or_else(|| path.to_owned())
}

pub(super) fn open(path: &Path, request: &SourceRequest<'_>) -> Result<SourceAnswer, SourceError> {
    let path = &existing(path, request.archive);
    let failed = |error: io::Error| SourceError::File(format!("{}: {error}", escape::path(path)));
    let metadata = path.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(SourceError::File(format!("{} is not a file", escape::path(path))));
    }
    let file = File::open(path).map_err(failed)?;
    let total = metadata.len();
    if let Some(expected) = request.size.filter(|&expected| expected != total) {
        return Err(SourceError::size(total, expected, request.archive.size));
    }
    let range = request.range.start..request.range.end.min(total);
    let body = FileBody { file, rest: range.clone() };
    Ok(SourceAnswer::bare(range, total, Body::File(body)))
}

impl FileBody {
    /// Returns the next bytes, and `None` at the end of the range or of the file.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        let start = self.rest.start;
        let wanted = self.rest.end.saturating_sub(start).min(BLOCK as u64);
        let mut block = BytesMut::zeroed(usize::try_from(wanted).unwrap_or(BLOCK));
        let read = self.file.read_at(&mut block, start).map_err(|error| {
            let path = escape::path(self.file.path());
            SourceError::File(format!("{path} could not be read at byte {start}: {error}"))
        })?;
        block.truncate(read);
        self.rest.start += read as u64;
        Ok((read > 0).then(|| block.freeze()))
    }
}
