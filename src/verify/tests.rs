//! Checks of real files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use parking_lot::Mutex;

use super::testing::{archive, catalog, content};
use super::*;
use crate::disk::{Folder, StateFile};
use crate::event::{Activity, Silent};
use crate::verdict::Verdict::{self, Corrupt, Error, Foreign, Incomplete, Missing, Ok};

fn check(what: &[&Path]) -> Vec<ArchiveReport> {
    let what = what.iter().map(|path| path.to_path_buf()).collect();
    verify(&VerifyRequest::new(catalog(), what), &Silent, &Cancel::new()).archives.iter().collect()
}

fn verdicts(reports: &[ArchiveReport]) -> Vec<(&str, Verdict)> {
    reports.iter().map(|report| (report.name.as_str(), report.verdict)).collect()
}

fn detail(report: &ArchiveReport) -> &str {
    report.detail.as_deref().unwrap_or_default()
}

fn next(report: &ArchiveReport) -> String {
    report.next.as_ref().unwrap().to_string()
}

/// A folder with these files, by name and content.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(dir.path().join(name), content).unwrap();
    }
    dir
}

#[test]
fn a_folder_has_every_archive_of_the_catalog_in_its_order() {
    let dir = folder(&[
        ("images_02.tar.gz", &content(2)),
        ("images_001.tar.gz", &content(1)),
        ("README", b"not an archive, and not read"),
    ]);
    let reports = check(&[dir.path()]);
    assert_eq!(
        verdicts(&reports),
        [("images_001.tar.gz", Ok), ("images_002.tar.gz", Ok), ("images_003.tar.gz", Missing)]
    );
    assert_eq!(detail(&reports[0]), "");
    assert_eq!(detail(&reports[1]), "under the name images_02.tar.gz");
    assert_eq!(reports[1].path.as_deref(), Some(&*dir.path().join("images_02.tar.gz")));
    assert_eq!(reports[1].actual_md5, reports[1].expected_md5);
    assert_eq!(next(&reports[2]), format!("cxr fetch -d {} 3", dir.path().display()));
    assert_eq!(reports[2].path.as_deref(), Some(&*dir.path().join("images_003.tar.gz")));
}

#[test]
fn a_bad_file_does_not_stop_the_check_of_the_others() {
    let mut flipped = content(1);
    flipped[2999] ^= 1;
    let dir = folder(&[
        ("images_001.tar.gz", &flipped),
        ("images_003.tar.gz", &content(3)),
        ("short", b"\x1f\x8b"),
    ]);
    let pipe = dir.path().join("images_002.tar.gz");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let nowhere = dir.path().join("no\nwhere");
    let reports = check(&[
        dir.path(),
        &nowhere,
        Path::new("/proc/self/mem"),
        &dir.path().join("images_003.tar.gz"),
    ]);
    let shown = nowhere.to_string_lossy().into_owned();
    assert_eq!(
        verdicts(&reports),
        [
            ("images_001.tar.gz", Corrupt),
            ("images_002.tar.gz", Error),
            ("images_003.tar.gz", Ok),
            (shown.as_str(), Error),
            ("mem", Error),
            ("images_003.tar.gz", Ok),
        ]
    );
    assert!(
        detail(&reports[1]).ends_with("is a named pipe, not a file"),
        "{}",
        detail(&reports[1])
    );
    assert!(detail(&reports[3]).starts_with("there is no file or folder "));
    assert!(detail(&reports[3]).ends_with(r"no\u{a}where"));
    let unreadable = "/proc/self/mem could not be read at byte 0: Input/output error";
    assert!(detail(&reports[4]).starts_with(unreadable), "{}", detail(&reports[4]));
    let without_advice = |report: &&ArchiveReport| report.verdict != Ok && report.next.is_none();
    assert_eq!(reports.iter().find(without_advice), None);
}

#[test]
fn bytes_after_the_archive_are_the_only_damage() {
    let whole = [content(1), vec![b'x'; 2_000_000]].concat();
    let dir = folder(&[("images_001.tar.gz", &whole)]);
    let report = &check(&[dir.path()])[0];
    assert_eq!(report.verdict, Corrupt);
    assert_eq!(detail(report), "the archive is complete, but 2000000 bytes follow it");
    assert_eq!(report.damage[0].range, 3001..2_003_001);
}

#[test]
fn swapped_files_are_named_and_are_to_be_renamed() {
    let dir = folder(&[("images_001.tar.gz", &content(2)), ("images_002.tar.gz", &content(1))]);
    let reports = check(&[dir.path()]);
    assert_eq!(detail(&reports[0]), "its content is images_002.tar.gz");
    assert_eq!(detail(&reports[1]), "its content is images_001.tar.gz");
    assert_eq!(reports[1].verdict, Foreign);
    let dir = dir.path().display();
    let expected = format!("rename it to images_002.tar.gz, then run: cxr fetch -d {dir} 1");
    assert_eq!(next(&reports[0]), format!("move the file there away, then {expected}"));
}

#[test]
fn symbolic_links_are_followed_and_a_directory_is_an_error() {
    let dir = folder(&[("kept", &content(1))]);
    let at = |name: &str| dir.path().join(name);
    symlink("kept", at("images_001.tar.gz")).unwrap();
    fs::create_dir(at("images_002.tar.gz")).unwrap();
    symlink("nothing", at("images_003.tar.gz")).unwrap();
    let reports = check(&[dir.path()]);
    assert_eq!(reports.iter().map(|r| r.verdict).collect::<Vec<_>>(), [Ok, Error, Error]);
    assert!(detail(&reports[1]).ends_with("is a directory, not a file"));
    let words = "is a symbolic link to something other than the verified archive";
    assert!(detail(&reports[2]).ends_with(words));
}

#[test]
fn a_requested_path_that_does_not_exist_is_an_error() {
    let dir = folder(&[]);
    let reports = check(&[&dir.path().join("images_002.tar.gz"), &dir.path().join("images_02")]);
    assert_eq!(verdicts(&reports)[0], ("images_002.tar.gz", Error));
    let fetch = format!("check the name, then run: cxr fetch -d {} 2", dir.path().display());
    assert_eq!(next(&reports[0]), fetch);
    assert_eq!(reports[1].verdict, Error);
}

#[test]
fn an_empty_partial_download_is_nothing() {
    let dir = folder(&[]);
    let place = Folder::new(dir.path());
    place.create().unwrap();
    let archives = catalog();
    fs::write(place.state_file(&archives.archives()[0], StateFile::Receipt).path(), b"").unwrap();
    fs::write(place.state_file(&archives.archives()[1], StateFile::Part).path(), b"").unwrap();
    let reports = check(&[dir.path()]);
    assert_eq!(detail(&reports[0]), "not here");
    assert_eq!(detail(&reports[1]), "not here");
    assert_eq!(next(&reports[1]), format!("cxr fetch -d {} 2", dir.path().display()));
}

#[test]
fn a_file_is_recognized_under_any_name() {
    let dir = folder(&[("download", &content(3)), ("images_003.tar.gz.part", &content(3)[..77])]);
    let part = dir.path().join("images_003.tar.gz.part");
    let reports = check(&[&dir.path().join("download"), &part]);
    assert_eq!(verdicts(&reports), [("images_003.tar.gz", Ok), ("images_003.tar.gz", Incomplete)]);
    assert_eq!(detail(&reports[0]), "under the name download");
    assert_eq!(reports[1].actual_size, Some(77));
}

#[test]
fn after_a_cancelled_check_no_file_is_ok() {
    let dir = folder(&[("images_001.tar.gz", &content(1)), ("images_002.tar.gz", &content(2))]);
    let cancel = Cancel::new();
    cancel.cancel();
    let request = VerifyRequest::new(catalog(), vec![dir.path().to_owned()]);
    let report = verify(&request, &Silent, &cancel);
    let words: Vec<_> =
        report.archives.iter().map(|r| (r.verdict, detail(&r).to_owned())).collect();
    let words: Vec<_> = words.iter().map(|(verdict, detail)| (*verdict, detail.as_str())).collect();
    assert_eq!(words, [(Error, "interrupted"), (Error, "interrupted"), (Missing, "not here")]);
}

/// Cancels when the location of damage begins.
struct CancelAtLocate<'a>(&'a Cancel);

impl Listener for CancelAtLocate<'_> {
    fn on(&self, event: Event<'_>) {
        if matches!(event, Event::Begun { activity: Activity::Locate, .. }) {
            self.0.cancel();
        }
    }
}

#[test]
fn the_verdict_stays_if_locating_the_damage_is_cancelled() {
    let mut flipped = content(1);
    flipped[2999] ^= 1;
    let dir = folder(&[("images_001.tar.gz", &flipped)]);
    let cancel = Cancel::new();
    let request = VerifyRequest::new(catalog(), vec![dir.path().join("images_001.tar.gz")]);
    let report = verify(&request, &CancelAtLocate(&cancel), &cancel);
    assert_eq!(report.archives.get(0).unwrap().verdict, Corrupt);
    let first = report.archives.get(0).unwrap();
    let words = detail(&first);
    assert!(words.ends_with("; interrupted before the damage was located"), "{words}");
    assert!(report.archives.get(0).unwrap().damage.is_empty());
}

/// Records what a progress bar would show.
#[derive(Default)]
struct RecordedEvents(Mutex<Vec<String>>);

impl Listener for RecordedEvents {
    fn on(&self, event: Event<'_>) {
        let text = match event {
            Event::Planned { archives, bytes } => format!("{} of {bytes}", archives.len()),
            Event::Begun { archive, size, .. } => format!("{archive} begun, {size:?}"),
            Event::Position { archive, done, .. } => format!("{archive} at {done}"),
            Event::Settled(report) => format!("{} {}", report.name, report.verdict),
            Event::Retrying { .. } | Event::Damaged { .. } | Event::Notice { .. } => return,
        };
        self.0.lock().push(text);
    }
}

#[test]
fn the_listener_gets_every_file_to_its_last_byte() {
    let dir = folder(&[("a", &vec![7; 2_500_000])]);
    let catalog = Catalog::new(vec![archive("b", &vec![7; 2_500_000])]).unwrap();
    let empty = folder(&[]);
    let what = vec![dir.path().join("a"), empty.path().to_owned()];
    let events = RecordedEvents::default();
    let report = verify(&VerifyRequest::new(catalog, what), &events, &Cancel::new());
    assert_eq!(report.archives.iter().map(|r| r.verdict).collect::<Vec<_>>(), [Ok, Missing]);
    let mut events = events.0.into_inner();
    assert_eq!(events.remove(0), "2 of 2500000");
    events.retain(|event| event != "b missing");
    // The size identifies the archive, so all events have the same name.
    assert_eq!(
        events,
        ["b begun, Some(2500000)", "b at 1048576", "b at 2097152", "b at 2500000", "b ok"]
    );
}

#[test]
fn reports_are_in_order_even_with_more_files_than_readers() {
    let names: Vec<String> = (0..50).map(|n| format!("file {n}")).collect();
    let contents: Vec<Vec<u8>> = (0..names.len()).map(|n| vec![1; 99 * n]).collect();
    let archives = names.iter().zip(&contents).map(|(name, content)| archive(name, content));
    let catalog = Catalog::new(archives.collect()).unwrap();
    let files: Vec<_> =
        names.iter().zip(&contents).map(|(name, content)| (name.as_str(), &content[..])).collect();
    let dir = folder(&files);
    let request = VerifyRequest::new(catalog, vec![dir.path().to_owned()]);
    let report = verify(&request, &Silent, &Cancel::new());
    assert!(report.is_ok());
    assert_eq!(report.archives.iter().map(|r| r.name.clone()).collect::<Vec<_>>(), names);
}

/// The order in which files begin and end.
fn order(readers: usize) -> Vec<String> {
    let dir = folder(&[("images_001.tar.gz", &content(1)), ("images_002.tar.gz", &content(2))]);
    let what = vec![dir.path().join("images_001.tar.gz"), dir.path().join("images_002.tar.gz")];
    let readers = NonZeroUsize::new(readers);
    let request = VerifyRequest { readers, ..VerifyRequest::new(catalog(), what) };
    let events = RecordedEvents::default();
    assert!(verify(&request, &events, &Cancel::new()).is_ok());
    let mut events = events.0.into_inner();
    events.retain(|event| event.contains("begun") || event.contains("ok"));
    events.iter().map(|event| event.split([' ', ',']).skip(1).take(1).collect()).collect()
}

#[test]
fn no_more_files_are_read_at_a_time_than_requested() {
    assert_eq!(order(1), ["begun", "ok", "begun", "ok"]);
    let both = order(2);
    assert_eq!(both[..2], ["begun", "begun"], "{both:?}");
}
