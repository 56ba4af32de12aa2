//! `verify`, `list` and `fetch` say the same of a folder, and no command that they suggest fails.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::support::{Archive, Fault, NAMES, Outcome, Sandbox, Server, archive, archives};

/// The chunk size of these tests.
const CHUNK: u64 = 100_000;

/// A word and a number of bytes for the first archive of a table, as each command says them.
#[derive(Debug, PartialEq)]
struct State(String, Option<u64>);

/// What `verify`, `verify --quick`, `list` and `fetch --dry-run` say.
fn states(sandbox: &Sandbox, server: &Server, table: &Path) -> Vec<State> {
    let json = |outcome: Outcome| -> serde_json::Value {
        serde_json::from_slice(&outcome.stdout).expect("a JSON document")
    };
    let state = |outcome: Outcome, word: &str| {
        let archive = &json(outcome)["archives"][0];
        let word = archive[word].as_str().expect("a word").to_owned();
        State(word, archive["actual_size"].as_u64())
    };
    let with = |words: &[&str]| {
        sandbox.cxr(words).args(["--format", "json", "--checksums"]).arg(table).run()
    };
    let dry_run = sandbox.fetch_with(table).args(["--from", &server.base(), "--dry-run"]).run();
    vec![
        state(with(&["verify", "data"]), "verdict"),
        state(with(&["verify", "data", "--quick"]), "verdict"),
        state(with(&["list", "-d", "data"]), "state"),
        state(dry_run, "verdict"),
    ]
}

/// The commands agree on the word, and on the number if there is one.
#[track_caller]
fn agree(sandbox: &Sandbox, server: &Server, table: &Path, word: &str) -> Option<u64> {
    let mut states = states(sandbox, server, table);
    assert!(states.iter().all(|state| *state == states[0] && state.0 == word), "{states:?}");
    states.remove(0).1
}

fn tables(sandbox: &Sandbox, archive: &Archive) -> [std::path::PathBuf; 2] {
    let without = sandbox.table(std::slice::from_ref(archive));
    [sandbox.table_with_sizes(&[(archive, "")]), without]
}

#[test]
fn the_states_of_a_partial_download_agree() {
    for signal in [Some(Signal::INT), None] {
        let (sandbox, archive) = (Sandbox::new(), archive(1, 5));
        let server = Server::with([&archive]);
        let half = archive.size() / 2;
        server.inject(Fault::Stall { after: half });
        let [sized, unsized_table] = tables(&sandbox, &archive);
        let fetch = sandbox.fetch_with(&sized).args(["--from", &server.base(), "-c", "1"]);
        let mut running = fetch.args(["--stall-timeout", "60"]).chunk(CHUNK).spawn();
        running.until("a journal record", || {
            let journal = sandbox.data().join(".cxr");
            journal.exists()
                && sandbox.files("data/.cxr").iter().any(|file| {
                    file.to_string_lossy().ends_with(".journal")
                        && fs::read_to_string(journal.join(file)).unwrap().contains(" wrote ")
                })
        });
        match signal {
            Some(signal) => {
                running.signal(signal);
                let report = running.wait().exits(130).report();
                let kept = report.only().is("incomplete").number("actual_size");
                assert_eq!(agree(&sandbox, &server, &sized, "incomplete"), Some(kept));
            }
            None => {
                running.kill();
            }
        }
        let bytes = agree(&sandbox, &server, &sized, "incomplete").expect("a number");
        assert_eq!(agree(&sandbox, &server, &unsized_table, "incomplete"), Some(bytes));
        let verify = sandbox.cxr(["verify", "data", "--format", "json", "--checksums"]);
        let report = verify.arg(&sized).report(1);
        report.only().because("kept in .cxr/").next("cxr fetch -d data");
        server.clear_faults();
        sandbox.fetch_with(&sized).args(["--from", &server.base()]).report(0).all_ok();
    }
}

#[test]
fn an_empty_partial_download_is_nothing() {
    for signal in [Some(Signal::TERM), None] {
        let (sandbox, archive) = (Sandbox::new(), archive(1, 1));
        let server = Server::with([&archive]);
        server.inject(Fault::Stall { after: 0 });
        let tables = tables(&sandbox, &archive);
        let fetch = sandbox.fetch_with(&tables[0]).args(["--from", &server.base()]);
        let mut running = fetch.args(["--stall-timeout", "60"]).spawn();
        running.until("a request", || !server.hits().is_empty());
        match signal {
            Some(signal) => {
                running.signal(signal);
                running.wait().exits(143).report().only().is("missing");
            }
            None => {
                running.kill();
            }
        }
        for table in tables {
            assert_eq!(agree(&sandbox, &server, &table, "missing"), None);
        }
    }
}

#[test]
fn a_small_complete_file_under_the_name_of_an_archive_is_foreign_everywhere() {
    let (sandbox, small, archive) = (Sandbox::new(), archive(2, 1), archive(1, 5));
    assert!(small.size() < archive.size());
    let [table, _] = tables(&sandbox, &archive);
    let server = Server::with([&archive]);
    let word = |outcome: &Outcome, field: &str| {
        let document: serde_json::Value = serde_json::from_slice(&outcome.stdout).unwrap();
        document["archives"][0][field].as_str().unwrap_or_default().to_owned()
    };
    let run = |words: &[&str]| {
        sandbox.cxr(words).args(["--format", "json", "--checksums"]).arg(&table).run()
    };
    let dry_run = || sandbox.fetch_with(&table).args(["--from", &server.base(), "--dry-run"]).run();
    for (name, state) in [("images_001.tar.gz", "foreign"), ("images_001.tar.gz.part", "missing")] {
        let path = sandbox.put(Path::new("data").join(name), &*small.bytes);
        assert_eq!(word(&run(&["verify", "data"]), "verdict"), state);
        assert_eq!(word(&run(&["list", "-d", "data"]), "state"), state);
        assert_eq!(word(&dry_run(), "verdict"), state);
        assert_eq!(word(&run(&["extract", "-d", "data", "--to", "to"]), "verdict"), state);
        sandbox.fetch_with(&table).args(["--from", &server.base()]).report(0).all_ok();
        sandbox.assert_archive(&archive);
        fs::remove_file(sandbox.data().join(&archive.name)).unwrap();
        let _ = fs::remove_file(path);
    }
}

/// Runs a command of a report in a shell, in the sandbox.
fn shell(sandbox: &Sandbox, command: &str) -> bool {
    let cxr = env!("CARGO_BIN_EXE_cxr");
    let program = format!("cxr() {{ '{cxr}' \"$@\"; }}; {command}");
    let mut shell = Command::new("bash");
    shell.args(["-c", &program]).current_dir(sandbox.root()).status().unwrap().success()
}

/// A table of these archives with their addresses at the server.
fn addressed(sandbox: &Sandbox, server: &Server, all: &[Archive]) -> std::path::PathBuf {
    let addresses: Vec<String> =
        all.iter().map(|archive| format!("{}{}", server.base(), archive.path())).collect();
    let rows: Vec<_> = all.iter().zip(addresses.iter().map(String::as_str)).collect();
    sandbox.table_with_sizes(&rows)
}

fn verify(sandbox: &Sandbox, table: &Path) -> crate::support::Cxr {
    sandbox.cxr(["verify", "data", "--checksums"]).arg(table)
}

fn commands(outcome: &Outcome) -> Vec<String> {
    let stdout = outcome.stdout();
    stdout.lines().filter_map(|line| line.strip_prefix("next: ")).map(str::to_owned).collect()
}

/// The end of the next step of a line: the command.
fn command_after(next: &str) -> String {
    next.split_once("then run: ").expect("a command").1.to_owned()
}

#[test]
fn a_link_that_does_not_lead_to_the_archive_has_the_same_verdict_everywhere() {
    let all = archives(2);
    let contents =
        [Some(all[1].bytes.to_vec()), Some(all[0].flipped(1000)), Some(vec![7; 10]), None];
    for content in contents {
        let sandbox = Sandbox::new();
        let server = Server::with(&all);
        let table = addressed(&sandbox, &server, &all);
        sandbox.put_archive(&all[1]);
        if let Some(content) = content {
            sandbox.put("elsewhere", content);
        }
        let link = sandbox.data().join(NAMES[0]);
        symlink("../elsewhere", &link).unwrap();
        let words = "is a symbolic link to something other than the verified archive";
        for more in [&[][..], &["--dry-run"]] {
            let report = sandbox.fetch_with(&table).args(more).report(3);
            report.line(NAMES[0]).is("error").because(words).next("move it away, then run: ");
        }
        let report = verify(&sandbox, &table).args(["--format", "json"]).report(3);
        let line = report.line(NAMES[0]);
        line.is("error").because(words).next("move it away, then run: cxr fetch -d data");
        // The command for the whole report would fail.
        let outcome = verify(&sandbox, &table).run();
        assert!(commands(&outcome).is_empty(), "{}", outcome.stdout());
        let stdout = outcome.stdout();
        let line = stdout.lines().find(|line| line.contains("move it away")).unwrap();
        fs::rename(&link, sandbox.path("moved")).unwrap();
        assert!(shell(&sandbox, &command_after(line)), "{line}");
        sandbox.assert_archive(&all[0]);
    }
}

/// The content of each of three files, by number; 0 is no file, and 9 is damage. Then the archives
/// that are to be fetched at once.
const PLACES: [([usize; 3], &str); 5] =
    [([2, 0, 0], " 3"), ([2, 1, 3], ""), ([2, 3, 0], ""), ([2, 9, 3], ""), ([2, 2, 0], " 1 3")];

#[test]
fn files_with_the_content_of_other_archives_are_renamed_before_anything_is_fetched() {
    let all = archives(3);
    for (places, at_once) in PLACES {
        let sandbox = Sandbox::new();
        let server = Server::with(&all);
        let table = addressed(&sandbox, &server, &all);
        for (archive, content) in all.iter().zip(places) {
            let bytes = match content {
                0 => continue,
                9 => archive.flipped(1000),
                number => all[number - 1].bytes.to_vec(),
            };
            sandbox.put(Path::new("data").join(&archive.name), bytes);
        }
        let outcome = verify(&sandbox, &table).run();
        let next = commands(outcome.exits(1));
        let expected = format!("cxr fetch -d data --checksums {}{at_once}", table.display());
        let expected = if at_once.is_empty() { vec![] } else { vec![expected] };
        outcome.expect(next == expected, format_args!("{expected:?}, not {next:?}"));
        let report = verify(&sandbox, &table).args(["--format", "json"]).report(1);
        // What is to be done by hand: files are moved away, and get their names.
        let at = |name: &str| sandbox.data().join(name);
        let moves: Vec<(String, String)> = (report.lines().iter())
            .filter_map(|line| {
                let next = line.text("next");
                let (_, target) = next.split_once("rename it to ")?;
                let target = target.split_once(',')?.0.to_owned();
                Some((line.text("name"), target))
            })
            .collect();
        for (name, _) in &moves {
            fs::rename(at(name), at(&format!("{name}.away"))).unwrap();
        }
        for (name, target) in &moves {
            fs::rename(at(&format!("{name}.away")), at(target)).unwrap();
        }
        let sent = server.sent();
        let commands: Vec<String> = report
            .lines()
            .iter()
            .map(|line| line.text("next"))
            .filter_map(|next| next.rsplit_once("cxr ").map(|(_, words)| format!("cxr {words}")))
            .collect();
        for command in &commands {
            assert!(shell(&sandbox, command), "{command}");
        }
        verify(&sandbox, &table).args(["--format", "json"]).report(0).all_ok();
        let here = places.iter().filter(|&&place| matches!(place, 1..=3));
        let distinct: std::collections::HashSet<_> = here.collect();
        let missing: u64 = (1..=3)
            .filter(|number| !distinct.contains(number))
            .map(|number| all[number - 1].size())
            .sum();
        assert!(server.sent() - sent <= missing + 100_000, "{places:?}: more than {missing}");
    }
}

#[test]
fn a_dry_run_of_a_table_without_sizes_says_what_the_run_does() {
    let (sandbox, archive) = (Sandbox::new(), archive(1, 5));
    let server = Server::with([&archive]);
    for table in tables(&sandbox, &archive) {
        let fetch = || sandbox.fetch_with(&table).args(["--from", &server.base(), "-c", "1"]);
        // Damage: only the damaged bytes are fetched.
        sandbox.put(Path::new("data").join(NAMES[0]), archive.flipped(100_000));
        let words = "would locate the damage and fetch the damaged bytes";
        fetch().arg("--dry-run").report(1).only().is("corrupt").because(words);
        let report = fetch().report(0);
        assert!(report.downloaded() < archive.size() / 2, "{}", report.shown());
        // A beginning: the rest is fetched.
        sandbox.put(Path::new("data").join(NAMES[0]), &archive.bytes[..300_000]);
        let rest = archive.size() - 300_000;
        #[expect(clippy::cast_precision_loss, reason = "a size in a test")]
        let words = format!("would fetch {:.2} MiB", rest as f64 / f64::from(1 << 20));
        fetch().arg("--dry-run").report(1).only().because(&words);
        let report = fetch().report(0);
        assert_eq!(report.downloaded(), rest, "{}", report.shown());
        fs::remove_file(sandbox.data().join(NAMES[0])).unwrap();
    }
}
