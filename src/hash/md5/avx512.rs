//! MD5 with AVX-512: any function of three words, and any rotation, is one instruction.
//!
//! Up to eight streams use 256-bit vectors: their steps are shorter than those of 512 bits on
//! processors that execute these in two halves. More streams use 512-bit vectors: two sets of 256
//! bits are as fast in theory, but slower if sixteen buffers are at the same offset in a page and
//! evict each other from the first-level cache.

use std::arch::x86_64::{
    __m256i, __m512i, _mm_loadu_si128, _mm256_add_epi32, _mm256_loadu_si256, _mm256_rol_epi32,
    _mm256_set1_epi32, _mm256_storeu_si256, _mm256_ternarylogic_epi32, _mm256_unpackhi_epi32,
    _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64, _mm512_add_epi32,
    _mm512_castsi128_si512, _mm512_inserti32x4, _mm512_loadu_si512, _mm512_rol_epi32,
    _mm512_set1_epi32, _mm512_storeu_si512, _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32,
    _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use super::rounds::{self, Lanes, Vector};
use super::sha256::{Sha256, Sha256State};
use super::x86::{rows_256, x86_lanes};
use super::{Kernel, Md5State};

kernel!(#[target_feature(enable = "avx512f,avx512vl")] EIGHT: Bits256);
kernel!(#[target_feature(enable = "avx512f,avx512vl")] SIXTEEN: Bits512);
kernel!(#[target_feature(enable = "avx512f,avx512vl")] SHA256: Bits512, Sha256, Sha256State);

#[derive(Clone, Copy)]
struct Bits256(__m256i);

#[derive(Clone, Copy)]
struct Bits512(__m512i);

/// The four functions as tables: bit `4b + 2c + d` is the value.
const F: i32 = 0xca;
const G: i32 = 0xe4;
const H: i32 = 0x96;
const I: i32 = 0x39;

/// Reads sixteen bytes of the rows 0, 4, 8 and 12.
///
/// # Safety
///
/// As for [`Lanes::load`].
#[inline(always)]
unsafe fn rows_512(rows: *const *const u8, at: usize) -> __m512i {
    // SAFETY: the caller vouches for the pointers.
    unsafe {
        let part = |n| _mm_loadu_si128((*rows.add(n)).add(at).cast());
        let row = _mm512_castsi128_si512(part(0));
        let row = _mm512_inserti32x4::<1>(row, part(4));
        let row = _mm512_inserti32x4::<2>(row, part(8));
        _mm512_inserti32x4::<3>(row, part(12))
    }
}

#[rustfmt::skip]
x86_lanes!(Bits256, 8, rows_256, _mm256_loadu_si256, _mm256_storeu_si256, _mm256_set1_epi32,
    _mm256_add_epi32, _mm256_unpacklo_epi32, _mm256_unpackhi_epi32, _mm256_unpacklo_epi64,
    _mm256_unpackhi_epi64);
#[rustfmt::skip]
x86_lanes!(Bits512, 16, rows_512, _mm512_loadu_si512, _mm512_storeu_si512, _mm512_set1_epi32,
    _mm512_add_epi32, _mm512_unpacklo_epi32, _mm512_unpackhi_epi32, _mm512_unpacklo_epi64,
    _mm512_unpackhi_epi64);

macro_rules! vector {
    ($name:ident, $rol:ident, $ternary:ident) => {
        // SAFETY of every block here: the caller has AVX-512 F and VL.
        impl Vector for $name {
            #[inline(always)]
            unsafe fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self {
                unsafe { Self($rol::<LEFT>(self.0)) }
            }

            #[inline(always)]
            unsafe fn add_f(sum: Self, b: Self, c: Self, d: Self) -> Self {
                unsafe { sum.add(Self($ternary::<F>(b.0, c.0, d.0))) }
            }

            #[inline(always)]
            unsafe fn add_g(sum: Self, b: Self, c: Self, d: Self) -> Self {
                unsafe { sum.add(Self($ternary::<G>(b.0, c.0, d.0))) }
            }

            #[inline(always)]
            unsafe fn add_h(sum: Self, b: Self, c: Self, d: Self) -> Self {
                unsafe { sum.add(Self($ternary::<H>(b.0, c.0, d.0))) }
            }

            #[inline(always)]
            unsafe fn add_i(sum: Self, b: Self, c: Self, d: Self) -> Self {
                unsafe { sum.add(Self($ternary::<I>(b.0, c.0, d.0))) }
            }
        }
    };
}

vector!(Bits256, _mm256_rol_epi32, _mm256_ternarylogic_epi32);
vector!(Bits512, _mm512_rol_epi32, _mm512_ternarylogic_epi32);
