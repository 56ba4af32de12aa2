//! A machine without enough resources: threads, open files, the size of its file system. Every
//! archive is still reported.

use crate::support::{Archive, Cxr, NAMES, Report, Sandbox, Server, archives};

/// A server with three archives. The first is here, and a wrong file is here for the second.
fn prepare() -> (Sandbox, Server, Vec<Archive>) {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    let server = Server::with(&all);
    sandbox.put_archive(&all[0]);
    sandbox.put(format!("data/{}", NAMES[1]), all[1].flipped(100_000));
    (sandbox, server, all)
}

/// Asserts that the first archive is `ok` and the others have a reason, also in the report files.
#[track_caller]
fn assert_all_reported(sandbox: &Sandbox, fetch: Cxr, words: &str) -> Report {
    let outcome = fetch.args(["--report", "r.json", "--junit", "j.xml"]).run();
    let report = outcome.exits(3).is_plain().report();
    assert_eq!(report.verdicts(), ["ok", "error", "error"], "{outcome}");
    report.line(NAMES[1]).because(words).next("cxr fetch --format json");
    report.line(NAMES[2]).because(words).next("cxr fetch --format json");
    assert!(report.value["error"].is_null(), "{outcome}");
    assert_eq!(std::fs::read(sandbox.path("r.json")).unwrap(), outcome.stdout);
    let junit = std::fs::read_to_string(sandbox.path("j.xml")).unwrap();
    assert_eq!(junit.matches("<testcase ").count(), 3, "{junit}");
    report
}

#[test]
fn every_archive_is_reported_if_no_file_can_be_opened() {
    // The first files are those of the program, the next those of its connections.
    let (sandbox, server, all) = prepare();
    let fetch = sandbox.fetch(&server, &all).args(["-c", "64"]);
    let Some(fetch) = fetch.failing_call("eventfd2", "EMFILE", 5) else { return };
    assert_all_reported(
        &sandbox,
        fetch,
        "this machine cannot open connections: Too many open files",
    );
    assert!(server.hits_on(&all[2].path()).is_empty());
    // The file is unchanged.
    sandbox.assert_content(format!("data/{}", NAMES[1]), &all[1].flipped(100_000));
}

#[test]
fn a_low_limit_of_open_files_reduces_connections() {
    let (sandbox, server, all) = prepare();
    let limited = |cxr: Cxr, kind: &str| {
        let limit = format!("ulimit {kind} 64; exec \"$0\" \"$@\"");
        cxr.started_by(["sh", "-c", &limit]).run()
    };
    let verify = || sandbox.verify(&all).args(["-j", "64", "--from", &server.base()]);
    let words = "only 64 files may be open at a time (`ulimit -n`): cxr uses 3 connections for 3 archives \
                 at a time";
    limited(verify(), "-n").says(words).report().all_ok();
    // A soft limit can be raised.
    let outcome = limited(verify(), "-S -n");
    outcome.expect(!outcome.stderr().contains("ulimit"), "no message on the limit");
    outcome.report().all_ok();
    let fetch = sandbox.fetch(&server, &all).args(["-c", "64"]);
    limited(fetch, "-n").says(words).report().all_ok();
    assert!(server.connections() > 0);
}

#[test]
fn too_many_open_files_are_not_reported_as_a_bad_disk() {
    let (sandbox, _server, all) = prepare();
    let verify = sandbox.verify(&all).arg("data").disk_faults("open images_001.tar.gz EMFILE");
    verify.report(1).line(NAMES[0]).is("error").because("Too many open files").next("ulimit");
}

#[test]
fn every_archive_is_reported_if_no_thread_can_be_started() {
    // The first threads are those of the program, the next those of the transfer.
    for from in [4, 6, 20] {
        let (sandbox, server, all) = prepare();
        let fetch = sandbox.fetch(&server, &all);
        let Some(fetch) = fetch.failing_call("clone3", "EAGAIN", from) else { return };
        assert_all_reported(
            &sandbox,
            fetch,
            "this machine cannot open connections: Resource temporarily",
        );
        let mirrors = sandbox.verify(&all).args(["--from", &server.base(), "--from", "data"]);
        let Some(mirrors) = mirrors.failing_call("clone3", "EAGAIN", 3) else { return };
        let report = mirrors.report(1);
        let words = ["error", "ok", "error", "corrupt", "error", "missing"];
        assert_eq!(report.verdicts(), words, "{}", report.shown());
        report.lines()[0].because("this machine cannot open connections").next("-j");
    }
}

#[test]
fn every_archive_is_reported_if_free_space_cannot_be_measured() {
    let (sandbox, server, all) = prepare();
    let fetch = sandbox.fetch(&server, &all);
    let Some(fetch) = fetch.failing_call("statfs", "ESTALE", 1) else { return };
    let report = assert_all_reported(
        &sandbox,
        fetch,
        "data could not be checked for free space: Stale file handle",
    );
    report.line(NAMES[2]).next("look for disk errors in the system log");
    assert!(server.hits_on(&all[2].path()).is_empty());
}
