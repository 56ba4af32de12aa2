//! The help and the main messages of the program, word for word, as files in `tests/snapshots/`.
//!
//! After a change of words, `INSTA_UPDATE=always cargo test --locked --test cxr wording::` writes
//! the files anew; `git diff tests/snapshots` then shows the change as a whole.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use regex::Regex;
use rustix::process::Signal;

use crate::output::mixed;
use crate::support::{Archive, Cxr, Fault, NAMES, Outcome, Sandbox, Server, archive, archives};

/// Lines of a terminal, with one for the prompt of the shell.
const SCREEN: usize = 25;

const COMMANDS: [&str; 10] = [
    "fetch",
    "verify",
    "extract",
    "labels",
    "list",
    "checksums",
    "selftest",
    "cite",
    "completions",
    "man",
];

/// Patterns of text that differs between runs or machines, and their replacements.
const REDACTED: [(&str, &str); 12] = [
    (r"127\.0\.0\.1:[0-9]+", "127.0.0.1:[PORT]"),
    (r"process [0-9]+", "process [ID]"),
    (r"\b[0-9a-f]{64}\b", "[SHA-256]"),
    (r"\b[0-9a-f]{32}\b", "[MD5]"),
    (r"\b[0-9a-f]{8}\.(part|journal)", "[HEX].$1"),
    (r"\b[0-9]+(\.[0-9]+)? [KM]iB", "[SIZE]"),
    (r"\b[0-9]+ bytes", "[N] bytes"),
    (r"\b[0-9]+ of \[N\]", "[N] of [N]"),
    (r"the table says [0-9]+", "the table says [N]"),
    (r"\bbytes [0-9]+ to [0-9]+", "bytes [N] to [N]"),
    (r"\b[0-9]+(\.[0-9]+)? %", "[N] %"),
    (r"\b[0-9]+(\.[0-9]+)? (ms|s)\b", "[TIME]"),
];

/// Compares the text with the file of this name.
fn compare(name: &str, text: &str) {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    insta::with_settings!({
        snapshot_path => "../snapshots",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, lines.join("\n"));
    });
}

/// The answer of a command on a terminal of 80 columns.
fn answer(arguments: &[&str]) -> String {
    Sandbox::new().cxr(arguments).env("COLUMNS", "80").run().exits(0).stdout()
}

#[test]
fn the_short_help_fits_on_a_screen() {
    for command in COMMANDS {
        let help = answer(&[command, "-h"]);
        assert!(help.lines().count() < SCREEN, "{help}");
        compare(&format!("help-{command}-short"), &help);
    }
    let help = answer(&["-h"]);
    assert!(help.lines().count() < SCREEN, "{help}");
    compare("help-short", &help);
}

#[test]
fn the_long_help_has_all_options_examples_and_exit_statuses() {
    for command in COMMANDS {
        compare(&format!("help-{command}"), &answer(&[command, "--help"]));
    }
    compare("help", &answer(&["--help"]));
}

/// Adds a run to the text: what was typed, the exit status, and both streams.
fn add(text: &mut String, sandbox: &Sandbox, outcome: &Outcome) {
    let stderr = match outcome.stderr() {
        stderr if stderr.is_empty() => stderr,
        stderr => format!("[standard error]\n{stderr}"),
    };
    let (command, status) = (&outcome.command, outcome.status.unwrap());
    let shown = format!("$ {command}\n{}{stderr}[exit status {status}]\n", outcome.stdout());
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let root = sandbox.root().to_string_lossy();
    let mut shown = shown.replace(&*root, "[SANDBOX]").replace(&host, "[HOST]");
    for (pattern, with) in REDACTED {
        shown = Regex::new(pattern).unwrap().replace_all(&shown, with).into_owned();
    }
    writeln!(text, "{shown}").unwrap();
}

#[track_caller]
fn compare_run(name: &str, sandbox: &Sandbox, status: i32, run: Cxr) {
    compare_outcome(name, sandbox, run.run().exits(status));
}

fn compare_outcome(name: &str, sandbox: &Sandbox, outcome: &Outcome) {
    let mut text = String::new();
    add(&mut text, sandbox, outcome);
    compare(name, &text);
}

/// `cxr COMMAND` with a table in the sandbox that has sizes and addresses at the server.
fn cxr(sandbox: &Sandbox, command: &str, server: &Server, all: &[Archive]) -> Cxr {
    let address = |archive: &Archive| format!("{}{}", server.base(), archive.path());
    let addresses: Vec<String> = all.iter().map(address).collect();
    let rows: Vec<_> = all.iter().zip(addresses.iter().map(String::as_str)).collect();
    sandbox.table_with_sizes(&rows);
    sandbox.cxr([command, "--checksums", "table.tsv"])
}

/// `cxr fetch` of one archive at a time over one connection.
fn fetch(sandbox: &Sandbox, server: &Server, all: &[Archive]) -> Cxr {
    let words = ["-d", "data", "-j", "1", "-c", "1", "--retries", "2"];
    cxr(sandbox, "fetch", server, all).args(words)
}

/// Puts archives into the data folder: one that is right, one with a wrong bit, one that is short,
/// a web page in the place of one, and a folder in the place of one. The first is missing.
fn put_one_of_each(sandbox: &Sandbox) -> Vec<Archive> {
    let all = archives(6);
    let put = |archive: &Archive, bytes: &[u8]| {
        sandbox.put(Path::new("data").join(&archive.name), bytes);
    };
    put(&all[1], &all[1].bytes);
    put(&all[2], &all[2].flipped(100_000));
    put(&all[3], &all[3].bytes[..200_000]);
    put(&all[4], b"<!DOCTYPE html><title>Sign in</title>");
    fs::create_dir(sandbox.data().join(&all[5].name)).unwrap();
    all
}

#[test]
fn the_verdicts_of_fetch() {
    let sandbox = Sandbox::new();
    let (server, all) = mixed(&sandbox);
    sandbox.table(&all);
    // A table without sizes: a server that offers another size is then not refused for it.
    let words = ["fetch", "-d", "data", "--checksums", "table.md5", "-j", "1", "-c", "1", "-q"];
    let run = sandbox.cxr(words).args(["--retries", "2", "--from", &server.base()]);
    compare_run("fetch-verdicts", &sandbox, 1, run);
}

#[test]
fn a_fetch_that_stops_at_the_first_failure() {
    let (sandbox, server, all) = (Sandbox::new(), Server::new(), archives(2));
    // The second archive may begin before the failure of the first is noticed.
    server.inject(Fault::Stall { after: 0 }.on(&all[1].path()));
    let run = fetch(&sandbox, &server, &all).args(["--fail-fast", "-q"]);
    compare_run("fetch-fail-fast", &sandbox, 1, run);
}

#[test]
fn a_dry_run() {
    let (sandbox, server) = (Sandbox::new(), Server::new());
    let all = put_one_of_each(&sandbox);
    let run = fetch(&sandbox, &server, &all).args(["--dry-run", "-q"]);
    compare_run("fetch-dry-run", &sandbox, 1, run);
}

#[test]
fn a_fetch_with_failed_attempts_and_the_same_again() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::Status(503).first(1));
    server.inject(Fault::Page("<html><title>Sign in</title>").first(2));
    server.inject(Fault::Reset { after: 100_000 }.first(3));
    let run = fetch(&sandbox, &server, &all).args(["--retries", "8", "-v"]);
    compare_run("fetch-retries", &sandbox, 0, run);
    compare_run("fetch-again", &sandbox, 0, fetch(&sandbox, &server, &all));
}

#[test]
fn a_fetch_that_repairs_a_file() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    sandbox.put(Path::new("data").join(NAMES[0]), all[0].flipped(100_000));
    compare_run("fetch-repair", &sandbox, 0, fetch(&sandbox, &server, &all));
}

#[test]
fn a_fetch_into_a_folder_in_use_one_that_is_interrupted_and_one_that_resumes() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 200_000 });
    let mut first = fetch(&sandbox, &server, &all).spawn();
    first.until("some bytes", || server.sent() > 200_000);
    compare_run("fetch-folder-in-use", &sandbox, 3, fetch(&sandbox, &server, &all));
    first.signal(Signal::INT);
    compare_outcome("fetch-interrupted", &sandbox, first.wait().exits(130));
    server.clear_faults();
    compare_run("fetch-resumed", &sandbox, 0, fetch(&sandbox, &server, &all));
}

#[test]
fn the_verdicts_of_verify_and_the_list() {
    let (sandbox, server) = (Sandbox::new(), Server::new());
    let all = put_one_of_each(&sandbox);
    let run = |command| cxr(&sandbox, command, &server, &all);
    compare_run("verify-verdicts", &sandbox, 1, run("verify").args(["-q", "data"]));
    compare_run("verify-quick", &sandbox, 1, run("verify").args(["--quick", "-q", "data"]));
    compare_run("list", &sandbox, 0, run("list").args(["-d", "data"]));
}

#[test]
fn files_that_verify_recognizes_and_does_not() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    sandbox.put("download.bin", &*all[0].bytes);
    sandbox.put("images_002 (1).tar.gz", all[0].flipped(100_000));
    sandbox.put("notes.txt", "some text\n");
    let files = ["download.bin", "images_002 (1).tar.gz", "notes.txt", "nothing"];
    let run = cxr(&sandbox, "verify", &Server::new(), &all).args(files).arg("-q");
    compare_run("verify-files", &sandbox, 1, run);
}

#[test]
fn mirrors_side_by_side() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all[..1]);
    server.inject(Fault::Flip { at: 100_000 });
    sandbox.put_archive(&all[0]);
    let run = cxr(&sandbox, "verify", &server, &all).args(["-q", "--retries", "2", "-j", "1"]);
    let mirrors = ["--from", &server.base(), "--from", "http://127.0.0.1:9", "--from", "data"];
    compare_run("verify-mirrors", &sandbox, 1, run.args(mirrors));
}

#[test]
fn errors_of_the_command_line_and_of_tables() {
    let sandbox = Sandbox::new();
    sandbox.put("bad.md5", "d41d8cd98f00b204e9800998ecf8427e  ../../etc/passwd\n");
    sandbox.put("empty.md5", "");
    sandbox.put("report.json", "something else");
    let mut text = String::new();
    for words in [
        &["nonsense"][..],
        &["fetch", "--dryrun"],
        &["fetch", "13"],
        &["fetch", "9-1"],
        &["fetch", "--jobs", "0"],
        &["fetch", "--limit-rate", "fast"],
        &["fetch", "--from", "ftp://example.org"],
        &["fetch", "--cacert", "missing.pem"],
        &["fetch", "--checksums", "empty.md5"],
        &["list", "--checksums", "missing.md5"],
        &["list", "--checksums", "bad.md5"],
        &["list", "--checksums", "data"],
        &["labels", "--names", "missing.txt"],
        &["verify", "--junit", "missing/report.xml"],
        &["verify", "--events", "empty.md5/x"],
        &["verify", "--images", "data", "--compare", "missing.tsv"],
        &["verify", "-q", "-v"],
        &["verify", "--since", "soon"],
        &["verify", "--quick", "--sha256"],
        &["verify", "--quick", "--resume"],
        &["verify", "--events", "-", "--format", "json"],
        &["verify", "--report", "report.json"],
        &["checksums", "--as", "metalink", "--from", "data"],
    ] {
        let run = sandbox.cxr(words).env("COLUMNS", "80").run();
        add(&mut text, &sandbox, run.exits(2));
    }
    compare("usage-errors", &text);
}

#[test]
fn every_snapshot_has_its_test() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots");
    for file in fs::read_dir(folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let Some(name) = name.strip_suffix(".snap") else { continue };
        let is_help = COMMANDS.iter().any(|command| name.starts_with(&format!("help-{command}")));
        let is_compared = include_str!("wording.rs").contains(&format!("\"{name}\""));
        assert!(is_help || is_compared, "no test compares {name}");
    }
}
