//! The instruction sets and kernels of this processor.

#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
use super::neon;
use super::sha256::Sha256State;
use super::{Kernel, portable};
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512, sse2};

/// An instruction set that this processor has, and its kernels.
#[derive(Debug, Clone, Copy)]
pub struct Platform {
    pub(super) name: &'static str,
    /// From the narrowest kernel to the widest. No two have the same number of lanes.
    pub(super) kernels: &'static [Kernel],
    /// The kernel for several SHA-256s, where it is faster than one after the other.
    pub(in crate::hash) sha256: Option<Kernel<Sha256State>>,
}

impl Platform {
    /// The best instruction set of this processor.
    pub fn detect() -> Self {
        Self::available().swap_remove(0)
    }

    /// All instruction sets of this processor, the best first. The last one is portable.
    pub fn available() -> Vec<Self> {
        // In unit tests the variable hides instruction sets, as it does in the program.
        #[cfg(test)]
        let hidden = super::tests::hidden();
        #[cfg(not(test))]
        let hidden = String::new();
        Self::without(&hidden)
    }

    /// All instruction sets of this processor, the best first, without those in a list such as
    /// `avx512,avx2`. The portable one cannot be excluded.
    pub fn without(hidden: &str) -> Vec<Self> {
        let mut all = Self::native();
        all.retain(|platform| hidden.split(',').all(|name| name != platform.name));
        all.push(Self::PORTABLE);
        all
    }

    /// The name: `avx512`, `avx2`, `sse2`, `neon` or `portable`.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The number of streams that are hashed at once.
    pub fn lanes(&self) -> usize {
        self.kernels.last().map_or(1, |kernel| kernel.lanes())
    }

    pub(in crate::hash) const fn kernels(&self) -> &'static [Kernel] {
        self.kernels
    }

    const PORTABLE: Self =
        Self { name: "portable", kernels: &[portable::ONE, portable::TWO], sha256: None };

    #[cfg(target_arch = "x86_64")]
    fn native() -> Vec<Self> {
        const ONE: Kernel = portable::ONE;
        const TWO: Kernel = portable::TWO;
        let mut all = Vec::new();
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
            let kernels = &[ONE, TWO, avx512::EIGHT, avx512::SIXTEEN];
            all.push(Self { name: "avx512", kernels, sha256: Some(avx512::SHA256) });
        }
        if is_x86_feature_detected!("avx2") {
            let kernels = &[ONE, TWO, avx2::EIGHT, avx2::SIXTEEN];
            let sha256 = (!is_x86_feature_detected!("sha")).then_some(avx2::SHA256);
            all.push(Self { name: "avx2", kernels, sha256 });
        }
        if is_x86_feature_detected!("sse2") {
            all.push(Self {
                name: "sse2",
                kernels: &[ONE, TWO, sse2::FOUR, sse2::EIGHT],
                sha256: None,
            });
        }
        all
    }

    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    fn native() -> Vec<Self> {
        let kernels = &[portable::ONE, portable::TWO, neon::FOUR, neon::EIGHT];
        let has = std::arch::is_aarch64_feature_detected!("neon");
        has.then_some(Self { name: "neon", kernels, sha256: None }).into_iter().collect()
    }

    #[cfg(not(any(
        target_arch = "x86_64",
        all(target_arch = "aarch64", target_endian = "little")
    )))]
    fn native() -> Vec<Self> {
        Vec::new()
    }
}
