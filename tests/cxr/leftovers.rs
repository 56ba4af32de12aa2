//! Files of other runs, tables and versions in `.cxr/`: reported, never used, never removed.

use std::fs;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::{Archive, Fault, NAMES, Sandbox, Server, archive};

/// A sandbox in which a fetch of other bytes under the first name was killed half way.
fn killed_half_way() -> (Sandbox, Archive) {
    let (sandbox, other) = (Sandbox::new(), Archive::new(NAMES[0], archive(2, 5).bytes.to_vec()));
    let server = Server::with([&other]);
    server.inject(Fault::Throttle { rate: 4 << 20 });
    let fetch = sandbox.fetch(&server, std::slice::from_ref(&other)).chunk(100_000);
    let mut running = fetch.spawn();
    running.until("half of it", || server.sent() > other.size() / 2);
    // The client may not have read all the bytes that the server has sent.
    running.until("a journal record", || {
        fs::read_to_string(sandbox.working_file(".journal")).unwrap().contains(" wrote ")
    });
    running.kill();
    (sandbox, other)
}

#[test]
fn the_list_names_leftovers_and_the_command_that_deletes_them() {
    let (sandbox, _) = killed_half_way();
    let table = sandbox.table(&[archive(1, 1)]);
    let list = || sandbox.cxr(["list", "-d", "data", "--checksums"]).arg(&table);
    let outcome = list().run();
    outcome
        .exits(0)
        .is_plain()
        .says("data/.cxr holds 2 files")
        .says("archives that are not in this");
    let json: serde_json::Value =
        serde_json::from_slice(&list().args(["--format", "json"]).run().stdout).unwrap();
    let leftovers = json["leftovers"].as_array().unwrap();
    assert_eq!(leftovers.len(), 2, "{json}");
    for leftover in leftovers {
        assert!(leftover["path"].as_str().unwrap().starts_with("data/.cxr/images_001"), "{json}");
        assert!(leftover["bytes"].is_u64(), "{json}");
    }
    // The suggested command deletes the leftovers and nothing else.
    let said = outcome.stderr();
    let command = said[said.find(": rm ").unwrap() + 2..].trim();
    let removed = Command::new("sh").args(["-c", command]).current_dir(sandbox.root()).status();
    assert!(removed.unwrap().success(), "{command}");
    let outcome = list().run();
    outcome.exits(0).expect(outcome.stderr.is_empty(), "nothing on standard error");
}

#[test]
fn partial_downloads_of_another_table_are_reported_kept_and_not_used() {
    let (sandbox, other) = killed_half_way();
    let all = vec![archive(1, 3)];
    let before = sandbox.files("data/.cxr");
    let server = Server::with(&all);
    let outcome = sandbox.fetch(&server, &all).args(["-c", "1"]).run();
    let report = outcome.exits(0).says("data/.cxr holds 2 files").report();
    assert_eq!(report.downloaded(), all[0].size(), "{}", report.shown());
    assert_eq!(report.only().reused(), 0);
    sandbox.assert_archive(&all[0]);
    for file in before.iter().filter(|file| file.to_string_lossy().starts_with("images_")) {
        assert!(sandbox.path("data/.cxr").join(file).exists(), "{} is gone", file.display());
    }
    // The other table resumes its partial download.
    fs::remove_file(sandbox.data().join(NAMES[0])).unwrap();
    let server = Server::with([&other]);
    let report = sandbox.fetch(&server, std::slice::from_ref(&other)).report(0);
    assert!(report.only().reused() > 0, "{}", report.shown());
    sandbox.assert_archive(&other);
}

#[test]
fn a_journal_of_another_version_is_not_trusted() {
    let (sandbox, other) = killed_half_way();
    let path = sandbox.working_file(".journal");
    let text = fs::read_to_string(&path).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let line = first.split_once(' ').unwrap().1.replace("cxr-journal/1", "cxr-journal/9");
    // Its record is wrong: it says that all bytes are written.
    let lie = format!("wrote 1 0 {} http://elsewhere", other.size());
    let signed = |line: &str| format!("{:08x} {line}\n", crc32fast::hash(line.as_bytes()));
    fs::write(&path, format!("{}{}{rest}", signed(&line), signed(&lie))).unwrap();
    let server = Server::with([&other]);
    let outcome = sandbox.fetch(&server, std::slice::from_ref(&other)).run();
    outcome.exits(0).expect(!outcome.stderr().contains("MD5 is"), "no wrong MD5 during the run");
    sandbox.assert_archive(&other);
}

#[test]
fn a_complete_partial_download_of_unknown_size_is_hashed_without_a_download() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    // All bytes arrive, but nothing shows that these were all.
    server.inject(Fault::NoRanges).inject(Fault::NoLength);
    server.inject(Fault::Stall { after: all[0].size() });
    let arrives_whole = || {
        let mut running = sandbox.fetch(&server, &all).args(["--stall-timeout", "60"]).spawn();
        server.clear_log();
        running.until("all of it", || server.sent() == all[0].size());
        // The client may not have read all the bytes that the server has sent.
        std::thread::sleep(Duration::from_millis(300));
        running.signal(Signal::INT);
        let report = running.wait().exits(130).report();
        report.only().number("actual_size") == all[0].size()
    };
    assert!((0..20).any(|_| arrives_whole()));
    server.clear_faults();
    server.clear_log();
    // To a request for more, the server answers 416 with the size.
    let report = sandbox.fetch(&server, &all).report(0);
    report.all_ok();
    sandbox.assert_archive(&all[0]);
    assert!(server.hits().iter().all(|hit| hit.status == 416), "{:?}", server.hits());
    assert_eq!(report.downloaded(), 0, "{}", report.shown());
}
