//! Two runs in one folder.

use std::fs::File;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{Cxr, Fault, Outcome, Running, Sandbox, Server, archive, archives};

/// Starts all runs at once. Asserts that each succeeds or is refused, and that one succeeds.
pub fn run_together(runs: Vec<Cxr>) -> Vec<Outcome> {
    let running: Vec<_> = runs.into_iter().map(Cxr::spawn).collect();
    let outcomes: Vec<_> = running.into_iter().map(Running::wait).collect();
    for outcome in &outcomes {
        outcome.expect(matches!(outcome.status, Some(0 | 3)), "exit status 0 or 3");
    }
    assert!(outcomes.iter().any(|outcome| outcome.status == Some(0)), "none succeeds");
    outcomes
}

#[test]
fn a_second_run_is_refused_and_names_the_first_process() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 200_000 });
    let mut first = sandbox.fetch(&server, &all).spawn();
    first.until("some bytes", || server.sent() > 20_000);
    let begun = Instant::now();
    let second = sandbox.fetch(&server, &all).run();
    second.exits(3).says(&first.id().to_string()).says("--wait");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(first.is_running());
    first.signal(Signal::INT);
    first.wait().exits(130);
}

/// Without an owner file, which would also keep a second run out.
#[test]
fn the_system_lock_alone_keeps_a_second_run_out() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 1)]);
    let server = Server::with(&all);
    let lock = File::open(sandbox.put("data/.cxr/lock", "")).unwrap();
    lock.lock().unwrap();
    sandbox.fetch(&server, &all).run().exits(3).says("another cxr is running in data");
    lock.unlock().unwrap();
    sandbox.fetch(&server, &all).run().exits(0);
}

#[test]
fn a_run_that_waited_finds_everything_done() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 1 << 20 });
    let mut first = sandbox.fetch(&server, &all).args(["-c", "1"]).spawn();
    first.until("some bytes", || server.sent() > 20_000);
    let mut second = sandbox.fetch(&server, &all).arg("--wait").spawn();
    std::thread::sleep(Duration::from_millis(200));
    assert!(second.is_running());
    first.wait().exits(0);
    let outcome = second.wait();
    let report = outcome.exits(0).report();
    report.all_ok();
    assert_eq!(report.downloaded(), 0);
    sandbox.assert_archive(&all[0]);
    assert!(server.sent() <= all[0].size(), "{} of {}", server.sent(), all[0].size());
}

#[test]
fn a_waiting_run_resumes_the_download_of_a_killed_run() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 2 << 20 });
    let fetch = || sandbox.fetch(&server, &all).chunk(100_000).args(["-c", "2"]);
    let mut first = fetch().spawn();
    first.until("half of the archive", || server.sent() > all[0].size() / 2);
    let second = fetch().arg("--wait").spawn();
    std::thread::sleep(Duration::from_millis(50));
    first.kill();
    let outcome = second.wait();
    let report = outcome.exits(0).report();
    report.all_ok();
    assert!(report.only().reused() > all[0].size() / 4, "{}", report.shown());
    sandbox.assert_archive(&all[0]);
}

#[test]
fn a_waiting_run_can_be_interrupted() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 100_000 });
    let mut first = sandbox.fetch(&server, &all).spawn();
    first.until("some bytes", || server.sent() > 10_000);
    let second = sandbox.fetch(&server, &all).arg("--wait").spawn();
    std::thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    second.signal(Signal::TERM);
    second.wait().exits(143);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(first.is_running());
}

#[test]
fn a_killed_run_leaves_no_lock() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 200_000 });
    let mut first = sandbox.fetch(&server, &all).spawn();
    first.until("some bytes", || server.sent() > 20_000);
    first.kill();
    server.clear_faults();
    sandbox.fetch(&server, &all).report(0).all_ok();
}

#[test]
fn runs_in_two_folders_do_not_exclude_each_other() {
    let (one, two, all) = (Sandbox::new(), Sandbox::new(), archives(3));
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 2 << 20 });
    let (first, second) = (one.fetch(&server, &all).spawn(), two.fetch(&server, &all).spawn());
    first.wait().exits(0);
    second.wait().exits(0);
    one.assert_archive(&all[2]);
    two.assert_archive(&all[2]);
}

#[test]
fn verify_needs_no_lock() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3), archive(2, 1)]);
    sandbox.put_archive(&all[1]);
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 200_000 });
    let mut first = sandbox.fetch(&server, &all).spawn();
    first.until("some bytes", || server.sent() > 20_000);
    let report = sandbox.verify(&all).arg("data").report(1);
    assert_eq!(report.verdicts()[1], "ok");
    assert!(first.is_running());
}

#[test]
fn concurrent_runs_succeed_or_are_refused() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    let server = Server::with(&all);
    run_together((0..6).map(|_| sandbox.fetch(&server, &all)).collect());
    for archive in &all {
        sandbox.assert_archive(archive);
    }
}
