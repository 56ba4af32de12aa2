//! MD5 without vectors: for one stream, where no vector is faster, or for two, which take a tenth
//! longer than one.

use super::pair::Pair;
use super::rounds::{self, Lanes, Vector};
use super::{Kernel, Md5State};

kernel!(ONE: u32);
kernel!(TWO: Pair<u32>);

// The lane is the word. Every processor has these instructions.
impl Lanes for u32 {
    const LANES: usize = 1;

    #[inline(always)]
    unsafe fn splat(word: u32) -> Self {
        word
    }

    #[inline(always)]
    unsafe fn gather(words: *const u32) -> Self {
        // SAFETY: the caller vouches for the pointers.
        unsafe { *words }
    }

    #[inline(always)]
    unsafe fn scatter(self, words: *mut u32) {
        // SAFETY: the caller vouches for the pointers.
        unsafe { *words = self }
    }

    #[inline(always)]
    unsafe fn load(rows: *const *const u8, at: usize) -> [Self; 4] {
        // SAFETY: the caller vouches for one row with sixteen bytes there.
        let words = unsafe { (*rows).add(at).cast::<[[u8; 4]; 4]>().read() };
        words.map(u32::from_le_bytes)
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
}

impl Vector for u32 {
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
