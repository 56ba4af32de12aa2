//! `cxr fetch` without faults: downloads, options, and the files that it leaves.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{Archive, Fault, NAMES, Sandbox, Server, archive, archives};

#[test]
fn all_twelve_archives_are_fetched_and_verified() {
    let (sandbox, all) = (Sandbox::new(), archives(12));
    let server = Server::with(&all);
    let report = sandbox.fetch(&server, &all).report(0);
    report.all_ok();
    let total: u64 = all.iter().map(Archive::size).sum();
    assert_eq!(report.downloaded(), total);
    for (archive, line) in all.iter().zip(report.lines()) {
        sandbox.assert_archive(archive);
        assert_eq!(line.value["name"], *archive.name);
        assert_eq!(line.value["actual_md5"], *archive.md5);
        assert_eq!(line.downloaded(), archive.size());
        assert!(line.value["source"].as_str().unwrap().contains("127.0.0.1"));
    }
    assert_eq!(report.value["command"], "fetch");
    assert_eq!(report.value["summary"]["ok"], 12);
}

#[test]
fn no_partial_download_is_left() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    sandbox.fetch(&server, &all).report(0).all_ok();
    let sizes: u64 = sandbox
        .files("data/.cxr")
        .iter()
        .map(|file| fs::metadata(sandbox.path("data/.cxr").join(file)).unwrap().len())
        .sum();
    assert!(sizes < 10_000, "{:?}", sandbox.files("data/.cxr"));
}

#[test]
fn many_chunks_over_many_connections_make_one_file() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 20)]);
    let server = Server::with(&all);
    // Slow answers overlap.
    server.inject(Fault::Throttle { rate: 4 << 20 });
    sandbox.fetch(&server, &all).chunk(100_000).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
    assert!(server.hits().len() > 20, "{} requests", server.hits().len());
    assert!(server.most_concurrent() > 1);
    assert_eq!(server.hits().iter().map(|hit| hit.sent).sum::<u64>(), all[0].size());
}

#[test]
fn a_missing_folder_is_created() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    let table = sandbox.table(&all);
    let fetch = sandbox.cxr(["fetch", "--dir", "a new/folder/deep", "--checksums"]).arg(table);
    fetch.args(["--from", &server.base()]).run().exits(0);
    sandbox.assert_content(Path::new("a new/folder/deep").join(NAMES[0]), &all[0].bytes);
}

#[test]
fn the_default_folder_is_the_current_one() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    let (table, here) = (sandbox.table(&all), sandbox.data());
    let fetch = sandbox.cxr(["fetch", "--checksums"]).arg(table).args(["--from", &server.base()]);
    fetch.in_folder(&here).run().exits(0);
    sandbox.assert_archive(&all[0]);
}

#[test]
fn an_archive_name_may_contain_a_folder() {
    let (sandbox, mut all) = (Sandbox::new(), archives(1));
    "parts/first one.gz".clone_into(&mut all[0].name);
    let server = Server::with(&all);
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn only_selected_archives_are_fetched() {
    let (sandbox, all) = (Sandbox::new(), archives(4));
    let server = Server::with(&all);
    let report = sandbox.fetch(&server, &all).args(["2", "images_004"]).report(0);
    assert_eq!(report.lines().len(), 2);
    sandbox.assert_archive(&all[1]);
    sandbox.assert_archive(&all[3]);
    sandbox.assert_absent(&all[0]);
    assert!(server.hits_on(&all[0].path()).is_empty());
}

#[test]
fn requests_ask_for_uncompressed_bytes_and_name_cxr() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    sandbox.fetch(&server, &all).report(0).all_ok();
    for hit in server.hits() {
        assert_eq!(hit.method, "GET");
        assert_eq!(hit.header("accept-encoding"), Some("identity"));
        let agent = hit.header("user-agent").unwrap_or_default();
        assert!(agent.contains("cxr/") && agent.contains(env!("CARGO_PKG_VERSION")), "{agent}");
    }
}

#[test]
fn a_dry_run_writes_nothing() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    sandbox.put_archive(&all[0]);
    sandbox.put("data/images_002.tar.gz", &all[1].bytes[..1000]);
    let outcome = sandbox.fetch(&server, &all).arg("--dry-run").run();
    outcome.report();
    assert_eq!(
        sandbox.files("data"),
        NAMES[..2].iter().map(Into::into).collect::<Vec<std::path::PathBuf>>()
    );
    assert!(!sandbox.path("data/.cxr").exists());
    sandbox.assert_content("data/images_002.tar.gz", &all[1].bytes[..1000]);
    // It asks for the size, to tell how much of the short file can stay.
    assert!(server.sent() <= 1, "{} sent", server.sent());
    let table = sandbox.table(&all);
    let fetch = sandbox.cxr(["fetch", "--dry-run", "--dir", "not there yet", "--checksums"]);
    fetch.arg(table).args(["--from", &server.base()]).run();
    assert!(!sandbox.path("not there yet").exists());
}

#[test]
fn the_rate_limit_holds_for_all_connections_together() {
    let (sandbox, all) = (Sandbox::new(), archives(4));
    let server = Server::with(&all);
    let total: u64 = all.iter().map(Archive::size).sum();
    let begun = Instant::now();
    sandbox.fetch(&server, &all).args(["--limit-rate", "2M"]).report(0).all_ok();
    // One second of bytes may arrive in one burst.
    let least = Duration::from_secs_f64(total as f64 / f64::from(2 << 20) * 0.5);
    let took = begun.elapsed();
    assert!(took > least && least > Duration::from_millis(300), "{took:?}, at least {least:?}");
}

#[test]
fn the_rate_limit_can_be_changed_during_the_run() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
    let server = Server::with(&all);
    let rate = sandbox.path("rate");
    let fetch = sandbox.fetch(&server, &all).args(["--limit-rate", "10K", "--limit-rate-file"]);
    let mut running = fetch.arg(&rate).spawn();
    running.until("some bytes", || server.sent() > 10_000);
    sandbox.put("rate", "fast");
    running.until_it_says("the limit stays 10.0 KiB/s");
    sandbox.put("rate", "10");
    running.until_it_says("the limit is now 10 B/s");
    // The archive would take two days at this rate, and three minutes at the first.
    sandbox.put("rate", "100M");
    let outcome = running.wait();
    outcome.exits(0).says("the limit is now 100 MiB/s").is_plain();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn one_connection_is_one_connection_at_a_time() {
    let (sandbox, all) = (Sandbox::new(), archives(4));
    let server = Server::with(&all);
    sandbox.fetch(&server, &all).chunk(65_536).args(["--connections", "1"]).report(0).all_ok();
    assert_eq!(server.most_concurrent(), 1);
    // The connection is reused from chunk to chunk.
    assert!(server.connections() <= 4, "{} connections", server.connections());
}

#[test]
fn no_more_connections_than_allowed_are_used() {
    let (sandbox, all) = (Sandbox::new(), archives(6));
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 2 << 20 });
    sandbox.fetch(&server, &all).chunk(65_536).args(["-c", "3"]).report(0).all_ok();
    assert!((2..=3).contains(&server.most_concurrent()), "{}", server.most_concurrent());
}

#[test]
fn one_job_takes_one_archive_after_the_other() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 4 << 20 });
    sandbox.fetch(&server, &all).args(["--jobs", "1"]).report(0).all_ok();
    let mut paths: Vec<_> = server.hits().into_iter().map(|hit| hit.path).collect();
    paths.dedup();
    assert_eq!(paths, all.iter().map(Archive::path).collect::<Vec<_>>());
}

#[test]
fn free_connections_help_the_archive_that_is_still_downloading() {
    let (sandbox, large) = (Sandbox::new(), archive(1, 10));
    let all = vec![large, archive(2, 1)];
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 2 << 20 });
    let begun = Instant::now();
    sandbox.fetch(&server, &all).args(["-c", "8"]).chunk(256 << 10).report(0).all_ok();
    let alone = all[0].bytes.len() as f64 / f64::from(2 << 20);
    let took = begun.elapsed().as_secs_f64();
    assert!(took < alone * 0.7, "{took} s; one connection alone takes {alone} s");
}

#[test]
fn the_last_chunk_is_split_between_connections() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 10)]);
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 2 << 20 });
    let begun = Instant::now();
    // One chunk of the usual size holds the whole archive: others can help only if it is split.
    sandbox.fetch(&server, &all).args(["-c", "8"]).report(0).all_ok();
    let alone = all[0].bytes.len() as f64 / f64::from(2 << 20);
    let took = begun.elapsed().as_secs_f64();
    assert!(took < alone * 0.7, "{took} s; one connection alone takes {alone} s");
    sandbox.assert_archive(&all[0]);
}

#[test]
fn an_empty_archive_needs_no_bytes() {
    let sandbox = Sandbox::new();
    let all = vec![Archive::new("empty", Vec::new()), archive(1, 1)];
    let server = Server::with(&all);
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn two_names_for_the_same_bytes_are_both_fetched() {
    let sandbox = Sandbox::new();
    let first = archive(1, 1);
    let second = Archive { name: "copy.tar.gz".to_owned(), ..first.clone() };
    let all = vec![first, second];
    let server = Server::with(&all);
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
    sandbox.assert_archive(&all[1]);
}

#[test]
fn symbolic_links_to_and_in_the_folder_do_not_overwrite_their_targets() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    fs::create_dir(sandbox.path("real")).unwrap();
    fs::remove_dir(sandbox.data()).unwrap();
    symlink("real", sandbox.data()).unwrap();
    let mine = sandbox.put("mine", "precious");
    symlink(&mine, sandbox.path("real/images_001.tar.gz")).unwrap();
    symlink("nowhere", sandbox.path("real/images_002.tar.gz")).unwrap();
    sandbox.fetch(&server, &all).run().exits(3);
    // The targets of links are not files of the program.
    sandbox.assert_content("mine", b"precious");
    assert!(!sandbox.path("real/nowhere").exists());
    assert!(fs::symlink_metadata(sandbox.data()).unwrap().is_symlink());
}
