//! Reads one file from its first byte to its last, and sees to it that it is one file all the
//! while.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use bytes::Bytes;

use super::buffers::{BLOCK, Buffers};
use crate::disk::{File, Stamp};

/// Why a file could not be read to its end as one file.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// It is something else, in words.
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

/// A file that is open, what it was at that time, and how far it has been read.
#[derive(Debug)]
pub(super) struct SourceAnswer {
    file: File,
    metadata: Metadata,
    offset: u64,
}

impl SourceAnswer {
    /// Opens a regular file. Waits for nobody: a named pipe or a device is refused unopened.
    pub(super) fn new(path: &Path) -> Result<Self, Trouble> {
        refuse_all_but_files(&fs::metadata(path).map_err(Trouble::Open)?)?;
        let file = File::open(path).map_err(Trouble::Open)?;
        // Something else may have come in its place meanwhile, hence a second look.
        let metadata = file.metadata().map_err(Trouble::Open)?;
        refuse_all_but_files(&metadata)?;
        advise(&file);
        Ok(Self { file, metadata, offset: 0 })
    }

    /// Its size in bytes when it was opened.
    pub(super) fn size(&self) -> u64 {
        self.metadata.len()
    }

    /// Where it can be read at any place.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// The next block: a full one, except at the end; and the offset behind it. `None` when all is
    /// read and the file at `path` is still the one that was opened.
    pub(super) fn next(
        &mut self,
        path: &Path,
        buffers: &Buffers,
    ) -> Result<Option<(Bytes, u64)>, Trouble> {
        if self.offset >= self.size() {
            return self.see_that_nothing_changed(path).map(|()| None);
        }
        let mut buffer = buffers.take();
        let left = usize::try_from(self.size() - self.offset).unwrap_or(BLOCK);
        let length = left.min(BLOCK);
        self.fill(self.offset, &mut buffer.as_mut()[..length])?;
        self.offset += length as u64;
        Ok(Some((buffer.freeze(length), self.offset)))
    }

    fn fill(&self, offset: u64, block: &mut [u8]) -> Result<(), Trouble> {
        let mut filled = 0;
        while filled < block.len() {
            let at = offset + filled as u64;
            match self.file.read_at(&mut block[filled..], at) {
                // It was cut meanwhile.
                Ok(0) => return Err(Trouble::Changed),
                Ok(more) => filled += more,
                Err(error) => return Err(Trouble::Read { offset: at, error }),
            }
        }
        Ok(())
    }

    /// The file has ended where it should, was not written to, and is still the one at the path.
    fn see_that_nothing_changed(&self, path: &Path) -> Result<(), Trouble> {
        match self.fill(self.size(), &mut [0]) {
            Err(Trouble::Changed) => {}
            Ok(()) => return Err(Trouble::Changed),
            Err(trouble) => return Err(trouble),
        }
        if self.is_as_it_was(path) { Ok(()) } else { Err(Trouble::Changed) }
    }

    /// Whether the file was not written to since it was opened, and is still the one at the path.
    pub(super) fn is_as_it_was(&self, path: &Path) -> bool {
        let is_same = |now: io::Result<Metadata>| {
            now.is_ok_and(|now| Stamp::of(&now) == Stamp::of(&self.metadata))
        };
        is_same(self.file.metadata()) && is_same(fs::metadata(path))
    }
}

fn refuse_all_but_files(metadata: &Metadata) -> Result<(), Trouble> {
    let file_type = metadata.file_type();
    Err(Trouble::NotAFile(match () {
        () if file_type.is_file() => return Ok(()),
        () if file_type.is_dir() => "a directory",
        () if file_type.is_fifo() => "a named pipe",
        () if file_type.is_socket() => "a socket",
        () => "a device",
    }))
}

/// Tells the kernel to read ahead generously, and that nobody will want these pages soon: where
/// memory is short, they go before what others use (Linux 6.3 and later). It may decline both.
fn advise(file: &File) {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    for advice in [rustix::fs::Advice::Sequential, rustix::fs::Advice::NoReuse] {
        let _ = rustix::fs::fadvise(file, 0, None, advice);
    }
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    let _ = file;
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "these tests change files under the reader's eyes")]
mod tests {
    use std::io::Write;
    use std::time::SystemTime;

    use rustix::fs::Mode;

    use super::*;

    fn read(path: &Path, mut during: impl FnMut(u64)) -> Result<Vec<u8>, Trouble> {
        let mut content = Vec::new();
        let mut opened = SourceAnswer::new(path)?;
        while let Some((block, offset)) = opened.next(path, &Buffers::default())? {
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
    fn every_byte_comes_in_order() {
        for size in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5] {
            let content: Vec<u8> = (0..=250).cycle().take(size).collect();
            let file = file(&content);
            let mut offsets = Vec::new();
            assert!(read(file.path(), |offset| offsets.push(offset)).unwrap() == content, "{size}");
            assert_eq!(offsets.last().copied().unwrap_or(0), size as u64);
        }
    }

    /// Whatever is done to the file between its first block and its last is noticed.
    #[test]
    fn a_file_that_changes_is_noticed() {
        let changes: [fn(&Path); 5] = [append, cut, overwrite, replace, take_away];
        for (number, change) in changes.into_iter().enumerate() {
            let file = file(&vec![7; 2 * BLOCK]);
            // Clocks of files are coarse: what is written at once might bear the same time.
            file.as_file().set_modified(SystemTime::UNIX_EPOCH).unwrap();
            let result = read(file.path(), |offset| {
                if offset == BLOCK as u64 {
                    change(file.path());
                }
            });
            assert!(matches!(result, Err(Trouble::Changed)), "change {number}");
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

    fn take_away(path: &Path) {
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
    fn what_is_no_file_is_refused_without_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        for (path, words) in [
            (pipe.as_path(), "is a named pipe, not a file"),
            (dir.path(), "is a directory, not a file"),
            (Path::new("/dev/null"), "is a device, not a file"),
        ] {
            assert_eq!(SourceAnswer::new(path).unwrap_err().to_string(), words);
        }
    }
}
