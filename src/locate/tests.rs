//! The room as a whole.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::bits::Bits;
use super::fuzz::{assert_sound, stored, walked};
use super::inflate::{AT_MOST, Inflate, Stop};
use super::testing::{Members, archives, gzip, images, png, tar};
use super::*;

fn sound(archive: &[u8]) -> Result<(), Damage> {
    assert_sound(archive, &[1, 777, 64])
}

fn unpacked(archive: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    MultiGzDecoder::new(archive).read_to_end(&mut content).ok().map(|_| content)
}

#[test]
fn whole_archives_of_every_kind_are_whole_in_any_pieces() {
    for (name, archive) in archives() {
        assert_eq!(sound(&archive), Ok(()), "{name}");
    }
}

/// Every flipped bit is in the range that is told, or does not change what comes out.
#[test]
fn a_flipped_bit_is_located_or_harmless() {
    for (number, (name, archive)) in archives().into_iter().enumerate() {
        let content = unpacked(&archive);
        let (mut located, mut invisible) = (0, 0);
        let mut good = Walker::new(None);
        for at in 0..archive.len() {
            // Each bit of one archive, and a few of those of the others.
            for bit in (0..8).filter(|bit| name == "level 6" || (at + bit + number) % 7 == 0) {
                let mut wrong = archive.clone();
                wrong[at] ^= 1 << bit;
                let mut walker = good.clone();
                match walker.push(&wrong[at..]).and_then(|()| walker.finish()) {
                    Ok(()) => {
                        invisible += 1;
                        let is_header = (3..10).contains(&at);
                        assert!(is_header || unpacked(&wrong) == content, "{name}: {at}, {bit}");
                    }
                    Err(damage) => {
                        located += 1;
                        let range = &damage.range;
                        assert!(range.contains(&(at as u64)), "{name}: {at}, {bit}, {damage:?}");
                        assert!(walker.position() <= range.start, "{name}: {at}, {bit}");
                    }
                }
            }
            good.push(&archive[at..=at]).unwrap();
        }
        // Time, flags and system in the header of gzip; and repetitions of the same zeros.
        assert!(invisible * 20 < located, "{name}: {invisible} invisible, {located} located");
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

/// Where in an archive each block of its stream begins, in bits.
fn blocks(archive: &[u8]) -> Vec<u64> {
    let (mut inflate, mut bits, mut input) = (Inflate::new(), Bits::default(), archive);
    assert_eq!(bits.take(32, &mut input).map(|word| word >> 24), Some(0), "no optional parts");
    let _ = (bits.take(32, &mut input), bits.take(16, &mut input));
    let mut blocks = vec![80];
    loop {
        let goal = inflate.produced() + AT_MOST;
        match inflate.run(&mut bits, &mut input, goal).unwrap() {
            Stop::Goal => {}
            Stop::Block => blocks.push(bits.position()),
            Stop::Input | Stop::End => return blocks,
        }
    }
}

/// Where in an archive the byte at an offset of its content comes from, or shortly behind.
fn place(archive: &[u8], offset: u64) -> usize {
    let (mut inflate, mut bits, mut input) = (Inflate::new(), Bits::default(), &archive[10..]);
    while inflate.produced() < offset {
        let goal = offset.min(inflate.produced() + AT_MOST);
        inflate.run(&mut bits, &mut input, goal).unwrap();
    }
    10 + usize::try_from(bits.position() / 8).unwrap()
}

/// Tells of each bit of these bytes what is said when it is wrong; `None` where nothing is.
fn flip(archive: &[u8], bytes: Range<usize>, mut tell: impl FnMut(usize, u32, Option<Damage>)) {
    let mut good = Walker::new(Some(archive.len() as u64));
    good.push(&archive[..bytes.start]).unwrap();
    for at in bytes {
        for bit in 0..8 {
            let mut walker = good.clone();
            let said = walker
                .push(&[archive[at] ^ 1 << bit])
                .and_then(|()| walker.push(&archive[at + 1..]))
                .and_then(|()| walker.finish());
            tell(at, bit, said.err());
        }
        good.push(&archive[at..=at]).unwrap();
    }
}

/// The first bit of a block says whether it is the last one, which shows when it ends.
#[test]
fn a_damaged_last_block_bit_is_located() {
    for archive in [0, 1, 6].map(large_at) {
        let blocks = blocks(&archive);
        assert!(blocks.len() > 4, "{} in {}", blocks.len(), archive.len());
        for bit in blocks {
            let at = usize::try_from(bit / 8).unwrap();
            flip(&archive, at..at + 1, |_, flipped, damage| {
                if flipped == u32::try_from(bit % 8).unwrap() {
                    let range = damage.unwrap().range;
                    assert!(range.contains(&(at as u64)), "{at} in {range:?}");
                }
            });
        }
    }
}

/// Where an image ends and the next one begins there is much that means the same in many ways.
#[test]
fn what_is_damaged_between_images_is_located() {
    let members: Members = (0..6).map(|n| (format!("{n}.png"), png(n, 30_000, 4096))).collect();
    let content = tar(&members);
    let (mut flipped, mut missed) = (0, Vec::new());
    for level in [1, 6] {
        let archive = gzip(&content, level);
        let whole = unpacked(&archive);
        let mut offset = 512;
        for (_, image) in &members {
            let header = place(&archive, offset)..place(&archive, offset + 512 + 80);
            flip(&archive, header.start.max(40) - 30..header.end, |at, bit, damage| {
                flipped += 1;
                let Some(damage) = damage else {
                    let mut wrong = archive.clone();
                    wrong[at] ^= 1 << bit;
                    assert!(unpacked(&wrong) == whole, "{at}, {bit}");
                    return;
                };
                if !damage.range.contains(&(at as u64)) {
                    missed.push((at, bit, damage));
                }
            });
            offset += 512 + (image.len() as u64).next_multiple_of(512);
        }
    }
    // A size whose digits have changed places has the same sum, and is noticed much later.
    assert!(missed.len() * 500 < flipped, "{} of {flipped}: {missed:#?}", missed.len());
}

/// A checksum does not see whether bytes change places, nor all that stands in its own field.
#[test]
fn a_header_is_right_only_if_all_of_it_is() {
    let content = tar(&images(2));
    let archive = stored(&content);
    flip(&archive, 15..15 + 2 * 512, |at, bit, damage| {
        let damage = damage.unwrap_or_else(|| panic!("{at}, {bit}"));
        assert!(damage.range.contains(&(at as u64)), "{at}, {bit}: {damage:?}");
        assert!(damage.range.end < 3000, "{at}, {bit}: {damage:?}");
    });
    // The time and its end.
    let mut wrong = content.clone();
    wrong[512 + 136..512 + 148].rotate_right(1);
    let damage = walked(&with_trailer_of(&content, &wrong), &[512]).0.unwrap_err();
    assert!(damage.range.contains(&(15 + 512 + 140)) && damage.range.start < 2000, "{damage:?}");
}

/// Gzip of what is wrong, which says that it is another content.
fn with_trailer_of(content: &[u8], wrong: &[u8]) -> Vec<u8> {
    let mut archive = stored(wrong);
    let trailer = archive.len() - 8;
    archive[trailer..trailer + 4].copy_from_slice(&crc32fast::hash(content).to_le_bytes());
    archive
}

#[test]
fn a_damaged_beginning_of_a_tar_is_located() {
    for members in [images(3), vec![("a.txt".to_owned(), vec![b'a'; 700])]] {
        let content = tar(&members);
        for (from, to) in [(512, 514), (512, 1000)] {
            let content = &content[512..];
            let mut wrong = content.to_vec();
            wrong[from - 512..to - 512].fill(b'#');
            let damage = walked(&with_trailer_of(content, &wrong), &[512]).0.unwrap_err();
            if members.len() == 1 && to == 1000 {
                // Nothing is left that a tar could be known by.
                assert_eq!(damage.flaw, Flaw::NoTar);
                continue;
            }
            assert_eq!((damage.flaw, damage.range.start), (Flaw::Tar(TarFlaw::Header), 0));
            assert!(damage.range.end < 600, "{damage:?}");
        }
    }
}

#[test]
fn bits_that_nothing_depends_on_are_looked_at() {
    let archive = stored(&tar(&images(1)));
    flip(&archive, 10..11, |_, bit, damage| {
        assert!(bit < 3 || damage.unwrap().flaw == Flaw::Inflate(InflateFlaw::Stored), "{bit}");
    });
    // The rest of the last byte of the stream.
    let padded = (0..50).map(|size| gzip(&tar(&vec![("a".to_owned(), vec![7; size])]), 6));
    let mut looked_at = 0;
    for archive in padded {
        let mut unused = archive.clone();
        let last = archive.len() - 9;
        unused[last] ^= 0x80;
        if unpacked(&unused) == unpacked(&archive) {
            let damage = walked(&unused, &[1000]).0.unwrap_err();
            assert_eq!(damage.flaw, Flaw::Inflate(InflateFlaw::Padding));
            assert!(damage.range.contains(&(last as u64)));
            looked_at += 1;
        }
    }
    assert!(looked_at > 0);
}

#[test]
fn a_damaged_trailer_is_told_from_a_damaged_content() {
    for (name, archive) in archives() {
        let trailer = archive.len() - 8;
        flip(&archive, trailer..archive.len(), |at, bit, damage| {
            let damage = damage.unwrap();
            let range = trailer as u64..archive.len() as u64;
            assert_eq!((damage.flaw, damage.range), (Flaw::Trailer, range), "{name}: {at}, {bit}");
        });
        let lost = [&archive[..trailer], &[0; 8]].concat();
        let damage = walked(&lost, &[1000]).0.unwrap_err();
        assert_eq!((damage.flaw, damage.range.start), (Flaw::Trailer, trailer as u64), "{name}");
    }
}

#[test]
fn zeros_are_looked_at() {
    let content = tar(&images(2));
    let archive = stored(&content);
    let first = 1024 + images(1)[0].1.len();
    let padding = first + 15..first.next_multiple_of(512) + 15;
    let end = archive.len() - 13 - 100..archive.len() - 13;
    for (place, flaw) in [(padding, TarFlaw::Padding), (end, TarFlaw::Header)] {
        flip(&archive, place, |at, bit, damage| {
            let damage = damage.unwrap();
            assert_eq!(damage.flaw, Flaw::Tar(flaw), "{at}, {bit}");
            assert!(damage.range.contains(&(at as u64)), "{at}, {bit}: {damage:?}");
        });
    }
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
