//! Report files: when they are written, which files they may replace, and their formats.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use crate::output::mixed;
use crate::support::{
    Archive, Cxr, Fault, NAMES, Sandbox, Server, archive, archives, python_with, schema_error,
    wait_until, xml_schema_error,
};

/// `cxr fetch` with its text on standard output.
fn fetch(sandbox: &Sandbox, server: &Server, all: &[Archive]) -> Cxr {
    sandbox.fetch(server, all).args(["--format", "text"])
}

/// The files in the sandbox's own folder, to see that nothing is left beside a report.
pub fn beside(sandbox: &Sandbox) -> Vec<String> {
    let names = fs::read_dir(sandbox.root()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| !matches!(name.as_str(), "data" | "home"));
    names.sort();
    names
}

#[test]
fn a_report_file_gets_json_and_the_terminal_text() {
    let sandbox = Sandbox::new();
    let (server, all) = mixed(&sandbox);
    let outcome = fetch(&sandbox, &server, &all).args(["--report", "report.json"]).run();
    outcome.exits(1).prints_line(&["ok", NAMES[0]]).prints_line(&["corrupt", NAMES[2]]).is_plain();
    let report = outcome.report_in(&fs::read(sandbox.path("report.json")).unwrap());
    assert_eq!(report.verdicts(), ["ok", "foreign", "corrupt", "unreachable", "error"]);
    assert_eq!(beside(&sandbox), ["report.json", "table.md5"]);
}

#[test]
fn verify_writes_the_same_json_to_the_file_and_standard_output() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    sandbox.put_archive(&all[0]);
    let verify = sandbox.verify(&all).args(["data", "--report", "report.json"]);
    let outcome = verify.args(["--junit", "junit.xml"]).run();
    outcome.exits(1);
    assert_eq!(fs::read(sandbox.path("report.json")).unwrap(), outcome.stdout);
    outcome.report();
    assert_eq!(beside(&sandbox), ["junit.xml", "report.json", "table.md5"]);
}

#[test]
fn reports_are_written_after_a_signal() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 1), archive(2, 5)]);
    let server = Server::with(&all);
    server.inject(Fault::Stall { after: 100_000 }.on(&all[1].path()));
    let fetch = fetch(&sandbox, &server, &all).args(["--stall-timeout", "60"]);
    let mut running = fetch.args(["--report", "r.json", "--junit", "j.xml"]).spawn();
    running.until("the first archive", || sandbox.data().join(NAMES[0]).exists());
    assert_eq!(beside(&sandbox), ["table.md5"], "a report before the end");
    running.signal(Signal::TERM);
    let outcome = running.wait();
    let report = outcome.exits(143).report_in(&fs::read(sandbox.path("r.json")).unwrap());
    report.line(NAMES[0]).is("ok");
    report.line(NAMES[1]).because("interrupted");
    let Some(junit) = junit(&sandbox.path("j.xml")) else { return };
    assert_eq!(junit["suites"][0]["failures"], "1", "{junit}");
}

#[test]
fn a_report_that_cannot_be_written_is_an_error_before_the_first_request() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    for (option, path) in
        [("--report", "no/such/folder.json"), ("--junit", "data"), ("--report", "/proc/x.json")]
    {
        let outcome = sandbox.fetch(&server, &all).args([option, path]).run();
        outcome.exits(2).says(path).says("could not be written");
        let error = outcome.report().value["error"].as_str().unwrap().to_owned();
        outcome.expect(error.contains(path), "the reason in the document");
        assert!(server.hits().is_empty(), "{outcome}");
    }
}

#[test]
fn a_report_replaces_only_another_report() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put_archive(&all[0]);
    sandbox.put("mine.gz", &*all[0].bytes);
    let into = |option: &str, path: &str| sandbox.verify(&all).args(["data", option, path]).run();
    for option in ["--report", "--junit"] {
        into(option, "mine.gz").exits(2).says("exists and is not a");
        into(option, "document").exits(0);
        into(option, "document").exits(0);
        let other = if option == "--report" { "--junit" } else { "--report" };
        into(other, "document").exits(2).says("exists and is not a");
        fs::remove_file(sandbox.path("document")).unwrap();
    }
    sandbox.assert_content("mine.gz", &all[0].bytes);
}

/// Asserts that a run is refused because of its report files, and writes nothing.
#[track_caller]
fn assert_refused(sandbox: &Sandbox, run: Cxr, words: &str) {
    let before = sandbox.files(".");
    let outcome = run.run();
    outcome.exits(2).says(words).says("name another file");
    let error = outcome.report().value["error"].as_str().unwrap().to_owned();
    outcome.expect(error.contains(words), "the reason in the document");
    assert_eq!(sandbox.files("."), before, "{outcome}");
}

#[test]
fn two_documents_are_never_one_file() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    symlink("x", sandbox.path("link")).unwrap();
    symlink("data", sandbox.path("folder")).unwrap();
    sandbox.put("report", "");
    fs::hard_link(sandbox.path("report"), sandbox.path("second")).unwrap();
    for (first, second) in
        [("x", "x"), ("x", "./x"), ("x", "link"), ("data/x", "folder/x"), ("report", "second")]
    {
        for (one, other) in [("report", "junit"), ("events", "report"), ("events", "junit")] {
            let words = format!("--{other} {second} is also the file of --{one}");
            let options = [format!("--{one}={first}"), format!("--{other}={second}")];
            assert_refused(&sandbox, sandbox.fetch(&server, &all).args(&options), &words);
            assert_refused(&sandbox, sandbox.verify(&all).arg("data").args(&options), &words);
        }
    }
    assert!(server.hits().is_empty());
    // Two reports can share a device.
    let fetch = sandbox.fetch(&server, &all).args(["--report", "/dev/null"]);
    fetch.args(["--junit", "/dev/null", "--events", "/dev/null"]).report(0).all_ok();
}

#[test]
fn no_report_overwrites_a_file_that_the_run_needs() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    sandbox.put_archive(&all[1]);
    // Both look like report files.
    sandbox.put("empty", "");
    sandbox.put("old.json", "{\"schema\":\"cxr.report/1\"}");
    symlink("data", sandbox.path("folder")).unwrap();
    let first = format!("folder/{}", NAMES[0]);
    let place = format!("{first} is reserved for {}", NAMES[0]);
    let into = |run: Cxr, path: &str| run.args(["--report", path]);
    assert_refused(&sandbox, into(sandbox.fetch(&server, &all), &first), &place);
    assert_refused(&sandbox, into(sandbox.fetch_from("data", &all).dir("x"), &first), &place);
    for what in [&["data"][..], &["--from", "data"]] {
        assert_refused(&sandbox, into(sandbox.verify(&all).args(what), &first), &place);
        let here = sandbox.verify(&all).in_folder(&sandbox.data()).args(["--report", NAMES[0]]);
        assert_refused(&sandbox, here, &format!("{0} is reserved for {0}", NAMES[0]));
    }
    let verify = |what: &str| sandbox.verify(&all).arg(what);
    assert_refused(
        &sandbox,
        into(verify("old.json"), "./old.json"),
        "./old.json is a file to verify",
    );
    let slow = ["--limit-rate-file", "empty"];
    let words = "./empty is also the file of --limit-rate-file";
    assert_refused(&sandbox, into(verify("data").args(slow), "./empty"), words);
    assert_refused(&sandbox, into(sandbox.fetch(&server, &all).args(slow), "./empty"), words);
    let table = sandbox.cxr(["verify", "--format", "json", "--checksums", "empty"]);
    assert_refused(&sandbox, into(table, "./empty"), "./empty is the table");
    sandbox.put("data/.cxr/lock", "");
    let own = into(sandbox.fetch(&server, &all), "folder/.cxr/lock");
    assert_refused(&sandbox, own, "folder/.cxr/lock is in `.cxr`, where cxr keeps its own files");
    let roots = sandbox.fetch(&server, &all).args(["--cacert", "empty"]);
    assert_refused(&sandbox, into(roots, "./empty"), "./empty is also the file of --cacert");
    let job = verify("data").env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", "empty");
    assert_refused(&sandbox, into(job, "./empty"), "./empty is the summary of the GitHub step");
    assert!(server.hits().is_empty());
}

#[test]
fn no_report_overwrites_the_file_of_a_standard_stream() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put_archive(&all[0]);
    for (stream, path, words) in [
        (">out", "./out", "standard output"),
        (">out", "/dev/stdout", "standard output"),
        ("2>out", "out", "standard error"),
    ] {
        let verify = sandbox.verify(&all).args(["data", "--format", "text", "--junit", path]);
        let run = verify.started_by(["sh", "-c", &format!("exec \"$0\" \"$@\" {stream}")]).run();
        run.exits(2);
        let out = fs::read_to_string(sandbox.path("out")).unwrap();
        let said = format!("{}{out}", run.stderr());
        assert!(said.contains(&format!("{path} is where {words} goes")), "{said}");
    }
}

/// As if another program creates it during the run.
#[test]
fn a_file_created_at_the_reports_path_during_the_run_is_kept() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 1)]);
    let server = Server::with(&all);
    server.inject(Fault::Stall { after: 100_000 }.first(1));
    let mut running = sandbox.fetch(&server, &all).args(["--report", "r.json"]).spawn();
    running.until("some bytes", || server.sent() >= 100_000);
    sandbox.put("r.json", "mine");
    running.wait().exits(3).says("r.json exists and is not a cxr report").report().all_ok();
    sandbox.assert_content("r.json", b"mine");
}

#[test]
fn a_report_may_go_into_a_pipe() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put_archive(&all[0]);
    sandbox.table(&all);
    let script = "exec 3>&1; { \"$0\" verify data --checksums table.md5 --report /dev/fd/1 >&3; }";
    let mut command = Command::new("bash");
    command.args(["-c", &format!("({script}) | cat >both"), env!("CARGO_BIN_EXE_cxr")]);
    let status = command.current_dir(sandbox.root()).status().unwrap();
    assert!(status.success());
    let both = fs::read_to_string(sandbox.path("both")).unwrap();
    assert!(both.contains("{\"schema\":\"cxr.report/1\"") && both.contains("ok  "), "{both}");
}

#[test]
fn a_report_lost_at_the_end_is_an_error() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put_archive(&all[0]);
    let outcome = sandbox.verify(&all).args(["data", "--report", "/dev/full"]).run();
    outcome.exits(3).says("/dev/full could not be written");
    outcome.report().all_ok();
}

/// Runs that cannot start, each with its exit status and a word of the reason.
pub fn cannot_begin(sandbox: &Sandbox, all: &[Archive]) -> Vec<(Cxr, i32, &'static str)> {
    let server = Server::with(all);
    sandbox.put("broken.md5", "this is no table\n");
    sandbox.put("broken.pem", "this is no certificate\n");
    sandbox.put("file", "");
    let broken = ["--format", "json", "--checksums", "broken.md5"];
    vec![
        (sandbox.fetch(&server, all).args(["--cacert", "broken.pem"]), 2, "broken.pem"),
        (sandbox.fetch(&server, all).arg("no-such-archive"), 2, "no-such-archive"),
        (sandbox.fetch_with(&sandbox.table(all)), 2, "--from"),
        (sandbox.cxr(["fetch"]).args(broken), 2, "line 1"),
        (sandbox.cxr(["verify"]).args(broken), 2, "line 1"),
        (sandbox.fetch(&server, all).dir("file"), 3, "file could not be created"),
    ]
}

#[test]
fn a_run_that_cannot_start_says_so_in_every_format() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    for (run, status, word) in cannot_begin(&sandbox, &all) {
        let outcome = run.args(["--report", "r.json", "--junit", "j.xml"]).run();
        outcome.exits(status).says(word);
        let report = outcome.report();
        assert_eq!(fs::read(sandbox.path("r.json")).unwrap(), outcome.stdout);
        let error = report.value["error"].as_str().unwrap_or_default();
        outcome.expect(error.contains(word), format_args!("{word:?} in the error"));
        assert_eq!(report.value["ok"], false);
        assert!(report.lines().is_empty());
        let Some(junit) = junit(&sandbox.path("j.xml")) else { continue };
        assert_eq!(junit["suites"][0]["errors"], "1", "{junit}");
    }
}

#[test]
fn a_busy_folder_is_reported() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 200_000 });
    let mut first = sandbox.fetch(&server, &all).spawn();
    first.until("some bytes", || server.sent() > 20_000);
    let second = sandbox.fetch(&server, &all).run();
    let report = second.exits(3).report();
    let error = report.value["error"].as_str().unwrap();
    assert!(error.contains(&first.id().to_string()), "{error}");
    let waiting = sandbox.fetch(&server, &all).args(["--wait", "--report", "r.json"]).spawn();
    wait_until("the second to wait", || waiting.stderr().contains("waiting"));
    waiting.signal(Signal::INT);
    let outcome = waiting.wait();
    let report = outcome.exits(130).report_in(&fs::read(sandbox.path("r.json")).unwrap());
    assert!(report.value["error"].as_str().unwrap().contains("interrupted while waiting"));
}

#[test]
fn the_json_list_fits_its_schema() {
    let (sandbox, all) = (Sandbox::new(), archives(4));
    sandbox.put_archive(&all[0]);
    sandbox.put(format!("data/{}", NAMES[1]), b"short");
    fs::create_dir(sandbox.data().join(NAMES[2])).unwrap();
    sandbox.put("data/.cxr/of_another_table.gz.00000000.part", b"begun");
    let sized: Vec<_> = all.iter().map(|archive| (archive, "https://m.org/x")).collect();
    for table in [sandbox.table_with_sizes(&sized), sandbox.table(&all)] {
        let list = sandbox.cxr(["list", "-d", "data", "--format", "json", "--checksums"]);
        let outcome = list.arg(table).run();
        outcome.exits(0).prints("of_another_table.gz");
        let wrong = schema_error("list", &outcome.stdout());
        assert_eq!(wrong, None, "{outcome}");
    }
}

/// Reads a JUnit file with Python, and asserts that it fits the schema. Returns `None` without
/// Python.
#[track_caller]
fn junit(path: &Path) -> Option<Value> {
    const READ: &str = "
import json, sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
outcome = lambda case: [dict(kind=part.tag, text=part.text, **part.attrib) for part in case]
cases = lambda suite: [dict(case.attrib, outcome=outcome(case)) for case in suite]
suites = [dict(suite.attrib, cases=cases(suite)) for suite in root]
print(json.dumps(dict(root.attrib, root=root.tag, suites=suites)))
";
    let invalid = xml_schema_error("junit.xsd", path);
    assert!(invalid.is_none(), "{invalid:?}\n{}", fs::read_to_string(path).unwrap());
    let output = Command::new(python_with("xml.etree")?).args(["-c", READ]).arg(path).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn junit_has_one_case_for_each_archive() {
    let sandbox = Sandbox::new();
    let (server, all) = mixed(&sandbox);
    let outcome = fetch(&sandbox, &server, &all).args(["--junit", "junit.xml"]).run();
    outcome.exits(1);
    let Some(junit) = junit(&sandbox.path("junit.xml")) else { return };
    let suite = &junit["suites"][0];
    for counts in [&junit, suite] {
        let counts: Vec<_> =
            ["name", "tests", "failures", "errors"].iter().map(|name| &counts[name]).collect();
        assert_eq!(counts, ["cxr fetch", "5", "2", "2"], "{junit}");
    }
    let cases = suite["cases"].as_array().unwrap();
    let expected = [
        ("", "ok"),
        ("failure", "foreign"),
        ("failure", "corrupt"),
        ("error", "unreachable"),
        ("error", "error"),
    ];
    for ((case, archive), (kind, verdict)) in cases.iter().zip(&all).zip(expected) {
        assert_eq!(case["name"], *archive.name);
        assert!(case["time"].as_str().unwrap().parse::<f64>().is_ok(), "{case}");
        let outcome = &case["outcome"];
        if kind.is_empty() {
            assert_eq!(outcome.as_array().unwrap().len(), 0, "{case}");
        } else {
            assert_eq!((&outcome[0]["kind"], &outcome[0]["type"]), (&kind.into(), &verdict.into()));
            assert!(outcome[0]["text"].as_str().unwrap().contains("next: "), "{case}");
        }
    }
}

#[test]
fn junit_is_valid_with_any_archive_name() {
    let sandbox = Sandbox::new();
    let names = ["a\u{1}\u{b}\u{1b}<b>&\"'", "]]>\u{fffe}\u{ffff}", "e\u{85}\u{2028}\u{202e}", "ü"];
    let all: Vec<_> = names.map(|name| Archive::new(name, b"\x1f\x8bx".to_vec())).into();
    sandbox.put_archive(&all[3]);
    let verify = sandbox.verify(&all).args(["data", "data", "--junit", "junit.xml"]);
    verify.run().exits(1);
    let Some(junit) = junit(&sandbox.path("junit.xml")) else { return };
    let name = |at: usize| junit["suites"][0]["cases"][at]["name"].as_str().unwrap();
    assert!(name(0).starts_with("a\\u{1}\\u{b}\\u{1b}<b>&\"'"), "{junit}");
    assert!(name(3).starts_with("ü (data/ü"), "{junit}");
}
