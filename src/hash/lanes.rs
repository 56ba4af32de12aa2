//! Many chains side by side, on the thread that asks.

use super::chain::Chain;
use super::md5::{BLOCK, Platform, State, WIDEST};

/// Hashes the bytes of several streams at once. It has no thread and no memory of its own: the
/// [`Engine`](super::Engine) is built on it, and so can be whoever reads several files in turns.
///
/// The bytes are best in small buffers that are still in the processor's second cache. Buffers that
/// stand at different offsets within their pages, such as 256 bytes apart, do not push each other
/// out of the first cache, which is worth a fifth with AVX2 and a fiftieth with AVX-512.
#[derive(Debug, Clone, Copy)]
pub struct Lanes {
    platform: Platform,
}

/// What comes next in a stream: blocks of bytes, in order, cut anywhere.
#[derive(Debug)]
pub struct Feed<'a, B> {
    chain: &'a mut Chain,
    blocks: &'a [B],
    /// What is left of the block in hand.
    bytes: &'a [u8],
}

impl<'a, B: AsRef<[u8]>> Feed<'a, B> {
    /// These blocks are to be added to this chain.
    pub fn new(chain: &'a mut Chain, blocks: &'a [B]) -> Self {
        Self { chain, blocks, bytes: &[] }
    }

    /// Goes on to the next block where the one in hand has no whole MD5 block left. Says whether
    /// there is one then.
    fn turn(&mut self) -> bool {
        while self.bytes.len() < BLOCK {
            self.chain.close(self.bytes);
            self.bytes = &[];
            let Some((next, blocks)) = self.blocks.split_first() else { return false };
            self.bytes = self.chain.open(next.as_ref());
            self.blocks = blocks;
        }
        true
    }
}

impl Lanes {
    /// With the best instructions that this processor has.
    pub fn for_this_machine() -> Self {
        Self::on(Platform::detect())
    }

    /// With these instructions.
    pub const fn on(platform: Platform) -> Self {
        Self { platform }
    }

    /// The most streams that go side by side; further ones wait for these.
    pub fn width(&self) -> usize {
        self.platform.lanes()
    }

    /// The most streams that go side by side at full speed each.
    pub(super) fn swift_width(&self) -> usize {
        self.platform.swift_lanes()
    }

    /// Adds the blocks of every feed to its chain. It is fastest when the feeds are equally long: as
    /// the shorter end, fewer lanes are full, and the kernel for fewer is taken.
    pub fn update<B: AsRef<[u8]>>(&self, mut feeds: Vec<Feed<'_, B>>) {
        loop {
            feeds.retain_mut(Feed::turn);
            if feeds.is_empty() {
                return;
            }
            let used = feeds.len().min(self.width());
            self.advance(&mut feeds[..used]);
        }
    }

    /// Runs the feeds, of which there are no more than lanes, until the block in hand of one has no
    /// whole MD5 block left.
    fn advance<B>(&self, feeds: &mut [Feed<'_, B>]) {
        let mut states = [State::default(); WIDEST];
        let mut rows: [&[u8]; WIDEST] = [&[]; WIDEST];
        for ((feed, state), row) in feeds.iter().zip(&mut states).zip(&mut rows) {
            *state = feed.chain.state;
            *row = feed.bytes;
        }
        let used = feeds.len();
        let kernel = self.platform.kernel(used);
        let hashed = kernel.compress(&mut states[..used], &rows[..used]);
        for (feed, state) in feeds.iter_mut().zip(states) {
            feed.chain.state = state;
            feed.bytes = &feed.bytes[hashed..];
        }
    }
}

#[cfg(test)]
mod tests {
    use md5::{Digest as _, Md5};

    use super::*;
    use crate::hash::digest::Digest;

    /// Every length at which a block, the padding or the room for the length begins or ends.
    const LENGTHS: [usize; 26] = [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 54, 55, 56, 57, 63, 64, 65, 118, 119, 120, 127, 128, 129, 183,
        191, 192, 4097,
    ];

    fn bytes(seed: usize, length: usize) -> Vec<u8> {
        (0..=250).cycle().skip(seed * 17 % 251).take(length).collect()
    }

    fn oracle(bytes: &[u8]) -> Digest {
        Digest::new(Md5::digest(bytes).into())
    }

    /// Hashes the texts side by side, each cut where `cut` says, and holds the digests against the
    /// oracle.
    fn check(lanes: Lanes, texts: &[Vec<u8>], mut cut: impl FnMut(&[u8]) -> usize) {
        let mut chains = vec![Chain::new(); texts.len()];
        let mut rests: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        while rests.iter().any(|rest| !rest.is_empty()) {
            let mut pieces: Vec<(&mut Chain, [&[u8]; 3])> = Vec::new();
            for (chain, rest) in chains.iter_mut().zip(&mut rests) {
                let mut blocks = [&[][..]; 3];
                for block in &mut blocks {
                    (*block, *rest) = rest.split_at(cut(rest).min(rest.len()));
                }
                pieces.push((chain, blocks));
            }
            lanes.update(
                pieces.iter_mut().map(|(chain, blocks)| Feed::new(chain, blocks)).collect(),
            );
        }
        for (text, chain) in texts.iter().zip(chains) {
            assert_eq!(chain.finish(), oracle(text), "{} of {:?}", text.len(), lanes.platform);
        }
    }

    fn everywhere(test: impl Fn(Lanes)) {
        Platform::available().into_iter().map(Lanes::on).for_each(test);
    }

    #[test]
    fn streams_of_equal_length_have_the_digests_of_their_bytes() {
        everywhere(|lanes| {
            for length in LENGTHS {
                for streams in [1, 2, 3, 5, 8, 9, 12, 16, 17, 33] {
                    let texts: Vec<_> = (0..streams).map(|seed| bytes(seed, length)).collect();
                    check(lanes, &texts, |rest| rest.len().max(1));
                }
            }
        });
    }

    #[test]
    fn streams_of_every_length_go_together() {
        let texts: Vec<_> =
            LENGTHS.iter().enumerate().map(|(seed, length)| bytes(seed, *length)).collect();
        everywhere(|lanes| check(lanes, &texts, |rest| rest.len().max(1)));
    }

    #[test]
    fn cuts_anywhere_change_nothing() {
        everywhere(|lanes| {
            for seed in 0..50 {
                let mut random = fastrand::Rng::with_seed(seed);
                let longest = [130, 1000, 20_000][random.usize(..3)];
                let texts: Vec<_> = (0..random.usize(1..20))
                    .map(|seed| bytes(seed, random.usize(..longest)))
                    .collect();
                check(lanes, &texts, |_| {
                    let most = random.choice([3, 70, 200, 5000]).unwrap();
                    random.usize(..most)
                });
            }
        });
    }

    #[test]
    fn a_chain_by_itself_agrees_too() {
        for length in LENGTHS {
            for cut in 0..=length.min(200) {
                let text = bytes(length, length);
                let mut chain = Chain::new();
                chain.update(&text[..cut]);
                chain.update(&text[cut..]);
                assert_eq!(chain.finish(), oracle(&text), "{length} cut at {cut}");
            }
        }
    }
}
