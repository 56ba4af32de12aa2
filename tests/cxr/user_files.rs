//! A file of the user whose repair was interrupted is not lost, whatever happens to the folder
//! before the next run.

use std::fs;
use std::path::PathBuf;

use crate::support::{Archive, FINAL_NAME, Fault, Sandbox, Server, archive};

/// A sandbox in which a damaged file was adopted, and the run was killed before it changed a byte.
fn adopted() -> (Sandbox, Server, Archive, Vec<u8>) {
    let (sandbox, archive) = (Sandbox::new(), archive(1, 3));
    let server = Server::with([&archive]);
    let mine = archive.flipped(200_000);
    sandbox.put(FINAL_NAME, &mine);
    let all = std::slice::from_ref(&archive);
    let outcome = sandbox.fetch(&server, all).dies_at("file-adopted", 1).run();
    outcome.expect(outcome.was_killed(), "a kill at the crash point");
    sandbox.assert_absent(&archive);
    (sandbox, server, archive, mine)
}

/// Asserts that a run that can fetch nothing restores the file.
#[track_caller]
fn assert_restored(sandbox: &Sandbox, server: &Server, archive: &Archive, mine: &[u8]) {
    server.inject(Fault::Status(404));
    sandbox.fetch(server, std::slice::from_ref(archive)).run().exits(3);
    sandbox.assert_content(FINAL_NAME, mine);
}

#[test]
fn bytes_missing_from_a_damaged_journal_are_saved_before_they_are_overwritten() {
    let (sandbox, server, archive, mine) = adopted();
    let journal = sandbox.working_file(".journal");
    let text = fs::read_to_string(&journal).unwrap();
    let rest: Vec<_> = text.lines().filter(|line| !line.contains(" wrote ")).collect();
    assert_eq!(rest.len() + 1, text.lines().count(), "{text}");
    fs::write(&journal, rest.join("\n") + "\n").unwrap();
    // The file is overwritten until the source fails.
    server.inject(Fault::Status(404).after(3));
    let fetch = sandbox.fetch(&server, std::slice::from_ref(&archive)).args(["-c", "1"]);
    let report = fetch.chunk(100_000).report(3);
    assert!(report.downloaded() > 200_000, "{}", report.shown());
    sandbox.assert_content(FINAL_NAME, &mine);
}

#[test]
fn another_file_under_the_name_does_not_replace_the_adopted_one() {
    let (sandbox, server, archive, mine) = adopted();
    let longer = [&archive.flipped(300_000)[..], b"and more"].concat();
    sandbox.put(FINAL_NAME, &longer);
    // The source reports the size and sends nothing.
    server.inject(Fault::Status(404).after(1));
    sandbox.fetch(&server, std::slice::from_ref(&archive)).run().exits(3);
    let read = |file: PathBuf| fs::read(sandbox.path("data").join(file)).unwrap();
    let files: Vec<_> = sandbox.files("data").into_iter().map(read).collect();
    assert!(files.contains(&mine), "the first is lost: {:?}", sandbox.files("data"));
    assert!(files.contains(&longer), "the second is lost: {:?}", sandbox.files("data"));
}

#[test]
fn the_adopted_file_is_kept_if_the_archive_arrives_from_elsewhere() {
    let (sandbox, server, archive, mine) = adopted();
    sandbox.put_archive(&archive);
    server.clear_log();
    sandbox.fetch(&server, std::slice::from_ref(&archive)).report(0).all_ok();
    assert_eq!(server.sent(), 0);
    assert!(fs::read(sandbox.working_file(".part")).unwrap() == mine);
}

#[test]
fn a_dry_run_describes_the_repair_and_changes_nothing() {
    let (sandbox, archive) = (Sandbox::new(), archive(1, 1));
    let server = Server::with([&archive]);
    let table = sandbox.table_with_sizes(&[(&archive, "")]);
    let (damaged, beginning) = (archive.flipped(200_000), archive.bytes[..200_000].to_vec());
    for (mine, verdict, words) in [
        (damaged, "corrupt", "would locate the damage and fetch the damaged bytes from"),
        (beginning, "incomplete", "would fetch "),
    ] {
        sandbox.put(FINAL_NAME, &mine);
        let fetch = sandbox.fetch_with(&table).args(["--dry-run", "--from", &server.base()]);
        fetch.report(1).only().is(verdict).because(words);
        sandbox.assert_content(FINAL_NAME, &mine);
        assert_eq!(sandbox.files("data").len(), 1);
    }
}

#[test]
fn a_file_adopted_by_a_killed_run_is_restored() {
    let (sandbox, server, archive, mine) = adopted();
    assert_restored(&sandbox, &server, &archive, &mine);
}
