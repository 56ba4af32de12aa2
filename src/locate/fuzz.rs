//! What holds of every archive, however damaged, and of every stream in it.

use std::ops::Range;

use flate2::{Decompress, FlushDecompress, Status};

use super::bits::Bits;
use super::gzip::MAGIC;
use super::inflate::{AT_MOST, Inflate, Stop};
use super::{Damage, Walker};
use crate::fuzzing::promises::assert_visible;

/// So many bytes behind the pushed ones a range may end: a symbol was looked for in them.
const AHEAD: u64 = 6;

/// What a walker says of an archive that comes in pieces of these lengths, over and over; and the
/// walker.
pub(crate) fn walked(archive: &[u8], pieces: &[usize]) -> (Result<(), Damage>, Walker) {
    let mut walker = Walker::new(None);
    let mut lengths = pieces.iter().cycle();
    let mut rest = archive;
    let mut result = Ok(());
    while result.is_ok() && !rest.is_empty() {
        let length = lengths.next().map_or(rest.len(), |&length| length.clamp(1, rest.len()));
        let (piece, behind) = rest.split_at(length);
        result = walker.push(piece);
        rest = behind;
    }
    (result.and_then(|()| walker.finish()), walker)
}

/// The same is said however the archive comes, and once more after going back.
pub(crate) fn assert_sound(archive: &[u8], pieces: &[usize]) -> Result<(), Damage> {
    let (result, mut walker) = walked(archive, &[archive.len()]);
    assert_eq!(walked(archive, pieces).0, result, "in pieces of {pieces:?}");
    let size = archive.len() as u64;
    let Err(damage) = &result else {
        assert_eq!((walker.position(), walker.proven()), (size, size));
        return result;
    };
    let Range { start, end } = damage.range;
    assert!(start < end && start <= size && end <= size + AHEAD, "{damage:?} of {size}");
    assert_visible(&damage.flaw.to_string());
    assert!(walker.proven() <= walker.position() && walker.position() <= start);
    let from = usize::try_from(walker.position()).unwrap_or(0);
    let again = walker.push(&archive[from..]).and_then(|()| walker.finish());
    assert_eq!(again, result, "from {from} on");
    result
}

/// The first two bytes say in which pieces the rest comes, which is an archive.
pub(crate) fn walker(bytes: &[u8]) {
    if let [first, second, archive @ ..] = bytes {
        let _ = assert_sound(archive, &[usize::from(*first), usize::from(*second) * 64]);
    }
}

/// The bytes are a tar, which is not compressed any further: they come through unchanged.
pub(crate) fn tar(bytes: &[u8]) {
    let _ = assert_sound(&stored(bytes), &[bytes.len() % 1021, 1 << 12]);
}

/// Gzip with the content in stored blocks.
pub(crate) fn stored(content: &[u8]) -> Vec<u8> {
    let mut gzip = vec![MAGIC[0], MAGIC[1], 8, 0, 0, 0, 0, 0, 0, 255];
    for block in content.chunks(5000) {
        let length = u16::try_from(block.len()).unwrap_or(0);
        gzip.push(0);
        gzip.extend(length.to_le_bytes());
        gzip.extend((!length).to_le_bytes());
        gzip.extend(block);
    }
    gzip.extend([1, 0, 0, 255, 255]);
    gzip.extend(crc32fast::hash(content).to_le_bytes());
    gzip.extend(u32::try_from(content.len()).unwrap_or(0).to_le_bytes());
    gzip
}

/// The bytes are a deflate stream: what is taken for whole is so for another decoder too, which
/// gets the same out of it.
pub(crate) fn inflate(bytes: &[u8]) {
    let Some((found, used)) = inflated(bytes) else { return };
    let mut expected = Vec::with_capacity(found.len() + 1);
    let mut other = Decompress::new(false);
    let status = other.decompress_vec(bytes, &mut expected, FlushDecompress::Finish);
    assert_eq!(status.ok(), Some(Status::StreamEnd));
    assert!(expected == found, "{} bytes, should be {}", found.len(), expected.len());
    assert_eq!(other.total_in(), used);
}

/// What comes out of a whole stream, up to 4 MiB, and how many bytes it has.
pub(crate) fn inflated(bytes: &[u8]) -> Option<(Vec<u8>, u64)> {
    let (mut inflate, mut bits, mut input) = (Inflate::new(), Bits::default(), bytes);
    let mut found = Vec::new();
    while found.len() < 4 << 20 {
        let before = inflate.produced();
        let stop = inflate.run(&mut bits, &mut input, before + AT_MOST).ok()?;
        found.extend(inflate.slices(before, inflate.produced()).concat());
        match stop {
            Stop::Input => return None,
            Stop::End => {
                return Some((found, bits.position() / 8));
            }
            Stop::Goal | Stop::Block => {}
        }
    }
    None
}
