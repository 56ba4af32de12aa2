//! MD5 in 256-bit vectors.

use std::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_add_epi32, _mm256_and_si256, _mm256_andnot_si256,
    _mm256_loadu_si256, _mm256_or_si256, _mm256_set_m128i, _mm256_set1_epi32, _mm256_slli_epi32,
    _mm256_srli_epi32, _mm256_storeu_si256, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64,
    _mm256_unpacklo_epi32, _mm256_unpacklo_epi64, _mm256_xor_si256,
};

use super::pair::Pair;
use super::rounds::{self, Vector};
use super::{Kernel, State};

/// Eight streams.
pub(super) const EIGHT: Kernel = Kernel { lanes: 8, compress: eight };
/// Sixteen streams in two sets.
pub(super) const SIXTEEN: Kernel = Kernel { lanes: 16, compress: sixteen };

#[target_feature(enable = "avx2")]
unsafe fn eight(states: &mut [State], rows: &[*const u8], blocks: usize) {
    // SAFETY: this function has the feature; the rest is the caller's promise.
    unsafe { rounds::compress::<Avx2>(states, rows, blocks) }
}

#[target_feature(enable = "avx2")]
unsafe fn sixteen(states: &mut [State], rows: &[*const u8], blocks: usize) {
    // SAFETY: as for `eight`.
    unsafe { rounds::compress::<Pair<Avx2>>(states, rows, blocks) }
}

#[derive(Clone, Copy)]
struct Avx2(__m256i);

// SAFETY of every block here: the caller has AVX2, and vouches for what the pointers point to.
impl Vector for Avx2 {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(word: u32) -> Self {
        unsafe { Self(_mm256_set1_epi32(word.cast_signed())) }
    }

    #[inline(always)]
    unsafe fn gather(words: *const u32) -> Self {
        unsafe { Self(_mm256_loadu_si256(words.cast())) }
    }

    #[inline(always)]
    unsafe fn scatter(self, words: *mut u32) {
        unsafe { _mm256_storeu_si256(words.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn load(rows: *const *const u8, at: usize) -> [Self; 4] {
        unsafe {
            // The low half of a vector takes the lanes 0 to 3, the high half 4 to 7.
            let part = |n| _mm_loadu_si128((*rows.add(n)).add(at).cast());
            let row = |n| _mm256_set_m128i(part(n + 4), part(n));
            let [r0, r1, r2, r3] = [row(0), row(1), row(2), row(3)];
            let (low01, high01) = (_mm256_unpacklo_epi32(r0, r1), _mm256_unpackhi_epi32(r0, r1));
            let (low23, high23) = (_mm256_unpacklo_epi32(r2, r3), _mm256_unpackhi_epi32(r2, r3));
            [
                Self(_mm256_unpacklo_epi64(low01, low23)),
                Self(_mm256_unpackhi_epi64(low01, low23)),
                Self(_mm256_unpacklo_epi64(high01, high23)),
                Self(_mm256_unpackhi_epi64(high01, high23)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { Self(_mm256_add_epi32(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self {
        unsafe {
            Self(_mm256_or_si256(
                _mm256_slli_epi32::<LEFT>(self.0),
                _mm256_srli_epi32::<RIGHT>(self.0),
            ))
        }
    }

    #[inline(always)]
    unsafe fn add_f(sum: Self, b: Self, c: Self, d: Self) -> Self {
        unsafe {
            sum.add(Self(_mm256_xor_si256(d.0, _mm256_and_si256(b.0, _mm256_xor_si256(c.0, d.0)))))
        }
    }

    #[inline(always)]
    unsafe fn add_g(sum: Self, b: Self, c: Self, d: Self) -> Self {
        unsafe {
            sum.add(Self(_mm256_andnot_si256(d.0, c.0))).add(Self(_mm256_and_si256(b.0, d.0)))
        }
    }

    #[inline(always)]
    unsafe fn add_h(sum: Self, b: Self, c: Self, d: Self) -> Self {
        unsafe { sum.add(Self(_mm256_xor_si256(b.0, _mm256_xor_si256(c.0, d.0)))) }
    }

    #[inline(always)]
    unsafe fn add_i(sum: Self, b: Self, c: Self, d: Self) -> Self {
        unsafe {
            let not_d = _mm256_xor_si256(d.0, _mm256_set1_epi32(-1));
            sum.add(Self(_mm256_xor_si256(c.0, _mm256_or_si256(b.0, not_d))))
        }
    }
}
