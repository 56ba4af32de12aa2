//! The output on both streams.

use serde_json::Value;

use crate::support::{Archive, Fault, NAMES, Sandbox, Server, archive, archives, on_a_terminal};

const FIELDS: [&str; 18] = [
    "name",
    "verdict",
    "expected_md5",
    "actual_md5",
    "expected_sha256",
    "actual_sha256",
    "digest",
    "expected_size",
    "actual_size",
    "path",
    "source",
    "bytes_downloaded",
    "bytes_reused",
    "attempts",
    "seconds",
    "detail",
    "next",
    "damage",
];

/// Prepares a fetch with these verdicts: ok, foreign, corrupt, unreachable, error.
pub fn mixed(sandbox: &Sandbox) -> (Server, Vec<Archive>) {
    let all: Vec<_> = (1..=5).map(|number| archive(number, 1)).collect();
    let server = Server::with(&all);
    server.serve(&all[1].path(), &all[0].bytes);
    server.inject(Fault::Flip { at: 100_000 }.on(&all[2].path()));
    server.inject(Fault::Status(404).on(&all[3].path()));
    std::fs::create_dir(sandbox.data().join(&all[4].name)).unwrap();
    (server, all)
}

const MIXED: [&str; 5] = ["ok", "foreign", "corrupt", "unreachable", "error"];

#[test]
fn every_verdict_has_its_fields_its_reason_and_its_next_step() {
    let sandbox = Sandbox::new();
    let (server, all) = mixed(&sandbox);
    let report = sandbox.fetch(&server, &all).report(1);
    assert_eq!(report.verdicts(), MIXED);
    assert_eq!(report.value["ok"], false);
    for line in report.lines() {
        for field in FIELDS {
            assert!(line.value.get(field).is_some(), "no field {field:?}{}", report.shown());
        }
        let is_ok = line.verdict() == "ok";
        assert_eq!(line.value["next"].is_null(), is_ok, "{}", report.shown());
        assert!(is_ok || !line.detail().is_empty(), "{}", report.shown());
        assert!(line.value["seconds"].as_f64().is_some_and(|seconds| seconds >= 0.0));
    }
    for verdict in MIXED {
        assert_eq!(report.value["summary"][verdict], 1, "{}", report.shown());
    }
    assert!(report.value["summary"]["seconds"].is_number());
}

#[test]
fn text_has_one_plain_line_for_each_archive() {
    let sandbox = Sandbox::new();
    let (server, all) = mixed(&sandbox);
    let table = sandbox.table(&all);
    let fetch = sandbox.cxr(["fetch", "--dir", "data", "--retries", "2", "--checksums"]);
    let outcome = fetch.arg(table).args(["--from", &server.base()]).run();
    outcome.exits(1).is_plain();
    let stdout = outcome.stdout();
    let lines: Vec<_> = stdout.lines().filter(|line| line.contains("images_00")).collect();
    outcome.expect(lines.len() == 5, "five lines");
    for ((line, archive), verdict) in lines.iter().zip(&all).zip(MIXED) {
        outcome.expect(
            line.split_whitespace().take(2).eq([verdict, &archive.name]),
            format_args!("{verdict} and {} first in their line", archive.name),
        );
    }
}

#[test]
fn quiet_prints_nothing_if_all_is_well() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    let outcome = sandbox.fetch(&server, &all).arg("--quiet").run();
    outcome.exits(0).expect(outcome.stderr.is_empty(), "nothing on standard error");
    let outcome = sandbox.verify(&all).args(["-q", "data"]).run();
    outcome.exits(0).expect(outcome.stderr.is_empty(), "nothing on standard error");
    outcome.report().all_ok();
}

#[test]
fn quiet_still_prints_errors() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let outcome = sandbox.verify(&all).args(["--quiet", "data", "--jobs-of-nobody"]).run();
    outcome.exits(2).expect(!outcome.stderr.is_empty(), "the error");
}

#[test]
fn json_is_alone_on_standard_output() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    server.inject(Fault::Status(503).first(2));
    let outcome = sandbox.fetch(&server, &all).args(["-v", "--progress", "always"]).run();
    outcome.exits(0);
    let value: Value = serde_json::from_slice(&outcome.stdout).unwrap();
    assert_eq!(value["schema"], "cxr.report/1");
}

#[test]
fn without_a_terminal_progress_is_printed_as_lines() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 200_000 });
    let fetch = sandbox.fetch_with_sizes(&server, &all);
    let outcome = fetch.env("CXR_HEARTBEAT", "0.2").run();
    outcome.exits(0).is_plain();
    let stderr = outcome.stderr();
    let beats = stderr.lines().filter(|line| line.contains(" %), "));
    outcome.expect(beats.count() >= 3, "three lines of progress");
}

/// Runs a command in a shell, with both streams in one file.
fn in_one_file(sandbox: &Sandbox, command: &str) -> String {
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", command]).env("CXR", env!("CARGO_BIN_EXE_cxr")).current_dir(sandbox.root());
    let output = shell.env("CXR_BACKOFF_MS", "20").output().unwrap();
    assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    std::fs::read_to_string(sandbox.path("log")).unwrap()
}

#[test]
fn on_one_stream_each_result_appears_once() {
    let sandbox = Sandbox::new();
    let (server, all) = mixed(&sandbox);
    sandbox.table(&all);
    let from = server.base();
    let fetch = format!("$CXR fetch -d data --checksums table.md5 --retries 2 --from {from} -j 1");
    let verify = "$CXR verify data --checksums table.md5".to_owned();
    let mirrors = format!("$CXR verify --checksums table.md5 --from data --from {from}");
    for command in [fetch, verify, mirrors] {
        for both in [">log 2>&1", "2>&1 | cat >log", ">log 2>>log"] {
            let text = in_one_file(&sandbox, &format!("{command} {both}"));
            for name in all.iter().map(|archive| &archive.name) {
                let verdicts = ["ok", "missing", "foreign", "corrupt", "unreachable", "error"];
                let is_result = |line: &&str| {
                    let mut words = line.split_whitespace();
                    verdicts.iter().any(|verdict| words.clone().next() == Some(verdict))
                        && words.nth(1) == Some(name)
                };
                let mut results: Vec<_> = text.lines().filter(is_result).collect();
                let count = results.len();
                results.dedup();
                assert!(results.len() == count && count <= 2, "{command} {both}:\n{text}");
                assert!(count == 1 || command.contains("--from data"), "{command} {both}:\n{text}");
            }
            assert!(!text.contains('\u{1b}'), "{text}");
        }
        // Apart, standard error has the results as they come.
        let text = in_one_file(&sandbox, &format!("{command} 2>log >/dev/null"));
        assert!(text.contains(&format!("  {}", NAMES[0])), "{command}:\n{text}");
    }
}

#[test]
fn only_problems_are_printed_on_request() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    let verify = |more: &[&str]| {
        sandbox.verify(&all).args(["data", "--format", "text", "--only-problems"]).args(more).run()
    };
    for archive in &all {
        sandbox.put_archive(archive);
    }
    let outcome = verify(&[]);
    outcome.exits(0).expect(outcome.stdout().starts_with("3 ok in "), "the summary alone");
    outcome.expect(outcome.stdout().lines().count() == 1, "one line");
    outcome.expect(outcome.stderr.is_empty(), "nothing on standard error");
    let outcome = verify(&["--quick"]);
    outcome
        .exits(0)
        .expect(outcome.stdout().starts_with("3 present (not verified) in "), "it alone");
    sandbox.put(format!("data/{}", NAMES[1]), all[1].flipped(1000));
    std::fs::remove_file(sandbox.data().join(NAMES[2])).unwrap();
    let outcome = verify(&[]);
    outcome.exits(1).prints_line(&["corrupt", NAMES[1]]).prints_line(&["missing", NAMES[2]]);
    outcome.prints("\nnext: cxr fetch ").prints("\n1 ok, 1 missing, 1 corrupt in ");
    let both = format!("{}{}", outcome.stdout(), outcome.stderr());
    outcome.expect(!both.contains(NAMES[0]), "nothing on what is ok");
    outcome.expect(both.matches("1 ok, ").count() == 1, "one summary");
    // Documents stay complete.
    let outcome = sandbox.verify(&all).args(["data", "--only-problems"]).run();
    assert_eq!(outcome.report().verdicts(), ["ok", "corrupt", "missing"]);
    outcome.says("1 ok, 1 missing, 1 corrupt in ");
}

#[test]
fn a_run_that_cannot_start_says_so_with_only_problems_too() {
    let sandbox = Sandbox::new();
    let verify = sandbox.cxr(["verify", "--only-problems", "--quiet", "--checksums", "no.md5"]);
    let outcome = verify.run();
    outcome.exits(2).says("no.md5").expect(outcome.stdout.is_empty(), "no summary");
}

#[test]
fn retries_are_printed() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::Status(503).first(2));
    sandbox.fetch(&server, &all).run().exits(0).says("503").is_plain();
}

#[test]
fn text_from_servers_and_tables_is_escaped() {
    let sandbox = Sandbox::new();
    let name = "evil\u{1b}]0;owned\u{7}\u{202e}gz.rat";
    let all = vec![Archive::new(name, b"\x1f\x8bsomething".to_vec())];
    let server = Server::new();
    server.inject(Fault::Page("<!DOCTYPE html>\u{1b}[2J\u{9b}31m\u{202e}<title>\u{7}</title>"));
    let table = sandbox.table(&all);
    for words in [&["fetch", "-v", "--retries", "2", "--dir", "data"][..], &["verify", "data"]] {
        for format in ["text", "json"] {
            let mut cxr = sandbox.cxr(words).args(["--format", format, "--checksums"]).arg(&table);
            if words[0] == "fetch" {
                cxr = cxr.args(["--from", &server.base()]);
            }
            let outcome = cxr.run();
            outcome.expect(outcome.status != Some(0), "a failure").is_plain();
            let text = format!("{}{}", outcome.stdout(), outcome.stderr());
            outcome.expect(!text.contains('\u{202e}'), "no bidirectional marks");
        }
    }
}

#[test]
fn a_terminal_shows_progress_that_never_passes_100_percent() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3), archive(2, 3)]);
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 1 << 20 });
    server.inject(Fault::Reset { after: 200_000 }.first(2));
    sandbox.table(&all);
    let command = format!(
        "stty cols 120; \"$CXR\" fetch --dir data --checksums table.md5 --from {} -c 4",
        server.base()
    );
    let Some(shown) = on_a_terminal(&sandbox, &command, &[]) else { return };
    assert!(shown.contains(NAMES[0]), "{shown}");
    assert!(shown.contains('\u{1b}'), "bars move the cursor: {shown}");
    let before = shown.split(" %").map(|text| text.rsplit(|c: char| !c.is_ascii_digit()).next());
    let percents: Vec<u32> = before.filter_map(|digits| digits?.parse().ok()).collect();
    assert!(percents.iter().all(|&percent| percent <= 100), "{percents:?} in {shown}");
    assert!(percents.iter().any(|percent| (1..100).contains(percent)), "{percents:?} in {shown}");
    sandbox.assert_archive(&all[0]);
}

#[test]
fn a_dumb_terminal_gets_lines_and_no_bars() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 1), archive(2, 1)]);
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 400_000 });
    sandbox.table(&all);
    let from = server.base();
    let command = format!("\"$CXR\" fetch --dir data --checksums table.md5 --from {from}");
    let Some(shown) = on_a_terminal(&sandbox, &command, &[("TERM", "dumb")]) else { return };
    assert!(shown.contains("2 ok"), "{shown:?}");
    let control = shown.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\r'));
    assert_eq!(control, None, "{shown:?}");
    assert!(!shown.trim_end().replace("\r\n", "\n").contains('\r'), "{shown:?}");
}

#[test]
fn colours_are_only_used_on_terminals_that_want_them() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    sandbox.put_archive(&all[0]);
    sandbox.table(&all);
    let command = "\"$CXR\" verify data --checksums table.md5 --progress never 2>/dev/null";
    let Some(coloured) = on_a_terminal(&sandbox, command, &[]) else { return };
    assert!(coloured.contains("\u{1b}[3"), "{coloured:?}");
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let plain = on_a_terminal(&sandbox, command, &[(name, value)]).unwrap_or_default();
        assert!(plain.contains(NAMES[0]) && !plain.contains('\u{1b}'), "{name}: {plain:?}");
    }
    let never = on_a_terminal(&sandbox, &format!("{command} --color never"), &[]).unwrap();
    assert!(!never.contains('\u{1b}'), "{never:?}");
}

#[test]
fn colours_can_be_forced() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put_archive(&all[0]);
    let table = sandbox.table(&all);
    let verify = sandbox.cxr(["verify", "data", "--color", "always", "--checksums"]).arg(table);
    verify.run().exits(0).prints("\u{1b}[32m");
}
