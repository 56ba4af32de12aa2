//! Signals, and closed or full output streams.

use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{Archive, Fault, NAMES, Running, Sandbox, Server, archive, archives};

/// Starts a slow fetch and waits until it has fetched some bytes.
fn start_slowly(sandbox: &Sandbox, server: &Server, all: &[Archive]) -> Running {
    server.inject(Fault::Throttle { rate: 200_000 });
    let mut running = sandbox.fetch(server, all).args(["-c", "2"]).spawn();
    running.until("some bytes", || server.sent() > 100_000);
    running
}

#[test]
fn an_ignored_sighup_does_not_end_the_run() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 200_000 });
    let ignoring_hup = ["sh", "-c", "trap '' HUP; exec \"$0\" \"$@\""];
    let mut running =
        sandbox.fetch(&server, &all).args(["-c", "1"]).started_by(ignoring_hup).spawn();
    running.until("some bytes", || server.sent() > 50_000);
    running.signal(Signal::HUP);
    std::thread::sleep(Duration::from_millis(300));
    assert!(running.is_running());
    running.signal(Signal::TERM);
    running.wait().exits(143);
}

#[test]
fn an_interrupted_fetch_ends_cleanly_and_says_how_to_resume() {
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
        let server = Server::with(&all);
        let running = start_slowly(&sandbox, &server, &all);
        let begun = Instant::now();
        running.signal(signal);
        let outcome = running.wait();
        outcome.exits(status).says("cxr fetch").says("data").is_plain();
        outcome.expect(begun.elapsed() < Duration::from_secs(2), "an end within two seconds");
        sandbox.assert_absent(&all[0]);
        server.clear_faults();
        let report = sandbox.fetch(&server, &all).report(0);
        report.all_ok();
        sandbox.assert_archive(&all[0]);
        assert!(report.only().reused() > 50_000, "{}", report.shown());
    }
}

#[test]
fn the_suggested_command_is_the_command_that_was_typed() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5), archive(2, 1)]);
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 200_000 });
    let table = sandbox.table(&all);
    let fetch = sandbox.cxr(["fetch", "--dir", "my data", "1", "--checksums"]).arg(table);
    let mut running = fetch.args(["--from", &server.base()]).spawn();
    running.until("some bytes", || server.sent() > 50_000);
    running.signal(Signal::INT);
    let outcome = running.wait();
    outcome.exits(130);
    server.clear_faults();
    let stderr = outcome.stderr();
    let line = stderr.lines().rev().find(|line| line.contains("cxr fetch")).unwrap();
    let command = &line[line.find("cxr fetch").unwrap()..];
    let command = command.trim_end_matches('`').replacen("cxr", "\"$0\"", 1);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &command, env!("CARGO_BIN_EXE_cxr")]).current_dir(sandbox.root());
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{command}\n{output:?}{outcome}");
    sandbox.assert_content(format!("my data/{}", NAMES[0]), &all[0].bytes);
    assert!(!sandbox.path("my data").join(NAMES[1]).exists());
}

#[test]
fn a_waiting_fetch_is_interrupted_at_once() {
    for fault in [Fault::Silence, Fault::RetryAfter(503, "30"), Fault::Stall { after: 1000 }] {
        let (sandbox, all) = (Sandbox::new(), archives(1));
        let server = Server::with(&all);
        server.inject(fault);
        let fetch = sandbox.fetch(&server, &all).args(["--stall-timeout", "60"]);
        let mut running = fetch.spawn();
        running.until("a request", || !server.hits().is_empty());
        let begun = Instant::now();
        running.signal(Signal::TERM);
        running.wait().exits(143);
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
}

#[test]
fn a_second_signal_ends_the_run_at_once() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
    let server = Server::with(&all);
    let mut running = start_slowly(&sandbox, &server, &all);
    running.signal(Signal::INT);
    if running.is_running() {
        running.signal(Signal::INT);
    }
    let outcome = running.wait();
    outcome.expect(
        outcome.status == Some(130) || outcome.signal == Some(2),
        "exit status 130, or the signal itself",
    );
    server.clear_faults();
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn the_report_of_an_interrupted_fetch_is_complete() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 1), archive(2, 5)]);
    let server = Server::with(&all);
    server.inject(Fault::Stall { after: 100_000 }.on(&all[1].path()));
    let fetch = sandbox.fetch(&server, &all).args(["--stall-timeout", "60"]);
    let mut running = fetch.spawn();
    running.until("the first archive", || sandbox.data().join(NAMES[0]).exists());
    let begun = || server.hits_on(&all[1].path()).iter().any(|hit| hit.sent >= 100_000);
    running.until("bytes of the second", begun);
    std::thread::sleep(Duration::from_millis(300));
    running.signal(Signal::INT);
    let outcome = running.wait();
    outcome.exits(130);
    let report = outcome.report();
    report.line(NAMES[0]).is("ok");
    report.line(NAMES[1]).is("incomplete");
    assert_eq!(report.value["ok"], false);
}

#[test]
fn an_interrupted_verify_ends_within_two_seconds() {
    let sandbox = Sandbox::new();
    let all = vec![archive(1, 1)];
    // Too large to be hashed before the signal. A sparse file takes no space.
    let file = std::fs::File::create(sandbox.data().join(NAMES[0])).unwrap();
    file.set_len(200 << 30).unwrap();
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let running = sandbox.verify(&all).arg("data").spawn();
        std::thread::sleep(Duration::from_millis(300));
        let begun = Instant::now();
        running.signal(signal);
        running.wait().exits(status);
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
}

#[test]
fn a_closed_standard_output_is_no_error() {
    let (sandbox, all) = (Sandbox::new(), archives(4));
    let server = Server::with(&all);
    let table = sandbox.table(&all);
    let runs = [
        sandbox.cxr(["checksums"]),
        sandbox.cxr(["list"]),
        sandbox.cxr(["man"]),
        sandbox.cxr(["--help"]),
        sandbox.cxr(["completions", "bash"]),
        sandbox.cxr(["verify", "data", "--checksums"]).arg(&table),
        sandbox.cxr(["verify", "data", "--format", "json", "--checksums"]).arg(&table),
        sandbox.fetch(&server, &all),
    ];
    for run in runs {
        let mut child = run.command().spawn().unwrap();
        drop(child.stdout.take());
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let status = child.wait().unwrap();
        assert!(!stderr.contains("panic") && !stderr.contains("roken pipe"), "{status}\n{stderr}");
    }
    // The archives are still fetched.
    for archive in &all {
        sandbox.assert_archive(archive);
    }
}

#[test]
fn a_closed_standard_error_is_no_error() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    server.inject(Fault::Status(503).first(2));
    let mut child = sandbox.fetch(&server, &all).arg("-v").command().spawn().unwrap();
    drop(child.stderr.take());
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    assert!(child.wait().unwrap().success(), "{stdout}");
    sandbox.assert_archive(&all[0]);
}

#[test]
fn a_report_to_a_full_device_is_an_error() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put_archive(&all[0]);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = sandbox.verify(&all).arg("data").command();
    let output = command.stdout(Stdio::from(full)).output().unwrap();
    assert!(!output.status.success(), "the report was lost");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panic"));
}

#[test]
fn a_check_that_ends_after_the_signal_does_not_block_the_run() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    // One archive is downloading. The other is wrong, and the request for its size hangs.
    server.inject(Fault::Throttle { rate: 50_000 }.on(&all[0].path()));
    server.inject(Fault::Silence.on(&all[1].path()));
    sandbox.put(format!("data/{}", all[1].name), all[1].flipped(1000));
    let mut running = sandbox.fetch(&server, &all).args(["--connect-timeout", "20"]).spawn();
    let asked = |archive: &Archive| !server.hits_on(&archive.path()).is_empty();
    running.until("requests for both", || all.iter().all(asked));
    running.signal(Signal::INT);
    let outcome = running.wait_for(Duration::from_secs(10));
    let report = outcome.exits(130).report();
    assert_eq!(report.lines().len(), 2, "{}", report.shown());
}
