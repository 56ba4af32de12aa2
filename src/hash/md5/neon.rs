//! MD5 in the 128-bit vectors of AArch64.

use std::arch::aarch64::{
    uint32x4_t, vaddq_u32, vandq_u32, vbicq_u32, vbslq_u32, vdupq_n_u32, veorq_u32, vld1q_u8,
    vld1q_u32, vornq_u32, vreinterpretq_u32_u8, vshlq_n_u32, vsriq_n_u32, vst1q_u32, vzip1q_u32,
    vzip2q_u32,
};

use super::pair::Pair;
use super::rounds::{self, Lanes, Vector};
use super::{Kernel, Md5State};

kernel!(#[target_feature(enable = "neon")] FOUR: Neon);
kernel!(#[target_feature(enable = "neon")] EIGHT: Pair<Neon>);

#[derive(Clone, Copy)]
struct Neon(uint32x4_t);

// SAFETY of every block here: the caller has NEON, and vouches for the pointers.
impl Lanes for Neon {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(word: u32) -> Self {
        unsafe { Self(vdupq_n_u32(word)) }
    }

    #[inline(always)]
    unsafe fn gather(words: *const u32) -> Self {
        unsafe { Self(vld1q_u32(words)) }
    }

    #[inline(always)]
    unsafe fn scatter(self, words: *mut u32) {
        unsafe { vst1q_u32(words, self.0) }
    }

    #[inline(always)]
    unsafe fn load(rows: *const *const u8, at: usize) -> [Self; 4] {
        unsafe {
            let row = |n| vreinterpretq_u32_u8(vld1q_u8((*rows.add(n)).add(at)));
            let [r0, r1, r2, r3] = [row(0), row(1), row(2), row(3)];
            let (low02, high02) = (vzip1q_u32(r0, r2), vzip2q_u32(r0, r2));
            let (low13, high13) = (vzip1q_u32(r1, r3), vzip2q_u32(r1, r3));
            [
                Self(vzip1q_u32(low02, low13)),
                Self(vzip2q_u32(low02, low13)),
                Self(vzip1q_u32(high02, high13)),
                Self(vzip2q_u32(high02, high13)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { Self(vaddq_u32(self.0, other.0)) }
    }
}

// SAFETY of every block here: the caller has NEON, and vouches for the pointers.
impl Vector for Neon {
    #[inline(always)]
    unsafe fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self {
        unsafe { Self(vsriq_n_u32::<RIGHT>(vshlq_n_u32::<LEFT>(self.0), self.0)) }
    }

    #[inline(always)]
    unsafe fn add_f(sum: Self, b: Self, c: Self, d: Self) -> Self {
        unsafe { sum.add(Self(vbslq_u32(b.0, c.0, d.0))) }
    }

    #[inline(always)]
    unsafe fn add_g(sum: Self, b: Self, c: Self, d: Self) -> Self {
        unsafe { sum.add(Self(vbicq_u32(c.0, d.0))).add(Self(vandq_u32(b.0, d.0))) }
    }

    #[inline(always)]
    unsafe fn add_h(sum: Self, b: Self, c: Self, d: Self) -> Self {
        unsafe { sum.add(Self(veorq_u32(b.0, veorq_u32(c.0, d.0)))) }
    }

    #[inline(always)]
    unsafe fn add_i(sum: Self, b: Self, c: Self, d: Self) -> Self {
        unsafe { sum.add(Self(veorq_u32(c.0, vornq_u32(b.0, d.0)))) }
    }
}
