//! Answers to range requests, as servers and proxies give them: other statuses, other ranges, and
//! ranges that are refused. Fetching, checking a mirror, and a quick check read them alike.

use crate::support::{
    Archive, Cxr, Fault, FaultRule, NAMES, Refusal, Report, Sandbox, Server, archive, archives,
    large_archive,
};

fn retries(cxr: Cxr) -> Cxr {
    cxr.args(["--retries", "4", "--stall-timeout", "1", "--connect-timeout", "2"])
}

/// Checks the archives of a server, against a table with or without sizes.
fn check(sandbox: &Sandbox, server: &Server, all: &[Archive], sizes: bool) -> Cxr {
    let rows: Vec<_> = all.iter().map(|archive| (archive, "")).collect();
    let table = if sizes { sandbox.table_with_sizes(&rows) } else { sandbox.table(all) };
    let cxr = sandbox.cxr(["verify", "--format", "json", "--checksums"]).arg(table);
    retries(cxr.args(["--from", &server.base()]))
}

/// Asserts that an archive of several chunks is fetched from a server with these faults, continued
/// from a half file, and found right by `verify --from`, with and without sizes in the table.
#[track_caller]
fn all_is_well(faults: &[Fault]) {
    for sizes in [false, true] {
        let all = [archive(1, 5)];
        let server = Server::with(&all);
        for fault in faults {
            server.inject(fault.clone());
        }
        for half in [false, true] {
            let sandbox = Sandbox::new();
            if half {
                let bytes = &all[0].bytes[..all[0].bytes.len() / 2];
                sandbox.put(format!("data/{}", NAMES[0]), bytes);
            }
            let fetch = if sizes {
                sandbox.fetch_with_sizes(&server, &all)
            } else {
                sandbox.fetch(&server, &all)
            };
            let report = fetch.chunk(100_000).report(0);
            report.all_ok();
            sandbox.assert_archive(&all[0]);
            // Connections that find out at the same time may each have read the first bytes.
            let most = 3 * all[0].size();
            assert!(report.downloaded() <= most, "more than {most}: {}", report.shown());
        }
        let sandbox = Sandbox::new();
        check(&sandbox, &server, &all, sizes).report(0).all_ok();
        check(&sandbox, &server, &all, sizes).arg("--quick").report(0).only().is("present");
    }
}

#[test]
fn a_content_range_counts_with_status_200() {
    all_is_well(&[Fault::RangeAs200]);
    all_is_well(&[Fault::RangeAs200, Fault::Chunked]);
}

#[test]
fn the_length_of_an_unlabelled_range_is_not_the_size_of_the_archive() {
    for sizes in [false, true] {
        let (sandbox, all) = (Sandbox::new(), [archive(1, 5)]);
        let server = Server::with(&all);
        server.inject(Fault::UnlabelledRange);
        check(&sandbox, &server, &all, sizes).report(0).all_ok();
        if sizes {
            sandbox.fetch_with_sizes(&server, &all).chunk(100_000).report(0).all_ok();
            sandbox.assert_archive(&all[0]);
        }
    }
}

#[test]
fn an_answer_that_starts_at_a_block_before_the_range_is_used() {
    all_is_well(&[Fault::WholeBlocks(4096)]);
    all_is_well(&[Fault::WholeBlocks(70_000), Fault::RangeAs200]);
}

/// The bytes of an archive that breaks after `after` bytes of every answer, where each begins at a
/// block before the range.
#[test]
fn an_overlap_is_skipped_on_a_line_that_breaks() {
    let all = [archive(1, 5)];
    let server = Server::with(&all);
    server.inject(Fault::WholeBlocks(16 << 10)).inject(Fault::Reset { after: 40_000 });
    let sandbox = Sandbox::new();
    let report = sandbox.fetch(&server, &all).arg("-c1").report(0);
    report.all_ok();
    sandbox.assert_archive(&all[0]);
    assert!(server.hits().len() > 8, "{} requests", server.hits().len());
    check(&sandbox, &server, &all, true).report(0).all_ok();
}

#[test]
fn after_two_ranges_without_their_last_byte_the_whole_is_requested() {
    all_is_well(&[Fault::LacksEnd(1)]);
    all_is_well(&[Fault::LacksEnd(1), Fault::Chunked]);
    all_is_well(&[Fault::LacksEnd(1), Fault::RangeAs200, Fault::Chunked]);
}

#[test]
fn after_two_empty_ranges_the_whole_is_requested() {
    for framing in [vec![], vec![Fault::Chunked], vec![Fault::NoLength]] {
        let mut faults = vec![Fault::LacksEnd(usize::MAX)];
        faults.extend(framing);
        all_is_well(&faults);
    }
}

#[test]
fn a_range_that_may_end_behind_the_end_is_requested_without_an_end() {
    for status in [400, 416] {
        let all = [archive(1, 2), archive(2, 2)];
        let server = Server::with(&all);
        server.inject(Fault::RefusesRangeBehindEnd(status));
        let sandbox = Sandbox::new();
        let report = sandbox.fetch(&server, &all).report(0);
        report.all_ok();
        assert_eq!(report.downloaded(), all.iter().map(Archive::size).sum::<u64>());
        check(&sandbox, &server, &all, false).report(0).all_ok();
        check(&sandbox, &server, &all, false).arg("--quick").report(0);
    }
}

#[test]
fn a_server_that_refuses_every_range_is_asked_for_the_whole() {
    for status in [400, 405, 406, 412, 416, 501] {
        all_is_well(&[Fault::RefusesEveryRange(status)]);
    }
}

#[test]
fn a_refusal_that_is_not_about_the_range_is_reported_as_it_is() {
    for status in [400, 405, 501] {
        let (sandbox, all) = (Sandbox::new(), archives(1));
        let server = Server::with(&all);
        server.inject(Fault::Status(status));
        let report = sandbox.fetch(&server, &all).arg("-c1").report(3);
        report.only().is("unreachable").because(&format!("answered {status}"));
        assert!(server.hits().len() <= 3, "{status}: {} requests", server.hits().len());
    }
}

/// Asserts that one archive is refused and the others are right.
fn assert_only_the_last_is_refused(report: &Report, count: usize) {
    for (number, line) in report.lines().iter().enumerate() {
        let last = number + 1 == count;
        line.is(if last { "unreachable" } else { "ok" });
    }
    report.line(NAMES[count - 1]).because("answered 403 Forbidden");
}

#[test]
fn a_forbidden_archive_is_unreachable_although_the_others_arrive() {
    let all = archives(4);
    let server = Server::with(&all);
    server.inject(Fault::Status(403).on(&all[3].path()));
    server.inject(Fault::Throttle { rate: 2 << 20 });
    let sandbox = Sandbox::new();
    let report = sandbox.fetch(&server, &all).chunk(100_000).report(3);
    assert_only_the_last_is_refused(&report, 4);
    assert!(server.hits_on(&all[3].path()).len() <= 60, "{}", report.shown());
    assert_only_the_last_is_refused(&check(&sandbox, &server, &all, true).report(3), 4);
}

#[test]
fn a_mirror_that_forbids_more_than_two_connections_is_checked() {
    for status in [403, 503] {
        let (sandbox, all) = (Sandbox::new(), archives(6));
        let server = Server::with(&all);
        server.limit_connections(2, Refusal::Status(status));
        server.inject(Fault::Throttle { rate: 1 << 20 });
        check(&sandbox, &server, &all, true).report(0).all_ok();
        let quick = check(&sandbox, &server, &all, true).arg("--quick").report(0);
        assert!(quick.lines().iter().all(|line| line.verdict() == "present"), "{}", quick.shown());
    }
}

#[test]
fn retry_after_on_any_refusal_is_obeyed() {
    for status in [401, 403, 404, 420, 451, 500] {
        let (sandbox, all) = (Sandbox::new(), archives(1));
        let server = Server::with(&all);
        server.inject(Fault::RetryAfter(status, "1").first(1));
        let outcome = sandbox.fetch(&server, &all).run();
        outcome.exits(0).says("trying again in 1.").report().all_ok();
        server.inject(FaultRule::from(Fault::RetryAfter(status, "1")).first(1));
        let mirror = check(&sandbox, &server, &all, true).run();
        mirror.exits(0).says("trying again in 1.").report().all_ok();
    }
}

#[test]
fn a_refusal_that_asks_for_a_day_is_reported_with_it() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::RetryAfter(403, "86400"));
    let report = sandbox.fetch(&server, &all).report(3);
    report.only().is("unreachable").because("wants no request for 1 d 0 h");
}

/// A file with one wrong bit, and a table without sizes: the first request for the size is answered
/// with each of these, and the repair is as cheap as otherwise.
#[test]
fn a_busy_first_answer_does_not_turn_a_repair_into_a_download() {
    let busy = [
        Fault::RetryAfter(429, "1"),
        Fault::RetryAfter(503, "1"),
        Fault::Status(503),
        Fault::Status(502),
        Fault::RetryAfter(403, "1"),
        Fault::Page("<!DOCTYPE html><title>Busy</title>"),
        Fault::Reset { after: 0 },
        Fault::Silence,
        Fault::Empty,
    ];
    let good = large_archive(4);
    for fault in busy {
        for times in [1, 2] {
            let (sandbox, all) = (Sandbox::new(), vec![good.clone()]);
            let server = Server::with(&all);
            server.inject(fault.clone().first(times));
            sandbox.put(format!("data/{}", good.name), good.flipped(good.bytes.len() / 2));
            let report = sandbox.fetch(&server, &all).report(0);
            report.all_ok();
            sandbox.assert_archive(&good);
            assert!(report.downloaded() < 256 << 10, "{fault:?}: {}", report.shown());
        }
    }
}
