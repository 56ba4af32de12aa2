//! `cxr verify --sha256`: MD5 detects accidents, SHA-256 also forgery. And tables of SHA-256s alone.

use std::fs;

use crate::support::{Archive, Cxr, Fault, NAMES, Sandbox, Server, archive, archives};

/// Two messages with one MD5, by Wang, Feng, Lai and Yu (2004).
const COLLISION: [&str; 2] = [
    "d131dd02c5e6eec4693d9a0698aff95c2fcab58712467eab4004583eb8fb7f8955ad340609f4b30283e488832571415a\
     085125e8f7cdc99fd91dbdf280373c5bd8823e3156348f5bae6dacd436c919c6dd53e2b487da03fd02396306d248cda0\
     e99f33420f577ee8ce54b67080a80d1ec69821bcb6a8839396f9652b6ff72a70",
    "d131dd02c5e6eec4693d9a0698aff95c2fcab50712467eab4004583eb8fb7f8955ad340609f4b30283e4888325f1415a\
     085125e8f7cdc99fd91dbd7280373c5bd8823e3156348f5bae6dacd436c919c6dd53e23487da03fd02396306d248cda0\
     e99f33420f577ee8ce54b67080280d1ec69821bcb6a8839396f965ab6ff72a70",
];

/// A right archive, and a wrong one with the same size and MD5.
fn colliding_archives() -> [Archive; 2] {
    let archives = COLLISION.map(|digits| Archive::new("a.bin", hex::decode(digits).unwrap()));
    assert_eq!(archives[0].md5, archives[1].md5);
    assert_ne!(archives[0].bytes, archives[1].bytes);
    archives
}

fn verify(sandbox: &Sandbox, all: &[Archive], words: &[&str]) -> Cxr {
    let table = sandbox.table_with_sha256s(all);
    let cxr = sandbox.cxr(["verify", "--sha256", "--format", "json", "--checksums"]).arg(table);
    cxr.args(words)
}

#[test]
fn both_digests_are_checked_here_and_at_mirrors() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 4), archive(2, 1)]);
    for archive in &all {
        sandbox.put_archive(archive);
    }
    let server = Server::with(&all);
    for words in [&["data"][..], &["--from", &server.base(), "--from", "data"][..]] {
        let report = verify(&sandbox, &all, words).report(0);
        report.all_ok();
        for line in report.lines() {
            let archive = all.iter().find(|archive| line.value["name"] == *archive.name).unwrap();
            assert_eq!(line.value["actual_sha256"], *archive.sha256(), "{}", report.shown());
            assert_eq!(line.value["expected_sha256"], *archive.sha256());
            assert_eq!(line.value["actual_md5"], *archive.md5);
        }
    }
    // Without the option, no SHA-256 is computed.
    let report = sandbox.verify(&all).arg("data").report(0);
    assert!(report.lines()[0].value["actual_sha256"].is_null());
}

#[test]
fn a_forgery_with_the_right_md5_is_found_by_its_sha_256_alone() {
    let (sandbox, [right, forged]) = (Sandbox::new(), colliding_archives());
    sandbox.put_archive(&forged);
    let server = Server::with([&forged]);
    let all = [right.clone()];
    sandbox.verify(&all).arg("data").report(0).all_ok();
    for words in [&["data"][..], &["data/a.bin"][..], &["--from", &server.base()][..]] {
        let report = verify(&sandbox, &all, words).report(1);
        let line = report.only();
        line.is("corrupt").because("SHA-256").because("no accident").because(&right.sha256());
        assert_eq!(line.value["actual_md5"], *right.md5);
        assert_eq!(line.value["actual_sha256"], *forged.sha256());
        assert!(!line.value["next"].is_null());
    }
}

#[test]
fn a_wrong_md5_is_still_corrupt() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    sandbox.put("data/images_001.tar.gz", all[0].flipped(1000));
    let report = verify(&sandbox, &all, &["data"]).report(1);
    assert_eq!(report.verdicts(), ["corrupt", "missing"]);
    report.line(NAMES[0]).because("MD5 is");
}

#[test]
fn a_table_without_sha_256s_is_no_silent_pass() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    for archive in &all {
        sandbox.put_archive(archive);
    }
    let outcome = sandbox.verify(&all).args(["data", "--sha256"]).run();
    outcome.exits(2).says(&format!("the table has no SHA-256 for {}", NAMES[0]));
    // A table that lacks one serves only for the other archives.
    let Archive { name, md5, .. } = &all[0];
    let rows = format!(
        "name\tmd5\tsha256\n{name}\t{md5}\t{}\n{}\t{}\t\n",
        all[0].sha256(),
        all[1].name,
        all[1].md5
    );
    let table = sandbox.put("half.tsv", rows);
    let verify = |words: &[&str]| {
        let cxr = sandbox.cxr(["verify", "--sha256", "--checksums"]).arg(&table);
        cxr.args(words).run()
    };
    verify(&["data"]).exits(2).says(&format!("no SHA-256 for {}", NAMES[1]));
    verify(&["--from", "data"]).exits(2);
    verify(&["--from", "data", "1"]).exits(0);
}

#[test]
fn sha256_and_quick_together_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.cxr(["verify", "--sha256", "--quick"]).run().exits(2).says("--quick reads no archive");
}

#[test]
fn the_built_in_table_has_a_sha_256_for_every_archive() {
    let sandbox = Sandbox::new();
    let report = sandbox.cxr(["verify", "--sha256", "--format", "json", "data"]).report(1);
    let known = report.lines().iter().filter(|l| l.value["expected_sha256"].is_string()).count();
    assert_eq!(known, 12, "{}", report.shown());
}

#[test]
fn a_table_of_sha256sum_serves_every_command() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 4), archive(2, 1)]);
    let (server, table) = (Server::with(&all), sandbox.sha256_table(&all));
    let run = |words: &[&str]| sandbox.cxr(words).arg("--checksums").arg(&table);
    let base = server.base();
    // A bit is wrong on the way, and the repair compares SHA-256s.
    server.inject(Fault::Flip { at: 100_000 }.on(&all[0].path()).first(1));
    let fetch = ["fetch", "-d", "data", "--from", &base, "--format", "json"];
    let report = run(&fetch).report(0);
    let line = report.all_ok().line(NAMES[0]);
    assert_eq!(line.value["digest"], "sha256", "{}", report.shown());
    assert_eq!(line.value["actual_sha256"], *all[0].sha256());
    assert!(line.value["actual_md5"].is_null() && line.value["expected_md5"].is_null());
    for archive in &all {
        sandbox.assert_archive(archive);
    }
    // The receipt is one of a SHA-256.
    run(&fetch).report(0).line(NAMES[0]).because("verified before");
    run(&["verify", "data"]).run().exits(0).prints("SHA-256 matches");
    run(&["verify", "--from", &base]).run().exits(0).prints("SHA-256 matches");
    run(&["list", "-d", "data"]).run().exits(0).prints(&all[0].sha256());
    let written = run(&["checksums"]).run().exits(0).stdout();
    assert_eq!(written, fs::read_to_string(&table).unwrap());
    // Another archive under the name, and one wrong bit.
    sandbox.put("data/images_001.tar.gz", &*all[1].bytes);
    sandbox.put("data/images_002.tar.gz", all[1].flipped(1000));
    let notes = ["verify", "data", "--resume", "--format", "json"];
    let report = run(&notes).report(1);
    report.line(NAMES[0]).is("foreign").because(&format!("its content is {}", NAMES[1]));
    report.line(NAMES[1]).is("corrupt").because(&format!("should be {}", all[1].sha256()));
}

#[test]
fn a_partial_download_and_a_note_of_a_sha_256_are_resumed() {
    let all = vec![archive(1, 5)];
    let (sandbox, server) = (Sandbox::new(), Server::with(&all));
    let table = sandbox.sha256_table(&all);
    let base = server.base();
    let fetch = ["fetch", "-d", "data", "--from", &base, "-c", "2", "--format", "json"];
    let fetch = || sandbox.cxr(fetch).arg("--checksums").arg(&table).chunk(128 << 10);
    server.inject(Fault::Throttle { rate: 4 << 20 });
    let mut running = fetch().spawn();
    running.until("half of the archive", || server.sent() > all[0].size() / 2);
    running.kill();
    server.clear_faults();
    let report = fetch().report(0);
    assert!(report.only().reused() > all[0].size() / 4, "{}", report.shown());
    sandbox.assert_archive(&all[0]);
    let verify = |table: &std::path::Path, words: &[&str]| {
        let cxr = sandbox.cxr(["verify", "data", "--since", "1h", "--format", "json"]);
        cxr.arg("--checksums").arg(table).args(words).report(0)
    };
    verify(&table, &[]);
    verify(&table, &[]).only().because("unchanged since");
    verify(&table, &["--sha256"]).only().because("unchanged since");
    // The note is not one of the MD5, nor of both.
    assert_eq!(verify(&sandbox.table(&all), &[]).only().detail(), "");
    let both = sandbox.table_with_sha256s(&all);
    assert_eq!(verify(&both, &["--sha256"]).only().detail(), "");
}

#[test]
fn a_table_of_both_kinds_checks_each_archive_by_its_own() {
    let (sandbox, [right, forged]) = (Sandbox::new(), colliding_archives());
    sandbox.put_archive(&forged);
    let other = archive(2, 1);
    sandbox.put_archive(&other);
    let (sha, md5) = (right.sha256(), &right.md5);
    let verify = |lines: String, status| {
        let table = sandbox.put("table", format!("{}  {}\n{lines}", other.md5, other.name));
        let cxr = sandbox.cxr(["verify", "data", "--format", "json", "--checksums"]).arg(table);
        cxr.report(status)
    };
    // The collision deceives the MD5 and not the SHA-256.
    verify(format!("MD5 (a.bin) = {md5}\n"), 0).all_ok();
    let report = verify(format!("SHA256 (a.bin) = {sha}\n"), 1);
    report.line("a.bin").is("corrupt").because("SHA-256 is");
    assert_eq!(report.line(&other.name).is("ok").value["digest"], "md5");
    // Both lines of one archive, as two tools write them: the MD5 is the fast check.
    verify(format!("{md5}  a.bin\n{sha}  a.bin\n"), 0).all_ok();
}
