//! Connections: resets, truncation, stalls, and servers with unusual framing.

use std::time::Duration;

use crate::support::{Archive, Fault, FaultRule, Refusal, Sandbox, Server, archive, archives};

/// Asserts that one archive is fetched in spite of a fault. Returns the server and the bytes
/// downloaded.
#[track_caller]
fn survives(fault: impl Into<FaultRule>) -> (Server, u64) {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(fault);
    let report = sandbox.fetch(&server, &all).report(0);
    report.all_ok();
    sandbox.assert_archive(&all[0]);
    (server, report.downloaded())
}

/// The bytes that a resumed download may fetch twice: those of one write to the disk.
const SLACK: u64 = 70_000;

#[test]
fn a_reset_is_resumed_at_the_byte_reached() {
    let size = archive(1, 1).size();
    let (_, downloaded) = survives(Fault::Reset { after: 250_000 }.first(1));
    assert!(downloaded < size + SLACK, "{downloaded} of {size}");
}

#[test]
fn a_clean_early_end_is_resumed_at_the_byte_reached() {
    let size = archive(1, 1).size();
    let (server, downloaded) = survives(Fault::Close { after: 250_000 }.first(1));
    assert!(downloaded < size + SLACK, "{downloaded} of {size}");
    assert!(server.hits().iter().any(|hit| hit.range().is_some_and(|(first, _)| first > 100_000)));
}

#[test]
fn a_stall_is_cut_off_and_resumed() {
    let size = archive(1, 1).size();
    let (_, downloaded) = survives(Fault::Stall { after: 250_000 }.first(1));
    assert!(downloaded < size + SLACK, "{downloaded} of {size}");
}

#[test]
fn a_request_without_an_answer_is_repeated() {
    survives(Fault::Silence.first(1));
}

#[test]
fn resets_with_progress_are_retried_without_limit() {
    // Far more failures than the three attempts allowed, none of them without progress.
    let (server, _) = survives(Fault::Reset { after: 40_000 });
    assert!(server.hits().len() > 8, "{} requests", server.hits().len());
}

#[test]
fn early_ends_with_progress_are_retried_without_limit() {
    let (server, _) = survives(Fault::Close { after: 40_000 });
    assert!(server.hits().len() > 8, "{} requests", server.hits().len());
}

#[test]
fn attempts_without_progress_are_limited() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::Reset { after: 0 });
    let report = sandbox.fetch(&server, &all).args(["-c", "1"]).report(3);
    report.only().is("unreachable").because("127.0.0.1").next("--from");
    let hits = server.hits().len();
    assert!((3..=5).contains(&hits), "{hits} requests for three attempts");
    sandbox.assert_absent(&all[0]);
}

#[test]
fn a_refused_connection_is_unreachable() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let address = Server::new().base();
    let report = sandbox.fetch_from(&address, &all).report(3);
    for line in report.lines() {
        line.is("unreachable").because("refused");
    }
}

#[test]
fn a_server_that_comes_back_is_used() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.limit_connections(0, Refusal::Close);
    let mut running = sandbox.fetch(&server, &all).args(["--retries", "1000"]).spawn();
    running.until("some connections in vain", || server.connections() >= 4);
    server.limit_connections(100, Refusal::Close);
    running.wait().exits(0);
    sandbox.assert_archive(&all[0]);
}

#[test]
fn a_server_without_ranges_is_read_in_one_request() {
    let (server, downloaded) = survives(Fault::NoRanges);
    assert_eq!(downloaded, archive(1, 1).size());
    assert!(server.hits().len() <= 2, "{} requests", server.hits().len());
}

#[test]
fn a_server_without_ranges_serves_an_archive_of_many_chunks() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5), archive(2, 5)]);
    let server = Server::with(&all);
    server.inject(Fault::NoRanges);
    let report = sandbox.fetch(&server, &all).chunk(100_000).report(0);
    report.all_ok();
    sandbox.assert_archive(&all[0]);
    sandbox.assert_archive(&all[1]);
    // Connections that find out at the same time may each have read the first bytes.
    let size = all[0].size() + all[1].size();
    assert!(report.downloaded() <= 2 * size, "{} of {size} bytes", report.downloaded());
}

#[test]
fn a_broken_download_without_ranges_starts_over() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::NoRanges);
    server.inject(Fault::Reset { after: 250_000 }.first(2));
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn broken_downloads_without_ranges_and_progress_are_limited() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::NoRanges);
    server.inject(Fault::Reset { after: 250_000 });
    sandbox.fetch(&server, &all).report(3).only().is("unreachable");
    sandbox.assert_absent(&all[0]);
}

#[test]
fn a_server_may_stop_supporting_ranges() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
    let server = Server::with(&all);
    server.inject(Fault::NoRanges.after(3));
    sandbox.fetch(&server, &all).chunk(100_000).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn http_1_0_without_a_length_is_read() {
    survives(Fault::Http10);
}

#[test]
fn a_chunked_body_is_read() {
    survives(Fault::Chunked);
}

#[test]
fn a_chunked_body_that_ends_early_is_resumed() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::Chunked);
    server.inject(Fault::Close { after: 200_000 }.first(2));
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn chunked_bodies_without_ranges_are_read() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    server.inject(Fault::Chunked).inject(Fault::NoRanges);
    sandbox.fetch(&server, &all).chunk(100_000).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
    sandbox.assert_archive(&all[1]);
}

#[test]
fn a_body_without_a_length_is_read() {
    survives(Fault::NoLength);
}

#[test]
fn an_early_end_without_a_length_is_never_taken_for_the_end() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::NoLength).inject(Fault::NoRanges);
    server.inject(Fault::Close { after: 200_000 }.first(1));
    let report = sandbox.fetch(&server, &all).report(0);
    report.all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn a_server_without_keep_alive_is_used() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
    let server = Server::with(&all);
    server.inject(Fault::NoKeepAlive);
    sandbox.fetch(&server, &all).chunk(200_000).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn a_slow_but_steady_line_has_no_deadline() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    // In total longer than the stall time-out, but never between two bytes.
    let every = Duration::from_millis(150);
    server.inject(Fault::Trickle { bytes: 40_000, every });
    sandbox.fetch(&server, &all).args(["-c", "1"]).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
    assert!(server.hits().len() <= 2, "{} requests", server.hits().len());
}

#[test]
fn a_server_that_allows_two_connections_is_used() {
    let refusals = [503, 429, 403, 401, 400, 409, 420].map(Refusal::Status);
    for refusal in refusals.into_iter().chain([Refusal::Close]) {
        let (sandbox, all) = (Sandbox::new(), archives(4));
        let server = Server::with(&all);
        server.limit_connections(2, refusal).inject(Fault::Throttle { rate: 4 << 20 });
        sandbox.fetch(&server, &all).chunk(100_000).report(0).all_ok();
        for archive in &all {
            sandbox.assert_archive(archive);
        }
    }
}

#[test]
fn idle_connections_are_closed_where_the_server_counts_them() {
    let (sandbox, all) = (Sandbox::new(), archives(4));
    let server = Server::with(&all);
    server.limit_connections(1, Refusal::Status(420)).inject(Fault::Throttle { rate: 1 << 20 });
    // Without a second attempt that counts.
    sandbox.fetch(&server, &all).chunk(50_000).args(["--retries", "1"]).report(0).all_ok();
}

#[test]
fn many_network_faults_together_are_overcome() {
    let sandbox = Sandbox::new();
    let all: Vec<Archive> = (1..=4).map(|number| archive(number, 3)).collect();
    let server = Server::with(&all);
    server
        .inject(Fault::Reset { after: 30_000 }.after(2).first(4))
        .inject(Fault::Close { after: 50_000 }.after(5).first(4))
        .inject(Fault::Stall { after: 10_000 }.after(9).first(2))
        .inject(Fault::Status(503).after(4).first(3))
        .inject(Fault::RetryAfter(429, "0").after(14).first(2))
        .inject(Fault::ShortRange { less: 1000 }.after(6).first(5))
        .inject(Fault::Silence.after(20).first(1));
    sandbox.fetch(&server, &all).chunk(150_000).report(0).all_ok();
    for archive in &all {
        sandbox.assert_archive(archive);
    }
}
