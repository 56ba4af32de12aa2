//! Runs for one archive each, side by side in one folder, as the tasks of an array of jobs.

use rustix::process::Signal;

use crate::support::{Archive, Cxr, Fault, Running, Sandbox, Server, archives};

/// The system's locks hold, or every lock is granted, as on some network file systems.
const LOCKS: [&str; 2] = ["", "off"];

/// A fetch of all archives, which waits long for bytes.
fn whole(sandbox: &Sandbox, server: &Server, all: &[Archive], locks: &str) -> Cxr {
    let fetch = sandbox.fetch(server, all).args(["-c", "1", "--stall-timeout", "600"]);
    fetch.env("CXR_FAULT_LOCKS", locks)
}

/// A fetch of one of them.
fn task(sandbox: &Sandbox, server: &Server, all: &[Archive], number: usize, locks: &str) -> Cxr {
    whole(sandbox, server, all, locks).arg(&all[number].name)
}

/// Starts a run whose archive does not arrive.
fn start(server: &Server, archive: &Archive, cxr: Cxr) -> Running {
    server.inject(Fault::Stall { after: 20_000 });
    let mut running = cxr.spawn();
    running.until("a request", || !server.hits_on(&archive.path()).is_empty());
    running
}

/// Asserts that no process is named in the working folder.
#[track_caller]
fn assert_no_owner(sandbox: &Sandbox) {
    let files = sandbox.files("data/.cxr");
    let is_owner = |name: &str| name.rsplit('.').next() == Some("owner");
    assert!(!files.iter().any(|file| file.to_str().is_some_and(is_owner)), "{files:?}");
}

#[test]
fn twelve_tasks_fetch_twelve_archives_into_one_folder_at_once() {
    for locks in LOCKS {
        let (sandbox, all) = (Sandbox::new(), archives(12));
        let server = Server::with(&all);
        server.inject(Fault::Stall { after: 20_000 });
        let begin = |number| task(&sandbox, &server, &all, number, locks).spawn();
        let mut tasks: Vec<Running> = (0..all.len()).map(begin).collect();
        // None gets its archive, so none begins because another has ended.
        for (running, archive) in tasks.iter_mut().zip(&all) {
            running.until("a request", || !server.hits_on(&archive.path()).is_empty());
        }
        assert!(tasks.iter_mut().all(Running::is_running));
        let outcome = whole(&sandbox, &server, &all, locks).run();
        outcome.exits(3).says("another cxr is running in data: process");
        let outcome = task(&sandbox, &server, &all, 2, locks).run();
        outcome.exits(3).says(&format!("in data: process {}", tasks[2].id())).says("--wait");
        for (number, running) in tasks.into_iter().enumerate() {
            if number % 2 == 0 {
                running.kill();
            } else {
                running.signal(Signal::TERM);
                running.wait().exits(143);
            }
        }
        server.clear_faults();
        let again: Vec<Running> = (0..all.len()).map(begin).collect();
        for (running, archive) in again.into_iter().zip(&all) {
            running.wait().exits(0).report().only().is("ok");
            sandbox.assert_archive(archive);
        }
        // A run for all finds everything verified, and nothing of the killed ones in its way.
        server.clear_log();
        whole(&sandbox, &server, &all, locks).report(0).all_ok();
        assert!(server.hits().is_empty());
        assert_no_owner(&sandbox);
    }
}

#[test]
fn a_task_waits_for_a_run_for_the_whole_folder() {
    for locks in LOCKS {
        let (sandbox, all) = (Sandbox::new(), archives(2));
        let server = Server::with(&all);
        let first =
            start(&server, &all[0], whole(&sandbox, &server, &all, locks).args(["-j", "1"]));
        let outcome = task(&sandbox, &server, &all, 1, locks).run();
        outcome.exits(3).says(&format!("in data: process {}", first.id()));
        let mut second = task(&sandbox, &server, &all, 1, locks).arg("--wait").spawn();
        second.until_it_says("waiting for another cxr in data");
        server.clear_faults();
        first.kill();
        second.wait().exits(0).report().only().is("ok");
        assert_no_owner(&sandbox);
    }
}

#[test]
fn a_run_for_the_whole_folder_waits_for_a_task() {
    for locks in LOCKS {
        let (sandbox, all) = (Sandbox::new(), archives(2));
        let server = Server::with(&all);
        let first = start(&server, &all[1], task(&sandbox, &server, &all, 1, locks));
        let mut second = whole(&sandbox, &server, &all, locks).arg("--wait").spawn();
        second.until_it_says(&format!("waiting for another cxr in data: process {}", first.id()));
        server.clear_faults();
        first.kill();
        second.wait().exits(0).report().all_ok();
        assert_no_owner(&sandbox);
    }
}
