//! The environment variables that the program reads, as seen by the C library, and those in
//! `docs/environment.md` and the manual page.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::support::{Archive, Certificate, Cxr, Nginx, Sandbox, Server, archives};

/// A library that logs each variable that a program reads.
const GETENV_LOGGER: &str = r#"
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

/// Variables that need no documentation: switches for tests, and those of libraries.
const OTHERS: [&str; 9] = [
    "CXR_BACKOFF_MS",
    "CXR_CHUNK",
    "CXR_HIDE_SIMD",
    "CXR_SABOTAGE",
    // Rust and tokio.
    "RUST_MIN_STACK",
    "TOKIO_UNSTABLE_SHARDED_BLOCKING_QUEUE",
    // The cryptography, to override the features of the processor.
    "OPENSSL_ia32cap",
    "OPENSSL_armcap",
    // The HTTP client: in a CGI script, `HTTP_PROXY` may be a request header.
    "REQUEST_METHOD",
];

/// Compiles the library, which writes to the file `asked`.
fn compile_getenv_logger(sandbox: &Sandbox) {
    let source = sandbox.put("getenv_logger.c", GETENV_LOGGER);
    let log = format!("-DLOG=\"{}\"", sandbox.path("asked").display());
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", &log, "-o"]).arg(sandbox.path("getenv_logger.so")).arg(source);
    let output = cc.arg("-ldl").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Runs that together read every variable: a GitHub job, bars, notes, HTTP and HTTPS servers, and a
/// self-test in the folder for temporary files.
fn runs(sandbox: &Sandbox, all: &[Archive], https: &str) -> Vec<Cxr> {
    let job = sandbox.verify(all).args(["data", "--resume", "--format", "text"]);
    let job = job.args(["--progress", "always"]);
    let job = job.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", "summary");
    let fetch = |address: &str| sandbox.fetch_from(address, all).args(["--retries", "1"]);
    let empty = Server::new();
    vec![
        job,
        fetch(&empty.base()),
        sandbox.verify(all).args(["--from", https]),
        sandbox.cxr(["selftest"]),
    ]
}

/// The variables of all options, derived from the names of the options.
fn of_options(sandbox: &Sandbox) -> BTreeSet<String> {
    let commands =
        ["fetch", "verify", "extract", "labels", "list", "checksums", "selftest", "cite", "man"];
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
    compile_getenv_logger(&sandbox);
    // The certificates of the system are read for the first certificate of a server.
    let Some(nginx) = Nginx::tls_with(&sandbox, Certificate::Good, "") else { return };
    for run in runs(&sandbox, &all, &nginx.base()) {
        run.env("LD_PRELOAD", sandbox.path("getenv_logger.so")).run();
    }
    let asked = fs::read_to_string(sandbox.path("asked")).unwrap();
    let options = of_options(&sandbox);
    let is_own = |name: &&str| {
        !options.contains(*name) && !OTHERS.contains(name) && !name.starts_with("CXR_FAULT_")
    };
    // The variables of proxies are also read in capitals.
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

#[test]
fn a_wrong_time_between_lines_of_progress_is_refused() {
    let sandbox = Sandbox::new();
    for value in ["soon", "0", "-1", "100000", "nan"] {
        let outcome = sandbox.cxr(["list"]).env("CXR_HEARTBEAT", value).run();
        let words = format!("invalid value '{value}' in the variable CXR_HEARTBEAT");
        outcome.exits(2).says(&words).says("from 0.01 to 86400");
    }
    for value in ["", "0.5", "60"] {
        sandbox.cxr(["cite"]).env("CXR_HEARTBEAT", value).run().exits(0);
    }
}
