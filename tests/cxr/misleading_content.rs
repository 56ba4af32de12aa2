//! Tables with wrong sizes, other files in place of an archive, and sources that mislead.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::{Archive, FINAL_NAME, Fault, Hit, NAMES, Sandbox, Server, archive, archives};

/// Writes a table with these sizes, right or wrong.
fn sized(sandbox: &Sandbox, archives: &[(&Archive, u64)]) -> PathBuf {
    let mut lines = String::from("name\tsize\tmd5\n");
    for (Archive { name, md5, .. }, size) in archives {
        writeln!(lines, "{name}\t{size}\t{md5}").unwrap();
    }
    sandbox.put("table.tsv", lines)
}

/// The MD5 decides, not the size.
#[test]
fn a_good_archive_is_kept_if_the_size_in_the_table_is_wrong() {
    let (sandbox, archive) = (Sandbox::new(), archive(1, 1));
    let server = Server::with([&archive]);
    server.inject(Fault::Status(404));
    sandbox.put_archive(&archive);
    for size in [archive.size() + 1, archive.size() - 1, 99] {
        let table = sized(&sandbox, &[(&archive, size)]);
        let fetch = || sandbox.fetch_with(&table).args(["--from", &server.base()]);
        fetch().arg("--recheck").report(0).all_ok();
        fetch().report(0).only().because("verified before");
        fetch().arg("--dry-run").report(0).all_ok();
        sandbox.assert_archive(&archive);
    }
    assert!(server.hits().is_empty());
}

#[test]
fn a_partial_download_is_resumed_after_the_size_in_the_table_is_corrected() {
    let (sandbox, archive) = (Sandbox::new(), archive(1, 3));
    let server = Server::with([&archive]);
    sandbox.put(FINAL_NAME, &archive.bytes[..400_000]);
    let table = sized(&sandbox, &[(&archive, archive.size() + 1)]);
    let fetch = || sandbox.fetch_with(&table).args(["--from", &server.base()]);
    fetch().report(3).only().is("unreachable").because("where the table says");
    sized(&sandbox, &[(&archive, archive.size())]);
    let report = fetch().report(0);
    assert_eq!(report.all_ok().downloaded(), archive.size() - 400_000, "{}", report.shown());
}

#[test]
fn another_archive_under_the_name_is_replaced_and_no_source_is_blamed() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    sandbox.put(FINAL_NAME, &*all[1].bytes);
    let table = sized(&sandbox, &[(&all[0], all[0].size()), (&all[1], all[1].size())]);
    let fetch = || sandbox.fetch_with(&table).args(["--from", &server.base(), NAMES[0]]);
    fetch().arg("--dry-run").report(1).only().is("foreign").because(NAMES[1]);
    let report = fetch().report(0);
    assert_eq!(report.downloaded(), all[0].size(), "{}", report.shown());
    assert_eq!(report.only().detail(), "", "{}", report.shown());
    sandbox.assert_archive(&all[0]);
}

/// The target of the link may belong to someone else.
#[test]
fn a_symbolic_link_under_the_name_is_an_error_and_is_kept() {
    let (sandbox, archive) = (Sandbox::new(), archive(1, 1));
    let server = Server::with([&archive]);
    let link = sandbox.data().join(NAMES[0]);
    std::os::unix::fs::symlink("../target", &link).unwrap();
    for size in [Some(archive.size()), None] {
        let table = match size {
            Some(size) => sized(&sandbox, &[(&archive, size)]),
            None => sandbox.table(std::slice::from_ref(&archive)),
        };
        for target in [archive.flipped(1000), archive.bytes[..1000].to_vec(), vec![0; 200_000]] {
            sandbox.put("target", &target);
            let fetch = sandbox.fetch_with(&table).args(["--from", &server.base()]);
            fetch.report(3).only().is("error").because("a symbolic link").next("move it away");
            assert!(link.is_symlink());
            sandbox.assert_content("target", &target);
        }
    }
}

/// A source that reports another size and then fails does not decide for the others.
#[test]
fn a_size_reported_by_only_one_source_is_corrected() {
    let (sandbox, archive) = (Sandbox::new(), archive(1, 3));
    let (stale, good) = (Server::new(), Server::with([&archive]));
    let longer = std::sync::Arc::new([&archive.bytes[..], b"more"].concat());
    stale.serve(&archive.path(), &longer);
    stale.inject(Fault::Reset { after: 100_000 }.first(1));
    stale.inject(Fault::Status(503).after(1));
    let table = sandbox.table(std::slice::from_ref(&archive));
    let fetch = sandbox.fetch_with(&table).args(["--from", &stale.base(), "--from", &good.base()]);
    let outcome = fetch.args(["-c", "1"]).run();
    outcome.exits(0).says("where an earlier answer said").report().all_ok();
    sandbox.assert_archive(&archive);
}

#[test]
fn bytes_after_an_archive_are_reported_and_kept_on_request() {
    for keeps in [false, true] {
        let (sandbox, archive) = (Sandbox::new(), archive(1, 1));
        let server = Server::with([&archive]);
        let longer = [&archive.bytes[..], &[7; 4000]].concat();
        sandbox.put(FINAL_NAME, &longer);
        let table = sized(&sandbox, &[(&archive, archive.size())]);
        let fetch = sandbox.fetch_with(&table).args(["--from", &server.base()]);
        let fetch = if keeps { fetch.arg("--keep-corrupt") } else { fetch };
        let report = fetch.report(0);
        report.only().because("3.91 KiB after the end of the archive were cut off");
        sandbox.assert_archive(&archive);
        let kept = sandbox.files("data/.cxr/corrupt");
        let kept: Vec<_> =
            kept.into_iter().map(|name| Path::new("data/.cxr/corrupt").join(name)).collect();
        assert_eq!(kept.len(), usize::from(keeps));
        for path in kept {
            sandbox.assert_content(path, &longer);
        }
    }
}

#[test]
fn a_content_encoding_is_named_as_the_reason() {
    let (sandbox, archive) = (Sandbox::new(), archive(1, 1));
    let server = Server::new();
    server.serve(&archive.path(), &std::sync::Arc::new(vec![7; 100_000]));
    server.inject(Fault::GzipLabel);
    let table = sized(&sandbox, &[(&archive, archive.size())]);
    let words = "compressed once more (Content-Encoding: gzip)";
    let source = ["--from", &server.base()];
    sandbox.fetch_with(&table).args(source).report(3).only().is("unreachable").because(words);
    let verify = sandbox.cxr(["verify", "--format", "json", "--checksums"]).arg(table);
    verify.args(source).report(3).only().is("unreachable").because(words);
}

#[test]
fn a_failed_repair_is_not_reported_as_repaired() {
    let (sandbox, archive) = (Sandbox::new(), archive(1, 3));
    let server = Server::with([&archive]);
    let mine = archive.flipped(200_000);
    sandbox.put(FINAL_NAME, &mine);
    server.inject(Fault::Status(403));
    let table = sized(&sandbox, &[(&archive, archive.size())]);
    let fetch = || sandbox.fetch_with(&table).args(["--from", &server.base()]);
    let report = fetch().report(3);
    report.only().is("unreachable").because("damaged at bytes ").because("not repaired");
    assert!(!report.only().detail().contains("downloaded again"), "{}", report.shown());
    sandbox.assert_content(FINAL_NAME, &mine);
    // A source without ranges sends the whole file.
    server.clear_faults();
    server.inject(Fault::NoRanges);
    let report = fetch().report(0);
    report.only().because("no source supports byte ranges");
    assert!(!report.only().detail().contains("downloaded again"), "{}", report.shown());
}

/// A common accident: a compressed file is compressed again.
#[test]
fn an_archive_compressed_twice_is_not_reported_as_truncated() {
    let (sandbox, archive) = (Sandbox::new(), archive(1, 1));
    for (level, verdict) in [(0, "corrupt"), (6, "foreign")] {
        let mut twice = GzEncoder::new(Vec::new(), Compression::new(level));
        twice.write_all(&archive.bytes).unwrap();
        let twice = twice.finish().unwrap();
        let size = if level == 0 { archive.size() } else { twice.len() as u64 + 1000 };
        let table = sized(&sandbox, &[(&archive, size)]);
        sandbox.put(FINAL_NAME, &twice);
        let verify = sandbox.cxr(["verify", "data", "--format", "json", "--checksums"]).arg(table);
        let report = verify.report(1);
        report.only().is(verdict).because("complete in itself");
        assert!(!report.only().detail().contains("truncated"), "{}", report.shown());
    }
}

#[test]
fn a_missing_mirror_folder_is_an_error() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let verify = sandbox.verify(&all).args(["--from", "unmounted"]);
    let report = verify.report(3);
    assert_eq!(report.verdicts(), ["error", "error"]);
    report.lines()[0].because("unmounted cannot be opened").next("mounted");
}

/// The download script of NIH uses other names.
#[test]
fn a_mirror_folder_may_use_the_names_of_the_nih_script() {
    let (sandbox, archive) = (Sandbox::new(), archive(3, 1));
    sandbox.put("disk/images_03.tar.gz", &*archive.bytes);
    let table = sandbox.put(
        "names.tsv",
        format!("name\tmd5\tscript_name\n{}\t{}\timages_03.tar.gz\n", archive.name, archive.md5),
    );
    let fetch = sandbox.fetch_with(&table).args(["--from", "disk"]);
    fetch.report(0).all_ok();
    sandbox.assert_archive(&archive);
}

/// Some servers and proxies answer every range with 416.
#[test]
fn a_server_that_refuses_every_range_is_asked_for_the_whole_file() {
    let (sandbox, archive) = (Sandbox::new(), archive(1, 3));
    let server = Server::with([&archive]);
    server.inject(Fault::RefusesRanges);
    let all = std::slice::from_ref(&archive);
    let report = sandbox.fetch(&server, all).chunk(100_000).report(0);
    assert_eq!(report.all_ok().downloaded(), archive.size());
    sandbox.assert_archive(&archive);
    sandbox.verify(all).args(["--from", &server.base()]).report(0).all_ok();
}

/// An archive of this many bytes under a name for gzip, which begins like something else.
fn begins_like(beginning: &[u8], length: usize) -> Archive {
    let mut bytes = beginning.to_vec();
    bytes.resize(length, b'x');
    Archive::new(NAMES[0], bytes)
}

const BEGINNINGS: [&[u8]; 5] =
    [b"<!doctype html><title>Data", b"PK\x03\x04", b"%PDF-1.7\n", b"{\"a\": 1", b"BZh9"];

/// The MD5 decides, not the first bytes.
#[test]
fn a_good_archive_that_begins_like_another_document_is_fetched() {
    for (number, beginning) in BEGINNINGS.into_iter().enumerate() {
        for length in [40_000, 3_000_000] {
            let (sandbox, archive) = (Sandbox::new(), begins_like(beginning, length));
            let server = Server::with([&archive]);
            let table = match number % 2 {
                0 => sandbox.table(std::slice::from_ref(&archive)),
                _ => sized(&sandbox, &[(&archive, archive.size())]),
            };
            if number % 2 == 1 {
                server.inject(Fault::NoRanges).inject(Fault::NoLength);
            }
            let from = ["--from", &server.base(), "--retries", "1"];
            let fetch = sandbox.fetch_with(&table).args(from);
            fetch.report(0).all_ok();
            sandbox.assert_archive(&archive);
            let first =
                |hit: &&Hit| hit.header("range").is_none_or(|range| range.starts_with("bytes=0-"));
            let asked = server.hits().iter().filter(first).count();
            let allowed = if length > 1 << 20 { 2 } else { 1 };
            assert!(asked <= allowed, "{asked} requests for the beginning of {length} bytes");
            let verify = sandbox.cxr(["verify", "--format", "json", "--checksums"]).arg(&table);
            verify.args(from).report(0).all_ok();
        }
    }
}

/// Only a short document is known to be wrong before it is stored.
#[test]
fn a_page_in_place_of_an_archive_without_a_size_is_not_its_bytes() {
    for (length, status, verdict, words) in [
        (40_000, 3, "unreachable", "sent a web page: Data"),
        (3_000_000, 1, "corrupt", "gave a web page: Data"),
    ] {
        let (sandbox, archive) = (Sandbox::new(), archive(1, 1));
        let server = Server::new();
        let page = begins_like(BEGINNINGS[0], length);
        server.serve(&archive.path(), &std::sync::Arc::new(page.bytes.to_vec()));
        let most = 2 * u64::try_from(length).unwrap() + (1 << 20);
        let table = sandbox.table(std::slice::from_ref(&archive));
        let one = ["--from", &server.base(), "--retries", "2", "-c", "1"];
        let fetch = sandbox.fetch_with(&table).args(one);
        fetch.report(status).only().is(verdict).because(words);
        assert!(server.sent() < most, "{:?}", server.hits());
        sandbox.assert_absent(&archive);
        // Another source that has it is enough.
        let good = Server::with([&archive]);
        let sources = ["--from", &server.base(), "--from", &good.base(), "--retries", "2"];
        sandbox.fetch_with(&table).args(sources).report(0).all_ok();
        sandbox.assert_archive(&archive);
    }
}
