//! Common servers, from the packages of Debian.

use std::fs;

use crate::support::{
    Archive, Authority, NAMES, Nginx, PythonServer, Sandbox, archive, stored_archive,
};

/// Writes four archives into the folder that the servers serve.
fn served(sandbox: &Sandbox) -> Vec<Archive> {
    let all: Vec<_> = (1..=4).map(|number| archive(number, 5)).collect();
    for archive in &all {
        sandbox.put(format!("served/{}", archive.name), &*archive.bytes);
    }
    all
}

#[test]
fn archives_are_fetched_from_nginx_over_http() {
    let sandbox = Sandbox::new();
    let all = served(&sandbox);
    let Some(nginx) = Nginx::plain(&sandbox, "") else { return };
    let report = sandbox.fetch_from(&nginx.base(), &all).chunk(200_000).report(0);
    report.all_ok();
    for archive in &all {
        sandbox.assert_archive(archive);
    }
    assert_eq!(report.downloaded(), all.iter().map(Archive::size).sum::<u64>());
    assert!(nginx.log().iter().any(|line| line.starts_with("206 ")), "{:?}", nginx.log());
}

#[test]
fn archives_are_fetched_from_nginx_over_https_with_cacert() {
    let sandbox = Sandbox::new();
    let all = served(&sandbox);
    let Some(nginx) = Nginx::tls(&sandbox, "") else { return };
    let authority = Authority::get().certificate(&sandbox);
    let fetch = sandbox.fetch_from(&nginx.base(), &all).chunk(200_000);
    fetch.arg("--cacert").arg(authority).report(0).all_ok();
    for archive in &all {
        sandbox.assert_archive(archive);
    }
}

#[test]
fn a_certificate_of_an_unknown_authority_is_refused_at_once() {
    let sandbox = Sandbox::new();
    let all = served(&sandbox);
    let Some(nginx) = Nginx::tls(&sandbox, "") else { return };
    let fetch = sandbox.fetch_from(&nginx.base(), &all[..1]).args(["--retries", "1000"]);
    let outcome = fetch.run();
    outcome.exits(3).report().only().is("unreachable").because("certificate");
    // A refused certificate is not retried.
    outcome.expect(outcome.elapsed.as_secs() < 10, "an end within ten seconds");
    sandbox.assert_absent(&all[0]);
}

#[test]
fn a_cacert_file_without_a_certificate_is_refused() {
    let sandbox = Sandbox::new();
    let all = served(&sandbox);
    let path = sandbox.put("nonsense.pem", "nonsense");
    let fetch = sandbox.fetch_from("https://localhost:9", &all).arg("--cacert").arg(path);
    fetch.run().exits(2).says("nonsense.pem");
}

#[test]
fn archives_are_fetched_from_an_nginx_with_a_rate_limit() {
    let sandbox = Sandbox::new();
    let all = served(&sandbox);
    let Some(nginx) = Nginx::plain(&sandbox, "limit_rate 2m;") else { return };
    sandbox.fetch_from(&nginx.base(), &all).chunk(400_000).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn a_fetch_survives_a_restart_of_nginx() {
    let sandbox = Sandbox::new();
    let all = vec![stored_archive(NAMES[0], 16, 1)];
    sandbox.put(format!("served/{}", NAMES[0]), &*all[0].bytes);
    let Some(nginx) = Nginx::plain(&sandbox, "limit_rate 2m;") else { return };
    let fetch = sandbox.fetch_from(&nginx.base(), &all).args(["-c", "4", "--retries", "1000"]);
    let mut running = fetch.chunk(1 << 20).spawn();
    running.until("the first part", || sandbox.files("data/.cxr").len() > 1);
    std::thread::sleep(std::time::Duration::from_millis(400));
    let nginx = nginx.restart();
    running.wait().exits(0);
    sandbox.assert_archive(&all[0]);
    drop(nginx);
}

#[test]
fn a_404_page_of_nginx_is_unreachable() {
    let sandbox = Sandbox::new();
    let all = served(&sandbox);
    fs::remove_file(sandbox.path("served").join(NAMES[1])).unwrap();
    let Some(nginx) = Nginx::plain(&sandbox, "") else { return };
    let report = sandbox.fetch_from(&nginx.base(), &all).report(3);
    report.line(NAMES[1]).is("unreachable").because("404");
    report.line(NAMES[3]).is("ok");
}

#[test]
fn a_page_of_nginx_in_place_of_every_file_is_no_archive() {
    let sandbox = Sandbox::new();
    let all = served(&sandbox);
    let page = "default_type text/html; return 200 '<!DOCTYPE html><title>portal</title>';";
    let Some(nginx) = Nginx::plain(&sandbox, page) else { return };
    let outcome = sandbox.fetch_from(&nginx.base(), &all).run();
    outcome.expect(matches!(outcome.status, Some(1 | 3)), "a failure");
    for (line, archive) in outcome.report().lines().iter().zip(&all) {
        line.because("web page");
        sandbox.assert_absent(archive);
    }
}

#[test]
fn archives_are_fetched_from_pythons_server_without_ranges() {
    let sandbox = Sandbox::new();
    let all = served(&sandbox);
    let Some(python) = PythonServer::start(&sandbox) else { return };
    sandbox.fetch_from(&python.base(), &all).chunk(200_000).report(0).all_ok();
    for archive in &all {
        sandbox.assert_archive(archive);
    }
}

#[test]
fn a_killed_fetch_from_a_server_without_ranges_ends_right() {
    let sandbox = Sandbox::new();
    let all = vec![stored_archive(NAMES[0], 48, 2)];
    sandbox.put(format!("served/{}", NAMES[0]), &*all[0].bytes);
    let Some(python) = PythonServer::start(&sandbox) else { return };
    let fetch = || sandbox.fetch_from(&python.base(), &all);
    let mut running = fetch().args(["--limit-rate", "20M"]).spawn();
    running.until("a part", || sandbox.files("data/.cxr").len() > 1);
    std::thread::sleep(std::time::Duration::from_millis(200));
    running.kill();
    fetch().report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}
