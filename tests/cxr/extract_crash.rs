//! Extractions that end as by `kill -9` or a power cut: no wrong image gets its name, and the same command
//! goes on.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{
    Cxr, DiskOperation, ImageArchive, Sandbox, Server, SimulatedDisk, Unsynced, inventory, random,
};

const NAME: &str = "data/images_001.tar.gz";

fn extract(sandbox: &Sandbox, images: &ImageArchive) -> Cxr {
    let table = sandbox.table(std::slice::from_ref(&images.archive));
    let rules = inventory([(&images.archive, images.places.clone())]);
    sandbox
        .cxr(["extract", "--format", "json", "-d", "data", "--checksums"])
        .arg(table)
        .env("CXR_FAULT_INVENTORY", rules)
        .env("CXR_FAULT_OWNER_TIMEOUT_MS", "50")
}

/// Asserts that every image under its name is right, and returns their number.
#[track_caller]
fn assert_right(sandbox: &Sandbox, images: &ImageArchive, shown: &str) -> usize {
    assert_right_in(sandbox, "data", images, shown)
}

/// Asserts the same of the images in this folder.
#[track_caller]
fn assert_right_in(sandbox: &Sandbox, dir: &str, images: &ImageArchive, shown: &str) -> usize {
    let folder = sandbox.path(dir).join("images");
    let found = fs::read_dir(&folder).map_or(0, Iterator::count);
    let here = images.images.iter().filter_map(|(name, bytes)| {
        let found = fs::read(folder.join(name)).ok()?;
        assert!(found == *bytes, "{} wrong bytes in {name}: {shown}", found.len());
        Some(())
    });
    assert_eq!(here.count(), found, "other files: {shown}");
    found
}

/// Asserts that all images are in both lists.
#[track_caller]
fn assert_listed(sandbox: &Sandbox, images: &ImageArchive, shown: &str) {
    for name in ["images.tsv", "metadata.csv"] {
        let list = fs::read_to_string(sandbox.data().join(name)).unwrap();
        assert_eq!(list.lines().count(), images.images.len() + 1, "{name}: {shown}");
    }
}

#[track_caller]
fn assert_resumes(sandbox: &Sandbox, images: &ImageArchive, shown: &str) {
    let outcome = extract(sandbox, images).run();
    outcome.exits(0).report().all_ok();
    assert_eq!(assert_right(sandbox, images, shown), images.images.len(), "{shown}");
    assert_listed(sandbox, images, shown);
    let staged = sandbox.path("data/.cxr/extract");
    let left = fs::read_dir(staged).map_or(0, Iterator::count);
    assert_eq!(left, 0, "files are left in the staging folder: {shown}");
}

/// Kills a run as `crash` sets up, and lets another one go on. Returns false if nothing was killed.
fn crash(images: &ImageArchive, crash: impl FnOnce(Cxr) -> Cxr, shown: &str) -> bool {
    let sandbox = Sandbox::new();
    sandbox.put_archive(&images.archive);
    let outcome = crash(extract(&sandbox, images)).run();
    let killed = outcome.was_killed();
    outcome.expect(killed || outcome.status == Some(0), "a kill or a normal end");
    assert_right(&sandbox, images, shown);
    assert_resumes(&sandbox, images, shown);
    killed
}

/// The crash points of an extraction.
pub const POINTS: [&str; 9] = [
    "image-written",
    "images-synced",
    "replacement-written",
    "record-written",
    "image-named",
    "images-named",
    "staging-removed",
    "manifest-written",
    "labels-written",
];

/// The crash points of the deletion of an archive after its extraction.
pub const DELETION_POINTS: [&str; 2] = ["deletion-recorded", "archive-deleted"];

#[test]
fn a_kill_at_any_named_step_of_an_extraction_loses_nothing() {
    let images = ImageArchive::new(1, 0..4);
    for point in POINTS {
        let mut kills = 0;
        while kills < 3 && crash(&images, |cxr| cxr.dies_at(point, kills + 1), point) {
            kills += 1;
        }
        assert!(kills > 0, "{point} was never reached");
    }
}

/// Kills a `fetch --extract --delete-archives` at the point, after its download, and lets the same command
/// go on. Returns false if nothing was killed.
fn crash_with_deletion(images: &ImageArchive, point: &str) -> bool {
    let sandbox = Sandbox::new();
    let server = Server::with([&images.archive]);
    let archives = std::slice::from_ref(&images.archive);
    let rules = inventory([(&images.archive, images.places.clone())]);
    let fetch = |options: &[&str]| {
        let fetch = sandbox.fetch_with_sizes(&server, archives).args(options);
        fetch.env("CXR_FAULT_INVENTORY", &rules).env("CXR_FAULT_OWNER_TIMEOUT_MS", "50")
    };
    let options = ["--extract", "--delete-archives"];
    let outcome = fetch(&options).dies_at(point, 1).run();
    let all = images.images.len();
    let is_complete = assert_right(&sandbox, images, point) == all;
    let is_here = sandbox.path(NAME).exists();
    assert!(is_complete || is_here, "{point}: neither the archive nor all images");
    server.clear_log();
    if !is_here {
        // The deletion was recorded before it.
        fetch(&[]).report(0).all_ok();
        assert_eq!(server.sent(), 0, "{point}: downloaded again");
    }
    let report = fetch(&options).report(0);
    let line = report.only();
    line.is("ok").because(&format!("{all} images in data/images"));
    let is_deleted_now = line.detail().contains("the archive was deleted");
    assert_eq!(is_deleted_now, is_here, "{point}: deleted once");
    assert_eq!(assert_right(&sandbox, images, point), all, "{point}");
    assert!(!sandbox.path(NAME).exists(), "{point}");
    assert_listed(&sandbox, images, point);
    for options in [&options[..], &[]] {
        fetch(options).report(0).all_ok();
    }
    assert_eq!(server.sent(), 0, "{point}: downloaded again");
    outcome.was_killed()
}

#[test]
fn a_kill_at_any_named_step_of_a_fetch_that_deletes_archives_loses_nothing() {
    let images = ImageArchive::new(1, 0..3);
    // The first replaced file is a record of the download.
    let points = POINTS.into_iter().filter(|point| *point != "replacement-written");
    for point in points.chain(DELETION_POINTS) {
        assert!(crash_with_deletion(&images, point), "{point} was never reached");
    }
}

#[test]
fn a_kill_before_any_file_operation_of_an_extraction_loses_nothing() {
    let images = ImageArchive::new(1, 0..2);
    let mut kills = 0;
    let rule = |kills| format!("change * die after={kills}");
    while crash(&images, |cxr| cxr.disk_faults(&rule(kills)), &rule(kills)) {
        kills += 1;
        assert!(kills < 200);
    }
    assert!(kills > 20, "{kills}");
    let torn = |cxr: Cxr| cxr.disk_faults("append .png torn after=1");
    assert!(crash(&images, torn, "a torn write"));
}

#[test]
fn a_power_cut_after_any_file_operation_of_an_extraction_loses_nothing() {
    let images = ImageArchive::new(1, 0..3);
    let mut random = random();
    let sandbox = Sandbox::new();
    sandbox.put_archive(&images.archive);
    let recorded = extract(&sandbox, &images).env("CXR_FAULT_HOST", "before");
    recorded.env("CXR_FAULT_RECORD", "record").run().exits(0);
    let mut operations = DiskOperation::all(&sandbox.path("record"));
    operations.retain(|operation| operation.name != "read" && operation.name != "close");
    let archive: PathBuf = NAME.into();
    let mut disk =
        SimulatedDisk::new(Path::new("data"), [(archive, images.archive.bytes.to_vec())]);
    let resumed = operations.len() / 12 + 1;
    for (number, operation) in operations.iter().enumerate() {
        disk.apply(operation);
        let mixed: Vec<_> = (0..6).map(|_| Unsynced::Mixed(random.fork())).collect();
        for unsynced in [Unsynced::Lost, Unsynced::Kept].into_iter().chain(mixed) {
            let shown = format!("operation {number}, {operation:?}, {unsynced:?}");
            let shown: String = shown.chars().take(300).collect();
            let sandbox = Sandbox::new();
            for (path, bytes) in disk.after(unsynced) {
                if !path.to_string_lossy().contains(".cxr/owner") {
                    sandbox.put(path, bytes);
                }
            }
            assert_right(&sandbox, &images, &shown);
            if random.usize(..resumed * 4) == 0 {
                assert_resumes(&sandbox, &images, &shown);
            }
        }
    }
}

/// The archive goes only after its images, their names, their record and that of the deletion are on the
/// disk.
#[test]
fn a_power_cut_while_an_archive_is_deleted_after_its_extraction_loses_nothing() {
    for (options, folder) in [(&[][..], "data"), (&["--to", "data/out"], "data/out")] {
        cut_power_during_deletion(options, folder);
    }
}

fn cut_power_during_deletion(to: &[&str], folder: &str) {
    let images = ImageArchive::new(1, 0..2);
    let server = Server::with([&images.archive]);
    let archives = std::slice::from_ref(&images.archive);
    let rules = inventory([(&images.archive, images.places.clone())]);
    let fetch = |sandbox: &Sandbox, options: &[&str]| {
        let fetch = sandbox.fetch_with_sizes(&server, archives).args(options);
        fetch.env("CXR_FAULT_INVENTORY", &rules).env("CXR_FAULT_OWNER_TIMEOUT_MS", "50")
    };
    let (mut random, recorded) = (random(), Sandbox::new());
    recorded.put_archive(&images.archive);
    let run = fetch(&recorded, &["--extract", "--delete-archives"]).args(to);
    let run = run.env("CXR_FAULT_HOST", "before").env("CXR_FAULT_RECORD", "record");
    run.run().exits(0);
    let mut operations = DiskOperation::all(&recorded.path("record"));
    operations.retain(|operation| operation.name != "read" && operation.name != "close");
    let mut disk =
        SimulatedDisk::new(Path::new("data"), [(NAME.into(), images.archive.bytes.to_vec())]);
    let mut fetched = 0;
    for (number, operation) in operations.iter().enumerate() {
        disk.apply(operation);
        let mixed: Vec<_> = (0..4).map(|_| Unsynced::Mixed(random.fork())).collect();
        for unsynced in [Unsynced::Lost, Unsynced::Kept].into_iter().chain(mixed) {
            let is_mixed = matches!(unsynced, Unsynced::Mixed(_));
            let DiskOperation { name, path, .. } = operation;
            let shown = format!("operation {number}, {name} of {}", path.display());
            let sandbox = Sandbox::new();
            for (path, bytes) in disk.after(unsynced) {
                if !path.to_string_lossy().contains(".cxr/owner") {
                    sandbox.put(&path, moved(&path, bytes, &recorded, &sandbox));
                }
            }
            let found = assert_right_in(&sandbox, folder, &images, &shown);
            if sandbox.path(NAME).exists() {
                sandbox.assert_archive(&images.archive);
                continue;
            }
            assert_eq!(found, images.images.len(), "neither the archive nor all images: {shown}");
            if is_mixed && fetched < 6 {
                fetched += 1;
                fetch(&sandbox, &[]).report(0).all_ok();
                assert_eq!(server.sent(), 0, "downloaded again: {shown}");
            }
        }
    }
    assert_eq!(fetched, 6, "the archive was never deleted");
}

/// The bytes of a file in another sandbox than that of the run: the record of a deletion has the path of the
/// images.
fn moved(path: &Path, bytes: Vec<u8>, from: &Sandbox, to: &Sandbox) -> Vec<u8> {
    if path.extension().is_none_or(|end| end != "deleted") {
        return bytes;
    }
    let [from, to] = [from, to].map(|sandbox| sandbox.root().to_string_lossy().into_owned());
    String::from_utf8(bytes).unwrap().replace(&from, &to).into_bytes()
}
