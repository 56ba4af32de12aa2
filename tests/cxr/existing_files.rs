//! `cxr fetch` with existing files: receipts, and good, bad and incomplete files.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use crate::support::{Fault, NAMES, Sandbox, Server, archives, change_silently};

#[test]
fn a_second_run_makes_no_request() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    let server = Server::with(&all);
    sandbox.fetch(&server, &all).report(0).all_ok();
    server.clear_log();
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
    sandbox.assert_archive(&all[1]);
}

#[test]
fn a_receipt_of_a_file_that_changed_is_ignored() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    sandbox.fetch(&server, &all).report(0).all_ok();
    fs::write(sandbox.data().join(NAMES[0]), all[0].flipped(100_000)).unwrap();
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn a_change_with_the_same_size_and_time_is_noticed() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    sandbox.fetch(&server, &all).report(0).all_ok();
    change_silently(&sandbox.data().join(NAMES[0]));
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn no_verdict_depends_on_the_clock() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    let path = sandbox.data().join(NAMES[0]);
    let far = [SystemTime::UNIX_EPOCH, SystemTime::now() + Duration::from_hours(24 * 36_500)];
    for time in far {
        sandbox.put_archive(&all[0]);
        let set = || fs::File::options().write(true).open(&path).unwrap().set_modified(time);
        set().unwrap();
        sandbox.fetch(&server, &all).report(0).all_ok();
        assert_eq!(server.hits().len(), 0, "requests for a good file");
        fs::write(&path, all[0].flipped(100_000)).unwrap();
        set().unwrap();
        sandbox.fetch(&server, &all).report(0).all_ok();
        sandbox.assert_archive(&all[0]);
        server.clear_log();
    }
}

#[test]
fn the_partial_download_of_an_archive_that_is_complete_is_removed() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    for receipt in [false, true] {
        server.inject(Fault::Status(404).after(2));
        std::fs::rename(sandbox.data().join(&all[0].name), sandbox.path("away")).ok();
        sandbox.fetch(&server, &all).args(["-c", "1"]).chunk(50_000).run().exits(3);
        sandbox.working_file(".part");
        server.clear_faults();
        if receipt {
            std::fs::rename(sandbox.path("away"), sandbox.data().join(&all[0].name)).unwrap();
        } else {
            sandbox.put_archive(&all[0]);
        }
        let outcome = sandbox.fetch(&server, &all).run();
        outcome.exits(0).report().all_ok();
        let left = sandbox.files("data/.cxr");
        assert_eq!(left.len(), 2, "the lock and the receipt: {left:?}");
    }
}

#[test]
fn recheck_trusts_no_receipt() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    sandbox.fetch(&server, &all).report(0).all_ok();
    change_silently(&sandbox.data().join(NAMES[0]));
    sandbox.fetch(&server, &all).arg("--recheck").report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn recheck_of_good_files_makes_no_request() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    sandbox.fetch(&server, &all).report(0).all_ok();
    server.clear_log();
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
    sandbox.assert_archive(&all[0]);
    sandbox.assert_archive(&all[1]);
}

#[test]
fn a_short_file_under_the_name_is_continued() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    let here = all[0].size() - 100_000;
    sandbox.put("data/images_001.tar.gz", &all[0].bytes[..usize::try_from(here).unwrap()]);
    let report = sandbox.fetch(&server, &all).report(0);
    report.all_ok();
    sandbox.assert_archive(&all[0]);
    assert!(report.downloaded() <= 100_000 + 4096, "{}", report.shown());
    assert!(report.only().reused() >= here - 4096, "{}", report.shown());
}

#[test]
fn a_short_file_that_is_wrong_is_replaced() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    sandbox.put("data/images_001.tar.gz", &all[0].flipped(150_000)[..300_000]);
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn the_bytes_of_a_short_file_are_kept_if_the_fetch_fails() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::Status(404));
    sandbox.put("data/images_001.tar.gz", &all[0].bytes[..300_000]);
    sandbox.fetch(&server, &all).run().exits(3);
    server.clear_faults();
    // Its bytes are not lost, wherever they are.
    let report = sandbox.fetch(&server, &all).report(0);
    assert!(report.downloaded() <= all[0].size() - 300_000 + 4096, "{}", report.shown());
    sandbox.assert_archive(&all[0]);
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
        sandbox.assert_archive(&all[0]);
    }
}

#[test]
fn a_bad_file_is_kept_if_the_fetch_fails() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::Status(404));
    let bad = all[0].flipped(300_000);
    sandbox.put("data/images_001.tar.gz", &bad);
    let outcome = sandbox.fetch(&server, &all).run();
    outcome.exits(3);
    sandbox.assert_content("data/images_001.tar.gz", &bad);
}

#[test]
fn a_bad_file_with_a_hard_link_is_kept_until_the_good_one_is_complete() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::Stall { after: 200_000 }.after(1).first(1));
    let bad = all[0].flipped(300_000);
    let path = sandbox.put("data/images_001.tar.gz", &bad);
    // A repair in place would change the other link too.
    fs::hard_link(path, sandbox.path("snapshot.tar.gz")).unwrap();
    let mut running = sandbox.fetch(&server, &all).spawn();
    running.until("half of the archive", || server.sent() >= 200_000);
    sandbox.assert_content("data/images_001.tar.gz", &bad);
    running.wait().exits(0);
    sandbox.assert_archive(&all[0]);
    sandbox.assert_content("snapshot.tar.gz", &bad);
}

#[test]
fn archives_with_swapped_names_are_fetched_again() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    sandbox.put("data/images_001.tar.gz", &*all[1].bytes);
    sandbox.put("data/images_002.tar.gz", &*all[0].bytes);
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
    sandbox.assert_archive(&all[1]);
}

#[test]
fn other_files_in_the_folder_are_left_alone() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    sandbox.put("data/notes.txt", "mine");
    sandbox.put("data/images_009.tar.gz", "not in the table");
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.assert_content("data/notes.txt", b"mine");
    sandbox.assert_content("data/images_009.tar.gz", b"not in the table");
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

#[test]
fn a_fetch_that_got_nothing_leaves_no_partial_download() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::Status(404));
    sandbox.fetch(&server, &all).report(3).only().is("unreachable");
    let left = sandbox.files("data/.cxr");
    let is_unfinished = |file: &std::path::PathBuf| {
        file.extension().is_some_and(|end| end == "part" || end == "journal")
    };
    assert!(!left.iter().any(is_unfinished), "{left:?}");
    sandbox.verify(&all).arg("data").report(1).only().is("missing").because("not here");
    let table = sandbox.table(&all);
    let list = sandbox.cxr(["list", "--dir", "data", "--checksums"]).arg(table).run();
    list.exits(0).prints_line(&[NAMES[0], "missing"]);
}
