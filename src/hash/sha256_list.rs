//! SHA-256 of many texts: they wait until there is one for each lane of a vector.

use std::sync::Arc;

use parking_lot::Mutex;
use sha2::block_api::compress256;
use sha2::{Digest as _, Sha256 as Hasher};

use super::digest::Sha256;
use super::lane_set::LaneSet;
use super::md5::sha256::{INITIAL, Sha256State};
use super::md5::{BLOCK, Kernel, WIDEST};

/// The longest text that waits for others.
const LONGEST: usize = 640 << 10;

/// Texts of any number of lists. In memory are at most as many as two sets of lanes, and one for each
/// thread. A lane goes on with another text where one ends, so that all lanes are always used.
#[derive(Debug)]
pub(crate) struct Sha256Lanes {
    /// `None` if one text after the other is faster.
    kernel: Option<Kernel<Sha256State>>,
    /// Held while texts are hashed, so that no others begin to wait without end.
    hashing: Mutex<()>,
    waiting: Mutex<WaitingTexts>,
}

#[derive(Debug, Default)]
struct WaitingTexts {
    texts: Vec<WaitingText>,
    /// Memory that is used again.
    spare: Vec<Vec<u8>>,
}

/// A text on its way through a lane, and the place of its digest.
#[derive(Debug)]
struct WaitingText {
    bytes: Vec<u8>,
    /// The bytes that are hashed, and the state after them.
    hashed: usize,
    state: Sha256State,
    digests: Arc<Mutex<Vec<Sha256>>>,
    index: usize,
}

/// The digests of some texts, in their order.
#[derive(Debug)]
pub(crate) struct Sha256List<'a> {
    lanes: &'a Sha256Lanes,
    digests: Arc<Mutex<Vec<Sha256>>>,
}

impl Sha256Lanes {
    pub(crate) fn new(lanes: LaneSet) -> Self {
        let (hashing, waiting) = (Mutex::default(), Mutex::default());
        Self { kernel: lanes.platform.sha256, hashing, waiting }
    }

    /// Returns an empty list.
    pub(crate) fn list(&self) -> Sha256List<'_> {
        Sha256List { lanes: self, digests: Arc::default() }
    }

    /// Hashes while every lane has a text. The others go on with the next ones.
    fn hash(&self, kernel: Kernel<Sha256State>) {
        let _hashing = self.hashing.lock();
        let mut texts = std::mem::take(&mut self.waiting.lock().texts);
        while texts.len() >= kernel.lanes() {
            self.hash_side_by_side(kernel, &mut texts);
        }
        let mut waiting = self.waiting.lock();
        texts.append(&mut waiting.texts);
        waiting.texts = texts;
    }

    /// Hashes all texts to their ends.
    fn hash_all(&self, kernel: Kernel<Sha256State>) {
        let _hashing = self.hashing.lock();
        let mut texts = std::mem::take(&mut self.waiting.lock().texts);
        // A few are faster one by one.
        while texts.len() > kernel.lanes() / 4 {
            self.hash_side_by_side(kernel, &mut texts);
        }
        texts.iter_mut().for_each(WaitingText::finish);
        self.waiting.lock().spare.extend(texts.into_iter().map(|text| text.bytes));
    }

    /// Hashes the first texts until one of them ends.
    fn hash_side_by_side(&self, kernel: Kernel<Sha256State>, texts: &mut Vec<WaitingText>) {
        let used = texts.len().min(kernel.lanes());
        let mut states = [INITIAL; WIDEST];
        let mut rows: [&[u8]; WIDEST] = [&[]; WIDEST];
        for ((text, state), row) in texts.iter().zip(&mut states).zip(&mut rows).take(used) {
            (*state, *row) = (text.state, text.rest());
        }
        let hashed = kernel.compress(&mut states[..used], &rows[..used]);
        for (text, state) in texts.iter_mut().zip(states).take(used) {
            text.state = state;
            text.hashed += hashed;
        }
        for mut ended in texts.extract_if(..used, |text| text.rest().len() < BLOCK) {
            ended.finish();
            self.waiting.lock().spare.push(ended.bytes);
        }
    }
}

impl Sha256List<'_> {
    /// Adds a text, whose digest may be computed later. Returns memory for another one.
    pub(crate) fn push(&self, bytes: Vec<u8>) -> Vec<u8> {
        let Some(kernel) = self.lanes.kernel.filter(|_| bytes.len() <= LONGEST) else {
            self.push_digest(Sha256::new(Hasher::digest(&bytes).into()));
            return bytes;
        };
        let index = {
            let mut digests = self.digests.lock();
            digests.push(Sha256::EMPTY);
            digests.len() - 1
        };
        let digests = Arc::clone(&self.digests);
        let text = WaitingText { bytes, hashed: 0, state: INITIAL, digests, index };
        let waiting = {
            let mut waiting = self.lanes.waiting.lock();
            waiting.texts.push(text);
            waiting.texts.len()
        };
        if waiting >= kernel.lanes() {
            self.lanes.hash(kernel);
        }
        self.lanes.waiting.lock().spare.pop().unwrap_or_default()
    }

    /// Adds the digest of a text.
    pub(crate) fn push_digest(&self, digest: Sha256) {
        self.digests.lock().push(digest);
    }

    /// Returns the digests of all texts.
    pub(crate) fn finish(self) -> Vec<Sha256> {
        if let Some(kernel) = self.lanes.kernel {
            self.lanes.hash_all(kernel);
        }
        std::mem::take(&mut self.digests.lock())
    }
}

impl WaitingText {
    /// The bytes that are still to come.
    fn rest(&self) -> &[u8] {
        &self.bytes[self.hashed..]
    }

    /// Hashes the rest of the text and its padding (FIPS 180-4, section 5.1.1), and notes the digest.
    fn finish(&mut self) {
        let (blocks, rest) = self.bytes[self.hashed..].as_chunks::<BLOCK>();
        compress256(&mut self.state, blocks);
        let mut last = [[0; BLOCK]; 2];
        let padded = last.as_flattened_mut();
        let length = if rest.len() < BLOCK - 8 { BLOCK } else { 2 * BLOCK };
        padded[..rest.len()].copy_from_slice(rest);
        padded[rest.len()] = 0x80;
        let bits = 8 * self.bytes.len() as u64;
        padded[length - 8..length].copy_from_slice(&bits.to_be_bytes());
        compress256(&mut self.state, &last[..length / BLOCK]);
        let mut digest = [0; 32];
        for (bytes, word) in digest.chunks_exact_mut(4).zip(self.state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        if let Some(place) = self.digests.lock().get_mut(self.index) {
            *place = Sha256::new(digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Platform;

    fn text(seed: usize, length: usize) -> Vec<u8> {
        (0..=250).cycle().skip(seed * 17 % 251).take(length).collect()
    }

    #[test]
    fn texts_of_any_length_from_several_threads_are_hashed_right() {
        let long = if cfg!(miri) { [129, 130] } else { [100_000, LONGEST + 1] };
        let lengths =
            [[0, 1].as_slice(), &[55, 56, 63, 64, 65, 119, 120, 127, 128], &long].concat();
        for platform in Platform::available() {
            let lanes = Sha256Lanes::new(LaneSet::on(platform));
            std::thread::scope(|scope| {
                for thread in 0..3 {
                    let (lanes, lengths) = (&lanes, &lengths);
                    scope.spawn(move || {
                        let list = lanes.list();
                        let texts: Vec<_> = (0..40)
                            .map(|n| text(n + thread, lengths[n * (thread + 1) % lengths.len()]))
                            .collect();
                        for (number, text) in texts.iter().enumerate() {
                            match number {
                                7 => list.push_digest(Sha256::new(Hasher::digest(text).into())),
                                _ => drop(list.push(text.clone())),
                            }
                        }
                        let expected = |text: &Vec<u8>| Sha256::new(Hasher::digest(text).into());
                        let expected: Vec<_> = texts.iter().map(expected).collect();
                        assert_eq!(list.finish(), expected, "{}", platform.name());
                    });
                }
            });
        }
    }

    #[test]
    fn a_list_that_is_dropped_does_not_disturb_another() {
        let lanes = Sha256Lanes::new(LaneSet::for_this_machine());
        let (lost, list) = (lanes.list(), lanes.list());
        lost.push(b"lost".to_vec());
        drop(lost);
        list.push(b"abc".to_vec());
        let digests: Vec<_> = list.finish().iter().map(Sha256::to_string).collect();
        assert_eq!(digests, ["ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"]);
    }
}
