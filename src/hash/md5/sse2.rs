//! MD5 in 128-bit vectors. Every x86-64 processor has SSE2.

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_and_si128, _mm_andnot_si128, _mm_loadu_si128, _mm_or_si128,
    _mm_set1_epi32, _mm_slli_epi32, _mm_srli_epi32, _mm_storeu_si128, _mm_unpackhi_epi32,
    _mm_unpackhi_epi64, _mm_unpacklo_epi32, _mm_unpacklo_epi64, _mm_xor_si128,
};

use super::pair::Pair;
use super::rounds::{self, Lanes, Vector};
use super::x86::x86_lanes;
use super::{Kernel, Md5State};

kernel!(#[target_feature(enable = "sse2")] FOUR: Sse2);
kernel!(#[target_feature(enable = "sse2")] EIGHT: Pair<Sse2>);

#[derive(Clone, Copy)]
struct Sse2(__m128i);

#[rustfmt::skip]
x86_lanes!(Sse2, 4, row, _mm_loadu_si128, _mm_storeu_si128, _mm_set1_epi32, _mm_add_epi32,
    _mm_unpacklo_epi32, _mm_unpackhi_epi32, _mm_unpacklo_epi64, _mm_unpackhi_epi64);

/// # Safety
///
/// As for [`Lanes::load`].
#[inline(always)]
unsafe fn row(rows: *const *const u8, at: usize) -> __m128i {
    // SAFETY: the caller vouches for the pointers.
    unsafe { _mm_loadu_si128((*rows).add(at).cast()) }
}

// SAFETY of every block here: the caller has SSE2.
impl Vector for Sse2 {
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
