//! The journal of a part: the bytes that have been written, and their sources.
//!
//! One record a line, each with its own CRC-32, so that a torn or damaged line costs that record and
//! no other:
//!
//! ```text
//! 7d1f0c3a cxr-journal/1 fe8ed0a6961412fddcbb3603c11b3698 4e1b…boot id…
//! 03a9c1d2 size 2008470987
//! 9b2e44f0 wrote 1 0 1048576 https://example.org/nih
//! 55aa01fe synced 1
//! 0c7be211 lost 65536 131072
//! ```
//!
//! The first record names the MD5 of the archive, or `sha256:` and its SHA-256 if the table has no MD5.
//! `lost` precedes the overwriting of wrong bytes: they count as missing from then on. `original`
//! says that the part is a user's file, with its length and modification time; `beside`, that the
//! part was begun beside a user's file that could not be repaired. `wrote` follows a write: its bytes
//! are in the kernel's hands and survive this process, however it ends. `synced N` follows a sync of
//! the part: the `wrote` records up to number N survive the machine as well. On the same boot every
//! record is believed, on another one only those that were synced. `doubted` follows a failed sync:
//! the kernel may count bytes as clean that are not on the disk (fsync(2)), so no earlier record that
//! was not synced is believed. A lost or wrong journal costs time and never correctness: the
//! digest decides.
//!
//! Answers of a few bytes make many records. A journal that is too long is replaced by a new one with
//! the same meaning. In its first records, number 0 stands for all bytes that are synced, and one
//! other number for all that are not.

mod compact;

use std::fs::Metadata;
use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::origins::Origins;
use crate::disk::{self, DiskError, Entry, File};
use crate::hash::digest::Digest;
use crate::ranges::RangeSet;
use crate::text::escape;

const FORMAT: &str = "cxr-journal/1";

/// Far more than the journal of any archive needs. A longer file is not read.
const SIZE_LIMIT: usize = 64 << 20;

/// The record of a part that was begun beside a user's file.
const BESIDE: &str = "beside";

/// The record of a failed sync.
const DOUBTED: &str = "doubted";

/// The source of bytes whose source is not known.
const UNKNOWN: &str = "-";

/// The state that a journal describes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalState {
    /// The size of the archive, if a source reported it.
    pub size: Option<u64>,
    /// Bytes that are believed on this boot.
    pub written: RangeSet,
    /// Those of them that are on the disk.
    pub synced: RangeSet,
    /// The sources of these bytes, as far as known.
    pub origins: Origins,
    /// The user's file that the part was.
    pub original: Option<Original>,
    /// The part was begun beside a user's file that could not be repaired.
    pub beside: bool,
}

/// A user's file as it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Original {
    /// Its length in bytes.
    pub length: u64,
    /// Its modification time: seconds and nanoseconds since 1970.
    pub modified: (i64, u32),
}

impl Original {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let (seconds, nanoseconds) = disk::modified(metadata);
        let nanoseconds = u32::try_from(nanoseconds).unwrap_or(0);
        Self { length: metadata.len(), modified: (seconds, nanoseconds) }
    }

    pub(super) fn modified(&self) -> SystemTime {
        let (seconds, nanoseconds) = self.modified;
        let whole = Duration::from_secs(seconds.unsigned_abs());
        let time =
            if seconds < 0 { UNIX_EPOCH.checked_sub(whole) } else { UNIX_EPOCH.checked_add(whole) };
        let part = Duration::from_nanos(nanoseconds.into());
        time.and_then(|time| time.checked_add(part)).unwrap_or(UNIX_EPOCH)
    }
}

/// A record that changes the written bytes.
enum Change<'a> {
    Wrote(u64, Range<u64>, &'a str),
    Lost(Range<u64>),
}

impl Change<'_> {
    /// Returns true for bytes that are not on the disk, if the first `synced` records are.
    const fn is_doubtful(&self, synced: u64) -> bool {
        matches!(self, Self::Wrote(number, ..) if *number > synced)
    }
}

/// A journal that is being written.
#[derive(Debug)]
pub(super) struct Journal {
    entry: Entry,
    digest: Digest,
    /// `None` once the journal is no longer written to.
    file: Option<File>,
    /// The length of the file, and the length at which it is compacted.
    length: u64,
    limit: u64,
    numbers: Numbers,
    kept: JournalState,
}

/// The last number of a `wrote` record, and the last that a `synced` record covers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Numbers {
    pub(super) records: u64,
    pub(super) synced: u64,
}

/// Reads a journal; `None` if there is no readable one for this archive.
pub(super) fn read(entry: &Entry, digest: &Digest) -> Option<JournalState> {
    let bytes = entry.read(SIZE_LIMIT + 1).ok().filter(|bytes| bytes.len() <= SIZE_LIMIT)?;
    parse(&bytes, digest, disk::boot().as_deref())
}

/// Parses a journal for a machine on this boot.
pub(super) fn parse(bytes: &[u8], digest: &Digest, boot: Option<&str>) -> Option<JournalState> {
    parse_on(bytes, digest, |told| boot.is_some() && told == boot)
}

/// Parses a journal. `is_same` returns true for the boot on which every record is believed.
fn parse_on(
    bytes: &[u8],
    digest: &Digest,
    is_same: impl FnOnce(Option<&str>) -> bool,
) -> Option<JournalState> {
    let mut lines = bytes.split(|&byte| byte == b'\n').filter_map(checked);
    let mut header = lines.next()?.split(' ');
    if header.next() != Some(FORMAT) || header.next()? != digest.record() {
        return None;
    }
    let same_boot = is_same(header.next());
    let mut recovered = JournalState::default();
    let mut changes = Vec::new();
    let mut synced = 0;
    for line in lines {
        match line.split_once(' ') {
            Some(("size", size)) => recovered.size = size.parse().ok(),
            Some(("original", text)) => recovered.original = original(text),
            Some(("wrote", text)) => changes.extend(wrote(text)),
            Some(("lost", text)) => changes.extend(lost(text)),
            Some(("synced", count)) => synced = count.parse().unwrap_or(synced),
            None if line == BESIDE => recovered.beside = true,
            None if line == DOUBTED => changes.retain(|change| !change.is_doubtful(synced)),
            _ => {}
        }
    }
    for change in changes {
        recovered.apply(change, synced, same_boot);
    }
    Some(recovered)
}

impl JournalState {
    /// The state after one source has given this range.
    pub(super) fn of(range: Range<u64>, giver: &str) -> Self {
        let mut recovered = Self::default();
        recovered.origins.insert(range.clone(), giver);
        recovered.written.insert(range);
        recovered
    }

    /// The size of the archive, if it is known and every byte is here.
    pub(super) fn complete_size(&self) -> Option<u64> {
        self.size.filter(|&size| self.written.gap_after(0, size).is_none())
    }

    /// Applies a record, if the first `synced` ones are on the disk.
    fn apply(&mut self, change: Change<'_>, synced: u64, same_boot: bool) {
        match change {
            Change::Wrote(number, range, source) => {
                let on_disk = number <= synced;
                if on_disk {
                    self.synced.insert(range.clone());
                }
                if (on_disk || same_boot) && source != UNKNOWN {
                    self.origins.insert(range.clone(), source);
                }
                if on_disk || same_boot {
                    self.written.insert(range);
                }
            }
            Change::Lost(range) => self.lose(range),
        }
    }

    /// The pieces of a range, each with its source.
    fn givers(&self, range: Range<u64>) -> Vec<(Range<u64>, &str)> {
        let known = self.origins.within(range.clone());
        let told = known.iter().map(|(piece, _)| piece.clone()).collect::<RangeSet>();
        let unknown = told.gaps(range).into_iter().map(|piece| (piece, UNKNOWN));
        known.into_iter().chain(unknown).collect()
    }

    fn lose(&mut self, range: Range<u64>) {
        self.synced.remove(range.clone());
        self.origins.remove(range.clone());
        self.written.remove(range);
    }

    /// The same for a file that ends at `limit`.
    #[must_use]
    pub fn before(mut self, limit: u64) -> Self {
        self.lose(limit..u64::MAX);
        self
    }
}

/// The text of a line with a right CRC.
fn checked(line: &[u8]) -> Option<&str> {
    let (crc, text) = line.split_at_checked(9)?;
    let crc = std::str::from_utf8(crc.strip_suffix(b" ")?).ok()?;
    (u32::from_str_radix(crc, 16) == Ok(crc32fast::hash(text))).then_some(())?;
    std::str::from_utf8(text).ok()
}

/// Number, range and source.
fn wrote(text: &str) -> Option<Change<'_>> {
    let mut words = text.splitn(4, ' ');
    let mut number = || words.next()?.parse().ok();
    let (number, range) = (number()?, number()?..number()?);
    (range.start < range.end).then_some(Change::Wrote(number, range, words.next()?))
}

fn lost(text: &str) -> Option<Change<'_>> {
    let (start, end) = text.split_once(' ')?;
    Some(Change::Lost(start.parse().ok()?..end.parse().ok()?))
}

/// Length, seconds and nanoseconds.
fn original(text: &str) -> Option<Original> {
    let mut words = text.split(' ');
    let length = words.next()?.parse().ok()?;
    Some(Original { length, modified: (words.next()?.parse().ok()?, words.next()?.parse().ok()?) })
}

pub(super) fn line(text: &str) -> String {
    format!("{:08x} {text}\n", crc32fast::hash(text.as_bytes()))
}

/// The first records of a journal.
pub(super) struct Fresh {
    pub(super) text: String,
    /// The number of the last `wrote` record.
    records: u64,
}

/// The first records of a journal that continues from `kept`. The next numbers follow those given.
pub(super) fn fresh(
    digest: &Digest,
    boot: Option<&str>,
    kept: &JournalState,
    numbers: Numbers,
) -> Fresh {
    let mut text = line(&format!("{FORMAT} {} {}", digest.record(), boot.unwrap_or("-")));
    if let Some(size) = kept.size {
        text += &line(&format!("size {size}"));
    }
    if let Some(Original { length, modified: (seconds, nanoseconds) }) = kept.original {
        text += &line(&format!("original {length} {seconds} {nanoseconds}"));
    }
    if kept.beside {
        text += &line(BESIDE);
    }
    let Numbers { mut records, synced } = numbers;
    let mut unsynced = kept.written.clone();
    kept.synced.iter().for_each(|range| unsynced.remove(range));
    if !unsynced.is_empty() {
        records = records.max(synced + 1);
    }
    for (set, number) in [(&kept.synced, 0), (&unsynced, records)] {
        for (range, source) in set.iter().flat_map(|range| kept.givers(range)) {
            text += &line(&format!("wrote {number} {} {} {source}", range.start, range.end));
        }
    }
    text += &line(&format!("synced {synced}"));
    Fresh { text, records }
}

impl Journal {
    /// Begins a journal that continues from `kept`.
    pub(super) fn begin(
        entry: &Entry,
        digest: &Digest,
        kept: JournalState,
    ) -> Result<Self, DiskError> {
        let numbers = Numbers::default();
        let Fresh { text, records } = fresh(digest, disk::boot().as_deref(), &kept, numbers);
        entry.replace(text.as_bytes())?;
        let (file, entry) = (Some(entry.open_to_append()?), entry.clone());
        let numbers = Numbers { records, ..numbers };
        let mut journal = Self { entry, digest: *digest, file, length: 0, limit: 0, numbers, kept };
        journal.began_with(&text);
        Ok(journal)
    }

    pub(super) const fn size(&self) -> Option<u64> {
        self.kept.size
    }

    /// Notes the size that a source reported.
    pub(super) fn told_size(&mut self, size: u64) -> Result<(), DiskError> {
        self.kept.size = Some(size);
        self.append(&line(&format!("size {size}")))
    }

    /// Notes written bytes and their source.
    pub(super) fn wrote(&mut self, range: Range<u64>, source: &str) -> Result<(), DiskError> {
        let (number, source) = (self.numbers.records + 1, escape::text(source).into_owned());
        self.append(&line(&format!("wrote {number} {} {} {source}", range.start, range.end)))?;
        self.numbers.records = number;
        self.kept.origins.insert(range.clone(), &source);
        self.kept.written.insert(range);
        self.compact_if_too_long()
    }

    /// Notes that these bytes count as missing from now on, and syncs that.
    pub(super) fn lost(&mut self, range: Range<u64>) -> Result<(), DiskError> {
        self.append(&line(&format!("lost {} {}", range.start, range.end)))?;
        self.kept.lose(range);
        self.sync()
    }

    /// The number of the last record that a sync of the part covers if it begins now.
    pub(super) const fn records(&self) -> u64 {
        self.numbers.records
    }

    /// Returns true if every written byte is known to be on the disk.
    pub(super) const fn is_synced(&self) -> bool {
        self.numbers.records == self.numbers.synced
    }

    /// Notes that all records up to this number are on the disk, and syncs that.
    pub(super) fn synced(&mut self, records: u64) -> Result<(), DiskError> {
        self.append(&line(&format!("synced {records}")))?;
        self.numbers.synced = records;
        self.sync()
    }

    /// Notes that a sync of the part has failed. This needs no sync: after another boot none of the
    /// bytes in question is believed anyway.
    pub(super) fn doubt(&mut self) -> Result<(), DiskError> {
        self.append(&line(DOUBTED))
    }

    /// The sources of the written bytes.
    pub(super) const fn origins(&self) -> &Origins {
        &self.kept.origins
    }

    pub(super) const fn written(&self) -> &RangeSet {
        &self.kept.written
    }

    /// The user's file that the part was.
    pub(super) const fn original(&self) -> Option<Original> {
        self.kept.original
    }

    fn append(&mut self, text: &str) -> Result<(), DiskError> {
        self.length += text.len() as u64;
        self.file.as_ref().map_or(Ok(()), |file| file.append(text.as_bytes()))
    }

    fn sync(&self) -> Result<(), DiskError> {
        self.file.as_ref().map_or(Ok(()), File::sync)
    }

    /// Closes the file, because some file systems rename and remove only files that nobody has open.
    /// The archive that it was about is complete or given up: later records are dropped.
    pub(super) fn close(&mut self) {
        self.file = None;
    }
}

#[cfg(test)]
mod tests;
