//! A file of the user's that was being mended when the run ended is not lost to what befalls the
//! folder meanwhile.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Archive, Fault, NAMES, Sandbox, Server, archive};

fn final_name() -> PathBuf {
    Path::new("data").join(NAMES[0])
}

/// A damaged file is taken over, and the run is killed before a byte of it has changed.
fn taken_over() -> (Sandbox, Server, Archive, Vec<u8>) {
    let (sandbox, archive) = (Sandbox::new(), archive(1, 3));
    let server = Server::with([&archive]);
    let mine = archive.flipped(200_000);
    sandbox.put(final_name(), &mine);
    let all = std::slice::from_ref(&archive);
    let outcome = sandbox.fetch(&server, all).dies_at("file-adopted", 1).run();
    outcome.expect(outcome.was_killed(), "an end by the crash point");
    sandbox.lacks(&archive);
    (sandbox, server, archive, mine)
}

/// A run that gets nothing more gives the file back as it was.
#[track_caller]
fn comes_back(sandbox: &Sandbox, server: &Server, archive: &Archive, mine: &[u8]) {
    server.does(Fault::Status(404));
    sandbox.fetch(server, std::slice::from_ref(archive)).run().exits(3);
    sandbox.holds(final_name(), mine);
}

#[test]
fn bytes_missing_from_a_damaged_journal_are_saved_before_they_are_overwritten() {
    let (sandbox, server, archive, mine) = taken_over();
    let journal = sandbox.own_file(".journal");
    let text = fs::read_to_string(&journal).unwrap();
    let rest: Vec<_> = text.lines().filter(|line| !line.contains(" wrote ")).collect();
    assert_eq!(rest.len() + 1, text.lines().count(), "{text}");
    fs::write(&journal, rest.join("\n") + "\n").unwrap();
    // All of it is fetched over it, until the source gives no more.
    server.does(Fault::Status(404).after(3));
    let fetch = sandbox.fetch(&server, std::slice::from_ref(&archive)).args(["-c", "1"]);
    let report = fetch.chunk(100_000).report(3);
    assert!(report.downloaded() > 200_000, "{}", report.shown());
    sandbox.holds(final_name(), &mine);
}

#[test]
fn another_file_under_the_name_does_not_replace_the_adopted_one() {
    let (sandbox, server, archive, mine) = taken_over();
    let longer = [&archive.flipped(300_000)[..], b"and more"].concat();
    sandbox.put(final_name(), &longer);
    // It tells how long the archive should be, and gives nothing.
    server.does(Fault::Status(404).after(1));
    sandbox.fetch(&server, std::slice::from_ref(&archive)).run().exits(3);
    let read = |file: PathBuf| fs::read(sandbox.path("data").join(file)).unwrap();
    let files: Vec<_> = sandbox.files("data").into_iter().map(read).collect();
    assert!(files.contains(&mine), "the first is lost: {:?}", sandbox.files("data"));
    assert!(files.contains(&longer), "the second is lost: {:?}", sandbox.files("data"));
}

#[test]
fn the_adopted_file_is_kept_if_the_archive_arrives_from_elsewhere() {
    let (sandbox, server, archive, mine) = taken_over();
    sandbox.put_archive(&archive);
    server.forget();
    sandbox.fetch(&server, std::slice::from_ref(&archive)).report(0).all_ok();
    assert_eq!(server.sent(), 0);
    assert!(fs::read(sandbox.own_file(".part")).unwrap() == mine);
}

#[test]
fn a_dry_run_describes_the_repair_and_changes_nothing() {
    let (sandbox, archive) = (Sandbox::new(), archive(1, 1));
    let server = Server::with([&archive]);
    let table = sandbox.table_with_sizes(&[(&archive, "")]);
    let (damaged, beginning) = (archive.flipped(200_000), archive.bytes[..200_000].to_vec());
    for (mine, verdict, words) in [
        (damaged, "corrupt", "would look for what is damaged in it and fetch that from"),
        (beginning, "incomplete", "would fetch "),
    ] {
        sandbox.put(final_name(), &mine);
        let fetch = sandbox.fetch_with(&table).args(["--dry-run", "--from", &server.base()]);
        fetch.report(1).only().is(verdict).because(words);
        sandbox.holds(final_name(), &mine);
        assert_eq!(sandbox.files("data").len(), 1);
    }
}

#[test]
fn a_file_adopted_by_a_killed_run_is_restored() {
    let (sandbox, server, archive, mine) = taken_over();
    comes_back(&sandbox, &server, &archive, &mine);
}
