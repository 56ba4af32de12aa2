//! Compaction: a journal that has grown too long is replaced by a new one that says the same.

use super::{Fresh, Journal, JournalState, SIZE_LIMIT, fresh, parse_on};
use crate::disk::{self, DiskError, FileId, crash_point};

/// The length that every journal may have.
const SMALL: u64 = 64 << 10;

/// A journal longer than [`SMALL`] may take this part of the bytes that it describes: several times
/// the journal of an ordinary download.
const PART: u64 = 1024;

impl Journal {
    /// Replaces the journal if it is too long. If that fails, the old one stays, and is used.
    pub(super) fn compact_if_too_long(&mut self) -> Result<(), DiskError> {
        if self.file.is_none() || self.length <= self.limit {
            return Ok(());
        }
        // Unless it succeeds, only a much longer journal is worth another try.
        self.limit = self.length * 2;
        let Some(state) = self.read_back() else { return Ok(()) };
        let boot = disk::boot();
        let Fresh { text, records } = fresh(&self.digest, boot.as_deref(), &state, self.numbers);
        // Some file systems rename only files that nobody has open.
        self.close();
        let replaced = self.entry.replace(text.as_bytes());
        self.file = Some(self.entry.open_to_append()?);
        if replaced.is_ok() {
            crash_point("journal-compacted");
            // Before the next record: after a power cut, the old journal lacks it.
            self.entry.sync_folder()?;
            self.numbers.records = records;
            self.began_with(&text);
        }
        Ok(())
    }

    /// Returns the state that the file describes to the next run on this boot, as far as it is synced
    /// or not. Returns `None` if it cannot be read, or if another run has replaced it.
    fn read_back(&self) -> Option<JournalState> {
        let file = self.entry.open().ok()?;
        if FileId::of_open(&file) != self.file.as_ref().and_then(FileId::of_open) {
            return None;
        }
        let bytes = file.read(SIZE_LIMIT + 1).ok().filter(|bytes| bytes.len() <= SIZE_LIMIT)?;
        parse_on(&bytes, &self.digest, |_| true)
    }

    /// Notes the length of the first records, and derives the length at which to compact again.
    pub(super) fn began_with(&mut self, text: &str) {
        self.length = text.len() as u64;
        let usual = SMALL.max(self.kept.written.total() / PART);
        self.limit = disk::journal_limit(usual + 2 * self.length);
    }
}
