//! Whole archives, damaged in many ways.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::fuzz::{assert_sound, scan, stored};
use super::testing::{archives, gzip, images, png, tar};
use super::*;

mod flipped_bits;
mod piece_sizes;

fn sound(archive: &[u8]) -> Result<(), Damage> {
    assert_sound(archive, &[1, 777, 64])
}

fn unpacked(archive: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    MultiGzDecoder::new(archive).read_to_end(&mut content).ok().map(|_| content)
}

/// A gzip file of the wrong content with the CRC-32 of the right one.
fn with_trailer_of(content: &[u8], wrong: &[u8]) -> Vec<u8> {
    let mut archive = stored(wrong);
    let trailer = archive.len() - 8;
    archive[trailer..trailer + 4].copy_from_slice(&crc32fast::hash(content).to_le_bytes());
    archive
}

#[test]
fn intact_archives_of_every_kind_pass_in_pieces_of_any_length() {
    for (name, archive) in archives() {
        assert_eq!(sound(&archive), Ok(()), "{name}");
    }
}

#[test]
fn an_archive_cut_at_any_byte_is_truncated() {
    for (name, archive) in archives() {
        for length in (0..archive.len()).filter(|length| name == "level 6" || length % 7 == 0) {
            let damage = scan(&archive[..length], &[length]).0.unwrap_err();
            // The first of two gzip members is complete, but its tar is not.
            assert_eq!(damage.kind, DamageKind::Truncated, "{name} at {length}");
            let size = length as u64;
            assert!(damage.range.start <= size && damage.range.end >= size, "{name}: {damage:?}");
        }
    }
}

/// An archive of the usual kind, large enough for restart points.
fn large() -> Vec<u8> {
    large_at(1)
}

/// The same at another level of compression.
fn large_at(level: u32) -> Vec<u8> {
    let images = (0..12).map(|n| (format!("images/{n:08}_000.png"), png(n, 100_000, 8192)));
    gzip(&tar(&images.collect()), level)
}

#[test]
fn the_scan_continues_from_a_restart_point_when_the_range_is_replaced() {
    let archive = large();
    let mut wrong = archive.clone();
    let flipped = [70_003, 400_001, 400_100, 1_000_000, archive.len() - 3];
    for at in flipped {
        wrong[at] ^= 4;
    }
    let mut scanner = DamageScanner::new(Some(archive.len() as u64));
    let mut ranges = Vec::new();
    while let Err(damage) = {
        let from = usize::try_from(scanner.position()).unwrap();
        scanner.push(&wrong[from..]).and_then(|()| scanner.finish())
    } {
        let start = usize::try_from(damage.range.start).unwrap();
        let end = usize::try_from(damage.range.end).unwrap();
        wrong[start..end].copy_from_slice(&archive[start..end]);
        let back = damage.range.start - scanner.position();
        assert!(back < 400 << 10, "went {back} bytes back from {damage:?}");
        assert!(damage.range.start < 500_000 || scanner.position() > 0);
        ranges.push(start..end);
    }
    assert!(ranges.len() == 4 && wrong == archive, "{ranges:?}");
    for at in flipped {
        assert!(ranges.iter().any(|range| range.contains(&at)), "{at} in {ranges:?}");
    }
}

#[test]
fn the_scanner_can_go_back_before_a_reported_range() {
    let archive = large();
    let mut scanner = DamageScanner::new(None);
    scanner.push(&archive[..1_000_000]).unwrap();
    let proven = scanner.proven();
    assert!(proven > 980_000, "{proven}");
    scanner.rewind(900_000);
    let last = scanner.position();
    assert!((500_000..=900_000).contains(&last), "{last}");
    scanner.rewind(last - 1);
    let before = scanner.position();
    assert!(before < last && before > 0, "{before}");
    scanner.rewind(before - 1);
    assert_eq!((scanner.position(), scanner.proven()), (0, 0));
    scanner.push(&archive).unwrap();
    scanner.finish().unwrap();
}

/// Damage as it happens to files: the first wrong byte is in the range, and the range is small.
#[test]
fn large_damage_is_located_where_it_begins() {
    let archive = large();
    let middle = archive.len() / 2;
    let (before, after) = archive.split_at(middle);
    let zeros = |length: usize| [before, &vec![0; length], &after[length..]].concat();
    let mut swapped = archive.clone();
    swapped[middle..middle + 8192].copy_from_slice(&archive[4096..12_288]);
    for (name, wrong) in [
        ("512 zeros", zeros(512)),
        ("4 KiB of zeros", zeros(4096)),
        ("64 KiB of zeros", zeros(65_536)),
        ("another block", swapped),
        ("a block missing", [before, &after[4096..]].concat()),
        ("a byte missing", [before, &after[1..]].concat()),
        ("a repeated block", [before, &before[middle - 4096..], after].concat()),
        ("line ends", archive.iter().copied().flat_map(line_end).collect()),
        ("line ends of one byte", archive.iter().copied().filter(|b| *b != b'\r').collect()),
    ] {
        let at = archive.iter().zip(&wrong).position(|(a, b)| a != b).unwrap() as u64;
        let damage = scan(&wrong, &[1 << 20]).0.unwrap_err();
        assert!(damage.range.contains(&at), "{name}: {at} in {damage:?}");
        assert!(damage.range.end - damage.range.start < 40_000, "{name}: {damage:?}");
    }
}

/// A line end after a transfer in text mode.
fn line_end(byte: u8) -> Vec<u8> {
    if byte == b'\n' { b"\r\n".to_vec() } else { vec![byte] }
}

#[test]
fn trailing_bytes_are_damage_that_begins_at_the_end() {
    for (name, archive) in archives() {
        let end = archive.len() as u64;
        for more in [&b"\n"[..], b"junk", &[0; 512], b"\x1f\x8b\x08junk", b"\x1fa"] {
            let damage = scan(&[&archive[..], more].concat(), &[5000]).0.unwrap_err();
            assert_eq!(
                (damage.kind, damage.range.start),
                (DamageKind::TrailingBytes, end),
                "{name}: {more:?}"
            );
        }
    }
}

#[test]
fn the_damaged_member_is_named() {
    let members = images(4);
    let content = tar(&members);
    let find = |part: &[u8]| content.windows(part.len()).position(|w| w == part).unwrap();
    for (name, image) in &members {
        let mut wrong = content.clone();
        wrong[find(image) + 500] ^= 1;
        let damage = scan(&stored(&wrong), &[5000]).0.unwrap_err();
        assert_eq!(damage.member.as_deref(), Some(&**name));
        assert_eq!(damage.kind, DamageKind::ChunkCrc);
    }
    // A damaged name is not reported.
    let mut wrong = content.clone();
    wrong[find(members[2].0.as_bytes())] ^= 1;
    let damage = scan(&stored(&wrong), &[5000]).0.unwrap_err();
    assert_eq!((damage.member, damage.kind), (None, DamageKind::TarHeader));
}

/// The range does not become as long as a damaged chunk length says.
#[test]
fn a_damaged_chunk_length_keeps_the_range_small() {
    let image = png(1, 400_000, 8192);
    let mut content = tar(&vec![("a.png".to_owned(), image)]);
    let start = content.windows(4).position(|w| w == b"IDAT").unwrap();
    // The twentieth chunk says that it is 16 times as long, which is possible in this file.
    let length = start - 4 + 20 * (8192 + 12);
    assert_eq!(content[length..length + 8], *b"\0\0\x20\0IDAT");
    content[length + 1..length + 3].copy_from_slice(&[2, 0]);
    let archive = stored(&content);
    let damage = scan(&archive, &[5000]).0.unwrap_err();
    let width = damage.range.end - damage.range.start;
    assert!(width < 5000, "{width}: {damage:?}");
    let wrong = archive.windows(8).position(|w| w == b"\0\x02\0\0IDAT").unwrap() as u64;
    assert!(damage.range.contains(&(wrong + 1)), "{wrong} in {damage:?}");
}

#[test]
fn an_image_may_have_chunks_of_any_length() {
    let mut members = Vec::new();
    for (number, length) in [(0, 100), (1, 5000), (2, 300), (3, 90_000), (4, 64)] {
        members.push((format!("{number}.png"), png(number, 20_000, length)));
    }
    assert_eq!(sound(&stored(&tar(&members))), Ok(()));
}

#[test]
fn only_the_trailer_covers_members_that_are_no_images() {
    let noise = png(1, 5000, 5000)[60..5000].to_vec();
    let members = vec![("a.bin".to_owned(), noise), images(1).remove(0)];
    let content = tar(&members);
    let at = 512 + 512 + 2000;
    let mut wrong = content.clone();
    wrong[at] ^= 1;
    let damage = scan(&with_trailer_of(&content, &wrong), &[5000]).0.unwrap_err();
    assert_eq!(damage.kind, DamageKind::GzipTrailer);
    assert!(damage.range.contains(&(at as u64 + 15)), "{damage:?}");
}

#[test]
fn damage_is_not_located_without_a_tar() {
    let text: Vec<u8> = (0..9000).flat_map(|n| format!("{n},{}\n", n * n).into_bytes()).collect();
    let whole = gzip(&text, 6);
    let (result, scanner) = scan(&whole, &[1000]);
    assert_eq!((result, scanner.is_tar()), (Ok(()), Some(false)));
    for at in [1000, whole.len() / 2, whole.len() - 5] {
        let mut wrong = whole.clone();
        wrong[at] ^= 0x20;
        let damage = sound(&wrong).unwrap_err();
        assert_eq!((damage.kind, damage.range.start), (DamageKind::NoTar, 0));
        assert!(damage.range.contains(&(at as u64)), "{at}");
    }
    let page = scan(b"<html>", &[6]).0.unwrap_err();
    assert_eq!((page.kind, page.range.start), (DamageKind::GzipMagic, 0));
}

#[test]
fn unreadable_bytes_are_damage_at_their_place() {
    let archive = large();
    let mut scanner = DamageScanner::new(None);
    scanner.push(&archive[..600_000]).unwrap();
    let damage = scanner.unreadable(604_160..608_256);
    assert_eq!((damage.range.clone(), damage.kind), (604_160..608_256, DamageKind::Unreadable));
    assert!(damage.member.unwrap().starts_with("images/"));
    assert!((200_000..=604_160).contains(&scanner.position()));
    scanner.push(&archive[usize::try_from(scanner.position()).unwrap()..]).unwrap();
    scanner.finish().unwrap();
}

#[test]
fn random_bytes_are_damage_and_never_a_panic() {
    let mut random = fastrand::Rng::with_seed(5);
    let archives = archives();
    for _ in 0..300 {
        let (_, archive) = &archives[random.usize(..archives.len())];
        let mut garbage = archive.clone();
        let start = random.usize(..garbage.len());
        let end = random.usize(start..garbage.len().min(start + 2000));
        random.fill(&mut garbage[start..=end]);
        let found = assert_sound(&garbage, &[random.usize(1..50), random.usize(1..5000)]);
        if start >= 10 && garbage != *archive && unpacked(&garbage) != unpacked(archive) {
            let damage = found.unwrap_err();
            assert!(damage.range.start <= end as u64, "{start} to {end}: {damage:?}");
        }
    }
}

#[test]
fn a_repair_ends_at_a_multiple_of_the_unit() {
    let damage = |range| Damage { range, member: None, kind: DamageKind::GzipTrailer };
    assert_eq!(damage(10..20).repair_bytes(1 << 20), UNIT - 10);
    assert_eq!(damage(UNIT - 1..UNIT).repair_bytes(1 << 20), 1);
    assert_eq!(damage(10..20).repair_bytes(100), 90);
    assert_eq!(damage(200..220).repair_bytes(100), 0);
    assert_eq!(damage(5..u64::MAX).repair_bytes(100), 95);
}
