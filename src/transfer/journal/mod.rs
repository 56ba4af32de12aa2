//! The journal of a part: which of its bytes have been written, and by which source.
//!
//! A line a record, each with a CRC-32 of its own, so that a torn or damaged line costs what it
//! says and nothing else:
//!
//! ```text
//! 7d1f0c3a cxr-journal/1 fe8ed0a6961412fddcbb3603c11b3698 4e1b…boot id…
//! 03a9c1d2 size 2008470987
//! 9b2e44f0 wrote 1 0 1048576 https://example.org/nih
//! 55aa01fe synced 1
//! 0c7be211 lost 65536 131072
//! ```
//!
//! `lost` goes before bytes that turned out wrong are written over: from then on they count as
//! missing. `original` says that the part is a file of the user's, how long it was and when it was
//! last changed; `beside`, that it was begun beside one that could not be mended. `wrote` follows
//! the write: its bytes are in the kernel's hands and outlive this process, however it ends.
//! `synced N` follows a sync of the part: the `wrote` records up to number N outlive the machine as
//! well. A reader on the same boot believes every record, on another one only those that were
//! synced. `doubted` follows a sync that failed: the kernel may take for clean what is not on the
//! disk (fsync(2)), and of the records before it none is believed that was not synced. A journal
//! that is lost or wrong costs time and never correctness: the MD5 decides.

use std::fs::Metadata;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::origins::Origins;
use crate::disk::{self, DiskError, File};
use crate::hash::digest::Digest;
use crate::ranges::RangeSet;
use crate::text::escape;

const FORMAT: &str = "cxr-journal/1";

/// Far more than the journal of any archive needs; a longer file is not read.
const SIZE_LIMIT: usize = 64 << 20;

/// The record of what is beside a file of the user's.
const BESIDE: &str = "beside";

/// The record of a sync that failed.
const DOUBTED: &str = "doubted";

/// Who gave bytes of which nobody knows it any more.
const UNKNOWN: &str = "-";

/// What a journal says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalState {
    /// The size of the archive, where a source told it.
    pub size: Option<u64>,
    /// Bytes that can be believed on this boot.
    pub written: RangeSet,
    /// Those among them that are on the disk.
    pub synced: RangeSet,
    /// The sources that gave them, as far as known.
    pub origins: Origins,
    /// What the part was before, where it is a file of the user's.
    pub original: Option<Original>,
    /// It was begun beside a file of the user's that could not be mended.
    pub beside: bool,
}

/// A file of the user's as it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Original {
    /// Its length in bytes.
    pub length: u64,
    /// When it was last changed: seconds and nanoseconds since 1970.
    pub modified: (i64, u32),
}

impl Original {
    /// Of a file's metadata.
    pub(super) fn of(metadata: &Metadata) -> Self {
        let nanoseconds = u32::try_from(metadata.mtime_nsec()).unwrap_or(0);
        Self { length: metadata.len(), modified: (metadata.mtime(), nanoseconds) }
    }

    /// When it was last changed.
    pub(super) fn modified(&self) -> SystemTime {
        let (seconds, nanoseconds) = self.modified;
        let whole = Duration::from_secs(seconds.unsigned_abs());
        let time =
            if seconds < 0 { UNIX_EPOCH.checked_sub(whole) } else { UNIX_EPOCH.checked_add(whole) };
        let part = Duration::from_nanos(nanoseconds.into());
        time.and_then(|time| time.checked_add(part)).unwrap_or(UNIX_EPOCH)
    }
}

/// A record that changes which bytes there are.
enum Change<'a> {
    Wrote(u64, Range<u64>, &'a str),
    Lost(Range<u64>),
}

impl Change<'_> {
    /// Whether it is of bytes that are not on the disk, where the first `synced` records are.
    const fn is_doubtful(&self, synced: u64) -> bool {
        matches!(self, Self::Wrote(number, ..) if *number > synced)
    }
}

/// A journal that is being written.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    /// `wrote` records in the file.
    records: u64,
    /// Those that the last `synced` record covers.
    synced: u64,
    kept: JournalState,
}

/// Reads a journal; `None` where there is none for this archive that could be read.
pub(super) fn read(path: &Path, md5: &Digest) -> Option<JournalState> {
    let bytes = disk::read(path, SIZE_LIMIT + 1).ok().filter(|bytes| bytes.len() <= SIZE_LIMIT)?;
    parse(&bytes, md5, disk::boot().as_deref())
}

/// What a journal's bytes say to a machine whose boot this is.
pub(super) fn parse(bytes: &[u8], md5: &Digest, boot: Option<&str>) -> Option<JournalState> {
    let mut lines = bytes.split(|&byte| byte == b'\n').filter_map(checked);
    let mut header = lines.next()?.split(' ');
    if header.next() != Some(FORMAT) || header.next()?.parse() != Ok(*md5) {
        return None;
    }
    let same_boot = boot.is_some() && header.next() == boot;
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
    /// Bytes that somebody gave, and nothing else.
    pub(super) fn of(range: Range<u64>, giver: &str) -> Self {
        let mut recovered = Self::default();
        recovered.origins.insert(range.clone(), giver);
        recovered.written.insert(range);
        recovered
    }

    /// The size of the archive, if that was told and all of it is here.
    pub(super) fn complete_size(&self) -> Option<u64> {
        self.size.filter(|&size| self.written.gap_after(0, size).is_none())
    }

    /// What a record means for bytes of which the first `synced` records are on the disk.
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

    /// The pieces of a range and who gave each.
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

    /// The same, of a file that ends at `limit`.
    #[must_use]
    pub fn before(mut self, limit: u64) -> Self {
        self.lose(limit..u64::MAX);
        self
    }
}

/// The text of a line whose CRC is right.
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

/// What a journal begins with, as text.
pub(super) struct Fresh {
    pub(super) text: String,
    /// `wrote` records in it.
    records: u64,
    /// Those that its `synced` record covers.
    synced: u64,
}

/// The beginning of a journal that says what is kept of an earlier one.
pub(super) fn fresh(md5: &Digest, boot: Option<&str>, kept: &JournalState) -> Fresh {
    let mut text = line(&format!("{FORMAT} {md5} {}", boot.unwrap_or("-")));
    if let Some(size) = kept.size {
        text += &line(&format!("size {size}"));
    }
    if let Some(Original { length, modified: (seconds, nanoseconds) }) = kept.original {
        text += &line(&format!("original {length} {seconds} {nanoseconds}"));
    }
    if kept.beside {
        text += &line(BESIDE);
    }
    let mut records = 0;
    let mut synced = 0;
    let mut unsynced = kept.written.clone();
    kept.synced.iter().for_each(|range| unsynced.remove(range));
    for (set, on_disk) in [(&kept.synced, true), (&unsynced, false)] {
        for (range, source) in set.iter().flat_map(|range| kept.givers(range)) {
            records += 1;
            text += &line(&format!("wrote {records} {} {} {source}", range.start, range.end));
            synced += u64::from(on_disk);
        }
    }
    text += &line(&format!("synced {synced}"));
    Fresh { text, records, synced }
}

impl Journal {
    /// Begins a journal that says what is kept of an earlier one.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    pub(super) fn begin(path: &Path, md5: &Digest, kept: JournalState) -> Result<Self, DiskError> {
        let Fresh { text, records, synced } = fresh(md5, disk::boot().as_deref(), &kept);
        disk::replace(path, text.as_bytes())?;
        Ok(Self { file: File::to_append(path)?, records, synced, kept })
    }

    /// The size of the archive in bytes, if known.
    pub(super) const fn size(&self) -> Option<u64> {
        self.kept.size
    }

    /// Notes the size that a source told.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    pub(super) fn told_size(&mut self, size: u64) -> Result<(), DiskError> {
        self.kept.size = Some(size);
        self.append(&line(&format!("size {size}")))
    }

    /// Notes bytes that have been written to the part.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    pub(super) fn wrote(&mut self, range: Range<u64>, source: &str) -> Result<(), DiskError> {
        let (number, source) = (self.records + 1, escape::text(source).into_owned());
        self.append(&line(&format!("wrote {number} {} {} {source}", range.start, range.end)))?;
        self.records = number;
        self.kept.origins.insert(range.clone(), &source);
        self.kept.written.insert(range);
        Ok(())
    }

    /// Notes that these bytes count as missing from now on, and puts that on the disk.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    pub(super) fn lost(&mut self, range: Range<u64>) -> Result<(), DiskError> {
        self.append(&line(&format!("lost {} {}", range.start, range.end)))?;
        self.kept.lose(range);
        self.file.sync()
    }

    /// How many records there are: what a sync of the part that begins now will cover.
    pub(super) const fn records(&self) -> u64 {
        self.records
    }

    /// Whether everything written is known to be on the disk.
    pub(super) const fn is_synced(&self) -> bool {
        self.records == self.synced
    }

    /// Notes that the first `records` records are on the disk, and puts itself there as well.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    pub(super) fn synced(&mut self, records: u64) -> Result<(), DiskError> {
        self.append(&line(&format!("synced {records}")))?;
        self.synced = records;
        self.file.sync()
    }

    /// Notes that a sync of the part has failed. It needs no sync of its own: after another boot
    /// nothing is believed of what it is about.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    pub(super) fn doubt(&mut self) -> Result<(), DiskError> {
        self.append(&line(DOUBTED))
    }

    /// Who gave what is written.
    pub(super) const fn origins(&self) -> &Origins {
        &self.kept.origins
    }

    /// What counts as written.
    pub(super) const fn written(&self) -> &RangeSet {
        &self.kept.written
    }

    /// What the part was before, where it is a file of the user's.
    pub(super) const fn original(&self) -> Option<Original> {
        self.kept.original
    }

    fn append(&mut self, text: &str) -> Result<(), DiskError> {
        self.file.append(text.as_bytes())
    }
}

#[cfg(test)]
mod tests;
