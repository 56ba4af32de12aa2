//! Every kernel against the `md-5` crate.

use md5::block_api::compress;

use super::{BLOCK, INITIAL, Kernel, Platform, State};

/// The instruction sets that are hidden from all unit tests, as in `CXR_HIDE_SIMD=avx512,avx2`.
#[expect(clippy::disallowed_methods, reason = "a run of the tests can hide instruction sets")]
pub(super) fn hidden() -> String {
    std::env::var("CXR_HIDE_SIMD").unwrap_or_default()
}

/// Two streams, of which the second comes out wrong.
pub(super) const WRONG: Kernel = Kernel { lanes: 2, compress: wrong };

unsafe fn wrong(states: &mut [State], rows: &[*const u8], blocks: usize) {
    // SAFETY: the caller's promise.
    unsafe { (super::portable::TWO.compress)(states, rows, blocks) }
    states[1..].iter_mut().for_each(|state| state[0] ^= 1);
}

/// Bytes whose period no block or lane shares, so that what is swapped cannot cancel out.
fn bytes(seed: usize, length: usize) -> Vec<u8> {
    (0..=250).cycle().skip(seed * 17 % 251).take(length).collect()
}

fn expected(mut state: State, row: &[u8], hashed: usize) -> State {
    compress(&mut state, row[..hashed].as_chunks().0);
    state
}

/// Holds a kernel against the oracle: `streams` rows of `length` bytes and a bit more each, at every
/// alignment, every row with a state of its own.
fn check(kernel: Kernel, streams: usize, length: usize) {
    let buffers: Vec<_> = (0..streams).map(|lane| bytes(lane, 2 * lane + length)).collect();
    let rows: Vec<_> = buffers.iter().enumerate().map(|(lane, bytes)| &bytes[lane..]).collect();
    let before: Vec<State> = (0..streams)
        .map(|lane| INITIAL.map(|word| word.rotate_left(u32::try_from(lane).unwrap())))
        .collect();
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

#[test]
fn every_kernel_agrees_with_the_oracle() {
    for platform in Platform::available() {
        for &kernel in platform.kernels() {
            for streams in 0..=kernel.lanes() + 1 {
                for length in [0, 1, 63, 64, 65, 127, 128, 129, 1000, 4096, 64 * 33] {
                    check(kernel, streams, length);
                }
            }
        }
    }
}

#[test]
fn the_narrowest_kernel_that_holds_the_streams_is_taken() {
    for platform in Platform::available() {
        for streams in 1..=20 {
            let lanes = platform.kernel(streams).lanes();
            assert!(lanes >= streams.min(platform.lanes()), "{} {streams}", platform.name());
        }
        assert_eq!(platform.kernel(1).lanes(), 1, "{}", platform.name());
    }
}
