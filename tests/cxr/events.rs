//! The log of events.

use std::collections::HashSet;
use std::fs;
use std::io::Write;

use rustix::process::Signal;
use serde_json::Value;

use crate::output::mixed;
use crate::reports::cannot_begin;
use crate::support::{
    Cxr, Fault, NAMES, Outcome, Sandbox, Server, archive, archives, schema_error, wait_until,
    xml_schema_error,
};

/// The bytes that a pipe of Linux holds, pipe(7).
const PIPE_CAPACITY: usize = 65_536;

/// Reads a log. Asserts that each line fits the published schema, and that the log is consistent.
#[track_caller]
fn lines(log: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(log).unwrap();
    assert!(text.ends_with('\n'), "{text}");
    let lines: Vec<Value> = text
        .lines()
        .map(|line| {
            let invalid = schema_error("events", line);
            assert!(invalid.is_none(), "{invalid:?}: {line}");
            serde_json::from_str(line).unwrap()
        })
        .collect();
    let at = |event: &str| lines.iter().filter(|line| line["event"] == event).count();
    assert_eq!((at("started"), at("summary")), (1, 1), "{text}");
    assert_eq!(lines[0]["event"], "started", "{text}");
    assert_eq!(lines.last().unwrap()["event"], "summary", "{text}");
    for counter in ["seconds", "bytes_moved", "settled", "retries"] {
        let numbers: Vec<_> = lines.iter().filter_map(|line| line[counter].as_f64()).collect();
        assert!(numbers.is_sorted(), "{counter} decreases: {text}");
    }
    for line in &lines {
        let (done, total) = (line["bytes_done"].as_u64(), line["bytes_total"].as_u64());
        assert!(done <= total.or(done), "more done than the total: {line}");
    }
    lines
}

/// Reads standard output as a log.
#[track_caller]
fn streamed(outcome: &Outcome) -> Vec<Value> {
    lines(&outcome.stdout)
}

fn of<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

fn text(cxr: Cxr) -> Cxr {
    cxr.args(["--format", "text"])
}

#[test]
fn a_fetch_is_logged_from_start_to_summary() {
    let sandbox = Sandbox::new();
    let (server, all) = mixed(&sandbox);
    server.inject(Fault::Status(503).on(&all[0].path()).first(1));
    let fetch = sandbox.fetch(&server, &all).args(["--events", "events.jsonl"]);
    let outcome = fetch.run();
    let report = outcome.exits(1).report();
    let lines = lines(&fs::read(sandbox.path("events.jsonl")).unwrap());
    let verdicts = of(&lines, "verdict");
    assert_eq!(verdicts.len(), all.len());
    for verdict in verdicts {
        let name = verdict["archive"]["name"].as_str().unwrap();
        assert_eq!(verdict["archive"], *report.line(name).value, "{outcome}");
    }
    let summary = lines.last().unwrap();
    assert_eq!(summary["summary"], report.value["summary"]);
    assert_eq!((&summary["exit_status"], &summary["settled"]), (&1.into(), &5.into()));
    let retries = of(&lines, "retry");
    assert!(retries.iter().any(|retry| retry["reason"].as_str().unwrap().contains("503")));
    assert_eq!(summary["retries"], retries.len());
    let begun = of(&lines, "begun");
    assert!(begun.iter().any(|begun| begun["archive"] == NAMES[0] && begun["activity"] == "fetch"));
}

#[test]
fn events_on_standard_output_are_alone_there() {
    let sandbox = Sandbox::new();
    let (server, all) = mixed(&sandbox);
    let fetch = text(sandbox.fetch(&server, &all)).args(["--events", "-", "--report", "r.json"]);
    let outcome = fetch.run();
    let lines = streamed(outcome.exits(1));
    let report = outcome.report_in(&fs::read(sandbox.path("r.json")).unwrap());
    assert_eq!(lines.last().unwrap()["summary"], report.value["summary"]);
    let verify = text(sandbox.verify(&all)).args(["data", "--events=-"]).run();
    let verdicts = streamed(verify.exits(1));
    assert_eq!(of(&verdicts, "verdict").len(), all.len());
}

#[test]
fn two_documents_on_standard_output_are_refused() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let outcome = sandbox.verify(&all).args(["data", "--events", "-"]).run();
    outcome.exits(2).says("--report").expect(outcome.stdout.is_empty(), "nothing on either");
}

#[test]
fn a_reader_sees_each_line_at_once() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    server.inject(Fault::Stall { after: 100_000 });
    let fetch = text(sandbox.fetch(&server, &all)).args(["--events", "-"]);
    let running = fetch.args(["--stall-timeout", "600"]).spawn();
    let is_progress = |line: &str| {
        // The last line may be incomplete.
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        line["event"] == "progress" && line["active"][0]["archive"] == NAMES[0]
    };
    // The lines appear although the run waits for its server.
    wait_until("the start", || running.stdout().contains("\"begun\""));
    wait_until("progress", || running.stdout().lines().any(is_progress));
    running.kill();
}

#[test]
fn progress_is_logged_about_once_a_second() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 800_000 });
    let fetch = text(sandbox.fetch(&server, &all)).args(["--events", "-", "-c", "1"]);
    let outcome = fetch.run();
    let lines = streamed(outcome.exits(0));
    let progress = of(&lines, "progress");
    let seconds = lines.last().unwrap()["seconds"].as_f64().unwrap();
    // The first line is written at the start.
    assert!(progress.len() >= 2 && progress.len() as f64 <= seconds + 2.0, "{outcome}");
    assert!(progress.last().unwrap()["bytes_moved"].as_u64() > Some(0), "{outcome}");
}

#[test]
fn the_summary_is_written_after_a_signal() {
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
        let server = Server::with(&all);
        server.inject(Fault::Throttle { rate: 200_000 });
        let mut running = text(sandbox.fetch(&server, &all)).args(["--events", "-"]).spawn();
        running.until("some bytes", || server.sent() > 50_000);
        running.signal(signal);
        let outcome = running.wait();
        let lines = streamed(outcome.exits(status));
        let summary = lines.last().unwrap();
        assert_eq!((&summary["exit_status"], &summary["ok"]), (&status.into(), &false.into()));
        assert_eq!(of(&lines, "verdict").len(), 1);
    }
}

#[test]
fn the_summary_is_written_if_the_run_cannot_start() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    for (run, status, word) in cannot_begin(&sandbox, &all) {
        let lines = streamed(text(run).args(["--events", "-"]).run().exits(status));
        assert_eq!(lines.len(), 2, "{lines:#?}");
        assert!(lines[1]["error"].as_str().unwrap().contains(word), "{}", lines[1]);
        assert_eq!(lines[1]["exit_status"], status);
    }
    let outcome =
        text(sandbox.verify(&all)).args(["data", "--events", "-", "--report", "no/r.json"]).run();
    let lines = streamed(outcome.exits(2));
    assert!(lines[1]["error"].as_str().unwrap().contains("no/r.json"), "{}", lines[1]);
}

#[test]
fn a_log_replaces_only_another_log() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put_archive(&all[0]);
    sandbox.put("mine.gz", &*all[0].bytes);
    let into = |path: &str| sandbox.verify(&all).args(["data", "--events", path]).run();
    into("mine.gz").exits(2).says("exists and is not a");
    into("data").exits(2).says("could not be written");
    into("no/such/folder").exits(2).says("could not be written");
    for _ in 0..2 {
        into("events.jsonl").exits(0);
        lines(&fs::read(sandbox.path("events.jsonl")).unwrap());
    }
    into("/dev/null").exits(0);
    into("/dev/full").exits(3).says("the event log is incomplete");
    sandbox.assert_content("mine.gz", &all[0].bytes);
}

#[test]
fn a_reader_of_events_that_closes_the_pipe_is_no_error() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    let fetch = text(sandbox.fetch(&server, &all)).args(["--events", "-"]);
    let mut child = fetch.command().spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
    sandbox.assert_archive(&all[1]);
}

#[test]
fn checked_mirrors_are_distinguished_in_every_report() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let (one, two) = (Server::with(&all), Server::with(&all[..1]));
    let verify = text(sandbox.verify(&all)).args(["--from", &one.base(), "--from", &two.base()]);
    let outcome = verify.args(["--events", "-", "--junit", "junit.xml"]).run();
    let lines = streamed(outcome.exits(1));
    let verdicts = of(&lines, "verdict");
    assert_eq!(verdicts.len(), 4, "{outcome}");
    let sources: HashSet<_> =
        of(&lines, "begun").iter().map(|begun| begun["source"].to_string()).collect();
    assert_eq!(sources.len(), 2, "{outcome}");
    let junit = fs::read_to_string(sandbox.path("junit.xml")).unwrap();
    let name = format!("name=\"{} ({}/)\"", NAMES[1], two.base());
    assert!(junit.contains(&name), "{junit}");
    let invalid = xml_schema_error("junit.xsd", &sandbox.path("junit.xml"));
    assert!(invalid.is_none(), "{invalid:?}");
}

#[test]
fn a_reader_that_reads_nothing_does_not_stop_the_fetch() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    server.inject(Fault::Status(503).first(2));
    let fetch = text(sandbox.fetch(&server, &all)).args(["--events", "-"]);
    let (reader, mut writer) = std::io::pipe().unwrap();
    // The pipe is full before the run starts: its first event already has to wait.
    writer.write_all(&vec![b'\n'; PIPE_CAPACITY]).unwrap();
    let mut child = fetch.command().stdout(writer).spawn().unwrap();
    wait_until("the archives", || NAMES[..2].iter().all(|name| sandbox.data().join(name).exists()));
    assert!(child.try_wait().unwrap().is_none(), "the log was not written");
    drop(reader);
    assert!(child.wait().unwrap().success());
    sandbox.assert_archive(&all[0]);
    sandbox.assert_archive(&all[1]);
}
