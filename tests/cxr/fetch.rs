//! `cxr fetch` where nothing goes wrong: what is downloaded, what is not, what is left behind.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{Fault, NAMES, Sandbox, Server, archive, archives};

#[test]
fn everything_is_fetched_and_verified() {
    let (sandbox, all) = (Sandbox::new(), archives(12));
    let server = Server::with(&all);
    let report = sandbox.fetch(&server, &all).report(0);
    report.all_ok();
    let total: u64 = all.iter().map(crate::support::Archive::size).sum();
    assert_eq!(report.downloaded(), total);
    for (archive, line) in all.iter().zip(report.lines()) {
        sandbox.has(archive);
        assert_eq!(line.value["name"], *archive.name);
        assert_eq!(line.value["actual_md5"], *archive.md5);
        assert_eq!(line.downloaded(), archive.size());
        assert!(line.value["source"].as_str().unwrap().contains("127.0.0.1"));
    }
    assert_eq!(report.value["command"], "fetch");
    assert_eq!(report.value["summary"]["ok"], 12);
}

#[test]
fn nothing_unfinished_is_left() {
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
    sandbox.fetch(&server, &all).chunk(100_000).report(0).all_ok();
    sandbox.has(&all[0]);
    assert!(server.hits().len() > 20, "{} requests", server.hits().len());
    assert!(server.most_answering() > 1);
    assert_eq!(server.hits().iter().map(|hit| hit.sent).sum::<u64>(), all[0].size());
}

#[test]
fn the_folder_is_made() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    let table = sandbox.table(&all);
    let fetch = sandbox.cxr(["fetch", "--dir", "a new/folder/deep", "--checksums"]).arg(table);
    fetch.args(["--from", &server.base()]).run().exits(0);
    sandbox.holds(Path::new("a new/folder/deep").join(NAMES[0]), &all[0].bytes);
}

#[test]
fn the_folder_is_here_unless_another_is_named() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    let (table, here) = (sandbox.table(&all), sandbox.data());
    let fetch = sandbox.cxr(["fetch", "--checksums"]).arg(table).args(["--from", &server.base()]);
    fetch.within(&here).run().exits(0);
    sandbox.has(&all[0]);
}

#[test]
fn names_with_folders_are_kept() {
    let (sandbox, mut all) = (Sandbox::new(), archives(1));
    "parts/first one.gz".clone_into(&mut all[0].name);
    let server = Server::new();
    server.serve("/parts/first%20one.gz", &all[0].bytes);
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.has(&all[0]);
}

#[test]
fn only_what_is_chosen_is_fetched() {
    let (sandbox, all) = (Sandbox::new(), archives(4));
    let server = Server::with(&all);
    let report = sandbox.fetch(&server, &all).args(["2", "images_004"]).report(0);
    assert_eq!(report.lines().len(), 2);
    sandbox.has(&all[1]);
    sandbox.has(&all[3]);
    sandbox.lacks(&all[0]);
    assert!(server.hits_on(&all[0].path()).is_empty());
}

#[test]
fn an_honest_client_asks_for_the_stored_bytes() {
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
fn a_second_run_makes_no_request() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    let server = Server::with(&all);
    sandbox.fetch(&server, &all).report(0).all_ok();
    server.forget();
    let report = sandbox.fetch(&server, &all).report(0);
    report.all_ok();
    assert_eq!(server.hits().len(), 0);
    assert_eq!(report.downloaded(), 0);
    for (line, archive) in report.lines().iter().zip(&all) {
        assert_eq!(line.reused(), archive.size());
    }
}

#[test]
fn good_files_without_a_receipt_are_hashed_and_kept() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    let path = sandbox.put_archive(&all[0]);
    let before = fs::metadata(&path).unwrap();
    let report = sandbox.fetch(&server, &all).report(0);
    report.all_ok();
    assert!(server.hits_on(&all[0].path()).is_empty());
    assert_eq!(report.line(NAMES[0]).reused(), all[0].size());
    let after = fs::metadata(&path).unwrap();
    assert_eq!(before.modified().unwrap(), after.modified().unwrap());
    sandbox.has(&all[1]);
}

#[test]
fn a_receipt_of_a_file_that_changed_is_ignored() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    sandbox.fetch(&server, &all).report(0).all_ok();
    fs::write(sandbox.data().join(NAMES[0]), all[0].flipped(100_000)).unwrap();
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.has(&all[0]);
}

#[test]
fn recheck_trusts_no_receipt() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    sandbox.fetch(&server, &all).report(0).all_ok();
    let path = sandbox.data().join(NAMES[0]);
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    // In place, so that name, size, time and inode all stay.
    let file = fs::File::options().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"rotten", 200_000).unwrap();
    file.set_modified(modified).unwrap();
    drop(file);
    sandbox.fetch(&server, &all).arg("--recheck").report(0).all_ok();
    sandbox.has(&all[0]);
}

#[test]
fn recheck_of_good_files_makes_no_request() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    sandbox.fetch(&server, &all).report(0).all_ok();
    server.forget();
    sandbox.fetch(&server, &all).arg("--recheck").report(0).all_ok();
    assert_eq!(server.hits().len(), 0);
}

#[test]
fn damaged_receipts_cost_time_and_nothing_else() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    sandbox.fetch(&server, &all).report(0).all_ok();
    for file in sandbox.files("data/.cxr") {
        fs::write(sandbox.path("data/.cxr").join(file), "\0\u{1b}{]garbage\n").unwrap();
    }
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.has(&all[0]);
    sandbox.has(&all[1]);
}

#[test]
fn a_short_file_under_the_name_is_continued() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    let here = all[0].size() - 100_000;
    sandbox.put("data/images_001.tar.gz", &all[0].bytes[..usize::try_from(here).unwrap()]);
    let report = sandbox.fetch(&server, &all).report(0);
    report.all_ok();
    sandbox.has(&all[0]);
    assert!(report.downloaded() <= 100_000 + 4096, "{}", report.shown());
    assert!(report.only().reused() >= here - 4096, "{}", report.shown());
}

#[test]
fn a_short_file_that_is_wrong_is_replaced() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    sandbox.put("data/images_001.tar.gz", &all[0].flipped(150_000)[..300_000]);
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.has(&all[0]);
}

#[test]
fn a_short_file_stays_what_it_was_if_nothing_can_be_fetched() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.does(Fault::Status(404));
    sandbox.put("data/images_001.tar.gz", &all[0].bytes[..300_000]);
    sandbox.fetch(&server, &all).run();
    server.behaves();
    // Wherever it went, its bytes are not lost.
    let report = sandbox.fetch(&server, &all).report(0);
    assert!(report.downloaded() <= all[0].size() - 300_000 + 4096, "{}", report.shown());
    sandbox.has(&all[0]);
}

#[test]
fn a_bad_file_is_replaced_by_the_good_one() {
    let all = archives(1);
    let mut longer = all[0].bytes.to_vec();
    longer.extend(b"and more");
    for bad in [all[0].flipped(1), all[0].flipped(300_000), longer, b"<html>".to_vec(), vec![]] {
        let sandbox = Sandbox::new();
        let server = Server::with(&all);
        sandbox.put("data/images_001.tar.gz", &bad);
        sandbox.fetch(&server, &all).report(0).all_ok();
        sandbox.has(&all[0]);
    }
}

#[test]
fn a_bad_file_stays_if_fetching_fails() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.does(Fault::Status(404));
    let bad = all[0].flipped(300_000);
    sandbox.put("data/images_001.tar.gz", &bad);
    let outcome = sandbox.fetch(&server, &all).run();
    outcome.expect(matches!(outcome.status, Some(1 | 3)), "a failure");
    sandbox.holds("data/images_001.tar.gz", &bad);
}

#[test]
fn a_bad_file_stays_until_the_good_one_is_whole() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.does(Fault::Stall { after: 200_000 }.first(1));
    let bad = all[0].flipped(300_000);
    sandbox.put("data/images_001.tar.gz", &bad);
    let mut running = sandbox.fetch(&server, &all).spawn();
    running.until("half of the archive", || server.sent() >= 200_000);
    sandbox.holds("data/images_001.tar.gz", &bad);
    running.wait().exits(0);
    sandbox.has(&all[0]);
}

#[test]
fn archives_under_each_others_names_end_up_right() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    sandbox.put("data/images_001.tar.gz", &*all[1].bytes);
    sandbox.put("data/images_002.tar.gz", &*all[0].bytes);
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.has(&all[0]);
    sandbox.has(&all[1]);
}

#[test]
fn other_files_in_the_folder_are_left_alone() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    sandbox.put("data/notes.txt", "mine");
    sandbox.put("data/images_009.tar.gz", "not in the table");
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.holds("data/notes.txt", b"mine");
    sandbox.holds("data/images_009.tar.gz", b"not in the table");
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
    sandbox.holds("data/images_002.tar.gz", &all[1].bytes[..1000]);
    assert_eq!(server.sent(), 0);
    let table = sandbox.table(&all);
    let fetch = sandbox.cxr(["fetch", "--dry-run", "--dir", "not there yet", "--checksums"]);
    fetch.arg(table).args(["--from", &server.base()]).run();
    assert!(!sandbox.path("not there yet").exists());
}

#[test]
fn the_rate_limit_is_kept_over_all_connections() {
    let (sandbox, all) = (Sandbox::new(), archives(4));
    let server = Server::with(&all);
    let total: u64 = all.iter().map(crate::support::Archive::size).sum();
    let begun = Instant::now();
    sandbox.fetch(&server, &all).args(["--limit-rate", "2M"]).report(0).all_ok();
    // A second's worth may pass in one burst.
    let least = Duration::from_secs_f64(total as f64 / f64::from(2 << 20) * 0.5);
    let took = begun.elapsed();
    assert!(took > least && least > Duration::from_millis(300), "{took:?}, at least {least:?}");
}

#[test]
fn one_connection_is_one_connection() {
    let (sandbox, all) = (Sandbox::new(), archives(4));
    let server = Server::with(&all);
    sandbox.fetch(&server, &all).chunk(65_536).args(["--connections", "1"]).report(0).all_ok();
    assert_eq!(server.most_answering(), 1);
    // Kept alive from chunk to chunk.
    assert!(server.connections() <= 4, "{} connections", server.connections());
}

#[test]
fn no_more_connections_than_allowed() {
    let (sandbox, all) = (Sandbox::new(), archives(6));
    let server = Server::with(&all);
    server.does(Fault::Throttle { rate: 2 << 20 });
    sandbox.fetch(&server, &all).chunk(65_536).args(["-c", "3"]).report(0).all_ok();
    assert!((2..=3).contains(&server.most_answering()), "{}", server.most_answering());
}

#[test]
fn one_job_takes_one_archive_after_the_other() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    let server = Server::with(&all);
    server.does(Fault::Throttle { rate: 4 << 20 });
    sandbox.fetch(&server, &all).args(["--jobs", "1"]).report(0).all_ok();
    let mut paths: Vec<_> = server.hits().into_iter().map(|hit| hit.path).collect();
    paths.dedup();
    assert_eq!(paths, all.iter().map(crate::support::Archive::path).collect::<Vec<_>>());
}

#[test]
fn freed_connections_help_the_archive_still_under_way() {
    let (sandbox, large) = (Sandbox::new(), archive(1, 10));
    let all = vec![large, archive(2, 1)];
    let server = Server::with(&all);
    server.does(Fault::Throttle { rate: 2 << 20 });
    let begun = Instant::now();
    sandbox.fetch(&server, &all).args(["-c", "8"]).chunk(256 << 10).report(0).all_ok();
    let alone = all[0].bytes.len() as f64 / f64::from(2 << 20);
    let took = begun.elapsed().as_secs_f64();
    assert!(took < alone * 0.7, "{took} s; one connection alone takes {alone} s");
}

#[test]
fn the_tail_is_shared_even_without_more_chunks() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 10)]);
    let server = Server::with(&all);
    server.does(Fault::Throttle { rate: 2 << 20 });
    let begun = Instant::now();
    // One chunk of the usual size holds all of it: only halving it brings others to help.
    sandbox.fetch(&server, &all).args(["-c", "8"]).report(0).all_ok();
    let alone = all[0].bytes.len() as f64 / f64::from(2 << 20);
    let took = begun.elapsed().as_secs_f64();
    assert!(took < alone * 0.7, "{took} s; one connection alone takes {alone} s");
    sandbox.has(&all[0]);
}

#[test]
fn an_empty_archive_needs_no_bytes() {
    let sandbox = Sandbox::new();
    let all = vec![crate::support::Archive::new("empty", Vec::new()), archive(1, 1)];
    let server = Server::with(&all);
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.has(&all[0]);
}

#[test]
fn two_names_for_the_same_bytes_both_end_up_here() {
    let sandbox = Sandbox::new();
    let first = archive(1, 1);
    let second = crate::support::Archive { name: "copy.tar.gz".to_owned(), ..first.clone() };
    let all = vec![first, second];
    let server = Server::with(&all);
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.has(&all[0]);
    sandbox.has(&all[1]);
}

#[test]
fn a_link_to_the_folder_and_one_in_it_are_followed_or_replaced_safely() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    fs::create_dir(sandbox.path("real")).unwrap();
    fs::remove_dir(sandbox.data()).unwrap();
    symlink("real", sandbox.data()).unwrap();
    let mine = sandbox.put("mine", "precious");
    symlink(&mine, sandbox.path("real/images_001.tar.gz")).unwrap();
    symlink("nowhere", sandbox.path("real/images_002.tar.gz")).unwrap();
    sandbox.fetch(&server, &all).run();
    // What a link points to was never the program's to write.
    sandbox.holds("mine", b"precious");
    assert!(!sandbox.path("real/nowhere").exists());
    assert!(fs::symlink_metadata(sandbox.data()).unwrap().is_symlink());
}

#[test]
fn a_link_to_a_good_archive_elsewhere_is_ok() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    let store = sandbox.put("store/blob", &*all[0].bytes);
    symlink(store, sandbox.path("data/images_001.tar.gz")).unwrap();
    sandbox.fetch(&server, &all).report(0).all_ok();
    assert_eq!(server.hits().len(), 0);
    assert!(fs::symlink_metadata(sandbox.path("data/images_001.tar.gz")).unwrap().is_symlink());
}
