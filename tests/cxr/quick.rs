//! `cxr verify --quick`: presence and size. Nothing is verified, and the output says so.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use sha2::Sha256;

use crate::support::{
    Archive, Cxr, Fault, NAMES, Report, Sandbox, Server, TarBytes, archive, archives,
    stored_archive, xml_schema_error,
};

fn quick(sandbox: &Sandbox, all: &[Archive], mirror: &str) -> Cxr {
    let rows: Vec<_> = all.iter().map(|archive| (archive, "")).collect();
    let table = sandbox.table_with_sizes(&rows);
    let cxr = sandbox.cxr(["verify", "--quick", "--format", "json", "--from", mirror]);
    cxr.args(["--retries", "3", "--stall-timeout", "1", "--checksums"]).arg(table)
}

fn base64(digest: impl AsRef<[u8]>) -> String {
    STANDARD.encode(digest)
}

/// The report on one archive at a mirror that sends this header.
fn with_header(name: &'static str, value: impl Into<String>, status: i32) -> Report {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::Header(name, value.into()));
    quick(&sandbox, &all, &server.base()).report(status)
}

#[test]
fn an_archive_that_exists_is_present_and_not_ok() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    let report = quick(&sandbox, &all, &server.base()).report(0);
    assert_eq!(report.verdicts(), ["present", "present"]);
    assert_eq!(report.value["ok"], false, "{}", report.shown());
    assert_eq!(report.value["summary"]["present"], 2);
    for line in report.lines() {
        line.because("not verified").because("size is right").because("byte ranges");
        assert!(line.value["actual_md5"].is_null());
        assert_eq!(line.downloaded(), 512);
    }
    // The publisher answers HEAD with 404, so that a range is requested.
    assert!(server.hits().iter().all(|hit| hit.method == "GET" && hit.status == 206));
    assert!(server.hits().iter().all(|hit| hit.header("want-repr-digest").is_some()));
    let table = sandbox.path("table.tsv");
    let text = sandbox.cxr(["verify", "--quick", "--from", &server.base(), "--checksums"]);
    let outcome = text.arg(table).run();
    outcome.exits(0).says("2 present (not verified)");
    outcome.prints_line(&["present ", NAMES[0], "not verified"]);
    outcome.expect(!outcome.stdout().contains("ok "), "no `ok`");
}

#[test]
fn a_digest_header_that_agrees_is_named_and_does_not_make_it_ok() {
    let all = archives(1);
    let md5 = base64(Md5::digest(&**all[0].bytes));
    for (name, value) in [
        ("Repr-Digest", format!("md5=:{md5}:")),
        ("Digest", format!("MD5={md5}")),
        ("Content-MD5", md5.clone()),
        ("x-goog-hash", format!("crc32c=AAAAAA==,md5={md5}")),
        ("ETag", format!("\"{}\"", all[0].md5)),
    ] {
        let report = with_header(name, value, 0);
        report.only().is("present").because(&format!("matching digest in {name}"));
        assert_eq!(report.value["ok"], false);
    }
}

#[test]
fn a_digest_header_that_contradicts_the_table_is_corrupt() {
    let wrong = base64(Md5::digest(b"something else"));
    for (name, value) in [
        ("Repr-Digest", format!("md5=:{wrong}:")),
        ("Digest", format!("MD5={wrong}")),
        ("Content-MD5", wrong.clone()),
        ("x-goog-hash", format!("crc32c=AAAAAA==,md5={wrong}")),
    ] {
        let report = with_header(name, value, 1);
        report.only().is("corrupt").because(&format!("its {name} says MD5")).because("not read");
    }
}

/// Many servers use ETags of 32 digits that are not the MD5 of the content.
#[test]
fn an_etag_that_is_not_the_md5_is_reported_and_does_not_decide() {
    let report = with_header("ETag", "\"d41d8cd98f00b204e9800998ecf8427e\"", 0);
    report.only().is("present").because("its ETag is not the MD5, but it may not be an MD5");
    for tag in ["\"d41d8cd98f00b204e9800998ecf8427e-12\"", "W/\"d41d8cd98f00b204e9800998ecf8427e\""]
    {
        with_header("ETag", tag, 0).only().because("does not report a digest");
    }
}

/// Servers differ in the meaning of `Content-MD5` in the answer to a range.
#[test]
fn the_digest_of_a_range_is_not_taken_for_the_archives() {
    let all = archives(1);
    let report = with_header("Content-MD5", base64(Md5::digest(&all[0].bytes[..512])), 0);
    report.only().is("present").because("does not report a digest");
}

#[test]
fn a_sha_256_header_is_compared_if_the_table_has_one() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    let right = base64(Sha256::digest(&**all[0].bytes));
    let wrong = base64(Sha256::digest(b"x"));
    let Archive { name, md5, .. } = &all[0];
    let with = sandbox.table_with_sha256s(&all);
    let without = sandbox.put("without.tsv", format!("name\tmd5\n{name}\t{md5}\n"));
    for (table, value, verdict, words) in [
        (&with, &right, "present", "matching digest in Repr-Digest"),
        (&with, &wrong, "corrupt", "says SHA-256"),
        (&without, &wrong, "present", "does not report a digest"),
    ] {
        server.clear_faults();
        server.inject(Fault::Header("Repr-Digest", format!("sha-256=:{value}:")));
        let cxr = sandbox.cxr(["verify", "--quick", "--format", "json", "--checksums"]).arg(table);
        let outcome = cxr.args(["--from", &server.base()]).run();
        outcome.report().only().is(verdict).because(words);
    }
}

#[test]
fn missing_short_and_foreign_archives_are_found() {
    let (sandbox, all) = (Sandbox::new(), archives(4));
    let server = Server::with([&all[1], &all[3]]);
    server.serve(&all[2].path(), &std::sync::Arc::new(all[2].bytes[..1000].to_vec()));
    server.inject(Fault::Page("<html><title>Sign in</title></html>").on(&all[3].path()));
    let report = quick(&sandbox, &all, &server.base()).report(1);
    assert_eq!(report.verdicts(), ["missing", "present", "incomplete", "foreign"]);
    let report = quick(&sandbox, &all[..1], "http://127.0.0.1:9").report(3);
    report.only().is("unreachable");
}

#[test]
fn a_mirror_without_ranges_is_cut_off_after_the_beginning() {
    let (sandbox, all) = (Sandbox::new(), vec![stored_archive("images_001.tar.gz", 16, 1)]);
    let server = Server::with(&all);
    server.inject(Fault::NoRanges);
    let report = quick(&sandbox, &all, &server.base()).report(0);
    report.only().is("present").because("no byte ranges");
    assert!(report.downloaded() < 1 << 20, "{}", report.shown());
}

#[test]
fn a_failed_quick_check_is_retried() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::Status(503).first(2));
    let report = quick(&sandbox, &all, &server.base()).report(0);
    assert_eq!(report.only().number("attempts"), 3);
}

#[test]
fn a_folder_is_checked_for_presence_and_size_only() {
    let sandbox = Sandbox::new();
    let all: Vec<_> = (1..=5).map(|number| archive(number, 1)).collect();
    let other = [&b"\x89PNG\r\n\x1a\n"[..], &vec![7; 3_000_000]].concat();
    // Only its length is right.
    sandbox.put("data/images_001.tar.gz", all[0].flipped(1000));
    sandbox.put("data/images_002.tar.gz", &all[1].bytes[..1000]);
    let small = TarBytes::default().member("a", b'0', b"small").gzip();
    sandbox.put("data/images_004.tar.gz", small);
    sandbox.put("data/images_005.tar.gz", other);
    for from in [&["data"][..], &["--from", "data"][..]] {
        let rows: Vec<_> = all.iter().map(|archive| (archive, "")).collect();
        let table = sandbox.table_with_sizes(&rows);
        let cxr = sandbox.cxr(["verify", "--quick", "--format", "json", "--checksums"]).arg(table);
        let report = cxr.args(from).report(1);
        let verdicts = ["present", "incomplete", "missing", "foreign", "foreign"];
        assert_eq!(report.verdicts(), verdicts);
        report.line(NAMES[0]).because("not verified");
    }
}

#[test]
fn a_file_with_an_unknown_name_gets_no_verdict() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put("blob", &*all[0].bytes);
    fs::create_dir(sandbox.path("data/images_001.tar.gz")).unwrap();
    let report = sandbox.verify(&all).args(["--quick", "blob", "data"]).report(3);
    let lines = report.lines();
    lines[0].is("error").because("--quick").next("cxr verify --format json --checksums ");
    assert!(!lines[0].value["next"].as_str().unwrap().contains("--quick"), "{}", report.shown());
    lines[1].is("error").because("directory");
}

#[test]
fn every_report_says_that_nothing_was_verified() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    let cxr = quick(&sandbox, &all, &server.base());
    let outcome = cxr.args(["--report", "r.json", "--junit", "j.xml"]).run();
    outcome.exits(0);
    outcome.report_in(&fs::read(sandbox.path("r.json")).unwrap()).only().is("present");
    let junit = fs::read_to_string(sandbox.path("j.xml")).unwrap();
    assert!(junit.contains("<skipped type=\"present\" message=\"not verified"), "{junit}");
    assert_eq!(xml_schema_error("junit.xsd", &sandbox.path("j.xml")), None);
}
