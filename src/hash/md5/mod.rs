//! The compression function of MD5, for one stream and for many side by side, and that of SHA-256 for
//! many.
//!
//! Each step of MD5 waits for the step before it, and most units of a processor wait with it.
//! Independent streams use them. [`rounds`] and [`sha256`] have the only implementations; each instruction set is a
//! small file that defines how its vectors add and rotate. All `unsafe` code of cxr is here.
#![allow(unsafe_code, reason = "vector instructions and the transposed loads that feed them")]
#![allow(
    clippy::inline_always,
    reason = "the outer function's target features must reach the helpers"
)]

/// Defines a kernel, with the one outer function that has its target features.
macro_rules! kernel {
    ($(#[$features:meta])? $name:ident: $vector:ty) => {
        kernel!($(#[$features])? $name: $vector, rounds::Md5, Md5State);
    };
    ($(#[$features:meta])? $name:ident: $vector:ty, $algorithm:ty, $state:ty) => {
        pub(super) const $name: Kernel<$state> = {
            $(#[$features])?
            unsafe fn compress(states: &mut [$state], rows: &[*const u8], blocks: usize) {
                // SAFETY: this function has the features; the caller vouches for the rest.
                unsafe { rounds::compress::<$algorithm, $vector, _>(states, rows, blocks) }
            }
            Kernel { lanes: <$vector as Lanes>::LANES, compress }
        };
    };
}

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod neon;
mod pair;
mod platform;
mod portable;
mod rounds;
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only kernels of x86-64 use it"))]
pub(super) mod sha256;
#[cfg(target_arch = "x86_64")]
mod sse2;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use platform::Platform;

/// Bytes in a block (RFC 1321, section 3.4).
pub(super) const BLOCK: usize = 64;

/// The most streams of any kernel.
pub(super) const WIDEST: usize = 16;

/// The four words of a stream between two blocks.
pub(super) type Md5State = [u32; 4];

/// The state before the first block (RFC 1321, section 3.3).
pub(super) const INITIAL: Md5State = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// The compression function for up to `lanes` streams at once. It is safe to call, because only a
/// [`Platform`] gives it, if the processor has its instructions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernel<S = Md5State> {
    lanes: usize,
    /// # Safety
    ///
    /// As for [`rounds::compress`].
    compress: unsafe fn(&mut [S], &[*const u8], usize),
}

impl Kernel {
    pub(super) const ONE: Self = portable::ONE;
}

impl<S> Kernel<S> {
    pub(super) const fn lanes(self) -> usize {
        self.lanes
    }

    /// Runs as many blocks of each row through its state as the shortest row has. Returns their
    /// number of bytes in each row. States or rows beyond the number of lanes, or of the other, are
    /// ignored.
    pub(super) fn compress(self, states: &mut [S], rows: &[&[u8]]) -> usize {
        let lanes = states.len().min(rows.len()).min(self.lanes);
        let rows = &rows[..lanes];
        let blocks = rows.iter().map(|row| row.len() / BLOCK).min().unwrap_or(0);
        if blocks > 0 {
            let mut pointers = [std::ptr::null(); WIDEST];
            for (pointer, row) in pointers.iter_mut().zip(rows) {
                *pointer = row.as_ptr();
            }
            // SAFETY: the platform that gave this kernel has its instructions; there is at least
            // one lane and at most `self.lanes`, and each row has `blocks` blocks.
            unsafe { (self.compress)(&mut states[..lanes], &pointers[..lanes], blocks) };
        }
        blocks * BLOCK
    }
}

#[cfg(test)]
mod tests;
