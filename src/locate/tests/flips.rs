//! Single bits and bytes that are wrong.

use super::super::bits::Bits;
use super::super::inflate::{AT_MOST, Inflate, Stop};
use super::super::testing::Members;
use super::*;

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
