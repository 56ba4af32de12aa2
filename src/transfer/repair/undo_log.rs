//! The original bytes of a user's file that a repair overwrites: enough to restore it.
//!
//! After the name of the format, each piece has a record: its offset and length (64 bits each, least
//! byte first), a CRC-32 of these and of the bytes, and the bytes. A record is on the disk before the
//! first of its bytes is overwritten, so a torn one, which can only be the last, belongs to no piece
//! that has changed.

use std::ops::Range;

use bytes::Bytes;

use crate::disk::{DiskError, Entry, File};
use crate::ranges::RangeSet;

const FORMAT: &[u8] = b"cxr-undo/1\n";

/// The largest record in bytes, so that one fits in memory.
const PIECE: u64 = 256 * 1024;

/// Bytes that cannot be read are skipped in steps of a page, the least that a kernel reads.
const PAGE: u64 = 4096;

/// Offset, length and CRC.
const HEAD: usize = 20;

#[derive(Debug)]
pub(crate) struct UndoLog {
    file: File,
    /// The end of the last whole record.
    end: u64,
    /// The bytes in the log, and those that could not be read.
    saved: RangeSet,
}

impl UndoLog {
    /// Opens the log, as far as it is whole. Creates it if there is none.
    pub(crate) fn open(entry: &Entry) -> Result<Self, DiskError> {
        let mut undo = Self { file: entry.open_or_create()?, end: 0, saved: RangeSet::new() };
        let mut saved = RangeSet::new();
        undo.end = undo.records(|at, bytes| {
            saved.insert(at..at + bytes.len() as u64);
            Ok(())
        })?;
        undo.saved = saved;
        if undo.end == 0 {
            undo.file.resize(0)?;
            undo.append(FORMAT)?;
            entry.sync_folder()?;
        }
        Ok(undo)
    }

    /// Bytes of the original file that have been overwritten, or are about to be.
    pub(crate) const fn saved(&self) -> &RangeSet {
        &self.saved
    }

    /// Saves a range of the original file and syncs the log. Skips what is saved already, and what
    /// cannot be read: that cannot be restored. If it fails, nothing of the range may be overwritten.
    pub(crate) fn save(&mut self, old: &File, range: Range<u64>) -> Result<(), DiskError> {
        let gaps = self.saved.gaps(range);
        if gaps.is_empty() {
            return Ok(());
        }
        for gap in &gaps {
            self.save_piecewise(old, gap.clone())?;
        }
        self.file.sync()?;
        for gap in gaps {
            self.saved.insert(gap);
        }
        Ok(())
    }

    fn save_piecewise(&mut self, old: &File, range: Range<u64>) -> Result<(), DiskError> {
        let mut at = range.start;
        while at < range.end {
            let length = usize::try_from((range.end - at).min(PIECE)).unwrap_or(0);
            match read(old, at, length) {
                Ok(bytes) if bytes.is_empty() => break,
                Ok(bytes) => {
                    self.append(&record(at, &bytes))?;
                    at += bytes.len() as u64;
                }
                // The next page may be readable again.
                Err(error) if error.is_unreadable() => at = (at / PAGE + 1) * PAGE,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        let end = self.end + bytes.len() as u64;
        self.file.write_at(self.end, bytes)?;
        self.end = end;
        Ok(())
    }

    /// Writes the original bytes back into the file. After a failure, it can be done again.
    pub(crate) fn restore(&self, file: &File) -> Result<(), DiskError> {
        self.records(|at, bytes| file.write_at(at, &bytes))?;
        Ok(())
    }

    /// Hands over every whole record, its offset and its bytes. Returns the end of the last one, or 0
    /// if this is not a log.
    fn records(
        &self,
        mut take: impl FnMut(u64, Bytes) -> Result<(), DiskError>,
    ) -> Result<u64, DiskError> {
        let mut end = FORMAT.len() as u64;
        if read(&self.file, 0, FORMAT.len())? != FORMAT {
            return Ok(0);
        }
        loop {
            let head = read(&self.file, end, HEAD)?;
            let Some((at, length)) = numbers(&head) else { return Ok(end) };
            let bytes = read(&self.file, end + HEAD as u64, length)?;
            if record(at, &bytes)[..HEAD] != head {
                return Ok(end);
            }
            end += (HEAD + bytes.len()) as u64;
            take(at, bytes)?;
        }
    }
}

/// Reads this many bytes, or all there are.
fn read(file: &File, at: u64, length: usize) -> Result<Bytes, DiskError> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        let read = file.read_at(&mut bytes[filled..], at + filled as u64);
        match read {
            Ok(0) => break,
            Ok(more) => filled += more,
            // The bytes before the error count.
            Err(_) if filled > 0 => break,
            Err(error) => return Err(DiskError::new(file.path(), "read")(error)),
        }
    }
    bytes.truncate(filled);
    Ok(bytes.into())
}

fn record(at: u64, bytes: &[u8]) -> Bytes {
    let mut record = Vec::with_capacity(HEAD + bytes.len());
    record.extend(at.to_le_bytes());
    record.extend((bytes.len() as u64).to_le_bytes());
    let mut sum = crc32fast::Hasher::new();
    sum.update(&record);
    sum.update(bytes);
    record.extend(sum.finalize().to_le_bytes());
    record.extend(bytes);
    record.into()
}

/// The offset and the length in the head of a record; `None` if this is not one.
fn numbers(head: &[u8]) -> Option<(u64, usize)> {
    let number = |at: usize| Some(u64::from_le_bytes(head.get(at..at + 8)?.try_into().ok()?));
    let (at, length) = (number(0)?, number(8)?);
    let sane = head.len() == HEAD && length <= PIECE && at.checked_add(length).is_some();
    Some((at, usize::try_from(length).ok()?)).filter(|_| sane)
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "lists of one range are meant")]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    struct Stage {
        dir: tempfile::TempDir,
        file: File,
        old: Vec<u8>,
    }

    impl Stage {
        fn new(size: usize) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let old: Vec<u8> = (0..=250).cycle().take(size).collect();
            fs::write(dir.path().join("file"), &old).unwrap();
            let file = Entry::at(&dir.path().join("file")).open_or_create().unwrap();
            Self { dir, file, old }
        }

        fn log(&self) -> PathBuf {
            self.dir.path().join("undo")
        }

        fn undo(&self) -> UndoLog {
            UndoLog::open(&Entry::at(&self.log())).unwrap()
        }

        fn overwrite(&self, undo: &mut UndoLog, range: Range<u64>) {
            undo.save(&self.file, range.clone()).unwrap();
            let bytes = vec![255; usize::try_from(range.end - range.start).unwrap()];
            self.file.write_at(range.start, &bytes).unwrap();
        }

        fn restored(&self, undo: &UndoLog) -> bool {
            undo.restore(&self.file).unwrap();
            fs::read(self.dir.path().join("file")).unwrap() == self.old
        }
    }

    #[test]
    fn what_was_written_over_several_times_and_over_several_runs_is_put_back() {
        let stage = Stage::new(1_000_000);
        stage.overwrite(&mut stage.undo(), 100_000..800_000);
        stage.overwrite(&mut stage.undo(), 50_000..200_000);
        let mut undo = stage.undo();
        stage.overwrite(&mut undo, 100_000..100_001);
        assert_eq!(undo.saved().iter().collect::<Vec<_>>(), [50_000..800_000]);
        // The log grows with what is written over, and not with how often.
        assert!(fs::metadata(stage.log()).unwrap().len() < 750_500);
        assert!(stage.restored(&undo));
        assert!(stage.restored(&stage.undo()));
    }

    #[test]
    fn a_torn_record_at_the_end_is_none() {
        let stage = Stage::new(5000);
        stage.overwrite(&mut stage.undo(), 1000..2000);
        let whole = fs::read(stage.log()).unwrap();
        stage.undo().save(&stage.file, 3000..3500).unwrap();
        let longer = fs::read(stage.log()).unwrap();
        for length in whole.len()..longer.len() {
            fs::write(stage.log(), &longer[..length]).unwrap();
            let undo = stage.undo();
            assert_eq!(undo.saved().iter().collect::<Vec<_>>(), [1000..2000], "{length}");
        }
        // It is written over by the next one.
        let mut undo = stage.undo();
        stage.overwrite(&mut undo, 0..10);
        assert!(stage.restored(&stage.undo()));
    }

    #[test]
    fn what_is_no_log_is_begun_anew() {
        let stage = Stage::new(5000);
        fs::write(stage.log(), "something else altogether").unwrap();
        stage.overwrite(&mut stage.undo(), 1000..2000);
        assert!(stage.restored(&stage.undo()));
    }
}
