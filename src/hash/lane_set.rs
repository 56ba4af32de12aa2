//! Hashes several streams side by side, on the calling thread.

use super::cost::CostModel;
use super::hasher::Md5Hasher;
use super::md5::{BLOCK, Kernel, Md5State, Platform, WIDEST};

/// A set of lanes, each of which hashes one stream. It has no thread and no memory of its own: the
/// [`Engine`](super::Engine) is built on it.
///
/// The bytes are best in small buffers that are still in the processor's second-level cache.
/// Buffers at different offsets within their pages, such as 256 bytes apart, do not evict each
/// other from the first-level cache. This is worth a fifth with AVX2, a fiftieth with AVX-512.
#[derive(Debug, Clone, Copy)]
pub struct LaneSet {
    pub(super) platform: Platform,
    pub(super) costs: CostModel,
}

/// The next bytes of a stream: blocks in order, cut anywhere.
#[derive(Debug)]
pub struct LaneInput<'a, B> {
    hasher: &'a mut Md5Hasher,
    blocks: &'a [B],
    /// The rest of the current block.
    bytes: &'a [u8],
}

impl<'a, B: AsRef<[u8]>> LaneInput<'a, B> {
    /// Adds these blocks to this hasher.
    pub fn new(hasher: &'a mut Md5Hasher, blocks: &'a [B]) -> Self {
        Self { hasher, blocks, bytes: &[] }
    }

    /// Goes to the next block if the current one has no whole MD5 block left. Returns false at the
    /// end.
    fn next_block(&mut self) -> bool {
        while self.bytes.len() < BLOCK {
            self.hasher.keep_partial(self.bytes);
            self.bytes = &[];
            let Some((next, blocks)) = self.blocks.split_first() else { return false };
            self.bytes = self.hasher.fill_partial(next.as_ref());
            self.blocks = blocks;
        }
        true
    }
}

impl LaneSet {
    /// The lanes of the best instructions that this processor has.
    pub fn for_this_machine() -> Self {
        Self::on(Platform::detect())
    }

    /// The lanes of these instructions.
    pub fn on(platform: Platform) -> Self {
        Self { platform, costs: CostModel::assumed(platform) }
    }

    /// The same lanes, with the kernels that are the fastest on this processor now.
    pub(super) fn measured(self) -> Self {
        Self { costs: CostModel::measure(self.platform), ..self }
    }

    /// Hashes all blocks of the inputs. This is fastest for inputs of the same length: as the
    /// shorter ones end, fewer lanes are used, with the kernel for fewer.
    pub fn update<B: AsRef<[u8]>>(&self, mut inputs: Vec<LaneInput<'_, B>>) {
        loop {
            inputs.retain_mut(LaneInput::next_block);
            if inputs.is_empty() {
                return;
            }
            let kernel = self.platform.kernels()[self.costs.kernel(inputs.len())];
            let used = inputs.len().min(kernel.lanes());
            advance(kernel, &mut inputs[..used]);
        }
    }
}

/// Hashes at most as many inputs as the kernel has lanes, until the current block of one has no whole
/// MD5 block left.
fn advance<B>(kernel: Kernel, inputs: &mut [LaneInput<'_, B>]) {
    let mut states = [Md5State::default(); WIDEST];
    let mut rows: [&[u8]; WIDEST] = [&[]; WIDEST];
    for ((input, state), row) in inputs.iter().zip(&mut states).zip(&mut rows) {
        *state = input.hasher.state;
        *row = input.bytes;
    }
    let used = inputs.len();
    let hashed = kernel.compress(&mut states[..used], &rows[..used]);
    for (input, state) in inputs.iter_mut().zip(states) {
        input.hasher.state = state;
        input.bytes = &input.bytes[hashed..];
    }
}

#[cfg(test)]
mod tests {
    use md5::{Digest as _, Md5};

    use super::*;
    use crate::hash::digest::DigestOf;

    /// All lengths at which a block, the padding or the length field begins or ends.
    const LENGTHS: [usize; 26] = [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 54, 55, 56, 57, 63, 64, 65, 118, 119, 120, 127, 128, 129, 183,
        191, 192, 4097,
    ];

    fn bytes(seed: usize, length: usize) -> Vec<u8> {
        (0..=250).cycle().skip(seed * 17 % 251).take(length).collect()
    }

    fn expected(bytes: &[u8]) -> DigestOf<16> {
        DigestOf::new(Md5::digest(bytes).into())
    }

    /// Hashes the texts side by side, each cut where `cut` says, and compares with the `md-5` crate.
    fn check(lanes: LaneSet, texts: &[Vec<u8>], mut cut: impl FnMut(&[u8]) -> usize) {
        let mut hashers = vec![Md5Hasher::new(); texts.len()];
        let mut rests: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        while rests.iter().any(|rest| !rest.is_empty()) {
            let mut pieces: Vec<(&mut Md5Hasher, [&[u8]; 3])> = Vec::new();
            for (hasher, rest) in hashers.iter_mut().zip(&mut rests) {
                let mut blocks = [&[][..]; 3];
                for block in &mut blocks {
                    (*block, *rest) = rest.split_at(cut(rest).min(rest.len()));
                }
                pieces.push((hasher, blocks));
            }
            lanes.update(
                pieces.iter_mut().map(|(hasher, blocks)| LaneInput::new(hasher, blocks)).collect(),
            );
        }
        for (text, hasher) in texts.iter().zip(hashers) {
            assert_eq!(hasher.finish(), expected(text), "{} of {:?}", text.len(), lanes.platform);
        }
    }

    fn on_all_platforms(test: impl Fn(LaneSet)) {
        Platform::available().into_iter().map(LaneSet::on).for_each(test);
    }

    #[test]
    fn streams_of_the_same_length_are_hashed_right() {
        on_all_platforms(|lanes| {
            for length in LENGTHS {
                for streams in [1, 2, 3, 5, 8, 9, 12, 16, 17, 33] {
                    let texts: Vec<_> = (0..streams).map(|seed| bytes(seed, length)).collect();
                    check(lanes, &texts, |rest| rest.len().max(1));
                }
            }
        });
    }

    #[test]
    fn streams_of_different_lengths_are_hashed_together() {
        let texts: Vec<_> =
            LENGTHS.iter().enumerate().map(|(seed, length)| bytes(seed, *length)).collect();
        on_all_platforms(|lanes| check(lanes, &texts, |rest| rest.len().max(1)));
    }

    #[test]
    fn cuts_do_not_change_the_digest() {
        on_all_platforms(|lanes| {
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
    fn a_hasher_alone_is_right() {
        for length in LENGTHS {
            for cut in 0..=length.min(200) {
                let text = bytes(length, length);
                let mut hasher = Md5Hasher::new();
                hasher.update(&text[..cut]);
                hasher.update(&text[cut..]);
                assert_eq!(hasher.finish(), expected(&text), "{length} cut at {cut}");
            }
        }
    }
}
