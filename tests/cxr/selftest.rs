//! `cxr selftest`: it passes, each of its checks can fail with a reason, and it leaves no files.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Cxr, Sandbox, SmallDisk};

/// The checks, in order.
const CHECKS: [&str; 13] = [
    "md5", "folder", "loopback", "proxy", "fetch", "resets", "stall", "corrupt", "kill", "verify",
    "repair", "extract", "removal",
];

/// For each check that can be made to fail: its verdict, parts of its detail, and the exit status.
const SABOTAGE: [(&str, &str, &[&str], i32); 10] = [
    ("md5", "corrupt", &["computes a wrong MD5", "expected cabe45dcc9ae5b66ba86600cca6b8ba8"], 1),
    ("fetch", "corrupt", &["sample_1.tar.gz: ", "twice"], 1),
    ("resets", "unreachable", &["sample_1.tar.gz: ", "connection broke"], 3),
    ("stall", "unreachable", &["sample_1.tar.gz: ", "stalled"], 3),
    ("corrupt", "corrupt", &["sample_1.tar.gz: ", "twice"], 1),
    ("kill", "error", &["nowhere could not be started"], 3),
    ("verify", "corrupt", &["sample_1.tar.gz: ", "should be"], 1),
    ("repair", "unreachable", &["sample_1.tar.gz: ", "connection broke"], 3),
    ("extract", "corrupt", &["00000001_000.png differs from the archive: "], 1),
    ("removal", "error", &["could not be removed"], 3),
];

/// A self-test in a folder of the sandbox.
fn selftest(sandbox: &Sandbox) -> Cxr {
    fs::create_dir_all(sandbox.data()).unwrap();
    sandbox.cxr(["selftest", "--dir", "data"])
}

/// Asserts that a folder is empty.
#[track_caller]
fn assert_empty(folder: &Path) {
    let left: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// The name, verdict, detail and next step of each check in a JSON document.
fn checks(document: &Value) -> Vec<[String; 4]> {
    let word = |check: &Value, field: &str| check[field].as_str().unwrap_or_default().to_owned();
    let checks = document["checks"].as_array().unwrap().iter();
    checks.map(|check| ["name", "verdict", "detail", "next"].map(|f| word(check, f))).collect()
}

#[test]
fn the_self_test_passes_with_a_line_for_every_check() {
    let sandbox = Sandbox::new();
    let outcome = selftest(&sandbox).run();
    outcome.exits(0).is_plain().says("13 ok in ");
    let names: Vec<String> = outcome
        .stdout()
        .lines()
        .map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(names, CHECKS.map(|name| format!("ok {name}")), "{outcome}");
    outcome.prints_line(&["md5", "lanes in use: "]).prints_line(&[
        "kill",
        "resumed after a kill, and reused ",
        "KiB",
    ]);
    outcome.prints_line(&["extract", "extracted 24 images, ", "every pixel is right"]);
    assert_empty(&sandbox.data());
}

#[test]
fn the_self_test_takes_less_than_ten_seconds() {
    // One of three attempts may be slow on a busy machine.
    let sandbox = Sandbox::new();
    let quick = (0..3).any(|_| selftest(&sandbox).run().elapsed < Duration::from_secs(10));
    assert!(quick, "none of three self-tests took less than ten seconds");
}

#[test]
fn the_self_test_prints_one_json_document_on_request() {
    let sandbox = Sandbox::new();
    let outcome = selftest(&sandbox).args(["--format", "json", "--quiet"]).run();
    outcome.exits(0).expect(outcome.stderr.is_empty(), "nothing on standard error");
    let document: Value = serde_json::from_slice(&outcome.stdout).unwrap();
    assert_eq!(document["schema"], "cxr.selftest/1");
    assert_eq!(document["command"], "selftest");
    assert_eq!((&document["ok"], &document["summary"]["ok"]), (&true.into(), &13.into()));
    let found: Vec<_> =
        checks(&document).into_iter().map(|[name, verdict, ..]| [name, verdict]).collect();
    assert_eq!(found, CHECKS.map(|name| [name.to_owned(), "ok".to_owned()]));
    assert!(document["checks"][0]["next"].is_null(), "{outcome}");
    assert!(document["checks"][4]["seconds"].as_f64().is_some_and(|s| s > 0.0), "{outcome}");
}

#[test]
fn every_check_can_fail_and_gives_a_reason() {
    let sandbox = Sandbox::new();
    for (name, verdict, words, status) in SABOTAGE {
        let outcome = selftest(&sandbox).args(["--sabotage", name, "--format", "json"]).run();
        outcome.exits(status).is_plain();
        let document: Value = serde_json::from_slice(&outcome.stdout).unwrap();
        let found = checks(&document);
        let [_, found_verdict, detail, next] = found.iter().find(|check| check[0] == name).unwrap();
        outcome
            .expect(found_verdict == verdict && !next.is_empty(), format_args!("{name} {verdict}"));
        outcome.expect(words.iter().all(|word| detail.contains(word)), format_args!("{words:?}"));
        let bad = |check: &&[String; 4]| check[1] != "ok" && !check[2].starts_with("not run: ");
        outcome.expect(found.iter().filter(bad).count() == 1, "one check to fail, and no other");
        if name == "removal" {
            continue;
        }
        assert_empty(&sandbox.data());
    }
}

#[test]
fn a_missing_folder_is_created_and_removed() {
    let sandbox = Sandbox::new();
    sandbox.cxr(["selftest", "-d", "not/here/yet"]).run().exits(0).prints_line(&["ok", "folder"]);
    assert!(!sandbox.path("not").exists());
}

#[test]
fn other_files_in_the_folder_are_left_alone() {
    let sandbox = Sandbox::new();
    sandbox.put("data/mine", "x");
    sandbox.put("data/.cxr/part", "y");
    selftest(&sandbox).run().exits(0);
    assert_eq!(sandbox.files("data"), [".cxr/part", "mine"].map(Path::new));
}

#[test]
fn the_default_folder_is_the_temporary_one() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("tmp")).unwrap();
    let outcome = sandbox.cxr(["selftest"]).env("TMPDIR", sandbox.path("tmp")).run();
    outcome.exits(0).prints_line(&["folder", &sandbox.path("tmp").display().to_string()]);
    assert_empty(&sandbox.path("tmp"));
}

#[test]
fn a_folder_without_write_permission_is_an_error() {
    let sandbox = Sandbox::new();
    sandbox.put("file", "x");
    let outcome = sandbox.cxr(["selftest", "--dir", "file/data"]).run();
    outcome.exits(3).prints_line(&["error", "folder", "file/data could not be created", "next:"]);
    outcome.prints_line(&["ok", "md5"]).prints_line(&[
        "error",
        "repair",
        "not run: it needs the check folder",
    ]);
    let outcome = selftest(&sandbox).unprivileged();
    fs::set_permissions(sandbox.data(), std::os::unix::fs::PermissionsExt::from_mode(0o555))
        .unwrap();
    let outcome = outcome.run();
    outcome.exits(3).prints_line(&["error", "folder", "could not be created: Permission denied"]);
    assert_empty(&sandbox.data());
}

#[test]
fn a_full_folder_is_an_error() {
    let sandbox = Sandbox::new();
    let Some(disk) = SmallDisk::mount(&sandbox.data(), 300) else { return };
    let outcome = disk.visible_to(sandbox.cxr(["selftest", "--dir", "data"])).run();
    outcome.exits(3).prints_line(&["ok", "folder"]);
    outcome.prints_line(&["error", "fetch", "not enough space", "next:"]);
}

#[test]
fn a_machine_without_loopback_is_an_error() {
    let sandbox = Sandbox::new();
    let hidden =
        selftest(&sandbox).started_by(["unshare", "--user", "--map-root-user", "--net"]).run();
    hidden.exits(3).prints_line(&[
        "error",
        "loopback",
        "programs on this machine cannot connect to 127.0.0.1",
    ]);
    hidden.prints_line(&["error", "fetch", "not run: it needs the check loopback"]);
    assert_empty(&sandbox.data());
}

#[test]
fn a_proxy_for_loopback_addresses_is_reported_and_not_asked() {
    let sandbox = Sandbox::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let proxy = format!("http://me:geheim@127.0.0.1:{port}");
    for variable in ["http_proxy", "HTTP_PROXY", "all_proxy"] {
        let outcome = selftest(&sandbox).env(variable, &proxy).run();
        outcome.exits(3).prints_line(&["unreachable", "proxy", "127.0.0.1", &format!(":{port}")]);
        outcome.prints_line(&["unreachable", "proxy", "next: add 127.0.0.1,localhost to no_proxy"]);
        outcome.prints_line(&["error", "fetch", "not run: it needs the check proxy"]);
        outcome.expect(!outcome.stdout().contains("geheim"), "no password in the output");
    }
    let around = selftest(&sandbox).env("http_proxy", &proxy).env("no_proxy", "127.0.0.1").run();
    around.exits(0).prints_line(&["ok", "proxy", "no proxy is used"]);
    let around = selftest(&sandbox).env("https_proxy", &proxy).run();
    around.exits(0).prints_line(&[
        "ok",
        "proxy",
        "requests to this machine use no proxy; requests to NIH use",
    ]);
    let asked = listener.accept().map_err(|error| error.kind());
    assert_eq!(asked.unwrap_err(), std::io::ErrorKind::WouldBlock, "the proxy was asked");
}

#[test]
fn variables_of_fetch_options_do_not_affect_the_self_test() {
    let sandbox = Sandbox::new();
    let odd = [
        ("CXR_LIMIT_RATE", "1"),
        ("CXR_DRY_RUN", "1"),
        ("CXR_FROM", "http://127.0.0.1:1"),
        ("CXR_CHECKSUMS", "nowhere"),
    ];
    let selftest = odd.iter().fold(selftest(&sandbox), |cxr, (name, value)| cxr.env(name, value));
    selftest.run().exits(0);
}

#[test]
fn an_interrupted_self_test_leaves_nothing_behind() {
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        for check in ["loopback", "stall", "corrupt"] {
            let sandbox = Sandbox::new();
            let mut running = selftest(&sandbox).args(["--sabotage", "stall"]).spawn();
            running.until("the check", || has_reached(&sandbox, check));
            running.signal(signal);
            let outcome = running.wait();
            outcome.exits(status).says("interrupted; to start again, run: cxr selftest").is_plain();
            assert_empty(&sandbox.data());
        }
    }
}

/// Returns true if a self-test has reached this check: its folder exists.
fn has_reached(sandbox: &Sandbox, check: &str) -> bool {
    let scratch = fs::read_dir(sandbox.data()).unwrap().next();
    let scratch = scratch.map(|entry| entry.unwrap().path());
    scratch.is_some_and(|scratch| match check {
        "loopback" => true,
        check => scratch.join(check).exists(),
    })
}

#[test]
fn the_child_of_an_interrupted_self_test_ends_with_it() {
    let sandbox = Sandbox::new();
    let mut running = selftest(&sandbox).spawn();
    let id = running.id();
    running.until("a child", || !children(id).is_empty());
    let born = children(id);
    running.signal(Signal::INT);
    running.wait();
    for child in born {
        assert!(!Path::new("/proc").join(child.to_string()).exists(), "{child} still runs");
    }
    assert_empty(&sandbox.data());
}

/// The child processes of a process.
fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_child = |id: &u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        fields.split_whitespace().nth(1) == Some(&parent.to_string())
    };
    numbers.filter(is_child).collect()
}
