//! File systems and limits that lack something: a size, large files, renames, writes at any place.

use crate::support::{Sandbox, Server, SmallDisk, archive, archives};

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

#[cfg(debug_assertions)]
#[test]
fn a_file_system_with_small_files_is_an_error_that_says_so() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    let part = format!("{}.{}.part", crate::support::NAMES[0], &all[0].md5[..8]);
    let faults = format!("write {part} EFBIG after=1");
    let report = sandbox.fetch(&server, &all).disk_faults(&faults).report(3);
    assert_eq!(report.verdicts(), ["error", "ok"], "{}", report.shown());
    report.lines()[0].because("File too large").next("file system that holds larger files");
}
