//! `extract` on file systems that lack something or are different.

use std::fs;

use rustix::process::Signal;

use crate::support::{Archive, Cxr, ImageArchive, ObjectStore, Sandbox, TarBytes, inventory};

fn extract(sandbox: &Sandbox, images: &ImageArchive) -> Cxr {
    let table = sandbox.table(std::slice::from_ref(&images.archive));
    let rules = inventory([(&images.archive, images.places.clone())]);
    let words = ["extract", "--format", "json", "-d", "data", "--checksums"];
    sandbox.cxr(words).arg(table).env("CXR_FAULT_INVENTORY", rules)
}

/// An archive in a folder that is mounted in this way; `None` if this machine does not allow it.
fn mounted(mode: &str, sandbox: &Sandbox) -> Option<(ImageArchive, ObjectStore)> {
    fs::create_dir_all(sandbox.data()).unwrap();
    let store = ObjectStore::mount(mode, &sandbox.data())?;
    let images = ImageArchive::new(1, 0..4);
    fs::write(sandbox.data().join(&images.archive.name), &*images.archive.bytes).unwrap();
    Some((images, store))
}

#[track_caller]
fn assert_images(sandbox: &Sandbox, images: &[(String, Vec<u8>)]) {
    for (name, bytes) in images {
        let found = fs::read(sandbox.path("data/images").join(name));
        assert_eq!(found.ok().as_ref(), Some(bytes), "{name}");
    }
}

/// Network file systems and FUSE may know no renaming that keeps an existing file.
#[test]
fn without_renames_that_keep_a_file_the_files_of_the_user_stay() {
    for error in ["EINVAL", "ENOSYS"] {
        let sandbox = Sandbox::new();
        let images = ImageArchive::new(1, 0..4);
        sandbox.put_archive(&images.archive);
        let name = format!("data/images/{}", images.images[2].0);
        sandbox.put(&name, "my notes");
        let run = || extract(&sandbox, &images).failing_call("renameat2", error, 1);
        let Some(run_with_file) = run() else { return };
        let report = run_with_file.report(1);
        let line = report.only();
        line.is("foreign").because("which cxr left unchanged").because("(a different file)");
        sandbox.assert_content(&name, b"my notes");
        assert_images(&sandbox, &images.images[3..]);
        fs::remove_file(sandbox.path(&name)).unwrap();
        // A folder is no file either.
        fs::create_dir(sandbox.path(&name)).unwrap();
        run().unwrap().report(1).only().because("(a folder)");
        fs::remove_dir(sandbox.path(&name)).unwrap();
        run().unwrap().report(0).all_ok();
        assert_images(&sandbox, &images.images);
    }
}

#[test]
fn a_mount_that_renames_only_closed_files_gets_the_images() {
    let sandbox = Sandbox::new();
    let Some((images, _store)) = mounted("rename-closed", &sandbox) else { return };
    extract(&sandbox, &images).report(0).all_ok();
    assert_images(&sandbox, &images.images);
    let (name, bytes) = &images.images[1];
    let path = sandbox.path("data/images").join(name);
    fs::write(&path, &bytes[..900]).unwrap();
    let report = extract(&sandbox, &images).arg("--recheck").report(0);
    report.only().because("1 of them written now");
    assert_images(&sandbox, &images.images);
}

#[test]
fn a_mount_without_renames_keeps_the_archive_and_says_so() {
    let sandbox = Sandbox::new();
    let Some((images, _store)) = mounted("no-rename", &sandbox) else { return };
    let outcome = extract(&sandbox, &images).run();
    outcome.exits(3).says("could not be renamed");
    sandbox.assert_archive(&images.archive);
    let named = fs::read_dir(sandbox.path("data/images")).map_or(0, Iterator::count);
    assert_eq!(named, 0, "files without a record have final names");
}

#[test]
fn where_case_is_ignored_a_file_of_the_user_keeps_its_name() {
    let sandbox = Sandbox::new();
    let Some((images, _store)) = mounted("ignore-case", &sandbox) else { return };
    let name = images.images[0].0.to_uppercase();
    let mine = sandbox.path("data.store/images").join(&name);
    sandbox.put(format!("data.store/images/{name}"), "mine");
    let report = extract(&sandbox, &images).report(1);
    report.only().is("foreign").because("00000001_000.png (a different file)");
    assert_eq!(fs::read(&mine).unwrap(), b"mine");
    assert_images(&sandbox, &images.images[1..]);
    fs::remove_file(mine).unwrap();
    extract(&sandbox, &images).report(0).all_ok();
    assert_images(&sandbox, &images.images);
    // Two files of an archive cannot have one name.
    let tar = TarBytes::default().member("notes", b'0', b"one").member("NOTES", b'0', b"two");
    let archive = Archive::new("set.tar.gz", tar.gzip());
    fs::write(sandbox.path("data/set.tar.gz"), &*archive.bytes).unwrap();
    let table = sandbox.table(std::slice::from_ref(&archive));
    let run = sandbox.cxr(["extract", "-d", "data", "--checksums"]).arg(table).run();
    run.exits(1).prints("its member `NOTES` has the name of another one on this file system");
    assert!(!sandbox.path("data.store/images/notes").exists());
}

#[test]
fn an_extraction_to_a_slow_file_system_ends_after_a_signal_and_resumes() {
    let sandbox = Sandbox::new();
    let Some((images, _store)) = mounted("slow", &sandbox) else { return };
    let run = || extract(&sandbox, &images).args(["--events", "events.jsonl"]);
    let mut running = run().spawn();
    let events = sandbox.path("events.jsonl");
    running.until("the start", || fs::read_to_string(&events).is_ok_and(|text| !text.is_empty()));
    running.signal(Signal::INT);
    let outcome = running.wait();
    // It may have been faster than the signal.
    if outcome.status != Some(0) {
        outcome.exits(130).says("cxr extract");
    }
    run().report(0).all_ok();
    assert_images(&sandbox, &images.images);
}
