//! Single wrong bits and bytes.

use super::super::bit_reader::BitReader;
use super::super::inflate::{AT_MOST, DecodeStatus, DeflateDecoder};
use super::super::testing::Members;
use super::*;

/// Every flipped bit is in the reported range, or does not change the content.
#[test]
fn a_flipped_bit_is_located_or_harmless() {
    for (number, (name, archive)) in archives().into_iter().enumerate() {
        let content = unpacked(&archive);
        let (mut located, mut invisible) = (0, 0);
        let mut good = DamageScanner::new(None);
        for at in 0..archive.len() {
            // Every bit of one archive, and some bits of the others.
            for bit in (0..8).filter(|bit| name == "level 6" || (at + bit + number) % 7 == 0) {
                let mut wrong = archive.clone();
                wrong[at] ^= 1 << bit;
                let mut scanner = good.clone();
                match scanner.push(&wrong[at..]).and_then(|()| scanner.finish()) {
                    Ok(()) => {
                        invisible += 1;
                        let is_header = (3..10).contains(&at);
                        assert!(is_header || unpacked(&wrong) == content, "{name}: {at}, {bit}");
                    }
                    Err(damage) => {
                        located += 1;
                        let range = &damage.range;
                        assert!(range.contains(&(at as u64)), "{name}: {at}, {bit}, {damage:?}");
                        assert!(scanner.position() <= range.start, "{name}: {at}, {bit}");
                    }
                }
            }
            good.push(&archive[at..=at]).unwrap();
        }
        // Time, flags and system in the gzip header; and repetitions of the same zeros.
        assert!(invisible * 20 < located, "{name}: {invisible} invisible, {located} located");
    }
}

/// The first bits of all deflate blocks of an archive.
fn blocks(archive: &[u8]) -> Vec<u64> {
    let (mut inflate, mut bits, mut input) = (DeflateDecoder::new(), BitReader::default(), archive);
    assert_eq!(bits.take(32, &mut input).map(|word| word >> 24), Some(0), "no optional parts");
    let _ = (bits.take(32, &mut input), bits.take(16, &mut input));
    let mut blocks = vec![80];
    loop {
        let goal = inflate.produced() + AT_MOST;
        match inflate.run(&mut bits, &mut input, goal).unwrap() {
            DecodeStatus::GoalReached => {}
            DecodeStatus::BlockStart => blocks.push(bits.position()),
            DecodeStatus::NeedsInput | DecodeStatus::StreamEnd => return blocks,
        }
    }
}

/// The byte of the archive from which the byte at an offset of its content comes, or one shortly
/// after it.
fn place(archive: &[u8], offset: u64) -> usize {
    let (mut inflate, mut bits, mut input) =
        (DeflateDecoder::new(), BitReader::default(), &archive[10..]);
    while inflate.produced() < offset {
        let goal = offset.min(inflate.produced() + AT_MOST);
        inflate.run(&mut bits, &mut input, goal).unwrap();
    }
    10 + usize::try_from(bits.position() / 8).unwrap()
}

/// Flips each bit of these bytes alone, and gives the damage that is found to `take`.
fn flip(archive: &[u8], bytes: Range<usize>, mut take: impl FnMut(usize, u32, Option<Damage>)) {
    let mut good = DamageScanner::new(Some(archive.len() as u64));
    good.push(&archive[..bytes.start]).unwrap();
    for at in bytes {
        for bit in 0..8 {
            let mut scanner = good.clone();
            let result = scanner
                .push(&[archive[at] ^ 1 << bit])
                .and_then(|()| scanner.push(&archive[at + 1..]))
                .and_then(|()| scanner.finish());
            take(at, bit, result.err());
        }
        good.push(&archive[at..=at]).unwrap();
    }
}

/// The first bit of a block says whether it is the last one. This has an effect at its end.
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

/// Between two images, many different bits have the same meaning.
#[test]
fn damage_between_images_is_located() {
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
    // A size with two digits swapped has the same checksum, and shows much later.
    assert!(missed.len() * 500 < flipped, "{} of {flipped}: {missed:#?}", missed.len());
}

/// A checksum does not cover the order of bytes, nor all of its own field.
#[test]
fn every_bit_of_a_tar_header_is_checked() {
    let content = tar(&images(2));
    let archive = stored(&content);
    flip(&archive, 15..15 + 2 * 512, |at, bit, damage| {
        let damage = damage.unwrap_or_else(|| panic!("{at}, {bit}"));
        assert!(damage.range.contains(&(at as u64)), "{at}, {bit}: {damage:?}");
        assert!(damage.range.end < 3000, "{at}, {bit}: {damage:?}");
    });
    // The digits of the time and its end are swapped.
    let mut wrong = content.clone();
    wrong[512 + 136..512 + 148].rotate_right(1);
    let damage = scan(&with_trailer_of(&content, &wrong), &[512]).0.unwrap_err();
    assert!(damage.range.contains(&(15 + 512 + 140)) && damage.range.start < 2000, "{damage:?}");
}

#[test]
fn a_damaged_beginning_of_a_tar_is_located() {
    for members in [images(3), vec![("a.txt".to_owned(), vec![b'a'; 700])]] {
        let content = tar(&members);
        for (from, to) in [(512, 514), (512, 1000)] {
            let content = &content[512..];
            let mut wrong = content.to_vec();
            wrong[from - 512..to - 512].fill(b'#');
            let damage = scan(&with_trailer_of(content, &wrong), &[512]).0.unwrap_err();
            if members.len() == 1 && to == 1000 {
                // No sign of a tar is left.
                assert_eq!(damage.kind, DamageKind::NoTar);
                continue;
            }
            assert_eq!((damage.kind, damage.range.start), (DamageKind::TarHeader, 0));
            assert!(damage.range.end < 600, "{damage:?}");
        }
    }
}

#[test]
fn unused_bits_are_checked() {
    let archive = stored(&tar(&images(1)));
    flip(&archive, 10..11, |_, bit, damage| {
        assert!(bit < 3 || damage.unwrap().kind == DamageKind::StoredBlock, "{bit}");
    });
    // The rest of the last byte of the stream.
    let padded = (0..50).map(|size| gzip(&tar(&vec![("a".to_owned(), vec![7; size])]), 6));
    let mut checked = 0;
    for archive in padded {
        let mut unused = archive.clone();
        let last = archive.len() - 9;
        unused[last] ^= 0x80;
        if unpacked(&unused) == unpacked(&archive) {
            let damage = scan(&unused, &[1000]).0.unwrap_err();
            assert_eq!(damage.kind, DamageKind::DeflatePadding);
            assert!(damage.range.contains(&(last as u64)));
            checked += 1;
        }
    }
    assert!(checked > 0);
}

#[test]
fn a_damaged_trailer_differs_from_damaged_content() {
    for (name, archive) in archives() {
        let trailer = archive.len() - 8;
        flip(&archive, trailer..archive.len(), |at, bit, damage| {
            let damage = damage.unwrap();
            let range = trailer as u64..archive.len() as u64;
            assert_eq!(
                (damage.kind, damage.range),
                (DamageKind::GzipTrailer, range),
                "{name}: {at}, {bit}"
            );
        });
        let lost = [&archive[..trailer], &[0; 8]].concat();
        let damage = scan(&lost, &[1000]).0.unwrap_err();
        assert_eq!(
            (damage.kind, damage.range.start),
            (DamageKind::GzipTrailer, trailer as u64),
            "{name}"
        );
    }
}

#[test]
fn zeros_are_checked() {
    let content = tar(&images(2));
    let archive = stored(&content);
    let first = 1024 + images(1)[0].1.len();
    let padding = first + 15..first.next_multiple_of(512) + 15;
    let end = archive.len() - 13 - 100..archive.len() - 13;
    for (place, kind) in [(padding, DamageKind::TarPadding), (end, DamageKind::TarHeader)] {
        flip(&archive, place, |at, bit, damage| {
            let damage = damage.unwrap();
            assert_eq!(damage.kind, kind, "{at}, {bit}");
            assert!(damage.range.contains(&(at as u64)), "{at}, {bit}: {damage:?}");
        });
    }
}
