//! File systems and limits that lack something: a size, large files, renames, writes at any place.

use std::fs;

use crate::support::{Fault, NAMES, ObjectStore, Sandbox, Server, SmallDisk, archive, archives};

#[test]
fn a_file_system_that_reports_no_size_is_not_full() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    let Some(disk) = SmallDisk::without_size(&sandbox.data()) else { return };
    let df = disk.command("stat").args(["-f", "-c", "%b"]).arg(sandbox.data()).output().unwrap();
    assert_eq!(String::from_utf8(df.stdout).unwrap().trim(), "0");
    disk.visible_to(sandbox.fetch_with_sizes(&server, &all)).report(0).all_ok();
}

#[test]
fn a_sandbox_that_forbids_the_question_for_free_space_does_not_stop_a_fetch() {
    for error in ["ENOSYS", "EPERM"] {
        let (sandbox, all) = (Sandbox::new(), archives(1));
        let server = Server::with(&all);
        let fetch = sandbox.fetch_with_sizes(&server, &all);
        let Some(fetch) = fetch.failing_call("statfs", error, 1) else { return };
        fetch.report(0).all_ok();
    }
}

#[test]
fn an_archive_over_the_limit_of_file_sizes_is_refused_before_its_first_byte() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 1), archive(2, 5)]);
    let server = Server::with(&all);
    let limited = ["bash", "-c", "ulimit -f 1000; exec \"$0\" \"$@\""];
    let words = "this process may write files of at most 1000 KiB (`ulimit -f`)";
    for with_sizes in [true, false] {
        let fetch = if with_sizes {
            sandbox.fetch_with_sizes(&server, &all)
        } else {
            sandbox.fetch(&server, &all)
        };
        let report = fetch.started_by(limited).report(3);
        assert_eq!(report.verdicts(), ["ok", "error"], "{}", report.shown());
        report.lines()[1].because(words).next("ulimit -f unlimited");
        let hits = server.hits_on(&all[1].path()).len();
        assert!(if with_sizes { hits == 0 } else { hits > 0 }, "{hits} {}", report.shown());
    }
    let dry = sandbox.fetch_with_sizes(&server, &all).arg("--dry-run").started_by(limited);
    dry.report(3).lines()[1].is("error").because(words);
}

#[test]
fn a_limit_of_file_sizes_that_nothing_fits_in_is_an_error_and_not_a_death() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    let limited = ["bash", "-c", "ulimit -f 0; exec \"$0\" \"$@\""];
    let outcome = sandbox.fetch(&server, &all).started_by(limited).run();
    outcome.exits(3).says("File too large").says("ulimit -f unlimited").report();
    sandbox.put_archive(&all[0]);
    let verify = sandbox.verify(&all).args(["data", "--report", "r.json"]).started_by(limited);
    verify.run().exits(3).says("r.json could not be written: File too large");
}

/// A damaged archive is here, one is missing, and one comes damaged and is repaired.
#[test]
fn a_mount_that_renames_and_removes_only_closed_files_is_good_for_a_fetch() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    let Some(_store) = ObjectStore::mount("rename-closed", &sandbox.data()) else { return };
    let server = Server::with(&all);
    sandbox.put(format!("data/{}", NAMES[0]), all[0].flipped(100_000));
    server.inject(Fault::Flip { at: 1000 }.first(1));
    sandbox.fetch_with_sizes(&server, &all).arg("--keep-corrupt").report(0).all_ok();
    for archive in &all {
        sandbox.assert_archive(archive);
    }
    sandbox.fetch_with_sizes(&server, &all).report(0).all_ok();
}

#[test]
fn a_mount_without_renames_or_writes_at_any_place_is_refused_before_the_first_byte() {
    for (mode, lack) in [
        ("no-rename", "its file system does not rename files"),
        ("in-order", "its file system does not write at any place in a file"),
    ] {
        let (sandbox, all) = (Sandbox::new(), archives(2));
        let Some(_store) = ObjectStore::mount(mode, &sandbox.data()) else { return };
        let server = Server::with(&all);
        fs::write(sandbox.path("data").join(NAMES[0]), &*all[0].bytes).unwrap();
        let report = sandbox.fetch(&server, &all).report(3);
        assert_eq!(report.verdicts(), ["ok", "error"], "{}", report.shown());
        let line = &report.lines()[1];
        line.because(lack).next("fetch into a folder on another file system (-d)");
        let next = line.value["next"].as_str().unwrap();
        assert!(!next.contains("cxr fetch"), "{next}");
        assert!(server.hits_on(&all[1].path()).is_empty());
        let left: Vec<_> = sandbox.files("data/.cxr");
        assert!(!left.iter().any(|file| file.starts_with("probe")), "{left:?}");
        sandbox.verify(&all).arg("data").report(1).lines()[0].is("ok");
    }
}

#[test]
fn a_mount_of_small_files_is_an_error_that_says_so() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 1), archive(2, 5)]);
    let Some(_store) = ObjectStore::mount("small-files", &sandbox.data()) else { return };
    let server = Server::with(&all);
    let report = sandbox.fetch(&server, &all).report(3);
    assert_eq!(report.verdicts(), ["ok", "error"], "{}", report.shown());
    report.lines()[1].because("File too large").next("file system that holds larger files");
}

#[test]
fn two_names_that_differ_in_case_alone_are_refused_where_they_mean_one_file() {
    let (sandbox, mut all) = (Sandbox::new(), archives(2));
    let Some(_store) = ObjectStore::mount("ignore-case", &sandbox.data()) else { return };
    all[1].name = all[0].name.to_uppercase();
    let server = Server::with(&all);
    let outcome = sandbox.fetch(&server, &all).run();
    outcome.exits(2).says("IMAGES_001.TAR.GZ are the same file in data, whose file system ignores");
    assert_eq!(server.hits().len(), 0, "nothing was downloaded");
    sandbox.fetch(&server, &all).arg("1").report(0).all_ok();
}
