//! Walks through a whole file.

use std::io;
use std::ops::Range;

use super::{Damage, Walker};
use crate::cancel::Cancel;
use crate::disk::File;

/// What one read asks for, in bytes: small enough to stay in the processor's cache until it has
/// been walked through.
const BLOCK: usize = 256 << 10;

/// Where a read fails, so many bytes are tried at a time: a page of memory, and the sector of
/// newer disks.
const PAGE: u64 = 4096;

/// Whatever can be read at any place.
pub trait ReadAt {
    /// Reads some bytes from the offset on; none behind the end.
    ///
    /// # Errors
    ///
    /// Those of the system, but for `Interrupted`.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl ReadAt for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        Self::read_at(self, buffer, offset)
    }
}

/// The walk was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Cancelled;

/// What a walk has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walked {
    /// What is wrong, where something is; there may be more behind it.
    pub damage: Option<Damage>,
    /// Whether there is a tar in it; `None` where that was not to be told.
    pub is_tar: Option<bool>,
}

/// Walks through an archive of `size` bytes until something is wrong, or to its end. Bytes that
/// cannot be read are a damage. `listen` hears how many bytes are done.
///
/// # Errors
///
/// [`Cancelled`].
pub fn walk(
    source: &impl ReadAt,
    size: u64,
    cancel: &Cancel,
    listen: impl FnMut(u64),
) -> Result<Walked, Cancelled> {
    let mut walker = Walker::new(Some(size));
    let damage = go(&mut walker, source, size, cancel, listen)?;
    Ok(Walked { damage, is_tar: walker.is_tar() })
}

fn go(
    walker: &mut Walker,
    source: &impl ReadAt,
    size: u64,
    cancel: &Cancel,
    mut listen: impl FnMut(u64),
) -> Result<Option<Damage>, Cancelled> {
    let mut buffer = vec![0; BLOCK];
    while walker.position() < size {
        if cancel.is_cancelled() {
            return Err(Cancelled);
        }
        let offset = walker.position();
        let left = usize::try_from(size - offset).unwrap_or(BLOCK);
        let block = &mut buffer[..left.min(BLOCK)];
        let length = match read(source, block, offset) {
            Ok(0) => break,
            Ok(length) => length,
            Err(range) => return Ok(Some(walker.unreadable(range))),
        };
        if let Err(damage) = walker.push(&block[..length]) {
            return Ok(Some(damage));
        }
        listen(walker.position());
    }
    Ok(walker.finish().err())
}

/// The ranges of a file of `size` bytes from `start` on that cannot be read, at most `most` of
/// them. `listen` hears how many bytes are done.
///
/// # Errors
///
/// [`Cancelled`].
pub fn unreadable(
    source: &impl ReadAt,
    start: u64,
    size: u64,
    most: usize,
    cancel: &Cancel,
    mut listen: impl FnMut(u64),
) -> Result<Vec<Range<u64>>, Cancelled> {
    let mut found: Vec<Range<u64>> = Vec::new();
    let mut buffer = vec![0; BLOCK];
    let mut offset = start;
    while offset < size && found.len() < most {
        if cancel.is_cancelled() {
            return Err(Cancelled);
        }
        let left = usize::try_from(size - offset).unwrap_or(BLOCK);
        match read(source, &mut buffer[..left.min(BLOCK)], offset) {
            Ok(0) => break,
            Ok(length) => offset += length as u64,
            Err(range) => {
                offset = range.end;
                match found.last_mut() {
                    Some(last) if last.end == range.start => last.end = range.end,
                    _ => found.push(range),
                }
            }
        }
        listen(offset);
    }
    Ok(found)
}

/// Fills as much of the block as can be read; the range that cannot be if it begins right here.
fn read(source: &impl ReadAt, block: &mut [u8], offset: u64) -> Result<usize, Range<u64>> {
    if let Ok(length) = source.read_at(block, offset) {
        return Ok(length);
    }
    let end = offset + block.len() as u64;
    let mut good = 0;
    for page in pages(offset, end) {
        let length = usize::try_from(page.end - page.start).unwrap_or(0);
        match source.read_at(&mut block[good..good + length], page.start) {
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
        source.read_at(&mut [0; 4096][..length], page.start).is_err()
    };
    let bad = pages(offset, end).take_while(fails).last();
    Err(offset..bad.map_or(offset + 1, |page| page.end))
}

/// The range in pieces that end with a page.
fn pages(start: u64, end: u64) -> impl Iterator<Item = Range<u64>> {
    let behind = move |at: u64| (at / PAGE + 1) * PAGE;
    let starts = std::iter::successors(Some(start), move |&at| Some(behind(at)));
    starts.take_while(move |&at| at < end).map(move |at| at..behind(at).min(end))
}
