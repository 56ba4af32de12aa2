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
//! ```
//!
//! `wrote` follows the write: its bytes are in the kernel's hands and outlive this process,
//! however it ends. `synced N` follows a sync of the part: the `wrote` records up to number N outlive the
//! machine as well. A reader on the same boot believes every record, on another one only those
//! that were synced. A journal that is lost or wrong costs time and never correctness: the MD5
//! decides.

use std::fs;
use std::ops::Range;
use std::path::Path;

use crate::digest::Digest;
use crate::disk::{self, DiskError, File};
use crate::escape;
use crate::ranges::RangeSet;

const FORMAT: &str = "cxr-journal/1";

/// Far more than the journal of any archive needs; a longer file is not read.
const SIZE_LIMIT: usize = 64 << 20;

/// More sources than anybody names; of a journal with more, the first are remembered.
const SOURCES: usize = 64;

/// What a journal says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The size of the archive, where a source told it.
    pub size: Option<u64>,
    /// Bytes that can be believed on this boot.
    pub written: RangeSet,
    /// Those among them that are on the disk.
    pub synced: RangeSet,
    /// The sources that gave them.
    pub sources: Vec<String>,
}

/// A journal that is being written.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    /// `wrote` records in the file.
    records: u64,
    /// Those that the last `synced` record covers.
    synced: u64,
    kept: Recovered,
}

/// Reads a journal; `None` where there is none for this archive that could be read.
pub(super) fn read(path: &Path, md5: &Digest) -> Option<Recovered> {
    let bytes = disk::read(path, SIZE_LIMIT + 1).ok().filter(|bytes| bytes.len() <= SIZE_LIMIT)?;
    parse(&bytes, md5, boot().as_deref())
}

/// What a journal's bytes say to a machine whose boot this is.
pub(super) fn parse(bytes: &[u8], md5: &Digest, boot: Option<&str>) -> Option<Recovered> {
    let mut lines = bytes.split(|&byte| byte == b'\n').filter_map(checked);
    let mut header = lines.next()?.split(' ');
    if header.next() != Some(FORMAT) || header.next()?.parse() != Ok(*md5) {
        return None;
    }
    let same_boot = boot.is_some() && header.next() == boot;
    let mut recovered = Recovered::default();
    let mut wrote = Vec::new();
    let mut synced = 0;
    for line in lines {
        match line.split_once(' ') {
            Some(("size", size)) => recovered.size = size.parse().ok(),
            Some(("wrote", text)) => wrote.extend(record(text)),
            Some(("synced", count)) => synced = count.parse().unwrap_or(synced),
            _ => {}
        }
    }
    for (number, range, source) in wrote {
        let on_disk = number <= synced;
        if on_disk {
            recovered.synced.insert(range.clone());
        }
        if on_disk || same_boot {
            recovered.written.insert(range);
            let sources = &recovered.sources;
            if sources.len() < SOURCES && !sources.iter().any(|known| known == source) {
                recovered.sources.push(source.to_owned());
            }
        }
    }
    Some(recovered)
}

/// The text of a line whose CRC is right.
fn checked(line: &[u8]) -> Option<&str> {
    let (crc, text) = line.split_at_checked(9)?;
    let crc = std::str::from_utf8(crc.strip_suffix(b" ")?).ok()?;
    (u32::from_str_radix(crc, 16) == Ok(crc32fast::hash(text))).then_some(())?;
    std::str::from_utf8(text).ok()
}

/// Number, range and source of a `wrote` record.
fn record(text: &str) -> Option<(u64, Range<u64>, &str)> {
    let mut words = text.splitn(4, ' ');
    let mut number = || words.next()?.parse().ok();
    let (number, range) = (number()?, number()?..number()?);
    (range.start < range.end).then_some((number, range, words.next()?))
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
pub(super) fn fresh(md5: &Digest, boot: Option<&str>, kept: &Recovered) -> Fresh {
    let mut text = line(&format!("{FORMAT} {md5} {}", boot.unwrap_or("-")));
    if let Some(size) = kept.size {
        text += &line(&format!("size {size}"));
    }
    let source = escape::text(&kept.sources.join(", ")).into_owned();
    let mut records = 0;
    let mut synced = 0;
    for (set, on_disk) in [(&kept.synced, true), (&kept.written, false)] {
        for range in set.iter() {
            records += 1;
            text += &line(&format!("wrote {records} {} {} {source}", range.start, range.end));
            synced += u64::from(on_disk);
        }
    }
    text += &line(&format!("synced {synced}"));
    Fresh { text, records, synced }
}

/// What tells this boot of the machine from every other; `None` where the system does not say,
/// and then nothing but what was synced is believed.
fn boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

impl Journal {
    /// Begins a journal that says what is kept of an earlier one.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    pub(super) fn begin(path: &Path, md5: &Digest, kept: Recovered) -> Result<Self, DiskError> {
        let Fresh { text, records, synced } = fresh(md5, boot().as_deref(), &kept);
        disk::replace(path, text.as_bytes())?;
        Ok(Self { file: File::to_append(path)?, records, synced, kept })
    }

    /// Notes the size that a source told.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    pub(super) fn size(&mut self, size: u64) -> Result<(), DiskError> {
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
        self.kept.written.insert(range);
        if !self.kept.sources.contains(&source) {
            self.kept.sources.push(source);
        }
        Ok(())
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

    /// The sources that gave what is written.
    pub(super) fn sources(&self) -> &[String] {
        &self.kept.sources
    }

    fn append(&mut self, text: &str) -> Result<(), DiskError> {
        self.file.append(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MD5: &str = "fe8ed0a6961412fddcbb3603c11b3698";

    fn md5() -> Digest {
        MD5.parse().unwrap()
    }

    fn text(lines: &[&str]) -> String {
        lines.iter().map(|text| line(text)).collect()
    }

    fn written(text: &str, boot: Option<&str>) -> Option<Vec<Range<u64>>> {
        Some(parse(text.as_bytes(), &md5(), boot)?.written.iter().collect())
    }

    #[test]
    fn on_another_boot_only_what_was_synced_is_believed() {
        let header = format!("{FORMAT} {MD5} boot-1");
        let text =
            text(&[&header, "wrote 1 0 10 a", "wrote 2 20 30 b", "synced 1", "wrote 3 40 50 a"]);
        assert_eq!(written(&text, Some("boot-1")), Some(vec![0..10, 20..30, 40..50]));
        assert_eq!(written(&text, Some("boot-2")), Some(vec![0..10; 1]));
        assert_eq!(written(&text, None), Some(vec![0..10; 1]));
    }

    #[test]
    fn a_journal_of_other_content_is_no_journal() {
        let other = format!("{FORMAT} d41d8cd98f00b204e9800998ecf8427e boot-1");
        assert_eq!(written(&text(&[&other, "wrote 1 0 10 a"]), Some("boot-1")), None);
        assert_eq!(written("", Some("boot-1")), None);
    }

    #[test]
    fn every_cut_and_every_flipped_bit_claims_nothing_that_was_not_written() {
        let header = format!("{FORMAT} {MD5} boot-1");
        let whole = text(&[&header, "size 100", "wrote 1 0 10 a", "wrote 2 20 30 b", "synced 2"]);
        let claims = |bytes: &[u8]| {
            let recovered = parse(bytes, &md5(), Some("boot-1")).unwrap_or_default();
            recovered.written.iter().all(|range| range == (0..10) || range == (20..30))
        };
        for cut in 0..whole.len() {
            assert!(claims(&whole.as_bytes()[..cut]), "cut at {cut}");
        }
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                assert!(claims(&bytes), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.journal");
        let mut journal = Journal::begin(&path, &md5(), Recovered::default()).unwrap();
        journal.size(100).unwrap();
        journal.wrote(0..10, "http://a/\u{202e}").unwrap();
        let records = journal.records();
        journal.wrote(10..20, "b c").unwrap();
        journal.synced(records).unwrap();
        let recovered = read(&path, &md5()).unwrap();
        assert_eq!(recovered.size, Some(100));
        assert_eq!(recovered.written.iter().collect::<Vec<_>>(), [0..20; 1]);
        assert_eq!(recovered.synced.iter().collect::<Vec<_>>(), [0..10; 1]);
        assert_eq!(recovered.sources, ["http://a/\\u{202e}", "b c"]);

        let mut again = Journal::begin(&path, &md5(), recovered.clone()).unwrap();
        assert!(!again.is_synced());
        again.wrote(50..60, "b c").unwrap();
        let more = read(&path, &md5()).unwrap();
        assert_eq!(more.written.iter().collect::<Vec<_>>(), [0..20, 50..60]);
        assert_eq!(more.synced, recovered.synced);
    }
}
