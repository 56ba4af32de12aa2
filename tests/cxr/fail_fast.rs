//! `--fail-fast`: the first archive that fails stops the others, and no byte of them is lost.

use std::time::Duration;

use crate::support::{Archive, Fault, NAMES, Sandbox, Server, archive, archives};

/// Four archives: the server does not have the first, and the others take long.
fn one_missing() -> (Sandbox, Server, Vec<Archive>) {
    let all: Vec<_> = (1..=4).map(|number| archive(number, 3)).collect();
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 100_000 });
    server.inject(Fault::Status(404).on(&all[0].path()).after(1));
    // The failure comes after the first bytes of the others.
    server.inject(Fault::Stall { after: 0 }.on(&all[0].path()).first(1));
    (Sandbox::new(), server, all)
}

#[test]
fn the_first_failure_stops_the_others_and_a_later_run_resumes_them() {
    let (sandbox, server, all) = one_missing();
    let outcome = sandbox.fetch(&server, &all).args(["--fail-fast", "-c", "4"]).run();
    outcome.exits(1).is_plain();
    outcome.expect(outcome.elapsed < Duration::from_secs(8), "an end before all bytes are fetched");
    let report = outcome.report();
    report.line(NAMES[0]).is("unreachable").because("404");
    for name in &NAMES[1..] {
        let line = report.line(name);
        line.is("incomplete")
            .because("stopped because images_001.tar.gz is unreachable (--fail-fast)");
        line.because("kept in .cxr/").next("cxr fetch --format json");
    }
    server.clear_faults();
    let report = sandbox.fetch(&server, &all).report(0);
    report.all_ok();
    for name in &NAMES[1..] {
        assert!(report.line(name).reused() > 10_000, "{}", report.shown());
    }
}

#[test]
fn without_fail_fast_the_other_archives_are_fetched() {
    let (sandbox, all) = (Sandbox::new(), archives(4));
    let server = Server::with(&all[1..]);
    let report = sandbox.fetch(&server, &all).report(3);
    assert_eq!(report.verdicts(), ["unreachable", "ok", "ok", "ok"]);
}

#[test]
fn archives_that_hang_or_wait_are_stopped() {
    for fault in [Fault::Stall { after: 1000 }, Fault::Silence, Fault::Status(500)] {
        let (sandbox, all) = (Sandbox::new(), archives(3));
        let server = Server::with(&all[..2]);
        server.inject(fault.on(&all[0].path()));
        let patient = ["--stall-timeout", "60", "--retries", "1000", "-c", "3"];
        let outcome = sandbox.fetch(&server, &all).args(patient).arg("--fail-fast").run();
        outcome.exits(1);
        let report = outcome.report();
        report.line(NAMES[0]).because("--fail-fast");
        report.line(NAMES[2]).is("unreachable");
    }
}

#[test]
fn the_check_of_an_existing_file_is_stopped() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all[1..]);
    // Too large to be hashed in a minute. A sparse file takes no space.
    let file = std::fs::File::create(sandbox.data().join(NAMES[1])).unwrap();
    file.set_len(200 << 30).unwrap();
    let outcome = sandbox.fetch(&server, &all).arg("--fail-fast").run();
    outcome.exits(3);
    outcome.report().line(NAMES[0]).is("unreachable");
    outcome.report().line(NAMES[1]).is("error").because("interrupted");
    assert_eq!(file.metadata().unwrap().len(), 200 << 30);
}

#[test]
fn archives_not_yet_started_are_missing_and_existing_files_are_kept() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    let server = Server::with(&all[1..]);
    // A request for it may be on its way before the failure of the first one is noticed.
    server.inject(Fault::Silence.on(&all[2].path()));
    sandbox.put_archive(&all[1]);
    let report = sandbox.fetch(&server, &all).args(["--fail-fast", "-j", "1"]).report(1);
    report.line(NAMES[0]).is("unreachable");
    report.line(NAMES[2]).is("missing").because("--fail-fast").next("cxr fetch --format json");
    sandbox.assert_archive(&all[1]);
}
