//! Runs the corpora, which hold inputs that fuzzers found interesting, and inputs similar to them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{TARGETS, check};

/// Changed copies of each input.
const COPIES: usize = 20;

fn fuzz(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

/// The inputs of a target, ordered by file name.
pub(crate) fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(fuzz("corpus").join(target)).unwrap();
    let mut inputs: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    inputs.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Changes a few of the bytes.
pub(crate) fn changed(bytes: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..random.usize(1..4) {
        let at = random.usize(0..=bytes.len());
        match random.u8(0..4) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.u8(..)),
            2 => bytes.splice(at.., bytes[..at].to_vec()).for_each(drop),
            _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << random.u8(0..8)),
        }
    }
    bytes
}

/// Runs the target, and names the input and its file if it panics.
fn assert_keeps(target: &str, bytes: &[u8], path: &Path) {
    let result = std::panic::catch_unwind(|| check(target, bytes));
    assert!(
        result.is_ok(),
        "{} or an input similar to it: {}",
        path.display(),
        bytes.escape_ascii()
    );
}

#[test]
fn every_input_of_the_corpora_keeps_the_promises() {
    for (target, _) in TARGETS {
        let inputs = corpus(target);
        assert!(inputs.len() >= 3, "{target} has a corpus of {}", inputs.len());
        for (path, bytes) in inputs {
            assert_keeps(target, &bytes, &path);
        }
    }
}

#[test]
fn similar_inputs_keep_the_promises() {
    for (target, _) in TARGETS {
        for (path, bytes) in corpus(target) {
            // A new input must not change the copies of the others.
            let mut random = fastrand::Rng::with_seed(crc32fast::hash(&bytes).into());
            for _ in 0..COPIES {
                assert_keeps(target, &changed(&bytes, &mut random), &path);
            }
        }
    }
}

#[test]
fn targets_programs_and_corpora_are_the_same() {
    let names = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(fuzz(folder)).unwrap();
        let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
        entries.map(|entry| stem(entry.unwrap().path())).collect()
    };
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("corpus"), targets);
    assert_eq!(names("fuzz_targets"), targets);
    let manifest = fs::read_to_string(fuzz("Cargo.toml")).unwrap();
    for target in targets {
        let program = fuzz("fuzz_targets").join(format!("{target}.rs"));
        let calls = format!("check(\"{target}\", bytes)");
        assert!(fs::read_to_string(&program).unwrap().contains(&calls), "{}", program.display());
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target} in Cargo.toml");
    }
}
