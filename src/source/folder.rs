//! A local folder as a source, as a mirror that is mounted.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};

use super::{Body, SourceAnswer, SourceError, SourceRequest};
use crate::catalog::Archive;
use crate::disk::File;
use crate::text::escape;

/// Bytes read at a time.
const BLOCK: usize = 256 * 1024;

/// A range of a file as it is read.
#[derive(Debug)]
pub struct FileBody {
    file: File,
    rest: Range<u64>,
}

/// Where a folder has the archive: under its name, or else under the other one that people give it.
pub(super) fn found(path: &Path, archive: &Archive) -> PathBuf {
    let root = path.ancestors().nth(Path::new(&archive.name).components().count());
    let other = root.zip(archive.alias.as_ref()).map(|(root, alias)| root.join(alias));
    let other = other.filter(|other| path.symlink_metadata().is_err() && other.is_file());
    other.unwrap_or_else(|| path.to_owned())
}

/// Opens a file for a range.
pub(super) fn open(path: &Path, question: &SourceRequest<'_>) -> Result<SourceAnswer, SourceError> {
    let fault = |error: &io::Error| SourceError::File(format!("{}: {error}", escape::path(path)));
    // Looked at before it is opened: opening a FIFO would wait for its other end.
    let metadata = path.metadata().map_err(|error| fault(&error))?;
    if !metadata.is_file() {
        return Err(SourceError::File(format!("{} is not a file", escape::path(path))));
    }
    let file = File::open(path).map_err(|error| fault(&error))?;
    let total = metadata.len();
    if let Some(expected) = question.size.filter(|&expected| expected != total) {
        return Err(SourceError::size(total, expected, question.archive.size));
    }
    let range = question.range.start..question.range.end.min(total);
    let body = FileBody { file, rest: range.clone() };
    Ok(SourceAnswer {
        start: range.start,
        total: Some(total),
        end: Some(range.end),
        whole: false,
        tag: None,
        claims: Vec::new(),
        body: Body::File(body),
    })
}

impl FileBody {
    /// The next bytes; `None` at the end of the range or of the file.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        let wanted = self.rest.end.saturating_sub(self.rest.start).min(BLOCK as u64);
        let mut block = BytesMut::zeroed(usize::try_from(wanted).unwrap_or(BLOCK));
        let read = self.file.read_at(&mut block, self.rest.start).map_err(|error| {
            let path = escape::path(self.file.path());
            SourceError::File(format!(
                "{path} could not be read at byte {}: {error}",
                self.rest.start
            ))
        })?;
        block.truncate(read);
        self.rest.start += read as u64;
        Ok((read > 0).then(|| block.freeze()))
    }
}
