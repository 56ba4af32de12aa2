//! The only implementation of MD5 (RFC 1321, section 3.4): every kernel is an instance.

use super::{BLOCK, WIDEST};

/// A word of MD5 in each of several lanes, one lane per stream.
///
/// The methods are `#[inline(always)]`, so that they get the target features of the one outer
/// function that has them.
///
/// # Safety
///
/// The caller of a method makes sure that the processor has the instruction set of the
/// implementation.
pub(super) trait Lanes: Copy {
    /// Streams side by side, at most [`WIDEST`].
    const LANES: usize;

    /// The same word in every lane.
    unsafe fn splat(word: u32) -> Self;

    /// Reads a word for each lane. `words` has [`Self::LANES`] words.
    unsafe fn gather(words: *const u32) -> Self;

    /// The reverse of [`Self::gather`].
    unsafe fn scatter(self, words: *mut u32);

    /// Reads the four words `at` bytes into each row. `rows` has [`Self::LANES`] pointers, and each
    /// has sixteen bytes there.
    unsafe fn load(rows: *const *const u8, at: usize) -> [Self; 4];

    unsafe fn add(self, other: Self) -> Self;
}

/// The operations of MD5 on words in lanes.
///
/// # Safety
///
/// As for [`Lanes`].
pub(super) trait Vector: Lanes {
    /// Rotates every lane left by `LEFT`; `RIGHT` is `32 - LEFT`.
    unsafe fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self;

    /// `sum + (b & c | !b & d)`
    unsafe fn add_f(sum: Self, b: Self, c: Self, d: Self) -> Self;

    /// `sum + (b & d | c & !d)`. The two halves share no bit, so each can be added alone: then only
    /// `b & d` waits for `b`, which was computed last.
    unsafe fn add_g(sum: Self, b: Self, c: Self, d: Self) -> Self;

    /// `sum + (b ^ c ^ d)`
    unsafe fn add_h(sum: Self, b: Self, c: Self, d: Self) -> Self;

    /// `sum + (c ^ (b | !d))`
    unsafe fn add_i(sum: Self, b: Self, c: Self, d: Self) -> Self;
}

/// The additive constants. The compiler must not know them: it would add them last, after the
/// function of `b`, which makes the sequence of dependent steps longer by an addition.
#[rustfmt::skip]
static SINES: [u32; 64] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
];

macro_rules! step {
    ($sines:ident[$n:expr] $words:ident[$word:expr] $function:ident $left:literal:
     $a:ident $b:ident $c:ident $d:ident) => {
        let sum = $a.add($words[$word]).add(V::splat(*$sines.add($n)));
        $a = V::$function(sum, $b, $c, $d).rotate::<$left, { 32 - $left }>().add($b);
    };
}

/// Sixteen steps from `first` on; each uses the word `stride` after that of the last step.
macro_rules! round {
    ($sines:ident[$first:literal] $words:ident[$word:literal + $stride:literal] $function:ident
     $r0:literal $r1:literal $r2:literal $r3:literal: $a:ident $b:ident $c:ident $d:ident) => {
        round!(@four 0, $sines[$first] $words[$word + $stride] $function $r0 $r1 $r2 $r3: $a $b $c $d);
        round!(@four 4, $sines[$first] $words[$word + $stride] $function $r0 $r1 $r2 $r3: $a $b $c $d);
        round!(@four 8, $sines[$first] $words[$word + $stride] $function $r0 $r1 $r2 $r3: $a $b $c $d);
        round!(@four 12, $sines[$first] $words[$word + $stride] $function $r0 $r1 $r2 $r3: $a $b $c $d);
    };
    (@four $n:literal, $sines:ident[$first:literal] $words:ident[$word:literal + $stride:literal]
     $function:ident $r0:literal $r1:literal $r2:literal $r3:literal:
     $a:ident $b:ident $c:ident $d:ident) => {
        step!($sines[$first + $n] $words[($word + $stride * $n) % 16] $function $r0: $a $b $c $d);
        step!($sines[$first + $n + 1] $words[($word + $stride * ($n + 1)) % 16] $function $r1: $d $a $b $c);
        step!($sines[$first + $n + 2] $words[($word + $stride * ($n + 2)) % 16] $function $r2: $c $d $a $b);
        step!($sines[$first + $n + 3] $words[($word + $stride * ($n + 3)) % 16] $function $r3: $b $c $d $a);
    };
}

/// A hash with states of `N` words.
pub(super) trait Algorithm<const N: usize> {
    /// Runs `blocks` blocks of every row through its state.
    ///
    /// # Safety
    ///
    /// As for [`compress`]; `rows` has `V::LANES` pointers.
    unsafe fn run<V: Vector>(state: &mut [V; N], rows: *const *const u8, blocks: usize);
}

/// Runs `blocks` blocks of every row through the state of its lane.
///
/// # Safety
///
/// As for [`Lanes`]. `states` and `rows` have the same length, from 1 to `V::LANES`, and every row
/// has `blocks * BLOCK` bytes to read.
#[inline(always)]
pub(super) unsafe fn compress<A: Algorithm<N>, V: Vector, const N: usize>(
    states: &mut [[u32; N]],
    rows: &[*const u8],
    blocks: usize,
) {
    // Unused lanes read the first row.
    let mut row_of = [rows[0]; WIDEST];
    row_of[..rows.len()].copy_from_slice(rows);
    let mut words = [[0; WIDEST]; N];
    for (lane, state) in states.iter().enumerate() {
        for (words, word) in words.iter_mut().zip(state) {
            words[lane] = *word;
        }
    }
    // SAFETY: every row of `words` has WIDEST words, of `row_of` WIDEST pointers, and no vector has
    // more lanes; the caller vouches for the instructions and for the bytes.
    unsafe {
        let mut lanes = words.each_ref().map(|words| V::gather(words.as_ptr()));
        A::run(&mut lanes, row_of.as_ptr(), blocks);
        for (lanes, words) in lanes.into_iter().zip(&mut words) {
            lanes.scatter(words.as_mut_ptr());
        }
    }
    for (lane, state) in states.iter_mut().enumerate() {
        *state = words.each_ref().map(|words| words[lane]);
    }
}

pub(super) struct Md5;

impl Algorithm<4> for Md5 {
    #[inline(always)]
    #[expect(clippy::many_single_char_names, reason = "the names in the RFC")]
    unsafe fn run<V: Vector>(state: &mut [V; 4], rows: *const *const u8, blocks: usize) {
        let sines = std::hint::black_box(SINES.as_ptr());
        let [mut a, mut b, mut c, mut d] = *state;
        for block in 0..blocks {
            let before = [a, b, c, d];
            // SAFETY: the caller makes the promises of `compress`; `sines` has 64 words.
            unsafe {
                let m = words::<V>(rows, block * BLOCK);
                round!(sines[0] m[0 + 1] add_f 7 12 17 22: a b c d);
                round!(sines[16] m[1 + 5] add_g 5 9 14 20: a b c d);
                round!(sines[32] m[5 + 3] add_h 4 11 16 23: a b c d);
                round!(sines[48] m[0 + 7] add_i 6 10 15 21: a b c d);
                a = a.add(before[0]);
                b = b.add(before[1]);
                c = c.add(before[2]);
                d = d.add(before[3]);
            }
        }
        *state = [a, b, c, d];
    }
}

/// Reads the sixteen words of the block `at` bytes into each row.
///
/// # Safety
///
/// As for [`Lanes::load`], for 64 bytes.
#[inline(always)]
pub(super) unsafe fn words<V: Vector>(rows: *const *const u8, at: usize) -> [V; 16] {
    // SAFETY: the caller's promise.
    unsafe {
        let [m0, m1, m2, m3] = V::load(rows, at);
        let [m4, m5, m6, m7] = V::load(rows, at + 16);
        let [m8, m9, m10, m11] = V::load(rows, at + 32);
        let [m12, m13, m14, m15] = V::load(rows, at + 48);
        [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15]
    }
}
