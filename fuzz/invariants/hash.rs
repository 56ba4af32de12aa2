//! Fuzz target: streams cut into blocks in any way and hashed side by side.

use md5::{Digest as _, Md5};

use super::{LaneInput, LaneSet, Md5Hasher, Platform};

/// The number of bytes to hash. Their periods are not those of blocks or lanes.
const POOL: usize = 8192;

/// Bytes of the input for one update: three for each block.
const ROUND: usize = 3 * 24;

/// The first byte selects the instructions, the second the number of streams. Each three bytes after
/// them select the stream and the length of a block. The `md-5` crate agrees.
pub(crate) fn md5(bytes: &[u8]) {
    let [platform, count, plan @ ..] = bytes else { return };
    let platforms = Platform::available();
    let lanes = LaneSet::on(platforms[usize::from(*platform) % platforms.len()]);
    let pool: Vec<u8> = bytes.iter().cycle().zip(0..=250).map(|(a, b)| a ^ b).collect();
    let pool: Vec<u8> = pool.iter().copied().cycle().take(POOL).collect();
    let mut streams = vec![(Md5Hasher::new(), Md5::new()); usize::from(count % 20) + 1];
    for round in plan.chunks(ROUND) {
        let mut blocks: Vec<Vec<&[u8]>> = vec![Vec::new(); streams.len()];
        for block in round.as_chunks().0 {
            let [stream, low, high] = *block;
            let block =
                &pool[usize::from(stream)..][..usize::from(u16::from_le_bytes([low, high]) % 4096)];
            let stream = usize::from(stream) % streams.len();
            blocks[stream].push(block);
            streams[stream].1.update(block);
        }
        let inputs =
            streams.iter_mut().zip(&blocks).map(|(s, blocks)| LaneInput::new(&mut s.0, blocks));
        lanes.update(inputs.collect());
    }
    for (hasher, expected) in streams {
        assert_eq!(hasher.finish().as_bytes()[..], expected.finalize()[..]);
    }
}
