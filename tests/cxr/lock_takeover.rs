//! Locking if the operating system grants every lock, as some network file systems do: the owner
//! file keeps two runs apart, and one that was left behind is taken over.

use std::fs;
use std::time::{Duration, Instant};

use crate::lock::run_together;
use crate::support::{Archive, Cxr, Fault, Outcome, Running, Sandbox, Server, archive, wait_until};

/// A fetch into a folder in which every lock is granted.
fn fetch(sandbox: &Sandbox, server: &Server, all: &[Archive]) -> Cxr {
    sandbox.fetch(server, all).chunk(100_000).env("CXR_FAULT_LOCKS", "off")
}

/// A fetch on another host with a heartbeat every `beat` milliseconds.
fn elsewhere(sandbox: &Sandbox, server: &Server, all: &[Archive], beat: u64) -> Cxr {
    fetch(sandbox, server, all)
        .env("CXR_FAULT_HOST", "elsewhere")
        .env("CXR_FAULT_HEARTBEAT_MS", beat.to_string())
}

/// Sets the time that a run watches an owner file before it takes it over.
fn patient(cxr: Cxr, milliseconds: u64) -> Cxr {
    cxr.env("CXR_FAULT_OWNER_TIMEOUT_MS", milliseconds.to_string())
}

/// Starts a slow run and waits until it has fetched some bytes.
fn start_slowly(server: &Server, cxr: Cxr) -> Running {
    server.inject(Fault::Throttle { rate: 200_000 });
    let mut running = cxr.spawn();
    running.until("some bytes", || server.sent() > 50_000);
    running
}

/// As [`start_slowly`], and kills the run. Returns its process number.
fn kill_half_way(server: &Server, cxr: Cxr) -> u32 {
    let running = start_slowly(server, cxr);
    let id = running.id();
    running.kill();
    server.clear_faults();
    id
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The number of runs that report a takeover.
fn takeovers(outcomes: &[Outcome]) -> usize {
    outcomes.iter().filter(|outcome| outcome.stderr().contains("taking over data")).count()
}

/// As on Lustre without `-o flock`, and NFS without a lock manager.
#[test]
fn without_system_locks_the_owner_file_keeps_runs_apart() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 12)]);
    let server = Server::with(&all);
    let first = start_slowly(&server, fetch(&sandbox, &server, &all).args(["-c", "1"]));
    for error in ["ENOSYS", "ENOLCK", "EOPNOTSUPP"] {
        let second = sandbox.fetch(&server, &all).failing_call("flock", error, 1);
        let Some(second) = second else { return };
        second
            .run()
            .exits(3)
            .says(&format!("another cxr is running in data: process {}", first.id()));
    }
    first.kill();
    server.clear_faults();
    // The third run sees that the first process has ended.
    let Some(third) = sandbox.fetch(&server, &all).failing_call("flock", "ENOLCK", 1) else {
        return;
    };
    third.report(0).all_ok();
}

#[test]
fn an_io_error_while_locking_ends_the_run() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 1)]);
    let server = Server::with(&all);
    let Some(fetch) = sandbox.fetch(&server, &all).failing_call("flock", "EIO", 1) else { return };
    fetch.run().exits(3).says("data/.cxr/lock could not be locked: Input/output error");
    assert!(server.hits().is_empty());
}

#[test]
fn a_second_run_is_refused_and_names_the_first_process_and_host() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    let mut first = start_slowly(&server, fetch(&sandbox, &server, &all));
    let second = fetch(&sandbox, &server, &all).run();
    second.exits(3).says(&format!("process {} on {}", first.id(), host())).says("--wait");
    second.expect(second.elapsed < Duration::from_secs(2), "an end at once");
    assert!(first.is_running());
    server.clear_faults();
}

#[test]
fn the_lock_of_a_killed_run_on_this_host_is_taken_at_once() {
    for locks in ["off", ""] {
        let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
        let server = Server::with(&all);
        let id =
            kill_half_way(&server, fetch(&sandbox, &server, &all).env("CXR_FAULT_LOCKS", locks));
        let outcome = fetch(&sandbox, &server, &all).env("CXR_FAULT_LOCKS", locks).run();
        outcome.exits(0).says("taking over data").says(&format!("process {id} on {}", host()));
        // Watching would take at least three seconds.
        outcome.expect(outcome.elapsed < Duration::from_secs(3), "no wait");
        sandbox.assert_archive(&all[0]);
    }
}

#[test]
fn no_lock_is_taken_over_after_a_run_that_ended_normally() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 1)]);
    let server = Server::with(&all);
    fetch(&sandbox, &server, &all).run().exits(0);
    let outcome = fetch(&sandbox, &server, &all).run();
    outcome.exits(0);
    assert_eq!(takeovers(&[outcome]), 0);
    let files = sandbox.files("data/.cxr");
    assert!(files.iter().all(|file| !file.to_string_lossy().starts_with("owner")), "{files:?}");
}

#[test]
fn the_lock_of_a_silent_host_is_taken_over_after_a_wait() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    let id = kill_half_way(&server, elsewhere(&sandbox, &server, &all, 50));
    let outcome = patient(fetch(&sandbox, &server, &all), 500).run();
    let name = format!("process {id} on elsewhere");
    outcome
        .exits(0)
        .says(&format!("checking whether another cxr is still running in data: {name}"));
    outcome.says(&format!("taking over data from {name}"));
    outcome.expect(outcome.elapsed >= Duration::from_millis(500), "a wait of half a second");
    sandbox.assert_archive(&all[0]);
}

#[test]
fn the_lock_of_a_live_host_is_not_taken_over() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    let mut first = start_slowly(&server, elsewhere(&sandbox, &server, &all, 50));
    let second = patient(fetch(&sandbox, &server, &all), 20_000).run();
    second.exits(3).says(&format!("process {} on elsewhere", first.id()));
    second.expect(second.elapsed < Duration::from_secs(10), "an end at the first heartbeat");
    assert!(first.is_running());
}

#[test]
fn an_unreadable_owner_file_is_taken_over_after_a_wait() {
    for left in ["", "\0\u{1b}[2J{\"process\":1", "{\"process\": -1}"] {
        let (sandbox, all) = (Sandbox::new(), vec![archive(1, 1)]);
        let server = Server::with(&all);
        sandbox.put("data/.cxr/owner", left);
        let outcome = patient(fetch(&sandbox, &server, &all), 300).run();
        outcome.exits(0).says("an unknown process").is_plain();
        outcome.expect(outcome.elapsed >= Duration::from_millis(300), "a wait");
        sandbox.assert_archive(&all[0]);
    }
}

#[test]
fn only_one_of_many_runs_takes_a_lock_over() {
    for host in ["", "elsewhere"] {
        let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
        let server = Server::with(&all);
        kill_half_way(&server, elsewhere(&sandbox, &server, &all, 50).env("CXR_FAULT_HOST", host));
        server.inject(Fault::Throttle { rate: 1 << 20 });
        let runs = (0..6).map(|_| patient(fetch(&sandbox, &server, &all), 300)).collect();
        let outcomes = run_together(runs);
        let shown: String = outcomes.iter().map(Outcome::to_string).collect();
        assert_eq!(takeovers(&outcomes), 1, "{shown}");
        sandbox.assert_archive(&all[0]);
    }
}

#[test]
fn without_system_locks_only_one_of_many_runs_fetches() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 1 << 20 });
    run_together((0..6).map(|_| fetch(&sandbox, &server, &all)).collect());
    assert!(server.sent() <= all[0].size(), "{} of {}", server.sent(), all[0].size());
    sandbox.assert_archive(&all[0]);
}

#[test]
fn a_waiting_run_resumes_the_download_of_a_killed_run() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    let first = start_slowly(&server, fetch(&sandbox, &server, &all));
    let mut second = fetch(&sandbox, &server, &all).arg("--wait").spawn();
    let id = first.id();
    let waits = |running: &Running| running.stderr().contains("waiting for another cxr");
    wait_until("the message on waiting", || waits(&second));
    assert!(second.is_running());
    first.kill();
    server.clear_faults();
    let outcome = second.wait();
    outcome.exits(0).says(&format!("process {id} on")).report().all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn a_run_that_watches_a_lock_can_be_interrupted() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 1)]);
    let server = Server::with(&all);
    kill_half_way(&server, elsewhere(&sandbox, &server, &all, 50));
    let second = fetch(&sandbox, &server, &all).spawn();
    wait_until("the message on the other run", || second.stderr().contains("checking whether"));
    let begun = Instant::now();
    second.signal(rustix::process::Signal::INT);
    second.wait().exits(130);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(fs::metadata(sandbox.path("data/.cxr/owner")).is_ok());
}

#[test]
fn a_run_that_lost_its_lock_gives_no_file_its_final_name() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let (slow, silent) = (Server::with(&all), Server::with(&all));
    silent.inject(Fault::Silence);
    // Its next heartbeat is in a minute.
    let mut first = start_slowly(&slow, elsewhere(&sandbox, &slow, &all, 60_000));
    let second = patient(fetch(&sandbox, &silent, &all), 200).args(["--stall-timeout", "30"]);
    let mut second = second.spawn();
    second.until("a request of the second", || !silent.hits().is_empty());
    assert!(first.is_running());
    slow.clear_faults();
    let outcome = first.wait();
    outcome.exits(3);
    let by = format!("process {} on {}", second.id(), host());
    outcome.report().only().is("error").because(&by).next("--wait");
    sandbox.assert_absent(&all[0]);
    silent.clear_faults();
    let begun = fetch(&sandbox, &silent, &all).run();
    begun.exits(3).says(&by);
    second.signal(rustix::process::Signal::INT);
    second.wait().exits(130);
    fetch(&sandbox, &silent, &all).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

/// Returns a run that is stopped just before it takes over the lock of a killed one.
fn stop_before_takeover(sandbox: &Sandbox, server: &Server, all: &[Archive]) -> Running {
    kill_half_way(server, fetch(sandbox, server, all));
    let running = fetch(sandbox, server, all).disk_faults("rename owner.next stop times=1").spawn();
    let state = format!("/proc/{}/stat", running.id());
    wait_until("the run to stop", || fs::read_to_string(&state).unwrap().contains(") T "));
    running
}

#[test]
fn a_takeover_in_progress_is_not_disturbed() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    let second = stop_before_takeover(&sandbox, &server, &all);
    let third = fetch(&sandbox, &server, &all).run();
    third.exits(3).says(&format!("process {} on {}", second.id(), host()));
    second.signal(rustix::process::Signal::CONT);
    let outcome = second.wait();
    outcome.exits(0);
    assert_eq!(takeovers(&[third, outcome]), 1);
    sandbox.assert_archive(&all[0]);
}

#[test]
fn a_run_stopped_during_its_takeover_gives_way() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    let second = stop_before_takeover(&sandbox, &server, &all);
    // Meanwhile the third run takes over from it.
    fs::remove_file(sandbox.path("data/.cxr/owner.next")).unwrap();
    server.clear_log();
    let third = start_slowly(&server, fetch(&sandbox, &server, &all));
    second.signal(rustix::process::Signal::CONT);
    let outcome = second.wait();
    outcome.exits(3).says(&format!("process {} on {}", third.id(), host()));
    assert_eq!(takeovers(&[outcome]), 0);
    server.clear_faults();
    third.wait().exits(0);
    sandbox.assert_archive(&all[0]);
}

#[test]
fn a_run_that_lost_its_lock_stops_at_its_next_heartbeat() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    let first = start_slowly(&server, elsewhere(&sandbox, &server, &all, 50));
    let owner = sandbox.path("data/.cxr/owner");
    fs::write(&owner, "another").unwrap();
    let outcome = first.wait();
    outcome.exits(3).report().only().is("error").because("an unknown process");
    sandbox.assert_content("data/.cxr/owner", b"another");
}

#[test]
fn the_self_test_reports_that_every_lock_is_granted() {
    let sandbox = Sandbox::new();
    let selftest = |locks| sandbox.cxr(["selftest", "--dir", "data"]).env("CXR_FAULT_LOCKS", locks);
    selftest("off").run().exits(0).prints_line(&["folder", "because the system grants every lock"]);
    selftest("").run().exits(0).prints_line(&["folder", "renamed and locked"]);
}
