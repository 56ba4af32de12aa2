//! Answers of servers: status codes, `Retry-After`, redirects, signed addresses.

use std::time::{Duration, Instant};

use crate::support::{Authority, Fault, NAMES, Nginx, Sandbox, Server, archive, archives};

/// The verdict, the detail and the number of requests if every answer has this status.
fn verdict_of(status: u16) -> (String, String, usize) {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::Status(status));
    let report = sandbox.fetch(&server, &all).args(["-c", "1"]).report(3);
    sandbox.assert_absent(&all[0]);
    let line = report.only();
    (line.verdict(), line.detail(), server.hits().len())
}

#[test]
fn permanent_refusals_are_not_retried() {
    for status in [401, 403, 404, 410] {
        let (verdict, detail, asked) = verdict_of(status);
        assert_eq!(verdict, "unreachable", "{detail}");
        assert!(detail.contains(&status.to_string()), "{detail}");
        assert!(asked <= 2, "{status}: asked {asked} times");
    }
}

#[test]
fn temporary_errors_are_retried_and_then_reported() {
    for status in [408, 429, 500, 502, 503, 504, 520] {
        let (verdict, detail, asked) = verdict_of(status);
        assert_eq!(verdict, "unreachable", "{detail}");
        assert!(detail.contains(&status.to_string()), "{detail}");
        assert!((3..=5).contains(&asked), "{status}: asked {asked} times");
    }
}

#[test]
fn temporary_errors_are_overcome() {
    for status in [429, 500, 502, 503, 504] {
        let (sandbox, all) = (Sandbox::new(), archives(1));
        let server = Server::with(&all);
        server.inject(Fault::Status(status).first(2));
        sandbox.fetch(&server, &all).report(0).all_ok();
        sandbox.assert_archive(&all[0]);
    }
}

/// The duration of a fetch whose first answer has this status and `Retry-After`.
fn delay(status: u16, when: &'static str) -> Duration {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::RetryAfter(status, when).first(1));
    let begun = Instant::now();
    sandbox.fetch(&server, &all).report(0).all_ok();
    begun.elapsed()
}

#[test]
fn retry_after_in_seconds_is_obeyed() {
    for status in [429, 503] {
        let took = delay(status, "1");
        assert!(took >= Duration::from_secs(1), "{status}: {took:?}");
    }
}

#[test]
fn retry_after_as_a_date_is_obeyed() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    // Dates have whole seconds, so that two seconds from now are at least one.
    let date = httpdate::fmt_http_date(std::time::SystemTime::now() + Duration::from_secs(2));
    server.inject(Fault::RetryAfter(503, date.leak()).first(1));
    let begun = Instant::now();
    sandbox.fetch(&server, &all).report(0).all_ok();
    assert!(begun.elapsed() >= Duration::from_millis(950), "{:?}", begun.elapsed());
}

#[test]
fn an_invalid_or_past_retry_after_is_ignored() {
    for when in ["Sun, 06 Nov 1994 08:49:37 GMT", "soon", "-5", "", "1e9", "0"] {
        let took = delay(503, when);
        assert!(took < Duration::from_secs(5), "{when:?}: {took:?}");
    }
}

#[test]
fn retry_after_holds_for_all_connections_to_the_source() {
    let (sandbox, all) = (Sandbox::new(), archives(4));
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 250_000 });
    server.inject(Fault::RetryAfter(429, "1").after(3).first(1));
    let fetch = sandbox.fetch(&server, &all).args(["-c", "4"]);
    fetch.chunk(100_000).run().exits(0).says("trying again in 1.0 s").report().all_ok();
    let hits = server.hits();
    let told = hits.iter().find(|hit| hit.status == 429).unwrap().at;
    // The other three connections finish their chunks after 0.4 s, and would request the next ones.
    let wait = told + Duration::from_millis(200)..told + Duration::from_millis(950);
    let disturbing = hits.iter().filter(|hit| wait.contains(&hit.at)).count();
    assert_eq!(disturbing, 0, "requests during the wait");
}

#[test]
fn a_retry_after_of_a_day_can_be_interrupted() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::RetryAfter(503, "86400"));
    let fetch = sandbox.fetch(&server, &all).args(["--from", "/nonexistent"]);
    let mut running = fetch.spawn();
    running.until("the first answer", || !server.hits().is_empty());
    // It may wait or stop by itself; in both cases a signal ends it.
    running.signal(rustix::process::Signal::INT);
    let outcome = running.wait_for(Duration::from_secs(5));
    outcome.expect(matches!(outcome.status, Some(3 | 130)), "exit status 3 or 130");
}

#[test]
fn absolute_and_relative_redirects_are_followed() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::new();
    let real = format!("{}/a/b/real.gz", server.base());
    server.redirect(&all[0].path(), 302, "/a/first");
    server.redirect("/a/first", 307, "b/second");
    server.redirect("/a/b/second", 308, "?x=1");
    server.redirect("/a/b/second?x=1", 301, &real);
    server.serve("/a/b/real.gz", &all[0].bytes);
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn a_redirect_to_another_host_is_followed() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let (front, store) = (Server::new(), Server::with(&all));
    front.redirect(&all[0].path(), 302, &format!("{}{}", store.base(), all[0].path()));
    sandbox.fetch(&front, &all).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn the_target_of_a_redirect_is_remembered_while_it_works() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
    let (front, store) = (Server::new(), Server::with(&all));
    front.redirect(&all[0].path(), 302, &format!("{}{}", store.base(), all[0].path()));
    sandbox.fetch(&front, &all).args(["-c", "2"]).chunk(100_000).report(0).all_ok();
    let (asked, served) = (front.hits().len(), store.hits().len());
    assert!(served > 10 && asked <= 4, "asked {asked} times for {served} parts");
}

#[test]
fn a_redirect_loop_is_unreachable() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::new();
    server.redirect(&all[0].path(), 302, "/round");
    server.redirect("/round", 302, &all[0].path());
    let report = sandbox.fetch(&server, &all).report(3);
    report.only().is("unreachable").because("redirect");
    assert!(server.hits().len() <= 50, "{} requests", server.hits().len());
}

#[test]
fn ten_redirects_are_followed_and_an_eleventh_is_not() {
    for (steps, status) in [(10, 0), (11, 3)] {
        let (sandbox, all) = (Sandbox::new(), archives(1));
        let server = Server::new();
        server.redirect(&all[0].path(), 302, "/step1");
        for step in 1..steps {
            server.redirect(&format!("/step{step}"), 302, &format!("/step{}", step + 1));
        }
        server.serve(&format!("/step{steps}"), &all[0].bytes);
        sandbox.fetch(&server, &all).run().exits(status);
    }
}

#[test]
fn a_redirect_to_an_invalid_address_is_unreachable() {
    for target in ["ftp://127.0.0.1/x", "file:///etc/passwd", "http://", ""] {
        let (sandbox, all) = (Sandbox::new(), archives(1));
        let server = Server::new();
        server.redirect(&all[0].path(), 302, target);
        sandbox.fetch(&server, &all).report(3).only().is("unreachable");
    }
}

#[test]
fn a_redirect_from_https_to_http_is_refused() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let plain = Server::with(&all);
    let directives = format!("return 302 {}$uri;", plain.base());
    let Some(nginx) = Nginx::tls(&sandbox, &directives) else { return };
    let authority = Authority::get().certificate(&sandbox);
    let fetch = sandbox.fetch_from(&nginx.base(), &all).arg("--cacert").arg(authority);
    fetch.report(3).only().is("unreachable").because("https");
    assert_eq!(plain.hits().len(), 0);
    sandbox.assert_absent(&all[0]);
}

#[test]
fn the_redirects_of_the_publisher_are_followed() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    let server = Server::new();
    server.inject(Fault::NoHead);
    let addresses: Vec<_> =
        all.iter().map(|archive| server.publish(archive, 1000, Duration::from_mins(1))).collect();
    let rows: Vec<_> = all.iter().zip(addresses.iter().map(String::as_str)).collect();
    let table = sandbox.table_with_sizes(&rows);
    sandbox.fetch_with(&table).report(0).all_ok();
    for archive in &all {
        sandbox.assert_archive(archive);
    }
}

#[test]
fn an_expired_signed_address_is_requested_anew() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
    let server = Server::new();
    let address = server.publish(&all[0], 3, Duration::from_mins(1));
    let table = sandbox.table_with_sizes(&[(&all[0], &address)]);
    let report = sandbox.fetch_with(&table).args(["-c", "2"]).chunk(100_000).report(0);
    report.all_ok();
    sandbox.assert_archive(&all[0]);
    assert_eq!(report.downloaded(), all[0].size(), "bytes were fetched twice");
}

#[test]
fn a_download_resumes_through_a_new_signed_address() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::new();
    let address = server.publish(&all[0], 1, Duration::from_mins(1));
    server.inject(Fault::Reset { after: 200_000 }.on("/signed/3?token=00000003"));
    let table = sandbox.table_with_sizes(&[(&all[0], &address)]);
    let report = sandbox.fetch_with(&table).args(["-c", "1"]).report(0);
    report.all_ok();
    sandbox.assert_archive(&all[0]);
    assert!(report.downloaded() < all[0].size() + 70_000, "{}", report.shown());
    assert!(report.downloaded() > all[0].size() - 70_000, "{}", report.shown());
    assert!(server.hits().iter().any(|hit| hit.status == 206 && hit.sent < all[0].size()));
}

#[test]
fn a_table_without_addresses_needs_a_source() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let table = sandbox.table(&all);
    let outcome = sandbox.fetch_with(&table).run();
    outcome.exits(2);
    let all_words = format!("{}{}", outcome.stdout(), outcome.stderr());
    outcome.expect(all_words.contains("--from"), "a message about --from");
    outcome.expect(!all_words.contains("nihcc"), "no address of the built-in table");
    assert!(!sandbox.data().join(NAMES[0]).exists());
}
