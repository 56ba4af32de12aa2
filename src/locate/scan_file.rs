//! Scans a whole file for damage and for ranges that cannot be read.

use std::ops::Range;

use super::{Damage, DamageScanner};
use crate::cancel::Cancel;
use crate::disk::File;

/// Bytes of one read: few enough to stay in the processor's cache until they have been scanned.
const BLOCK: usize = 256 << 10;

/// Bytes of one attempt where a read fails: a page of memory, and the sector of newer disks.
const PAGE: u64 = 4096;

#[derive(Debug)]
pub(crate) struct Cancelled;

#[derive(Debug)]
pub(crate) struct ScanResult {
    /// The first damage; more may follow.
    pub(crate) damage: Option<Damage>,
    /// True if the content is a tar; `None` if that is unknown.
    pub(crate) is_tar: Option<bool>,
}

/// Scans an archive of `size` bytes to the first damage or to its end. Bytes that cannot be read
/// are damage. `listen` gets the number of bytes that are done.
pub(crate) fn scan_file(
    file: &File,
    size: u64,
    cancel: &Cancel,
    mut listen: impl FnMut(u64),
) -> Result<ScanResult, Cancelled> {
    let mut scanner = DamageScanner::new(Some(size));
    let mut damage = None;
    read_blocks(file, 0..size, cancel, |block, done| {
        damage = match block {
            Ok(block) => scanner.push(block).err(),
            Err(range) => Some(scanner.unreadable(range)),
        };
        if damage.is_none() {
            listen(done);
        }
        damage.is_none()
    })?;
    let damage = damage.or_else(|| scanner.finish().err());
    Ok(ScanResult { damage, is_tar: scanner.is_tar() })
}

/// The largest file that is decompressed to find out whether it is complete. A download that was cut
/// off is seldom smaller.
const SMALL: u64 = 16 << 20;

/// Returns true for a small gzip file without damage: it is no beginning of another file.
pub(crate) fn is_small_and_complete(file: &File) -> bool {
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    let scan = || scan_file(file, size, &Cancel::new(), |_| ());
    size > 0 && size <= SMALL && scan().is_ok_and(|result| result.damage.is_none())
}

/// Returns the ranges of a file that cannot be read, at most `most` of them. `listen` gets the
/// number of bytes that are done.
pub(crate) fn unreadable_ranges(
    file: &File,
    range: Range<u64>,
    most: usize,
    cancel: &Cancel,
    mut listen: impl FnMut(u64),
) -> Result<Vec<Range<u64>>, Cancelled> {
    let mut found: Vec<Range<u64>> = Vec::new();
    read_blocks(file, range, cancel, |block, done| {
        match (block, found.last_mut()) {
            (Err(range), Some(last)) if last.end == range.start => last.end = range.end,
            (Err(range), _) => found.push(range),
            (Ok(_), _) => {}
        }
        listen(done);
        found.len() < most
    })?;
    Ok(found)
}

/// Gives each block of the range, or the range that cannot be read in its place, to `take`, with
/// the offset after it, until that returns false or the file ends.
pub(super) fn read_blocks(
    file: &File,
    range: Range<u64>,
    cancel: &Cancel,
    mut take: impl FnMut(Result<&[u8], Range<u64>>, u64) -> bool,
) -> Result<(), Cancelled> {
    let mut buffer = vec![0; BLOCK];
    let mut offset = range.start;
    while offset < range.end {
        if cancel.is_cancelled() {
            return Err(Cancelled);
        }
        let left = usize::try_from(range.end - offset).unwrap_or(BLOCK);
        let read = read(file, &mut buffer[..left.min(BLOCK)], offset);
        offset = match &read {
            Ok(0) => break,
            Ok(length) => offset + *length as u64,
            Err(range) => range.end,
        };
        if !take(read.map(|length| &buffer[..length]), offset) {
            break;
        }
    }
    Ok(())
}

/// Fills as much of the block as can be read. Returns the range that cannot be read if it begins
/// at `offset`.
fn read(file: &File, block: &mut [u8], offset: u64) -> Result<usize, Range<u64>> {
    if let Ok(length) = file.read_at(block, offset) {
        return Ok(length);
    }
    let end = offset + block.len() as u64;
    let mut good = 0;
    for page in pages(offset, end) {
        let length = usize::try_from(page.end - page.start).unwrap_or(0);
        match file.read_at(&mut block[good..good + length], page.start) {
            Ok(read) if read == length => good += length,
            Ok(read) => return Ok(good + read),
            Err(_) => break,
        }
    }
    if good > 0 {
        return Ok(good);
    }
    let fails = |page: &Range<u64>| {
        let length = usize::try_from(page.end - page.start).unwrap_or(0);
        file.read_at(&mut [0; 4096][..length], page.start).is_err()
    };
    let bad = pages(offset, end).take_while(fails).last();
    Err(offset..bad.map_or(offset + 1, |page| page.end))
}

/// The range in pieces that end with a page.
fn pages(start: u64, end: u64) -> impl Iterator<Item = Range<u64>> {
    let after = move |at: u64| (at / PAGE + 1) * PAGE;
    let starts = std::iter::successors(Some(start), move |&at| Some(after(at)));
    starts.take_while(move |&at| at < end).map(move |at| at..after(at).min(end))
}
