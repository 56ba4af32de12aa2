//! The decoder alone, compared with encoders and another decoder.

use flate2::read::DeflateEncoder;
use flate2::{Compression, Decompress, FlushDecompress};
use std::io::Read;

use super::super::fuzz::inflated;
use super::huffman::CodeSet;
use super::*;

/// Contents that compress in different ways.
fn contents() -> Vec<Vec<u8>> {
    let mut random = fastrand::Rng::with_seed(3);
    let mut noise = vec![0; 70_000];
    random.fill(&mut noise);
    let skewed = noise.iter().map(|byte| byte & byte.rotate_left(3)).collect();
    let text: Vec<u8> = (0..9000).flat_map(|n: u32| format!("{} ", n * n).into_bytes()).collect();
    let far = [&noise[..300], &vec![0; 32_468], &noise[..300], &noise[..]].concat();
    let runs = (0..=255).flat_map(|byte: u8| vec![byte; usize::from(byte) * 7]).collect();
    vec![vec![], vec![7], vec![0; 100_000], noise, skewed, text, far, runs]
}

#[test]
fn decompression_reverses_compression() {
    for (number, content) in contents().into_iter().enumerate() {
        for level in 0..=9 {
            let mut stream = Vec::new();
            let mut encoder = DeflateEncoder::new(&content[..], Compression::new(level));
            encoder.read_to_end(&mut stream).unwrap();
            let (found, used) = inflated(&stream).unwrap();
            assert!(found == content, "content {number}, level {level}");
            assert_eq!(used, stream.len() as u64, "content {number}, level {level}");
        }
    }
}

/// The bytes of a stream, from its bits in order; spaces do not count.
fn stream(bits: &str) -> Vec<u8> {
    let bits: Vec<u8> = bits.bytes().filter(|byte| *byte != b' ').map(|byte| byte - b'0').collect();
    bits.chunks(8)
        .map(|bits| bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | bit << at))
        .collect()
}

fn error(bits: &str) -> Option<DamageKind> {
    let bytes = [&stream(bits)[..], &[0; 64]].concat();
    let (mut inflate, mut taken, mut input) =
        (DeflateDecoder::new(), BitReader::default(), &bytes[..]);
    loop {
        let goal = inflate.produced() + AT_MOST;
        match inflate.run(&mut taken, &mut input, goal) {
            Ok(DecodeStatus::StreamEnd | DecodeStatus::NeedsInput) => return None,
            Ok(_) => {}
            Err(kind) => return Some(kind),
        }
    }
}

#[test]
fn every_error_is_recognized() {
    // The fixed codes (RFC 1951, section 3.2.6): `A` is 01110001, the end is 0000000, a length of
    // 3 is 0000001, a distance of 1 is 00000, and 11110 is none.
    for (bits, expected) in [
        ("110 01110001 0000000", None),
        ("110 01110001 0000001 00000 0000000", None),
        ("111", Some(DamageKind::BlockType)),
        ("100 00000 10000000 00000000 01111111 11111111", None),
        ("100 01000 10000000 00000000 01111111 11111111", Some(DamageKind::StoredBlock)),
        ("100 00000 10000000 00000000 01111111 11111110", Some(DamageKind::StoredBlock)),
        ("110 0000001 00000", Some(DamageKind::Distance)),
        ("110 01110001 0000001 00001", Some(DamageKind::Distance)),
        ("110 01110001 0000001 11110", Some(DamageKind::Code)),
        ("110 11000110", Some(DamageKind::Code)),
        ("110 01110001 0000000 1", Some(DamageKind::DeflatePadding)),
        // 287 literals, and 31 distances.
        ("101 01111 00000 0000", Some(DamageKind::CodeTable)),
        ("101 00000 01111 0000", Some(DamageKind::CodeTable)),
        // Three codes of one bit, and one alone.
        ("101 00000 00000 0000 100 100 100 000", Some(DamageKind::CodeTable)),
        ("101 00000 00000 0000 100 000 000 000", Some(DamageKind::CodeTable)),
        // A repetition of the length before the first.
        ("101 00000 00000 0000 100 100 000 000 0 00", Some(DamageKind::CodeTable)),
    ] {
        assert_eq!(error(bits), expected, "{bits}");
    }
}

/// For any lengths, the table has the codes that counting gives.
#[test]
fn tables_hold_the_codes_that_the_lengths_mean() {
    let mut random = fastrand::Rng::with_seed(4);
    let mut complete = 0;
    for round in 0..3000 {
        let lengths = if round % 2 == 0 { split(&mut random) } else { any(&mut random) };
        let mut table = HuffmanTable::<4096, 11>::new();
        let used: f64 = lengths.iter().filter(|l| **l > 0).map(|l| 0.5_f64.powi((*l).into())).sum();
        let built = table.build(&lengths, |symbol| entry(LITERAL, symbol, 0));
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let expected = match used {
            1.0 => Some(CodeSet::Complete),
            0.0 => Some(CodeSet::Empty),
            0.5 if longest == 1 => Some(CodeSet::Single),
            _ => None,
        };
        assert_eq!(built, expected, "{lengths:?}");
        if built == Some(CodeSet::Complete) {
            complete += 1;
            assert_codes(&table, &lengths);
        }
    }
    assert!(complete >= 1500);
}

/// The lengths of a complete set of codes: codes are split in two, again and again.
fn split(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut lengths = vec![1, 1];
    for _ in 0..random.usize(..280) {
        let at = random.usize(..lengths.len());
        if lengths[at] < 15 {
            lengths[at] += 1;
            lengths.push(lengths[at]);
        }
    }
    lengths.extend(vec![0; random.usize(..6)]);
    random.shuffle(&mut lengths);
    lengths
}

fn any(random: &mut fastrand::Rng) -> Vec<u8> {
    let most = random.u8(1..=15);
    (0..random.usize(..288)).map(|_| random.u8(0..=most)).collect()
}

/// Codes in the order of their lengths and symbols (RFC 1951, section 3.2.2).
fn assert_codes(table: &HuffmanTable<4096, 11>, lengths: &[u8]) {
    let mut code = 0_u64;
    for length in 1..=15 {
        for (symbol, _) in lengths.iter().enumerate().filter(|(_, l)| **l == length) {
            let bits = code.reverse_bits() >> (64 - u32::from(length));
            for rest in [0, u64::MAX << length, 0x5555_5555 << length] {
                let found = table.find(bits | rest);
                assert_eq!((value(found), code_length(found)), (symbol, length.into()));
            }
            code += 1;
        }
        code *= 2;
    }
}

#[test]
fn lengths_and_distances_are_those_of_the_format() {
    let both = |entry: HuffmanEntry| (value(entry), extra_bits(entry));
    for (symbol, expected) in [(257, (3, 0)), (264, (10, 0)), (265, (11, 1)), (284, (227, 5))] {
        assert_eq!(both(literal(symbol)), expected);
    }
    assert_eq!(both(literal(285)), (258, 0));
    assert_eq!(literal(286) & (LITERAL | END | BASE), 0);
    for (symbol, expected) in [(0, (1, 0)), (4, (5, 1)), (15, (193, 6)), (29, (24_577, 13))] {
        assert_eq!(both(distance(symbol)), expected);
    }
    assert_eq!(distance(30) & BASE, 0);
}

/// If this decoder accepts a damaged stream, another one does too, and gets the same content.
#[test]
fn an_accepted_damaged_stream_is_accepted_by_another_decoder() {
    let mut random = fastrand::Rng::with_seed(6);
    let content = &contents()[5][..4000];
    let mut stream = Vec::new();
    DeflateEncoder::new(content, Compression::new(6)).read_to_end(&mut stream).unwrap();
    let mut agreed = 0;
    for _ in 0..2000 {
        let mut wrong = stream.clone();
        let at = random.usize(..wrong.len());
        wrong[at] ^= 1 << random.u8(..8);
        let Some((found, _)) = inflated(&wrong) else { continue };
        let mut expected = Vec::with_capacity(found.len() + 1);
        let mut other = Decompress::new(false);
        other.decompress_vec(&wrong, &mut expected, FlushDecompress::Finish).unwrap();
        assert!(found == expected, "byte {at}");
        agreed += 1;
    }
    assert!(agreed > 500, "{agreed}");
}

/// Ten bits are enough for an empty block. Building its code tables would take a thousand times as
/// long as reading it.
#[test]
fn empty_blocks_cost_no_code_tables() {
    let empty_blocks = stream(&"010 0000000".repeat(80_000));
    let (mut inflate, mut bits, mut input) =
        (DeflateDecoder::new(), BitReader::default(), &empty_blocks[..]);
    let mut blocks = 0;
    while inflate.run(&mut bits, &mut input, AT_MOST).unwrap() == DecodeStatus::BlockStart {
        blocks += 1;
        // If the decoder wrote the table again, the mark would be gone.
        assert!(blocks == 1 || inflate.literals.0[4095] == 7);
        inflate.literals.0[4095] = 7;
    }
    assert_eq!(blocks, 80_000);
}
