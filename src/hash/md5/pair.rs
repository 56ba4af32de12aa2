//! Two sets of lanes whose instructions alternate: a step of MD5 mostly waits for the step before
//! it, and the step of the other set uses that time.

use super::rounds::{Lanes, Vector};

/// Twice the lanes of `V`.
#[derive(Clone, Copy)]
pub(super) struct Pair<V>(V, V);

macro_rules! both {
    ($method:ident $($argument:ident)*) => {
        // SAFETY: the caller's promises for the pair hold for its halves.
        unsafe { Self(V::$method($($argument.0),*), V::$method($($argument.1),*)) }
    };
}

impl<V: Vector> Lanes for Pair<V> {
    const LANES: usize = 2 * V::LANES;

    #[inline(always)]
    unsafe fn splat(word: u32) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self(V::splat(word), V::splat(word)) }
    }

    #[inline(always)]
    unsafe fn gather(words: *const u32) -> Self {
        // SAFETY: the caller's promise; the second half of the words belongs to the second set.
        unsafe { Self(V::gather(words), V::gather(words.add(V::LANES))) }
    }

    #[inline(always)]
    unsafe fn scatter(self, words: *mut u32) {
        // SAFETY: as in `gather`.
        unsafe {
            self.0.scatter(words);
            self.1.scatter(words.add(V::LANES));
        }
    }

    #[inline(always)]
    unsafe fn load(rows: *const *const u8, at: usize) -> [Self; 4] {
        // SAFETY: as in `gather`.
        unsafe {
            let [m0, m1, m2, m3] = V::load(rows, at);
            let [n0, n1, n2, n3] = V::load(rows.add(V::LANES), at);
            [Self(m0, n0), Self(m1, n1), Self(m2, n2), Self(m3, n3)]
        }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        both!(add self other)
    }
}

impl<V: Vector> Vector for Pair<V> {
    #[inline(always)]
    unsafe fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self(self.0.rotate::<LEFT, RIGHT>(), self.1.rotate::<LEFT, RIGHT>()) }
    }

    #[inline(always)]
    unsafe fn add_f(sum: Self, b: Self, c: Self, d: Self) -> Self {
        both!(add_f sum b c d)
    }

    #[inline(always)]
    unsafe fn add_g(sum: Self, b: Self, c: Self, d: Self) -> Self {
        both!(add_g sum b c d)
    }

    #[inline(always)]
    unsafe fn add_h(sum: Self, b: Self, c: Self, d: Self) -> Self {
        both!(add_h sum b c d)
    }

    #[inline(always)]
    unsafe fn add_i(sum: Self, b: Self, c: Self, d: Self) -> Self {
        both!(add_i sum b c d)
    }
}
