//! The compression function of MD5, for one stream and for many side by side.
//!
//! MD5 is a serial chain: a step waits for the step before it, and most of a processor's units wait
//! with it. Independent streams fill them. [`rounds`] holds the one body; each instruction set is a
//! small file that says how its vectors add and rotate. All `unsafe` code of the program is here.
#![allow(unsafe_code, reason = "vector instructions and the transposed loads that feed them")]
#![allow(
    clippy::inline_always,
    reason = "the outer function's target features must reach the helpers"
)]

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
#[cfg(target_arch = "x86_64")]
mod sse2;

pub use platform::Platform;

/// Bytes in a block (RFC 1321, section 3.4).
pub(super) const BLOCK: usize = 64;

/// The most streams that any kernel takes.
pub(super) const WIDEST: usize = 16;

/// The four words of a stream between two blocks.
pub(super) type State = [u32; 4];

/// The state before the first block (RFC 1321, section 3.3).
pub(super) const INITIAL: State = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// The compression function for up to so many streams at once. Whoever has one may call it: it is
/// had of a [`Platform`] only, and this processor has what it needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernel {
    lanes: usize,
    /// # Safety
    ///
    /// As for [`rounds::compress`].
    compress: unsafe fn(&mut [State], &[*const u8], usize),
}

impl Kernel {
    /// The kernel for a single stream.
    pub(super) const ONE: Self = portable::ONE;

    /// The most streams that it takes.
    pub(super) const fn lanes(self) -> usize {
        self.lanes
    }

    /// Runs as many blocks of every row through the row's state as the shortest row has, and says
    /// how many bytes of each that were. States or rows beyond the kernel's lanes, or beyond one
    /// another, are left alone.
    pub(super) fn compress(self, states: &mut [State], rows: &[&[u8]]) -> usize {
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
