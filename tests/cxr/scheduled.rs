//! Scheduled checks: `--resume`, `--since`, `--limit-rate`, `--background`.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::support::{
    Archive, Cxr, NAMES, Running, Sandbox, archive, archives, change_silently, stored_archive,
};

/// A sandbox with a small and a large archive, both right.
fn filled() -> (Sandbox, Vec<Archive>) {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 1), stored_archive(NAMES[1], 6, 2)]);
    for archive in &all {
        sandbox.put_archive(archive);
    }
    (sandbox, all)
}

fn verify(sandbox: &Sandbox, all: &[Archive], words: &[&str]) -> Cxr {
    sandbox.verify(all).arg("data").args(words)
}

/// The notes in a folder.
fn notes(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|ending| ending == "note")).collect()
}

/// A slow pass that has verified the small archive and is reading the large one.
fn under_way(sandbox: &Sandbox, all: &[Archive], words: &[&str]) -> Running {
    let mut running = verify(sandbox, all, words).args(["--limit-rate", "1M"]).spawn();
    running.until("a note", || notes(&sandbox.data().join(".cxr")).len() == 1);
    running
}

#[test]
fn an_interrupted_pass_is_resumed_and_the_next_one_starts_over() {
    for ends in [
        |running: Running| {
            running.signal(Signal::INT);
            running.wait().exits(130).says("--resume");
        },
        |running: Running| drop(running.kill()),
    ] {
        let (sandbox, all) = filled();
        ends(under_way(&sandbox, &all, &["--resume"]));
        let report = verify(&sandbox, &all, &["--resume"]).report(0);
        report.all_ok();
        report.line(NAMES[0]).because("verified").because("ago, unchanged since");
        // The archive was not read in this run.
        assert!(report.line(NAMES[0]).value["actual_md5"].is_null(), "{}", report.shown());
        assert_eq!(report.line(NAMES[1]).detail(), "");
        // That pass is complete: everything is read again.
        let report = verify(&sandbox, &all, &["--resume"]).report(0);
        for line in report.lines() {
            assert_eq!(line.detail(), "", "{}", report.shown());
        }
    }
}

#[test]
fn a_file_that_has_changed_since_is_read_again() {
    let (sandbox, all) = filled();
    under_way(&sandbox, &all, &["--resume"]).kill();
    change_silently(&sandbox.data().join(NAMES[0]));
    let report = verify(&sandbox, &all, &["--resume"]).report(1);
    assert_eq!(report.verdicts(), ["corrupt", "ok"]);
}

/// As [`filled`], with a wrong bit in each archive.
fn damaged() -> (Sandbox, Vec<Archive>) {
    let (sandbox, all) = filled();
    for archive in &all {
        sandbox.put(Path::new("data").join(&archive.name), archive.flipped(200_000));
    }
    sandbox.table_with_sha256s(&all);
    (sandbox, all)
}

/// A check of the folder by a table with SHA-256s.
fn checked(sandbox: &Sandbox, words: &[&str]) -> Cxr {
    let verify = sandbox.cxr(["verify", "data", "--format", "json", "--checksums", "table.tsv"]);
    verify.args(words)
}

/// A check that resumes and logs its events.
fn resume(sandbox: &Sandbox, words: &[&str]) -> Cxr {
    checked(sandbox, &["--resume", "--events", "events"]).args(words)
}

/// The activities for an archive, from the event log.
fn activities(sandbox: &Sandbox, name: &str) -> Vec<String> {
    let events = fs::read_to_string(sandbox.path("events")).unwrap();
    let events =
        events.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let begun = events.filter(|event| event["event"] == "begun" && event["archive"] == name);
    begun.map(|event| event["activity"].as_str().unwrap().to_owned()).collect()
}

/// Kills a slow pass when the note of the first archive contains `says`.
fn interrupt(sandbox: &Sandbox, says: &str) {
    let mut running = resume(sandbox, &["--limit-rate", "4M"]).spawn();
    running.until(says, || {
        let notes = notes(&sandbox.data().join(".cxr"));
        notes.iter().any(|note| {
            let is_first = note.to_string_lossy().contains(NAMES[0]);
            is_first && fs::read_to_string(note).is_ok_and(|text| text.contains(says))
        })
    });
    running.kill();
}

#[test]
fn a_file_found_corrupt_is_located_without_hashing_it_again() {
    let (sandbox, _) = damaged();
    let before = checked(&sandbox, &[]).report(1);
    interrupt(&sandbox, "\"located\":false");
    let report = resume(&sandbox, &[]).report(1);
    assert_eq!(activities(&sandbox, NAMES[0]), ["locate"]);
    assert_eq!(activities(&sandbox, NAMES[1]), ["verify", "locate"]);
    let (before, line) = (before.line(NAMES[0]), report.line(NAMES[0]));
    for field in ["verdict", "detail", "next", "damage", "actual_size"] {
        assert_eq!(line.value[field], before.value[field], "{field}{}", report.shown());
    }
    // That pass is complete.
    resume(&sandbox, &[]).run().exits(1);
    assert_eq!(activities(&sandbox, NAMES[0]), ["verify", "locate"]);
}

#[test]
fn located_damage_is_reported_again_without_reading() {
    let (sandbox, _) = damaged();
    let before = checked(&sandbox, &[]).report(1);
    interrupt(&sandbox, "\"located\":true");
    let report = resume(&sandbox, &[]).report(1);
    assert_eq!(activities(&sandbox, NAMES[0]), [""; 0]);
    assert_eq!(activities(&sandbox, NAMES[1]), ["locate"]);
    let (before, line) = (before.line(NAMES[0]), report.line(NAMES[0]));
    line.is("corrupt").because(&before.detail()).because("; found ");
    line.because("ago, unchanged since, not read again now");
    assert!(!before.value["damage"].as_array().unwrap().is_empty());
    for field in ["next", "damage", "actual_size"] {
        assert_eq!(line.value[field], before.value[field], "{field}{}", report.shown());
    }
    assert!(line.value["actual_md5"].is_null(), "{}", report.shown());
}

#[test]
fn a_file_found_corrupt_is_read_again_if_it_changed_or_sha_256_is_wanted() {
    for (words, is_repaired, status) in [(&["--sha256"][..], false, 1), (&[], true, 1)] {
        let (sandbox, all) = damaged();
        interrupt(&sandbox, "\"located\":true");
        if is_repaired {
            sandbox.put_archive(&all[0]);
        }
        let report = resume(&sandbox, words).report(status);
        report.line(NAMES[0]).is(if is_repaired { "ok" } else { "corrupt" });
        assert_eq!(activities(&sandbox, NAMES[0])[0], "verify");
    }
    // A recent note of a corrupt file is not a verification.
    let (sandbox, _) = damaged();
    interrupt(&sandbox, "\"located\":true");
    fs::remove_file(sandbox.path("data/.cxr/pass")).unwrap();
    resume(&sandbox, &["--since", "1h"]).run().exits(1);
    assert_eq!(activities(&sandbox, NAMES[0])[0], "verify");
}

#[test]
fn a_recently_verified_file_is_not_read_again() {
    let (sandbox, all) = filled();
    let first = verify(&sandbox, &all, &["--since", "1h"]).report(0);
    assert_eq!(first.lines()[0].detail(), "", "there was no note");
    let second = verify(&sandbox, &all, &["--since", "1h"]).report(0);
    for line in second.lines() {
        line.is("ok").because("verified").because("ago, unchanged since");
    }
    // The notes are older than that.
    std::thread::sleep(Duration::from_millis(1100));
    let third = verify(&sandbox, &all, &["--since", "0s"]).report(0);
    assert_eq!(third.lines()[0].detail(), "", "{}", third.shown());
    let text = sandbox.cxr(["verify", "data", "--since", "1h", "--checksums"]);
    let outcome = text.arg(sandbox.path("table.md5")).run();
    outcome.exits(0).prints_line(&["ok ", NAMES[0], "ago, unchanged since"]).is_plain();
}

/// Damages an archive and puts the new times of the file into its note, as if the disk had lost a
/// bit.
fn damage_behind_note(sandbox: &Sandbox, archive: &Archive) {
    let path = sandbox.data().join(&archive.name);
    fs::write(&path, archive.flipped(200_000)).unwrap();
    let now = fs::metadata(&path).unwrap();
    let note = notes(&sandbox.data().join(".cxr"));
    let note = note.iter().find(|note| note.to_string_lossy().contains(&archive.name)).unwrap();
    edit(note, "modified", &json!([now.mtime(), now.mtime_nsec()]));
    edit(note, "changed", &json!([now.ctime(), now.ctime_nsec()]));
}

fn edit(note: &Path, field: &str, value: &serde_json::Value) {
    let mut json: serde_json::Value = serde_json::from_slice(&fs::read(note).unwrap()).unwrap();
    assert!(!json[field].is_null(), "{json}");
    json[field] = value.clone();
    fs::write(note, json.to_string()).unwrap();
}

#[test]
fn a_plain_verify_trusts_no_note_and_writes_none() {
    let (sandbox, all) = filled();
    verify(&sandbox, &all, &["--since", "1h"]).report(0);
    damage_behind_note(&sandbox, &all[0]);
    let before = sandbox.files("data");
    verify(&sandbox, &all, &[]).report(1).line(NAMES[0]).is("corrupt");
    assert_eq!(sandbox.files("data"), before);
    // The note hides the damage, since the times match.
    verify(&sandbox, &all, &["--since", "1h"]).report(0);
    // Once the file is read and found corrupt, its note says so.
    verify(&sandbox, &all, &["--since", "0s", "--resume"]).report(1).line(NAMES[0]).is("corrupt");
    let report = verify(&sandbox, &all, &["--since", "1h"]).report(1);
    assert_eq!(report.verdicts(), ["corrupt", "ok"]);
    report.line(NAMES[1]).because("unchanged since");
}

#[test]
fn impossible_notes_are_not_trusted() {
    let (sandbox, all) = filled();
    verify(&sandbox, &all, &["--since", "1h"]).report(0);
    for (field, value) in [
        // Times of a wrong clock.
        ("time", json!(u64::MAX)),
        ("time", json!(9_999_999_999_u64)),
        ("md5", json!("0")),
        ("size", json!(1)),
        ("inode", json!(1)),
        ("ok", json!(false)),
    ] {
        for note in notes(&sandbox.data().join(".cxr")) {
            edit(&note, field, &value);
        }
        let report = verify(&sandbox, &all, &["--since", "1h"]).report(0);
        assert!(report.lines().iter().all(|line| line.detail().is_empty()), "{field} {value}");
    }
    for note in notes(&sandbox.data().join(".cxr")) {
        fs::write(note, "{}").unwrap();
    }
    let report = verify(&sandbox, &all, &["--since", "1h"]).report(0);
    assert_eq!(report.lines()[0].detail(), "");
}

#[test]
fn a_note_of_the_md5_alone_does_not_cover_the_sha_256() {
    let (sandbox, all) = filled();
    let table = sandbox.table_with_sha256s(&all);
    let verify = |words: &[&str]| {
        let cxr = sandbox.cxr(["verify", "data", "--since", "1h", "--format", "json"]);
        cxr.arg("--checksums").arg(&table).args(words).report(0)
    };
    verify(&[]);
    assert_eq!(verify(&["--sha256"]).lines()[0].detail(), "");
    verify(&["--sha256"]).lines()[0].because("unchanged since");
    verify(&[]).lines()[0].because("unchanged since");
}

#[test]
fn notes_of_a_read_only_folder_are_kept_in_xdg_state_home() {
    let (sandbox, all) = filled();
    let set = |path: PathBuf, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    fs::create_dir(sandbox.path("state")).unwrap();
    set(sandbox.path("state"), 0o777);
    set(sandbox.root().to_owned(), 0o755);
    set(sandbox.data(), 0o555);
    let run = |state: &str| {
        let cxr = verify(&sandbox, &all, &["--since", "1h", "--resume"]).unprivileged();
        cxr.env("XDG_STATE_HOME", sandbox.path(state)).run()
    };
    run("state").exits(0).report().all_ok();
    let folders = fs::read_dir(sandbox.path("state/cxr")).unwrap();
    let folders: Vec<_> = folders.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(folders.len(), 1);
    assert_eq!(notes(&folders[0]).len(), 2);
    run("state").exits(0).report().lines()[1].because("unchanged since");
    assert_eq!(sandbox.files("data").len(), 2, "files in the read-only folder");
    // If no notes can be written at all, everything is still checked.
    set(sandbox.path("home"), 0o555);
    let outcome = run("home/nowhere");
    outcome.exits(0).says("cannot write a note").report().all_ok();
    assert_eq!(outcome.report().lines()[0].detail(), "");
    set(sandbox.data(), 0o755);
}

#[test]
fn resume_and_since_are_refused_for_mirrors_and_quick_checks() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    for words in [["--resume", "--quick"], ["--resume", "--from"], ["--since", "7d"]] {
        let mut words = words.to_vec();
        words.push(if words[1] == "--from" { "data" } else { "--quick" });
        verify(&sandbox, &all, &words).run().exits(2).says("--resume and --since");
    }
    sandbox.cxr(["verify", "--since", "yesterday"]).run().exits(2).says("7d");
}

#[test]
fn files_are_read_no_faster_than_allowed() {
    let (sandbox, all) = filled();
    let begun = Instant::now();
    verify(&sandbox, &all, &["--limit-rate", "2M"]).report(0).all_ok();
    let least = 0.9 * (all[0].size() + all[1].size()) as f64 / f64::from(2 << 20);
    assert!(begun.elapsed().as_secs_f64() > least, "{:?}", begun.elapsed());
}

/// The scheduling policy of a process's first thread: field 41 of `stat`, as proc(5) counts. New
/// threads inherit it.
fn policy(process: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(38).map(str::to_owned)
}

#[test]
fn a_background_check_runs_with_idle_priority() {
    const SCHED_IDLE: &str = "5";
    let (sandbox, all) = filled();
    let slow = |words: &[&str]| verify(&sandbox, &all, words).args(["--limit-rate", "10K"]).spawn();
    // Its speed depends on the other processes, so that only the policy can be tested.
    let mut running = slow(&["--background"]);
    let id = running.id();
    running.until("the policy", || policy(id).is_some_and(|policy| policy == SCHED_IDLE));
    running.kill();
    let mut running = slow(&["--resume"]);
    let (id, pass) = (running.id(), sandbox.path("data/.cxr/pass"));
    running.until("the start", || pass.exists());
    assert_ne!(policy(id).as_deref(), Some(SCHED_IDLE));
}
