//! The check of the hash: compares the lanes of every instruction set with known answers and, on random
//! input, with the `md-5` crate.

use md5::{Digest as _, Md5};

use super::{CheckError, CheckResult};
use crate::hash::digest::{DigestOf, ParseDigestError};
use crate::hash::{LaneInput, LaneSet, Md5Hasher, Platform};

/// Messages and their MD5s (RFC 1321, appendix A.5).
const KNOWN: [(&str, &str); 7] = [
    ("", "d41d8cd98f00b204e9800998ecf8427e"),
    ("a", "0cc175b9c0f1b6a831c399e269772661"),
    ("abc", "900150983cd24fb0d6963f7d28e17f72"),
    ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
    ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
    (
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        "d174ab98d277d9f5a5611c2c9f419d9f",
    ),
    (
        "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
        "57edf4a22be3c955ac49da2e2107b67a",
    ),
];

/// The MD5 of a thousand times the letter a, as `md5sum` prints it. Lanes take whole blocks, and
/// the messages above have at most one.
const THOUSAND: &str = "cabe45dcc9ae5b66ba86600cca6b8ba8";

/// Rounds of random streams for each set of lanes.
const ROUNDS: usize = 8;

/// The longest random stream, in blocks of MD5.
const MAX_BLOCKS: usize = 128;

/// Bytes in a block (RFC 1321, section 3.4).
const BLOCK: usize = 64;

/// Bytes after the last whole block at which the padding changes: the length no longer fits into the
/// block after 55 bytes.
const EDGES: [usize; 6] = [0, 1, 55, 56, 57, 63];

/// The bytes of a stream, and its expected digest.
type KnownAnswer<'a> = (&'a [u8], DigestOf<16>);

/// Checks the lanes of these platforms, of which the first is in use. `seed` selects the random input.
pub(super) fn check(platforms: &[Platform], seed: u64, sabotaged: bool) -> CheckResult {
    let thousand = vec![b'a'; 1000 - usize::from(sabotaged)];
    for platform in platforms {
        known_answers(*platform, &thousand)?;
        random_input(*platform, seed)?;
    }
    let named = |platform: &Platform| format!("{} × {}", platform.name(), platform.lanes());
    let names: Vec<_> = platforms.iter().map(named).collect();
    let used = names.first().map_or("", String::as_str);
    let others = match names.get(1..).unwrap_or_default() {
        [] => String::new(),
        others => format!("; so do {}", others.join(", ")),
    };
    Ok(format!(
        "lanes in use: {used}; they give known answers and agree with the md-5 crate on random input{others}"
    ))
}

fn known_answers(platform: Platform, thousand: &[u8]) -> Result<(), CheckError> {
    let known = KNOWN.iter().map(|(message, md5)| (message.as_bytes(), *md5));
    let thousands = std::iter::repeat_n((thousand, THOUSAND), platform.lanes());
    let samples: Result<Vec<KnownAnswer<'_>>, ParseDigestError> =
        known.chain(thousands).map(|(message, md5)| Ok((message, md5.parse()?))).collect();
    let samples = samples.map_err(|error| CheckError::corrupt(error.to_string()))?;
    compare(platform, &samples, <[u8]>::len, "a known answer")
}

/// Compares the lanes with the `md-5` crate on streams of random bytes and random lengths: enough
/// streams to fill the lanes twice, and one more. Half of them end near the edge of a block, and each
/// comes in two pieces.
fn random_input(platform: Platform, seed: u64) -> Result<(), CheckError> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut pool = vec![0; 2 * MAX_BLOCKS * BLOCK];
    random.fill(&mut pool);
    for _ in 0..ROUNDS {
        let mut sample = || {
            let rest = random.choice(EDGES).filter(|_| random.bool());
            let length = random.usize(..MAX_BLOCKS) * BLOCK + rest.unwrap_or(random.usize(..BLOCK));
            let bytes = &pool[random.usize(..MAX_BLOCKS * BLOCK)..][..length];
            (bytes, DigestOf::new(Md5::digest(bytes).into()))
        };
        let samples: Vec<KnownAnswer<'_>> = (0..=2 * platform.lanes()).map(|_| sample()).collect();
        let source = format!("from the md-5 crate, random seed {seed}");
        compare(platform, &samples, |bytes| random.usize(..=bytes.len()), &source)?;
    }
    Ok(())
}

/// Hashes the samples side by side, each split at the index that `cut` returns, and compares their
/// digests.
fn compare(
    platform: Platform,
    samples: &[KnownAnswer<'_>],
    mut cut: impl FnMut(&[u8]) -> usize,
    source: &str,
) -> Result<(), CheckError> {
    let mut hashers = vec![Md5Hasher::new(); samples.len()];
    let pieces: Vec<[&[u8]; 2]> =
        samples.iter().map(|(bytes, _)| bytes.split_at(cut(bytes)).into()).collect();
    let inputs =
        hashers.iter_mut().zip(&pieces).map(|(hasher, pieces)| LaneInput::new(hasher, pieces));
    LaneSet::on(platform).update(inputs.collect());
    for (hasher, (bytes, expected)) in hashers.into_iter().zip(samples) {
        let actual = hasher.finish();
        if actual != *expected {
            let (name, length) = (platform.name(), bytes.len());
            return Err(CheckError::corrupt(format!(
                "{name} computes a wrong MD5 for {length} bytes: expected {expected} ({source}), found {actual}"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a run of the tests can give the seed")]
    fn all_lanes_agree_with_the_md5_crate() {
        let seed = std::env::var("CXR_TESTS_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| fastrand::u64(..));
        check(&Platform::available(), seed, false).unwrap();
    }

    #[test]
    fn one_wrong_lane_is_found_and_the_seed_is_printed() {
        let detail = random_input(Platform::WRONG, 7).unwrap_err().detail;
        assert!(detail.starts_with("wrong computes a wrong MD5 for "), "{detail}");
        assert!(detail.contains("(from the md-5 crate, random seed 7)"), "{detail}");
    }
}
