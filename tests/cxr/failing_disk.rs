//! A disk that fails at a write, a sync, a close, a rename or a read. The archive is an `error`
//! with the file and the cause, the bytes are kept, no file gets its final name, and the same
//! command resumes once the disk works.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Archive, Cxr, Fault, NAMES, Sandbox, Server, archive, archives};

/// The chunk size of these tests.
const CHUNK: u64 = 128 << 10;

fn fetch(sandbox: &Sandbox, server: &Server, all: &[Archive]) -> Cxr {
    sandbox.fetch(server, all).args(["-c", "1"]).chunk(CHUNK)
}

/// The rule of the disk fault, two parts of the detail, a part of the next step, and the number of
/// chunks that the next run may fetch again.
type Failure = (&'static str, [&'static str; 2], &'static str, u64);

/// Asserts that a fetch fails like this and that the next run resumes it.
#[track_caller]
fn fails_and_resumes((rule, words, next, again): Failure) {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    let outcome = fetch(&sandbox, &server, &all).disk_faults(rule).run();
    let outcome = outcome.exits(3).is_plain();
    let report = outcome.report();
    eprintln!("{rule}: {}", report.only().detail());
    report.only().is("error").because(words[0]).because(words[1]).next(next);
    sandbox.assert_absent(&all[0]);
    let report = fetch(&sandbox, &server, &all).report(0);
    report.all_ok();
    sandbox.assert_archive(&all[0]);
    // The page of a 416 counts as sent.
    let (sent, allowed) = (server.sent(), all[0].size() + again * CHUNK + 1000);
    assert!(sent <= allowed, "{rule}: {sent} sent, {allowed} allowed{}", report.shown());
}

#[test]
fn a_failed_write_is_an_error_and_the_fetch_resumes() {
    for failure in [
        ("write .part ENOSPC after=8", ["could not be written", "No space left"], "free", 1),
        ("write .part EDQUOT after=8", ["could not be written", "quota exceeded"], "free", 1),
        ("write .part EIO after=8", ["could not be written", "Input/output error"], "log", 1),
        ("append .journal ENOSPC after=3", ["journal", "No space left"], "free", 1),
        ("append .journal EIO after=3", ["journal", "Input/output error"], "log", 1),
    ] {
        fails_and_resumes(failure);
    }
}

#[test]
fn a_partial_download_that_cannot_be_created_is_an_error() {
    for failure in [
        ("create .part EIO", ["part could not be opened", "Input/output error"], "log", 0),
        ("write .journal.new EDQUOT", ["journal.new could not be written", "quota"], "free", 0),
        ("sync .journal.new EIO", ["journal.new could not be synced", "Input/output"], "log", 0),
        ("close .journal.new EDQUOT", ["journal.new could not be closed", "quota"], "free", 0),
        ("rename .journal.new EIO", ["could not be renamed", "Input/output error"], "log", 0),
    ] {
        fails_and_resumes(failure);
    }
    // An earlier one stays, and the report does not say that nothing is kept.
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    fetch(&sandbox, &server, &all).disk_faults("write .part ENOSPC after=8").report(3);
    let full = fetch(&sandbox, &server, &all).disk_faults("write .journal.new ENOSPC").report(3);
    full.only()
        .is("error")
        .because("journal.new could not be written")
        .because("are kept in .cxr/");
    let report = fetch(&sandbox, &server, &all).report(0);
    assert!(report.only().reused() > 7 * CHUNK);
}

#[test]
fn a_failed_rename_is_an_error_and_no_byte_is_fetched_again() {
    let words = ["part could not be renamed", "Input/output error"];
    fails_and_resumes(("rename .part EIO", words, "log", 0));
}

/// The kernel reports a failed sync only once, and may take lost pages for clean.
#[test]
fn a_failed_last_sync_or_close_leaves_no_final_name_and_no_trusted_byte() {
    for (rule, words, next) in [
        ("sync .part EIO times=1", ["part could not be synced", "Input/output error"], "log"),
        ("sync .part EDQUOT", ["part could not be synced", "quota exceeded"], "free"),
        ("close .part EDQUOT", ["part could not be closed", "quota exceeded"], "free"),
    ] {
        let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
        let server = Server::with(&all);
        let report = fetch(&sandbox, &server, &all).disk_faults(rule).report(3);
        report.only().is("error").because(words[0]).because(words[1]).next(next);
        report.only().because("nothing is kept in .cxr/");
        sandbox.assert_absent(&all[0]);
        let report = fetch(&sandbox, &server, &all).report(0);
        assert_eq!((report.only().reused(), report.downloaded()), (0, all[0].size()), "{rule}");
        sandbox.assert_archive(&all[0]);
    }
}

/// The same if the disk does not accept the journal record of the failure.
#[test]
fn a_failed_last_sync_that_cannot_be_journalled_leaves_no_trusted_byte() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    // The size, and then a record for each chunk.
    let records = 1 + all[0].size().div_ceil(CHUNK);
    let rule = format!("sync .part EIO; append .journal EIO after={records}");
    let report = fetch(&sandbox, &server, &all).disk_faults(&rule).report(3);
    report.only().is("error").because("part could not be synced");
    let report = fetch(&sandbox, &server, &all).report(0);
    assert_eq!((report.only().reused(), report.downloaded()), (0, all[0].size()));
}

#[test]
fn bytes_synced_before_a_failed_sync_are_kept() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 2 << 20 });
    let fetch = || fetch(&sandbox, &server, &all).env("CXR_FAULT_SYNC_MS", "50");
    // Only one sync fails.
    let report = fetch().disk_faults("sync .part EIO after=4 times=1").report(3);
    report.only().is("error").because("part could not be synced");
    let kept = report.only().value["actual_size"].as_u64().unwrap();
    assert!(kept > 0 && kept < all[0].size(), "{kept}{}", report.shown());
    server.clear_faults();
    let report = fetch().report(0);
    report.all_ok();
    assert_eq!(report.only().reused(), kept, "{}", report.shown());
    sandbox.assert_archive(&all[0]);
}

#[test]
fn a_final_name_that_cannot_be_synced_is_an_error_and_the_archive_is_kept() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    let report =
        fetch(&sandbox, &server, &all).disk_faults("sync-folder data EIO after=1").report(3);
    report.only().is("error").because("data could not be synced").next("log");
    // The file is right, although a power cut might undo the rename.
    sandbox.assert_archive(&all[0]);
    server.clear_log();
    fetch(&sandbox, &server, &all).report(0).all_ok();
    assert_eq!(server.sent(), 0);
}

#[test]
fn a_file_system_that_cannot_sync_folders_is_no_error() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 1)]);
    let server = Server::with(&all);
    fetch(&sandbox, &server, &all).disk_faults("sync-folder * EINVAL").report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn other_archives_continue_if_one_cannot_be_written() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    let server = Server::with(&all);
    let part = format!("create {}.{}.part EIO", NAMES[1], &all[1].md5[..8]);
    let report = fetch(&sandbox, &server, &all).disk_faults(&part).report(3);
    assert_eq!(report.verdicts(), ["ok", "error", "ok"]);
}

#[test]
fn a_check_that_ends_after_the_disk_is_full_does_not_block_the_run() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    // The request for its size hangs, and meanwhile the other archive fills the disk.
    sandbox.put(format!("data/{}", NAMES[1]), all[1].flipped(1000));
    server.inject(Fault::Silence.on(&all[1].path()).first(1));
    let report = fetch(&sandbox, &server, &all).disk_faults("write .part ENOSPC after=2").report(3);
    report.line(NAMES[0]).is("error").because("No space left");
    report.line(NAMES[1]).is("error").because("stopped with the other archives");
    sandbox.assert_content(format!("data/{}", NAMES[1]), &all[1].flipped(1000));
}

#[test]
fn a_receipt_that_cannot_be_written_costs_only_time() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 1)]);
    let server = Server::with(&all);
    for rule in ["empty .receipt.new EIO", "write .receipt.new EIO", "rename .receipt.new EROFS"] {
        fetch(&sandbox, &server, &all).disk_faults(rule).report(0).all_ok();
        let files = sandbox.files("data/.cxr");
        let is_receipt = |file: &PathBuf| file.to_string_lossy().ends_with(".receipt");
        assert!(!files.iter().any(is_receipt), "{rule}: {files:?}");
    }
    assert!(server.sent() <= all[0].size(), "{} sent", server.sent());
}

#[test]
fn a_folder_that_cannot_be_locked_is_an_error_that_names_it() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 1)]);
    let server = Server::with(&all);
    for (rule, words) in [
        ("create .cxr/lock EIO", "lock could not be opened: Input/output error"),
        ("create .cxr/owner EIO", "owner could not be opened: Input/output error"),
        ("write .cxr/owner ENOSPC", "owner could not be written: No space left"),
        ("close .cxr/owner EDQUOT", "owner could not be closed: Disk quota exceeded"),
    ] {
        let outcome = fetch(&sandbox, &server, &all).disk_faults(rule).run();
        outcome.exits(3).says(words);
    }
    let outcome = fetch(&sandbox, &server, &all).run();
    // No owner file was left behind.
    outcome
        .exits(0)
        .expect(!outcome.stderr().contains("checking whether"), "no wait for another run");
}

#[test]
fn an_unreadable_byte_is_an_error_for_verify_and_repaired_by_fetch() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    for archive in &all {
        sandbox.put_archive(archive);
    }
    let rule = format!("read {} EIO at=100000", NAMES[1]);
    let report = sandbox.verify(&all).arg("data").disk_faults(&rule).report(3);
    assert_eq!(report.verdicts(), ["ok", "error", "ok"]);
    report.line(NAMES[1]).because("could not be read at byte ").because("Input/output error");
    // The bytes are unreadable until `fetch` overwrites them.
    let server = Server::with(&all);
    let rule = format!("{rule}; read .part EIO at=100000 until=written");
    let report = fetch(&sandbox, &server, &all).disk_faults(&rule).report(0);
    report.line(NAMES[1]).because("repaired");
    sandbox.assert_archive(&all[1]);
    assert!(report.downloaded() <= 128 << 10, "{}", report.shown());
}

#[test]
fn unreadable_bytes_of_a_kept_file_become_a_hole_in_the_copy() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    let mine = all[0].flipped(900_000);
    sandbox.put(format!("data/{}", NAMES[0]), &mine);
    let rules = "read .tar.gz EIO at=200000; read .part EIO at=200000 until=written";
    let report = fetch(&sandbox, &server, &all).disk_faults(rules).arg("--keep-corrupt").report(0);
    report.only().because("repaired");
    sandbox.assert_archive(&all[0]);
    let copies = sandbox.files("data/.cxr/corrupt");
    assert_eq!(copies.len(), 1, "{copies:?}");
    let copy = fs::read(sandbox.path("data/.cxr/corrupt").join(&copies[0])).unwrap();
    assert_eq!(copy.len(), mine.len());
    let (before, behind) = (200_000 / 4096 * 4096, 300_000);
    assert!(copy[..before] == mine[..before] && copy[behind..] == mine[behind..]);
}

/// A fetch that was killed half way.
fn half_done(all: &[Archive]) -> (Sandbox, Server) {
    let (sandbox, server) = (Sandbox::new(), Server::with(all));
    let outcome = fetch(&sandbox, &server, all).dies_at("journal-appended", 6).run();
    outcome.expect(outcome.was_killed(), "a kill at the crash point");
    (sandbox, server)
}

#[test]
fn a_partial_download_that_cannot_be_read_back_is_repaired() {
    let all = vec![archive(1, 3)];
    let (sandbox, server) = half_done(&all);
    let report = fetch(&sandbox, &server, &all)
        .disk_faults("read .part EIO at=1000 until=written")
        .report(0);
    report.only().because("repaired");
    sandbox.assert_archive(&all[0]);
    // The chunk in flight at the kill, and the unreadable bytes.
    assert!(server.sent() <= all[0].size() + CHUNK + (64 << 10), "{} sent", server.sent());
}

#[test]
fn a_partial_download_that_stays_unreadable_is_replaced_by_a_new_one() {
    let all = vec![archive(1, 3)];
    let (sandbox, server) = half_done(&all);
    let report = fetch(&sandbox, &server, &all).disk_faults("read .part EIO at=1000").report(0);
    report.only().because("replaced by a new download");
    sandbox.assert_archive(&all[0]);
}

#[test]
fn an_unreadable_journal_costs_at_most_time() {
    for rule in ["read .journal EIO", "open .journal EIO times=1"] {
        let all = vec![archive(1, 3)];
        let (sandbox, server) = half_done(&all);
        fetch(&sandbox, &server, &all).disk_faults(rule).report(0).all_ok();
        sandbox.assert_archive(&all[0]);
    }
}

#[test]
fn an_unreadable_mirror_is_skipped_for_the_next_source() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    let mirror = sandbox.put(format!("mirror/{}", NAMES[0]), &*all[0].bytes);
    let rule = format!("read mirror/{} EIO at=500000", NAMES[0]);
    let from_mirror = || sandbox.fetch_from("mirror", &all).chunk(CHUNK).disk_faults(&rule);
    let report = from_mirror().report(3);
    let detail = report.only().is("unreachable").because("could not be read at byte ").detail();
    assert!(detail.contains("Input/output error"), "{detail}");
    assert!(detail.contains(&*mirror.file_name().unwrap().to_string_lossy()), "{detail}");
    let report = from_mirror().args(["--from", &server.base()]).report(0);
    report.all_ok();
    sandbox.assert_archive(&all[0]);
    assert!(report.only().reused() > 300_000, "{}", report.shown());
}

/// Every read and write is short.
const SHORT: &str = "read * short; write * short; append * short";

/// Every second operation is interrupted by a signal.
const INTERRUPTED: &str = "any * EINTR every=2";

#[test]
fn short_reads_short_writes_and_signals_change_nothing() {
    for rule in [SHORT, INTERRUPTED] {
        let all = vec![archive(1, 3)];
        let (sandbox, server) = half_done(&all);
        let report = fetch(&sandbox, &server, &all).disk_faults(rule).report(0);
        report.all_ok();
        sandbox.assert_archive(&all[0]);
        assert!(report.only().reused() > 0, "{}", report.shown());
        assert!(server.sent() <= all[0].size() + CHUNK, "{} sent", server.sent());
        sandbox.verify(&all).arg("data").disk_faults(rule).report(0).all_ok();
        fs::rename(sandbox.data(), sandbox.path("mirror")).unwrap();
        sandbox.fetch_from("mirror", &all).disk_faults(rule).report(0).all_ok();
        sandbox.assert_archive(&all[0]);
        fetch(&sandbox, &server, &all).disk_faults(rule).report(0).all_ok();
    }
}

#[test]
fn short_writes_and_signals_do_not_spoil_an_adopted_file() {
    for rule in [SHORT, INTERRUPTED] {
        let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
        let server = Server::with(&all);
        server.inject(Fault::Flip { at: 900_000 }.first(1));
        let mine = Path::new("data").join(NAMES[0]);
        sandbox.put(&mine, &all[0].bytes[..800_000]);
        let report =
            fetch(&sandbox, &server, &all).disk_faults(rule).arg("--keep-corrupt").report(0);
        report.all_ok();
        sandbox.assert_archive(&all[0]);
    }
}
