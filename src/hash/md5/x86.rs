//! The lanes of SSE2, AVX2 and AVX-512, which differ only in the names of their instructions.

use std::arch::x86_64::{__m256i, _mm_loadu_si128, _mm256_set_m128i};

/// Implements [`Lanes`](super::rounds::Lanes). `$rows` reads sixteen bytes of every fourth row into a
/// vector; the four vectors are then transposed.
macro_rules! x86_lanes {
    ($name:ident, $lanes:literal, $rows:ident, $loadu:ident, $storeu:ident, $set1:ident, $add:ident,
     $low32:ident, $high32:ident, $low64:ident, $high64:ident) => {
        // SAFETY of every block here: the caller has the instructions, and vouches for the pointers.
        impl Lanes for $name {
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
                    let row = |n| $rows(rows.add(n), at);
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
        }
    };
}

pub(super) use x86_lanes;

/// Reads sixteen bytes of the rows 0 and 4.
///
/// # Safety
///
/// As for [`Lanes::load`](super::rounds::Lanes::load), with AVX.
#[inline(always)]
pub(super) unsafe fn rows_256(rows: *const *const u8, at: usize) -> __m256i {
    // SAFETY: the caller vouches for the pointers.
    unsafe {
        let part = |n| _mm_loadu_si128((*rows.add(n)).add(at).cast());
        _mm256_set_m128i(part(4), part(0))
    }
}
