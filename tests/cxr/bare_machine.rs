//! A machine with hardly anything on it, such as a slim container: no certificates, no /proc, no
//! /dev/null.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Cxr, Sandbox, Server, archives};

/// Hides the certificates of this machine.
fn without_certificates(sandbox: &Sandbox, cxr: Cxr) -> Cxr {
    cxr.env("SSL_CERT_FILE", sandbox.path("no-certificates.pem"))
}

#[test]
fn plain_http_and_folders_need_no_certificates() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    let fetch = without_certificates(&sandbox, sandbox.fetch(&server, &all));
    fetch.report(0).all_ok();
    sandbox.assert_archive(&all[0]);
    let verify = ["verify", "--format", "json", "--from", &server.base(), "--from", "data"];
    let verify = sandbox.cxr(verify).arg("--checksums").arg(sandbox.table(&all));
    without_certificates(&sandbox, verify).report(0).all_ok();
    std::fs::rename(sandbox.data(), sandbox.path("mirror")).unwrap();
    without_certificates(&sandbox, sandbox.fetch_from("mirror", &all)).report(0).all_ok();
}

#[test]
fn https_without_certificates_says_what_is_missing() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let words = "install the package ca-certificates, or set SSL_CERT_FILE or --cacert";
    let fetch = sandbox.fetch_from("https://127.0.0.1:9", &all);
    let report = without_certificates(&sandbox, fetch).report(3);
    report.only().is("unreachable").because("no certificates").because(words);
    assert_eq!(report.only().number("attempts"), 1, "{}", report.shown());
    // The address behind a redirect, too.
    let front = Server::new();
    front.redirect(&all[0].path(), 302, "https://127.0.0.1:9/x");
    let report = without_certificates(&sandbox, sandbox.fetch(&front, &all)).report(3);
    report.only().because(words).because("at 127.0.0.1:9, after a redirect");
}

#[test]
fn a_self_test_needs_no_certificates() {
    let sandbox = Sandbox::new();
    without_certificates(&sandbox, sandbox.cxr(["selftest"])).run().exits(0);
}

/// Copies the program and its libraries into an otherwise empty root.
fn bare_root(sandbox: &Sandbox) -> PathBuf {
    let root = sandbox.path("root");
    let program = Path::new(env!("CARGO_BIN_EXE_cxr"));
    std::fs::create_dir_all(root.join("tmp")).unwrap();
    std::fs::copy(program, root.join("cxr")).unwrap();
    let libraries = Command::new("ldd").arg(program).output().unwrap();
    let libraries = String::from_utf8(libraries.stdout).unwrap();
    let paths = libraries.split_whitespace().filter(|word| word.starts_with('/'));
    for path in paths {
        let copy = root.join(path.trim_start_matches('/'));
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::copy(path, copy).unwrap();
    }
    root
}

#[test]
fn a_self_test_runs_without_proc_devices_and_certificates() {
    let probe = Command::new("unshare").args(["--user", "--map-root-user", "true"]).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: this machine allows no user namespaces");
        return;
    }
    let sandbox = Sandbox::new();
    let root = bare_root(&sandbox);
    let mut chroot = Command::new("unshare");
    chroot.args(["--user", "--map-root-user", "chroot"]).arg(&root);
    let output = chroot.args(["/cxr", "selftest"]).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(shown.contains("ok           kill"), "{shown}");
}
