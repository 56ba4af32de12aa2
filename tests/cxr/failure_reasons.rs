//! The reasons of failures: a message never says only that an MD5 differs.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{
    Archive, Fault, FaultRule, Hit, NAMES, Sandbox, Server, WrongRange, archive, archives, gunzip,
};

/// Fetches one archive with these faults and asserts the exit status. Returns the server and all
/// output.
#[track_caller]
fn fetch_with_faults(
    all: &[Archive],
    faults: impl IntoIterator<Item = FaultRule>,
    status: i32,
) -> (Sandbox, Server, String) {
    let (sandbox, server) = (Sandbox::new(), Server::with(all));
    faults.into_iter().for_each(|fault| {
        server.inject(fault);
    });
    let outcome = sandbox.fetch(&server, all).args(["-v", "-c", "1"]).chunk(150_000).run();
    outcome.exits(status).is_plain();
    if status == 0 {
        sandbox.assert_archive(&all[0]);
    } else {
        sandbox.assert_absent(&all[0]);
    }
    (sandbox, server, outcome.to_string())
}

/// Asserts that the output contains all of `words`, in this order.
#[track_caller]
fn says(shown: &str, words: &[&str]) {
    let mut rest = shown;
    for word in words {
        let Some(at) = rest.find(word) else { panic!("no {word:?} at its place in\n{shown}") };
        rest = &rest[at + word.len()..];
    }
}

/// The tar of an archive, as a proxy that decompresses sends it.
fn unpacked(archive: &Archive) -> Arc<Vec<u8>> {
    Arc::new(gunzip(&archive.bytes).unwrap())
}

#[test]
fn an_early_end_is_reported_as_truncated() {
    let all = archives(1);
    let faults = [Fault::Close { after: 100_000 }.first(1)];
    let (_, _, shown) = fetch_with_faults(&all, faults, 0);
    says(&shown, &["truncated: the answer ended at byte 100000 of 150000", "trying again"]);
    let (_, _, shown) = fetch_with_faults(&all, [Fault::Close { after: 0 }.into()], 3);
    says(&shown, &["truncated: the answer ended at byte 0 of", "attempts in a row"]);
    assert!(!shown.contains("MD5 is"), "{shown}");
}

#[test]
fn chunked_bodies_that_end_early_are_reported_as_truncated() {
    let all = archives(1);
    let faults = [Fault::Chunked.into(), Fault::Close { after: 100_000 }.first(1)];
    let (_, _, shown) = fetch_with_faults(&all, faults, 0);
    says(&shown, &["truncated: the answer ended at byte 100000"]);
}

#[test]
fn an_invalid_chunk_is_reported_and_the_download_resumes() {
    let all = archives(1);
    let (_, server, shown) =
        fetch_with_faults(&all, [Fault::InvalidChunk { after: 100_000 }.first(2)], 0);
    says(&shown, &["protocol error", "chunk size", "trying again"]);
    assert!(server.sent() < all[0].size() + 70_000, "{} sent", server.sent());
}

#[test]
fn a_reset_is_reported_as_a_broken_connection() {
    let all = archives(1);
    let (_, _, shown) = fetch_with_faults(&all, [Fault::Reset { after: 100_000 }.first(1)], 0);
    says(&shown, &["the connection broke: Connection reset by peer"]);
}

#[test]
fn a_trickle_of_bytes_is_reported_as_a_stall() {
    let all = archives(1);
    // A byte every 20 ms resets an idle timer each time, and the archive would take two hours.
    let trickle = Fault::Trickle { bytes: 1, every: Duration::from_millis(20) };
    let (_, _, shown) = fetch_with_faults(&all, [trickle.first(1)], 0);
    says(&shown, &["stalled: almost no data in 1 s", "trying again"]);
}

#[test]
fn a_silent_server_is_reported_as_no_answer() {
    let (_, _, shown) = fetch_with_faults(&archives(1), [Fault::Silence.first(1)], 0);
    says(&shown, &["no answer within 3 s"]);
}

#[test]
fn a_stale_cache_is_bypassed_over_a_new_connection() {
    let all = archives(1);
    let (_, server, shown) = fetch_with_faults(&all, [Fault::Flip { at: 200_000 }.if_cached()], 0);
    says(
        &shown,
        &[
            "the archive is complete, but its MD5 is",
            &all[0].md5,
            "locating the damage",
            "repaired",
        ],
    );
    let hits = server.hits();
    let is_fresh = |hit: &&Hit| hit.header("cache-control").is_some();
    let (fresh, first): (Vec<_>, Vec<_>) = hits.iter().partition(is_fresh);
    assert!(!first.is_empty() && !fresh.is_empty());
    for hit in &fresh {
        let control = hit.header("cache-control").unwrap();
        assert!(control.contains("no-cache") && control.contains("no-transform"), "{control}");
        let others = hits.iter().filter(|other| other.connection == hit.connection).count();
        assert_eq!(others, 1, "a connection with possibly mixed-up answers was used again");
    }
}

#[test]
fn an_absurd_retry_after_is_reported_and_not_waited_for() {
    let (_, server, shown) =
        fetch_with_faults(&archives(1), [Fault::RetryAfter(503, "86400").into()], 3);
    says(&shown, &["503 Service Unavailable, and wants no request for 1 d 0 h"]);
    assert_eq!(server.hits().len(), 1);
}

#[test]
fn the_wait_follows_the_ratelimit_header() {
    let quota = || Fault::Header("RateLimit", "\"day\";r=9;t=99, \"burst\";r=0;t=1".to_owned());
    let (_, server, _) =
        fetch_with_faults(&archives(1), [Fault::Status(429).first(1), quota().first(1)], 0);
    let hits = server.hits();
    let waited = hits[1].at - hits[0].at;
    assert!(waited >= Duration::from_millis(950), "{waited:?}");
}

#[test]
fn a_range_invented_by_a_cache_is_requested_past_the_cache() {
    let all = archives(1);
    for wrong in [WrongRange::Start(5000), WrongRange::Missing, WrongRange::Garbage] {
        let (_, server, shown) =
            fetch_with_faults(&all, [Fault::ContentRange(wrong).if_cached()], 0);
        says(&shown, &["protocol error: 206 to a range from 0 with the Content-Range"]);
        // After one wrong answer, every request bypasses the cache.
        let cached = server.hits().iter().filter(|h| h.header("cache-control").is_none()).count();
        assert_eq!(cached, 1, "{wrong:?}");
    }
}

#[test]
fn an_archive_decompressed_in_transit_is_reported() {
    let all = archives(1);
    let tar = unpacked(&all[0]);
    // In answer to a range, and as a whole file without ranges.
    for more in [Fault::Header("X-Nothing", String::new()), Fault::NoRanges] {
        let (_, server, shown) =
            fetch_with_faults(&all, [Fault::OtherFile(Arc::clone(&tar)).into(), more.into()], 3);
        says(&shown, &["a plain tar: the gzip layer was removed on the way (application/gzip, "]);
        assert!(server.sent() < 3_000_000, "{} sent", server.sent());
    }
}

#[test]
fn an_archive_decompressed_in_transit_is_requested_untransformed() {
    let all = archives(1);
    let (_, _, shown) =
        fetch_with_faults(&all, [Fault::OtherFile(unpacked(&all[0])).if_cached()], 0);
    says(&shown, &["the gzip layer was removed on the way", "trying again"]);
}

#[test]
fn an_archive_decompressed_in_transit_is_recognized_at_any_offset() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
    let server = Server::with(&all);
    server.inject(Fault::OtherFile(unpacked(&all[0])));
    // Half of it is here, so that the beginning would not be requested.
    sandbox.put("data/images_001.tar.gz", &all[0].bytes[..1_000_000]);
    let report = sandbox.fetch_with_sizes(&server, &all).report(3);
    report.only().is("unreachable").because("the gzip layer was removed on the way");
}

#[test]
fn an_archive_labelled_as_gzip_encoded_is_not_unpacked() {
    let all = archives(1);
    let label = Fault::Header("Content-Encoding", "gzip".to_owned());
    let (_, server, _) = fetch_with_faults(&all, [label.into()], 0);
    assert!(server.hits().iter().all(|hit| hit.header("accept-encoding") == Some("identity")));
}

#[test]
fn an_etag_that_changes_is_reported_with_the_wrong_md5() {
    let all = archives(1);
    let replaced = || Fault::OtherFile(Arc::new(all[0].flipped(50_000)));
    let old = Fault::Header("ETag", "\"old\"".to_owned());
    let (_, server, shown) = fetch_with_faults(&all, [replaced().first(1), old.first(1)], 0);
    says(
        &shown,
        &["the archive is complete, but its MD5 is", "its ETag changed during the download"],
    );
    // No request has a condition on the version.
    assert!(server.hits().iter().all(|hit| hit.header("if-range").is_none()));
}

#[test]
fn a_head_without_an_end_is_refused() {
    let (_, server, shown) = fetch_with_faults(&archives(1), [Fault::EndlessHead.first(1)], 0);
    says(&shown, &["protocol error: message head is too large", "trying again"]);
    // Unread bytes in the socket buffers count too: some MiB, at most 36 by the defaults of Linux.
    assert!(
        server.endless_header_bytes() < 40 << 20,
        "{} bytes of headers were sent",
        server.endless_header_bytes()
    );
}

#[test]
fn two_lengths_are_refused() {
    let (_, _, shown) = fetch_with_faults(&archives(1), [Fault::TwoLengths.first(1)], 0);
    says(&shown, &["protocol error: invalid content-length parsed", "trying again"]);
}

#[test]
fn wrong_bytes_from_an_earlier_run_are_reported_as_such() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    sandbox.put("data/images_001.tar.gz", &all[0].flipped(150_000)[..300_000]);
    let outcome = sandbox.fetch_with_sizes(&server, &all).run();
    outcome.exits(0).says("293 KiB were already here");
    sandbox.assert_archive(&all[0]);
}

#[test]
fn the_same_wrong_md5_twice_is_reported_and_not_fetched_a_third_time() {
    let all = archives(1);
    let (_, server, shown) = fetch_with_faults(&all, [Fault::Flip { at: 200_000 }.into()], 1);
    let wrong = Archive::new("", all[0].flipped(200_000)).md5;
    says(&shown, &["copies differ from the table", &all[0].md5, "gave twice the same MD5", &wrong]);
    // Two downloads, and the bytes of the repair.
    assert!(server.sent() <= 2 * all[0].size() + (1 << 20), "{} sent", server.sent());
}

#[test]
fn an_empty_answer_is_retried_and_then_reported() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::Empty.first(2));
    let fetch = || sandbox.fetch_with_sizes(&server, &all);
    fetch().report(0).all_ok();
    let (_, _, shown) = fetch_with_faults(&all, [Fault::Empty.into()], 3);
    says(&shown, &["sent nothing at all in place of the archive"]);
}

#[test]
fn a_page_is_quoted_with_its_type_and_length() {
    for (page, words) in [
        (
            "<!DOCTYPE html><title>Sign in</title>",
            "a web page: Sign in (text/html; charset=utf-8, ",
        ),
        ("{\"error\": \"quota\"}", "a JSON document: {\"error\": \"quota\"} (text/html; charset"),
        ("<?xml version=\"1.0\"?><Error/>", "an XML document: <?xml"),
    ] {
        let (_, _, shown) = fetch_with_faults(&archives(1), [Fault::Page(page).into()], 3);
        says(&shown, &[words, &format!("{} bytes) in place of the archive", page.len())]);
    }
}

#[test]
fn the_offered_size_is_reported_beside_the_expected_one() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::new();
    server.serve(&all[0].path(), &Arc::new(all[0].bytes[..300_000].to_vec()));
    let report = sandbox.fetch_with_sizes(&server, &all).report(3);
    let words = format!("offers 300000 bytes where the table says {}", all[0].size());
    report.line(NAMES[0]).is("unreachable").because(&words);
}
