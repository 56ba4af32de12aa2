//! The room as a whole.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::fuzz::{assert_sound, stored, walked};
use super::testing::{archives, gzip, images, png, tar};
use super::*;

mod flips;
mod pieces;

fn sound(archive: &[u8]) -> Result<(), Damage> {
    assert_sound(archive, &[1, 777, 64])
}

fn unpacked(archive: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    MultiGzDecoder::new(archive).read_to_end(&mut content).ok().map(|_| content)
}

/// Gzip of what is wrong, which says that it is another content.
fn with_trailer_of(content: &[u8], wrong: &[u8]) -> Vec<u8> {
    let mut archive = stored(wrong);
    let trailer = archive.len() - 8;
    archive[trailer..trailer + 4].copy_from_slice(&crc32fast::hash(content).to_le_bytes());
    archive
}

#[test]
fn whole_archives_of_every_kind_are_whole_in_any_pieces() {
    for (name, archive) in archives() {
        assert_eq!(sound(&archive), Ok(()), "{name}");
    }
}

#[test]
fn a_cut_is_an_end_that_comes_too_early_wherever_it_is() {
    for (name, archive) in archives() {
        for length in (0..archive.len()).filter(|length| name == "level 6" || length % 7 == 0) {
            let damage = walked(&archive[..length], &[length]).0.unwrap_err();
            // The first of two members is an archive, but for its tar.
            assert_eq!(damage.flaw, Flaw::Cut, "{name} at {length}");
            let size = length as u64;
            assert!(damage.range.start <= size && damage.range.end >= size, "{name}: {damage:?}");
        }
    }
}

/// An archive of the usual kind that is large enough for restart points.
fn large() -> Vec<u8> {
    large_at(1)
}

/// The same at another level of compression.
fn large_at(level: u32) -> Vec<u8> {
    let images = (0..12).map(|n| (format!("images/{n:08}_000.png"), png(n, 100_000, 8192)));
    gzip(&tar(&images.collect()), level)
}

#[test]
fn the_walk_goes_on_from_a_restart_point_once_the_range_was_replaced() {
    let archive = large();
    let mut wrong = archive.clone();
    let flipped = [70_003, 400_001, 400_100, 1_000_000, archive.len() - 3];
    for at in flipped {
        wrong[at] ^= 4;
    }
    let mut walker = Walker::new(Some(archive.len() as u64));
    let mut ranges = Vec::new();
    while let Err(damage) = {
        let from = usize::try_from(walker.position()).unwrap();
        walker.push(&wrong[from..]).and_then(|()| walker.finish())
    } {
        let start = usize::try_from(damage.range.start).unwrap();
        let end = usize::try_from(damage.range.end).unwrap();
        wrong[start..end].copy_from_slice(&archive[start..end]);
        let back = damage.range.start - walker.position();
        assert!(back < 400 << 10, "{back} bytes back from {damage:?}");
        assert!(damage.range.start < 500_000 || walker.position() > 0);
        ranges.push(start..end);
    }
    assert!(ranges.len() == 4 && wrong == archive, "{ranges:?}");
    for at in flipped {
        assert!(ranges.iter().any(|range| range.contains(&at)), "{at} in {ranges:?}");
    }
}

#[test]
fn a_range_that_did_not_help_can_be_looked_for_before_it() {
    let archive = large();
    let mut walker = Walker::new(None);
    walker.push(&archive[..1_000_000]).unwrap();
    let proven = walker.proven();
    assert!(proven > 980_000, "{proven}");
    walker.rewind(900_000);
    let last = walker.position();
    assert!((500_000..=900_000).contains(&last), "{last}");
    walker.rewind(last - 1);
    let before = walker.position();
    assert!(before < last && before > 0, "{before}");
    walker.rewind(before - 1);
    assert_eq!((walker.position(), walker.proven()), (0, 0));
    walker.push(&archive).unwrap();
    walker.finish().unwrap();
}

/// What happens to files: the first byte that is wrong is in the range, and the range is small.
#[test]
fn large_damages_are_found_where_they_begin() {
    let archive = large();
    let middle = archive.len() / 2;
    let (before, behind) = archive.split_at(middle);
    let zeros = |length: usize| [before, &vec![0; length], &behind[length..]].concat();
    let mut swapped = archive.clone();
    swapped[middle..middle + 8192].copy_from_slice(&archive[4096..12_288]);
    for (name, wrong) in [
        ("512 zeros", zeros(512)),
        ("4 KiB of zeros", zeros(4096)),
        ("64 KiB of zeros", zeros(65_536)),
        ("another block", swapped),
        ("a block missing", [before, &behind[4096..]].concat()),
        ("a byte missing", [before, &behind[1..]].concat()),
        ("a block doubled", [before, &before[middle - 4096..], behind].concat()),
        ("line ends", archive.iter().copied().flat_map(line_end).collect()),
        ("a byte for every line end", archive.iter().copied().filter(|b| *b != b'\r').collect()),
    ] {
        let at = archive.iter().zip(&wrong).position(|(a, b)| a != b).unwrap() as u64;
        let damage = walked(&wrong, &[1 << 20]).0.unwrap_err();
        assert!(damage.range.contains(&at), "{name}: {at} in {damage:?}");
        assert!(damage.range.end - damage.range.start < 40_000, "{name}: {damage:?}");
    }
}

/// As a transfer in text mode has it.
fn line_end(byte: u8) -> Vec<u8> {
    if byte == b'\n' { b"\r\n".to_vec() } else { vec![byte] }
}

#[test]
fn what_follows_is_damage_and_begins_at_the_end() {
    for (name, archive) in archives() {
        let end = archive.len() as u64;
        for more in [&b"\n"[..], b"junk", &[0; 512], b"\x1f\x8b\x08junk", b"\x1fa"] {
            let damage = walked(&[&archive[..], more].concat(), &[5000]).0.unwrap_err();
            assert_eq!((damage.flaw, damage.range.start), (Flaw::Follows, end), "{name}: {more:?}");
        }
    }
}

#[test]
fn the_member_is_the_one_that_is_damaged() {
    let members = images(4);
    let content = tar(&members);
    let find = |part: &[u8]| content.windows(part.len()).position(|w| w == part).unwrap();
    for (name, image) in &members {
        let mut wrong = content.clone();
        wrong[find(image) + 500] ^= 1;
        let damage = walked(&stored(&wrong), &[5000]).0.unwrap_err();
        assert_eq!(damage.member.as_deref(), Some(&**name));
        assert_eq!(damage.flaw, Flaw::Tar(TarFlaw::Png(PngFlaw::Check)));
    }
    // A name that is itself damaged is not told.
    let mut wrong = content.clone();
    wrong[find(members[2].0.as_bytes())] ^= 1;
    let damage = walked(&stored(&wrong), &[5000]).0.unwrap_err();
    assert_eq!((damage.member, damage.flaw), (None, Flaw::Tar(TarFlaw::Header)));
}

/// The length of a chunk that is damaged does not make the range as long as it says.
#[test]
fn a_damaged_length_keeps_the_range_small() {
    let image = png(1, 400_000, 8192);
    let mut content = tar(&vec![("a.png".to_owned(), image)]);
    let start = content.windows(4).position(|w| w == b"IDAT").unwrap();
    // The twentieth chunk says that it is 16 times as long, which the file could have.
    let length = start - 4 + 20 * (8192 + 12);
    assert_eq!(content[length..length + 8], *b"\0\0\x20\0IDAT");
    content[length + 1..length + 3].copy_from_slice(&[2, 0]);
    let archive = stored(&content);
    let damage = walked(&archive, &[5000]).0.unwrap_err();
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
fn members_that_are_no_images_are_spoken_for_by_the_trailer_alone() {
    let noise = png(1, 5000, 5000)[60..5000].to_vec();
    let members = vec![("a.bin".to_owned(), noise), images(1).remove(0)];
    let content = tar(&members);
    let at = 512 + 512 + 2000;
    let mut wrong = content.clone();
    wrong[at] ^= 1;
    let damage = walked(&with_trailer_of(&content, &wrong), &[5000]).0.unwrap_err();
    assert_eq!(damage.flaw, Flaw::Trailer);
    assert!(damage.range.contains(&(at as u64 + 15)), "{damage:?}");
}

#[test]
fn what_is_no_tar_is_not_located() {
    let text: Vec<u8> = (0..9000).flat_map(|n| format!("{n},{}\n", n * n).into_bytes()).collect();
    let whole = gzip(&text, 6);
    let (result, walker) = walked(&whole, &[1000]);
    assert_eq!((result, walker.is_tar()), (Ok(()), Some(false)));
    for at in [1000, whole.len() / 2, whole.len() - 5] {
        let mut wrong = whole.clone();
        wrong[at] ^= 0x20;
        let damage = sound(&wrong).unwrap_err();
        assert_eq!((damage.flaw, damage.range.start), (Flaw::NoTar, 0));
        assert!(damage.range.contains(&(at as u64)), "{at}");
    }
    let page = walked(b"<html>", &[6]).0.unwrap_err();
    assert_eq!((page.flaw, page.range.start), (Flaw::Gzip(GzipFlaw::Magic), 0));
}

#[test]
fn what_cannot_be_read_is_damage_at_its_place() {
    let archive = large();
    let mut walker = Walker::new(None);
    walker.push(&archive[..600_000]).unwrap();
    let damage = walker.unreadable(604_160..608_256);
    assert_eq!((damage.range.clone(), damage.flaw), (604_160..608_256, Flaw::Unreadable));
    assert!(damage.member.unwrap().starts_with("images/"));
    assert!((200_000..=604_160).contains(&walker.position()));
    walker.push(&archive[usize::try_from(walker.position()).unwrap()..]).unwrap();
    walker.finish().unwrap();
}

#[test]
fn garbage_is_damage_and_never_a_panic() {
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
fn what_is_fetched_goes_on_to_a_multiple() {
    let damage = |range| Damage { range, member: None, flaw: Flaw::Trailer };
    assert_eq!(damage(10..20).to_fetch(1 << 20), UNIT - 10);
    assert_eq!(damage(UNIT - 1..UNIT).to_fetch(1 << 20), 1);
    assert_eq!(damage(10..20).to_fetch(100), 90);
    assert_eq!(damage(200..220).to_fetch(100), 0);
    assert_eq!(damage(5..u64::MAX).to_fetch(100), 95);
}
