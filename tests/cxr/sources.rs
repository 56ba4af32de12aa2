//! Several sources in order of preference: folders and addresses.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use crate::support::{Fault, NAMES, Refusal, Sandbox, Server, archive, archives};

#[test]
fn a_folder_is_a_source() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    for archive in &all {
        sandbox.put(format!("mirror/{}", archive.name), &*archive.bytes);
    }
    let report = sandbox.fetch_from("mirror", &all).chunk(100_000).report(0);
    report.all_ok();
    for archive in &all {
        sandbox.assert_archive(archive);
        sandbox.assert_content(format!("mirror/{}", archive.name), &archive.bytes);
    }
    assert!(report.source_of(NAMES[0]).contains("mirror"));
}

#[test]
fn a_folder_without_the_archive_is_no_source_for_it() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    sandbox.put(format!("mirror/{}", NAMES[0]), &*all[0].bytes);
    let report = sandbox.fetch_from("mirror", &all).report(3);
    report.line(NAMES[0]).is("ok");
    report.line(NAMES[1]).is("unreachable").because("mirror");
}

#[test]
fn the_target_folder_as_source_damages_no_file() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    sandbox.put_archive(&all[0]);
    let bad = all[1].flipped(100_000);
    sandbox.put("data/images_002.tar.gz", &bad);
    let outcome = sandbox.fetch_from("data", &all).run();
    outcome.exits(3);
    sandbox.assert_archive(&all[0]);
    sandbox.assert_content("data/images_002.tar.gz", &bad);
}

#[test]
fn the_second_source_is_not_asked_if_the_first_has_everything() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let (first, second) = (Server::with(&all), Server::with(&all));
    let fetch = sandbox.fetch(&first, &all).args(["--from", &second.base()]);
    fetch.report(0).all_ok();
    assert_eq!(second.hits().len(), 0);
}

#[test]
fn the_second_source_is_asked_if_the_first_is_dead() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    let dead = Server::new().base();
    let second = Server::with(&all);
    let report = sandbox.fetch_from(&dead, &all).args(["--from", &second.base()]).report(0);
    report.all_ok();
    assert!(report.source_of(NAMES[0]).contains(second.base().trim_start_matches("http://")));
}

#[test]
fn a_source_found_dead_is_remembered_for_the_other_archives() {
    let (sandbox, all) = (Sandbox::new(), archives(4));
    let (dead, second) = (Server::with(&all), Server::with(&all));
    dead.limit_connections(0, Refusal::Close);
    let fetch = sandbox.fetch(&dead, &all).args(["--from", &second.base()]);
    // Slow enough that there is time for another attempt at the dead source between two chunks.
    second.inject(Fault::Throttle { rate: 1 << 20 });
    fetch.args(["-j", "1", "-c", "1"]).chunk(60_000).report(0).all_ok();
    // Three attempts for the first archive, and one for each of the others.
    assert_eq!(dead.connections(), 6);
}

#[test]
fn the_second_source_is_asked_for_what_the_first_lacks() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    let (first, second) = (Server::with(&all[..2]), Server::with(&all));
    let fetch = sandbox.fetch(&first, &all).args(["--from", &second.base()]);
    fetch.report(0).all_ok();
    assert!(second.hits_on(&all[0].path()).is_empty());
    assert!(!second.hits_on(&all[2].path()).is_empty());
}

#[test]
fn the_second_source_replaces_corrupt_bytes_of_the_first() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let (first, second) = (Server::with(&all), Server::with(&all));
    first.inject(Fault::Flip { at: 200_000 }.on(&all[0].path()));
    let fetch = sandbox.fetch(&first, &all).args(["--from", &second.base()]);
    fetch.chunk(100_000).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
    sandbox.assert_archive(&all[1]);
}

/// The part of a detail that names the source of wrong bytes.
fn wrong_source(server: &Server) -> String {
    format!("wrong bytes came from {}/", server.base())
}

#[test]
fn only_the_source_of_wrong_bytes_is_named() {
    // The first source or the second: the wrong byte is in the part that it sends.
    for is_first in [true, false] {
        let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
        let (first, second) = (Server::with(&all), Server::with(&all));
        let (bad, at) = if is_first { (&first, 100_000) } else { (&second, 1_500_000) };
        bad.inject(Fault::Flip { at }.first(8));
        first.inject(Fault::Status(404).after(4).first(20));
        let fetch = sandbox.fetch(&first, &all).args(["--from", &second.base(), "-c", "1"]);
        let report = fetch.chunk(300_000).report(0);
        let detail = report.only().because(&wrong_source(bad)).detail();
        assert!(detail.ends_with(&wrong_source(bad)), "{detail}");
        sandbox.assert_archive(&all[0]);
    }
}

#[test]
fn a_source_of_a_wrong_archive_is_named_if_another_gives_the_right_one() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
    let (first, second) = (Server::with(&all), Server::with(&all));
    for server in [&first, &second] {
        server.inject(Fault::NoRanges);
    }
    first.inject(Fault::Flip { at: 100_000 });
    let fetch = sandbox.fetch(&first, &all).args(["--from", &second.base()]);
    let report = fetch.report(0);
    report.only().because(&wrong_source(&first));
    sandbox.assert_archive(&all[0]);
    // With one source, none is named.
    first.clear_faults();
    std::fs::remove_dir_all(sandbox.data()).unwrap();
    first.inject(Fault::Flip { at: 100_000 }.first(1));
    let report = sandbox.fetch(&first, &all).report(0);
    assert!(!report.only().detail().contains("came from"), "{}", report.shown());
}

#[test]
fn two_versions_of_an_archive_are_never_mixed() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
    let (first, second) = (Server::with(&all), Server::with(&all));
    // The first source has another version of the same size, and fails during the download.
    first.inject(Fault::OtherFile(Arc::new(all[0].bytes.iter().rev().copied().collect())));
    first.inject(Fault::Status(404).after(4));
    let fetch = sandbox.fetch(&first, &all).args(["--from", &second.base(), "-c", "1"]);
    let outcome = fetch.chunk(300_000).run();
    outcome.exits(0).says("the archive is complete, but its MD5 is");
    outcome.report().only().because(&wrong_source(&first));
    sandbox.assert_archive(&all[0]);
    // In the end, all bytes are from the second source.
    assert!(second.sent() >= all[0].size(), "{} sent{outcome}", second.sent());
}

#[test]
fn sources_may_share_an_archive_chunk_by_chunk() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
    let (first, second) = (Server::with(&all), Server::with(&all));
    first.inject(Fault::Status(404).after(4));
    let fetch = sandbox.fetch(&first, &all).args(["--from", &second.base()]);
    let report = fetch.chunk(100_000).report(0);
    report.all_ok();
    sandbox.assert_archive(&all[0]);
    assert!(first.sent() > 0 && second.sent() > 0);
    // The bytes of the first source were not requested again.
    assert!(second.sent() < all[0].size(), "{} of {}", second.sent(), all[0].size());
}

#[test]
fn the_second_source_takes_over_if_the_first_dies_during_the_download() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
    let second = Server::with(&all);
    let first = Server::with(&all);
    first.inject(Fault::Throttle { rate: 1 << 20 });
    let fetch = sandbox.fetch(&first, &all).args(["--from", &second.base()]);
    let mut running = fetch.chunk(100_000).spawn();
    running.until("some of the archive", || first.sent() > 300_000);
    drop(first);
    running.wait().exits(0).report().all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn a_wrong_size_leads_to_the_next_source() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let (first, second) = (Server::with(&all), Server::with(&all));
    first.serve(&all[0].path(), &all[1].bytes);
    let table = sandbox.table_with_sizes(&[(&all[0], ""), (&all[1], "")]);
    let fetch = sandbox.fetch_with(&table).args(["--from", &first.base()]);
    fetch.args(["--from", &second.base()]).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn a_web_page_leads_to_the_next_source() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let (first, second) = (Server::new(), Server::with(&all));
    first.inject(Fault::Page("<html>log in</html>"));
    sandbox.fetch(&first, &all).args(["--from", &second.base()]).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

/// Fetches 2 MiB from a slow source and another one, in this order. Returns both servers.
fn slow_first(rate: u64, other: Option<u64>) -> (Server, Server) {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
    let (first, second) = (Server::with(&all), Server::with(&all));
    first.inject(Fault::Throttle { rate });
    if let Some(rate) = other {
        second.inject(Fault::Throttle { rate });
    }
    let fetch = sandbox.fetch(&first, &all).args(["--from", &second.base(), "-c", "4"]);
    fetch.env("CXR_FAULT_SLOW_SOURCE_MS", "1000").report(0).all_ok();
    sandbox.assert_archive(&all[0]);
    (first, second)
}

/// A hundred bytes a second would be a stall. This rate is a hundred times as high, and would take
/// longer than the time limit of a test.
#[test]
fn a_slow_source_is_left_for_a_faster_one_in_the_middle_of_a_chunk() {
    let (first, second) = slow_first(10_000, None);
    assert!(second.sent() > first.sent(), "{} and {}", first.sent(), second.sent());
}

#[test]
fn a_source_that_is_no_faster_does_not_take_over() {
    let (first, second) = slow_first(200_000, Some(200_000));
    assert!(first.sent() > second.sent(), "{} and {}", first.sent(), second.sent());
}

#[test]
fn a_stalled_source_leads_to_the_next() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let (first, second) = (Server::with(&all), Server::with(&all));
    first.inject(Fault::Silence);
    let fetch = sandbox.fetch(&first, &all).args(["--from", &second.base(), "--retries", "1"]);
    fetch.report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn a_folder_and_a_server_supply_what_the_other_lacks() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    sandbox.put(format!("mirror/{}", NAMES[0]), &*all[0].bytes);
    let server = Server::with(&all[1..]);
    sandbox.fetch_from("mirror", &all).args(["--from", &server.base()]).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
    sandbox.assert_archive(&all[1]);
}

#[test]
fn a_bad_file_in_a_folder_leads_to_the_next_source() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    let server = Server::with(&all);
    sandbox.put(format!("mirror/{}", NAMES[0]), all[0].flipped(100_000));
    sandbox.put(format!("mirror/{}", NAMES[1]), &all[1].bytes[..1000]);
    fs::create_dir(sandbox.path("mirror").join(NAMES[2])).unwrap();
    sandbox.fetch_from("mirror", &all).args(["--from", &server.base()]).report(0).all_ok();
    for archive in &all {
        sandbox.assert_archive(archive);
    }
}

#[test]
fn a_file_in_a_folder_that_cannot_be_read_is_unreachable() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    fs::create_dir(sandbox.path("mirror")).unwrap();
    symlink("/proc/self/mem", sandbox.path("mirror").join(NAMES[0])).unwrap();
    sandbox.fetch_from("mirror", &all).report(3).only().is("unreachable");
    sandbox.assert_absent(&all[0]);
}

#[test]
fn an_address_may_contain_a_name_placeholder() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::new();
    for archive in &all {
        server.serve(&format!("/get?file={}&part=all", archive.name), &archive.bytes);
    }
    let source = format!("{}/get?file={{name}}&part=all", server.base());
    sandbox.fetch_from(&source, &all).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
    sandbox.assert_archive(&all[1]);
}

#[test]
fn a_base_address_may_have_a_path_and_a_trailing_slash() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::new();
    server.serve(&format!("/nih/v1{}", all[0].path()), &all[0].bytes);
    for base in ["/nih/v1", "/nih/v1/"] {
        let source = format!("{}{base}", server.base());
        sandbox.fetch_from(&source, &all).arg("--recheck").report(0).all_ok();
    }
    sandbox.assert_archive(&all[0]);
}

#[test]
fn a_password_in_an_address_is_used_and_never_shown() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all[..1]);
    let source = server.base().replace("http://", "http://me:geheim@");
    let outcome = sandbox.fetch_from(&source, &all).arg("-v").run();
    outcome.exits(3);
    let sent = server.hits()[0].header("authorization").unwrap_or_default().to_owned();
    assert_eq!(sent, "Basic bWU6Z2VoZWlt");
    let shown = format!("{}{}", outcome.stdout(), outcome.stderr());
    outcome.expect(!shown.contains("geheim"), "no password in the output");
    for file in sandbox.files("data/.cxr") {
        let text = fs::read(sandbox.path("data/.cxr").join(file)).unwrap();
        assert!(!text.windows(6).any(|six| six == b"geheim"));
    }
}

#[test]
fn a_password_in_an_invalid_address_is_not_shown() {
    let sandbox = Sandbox::new();
    for address in [
        "https://me:geheim@m.org:99999/",
        "https://me:ge/heim@m.org/",
        "ftp://me:geheim@m.org/",
        "https://m.org/\nhttps://me:geheim@[::/",
    ] {
        for outcome in [
            sandbox.cxr(["fetch", "--from", address]).run(),
            sandbox.cxr(["fetch"]).env("CXR_FROM", address).run(),
        ] {
            outcome.exits(2).says("me:***@").is_plain();
            outcome.expect(!outcome.stderr().contains("heim"), "no password in the output");
        }
    }
}

#[test]
fn a_password_is_not_sent_to_another_host() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let (front, store) = (Server::new(), Server::with(&all));
    let elsewhere = store.base().replace("127.0.0.1", "localhost");
    front.redirect(&all[0].path(), 302, &format!("{elsewhere}{}", all[0].path()));
    let source = front.base().replace("http://", "http://me:geheim@");
    sandbox.fetch_from(&source, &all).report(0).all_ok();
    assert!(front.hits()[0].header("authorization").is_some());
    assert!(store.hits().iter().all(|hit| hit.header("authorization").is_none()));
}

#[test]
fn the_addresses_of_the_table_are_used_unless_a_source_is_named() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let (publisher, mirror) = (Server::new(), Server::with(&all));
    publisher.serve("/static/one.gz", &all[0].bytes);
    let one = format!("{}/static/one.gz", publisher.base());
    let two = format!("{}/static/two.gz", publisher.base());
    let table = sandbox.table_with_sizes(&[(&all[0], &one), (&all[1], &two)]);
    // Without --from, the addresses of the table are used. The second does not exist.
    let report = sandbox.fetch_with(&table).report(3);
    report.line(NAMES[0]).is("ok");
    report.line(NAMES[1]).is("unreachable").because("404");
    // With --from, only the named source is used.
    publisher.clear_log();
    sandbox.fetch_with(&table).args(["--from", &mirror.base()]).report(0).all_ok();
    assert_eq!(publisher.hits().len(), 0);
}

#[test]
fn every_source_is_named_if_none_has_the_archive() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let (first, second) = (Server::new(), Server::with(&all));
    second.inject(Fault::Status(410));
    let fetch = sandbox.fetch(&first, &all).args(["--from", &second.base(), "--from", "nowhere"]);
    let report = fetch.report(3);
    let line = report.only();
    line.is("unreachable").because("404").because("410").because("nowhere");
}

#[test]
fn a_proxy_is_used_except_for_hosts_in_no_proxy() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let proxy = Server::new();
    proxy.serve(&format!("http://mirror.invalid{}", all[0].path()), &all[0].bytes);
    let fetch = sandbox.fetch_from("http://mirror.invalid", &all);
    fetch.env("http_proxy", proxy.base()).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
    let (sandbox, mirror) = (Sandbox::new(), Server::with(&all));
    proxy.clear_log();
    let fetch = sandbox.fetch(&mirror, &all).env("http_proxy", proxy.base());
    fetch.env("no_proxy", "127.0.0.1").report(0).all_ok();
    assert_eq!(proxy.hits().len(), 0);
}
