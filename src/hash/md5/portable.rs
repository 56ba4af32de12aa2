//! MD5 in plain words: one stream, which no vector is faster for, or two, which cost little more.

use super::rounds::{self, Vector};
use super::{Kernel, State, pair::Pair};

/// The fastest for one stream.
pub(super) const ONE: Kernel = Kernel { lanes: 1, compress: one };
/// Two streams in the time of one and a tenth.
pub(super) const TWO: Kernel = Kernel { lanes: 2, compress: two };

unsafe fn one(states: &mut [State], rows: &[*const u8], blocks: usize) {
    // SAFETY: no particular instructions are needed; the rest is the caller's promise.
    unsafe { rounds::compress::<u32>(states, rows, blocks) }
}

unsafe fn two(states: &mut [State], rows: &[*const u8], blocks: usize) {
    // SAFETY: as for `one`.
    unsafe { rounds::compress::<Pair<u32>>(states, rows, blocks) }
}

/// The lane is the word. Every processor has what its methods need.
impl Vector for u32 {
    const LANES: usize = 1;

    #[inline(always)]
    unsafe fn splat(word: u32) -> Self {
        word
    }

    #[inline(always)]
    unsafe fn gather(words: *const u32) -> Self {
        // SAFETY: the caller's promise.
        unsafe { *words }
    }

    #[inline(always)]
    unsafe fn scatter(self, words: *mut u32) {
        // SAFETY: the caller's promise.
        unsafe { *words = self }
    }

    #[inline(always)]
    unsafe fn load(rows: *const *const u8, at: usize) -> [Self; 4] {
        // SAFETY: the caller's promise: one row, with sixteen bytes there.
        let words = unsafe { (*rows).add(at).cast::<[[u8; 4]; 4]>().read() };
        words.map(u32::from_le_bytes)
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline(always)]
    unsafe fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self {
        self.rotate_left(LEFT.cast_unsigned())
    }

    #[inline(always)]
    unsafe fn add_f(sum: Self, b: Self, c: Self, d: Self) -> Self {
        sum.wrapping_add(d ^ (b & (c ^ d)))
    }

    #[inline(always)]
    unsafe fn add_g(sum: Self, b: Self, c: Self, d: Self) -> Self {
        sum.wrapping_add(c & !d).wrapping_add(b & d)
    }

    #[inline(always)]
    unsafe fn add_h(sum: Self, b: Self, c: Self, d: Self) -> Self {
        sum.wrapping_add(b ^ (c ^ d))
    }

    #[inline(always)]
    unsafe fn add_i(sum: Self, b: Self, c: Self, d: Self) -> Self {
        sum.wrapping_add(c ^ (b | !d))
    }
}
