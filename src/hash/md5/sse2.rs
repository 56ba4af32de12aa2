//! MD5 in 128-bit vectors. Every x86-64 processor has SSE2.

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_and_si128, _mm_andnot_si128, _mm_loadu_si128, _mm_or_si128,
    _mm_set1_epi32, _mm_slli_epi32, _mm_srli_epi32, _mm_storeu_si128, _mm_unpackhi_epi32,
    _mm_unpackhi_epi64, _mm_unpacklo_epi32, _mm_unpacklo_epi64, _mm_xor_si128,
};

use super::pair::Pair;
use super::rounds::{self, Vector};
use super::{Kernel, State};

/// Four streams.
pub(super) const FOUR: Kernel = Kernel { lanes: 4, compress: four };
/// Eight streams in two sets.
pub(super) const EIGHT: Kernel = Kernel { lanes: 8, compress: eight };

#[target_feature(enable = "sse2")]
unsafe fn four(states: &mut [State], rows: &[*const u8], blocks: usize) {
    // SAFETY: this function has the feature; the rest is the caller's promise.
    unsafe { rounds::compress::<Sse2>(states, rows, blocks) }
}

#[target_feature(enable = "sse2")]
unsafe fn eight(states: &mut [State], rows: &[*const u8], blocks: usize) {
    // SAFETY: as for `four`.
    unsafe { rounds::compress::<Pair<Sse2>>(states, rows, blocks) }
}

#[derive(Clone, Copy)]
struct Sse2(__m128i);

// SAFETY of every block here: the caller has SSE2, and vouches for what the pointers point to.
impl Vector for Sse2 {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(word: u32) -> Self {
        unsafe { Self(_mm_set1_epi32(word.cast_signed())) }
    }

    #[inline(always)]
    unsafe fn gather(words: *const u32) -> Self {
        unsafe { Self(_mm_loadu_si128(words.cast())) }
    }

    #[inline(always)]
    unsafe fn scatter(self, words: *mut u32) {
        unsafe { _mm_storeu_si128(words.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn load(rows: *const *const u8, at: usize) -> [Self; 4] {
        unsafe {
            let row = |n| _mm_loadu_si128((*rows.add(n)).add(at).cast());
            let [r0, r1, r2, r3] = [row(0), row(1), row(2), row(3)];
            let (low01, high01) = (_mm_unpacklo_epi32(r0, r1), _mm_unpackhi_epi32(r0, r1));
            let (low23, high23) = (_mm_unpacklo_epi32(r2, r3), _mm_unpackhi_epi32(r2, r3));
            [
                Self(_mm_unpacklo_epi64(low01, low23)),
                Self(_mm_unpackhi_epi64(low01, low23)),
                Self(_mm_unpacklo_epi64(high01, high23)),
                Self(_mm_unpackhi_epi64(high01, high23)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { Self(_mm_add_epi32(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self {
        unsafe {
            Self(_mm_or_si128(_mm_slli_epi32::<LEFT>(self.0), _mm_srli_epi32::<RIGHT>(self.0)))
        }
    }

    #[inline(always)]
    unsafe fn add_f(sum: Self, b: Self, c: Self, d: Self) -> Self {
        unsafe { sum.add(Self(_mm_xor_si128(d.0, _mm_and_si128(b.0, _mm_xor_si128(c.0, d.0))))) }
    }

    #[inline(always)]
    unsafe fn add_g(sum: Self, b: Self, c: Self, d: Self) -> Self {
        unsafe { sum.add(Self(_mm_andnot_si128(d.0, c.0))).add(Self(_mm_and_si128(b.0, d.0))) }
    }

    #[inline(always)]
    unsafe fn add_h(sum: Self, b: Self, c: Self, d: Self) -> Self {
        unsafe { sum.add(Self(_mm_xor_si128(b.0, _mm_xor_si128(c.0, d.0)))) }
    }

    #[inline(always)]
    unsafe fn add_i(sum: Self, b: Self, c: Self, d: Self) -> Self {
        unsafe {
            let not_d = _mm_xor_si128(d.0, _mm_set1_epi32(-1));
            sum.add(Self(_mm_xor_si128(c.0, _mm_or_si128(b.0, not_d))))
        }
    }
}
