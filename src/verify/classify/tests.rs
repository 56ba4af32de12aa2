//! Faults of files, and the verdict and detail of each.

use super::super::advice::advice;
use super::super::names::match_name;
use super::super::testing::{archive, catalog, content, md5};
use super::*;
use crate::verdict::Verdict::{Corrupt, Foreign, Incomplete, Ok};

const FIRST: &str = "d/images_001.tar.gz";

/// The summary of a file with this content if 3001 bytes are expected.
fn summary(content: &[u8]) -> ContentSummary {
    ContentSummary {
        size: content.len() as u64,
        md5: Some(md5(content)),
        sha256: None,
        prefix: content
            .get(..3001)
            .filter(|part| part.len() < content.len())
            .map(|part| md5(part).into()),
        head: content.iter().copied().take(identify::HEAD).collect(),
        zeros_at_end: content.iter().rev().take_while(|&&byte| byte == 0).count() as u64,
    }
}

fn classified(path: &str, content: &[u8]) -> (Verdict, String) {
    let catalog = catalog();
    let path = Path::new(path);
    let classification = classify(path, match_name(path, &catalog), &catalog, &summary(content));
    let Classification { verdict, archive, content, .. } = classification;
    let next = advice(verdict, archive, content, path, &catalog);
    assert_eq!(verdict == Verdict::Ok, next.is_none());
    (classification.verdict, classification.detail.unwrap_or_default())
}

fn flipped(at: usize) -> Vec<u8> {
    let mut content = content(1);
    content[at] ^= 4;
    content
}

fn joined(first: &[u8], second: &[u8]) -> Vec<u8> {
    [first, second].concat()
}

type Case = (&'static str, &'static str, Vec<u8>, Verdict, String);

fn check(cases: impl IntoIterator<Item = Case>) {
    for (what, path, content, verdict, words) in cases {
        assert_eq!(classified(path, &content), (verdict, words), "{what}");
    }
}

/// The detail of a file that has the right size and is wrong.
fn both_md5s(content: &[u8]) -> String {
    format!("MD5 is {}, should be {}", md5(content), md5(&self::content(1)))
}

fn page() -> Vec<u8> {
    b"<html><head><title>Sign in</title>".to_vec()
}

#[test]
fn content_of_the_table_is_recognized() {
    let swapped = "its content is images_002.tar.gz".to_owned();
    check([
        ("right", FIRST, content(1), Ok, String::new()),
        ("alias", "d/images_01.tar.gz", content(1), Ok, "under the name images_01.tar.gz".into()),
        ("strange name", "d/x", content(2), Ok, "under the name x".into()),
        (
            "another one under a name like an archive's",
            "images_001 (1).tar.gz",
            content(2),
            Ok,
            "under the name images_001 (1).tar.gz".into(),
        ),
        ("another one under an archive's name", FIRST, content(2), Foreign, swapped),
    ]);
}

#[test]
fn a_short_file_is_incomplete_unless_something_is_wrong_with_it() {
    check([
        ("empty", FIRST, vec![], Incomplete, "empty".into()),
        (
            "short",
            FIRST,
            content(1)[..3000].to_vec(),
            Incomplete,
            "3000 of 3001 bytes (99.9 %): truncated".into(),
        ),
        (
            "a part under the name that a browser gives it",
            "images_001.tar.gz.crdownload",
            content(1)[..1500].to_vec(),
            Incomplete,
            "1500 of 3001 bytes (49.9 %): truncated".into(),
        ),
        (
            "its first byte is wrong",
            FIRST,
            flipped(0)[..300].to_vec(),
            Corrupt,
            "300 of 3001 bytes (9.9 %), and it does not begin like a gzip file".into(),
        ),
        (
            "zeros",
            FIRST,
            vec![0; 30],
            Corrupt,
            "30 of 3001 bytes (0.9 %), and all bytes are zeros".into(),
        ),
    ]);
}

#[test]
fn a_file_of_the_right_size_shows_both_md5s() {
    let with = |content: Vec<u8>, hint: &str| {
        let words = both_md5s(&content) + hint;
        ("right size", FIRST, content, Corrupt, words)
    };
    let padded = joined(&page(), &vec![b' '; 3001 - page().len()]);
    check([
        with(flipped(1500), ""),
        with(flipped(0), "; it does not begin like a gzip file"),
        with(vec![0; 3001], "; all bytes are zeros"),
        // Fewer than 4096 zeros may be right.
        with(joined(&content(1)[..100], &[0; 2901]), ""),
        with(padded, "; it is a web page: Sign in"),
    ]);
}

#[test]
fn a_longer_file_may_contain_the_archive() {
    let whole = "the archive is complete, but 1 byte follows it".into();
    let zeros = "5000 bytes too many, and the last 5000 bytes are zeros".into();
    check([
        ("whole", FIRST, joined(&content(1), b"\n"), Corrupt, whole),
        ("wrong", FIRST, joined(&flipped(9), b"ab"), Corrupt, "2 bytes too many".into()),
        ("never written", FIRST, joined(&flipped(9), &[0; 5000]), Corrupt, zeros),
    ]);
}

#[test]
fn another_kind_of_file_is_foreign() {
    let mut tar = vec![b'x'; 4000];
    tar[257..262].copy_from_slice(b"ustar");
    let sign_in = "a web page: Sign in (34 bytes)".into();
    let unpacked = "a plain tar: the gzip layer was removed on the way (4000 bytes)".into();
    check([("page", FIRST, page(), Foreign, sign_in), ("tar", FIRST, tar, Foreign, unpacked)]);
}

#[test]
fn a_file_that_is_not_in_the_table_is_foreign() {
    let none = |more: &str| format!("not in the table{more}");
    let same_size = none(", but it has the size of images_001.tar.gz");
    check([
        ("strange", "x", b"\x02\x03".to_vec(), Foreign, none("")),
        ("empty", "x", vec![], Foreign, none(": empty")),
        ("page", "x", page(), Foreign, none(": a web page: Sign in")),
        ("damaged", "x", flipped(9), Foreign, same_size),
    ]);
}

#[test]
fn without_a_size_the_md5_and_the_beginning_decide() {
    let mut listed = archive("a.tar.gz", &content(1));
    listed.size = None;
    let catalog = Catalog::new(vec![listed]).unwrap();
    for (content, verdict) in [
        (content(1), Verdict::Ok),
        (flipped(7), Verdict::Corrupt),
        (content(1)[..9].to_vec(), Verdict::Corrupt),
        (vec![], Verdict::Incomplete),
        (b"%PDF-1.5".to_vec(), Verdict::Foreign),
    ] {
        let path = Path::new("a.tar.gz");
        let classification =
            classify(path, match_name(path, &catalog), &catalog, &summary(&content));
        assert_eq!(classification.verdict, verdict, "{} bytes", content.len());
    }
}

/// Only files with the name of a gzip file must begin like one.
#[test]
fn files_that_are_not_gzip_may_begin_with_any_bytes() {
    let catalog = Catalog::new(vec![archive("a.csv", b"id,finding\n1,none\n")]).unwrap();
    let path = Path::new("a.csv");
    for (content, verdict) in [
        (&b"id,finding\n"[..], Verdict::Incomplete),
        (b"<!doctype html>", Verdict::Foreign),
        (b"id,finding\n1,None\n", Verdict::Corrupt),
    ] {
        let classification =
            classify(path, match_name(path, &catalog), &catalog, &summary(content));
        assert_eq!(classification.verdict, verdict, "{}", content.escape_ascii());
    }
}

/// A table may list the same bytes twice. Neither file then has the name of the other.
#[test]
fn two_archives_with_the_same_content_are_both_ok() {
    let catalog = Catalog::new(vec![archive("a", b"same"), archive("b", b"same")]).unwrap();
    for name in ["a", "b", "b (1)"] {
        let path = Path::new(name);
        let classification =
            classify(path, match_name(path, &catalog), &catalog, &summary(b"same"));
        assert_eq!(classification.verdict, Verdict::Ok, "{name}");
        let archive = classification.archive.unwrap();
        assert_eq!(archive.name, name[..1], "{name}");
    }
}
