//! The variables that the program reads, as the C library hears of them, and those that
//! `docs/environment.md` and the manual page name.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::support::{Archive, Cxr, Sandbox, Server, archives};

/// Writes down each variable that a program asks for.
const SPY: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>

char *getenv(const char *name) {
    char *(*real)(const char *) = (char *(*)(const char *)) dlsym(RTLD_NEXT, "getenv");
    FILE *log = fopen(LOG, "a");
    if (log) {
        fprintf(log, "%s\n", name);
        fclose(log);
    }
    return real(name);
}
"#;

/// What is no part of the program's own behaviour: switches of its tests, and what the libraries
/// that it is made of ask for their own sake.
const OTHERS: [&str; 9] = [
    "CXR_BACKOFF_MS",
    "CXR_CHUNK",
    "CXR_HIDE_SIMD",
    "CXR_SABOTAGE",
    // Rust and tokio.
    "RUST_MIN_STACK",
    "TOKIO_UNSTABLE_SHARDED_BLOCKING_QUEUE",
    // The cryptography, for processors that are not what they say.
    "OPENSSL_ia32cap",
    "OPENSSL_armcap",
    // The HTTP client, which believes no `HTTP_PROXY` where it may be a header of a web server.
    "REQUEST_METHOD",
];

/// The spy, ready to be loaded; it writes to the file `asked`.
fn spy(sandbox: &Sandbox) {
    let source = sandbox.put("spy.c", SPY);
    let log = format!("-DLOG=\"{}\"", sandbox.path("asked").display());
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", &log, "-o"]).arg(sandbox.path("spy.so")).arg(source);
    let output = cc.arg("-ldl").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Runs that together come by everything: a job of GitHub, notes, servers of both kinds, a
/// self-test in the folder for temporary files.
fn runs(sandbox: &Sandbox, all: &[Archive]) -> Vec<Cxr> {
    let job = sandbox.verify(all).args(["data", "--resume", "--format", "text"]);
    let job = job.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", "summary");
    let fetch = |address: &str| sandbox.fetch_from(address, all).args(["--retries", "1"]);
    let empty = Server::new();
    vec![job, fetch(&empty.base()), fetch("https://localhost:9"), sandbox.cxr(["selftest"])]
}

/// The variables of all options, which are named after them.
fn of_options(sandbox: &Sandbox) -> BTreeSet<String> {
    let commands = ["fetch", "verify", "list", "checksums", "selftest", "cite", "man"];
    let mut names = BTreeSet::new();
    for command in commands {
        let help = sandbox.cxr([command, "--help"]).run().exits(0).stdout();
        let lines = help.lines().map(str::trim_start);
        // `--name` alone, or behind `-n, `.
        let options = lines.filter_map(|line| {
            line.strip_prefix("--").or_else(|| line.get(2..)?.strip_prefix(", --"))
        });
        let options = options.map(|rest| rest.split([' ', '=', '[']).next().unwrap());
        let options = options.filter(|option| !["help", "version"].contains(option));
        names.extend(options.map(|name| format!("CXR_{}", name.replace('-', "_").to_uppercase())));
    }
    assert!(names.len() > 20, "{names:?}");
    names
}

/// The variables in a section of `docs/environment.md`: the names between backticks in the first
/// column of its table.
fn documented(section: &str) -> BTreeSet<String> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/environment.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once(&format!("\n## {section}\n")).unwrap();
    let text = rest.split("\n## ").next().unwrap();
    let cells = text.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let names = cells.flat_map(|cell| cell.split("`, `"));
    names.map(|name| name.trim_end_matches('`').split('=').next().unwrap().to_owned()).collect()
}

#[test]
fn the_variables_that_are_read_are_those_that_are_documented() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put_archive(&all[0]);
    spy(&sandbox);
    for run in runs(&sandbox, &all) {
        run.env("LD_PRELOAD", sandbox.path("spy.so")).run();
    }
    let asked = fs::read_to_string(sandbox.path("asked")).unwrap();
    let options = of_options(&sandbox);
    let is_own = |name: &&str| {
        !options.contains(*name) && !OTHERS.contains(name) && !name.starts_with("CXR_FAULT_")
    };
    // Of proxies, the form in capitals is heard as well.
    let small = |name: &str| match name.strip_suffix("_PROXY") {
        Some(_) => name.to_lowercase(),
        None => name.to_owned(),
    };
    let asked: BTreeSet<String> = asked.lines().filter(is_own).map(small).collect();
    assert_eq!(asked, documented("Other variables"));
    assert_eq!(options, documented("Options"));
}

#[test]
fn the_manual_page_names_every_variable_that_is_documented() {
    let page = Sandbox::new().cxr(["man"]).run().exits(0).stdout();
    let (_, section) = page.split_once(".SH ENVIRONMENT").unwrap();
    for name in documented("Other variables") {
        assert!(section.contains(&format!("\\fB{name}")), "{name} in {section}");
    }
}
