//! MD5 with the instructions of AVX-512: any function of three words, and any rotation, is one.
//!
//! Up to eight streams go in 256-bit vectors, whose steps are shorter than those of 512 bits where
//! a processor does these in two halves. More go in 512-bit vectors: two sets of 256 bits are as
//! fast on paper, but slower where sixteen buffers stand at the same offset in a page and push each
//! other out of the first cache.

use std::arch::x86_64::{
    __m256i, __m512i, _mm_loadu_si128, _mm256_add_epi32, _mm256_loadu_si256, _mm256_rol_epi32,
    _mm256_set_m128i, _mm256_set1_epi32, _mm256_storeu_si256, _mm256_ternarylogic_epi32,
    _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
    _mm512_add_epi32, _mm512_castsi128_si512, _mm512_inserti32x4, _mm512_loadu_si512,
    _mm512_rol_epi32, _mm512_set1_epi32, _mm512_storeu_si512, _mm512_ternarylogic_epi32,
    _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use super::rounds::{self, Vector};
use super::{Kernel, State};

/// Eight streams.
pub(super) const EIGHT: Kernel = Kernel { lanes: 8, compress: eight };
/// Sixteen streams.
pub(super) const SIXTEEN: Kernel = Kernel { lanes: 16, compress: sixteen };

#[target_feature(enable = "avx512f,avx512vl")]
unsafe fn eight(states: &mut [State], rows: &[*const u8], blocks: usize) {
    // SAFETY: this function has the features; the rest is the caller's promise.
    unsafe { rounds::compress::<Half>(states, rows, blocks) }
}

#[target_feature(enable = "avx512f,avx512vl")]
unsafe fn sixteen(states: &mut [State], rows: &[*const u8], blocks: usize) {
    // SAFETY: as for `eight`.
    unsafe { rounds::compress::<Full>(states, rows, blocks) }
}

/// 256 bits.
#[derive(Clone, Copy)]
struct Half(__m256i);

/// 512 bits.
#[derive(Clone, Copy)]
struct Full(__m512i);

/// The four functions as tables: bit `4b + 2c + d` is the function's value.
const F: i32 = 0xca;
const G: i32 = 0xe4;
const H: i32 = 0x96;
const I: i32 = 0x39;

macro_rules! vector {
    ($name:ident, $lanes:literal, $loadu:ident, $storeu:ident, $set1:ident, $add:ident, $rol:ident,
     $ternary:ident, $low32:ident, $high32:ident, $low64:ident, $high64:ident) => {
        // SAFETY of every block here: the caller has AVX-512 F and VL, and vouches for what the
        // pointers point to.
        impl Vector for $name {
            const LANES: usize = $lanes;

            #[inline(always)]
            unsafe fn splat(word: u32) -> Self {
                unsafe { Self($set1(word.cast_signed())) }
            }

            #[inline(always)]
            unsafe fn gather(words: *const u32) -> Self {
                unsafe { Self($loadu(words.cast())) }
            }

            #[inline(always)]
            unsafe fn scatter(self, words: *mut u32) {
                unsafe { $storeu(words.cast(), self.0) }
            }

            #[inline(always)]
            unsafe fn load(rows: *const *const u8, at: usize) -> [Self; 4] {
                unsafe {
                    let row = |n| Self::every_fourth(rows.add(n), at);
                    let [r0, r1, r2, r3] = [row(0), row(1), row(2), row(3)];
                    let (low01, high01) = ($low32(r0, r1), $high32(r0, r1));
                    let (low23, high23) = ($low32(r2, r3), $high32(r2, r3));
                    [
                        Self($low64(low01, low23)),
                        Self($high64(low01, low23)),
                        Self($low64(high01, high23)),
                        Self($high64(high01, high23)),
                    ]
                }
            }

            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                unsafe { Self($add(self.0, other.0)) }
            }

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

#[rustfmt::skip]
vector!(Half, 8, _mm256_loadu_si256, _mm256_storeu_si256, _mm256_set1_epi32, _mm256_add_epi32,
    _mm256_rol_epi32, _mm256_ternarylogic_epi32, _mm256_unpacklo_epi32, _mm256_unpackhi_epi32,
    _mm256_unpacklo_epi64, _mm256_unpackhi_epi64);
#[rustfmt::skip]
vector!(Full, 16, _mm512_loadu_si512, _mm512_storeu_si512, _mm512_set1_epi32, _mm512_add_epi32,
    _mm512_rol_epi32, _mm512_ternarylogic_epi32, _mm512_unpacklo_epi32, _mm512_unpackhi_epi32,
    _mm512_unpacklo_epi64, _mm512_unpackhi_epi64);

impl Half {
    /// Sixteen bytes of the rows 0 and 4.
    ///
    /// # Safety
    ///
    /// As for [`Vector::load`].
    #[inline(always)]
    unsafe fn every_fourth(rows: *const *const u8, at: usize) -> __m256i {
        // SAFETY: the caller's promise.
        unsafe {
            let part = |n| _mm_loadu_si128((*rows.add(n)).add(at).cast());
            _mm256_set_m128i(part(4), part(0))
        }
    }
}

impl Full {
    /// Sixteen bytes of the rows 0, 4, 8 and 12.
    ///
    /// # Safety
    ///
    /// As for [`Vector::load`].
    #[inline(always)]
    unsafe fn every_fourth(rows: *const *const u8, at: usize) -> __m512i {
        // SAFETY: the caller's promise.
        unsafe {
            let part = |n| _mm_loadu_si128((*rows.add(n)).add(at).cast());
            let row = _mm512_castsi128_si512(part(0));
            let row = _mm512_inserti32x4::<1>(row, part(4));
            let row = _mm512_inserti32x4::<2>(row, part(8));
            _mm512_inserti32x4::<3>(row, part(12))
        }
    }
}
