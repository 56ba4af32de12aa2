//! The network: names, addresses, proxies, certificates, and sleep.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::{
    Archive, Authority, Certificate, Cxr, Fault, NameResolution, NameServer, Nginx, Outcome, Proxy,
    Sandbox, Server, UnansweredPort, archive, archives,
};

#[test]
fn a_name_server_that_fails_once_is_asked_again() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    // Both questions of the first attempt, one for each kind of address, and one of the second.
    let Some(service) = NameServer::of("mirror.test", 3) else { return };
    let Some(names) = NameResolution::server(&sandbox, &service) else { return };
    let source = format!("http://mirror.test:{}", server.port());
    let fetch = sandbox.fetch_from(&source, &all).args(["-v", "-c", "1"]);
    let outcome = names.applied_to(fetch).run();
    outcome.exits(0).says("Temporary failure in name resolution").says("trying again");
    sandbox.assert_archive(&all[0]);
}

#[test]
fn a_name_that_does_not_exist_is_reported_at_once() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let Some(service) = NameServer::of("mirror.test", 0) else { return };
    let Some(names) = NameResolution::server(&sandbox, &service) else { return };
    let fetch = sandbox.fetch_from("http://miror.test:9", &all).args(["-c", "1"]);
    let outcome = names.applied_to(fetch.args(["--retries", "1000"])).run();
    outcome.exits(3).report().only().is("unreachable").because("name not found: miror.test");
    assert!(service.questions() <= 4, "{} questions", service.questions());
}

#[test]
fn a_dead_address_of_a_host_does_not_delay_a_live_one() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    let Some(_unanswered) = UnansweredPort::at(server.port()) else { return };
    let Some(names) = NameResolution::hosts(&sandbox, "::1 dual.test\n127.0.0.1 dual.test\n")
    else {
        return;
    };
    let source = format!("http://dual.test:{}", server.port());
    let fetch = sandbox.fetch_from(&source, &all).args(["--connect-timeout", "60", "-c", "1"]);
    let outcome = names.applied_to(fetch).run();
    outcome.exits(0);
    outcome.expect(outcome.elapsed < Duration::from_secs(20), "no wait for the dead address");
    sandbox.assert_archive(&all[0]);
}

#[test]
fn a_fetch_resumes_after_the_machine_slept() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    // During the sleep, the connection is dropped silently.
    server.inject(Fault::Stall { after: 300_000 }.first(1));
    let mut running = sandbox.fetch(&server, &all).args(["-c", "1"]).spawn();
    running.until("some bytes", || server.sent() >= 300_000);
    running.signal(Signal::STOP);
    std::thread::sleep(Duration::from_millis(1500));
    running.signal(Signal::CONT);
    let outcome = running.wait();
    let report = outcome.exits(0).report();
    sandbox.assert_archive(&all[0]);
    assert!(report.downloaded() < all[0].size() + 70_000, "{}", report.shown());
}

/// Fetches an archive from nginx over HTTPS, with this certificate and the right authority.
fn over_tls(certificate: Certificate) -> Option<(Sandbox, Vec<Archive>, Outcome)> {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put(format!("served{}", all[0].path()), &*all[0].bytes);
    let nginx = Nginx::tls_with(&sandbox, certificate, "")?;
    let authority = Authority::get().certificate(&sandbox);
    let fetch = sandbox.fetch_from(&nginx.base(), &all).args(["--retries", "1000", "--cacert"]);
    let outcome = fetch.arg(authority).run();
    assert!(nginx.log().len() <= 1, "{:?}", nginx.log());
    Some((sandbox, all, outcome))
}

#[test]
fn an_invalid_certificate_is_refused_at_once_with_its_reason() {
    for (certificate, words) in [
        (Certificate::Expired, "it has expired, or the clock of this machine is wrong ("),
        (Certificate::NotYet, "it is not valid yet, or the clock of this machine is wrong ("),
        (Certificate::OtherHost, "it is for another host"),
    ] {
        let Some((sandbox, all, outcome)) = over_tls(certificate) else { return };
        let report = outcome.exits(3).is_plain().report();
        report.only().is("unreachable").because("certificate is not trusted").because(words);
        assert_eq!(report.only().number("attempts"), 1, "{}", report.shown());
        sandbox.assert_absent(&all[0]);
    }
}

#[test]
fn a_self_signed_certificate_is_explained_and_accepted_with_cacert() {
    for (certificate, is_trusted) in
        [(Certificate::SelfSigned, true), (Certificate::SelfSignedAuthority, false)]
    {
        let (sandbox, all) = (Sandbox::new(), archives(1));
        sandbox.put(format!("served{}", all[0].path()), &*all[0].bytes);
        let Some(nginx) = Nginx::tls_with(&sandbox, certificate, "") else { return };
        let fetch = || sandbox.fetch_from(&nginx.base(), &all);
        let alone = fetch().report(3);
        let words =
            ["no authority that this machine trusts", "it is the certificate of an authority"];
        alone.only().because(words[usize::from(!is_trusted)]).because("--cacert");
        let own = sandbox.path("nginx-tls/server.pem");
        let outcome = fetch().arg("--cacert").arg(own).run();
        if is_trusted {
            outcome.exits(0).report().all_ok();
        } else {
            let report = outcome.exits(3).report();
            report.only().because("basicConstraints=CA:FALSE").because("has signed");
            assert!(!report.only().detail().contains("CaUsed"), "{}", report.shown());
        }
    }
}

#[test]
fn certificates_of_ssl_cert_file_and_ssl_cert_dir_are_trusted() {
    let Some((_, _, outcome)) = over_tls(Certificate::Good) else { return };
    outcome.exits(0);
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put(format!("served{}", all[0].path()), &*all[0].bytes);
    let Some(nginx) = Nginx::tls(&sandbox, "") else { return };
    let file = Authority::get().certificate(&sandbox);
    let folder = sandbox.path("authorities");
    sandbox.put("authorities/company.pem", std::fs::read(&file).unwrap());
    let fetch = || sandbox.fetch_from(&nginx.base(), &all).arg("--recheck");
    fetch().run().exits(3).report().only().because("--cacert");
    for (variable, value) in [("SSL_CERT_FILE", &file), ("SSL_CERT_DIR", &folder)] {
        fetch().env(variable, value).report(0).all_ok();
        sandbox.assert_archive(&all[0]);
        std::fs::remove_dir_all(sandbox.data()).unwrap();
    }
}

#[test]
fn a_proxy_that_intercepts_tls_works_with_its_certificate() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put(format!("served{}", all[0].path()), &*all[0].bytes);
    let Some(nginx) = Nginx::tls(&sandbox, "") else { return };
    let proxy = Proxy::to(nginx.port(), None);
    let authority = Authority::get().certificate(&sandbox);
    // The proxy answers with its own TLS, whatever the host.
    let fetch = || {
        let fetch = sandbox.fetch_from("https://localhost:4433", &all);
        fetch.env("https_proxy", proxy.base().replace("http://", "http://me:geheim@"))
    };
    let outcome = fetch().run();
    outcome.exits(3).report().only().because("a proxy intercepts TLS").because("--cacert");
    let outcome = fetch().arg("--cacert").arg(authority).run();
    outcome.exits(0).report().all_ok();
    sandbox.assert_archive(&all[0]);
    outcome.expect(!outcome.to_string().contains("geheim"), "no password in the output");
    for tunnel in proxy.tunnels() {
        assert_eq!(tunnel.to, "localhost:4433");
        assert_eq!(tunnel.authorization.as_deref(), Some("Basic bWU6Z2VoZWlt"));
    }
}

#[test]
fn a_proxy_that_wants_a_password_is_reported_at_once() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let proxy = Proxy::to(9, Some("Basic bWU6Z2VoZWlt"));
    let fetch = sandbox.fetch_from("https://localhost:4433", &all).args(["-c", "1"]);
    let outcome = fetch.env("https_proxy", proxy.base()).run();
    let report = outcome.exits(3).report();
    report.only().is("unreachable").because("answered 407 Proxy Authentication Required");
    assert_eq!(proxy.tunnels().len(), 1, "tunnels{outcome}");
}

#[test]
fn a_socks_proxy_is_used() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    let proxy = Proxy::to(server.port(), None);
    let fetch = sandbox.fetch_from("http://mirror.test:8080", &all).args(["-c", "1"]);
    let address = proxy.base().replace("http://", "socks5h://");
    fetch.env("all_proxy", address).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
    assert_eq!(proxy.tunnels()[0].to, "mirror.test:8080");
}

#[test]
fn no_proxy_excludes_hosts_domains_addresses_and_networks() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    let proxy = Server::new();
    let Some(names) = NameResolution::hosts(&sandbox, "127.0.0.1 mirror.lab.test\n") else {
        return;
    };
    let table = sandbox.table(&all);
    let reaches_the_server = |host: &str, value: &str| {
        let _ = std::fs::remove_dir_all(sandbox.data());
        proxy.clear_log();
        let source = format!("http://{host}:{}", server.port());
        let fetch = sandbox.fetch_with(&table).args(["--from", &source, "-c", "1"]);
        let fetch: Cxr = fetch.env("http_proxy", proxy.base()).env("no_proxy", value);
        let status = names.applied_to(fetch).run().status;
        // The proxy has no archive, so that a request through it fails.
        assert_eq!(status == Some(0), proxy.hits().is_empty(), "{host} with {value:?}");
        status == Some(0)
    };
    for (host, value, direct) in [
        ("mirror.lab.test", "mirror.lab.test", true),
        ("mirror.lab.test", "lab.test", true),
        ("mirror.lab.test", ".lab.test", true),
        ("mirror.lab.test", "other.test, lab.test", true),
        ("mirror.lab.test", "*", true),
        ("127.0.0.1", "127.0.0.1", true),
        ("127.0.0.1", "127.0.0.0/8", true),
        ("mirror.lab.test", "", false),
        ("mirror.lab.test", "other.test", false),
        ("mirror.lab.test", "ror.lab.test", false),
        ("127.0.0.1", "127.0.0.2", false),
        ("127.0.0.1", "10.0.0.0/8", false),
    ] {
        assert_eq!(reaches_the_server(host, value), direct, "{host} with no_proxy={value:?}");
    }
}

#[test]
fn only_the_proxy_gets_the_proxy_password() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let proxy = Server::new();
    proxy.serve(&format!("http://mirror.test{}", all[0].path()), &all[0].bytes);
    let fetch = sandbox.fetch_from("http://mirror.test", &all).arg("-v");
    let address = proxy.base().replace("http://", "http://me:geheim@");
    let outcome = fetch.env("http_proxy", address).run();
    outcome.exits(0).expect(!outcome.to_string().contains("geheim"), "no password in the output");
    for hit in proxy.hits() {
        assert_eq!(hit.header("proxy-authorization"), Some("Basic bWU6Z2VoZWlt"));
        assert_eq!(hit.header("authorization"), None);
    }
}
