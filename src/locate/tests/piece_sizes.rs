//! The result does not depend on the lengths of the pieces.

use super::*;
use crate::fuzzing::tests::{changed, corpus};

/// Lengths of pieces, which cut the window and other structures at many places.
const PIECES: [usize; 3] = [1, 7, 192];

/// Changed copies of each archive.
const COPIES: usize = 24;

fn assert_same(archive: &[u8], what: &str) {
    let whole = scan(archive, &[archive.len()]).0;
    for piece in PIECES {
        let found = scan(archive, &[piece]).0;
        assert_eq!(found, whole, "{what}, in pieces of {piece}: {}", archive.escape_ascii());
    }
}

/// Archives of every kind and of the corpora, and tars to be made into archives.
fn inputs() -> Vec<(String, Vec<u8>, bool)> {
    let made = archives().into_iter().map(|(name, archive)| (name.to_owned(), archive, false));
    let of = |target| {
        corpus(target).into_iter().map(|(path, bytes)| (path.display().to_string(), bytes))
    };
    let scanned = of("scanner").map(|(name, bytes)| (name, bytes[2..].to_vec(), false));
    let tars = of("tar").map(|(name, bytes)| (name, bytes, true));
    made.chain(scanned).chain(tars).collect()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a run of the tests can give the seed")]
fn damage_is_the_same_in_pieces_of_any_length() {
    let seed = std::env::var("CXR_TESTS_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    let mut random = fastrand::Rng::with_seed(seed);
    for (name, bytes, is_tar) in inputs() {
        let archive = |bytes: &[u8]| if is_tar { stored(bytes) } else { bytes.to_vec() };
        assert_same(&archive(&bytes), &name);
        for _ in 0..COPIES {
            let what = format!("CXR_TESTS_SEED={seed}: similar to {name}");
            assert_same(&archive(&changed(&bytes, &mut random)), &what);
        }
    }
}
