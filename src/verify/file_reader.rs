//! Reads a file from its first byte to its last, and checks that it does not change meanwhile.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;

use bytes::Bytes;

use crate::disk::{self, File, Stamp};
use crate::hash::buffer_pool::BufferPool;

/// The reason that a file could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("is {0}, not a file")]
    NotAFile(&'static str),
    #[error("cannot be opened: {0}")]
    Open(#[source] io::Error),
    #[error("could not be read at byte {offset}: {error}")]
    Read {
        offset: u64,
        #[source]
        error: io::Error,
    },
    #[error("changed while it was being read")]
    Changed,
    #[error("interrupted")]
    Cancelled,
}

/// An open file, its state when it was opened, and the position in it.
#[derive(Debug)]
pub(super) struct FileReader {
    pub(super) file: File,
    stamp: Stamp,
    offset: u64,
}

impl FileReader {
    /// Opens a regular file. A named pipe or a device is refused before it is opened, because
    /// opening it could block.
    pub(super) fn open(path: &Path) -> Result<Self, ReadError> {
        check_is_file(&fs::metadata(path).map_err(ReadError::Open)?)?;
        let file = File::open(path).map_err(ReadError::Open)?;
        // Another file may be at the path since the first look.
        let metadata = file.metadata().map_err(ReadError::Open)?;
        check_is_file(&metadata)?;
        file.read_ahead();
        Ok(Self { file, stamp: Stamp::of(&metadata), offset: 0 })
    }

    /// The size in bytes when the file was opened.
    pub(super) const fn size(&self) -> u64 {
        self.stamp.size()
    }

    /// Returns the next block, full unless it is the last one, and the offset of its end. `None`
    /// after the last byte, if the file is unchanged.
    pub(super) fn next_block(
        &mut self,
        path: &Path,
        pool: &BufferPool,
    ) -> Result<Option<(Bytes, u64)>, ReadError> {
        if self.offset >= self.size() {
            let has_grown = self.read(&mut [0], self.size())? > 0;
            let is_same = !has_grown && self.is_unchanged(path);
            return if is_same { Ok(None) } else { Err(ReadError::Changed) };
        }
        let mut buffer = pool.take();
        let left = usize::try_from(self.size() - self.offset).unwrap_or(usize::MAX);
        let length = left.min(pool.block());
        let mut filled = 0;
        while filled < length {
            let block = &mut buffer.as_mut()[filled..length];
            match self.read(block, self.offset + filled as u64)? {
                // The file was truncated meanwhile.
                0 => return Err(ReadError::Changed),
                more => filled += more,
            }
        }
        self.offset += length as u64;
        Ok(Some((buffer.freeze(length), self.offset)))
    }

    fn read(&self, block: &mut [u8], offset: u64) -> Result<usize, ReadError> {
        self.file.read_at(block, offset).map_err(|error| ReadError::Read { offset, error })
    }

    /// True if the file was not written to since it was opened, and is still the one at the path.
    pub(super) fn is_unchanged(&self, path: &Path) -> bool {
        let is_same =
            |now: io::Result<Metadata>| now.is_ok_and(|now| Stamp::of(&now) == self.stamp);
        is_same(self.file.metadata()) && is_same(fs::metadata(path))
    }
}

fn check_is_file(metadata: &Metadata) -> Result<(), ReadError> {
    let file_type = metadata.file_type();
    Err(ReadError::NotAFile(match () {
        () if file_type.is_file() => return Ok(()),
        () if file_type.is_dir() => "a directory",
        () => disk::kind(file_type),
    }))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "these tests change files while they are read")]
mod tests {
    use std::io::Write;
    use std::time::SystemTime;

    use super::*;
    use crate::hash::buffer_pool::BLOCK;

    fn read(path: &Path, mut during: impl FnMut(u64)) -> Result<Vec<u8>, ReadError> {
        let mut content = Vec::new();
        let mut reader = FileReader::open(path)?;
        while let Some((block, offset)) = reader.next_block(path, &BufferPool::default())? {
            content.extend_from_slice(&block);
            during(offset);
        }
        Ok(content)
    }

    fn file(content: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        file
    }

    #[test]
    fn every_byte_is_read_in_order() {
        for size in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5] {
            let content: Vec<u8> = (0..=250).cycle().take(size).collect();
            let file = file(&content);
            let mut offsets = Vec::new();
            assert!(read(file.path(), |offset| offsets.push(offset)).unwrap() == content, "{size}");
            assert_eq!(offsets.last().copied().unwrap_or(0), size as u64);
        }
    }

    #[test]
    fn every_kind_of_change_during_the_reading_is_noticed() {
        let changes: [fn(&Path); 5] = [append, cut, overwrite, replace, move_away];
        for (number, change) in changes.into_iter().enumerate() {
            let file = file(&vec![7; 2 * BLOCK]);
            // File times are coarse: a write right away could get the same time.
            file.as_file().set_modified(SystemTime::UNIX_EPOCH).unwrap();
            let result = read(file.path(), |offset| {
                if offset == BLOCK as u64 {
                    change(file.path());
                }
            });
            assert!(matches!(result, Err(ReadError::Changed)), "change {number}");
        }
    }

    fn cut(path: &Path) {
        fs::File::options().write(true).open(path).unwrap().set_len(9).unwrap();
    }

    fn overwrite(path: &Path) {
        fs::File::options().write(true).open(path).unwrap().write_all(b"as long").unwrap();
    }

    fn replace(path: &Path) {
        file(&vec![7; 2 * BLOCK]).persist(path).unwrap();
    }

    fn move_away(path: &Path) {
        let away = tempfile::tempdir().unwrap();
        rustix::fs::rename(path, away.path().join("x")).unwrap();
    }

    fn append(path: &Path) {
        fs::File::options().append(true).open(path).unwrap().write_all(b"more").unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_read_error_names_the_byte() {
        let error = read(Path::new("/proc/self/mem"), |_| ()).unwrap_err().to_string();
        assert!(error.starts_with("could not be read at byte 0: Input/output error"), "{error}");
    }

    #[test]
    fn directories_pipes_and_devices_are_refused_without_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for (path, words) in [
            (pipe.as_path(), "is a named pipe, not a file"),
            (dir.path(), "is a directory, not a file"),
            (Path::new("/dev/null"), "is a device, not a file"),
        ] {
            assert_eq!(FileReader::open(path).unwrap_err().to_string(), words);
        }
    }
}
