//! Fuzz targets: promises about every archive, however damaged, and every stream in it.

use std::ops::Range;

use flate2::{Decompress, FlushDecompress, Status};

use super::bit_reader::BitReader;
use super::gzip::MAGIC;
use super::identify::{self, FileKind, HEAD};
use super::images::png_file::{self, Depth};
use super::inflate::{AT_MOST, DecodeStatus, DeflateDecoder};
use super::{Damage, DamageKind, DamageScanner};
use crate::fuzzing::{assert_message, assert_visible};

/// Bytes after the pushed ones that a range may include: a symbol was expected there.
const AHEAD: u64 = 6;

/// Scans an archive in pieces of these lengths, which repeat. Returns the result and the scanner.
pub(crate) fn scan(archive: &[u8], pieces: &[usize]) -> (Result<(), Damage>, DamageScanner) {
    let mut scanner = DamageScanner::new(None);
    let mut lengths = pieces.iter().cycle();
    let mut rest = archive;
    let mut result = Ok(());
    while result.is_ok() && !rest.is_empty() {
        let length = lengths.next().map_or(rest.len(), |&length| length.clamp(1, rest.len()));
        let (piece, after) = rest.split_at(length);
        result = scanner.push(piece);
        rest = after;
    }
    (result.and_then(|()| scanner.finish()), scanner)
}

/// The result is the same for pieces of any length, and again after going back.
pub(crate) fn assert_sound(archive: &[u8], pieces: &[usize]) -> Result<(), Damage> {
    let (result, mut scanner) = scan(archive, &[archive.len()]);
    assert_eq!(scan(archive, pieces).0, result, "in pieces of {pieces:?}");
    let size = archive.len() as u64;
    let Err(damage) = &result else {
        assert_eq!((scanner.position(), scanner.proven()), (size, size));
        return result;
    };
    let Range { start, end } = damage.range;
    assert!(start < end && start <= size && end <= size + AHEAD, "{damage:?} of {size}");
    assert_visible(&damage.kind.to_string());
    assert!(scanner.proven() <= scanner.position() && scanner.position() <= start);
    let from = usize::try_from(scanner.position()).unwrap_or(0);
    let again = scanner.push(&archive[from..]).and_then(|()| scanner.finish());
    assert_eq!(again, result, "again from byte {from}");
    result
}

/// The first two bytes give the lengths of the pieces, the rest is an archive.
pub(crate) fn scanner(bytes: &[u8]) {
    if let [first, second, archive @ ..] = bytes {
        let _ = assert_sound(archive, &[usize::from(*first), usize::from(*second) * 64]);
    }
}

/// The bytes are a tar, stored without compression.
pub(crate) fn tar(bytes: &[u8]) {
    let _ = assert_sound(&stored(bytes), &[bytes.len() % 1021, 1 << 12]);
}

/// A gzip file with the content in stored blocks.
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

/// The bytes are a PNG: whatever they are, a check of the pixels finds what a check of the checksums
/// finds. What is right in pieces is right as a whole; the other decoder accepts more, such as bits
/// that nobody reads.
pub(crate) fn png(bytes: &[u8]) {
    let checksums = png_file::check(bytes, Depth::Checksums);
    let pixels = png_file::check(bytes, Depth::Pixels);
    match (checksums, pixels) {
        (Err(problem), pixels) => assert_eq!(pixels, Err(problem)),
        (Ok(header), Ok(pixels)) => assert_eq!(header, pixels),
        (Ok(_), Err(problem)) => assert_message(&problem.to_string()),
    }
    match png_file::check_pieces(bytes, 1 + bytes.len() % 97) {
        Err(DamageKind::ImageData) => {}
        result => assert_eq!(result, pixels),
    }
}

/// The bytes are a deflate stream: if it is complete, another decoder agrees and gets the same
/// bytes.
pub(crate) fn inflate(bytes: &[u8]) {
    let Some((found, used)) = inflated(bytes) else { return };
    let mut expected = Vec::with_capacity(found.len() + 1);
    let mut other = Decompress::new(false);
    let status = other.decompress_vec(bytes, &mut expected, FlushDecompress::Finish);
    assert_eq!(status.ok(), Some(Status::StreamEnd));
    assert!(expected == found, "expected {} bytes, found {}", expected.len(), found.len());
    assert_eq!(other.total_in(), used);
}

/// Decodes a complete stream, up to 4 MiB. Returns its content and its length.
pub(crate) fn inflated(bytes: &[u8]) -> Option<(Vec<u8>, u64)> {
    let (mut inflate, mut bits, mut input) = (DeflateDecoder::new(), BitReader::default(), bytes);
    let mut found = Vec::new();
    while found.len() < 4 << 20 {
        let before = inflate.produced();
        let status = inflate.run(&mut bits, &mut input, before + AT_MOST).ok()?;
        found.extend(inflate.slices(before, inflate.produced()).concat());
        match status {
            DecodeStatus::NeedsInput => return None,
            DecodeStatus::StreamEnd => return Some((found, bits.position() / 8)),
            DecodeStatus::GoalReached | DecodeStatus::BlockStart => {}
        }
    }
    None
}

/// Every file has a short description, and an archive that begins as gzip is never out of place.
pub(crate) fn identify(bytes: &[u8]) {
    let kind = identify::kind(&bytes[..bytes.len().min(HEAD)]);
    assert_message(&kind.to_string());
    for name in ["images_001.tar.gz", "a.tar", "a.csv", "a.html", "a", "a.ZIP", "a.pdf"] {
        let is_out_of_place = identify::is_out_of_place(&kind, name);
        assert!(!is_out_of_place || !matches!(kind, FileKind::Empty | FileKind::Zeros));
        let is_gzip = bytes.starts_with(b"\x1f\x8b");
        assert!(!(is_gzip && is_out_of_place && identify::expects_gzip(name)));
    }
}
