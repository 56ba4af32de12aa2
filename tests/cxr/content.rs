//! Wrong content from servers: bytes, sizes, pages in place of files, headers.

use std::sync::Arc;

use crate::support::{
    Archive, Cxr, Fault, FaultRule, NAMES, Sandbox, Server, WrongRange, archive, archives,
};

/// Asserts that one archive is fetched in spite of these faults.
#[track_caller]
fn survives(faults: impl IntoIterator<Item = FaultRule>) {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    for fault in faults {
        server.inject(fault);
    }
    sandbox.fetch(&server, &all).chunk(150_000).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

/// The verdict, the detail and the exit status of a fetch with a permanent fault. Asserts that the
/// archive does not exist.
#[track_caller]
fn fails(fault: impl Into<FaultRule>) -> (String, String, i32) {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(fault);
    let outcome = sandbox.fetch(&server, &all).chunk(150_000).run();
    sandbox.assert_absent(&all[0]);
    let report = outcome.report();
    let line = report.only();
    line.next("");
    (line.verdict(), line.detail(), outcome.status.unwrap())
}

#[test]
fn an_archive_corrupted_once_is_fetched_again() {
    for at in [0, 5, 149_999, 150_000, 360_000] {
        let (sandbox, all) = (Sandbox::new(), archives(1));
        let server = Server::with(&all);
        // The chunk with this byte arrives wrong the first time.
        let part = at / 150_000 * 150_000;
        server.inject(Fault::Flip { at }.from(part).first(1));
        let report = sandbox.fetch(&server, &all).chunk(150_000).args(["-c", "1"]).report(0);
        report.all_ok();
        sandbox.assert_archive(&all[0]);
        assert!(report.downloaded() > all[0].size(), "nothing was corrupted{}", report.shown());
    }
}

#[test]
fn an_archive_that_always_arrives_corrupt_is_reported_with_both_md5s() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    server.inject(Fault::Flip { at: 200_000 }.on(&all[0].path()));
    let report = sandbox.fetch(&server, &all).report(1);
    let line = report.line(NAMES[0]);
    line.is("corrupt").because("127.0.0.1");
    assert_eq!(line.value["expected_md5"], *all[0].md5);
    let wrong = Archive::new("", all[0].flipped(200_000)).md5;
    assert_eq!(line.value["actual_md5"], *wrong);
    sandbox.assert_absent(&all[0]);
    report.line(NAMES[1]).is("ok");
    sandbox.assert_archive(&all[1]);
    // The number of retries is limited if the bytes stay wrong.
    assert!(
        server.hits_on(&all[0].path()).iter().map(|hit| hit.sent).sum::<u64>() <= 5 * all[0].size()
    );
}

#[test]
fn corrupt_bytes_of_one_run_do_not_spoil_the_next() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::Flip { at: 200_000 });
    sandbox.fetch(&server, &all).run().exits(1);
    server.clear_faults();
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn corrupt_bytes_are_kept_if_asked_for() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::Flip { at: 200_000 });
    sandbox.fetch(&server, &all).arg("--keep-corrupt").run().exits(1);
    let kept = sandbox.files("data/.cxr/corrupt");
    assert!(!kept.is_empty());
    sandbox
        .assert_content(sandbox.path("data/.cxr/corrupt").join(&kept[0]), &all[0].flipped(200_000));
}

#[test]
fn corrupt_bytes_are_not_kept_otherwise() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::Flip { at: 200_000 });
    sandbox.fetch(&server, &all).run().exits(1);
    assert!(sandbox.files("data/.cxr/corrupt").is_empty());
}

#[test]
fn another_archive_in_place_of_the_right_one_is_foreign() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    server.serve(&all[0].path(), &all[1].bytes);
    let report = sandbox.fetch(&server, &all).report(1);
    report.line(NAMES[0]).is("foreign").because(NAMES[1]);
    report.line(NAMES[1]).is("ok");
    sandbox.assert_absent(&all[0]);
}

#[test]
fn a_web_page_in_place_of_the_file_is_retried() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::Page("<!DOCTYPE html><title>Busy</title>").first(1));
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn a_web_page_at_every_request_is_never_taken_for_the_archive() {
    let (verdict, detail, status) =
        fails(Fault::Page("<!DOCTYPE html>\n<title>Sign in \u{1b}[2J</title>\n"));
    assert_eq!((verdict.as_str(), status), ("unreachable", 3));
    assert!(detail.contains("web page"), "{detail}");
    assert!(!detail.chars().any(char::is_control), "{detail:?}");
}

#[test]
fn a_web_page_does_not_damage_a_partial_file() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::Page("<html>captive portal</html>"));
    let half = &all[0].bytes[..200_000];
    sandbox.put("data/images_001.tar.gz", half);
    sandbox.fetch(&server, &all).run().exits(3);
    server.clear_faults();
    let report = sandbox.fetch(&server, &all).report(0);
    assert!(report.downloaded() <= all[0].size() - 200_000 + 4096, "{}", report.shown());
    sandbox.assert_archive(&all[0]);
}

#[test]
fn an_empty_answer_is_retried_and_never_taken_for_the_archive() {
    survives([Fault::Empty.first(1)]);
    let (verdict, detail, _) = fails(Fault::Empty);
    assert_eq!(verdict, "unreachable", "{detail}");
}

/// Fetches from a server whose file has another size than the table says. Returns the bytes sent,
/// the verdict and the detail.
fn wrong_size(bytes: Vec<u8>) -> (u64, String, String) {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
    let server = Server::new();
    server.serve(&all[0].path(), &Arc::new(bytes));
    // Slow enough that a client that stops at once saves most of the bytes.
    server.inject(Fault::Throttle { rate: 1 << 20 });
    let report = sandbox.fetch_with_sizes(&server, &all).run().report();
    sandbox.assert_absent(&all[0]);
    let line = report.only();
    (server.sent(), line.verdict(), line.detail())
}

#[test]
fn a_wrong_size_is_refused_before_the_body() {
    let all = [archive(1, 5)];
    let mut longer = all[0].bytes.to_vec();
    longer.extend([7; 1000]);
    for bytes in [all[0].bytes[..1_500_000].to_vec(), longer] {
        let size = bytes.len().to_string();
        let (sent, verdict, detail) = wrong_size(bytes);
        assert_eq!(verdict, "unreachable", "{detail}");
        assert!(sent < 300_000, "{sent} bytes were sent");
        let digits: String = detail.chars().filter(char::is_ascii_digit).collect();
        assert!(digits.contains(&size), "{size} in {detail:?}");
    }
}

#[test]
fn a_size_that_changes_between_answers_gives_no_wrong_file() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    let mut longer = all[0].bytes.to_vec();
    longer.extend([7; 1000]);
    server.inject(Fault::OtherFile(Arc::new(longer)).first(1));
    let outcome = sandbox.fetch(&server, &all).chunk(100_000).run();
    // The run may succeed or fail, but never accepts a wrong file.
    if outcome.status == Some(0) {
        sandbox.assert_archive(&all[0]);
    } else {
        sandbox.assert_absent(&all[0]);
    }
    sandbox.fetch(&server, &all).report(0).all_ok();
}

#[test]
fn more_bytes_than_announced_are_not_stored() {
    survives([Fault::ExtraBytes { bytes: 5000 }.into()]);
    survives([Fault::ExtraBytes { bytes: 5000 }.into(), Fault::NoLength.into()]);
    survives([Fault::ExtraBytes { bytes: 5000 }.into(), Fault::Chunked.into()]);
}

#[test]
fn an_endless_body_does_not_fill_the_disk() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server
        .inject(Fault::ExtraBytes { bytes: 32 << 20 })
        .inject(Fault::NoLength)
        .inject(Fault::NoRanges);
    let outcome = sandbox.fetch_with_sizes(&server, &all).run();
    if outcome.status == Some(0) {
        sandbox.assert_archive(&all[0]);
    } else {
        sandbox.assert_absent(&all[0]);
    }
    let kept: u64 = sandbox
        .files("data")
        .iter()
        .map(|file| std::fs::metadata(sandbox.data().join(file)).unwrap().len())
        .sum();
    outcome.expect(kept < 2 * all[0].size(), format_args!("little on the disk, not {kept} bytes"));
}

/// A body of 32 MiB more than the archive has, of which neither the table nor the server says the
/// size.
fn endless(all: &[Archive]) -> Server {
    let server = Server::with(all);
    server
        .inject(Fault::ExtraBytes { bytes: 32 << 20 })
        .inject(Fault::NoLength)
        .inject(Fault::NoRanges);
    server
}

#[test]
fn a_body_without_an_end_and_without_a_size_is_read_to_a_limit() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = endless(&all);
    let limited = |cxr: Cxr| cxr.args(["--unsized-limit", "2M"]);
    let outcome = limited(sandbox.fetch(&server, &all)).run();
    let report = outcome.exits(3).report();
    report.only().is("unreachable").because("sends more than 2.00 MiB").because("to the table");
    report.only().because("nothing is kept");
    assert!(report.downloaded() < 4 << 20, "{}", report.shown());
    let kept = sandbox.files("data/.cxr");
    assert!(!kept.iter().any(|file| file.to_string_lossy().contains(".part")), "{kept:?}");
    let mirror = sandbox.cxr(["verify", "--format", "json", "--checksums"]);
    let mirror = mirror.arg(sandbox.table(&all)).args(["--from", &server.base()]);
    limited(mirror).report(3).only().is("unreachable").because("sends more than 2.00 MiB");
}

#[test]
fn another_source_begins_anew_after_a_body_without_an_end() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let (first, second) = (endless(&all), Server::with(&all));
    let fetch = sandbox.fetch(&first, &all).args(["--from", &second.base()]);
    let report = fetch.args(["--unsized-limit", "2M"]).report(0);
    report.all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn a_wrong_content_range_is_not_trusted() {
    for wrong in [
        WrongRange::Missing,
        WrongRange::Garbage,
        WrongRange::Start(1),
        WrongRange::Start(5000),
        WrongRange::Total(5),
    ] {
        survives([Fault::ContentRange(wrong).first(2)]);
        // In the end the whole file is requested.
        survives([Fault::ContentRange(wrong).into()]);
    }
}

#[test]
fn an_unknown_total_is_enough_where_the_size_is_known() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::ContentRange(WrongRange::UnknownTotal));
    let fetch = sandbox.fetch_with_sizes(&server, &all);
    fetch.chunk(100_000).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

/// Fetches from a server that does not report its size, with a table that has sizes or not. Returns
/// the verdict and the bytes sent.
fn fetch_unsized(
    sandbox: &Sandbox,
    server: &Server,
    all: &[Archive],
    has_size: bool,
) -> (String, u64) {
    server.inject(Fault::ContentRange(WrongRange::UnknownTotal));
    let sized = [(&all[0], "")];
    let table = if has_size { sandbox.table_with_sizes(&sized) } else { sandbox.table(all) };
    let fetch = sandbox.fetch_with(&table).args(["--from", &server.base()]).chunk(100_000);
    let outcome = fetch.run();
    let report = outcome.report();
    (report.only().verdict(), server.sent())
}

#[test]
fn an_archive_of_unknown_size_is_read_until_no_more_bytes_arrive() {
    for faults in [vec![], vec![Fault::Chunked]] {
        for has_size in [true, false] {
            let (sandbox, all) = (Sandbox::new(), archives(1));
            let server = Server::with(&all);
            for fault in &faults {
                server.inject(fault.clone());
            }
            let (verdict, sent) = fetch_unsized(&sandbox, &server, &all, has_size);
            assert_eq!(verdict, "ok", "{faults:?}");
            sandbox.assert_archive(&all[0]);
            assert!(sent < all[0].size() + 1000, "{sent} of {}", all[0].size());
        }
    }
}

/// If the table has the size, only that many bytes are read; else all are, and they are wrong.
#[test]
fn a_longer_file_of_unannounced_size_never_becomes_a_wrong_archive() {
    for has_size in [true, false] {
        let (sandbox, all) = (Sandbox::new(), archives(1));
        let server = Server::new();
        let longer = [&all[0].bytes[..], &all[0].bytes].concat();
        server.serve(&all[0].path(), &Arc::new(longer));
        let (verdict, _) = fetch_unsized(&sandbox, &server, &all, has_size);
        if has_size {
            sandbox.assert_archive(&all[0]);
            assert_eq!(verdict, "ok");
        } else {
            sandbox.assert_absent(&all[0]);
            assert_eq!(verdict, "corrupt");
        }
    }
}

#[test]
fn a_shorter_range_than_requested_is_kept_and_the_rest_requested() {
    survives([Fault::ShortRange { less: 60_000 }.into()]);
}

#[test]
fn an_unrequested_206_is_handled() {
    survives([Fault::Unrequested206.into()]);
}

#[test]
fn a_changing_etag_does_not_restart_the_download() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
    let server = Server::with(&all);
    server.inject(Fault::ChangingEtag);
    let report = sandbox.fetch(&server, &all).chunk(100_000).report(0);
    report.all_ok();
    sandbox.assert_archive(&all[0]);
    assert_eq!(report.downloaded(), all[0].size(), "bytes were fetched twice");
}

#[test]
fn a_file_replaced_in_mid_download_is_noticed() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
    let server = Server::with(&all);
    // The same size with other bytes: only the MD5 shows it.
    server.inject(Fault::OtherFile(Arc::new(all[0].flipped(50_000))).first(3));
    sandbox.fetch(&server, &all).chunk(100_000).args(["-c", "1"]).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn bytes_labelled_as_compressed_are_stored_as_they_are() {
    survives([Fault::GzipLabel.into()]);
}

#[test]
fn a_range_refused_without_reason_is_retried_and_then_unreachable() {
    survives([Fault::Status(416).first(1)]);
    let (verdict, detail, _) = fails(Fault::Status(416));
    assert_eq!(verdict, "unreachable", "{detail}");
}

#[test]
fn a_file_longer_than_what_the_server_has_is_replaced() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    let mut longer = all[0].bytes.to_vec();
    longer.extend([0; 5000]);
    sandbox.put("data/images_001.tar.gz", longer);
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn one_bad_archive_does_not_stop_the_eleven_others() {
    let (sandbox, all) = (Sandbox::new(), archives(12));
    let server = Server::with(&all);
    server.inject(Fault::Flip { at: 100 }.on(&all[4].path()));
    server.inject(Fault::Status(404).on(&all[7].path()));
    let report = sandbox.fetch(&server, &all).report(1);
    for (index, line) in report.lines().iter().enumerate() {
        line.is(match index {
            4 => "corrupt",
            7 => "unreachable",
            _ => "ok",
        });
    }
    assert_eq!(report.value["summary"]["ok"], 10);
}
