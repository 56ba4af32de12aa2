//! `cxr verify --from`: mirrors are read to the last byte, and nothing is stored.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{
    Archive, Cxr, Fault, Hit, NAMES, Sandbox, Server, SystemCall, SystemCalls, WrongRange, archive,
    archives, stored_archive,
};

/// `cxr verify` of mirrors in JSON, against a table with sizes.
fn check(sandbox: &Sandbox, all: &[Archive], mirrors: &[&str]) -> Cxr {
    let rows: Vec<_> = all.iter().map(|archive| (archive, "")).collect();
    check_with(sandbox, &sandbox.table_with_sizes(&rows), mirrors).args(["--format", "json"])
}

fn check_with(sandbox: &Sandbox, table: &std::path::Path, mirrors: &[&str]) -> Cxr {
    let cxr = sandbox.cxr(["verify", "--checksums"]).arg(table);
    let cxr = cxr.args(["--retries", "3", "--stall-timeout", "1", "--connect-timeout", "2"]);
    mirrors.iter().fold(cxr, |cxr, mirror| cxr.args(["--from", mirror]))
}

/// The name of a mirror in the report.
fn name_of(server: &Server) -> String {
    format!("{}/", server.base())
}

#[test]
fn a_good_mirror_is_ok_and_nothing_is_written() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    let server = Server::with(&all);
    let before = sandbox.files(".").len();
    let report = check(&sandbox, &all, &[&server.base()]).report(0);
    report.all_ok();
    for (line, archive) in report.lines().iter().zip(&all) {
        assert_eq!(line.value["name"], *archive.name);
        assert_eq!(line.value["source"], name_of(&server));
        assert_eq!(line.value["actual_md5"], *archive.md5);
        assert!(line.value["path"].is_null() && line.value["detail"].is_null());
        assert_eq!(line.downloaded(), archive.size());
        assert_eq!((line.reused(), line.number("attempts")), (0, 1));
    }
    // Only the table is new.
    assert_eq!(sandbox.files(".").len(), before + 1);
}

#[test]
fn corrupt_and_missing_archives_are_found_in_spite_of_resets() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3), archive(2, 3), archive(3, 1)]);
    let server = Server::with(&all[..2]);
    server.inject(Fault::Reset { after: 300_000 }.first(5));
    server.inject(Fault::Flip { at: 700_000 }.on(&all[1].path()));
    let report = check(&sandbox, &all, &[&server.base()]).report(1);
    assert_eq!(report.verdicts(), ["ok", "corrupt", "missing"]);
    report.line(NAMES[1]).because("MD5").next("put the right archive on the mirror");
    report.line(NAMES[2]).because("404").next("put the archive on the mirror");
    // The stream resumes where it broke, and few bytes are read twice.
    let good = report.line(NAMES[0]);
    assert!(good.number("attempts") > 1, "{}", report.shown());
    assert!(good.downloaded() < all[0].size() + 100_000, "{}", report.shown());
    let starts: Vec<_> = server.hits_on(&all[0].path()).iter().map(Hit::range).collect();
    assert!(starts[1].is_some_and(|(start, _)| start > 100_000), "{starts:?}");
}

#[test]
fn several_mirrors_are_compared_side_by_side() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let (good, bad) = (Server::with(&all), Server::with(&all[..1]));
    bad.inject(Fault::Flip { at: 100_000 });
    sandbox.put_archive(&all[1]);
    let (first, second) = (name_of(&good), name_of(&bad));
    let mirrors = [&*first, &*second, "data"];
    let report = check(&sandbox, &all, &mirrors).report(1);
    let expected = ["ok", "corrupt", "missing", "ok", "missing", "ok"];
    assert_eq!(report.verdicts(), expected);
    for (line, (name, mirror)) in report
        .lines()
        .iter()
        .zip(NAMES[..2].iter().flat_map(|name| mirrors.iter().map(move |mirror| (name, mirror))))
    {
        assert_eq!(
            (&line.value["name"], &line.value["source"]),
            (&(*name).into(), &(*mirror).into())
        );
    }
    assert_eq!(report.lines()[5].value["path"], format!("data/{}", NAMES[1]));
    let table = sandbox.path("table.tsv");
    let outcome = check_with(&sandbox, &table, &mirrors).run();
    outcome.exits(1).is_plain();
    outcome.prints(&format!("1  {first}\n2  {second}\n3  data\n"));
    let rows = [
        "                   1            2            3",
        "images_001.tar.gz  ok           corrupt      missing",
        "images_002.tar.gz  ok           missing      ok",
    ];
    outcome.prints(&rows.join("\n"));
    outcome.prints_line(&["corrupt ", NAMES[0], &format!("at {second}: MD5")]);
    outcome.prints_line(&["missing ", NAMES[0], "at data: not here"]);
    outcome.prints_line(&["next: cxr fetch -d data --checksums "]);
}

#[test]
fn the_worst_verdict_decides_the_exit_status() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let good = Server::with(&all);
    let closed = "http://127.0.0.1:9";
    let report = check(&sandbox, &all, &[&good.base(), closed]).report(3);
    assert_eq!(report.verdicts(), ["ok", "unreachable"]);
    report.lines()[1]
        .because("no connection")
        .because("3 attempts")
        .next("wait until the mirror answers");
    assert_eq!(report.value["ok"], false);
}

#[test]
fn a_mirror_without_ranges_is_read_again_from_the_start() {
    for fault in [Fault::NoRanges, Fault::Http10] {
        let (sandbox, all) = (Sandbox::new(), vec![archive(1, 2)]);
        let server = Server::with(&all);
        server.inject(fault).inject(Fault::Close { after: 300_000 }.first(1));
        let report = check(&sandbox, &all, &[&server.base()]).report(0);
        report.all_ok();
        assert_eq!(report.only().number("attempts"), 2);
    }
}

#[test]
fn without_sizes_in_the_table_the_end_is_what_the_mirror_says() {
    for faults in [vec![], vec![Fault::Chunked, Fault::NoRanges], vec![Fault::Http10]] {
        let (sandbox, all) = (Sandbox::new(), archives(2));
        let server = Server::with(&all);
        for fault in faults {
            server.inject(fault);
        }
        let table = sandbox.table(&all);
        let cxr = check_with(&sandbox, &table, &[&server.base()]).args(["--format", "json"]);
        cxr.report(0).all_ok();
    }
}

#[test]
fn a_wrong_length_is_reported_before_the_body_is_read() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::new();
    let longer = [&all[1].bytes[..], b"x"].concat();
    server.serve(&all[0].path(), &Arc::new(all[0].bytes[..300_000].to_vec()));
    server.serve(&all[1].path(), &Arc::new(longer));
    let report = check(&sandbox, &all, &[&server.base()]).report(1);
    assert_eq!(report.verdicts(), ["incomplete", "corrupt"]);
    report.line(NAMES[0]).because("offers 300000 bytes where the table says");
    assert!(report.downloaded() < 100_000, "{}", report.shown());
    // It is corrupt too if the mirror does not report its length.
    server.inject(Fault::Http10);
    let report = check(&sandbox, &all[1..], &[&server.base()]).report(1);
    report.only().is("corrupt");
}

/// The ways in which a mirror can hide its length.
fn hidden_lengths() -> [Vec<Fault>; 5] {
    let total = || Fault::ContentRange(WrongRange::UnknownTotal);
    [
        vec![total()],
        vec![total(), Fault::Chunked],
        // Several ranges.
        vec![Fault::ShortRange { less: 250_000 }, total()],
        vec![Fault::NoRanges, Fault::Chunked],
        vec![Fault::Http10],
    ]
}

#[test]
fn a_mirror_that_reports_no_length_is_read_to_its_end() {
    for faults in hidden_lengths() {
        let (sandbox, all) = (Sandbox::new(), vec![archive(1, 2)]);
        let (server, longer) = (Server::with(&all), Server::new());
        let more = [&all[0].bytes[..], &all[0].bytes].concat();
        longer.serve(&all[0].path(), &Arc::new(more));
        for fault in &faults {
            server.inject(fault.clone());
            longer.inject(fault.clone());
        }
        let report = check(&sandbox, &all, &[&server.base()]).report(0);
        report.only().is("ok");
        let downloaded = report.downloaded();
        assert_eq!(downloaded, all[0].size(), "{faults:?}: {}", report.shown());
        let report = check(&sandbox, &all, &[&longer.base()]).report(1);
        report.only().is("corrupt").because("has more than the").because("the table says");
        assert!(report.only().value["actual_size"].is_null(), "{}", report.shown());
        let table = sandbox.table(&all);
        let unknown = |server: &Server| {
            check_with(&sandbox, &table, &[&server.base()]).args(["--format", "json"])
        };
        unknown(&server).report(0).all_ok();
        unknown(&longer).report(1).only().is("corrupt").because("MD5");
    }
}

/// The file might have more bytes than the table says, and be sent in equal ranges.
#[test]
fn a_range_that_ends_at_the_expected_size_does_not_prove_the_end() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 1)]);
    let server = Server::new();
    let twice = [&all[0].bytes[..], &all[0].bytes].concat();
    server.serve(&all[0].path(), &Arc::new(twice));
    server.inject(Fault::ShortRange { less: all[0].size() });
    server.inject(Fault::ContentRange(WrongRange::UnknownTotal));
    let report = check(&sandbox, &all, &[&server.base()]).report(1);
    report.only().is("corrupt").because("has more than the");
}

#[test]
fn another_document_in_place_of_the_archive_is_foreign() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    server.inject(Fault::Page("<html><title>Sign in</title></html>").on(&all[0].path()));
    server.inject(Fault::OtherFile(Arc::clone(&all[0].bytes)).on(&all[1].path()));
    let table = sandbox.table(&all);
    let cxr = check_with(&sandbox, &table, &[&server.base()]).args(["--format", "json"]);
    let report = cxr.report(1);
    report.line(NAMES[0]).is("foreign").because("web page").because("Sign in");
    report.line(NAMES[1]).is("foreign").because(NAMES[0]);
}

/// A mix of two versions of a file shows nothing about either.
#[test]
fn a_mirror_that_changes_while_it_is_read_is_read_again() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 2)]);
    let server = Server::with(&all);
    server
        .inject(Fault::Flip { at: 10_000 }.first(1))
        .inject(Fault::Reset { after: 300_000 }.first(1));
    let report = check(&sandbox, &all, &[&server.base()]).report(0);
    report.only().is("ok").because("read twice");
    assert_eq!(report.only().number("attempts"), 3);
}

#[test]
fn verify_from_takes_the_selectors_of_fetch() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    let server = Server::with(&all);
    let report = check(&sandbox, &all, &[&server.base()]).args(["3", "images_001"]).report(0);
    assert_eq!(report.lines().len(), 2);
    assert!(server.hits_on(&all[1].path()).is_empty());
    let outcome = check(&sandbox, &all, &[&server.base()]).arg("data").run();
    outcome.exits(2).says("`data` is not in the table");
}

#[test]
fn no_more_archives_are_read_at_a_time_than_asked_for() {
    let (sandbox, all) = (Sandbox::new(), archives(4));
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 4_000_000 });
    check(&sandbox, &all, &[&server.base()]).args(["-j", "2"]).report(0).all_ok();
    assert_eq!(server.most_concurrent(), 2);
}

#[test]
fn retry_after_is_obeyed() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    server.inject(Fault::RetryAfter(503, "1").first(1));
    let begun = Instant::now();
    let report = check(&sandbox, &all, &[&server.base()]).args(["-j", "1"]).report(0);
    report.all_ok();
    assert!(begun.elapsed() >= Duration::from_secs(1), "{}", report.shown());
}

/// The variable of `fetch --from` must not turn a check of local files into one of mirrors.
#[test]
fn the_sources_of_fetch_are_no_mirrors_to_verify() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    sandbox.verify(&all).arg("data").env("CXR_FROM", server.base()).report(1).only().is("missing");
    assert!(server.hits().is_empty());
}

#[test]
fn an_interrupted_check_ends_cleanly_and_reports() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 1), archive(2, 5)]);
    let server = Server::with(&all);
    server.inject(Fault::Stall { after: 100_000 }.on(&all[1].path()));
    let cxr = check(&sandbox, &all, &[&server.base()]).args(["--stall-timeout", "60"]);
    let mut running = cxr.spawn();
    running.until("both archives", || server.sent() >= all[0].size() + 100_000);
    std::thread::sleep(Duration::from_millis(100));
    let begun = Instant::now();
    running.signal(Signal::INT);
    let outcome = running.wait();
    outcome.exits(130).says("interrupted; to start again, run: cxr verify").is_plain();
    assert!(begun.elapsed() < Duration::from_secs(2), "{outcome}");
    let report = outcome.report();
    report.line(NAMES[0]).is("ok");
    report.line(NAMES[1]).is("error").because("interrupted");
}

/// As with a mirror on a read-only mount, and a job without a folder of its own.
#[test]
fn no_folder_needs_to_be_writable() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    for archive in &all {
        sandbox.put_archive(archive);
    }
    let mirrors = [&*server.base(), "data"];
    let cxr = check(&sandbox, &all, &mirrors);
    let folders = [sandbox.path("home"), sandbox.data(), sandbox.root().to_owned()];
    let allow = |mode| {
        for folder in &folders {
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    allow(0o555);
    let table = sandbox.path("table.tsv");
    let here = sandbox.cxr(["verify", "data", "--format", "json", "--checksums"]).arg(table);
    let outcomes = [cxr.unprivileged().run(), here.unprivileged().run()];
    allow(0o755);
    for outcome in outcomes {
        outcome.exits(0).report().all_ok();
    }
}

/// No file is opened for writing, created, renamed or removed.
#[test]
fn nothing_is_written_to_the_disk() {
    let (sandbox, all) = (Sandbox::new(), vec![stored_archive("images_001.tar.gz", 4, 1)]);
    let server = Server::with(&all);
    let calls = [
        "openat",
        "open",
        "creat",
        "mkdir",
        "mkdirat",
        "rename",
        "renameat",
        "renameat2",
        "unlink",
        "unlinkat",
        "link",
        "linkat",
        "symlink",
        "symlinkat",
        "truncate",
        "ftruncate",
        "fallocate",
        "utimensat",
    ];
    let cxr = check(&sandbox, &all, &[&server.base()]);
    let Some(trace) = SystemCalls::of(&sandbox, cxr, &calls) else { return };
    trace.first("open", &["table.tsv"]);
    let is_read = |call: &&SystemCall| {
        let is_open = call.text.starts_with("open(") || call.text.starts_with("openat(");
        is_open && !["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|flag| call.text.contains(flag))
    };
    let calls = trace.calls().iter().filter(|call| !call.text.starts_with("+++"));
    let writing: Vec<_> = calls.filter(|call| !is_read(call)).collect();
    assert!(writing.is_empty(), "{writing:#?}");
}
