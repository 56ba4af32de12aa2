//! A compressible PNG, for the tests and for the benchmark of locating damage.

/// A PNG of noise in which some bytes are twice as frequent, in chunks as long as those of the
/// originals. Gzip saves 3 % on it.
pub(crate) fn noise(seed: u64) -> Vec<u8> {
    let mut noise = vec![0; 400_000];
    fastrand::Rng::with_seed(seed).fill(&mut noise);
    noise.iter_mut().filter(|byte| **byte < 80).for_each(|byte| *byte /= 2);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    png.extend(chunk(*b"IHDR", &[0, 0, 4, 0, 0, 0, 4, 0, 8, 0, 0, 0, 0]));
    noise.chunks(8192).for_each(|data| png.extend(chunk(*b"IDAT", data)));
    png.extend(chunk(*b"IEND", &[]));
    png
}

fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [&kind[..], data].concat();
    let length = u32::try_from(data.len()).expect("a few kilobytes").to_be_bytes();
    [&length[..], &body, &crc32fast::hash(&body).to_be_bytes()].concat()
}
