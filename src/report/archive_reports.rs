//! The reports on the archives of a run. A table may have hundreds of thousands, so all but the last
//! few hundred reports are compressed.

use std::collections::VecDeque;
use std::fmt;

use libdeflater::{CompressionLvl, Compressor, Decompressor};

use super::ArchiveReport;
use crate::verdict::Verdict;

/// The reports that are compressed together.
const BLOCK: usize = 256;

/// The blocks that an iterator keeps unpacked: reports come nearly in the order of the archives.
const UNPACKED: usize = 4;

/// Reports on archives, by the index of the archive.
#[derive(Clone, Default)]
pub struct ArchiveReports {
    /// For each archive with a report, its place in the order in which the reports came, and its verdict.
    places: Vec<Option<(usize, Verdict)>>,
    full: Vec<Block>,
    last: Vec<ArchiveReport>,
}

#[derive(Clone)]
enum Block {
    /// Compressed, with the length before.
    Packed(Box<[u8]>, usize),
    /// Reports with a text that cannot be packed, such as a path that is not UTF-8.
    Plain(Vec<ArchiveReport>),
}

impl Block {
    fn new(reports: Vec<ArchiveReport>) -> Self {
        match Self::pack(&reports) {
            Some((bytes, length)) => Self::Packed(bytes, length),
            None => Self::Plain(reports),
        }
    }

    fn pack(reports: &[ArchiveReport]) -> Option<(Box<[u8]>, usize)> {
        let plain = postcard::to_stdvec(reports).ok()?;
        let mut compressor = Compressor::new(CompressionLvl::default());
        let mut packed = vec![0; compressor.deflate_compress_bound(plain.len())];
        let length = compressor.deflate_compress(&plain, &mut packed).ok()?;
        packed.truncate(length);
        Some((packed.into(), plain.len()))
    }

    fn unpack(&self) -> Vec<ArchiveReport> {
        match self {
            Self::Plain(reports) => reports.clone(),
            Self::Packed(bytes, length) => {
                let mut plain = vec![0; *length];
                let unpacked = Decompressor::new().deflate_decompress(bytes, &mut plain);
                // What was packed here can be unpacked.
                unpacked.ok().and_then(|_| postcard::from_bytes(&plain).ok()).unwrap_or_default()
            }
        }
    }
}

impl ArchiveReports {
    /// The number of reports.
    pub fn len(&self) -> usize {
        self.verdicts().count()
    }

    /// Returns true if there is no report.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The reports, in the order of the archives.
    pub fn iter(&self) -> ArchiveReportsIter<'_> {
        ArchiveReportsIter { reports: self, next: 0, unpacked: VecDeque::new() }
    }

    /// The reports, each with the index of its archive.
    pub(crate) fn indexed(&self) -> impl Iterator<Item = (usize, ArchiveReport)> {
        let mut reports = self.iter();
        std::iter::from_fn(move || reports.next().map(|report| (reports.next - 1, report)))
    }

    /// The verdicts, in the same order.
    pub fn verdicts(&self) -> impl Iterator<Item = Verdict> {
        self.places.iter().flatten().map(|(_, verdict)| *verdict)
    }

    /// Returns the report on the archive with this index.
    pub fn get(&self, index: usize) -> Option<ArchiveReport> {
        let mut from = ArchiveReportsIter { next: index, ..self.iter() };
        from.next().filter(|_| from.next == index + 1)
    }

    /// Returns true if the archive with this index has a report.
    pub(crate) fn has(&self, index: usize) -> bool {
        matches!(self.places.get(index), Some(Some(_)))
    }

    /// Sets the report on the archive with this index.
    pub(crate) fn set(&mut self, index: usize, report: ArchiveReport) {
        if self.places.len() <= index {
            self.places.resize(index + 1, None);
        }
        let place = self.full.len() * BLOCK + self.last.len();
        self.places[index] = Some((place, report.verdict));
        self.last.push(report);
        if self.last.len() == BLOCK {
            self.full.push(Block::new(std::mem::take(&mut self.last)));
        }
    }
}

impl fmt::Debug for ArchiveReports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl PartialEq for ArchiveReports {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other)
    }
}

impl FromIterator<ArchiveReport> for ArchiveReports {
    fn from_iter<I: IntoIterator<Item = ArchiveReport>>(reports: I) -> Self {
        let mut all = Self::default();
        reports.into_iter().enumerate().for_each(|(index, report)| all.set(index, report));
        all
    }
}

impl From<Vec<ArchiveReport>> for ArchiveReports {
    fn from(reports: Vec<ArchiveReport>) -> Self {
        reports.into_iter().collect()
    }
}

impl<'a> IntoIterator for &'a ArchiveReports {
    type Item = ArchiveReport;
    type IntoIter = ArchiveReportsIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// An iterator over reports.
#[derive(Debug)]
pub struct ArchiveReportsIter<'a> {
    reports: &'a ArchiveReports,
    /// The index of the next archive.
    next: usize,
    /// Blocks with their numbers, the latest first.
    unpacked: VecDeque<(usize, Vec<ArchiveReport>)>,
}

impl Iterator for ArchiveReportsIter<'_> {
    type Item = ArchiveReport;

    fn next(&mut self) -> Option<ArchiveReport> {
        let rest = self.reports.places.get(self.next..)?;
        let (skipped, place) =
            (0..).zip(rest).find_map(|(skipped, place)| Some((skipped, (*place)?.0)))?;
        self.next += skipped + 1;
        let (number, place) = (place / BLOCK, place % BLOCK);
        let Some(block) = self.reports.full.get(number) else {
            return self.reports.last.get(place).cloned();
        };
        if !self.unpacked.iter().any(|(known, _)| *known == number) {
            self.unpacked.truncate(UNPACKED - 1);
            self.unpacked.push_front((number, block.unpack()));
        }
        let (_, block) = self.unpacked.iter().find(|(known, _)| *known == number)?;
        block.get(place).cloned()
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn report(number: usize) -> ArchiveReport {
        let mut report = ArchiveReport::new(number.to_string(), Verdict::ALL[number % 8]);
        report.detail = Some(format!("a reason for {number}"));
        report.path = Some(format!("folder/{number}").into());
        report
    }

    #[test]
    fn reports_stay_as_they_are_in_the_order_of_the_archives() {
        let count = 3 * BLOCK + 7;
        let mut reports = ArchiveReports::default();
        // Every second one comes late, and one again.
        (1..count).step_by(2).for_each(|index| reports.set(index, report(index)));
        (0..count).step_by(2).for_each(|index| reports.set(index, report(index)));
        assert_eq!(reports.len(), count);
        assert!(reports.iter().eq((0..count).map(report)));
        reports.set(5, report(9));
        assert_eq!(reports.get(5), Some(report(9)));
        assert_eq!((reports.len(), reports.has(count)), (count, false));
        assert_eq!(reports.get(count), None);
        assert!(reports.verdicts().eq(reports.iter().map(|report| report.verdict)));
    }

    #[test]
    fn an_archive_without_a_report_is_left_out() {
        let mut reports = ArchiveReports::default();
        reports.set(3, report(3));
        assert_eq!((reports.get(0), reports.len()), (None, 1));
        assert!(reports.iter().eq([report(3)]));
    }

    #[test]
    fn a_path_of_any_bytes_stays() {
        let path = OsString::from_vec(vec![b'a', 0xff]);
        let odd = |index| ArchiveReport { path: Some(path.clone().into()), ..report(index) };
        let reports: ArchiveReports = (0..2 * BLOCK).map(odd).collect();
        assert!(reports.iter().eq((0..2 * BLOCK).map(odd)));
    }

    #[test]
    fn full_blocks_are_small() {
        let reports: ArchiveReports = (0..2 * BLOCK).map(report).collect();
        let bytes = |block: &Block| match block {
            Block::Packed(bytes, _) => bytes.len(),
            Block::Plain(_) => usize::MAX,
        };
        assert!(reports.full.iter().all(|block| bytes(block) < 32 * BLOCK));
    }
}
