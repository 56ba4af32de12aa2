//! Archives that `fetch --extract --delete-archives` deleted: what all commands say of them afterwards.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::{Archive, Cxr, ImageArchive, Sandbox, Server, inventory, schema_error};

/// Two archives, their server and their table.
struct Deleted {
    sandbox: Sandbox,
    server: Server,
    all: [ImageArchive; 2],
}

impl Deleted {
    /// Both are extracted and deleted, into `to`.
    fn new(to: &[&str]) -> Self {
        let (sandbox, all) = (Sandbox::new(), [(1, 0..4), (2, 4..9)]);
        let all = all.map(|(number, places)| ImageArchive::new(number, places));
        let server = Server::with(all.iter().map(|images| &images.archive));
        let deleted = Self { sandbox, server, all };
        let run = deleted.fetch(&["--extract", "--delete-archives"]).args(to);
        run.report(0).all_ok().line("images_002.tar.gz").because("the archive was deleted");
        deleted.server.clear_log();
        deleted
    }

    fn with_rules(&self, run: Cxr) -> Cxr {
        let all = self.all.iter().map(|images| (&images.archive, images.places.clone()));
        run.env("CXR_FAULT_INVENTORY", inventory(all))
    }

    fn fetch(&self, options: &[&str]) -> Cxr {
        let archives: Vec<Archive> = self.all.iter().map(|it| it.archive.clone()).collect();
        self.with_rules(self.sandbox.fetch_with_sizes(&self.server, &archives)).args(options)
    }

    fn cxr(&self, words: &[&str]) -> Cxr {
        self.with_rules(self.sandbox.cxr(words)).args(["--checksums", "table.tsv"])
    }
}

#[test]
fn an_archive_that_was_deleted_after_its_extraction_is_missing_and_the_report_says_so() {
    let deleted = Deleted::new(&[]);
    let sandbox = &deleted.sandbox;
    let verify = || deleted.cxr(&["verify", "data", "--format", "json"]);
    let report = verify().report(1);
    let line = report.line("images_001.tar.gz");
    line.is("missing").because("not here: cxr extracted it and deleted it on 20");
    line.because("its 4 files in data have the right sizes and were not read");
    let base = deleted.server.base() + "/";
    line.because(&format!("cxr fetch -d data --checksums table.tsv --from {base} --recheck 1"));
    line.next("cxr verify --images data --checksums table.tsv");
    let text = deleted.cxr(&["verify", "data"]).run();
    let next = text.exits(1).stderr() + &text.stdout();
    assert_eq!(next.matches("next: cxr").count(), 1, "one command checks all images: {next}");
    deleted.cxr(&["verify", "--images", "data"]).run().exits(0);
    let list = deleted.cxr(&["list", "-d", "data"]).run();
    let state = "missing: cxr extracted it into data and deleted it on 20";
    list.exits(0).prints_line(&["images_002.tar.gz", state, ", and 5 of its 5 images"]);
    let list = deleted.cxr(&["list", "-d", "data", "--format", "json"]).run();
    assert_eq!(schema_error("list", &list.stdout()), None);
    assert!(
        list.stdout().contains("\"images\":\"data\"")
            || list.stdout().contains("\"images\": \"data\"")
    );
    // What fetch would do, and does: nothing.
    for options in [&["--dry-run"][..], &[], &["--dry-run", "--extract"], &["--extract"]] {
        let report = deleted.fetch(options).report(0);
        let line = report.all_ok().line("images_001.tar.gz");
        line.because(if options.contains(&"--extract") {
            "extracted before"
        } else {
            "--recheck 1"
        });
    }
    let report = deleted.fetch(&["--dry-run", "--extract", "--to", "other"]).report(1);
    report.line("images_001.tar.gz").is("missing").because("would fetch");
    // Without one of the images, the archive is needed again.
    fs::remove_file(sandbox.path("data/images").join(&deleted.all[0].images[2].0)).unwrap();
    let report = verify().report(1);
    let line = report.line("images_001.tar.gz");
    line.is("missing").because("of its 4 files in data, 1 is missing");
    line.next(&format!("--from {base} --extract --delete-archives 1"));
    let check = deleted.cxr(&["verify", "--images", "data", "--format", "json"]).report(1);
    let line = check.line("images_001.tar.gz");
    line.is("incomplete").next(&format!("--from {base} --extract --delete-archives --recheck 1"));
    for options in [&["--dry-run"][..], &["--dry-run", "--extract"]] {
        let outcome = deleted.fetch(options).run();
        outcome.exits(1).says("images_001.tar.gz: cxr extracted it and deleted it on 20");
        outcome.report().line("images_001.tar.gz").is("missing").because("would fetch");
    }
    assert_eq!(deleted.server.sent(), 0);
}

#[test]
fn images_in_another_folder_are_named_in_the_commands() {
    let deleted = Deleted::new(&["--to", "my images", "--layout", "kaggle"]);
    let report = deleted.cxr(&["verify", "data", "--format", "json"]).report(1);
    let line = report.line("images_001.tar.gz");
    line.is("missing").next("cxr verify --images '").next("my images' --checksums table.tsv");
    // The path was relative to another folder.
    let words = ["verify", "--format", "json", "--checksums", "../table.tsv"];
    let inside = deleted.sandbox.cxr(words).in_folder(&deleted.sandbox.data());
    let report = deleted.with_rules(inside).report(1);
    report.line("images_001.tar.gz").because("my images have the right sizes and were not read");
    fs::remove_dir_all(deleted.sandbox.path("my images")).unwrap();
    let report = deleted.cxr(&["verify", "data", "--format", "json"]).report(1);
    let line = report.line("images_001.tar.gz");
    line.is("missing").because("has no record of its images any more");
    line.next("--extract --delete-archives --to '").next("my images' --layout kaggle 1");
    // Someone else may have written the record: it cannot add a command.
    let own = fs::read_dir(deleted.sandbox.path("data/.cxr")).unwrap();
    let mut own = own.map(|entry| entry.unwrap().path().display().to_string());
    let is_record = |path: &String| path.contains("images_001") && path.ends_with("deleted");
    let record = own.find(is_record).unwrap();
    let text = fs::read_to_string(&record).unwrap();
    let base = format!("{}/", deleted.server.base());
    assert!(text.contains(&base), "{text}");
    fs::write(&record, text.replace(&base, "x;reboot\\u001b[0m")).unwrap();
    let report = deleted.cxr(&["verify", "data", "--format", "json"]).report(1);
    report.line("images_001.tar.gz").next(r" --from $'x;reboot\033[0m' ");
}

#[test]
fn an_archive_is_compared_with_its_images_if_asked_and_before_it_is_deleted() {
    let (sandbox, images) = (Sandbox::new(), ImageArchive::new(1, 0..3));
    let server = Server::with([&images.archive]);
    let rules = inventory([(&images.archive, images.places.clone())]);
    let fetch = |options: &[&str]| {
        let run = sandbox.fetch(&server, std::slice::from_ref(&images.archive));
        run.args(options).env("CXR_FAULT_INVENTORY", &rules)
    };
    fetch(&["--extract"]).report(0).all_ok();
    // Of the same size, as after a fault of the disk.
    let (name, bytes) = &images.images[1];
    let mut damaged = bytes.clone();
    damaged[bytes.len() / 2] ^= 1;
    let place = format!("data/images/{name}");
    sandbox.put(&place, &damaged);
    let report = fetch(&["--extract", "--recheck"]).report(0);
    report.only().is("ok").because("1 of them written now");
    sandbox.assert_content(&place, bytes);
    sandbox.put(&place, damaged);
    let report = fetch(&["--extract", "--delete-archives"]).report(0);
    report.only().is("ok").because("1 of them written now").because("the archive was deleted");
    sandbox.assert_content(&place, bytes);
    assert!(!sandbox.path("data/images_001.tar.gz").exists());
}

#[test]
fn an_archive_that_is_a_link_stays_and_the_report_says_so() {
    let (sandbox, images) = (Sandbox::new(), ImageArchive::new(1, 0..3));
    let server = Server::with([&images.archive]);
    let rules = inventory([(&images.archive, images.places.clone())]);
    sandbox.put("elsewhere/a.tar.gz", &*images.archive.bytes);
    symlink("../elsewhere/a.tar.gz", sandbox.path("data/images_001.tar.gz")).unwrap();
    for _ in 0..2 {
        let run = sandbox.fetch(&server, std::slice::from_ref(&images.archive));
        let run = run.args(["--extract", "--delete-archives"]).env("CXR_FAULT_INVENTORY", &rules);
        let report = run.report(0);
        let line = report.only();
        line.is("ok").because("the archive was not deleted, because it is a symbolic link");
        line.because("run: rm data/images_001.tar.gz /").because("/elsewhere/a.tar.gz");
    }
    assert_eq!(server.sent(), 0);
    sandbox.assert_content("elsewhere/a.tar.gz", &images.archive.bytes);
}

#[test]
fn a_list_that_cannot_be_written_is_an_error_also_of_a_fetch() {
    let (sandbox, images) = (Sandbox::new(), ImageArchive::new(1, 0..3));
    let server = Server::with([&images.archive]);
    let rules = inventory([(&images.archive, images.places.clone())]);
    let fetch = || {
        let run = sandbox.fetch(&server, std::slice::from_ref(&images.archive));
        let run = run.args(["--extract", "--delete-archives"]);
        run.env("CXR_FAULT_INVENTORY", &rules)
    };
    for list in ["images.tsv", "metadata.csv"] {
        let report = fetch().disk_faults(&format!("write {list}.new ENOSPC")).report(3);
        let line = report.only();
        line.is("error").because(list).because("the images are extracted").next("free some space");
        assert!(!sandbox.data().join(list).exists());
    }
    // As in the folder of another user that is sticky.
    let again = fetch().arg("--recheck").disk_faults("remove images_001.tar.gz EPERM");
    let report = again.report(3);
    let line = report.only();
    line.is("error").because("images_001.tar.gz could not be removed").because("are extracted");
    line.next("only the owner of the file may rename or delete it in that folder");
    fetch().report(0).all_ok();
    assert!(sandbox.data().join("images.tsv").exists() && labels_of(&sandbox) == 4);
}

fn labels_of(sandbox: &Sandbox) -> usize {
    fs::read_to_string(sandbox.data().join("metadata.csv")).unwrap().lines().count()
}
