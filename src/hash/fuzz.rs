//! What holds of every way to cut streams into blocks and to hash them side by side.

use md5::{Digest as _, Md5};

use super::{Chain, Feed, Lanes, Platform};

/// The bytes that are hashed: none of their periods is that of a block or a lane.
const POOL: usize = 8192;

/// So many bytes of the input say what is hashed in one go: three for each block.
const ROUND: usize = 3 * 24;

/// The first byte chooses the instructions, the second how many streams there are; every three
/// after them which stream gets a block, and how long that is. The `md-5` crate agrees.
pub(crate) fn md5(bytes: &[u8]) {
    let [platform, count, plan @ ..] = bytes else { return };
    let platforms = Platform::available();
    let lanes = Lanes::on(platforms[usize::from(*platform) % platforms.len()]);
    let pool: Vec<u8> = bytes.iter().cycle().zip(0..=250).map(|(a, b)| a ^ b).collect();
    let pool: Vec<u8> = pool.iter().copied().cycle().take(POOL).collect();
    let mut streams = vec![(Chain::new(), Md5::new()); usize::from(count % 20) + 1];
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
        let feeds = streams.iter_mut().zip(&blocks).map(|(s, blocks)| Feed::new(&mut s.0, blocks));
        lanes.update(feeds.collect());
    }
    for (chain, oracle) in streams {
        assert_eq!(chain.finish().as_bytes()[..], oracle.finalize()[..]);
    }
}
