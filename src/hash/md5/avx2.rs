//! MD5 in 256-bit vectors.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_andnot_si256, _mm256_loadu_si256,
    _mm256_or_si256, _mm256_set1_epi32, _mm256_slli_epi32, _mm256_srli_epi32, _mm256_storeu_si256,
    _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
    _mm256_xor_si256,
};

use super::pair::Pair;
use super::rounds::{self, Lanes, Vector};
use super::sha256::{Sha256, Sha256State};
use super::x86::{rows_256, x86_lanes};
use super::{Kernel, Md5State};

kernel!(#[target_feature(enable = "avx2")] EIGHT: Avx2);
kernel!(#[target_feature(enable = "avx2")] SIXTEEN: Pair<Avx2>);
kernel!(#[target_feature(enable = "avx2")] SHA256: Avx2, Sha256, Sha256State);

#[derive(Clone, Copy)]
struct Avx2(__m256i);

#[rustfmt::skip]
x86_lanes!(Avx2, 8, rows_256, _mm256_loadu_si256, _mm256_storeu_si256, _mm256_set1_epi32,
    _mm256_add_epi32, _mm256_unpacklo_epi32, _mm256_unpackhi_epi32, _mm256_unpacklo_epi64,
    _mm256_unpackhi_epi64);

// SAFETY of every block here: the caller has AVX2.
impl Vector for Avx2 {
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
