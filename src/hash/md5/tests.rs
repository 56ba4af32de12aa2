//! Compares every kernel with the `md-5` and `sha2` crates.

use md5::block_api::compress;

use super::sha256::{self, Sha256, Sha256State};
use super::{BLOCK, INITIAL, Kernel, Md5State, Platform, rounds};

/// The instruction sets that are hidden from all unit tests, as in `CXR_HIDE_SIMD=avx512,avx2`.
#[expect(clippy::disallowed_methods, reason = "a run of the tests can hide instruction sets")]
pub(super) fn hidden() -> String {
    std::env::var("CXR_HIDE_SIMD").unwrap_or_default()
}

impl Platform {
    /// Hashes the second of two streams wrong.
    pub(crate) const WRONG: Self =
        Self { name: "wrong", kernels: &[super::portable::ONE, WRONG_TWO], sha256: None };

    /// Has one, two, eight and sixteen lanes. It cannot hash.
    pub(in crate::hash) const SIMULATED: Self = Self {
        name: "simulated",
        kernels: &[lanes(1), lanes(2), lanes(8), lanes(16)],
        sha256: None,
    };
}

const WRONG_TWO: Kernel = Kernel { lanes: 2, compress: wrong };

const fn lanes(lanes: usize) -> Kernel {
    Kernel { lanes, ..WRONG_TWO }
}

unsafe fn wrong(states: &mut [Md5State], rows: &[*const u8], blocks: usize) {
    // SAFETY: the caller makes the promises of the kernel.
    unsafe { (super::portable::TWO.compress)(states, rows, blocks) }
    states[1..].iter_mut().for_each(|state| state[0] ^= 1);
}

/// Lengths around the edges of blocks. Miri computes only about 50 blocks a second.
const LENGTHS: &[usize] = if cfg!(miri) {
    &[0, 63, 64, 129]
} else {
    &[0, 1, 63, 64, 65, 127, 128, 129, 1000, 4096, 64 * 33]
};

/// Bytes with a period that is not that of blocks or lanes, so that swapped bytes cannot match.
fn bytes(seed: usize, length: usize) -> Vec<u8> {
    (0..=250).cycle().skip(seed * 17 % 251).take(length).collect()
}

/// A state, and the compression function of a crate.
trait Reference: Copy + PartialEq + std::fmt::Debug {
    fn new(lane: usize) -> Self;
    fn compress(&mut self, blocks: &[[u8; BLOCK]]);
}

impl Reference for Md5State {
    fn new(lane: usize) -> Self {
        INITIAL.map(|word| word.rotate_left(u32::try_from(lane).unwrap()))
    }

    fn compress(&mut self, blocks: &[[u8; BLOCK]]) {
        compress(self, blocks);
    }
}

impl Reference for Sha256State {
    fn new(lane: usize) -> Self {
        sha256::INITIAL.map(|word| word.rotate_left(u32::try_from(lane).unwrap()))
    }

    fn compress(&mut self, blocks: &[[u8; BLOCK]]) {
        sha2::block_api::compress256(self, blocks);
    }
}

fn expected<S: Reference>(mut state: S, row: &[u8], hashed: usize) -> S {
    state.compress(row[..hashed].as_chunks().0);
    state
}

/// Compares a kernel with the crate, with `streams` rows of at least `length` bytes, at all
/// alignments, and each with its own state.
fn check<S: Reference>(kernel: Kernel<S>, streams: usize, length: usize) {
    let buffers: Vec<_> = (0..streams).map(|lane| bytes(lane, 2 * lane + length)).collect();
    let rows: Vec<_> = buffers.iter().enumerate().map(|(lane, bytes)| &bytes[lane..]).collect();
    let before: Vec<S> = (0..streams).map(S::new).collect();
    let mut states = before.clone();
    let hashed = kernel.compress(&mut states, &rows);
    let used = streams.min(kernel.lanes());
    assert_eq!(hashed, if used == 0 { 0 } else { length / BLOCK * BLOCK });
    for lane in 0..used {
        assert_eq!(
            states[lane],
            expected(before[lane], rows[lane], hashed),
            "lane {lane} of {streams} × {length} in {kernel:?}"
        );
    }
    assert_eq!(states[used..], before[used..], "lanes beyond the kernel's");
}

fn check_all<S: Reference>(kernel: Kernel<S>) {
    for streams in 0..=kernel.lanes() + 1 {
        for &length in LENGTHS {
            check(kernel, streams, length);
        }
    }
}

#[test]
fn every_kernel_agrees_with_the_md5_crate() {
    for platform in Platform::available() {
        platform.kernels.iter().copied().for_each(check_all);
    }
}

#[test]
fn every_kernel_agrees_with_the_sha2_crate() {
    // Of these, this processor uses at most one.
    check_all(Kernel { lanes: 1, compress: rounds::compress::<Sha256, u32, _> });
    #[cfg(target_arch = "x86_64")]
    for platform in Platform::available() {
        match platform.name() {
            "avx512" => check_all(super::avx512::SHA256),
            "avx2" => check_all(super::avx2::SHA256),
            _ => {}
        }
    }
}

#[test]
fn hidden_instruction_sets_are_not_available() {
    let names =
        |hidden: &str| -> Vec<_> { Platform::without(hidden).iter().map(Platform::name).collect() };
    let all = names("");
    assert_eq!(names(&all.join(",")), ["portable"]);
    assert_eq!(names(all[0]), if all.len() == 1 { &all[..] } else { &all[1..] });
}
