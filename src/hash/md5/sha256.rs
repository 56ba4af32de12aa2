//! The only implementation of SHA-256 in lanes (FIPS 180-4, section 6.2). One stream alone is faster with
//! the instructions that many processors have for it.

use super::BLOCK;
use super::rounds::{Algorithm, Vector, words};

/// The eight words of a stream between two blocks.
pub(in crate::hash) type Sha256State = [u32; 8];

/// The state before the first block (section 5.3.3).
#[rustfmt::skip]
pub(in crate::hash) const INITIAL: Sha256State = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
];

/// The constants of the rounds (section 4.2.2).
#[rustfmt::skip]
static CONSTANTS: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

/// `sum` and the exclusive or of `x`, rotated right by three numbers of bits.
macro_rules! add_rotations {
    ($sum:expr, $x:expr, $r0:literal $r1:literal $r2:literal) => {
        V::add_h(
            $sum,
            $x.rotate::<{ 32 - $r0 }, $r0>(),
            $x.rotate::<{ 32 - $r1 }, $r1>(),
            $x.rotate::<{ 32 - $r2 }, $r2>(),
        )
    };
}

/// The same, with a shift in place of the third rotation.
macro_rules! add_shifted {
    ($sum:expr, $x:expr, $r0:literal $r1:literal > $shift:literal) => {{
        let zero = V::splat(0);
        let shifted = $x.rotate::<{ 32 - $shift }, $shift>();
        let shifted = V::add_f(zero, V::splat(u32::MAX >> $shift), shifted, zero);
        V::add_h($sum, $x.rotate::<{ 32 - $r0 }, $r0>(), $x.rotate::<{ 32 - $r1 }, $r1>(), shifted)
    }};
}

macro_rules! step {
    ($constants:ident[$n:expr] $word:expr; $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident) => {
        let sum = $h.add($word).add(V::splat(*$constants.add($n)));
        let sum = add_rotations!(V::add_f(sum, $e, $f, $g), $e, 6 11 25);
        $d = $d.add(sum);
        let differs = V::add_h(V::splat(0), $a, $b, V::splat(0));
        // Where `a` and `b` agree, they are the majority; elsewhere `c` decides.
        $h = add_rotations!(V::add_f(sum, differs, $c, $b), $a, 2 13 22);
    };
}

/// Eight steps, of which each renames the variables.
macro_rules! steps {
    ($constants:ident[$n:expr] $words:ident[$first:literal]; $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident) => {
        step!($constants[$n] $words[$first]; $a $b $c $d $e $f $g $h);
        step!($constants[$n + 1] $words[$first + 1]; $h $a $b $c $d $e $f $g);
        step!($constants[$n + 2] $words[$first + 2]; $g $h $a $b $c $d $e $f);
        step!($constants[$n + 3] $words[$first + 3]; $f $g $h $a $b $c $d $e);
        step!($constants[$n + 4] $words[$first + 4]; $e $f $g $h $a $b $c $d);
        step!($constants[$n + 5] $words[$first + 5]; $d $e $f $g $h $a $b $c);
        step!($constants[$n + 6] $words[$first + 6]; $c $d $e $f $g $h $a $b);
        step!($constants[$n + 7] $words[$first + 7]; $b $c $d $e $f $g $h $a);
    };
}

/// The eight words of the schedule that replace those from `first` on.
macro_rules! schedule {
    ($words:ident[$($n:literal)*]) => {
        $(
            let sum = $words[$n].add($words[($n + 9) % 16]);
            let sum = add_shifted!(sum, $words[($n + 1) % 16], 7 18 > 3);
            $words[$n] = add_shifted!(sum, $words[($n + 14) % 16], 17 19 > 10);
        )*
    };
}

pub(super) struct Sha256;

impl Algorithm<8> for Sha256 {
    #[inline(always)]
    #[expect(clippy::many_single_char_names, reason = "the names in the standard")]
    unsafe fn run<V: Vector>(state: &mut [V; 8], rows: *const *const u8, blocks: usize) {
        let constants = std::hint::black_box(CONSTANTS.as_ptr());
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
        for block in 0..blocks {
            let before = [a, b, c, d, e, f, g, h];
            // SAFETY: the caller makes the promises of `compress`; `constants` has 64 words.
            unsafe {
                let mut w = words::<V>(rows, block * BLOCK).map(|word| {
                    let swapped = [word.rotate::<8, 24>(), word.rotate::<24, 8>()];
                    V::add_f(V::splat(0), V::splat(0x00ff_00ff), swapped[0], swapped[1])
                });
                steps!(constants[0] w[0]; a b c d e f g h);
                steps!(constants[8] w[8]; a b c d e f g h);
                for first in [16, 32, 48] {
                    schedule!(w[0 1 2 3 4 5 6 7]);
                    steps!(constants[first] w[0]; a b c d e f g h);
                    schedule!(w[8 9 10 11 12 13 14 15]);
                    steps!(constants[first + 8] w[8]; a b c d e f g h);
                }
                a = a.add(before[0]);
                b = b.add(before[1]);
                c = c.add(before[2]);
                d = d.add(before[3]);
                e = e.add(before[4]);
                f = f.add(before[5]);
                g = g.add(before[6]);
                h = h.add(before[7]);
            }
        }
        *state = [a, b, c, d, e, f, g, h];
    }
}
