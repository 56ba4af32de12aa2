//! A limit of memory (`ulimit -v`): every run ends with a report, whatever the limit is.

use crate::support::{Cxr, Outcome, Sandbox, Server, archives};

/// Runs with at most this many MiB of addresses.
fn limited(cxr: Cxr, mebibytes: u32) -> Outcome {
    let limit = format!("ulimit -c 0; ulimit -v {}; exec \"$0\" \"$@\"", mebibytes * 1024);
    cxr.started_by(["bash", "-c", &limit]).run()
}

#[test]
fn every_limit_of_memory_ends_with_a_report() {
    let all = archives(3);
    let server = Server::with(&all);
    for mebibytes in [60, 120, 180, 220, 260, 300, 400, 600, 1000, 2000] {
        let sandbox = Sandbox::new();
        let base = server.base();
        let fetch = limited(sandbox.fetch(&server, &all), mebibytes);
        let here = Sandbox::new();
        here.put_archive(&all[0]);
        let verify = limited(here.verify(&all).args(["data", "--readers", "12"]), mebibytes);
        let mirror = limited(sandbox.verify(&all).args(["--from", &base]), mebibytes);
        for (outcome, done) in [(&fetch, 0), (&verify, 1), (&mirror, 0)] {
            let report = outcome.report();
            if outcome.status == Some(3) {
                outcome.says("(`ulimit -v`)").says("raise the limit: ulimit -v unlimited");
                assert!(report.value["error"].is_string(), "{outcome}");
                outcome.expect(mebibytes < 400, "enough memory");
            } else {
                outcome.exits(done);
            }
        }
    }
}

#[test]
fn many_connections_are_reduced_to_what_the_memory_allows() {
    let all = archives(12);
    let server = Server::with(&all);
    let sandbox = Sandbox::new();
    let many = ["-c", "64", "-j", "64"];
    // The least with which a run begins, found in steps.
    let run = |mebibytes| limited(sandbox.fetch(&server, &all).args(many), mebibytes);
    let outcome = (208..).step_by(8).map(run).find(|outcome| outcome.status != Some(3)).unwrap();
    outcome
        .exits(0)
        .says("of memory (`ulimit -v`): cxr uses 12 connections for 12 archives at a time");
    outcome.report().all_ok();
    let mirror = sandbox.verify(&all).args(["-j", "64", "--from", &server.base()]);
    limited(mirror, 400).exits(0).says("archives at a time").report().all_ok();
}

#[test]
fn the_self_test_says_that_memory_is_short() {
    let sandbox = Sandbox::new();
    let outcome = limited(sandbox.cxr(["selftest"]), 120);
    outcome.exits(3).says("(`ulimit -v`)").says("raise the limit: ulimit -v unlimited");
}
