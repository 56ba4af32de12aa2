//! The server that failed and the step: the name, the connection, TLS, the proxy, or the answer. Often
//! it is not the server that the user named.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::support::{
    Archive, Fault, NameResolution, NameServer, Nginx, Proxy, Sandbox, Server, UnansweredPort,
    archives,
};

/// Asserts that `fetch` and `verify --from` give all of `words` for a source with one archive.
#[track_caller]
fn both_say(sandbox: &Sandbox, all: &[Archive], source: &str, words: &[&str]) {
    let fetch = sandbox.fetch_from(source, all).args(["-c", "1"]).run();
    let verify = ["--format", "json", "--from", source, "--retries", "3", "--connect-timeout", "2"];
    let table = sandbox.table(all);
    let verify = sandbox.cxr(["verify"]).args(verify).args(["--stall-timeout", "1"]);
    let verify = verify.arg("--checksums").arg(table).run();
    fetch.exits(3).report().only().is("unreachable");
    for outcome in [fetch, verify] {
        let report = outcome.is_plain().report();
        for words in words {
            report.only().because(words);
        }
    }
}

/// A source whose archive is redirected to this address.
fn redirecting(all: &[Archive], target: &str) -> Server {
    let front = Server::new();
    front.redirect(&all[0].path(), 302, target);
    front
}

/// A port at which nothing listens.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A server that answers every connection with the same bytes, once it has read something.
fn answering(bytes: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = |mut client: TcpStream| {
        let _ = client.read(&mut [0; 4096]);
        let _ = client.write_all(bytes.as_bytes());
    };
    std::thread::spawn(move || listener.incoming().flatten().for_each(answer));
    port
}

#[test]
fn a_name_that_does_not_exist_behind_a_redirect_is_named() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let front = redirecting(&all, "http://storage.test/d/1?token=1");
    let Some(service) = NameServer::of("mirror.test", 0) else { return };
    let Some(names) = NameResolution::server(&sandbox, &service) else { return };
    let outcome = names.applied_to(sandbox.fetch(&front, &all).args(["-c", "1"])).run();
    let report = outcome.exits(3).report();
    report.only().because("name not found: storage.test, after a redirect");
    assert_eq!(report.only().number("attempts"), 1, "{}", report.shown());
}

#[test]
fn a_name_service_that_fails_is_reported_with_the_name() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let front = redirecting(&all, "http://mirror.test:8080/d/1");
    let Some(service) = NameServer::of("mirror.test", 1000) else { return };
    let Some(names) = NameResolution::server(&sandbox, &service) else { return };
    let outcome = names.applied_to(sandbox.fetch(&front, &all).args(["-c", "1"])).run();
    outcome.exits(3).report().only().because(
        "no connection to mirror.test:8080: DNS: Temporary failure in name resolution, after a \
         redirect",
    );
}

#[test]
fn a_refused_connection_behind_a_redirect_is_named() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let target = format!("127.0.0.1:{}", closed_port());
    let front = redirecting(&all, &format!("http://{target}/d/1"));
    let words = format!("no connection to {target}: Connection refused");
    both_say(&sandbox, &all, &front.base(), &[&words, ", after a redirect"]);
}

#[test]
fn an_unanswered_connection_behind_a_redirect_is_named() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let port = closed_port();
    let Some(_unanswered) = UnansweredPort::at(port) else { return };
    let front = redirecting(&all, &format!("http://[::1]:{port}/d/1"));
    let words = format!("no connection to [::1]:{port}: timed out, after a redirect");
    both_say(&sandbox, &all, &front.base(), &[&words]);
}

#[test]
fn a_server_without_tls_behind_a_redirect_is_named_with_the_step() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let target = format!("127.0.0.1:{}", answering("HTTP/1.1 400 Bad Request\r\n\r\n"));
    let front = redirecting(&all, &format!("https://{target}/d/1"));
    let words = format!("no connection to {target}: TLS: ");
    both_say(&sandbox, &all, &front.base(), &[&words, ", after a redirect"]);
}

#[test]
fn a_certificate_behind_a_redirect_is_reported_with_its_server() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let Some(nginx) = Nginx::tls(&sandbox, "") else { return };
    let front = redirecting(&all, &format!("{}/d/1", nginx.base()));
    let server = nginx.base().replace("https://", "at ");
    let words = ["the certificate is not trusted", &format!("{server}, after a redirect")];
    both_say(&sandbox, &all, &front.base(), &words);
}

#[test]
fn an_answer_behind_a_redirect_is_reported_with_its_server() {
    for (fault, words) in [
        (Fault::Status(403), "answered 403 Forbidden"),
        (Fault::Page("<html><title>Sign in</title>"), "a web page: Sign in"),
        (Fault::Silence, "no answer within 3 s"),
        (Fault::Reset { after: 0 }, "the connection broke"),
        (Fault::Close { after: 0 }, "truncated: the answer ended at byte 0"),
        (Fault::TwoLengths, "protocol error: invalid content-length"),
    ] {
        let (sandbox, all) = (Sandbox::new(), archives(1));
        let store = Server::with(&all);
        store.inject(fault);
        let front = redirecting(&all, &format!("{}{}", store.base(), all[0].path()));
        let server = format!(", at 127.0.0.1:{}, after a redirect", store.port());
        both_say(&sandbox, &all, &front.base(), &[words, &server]);
    }
}

#[test]
fn a_stall_behind_a_redirect_is_reported_with_its_server() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let store = Server::with(&all);
    store.inject(Fault::Stall { after: 10_000 }.first(1));
    let front = redirecting(&all, &format!("{}{}", store.base(), all[0].path()));
    let outcome = sandbox.fetch(&front, &all).args(["-v", "-c", "1"]).run();
    let server = format!("at 127.0.0.1:{}, after a redirect; trying again", store.port());
    outcome.exits(0).says(&format!("stalled: almost no data in 1 s, {server}"));
}

#[test]
fn the_server_of_the_publisher_is_named() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::new();
    let address = format!("{}{}", server.base(), all[0].path());
    let table = sandbox.table_with_sizes(&[(&all[0], &address)]);
    let words = format!("publisher: answered 404 Not Found, at 127.0.0.1:{}", server.port());
    sandbox.fetch_with(&table).report(3).only().because(&words);
}

#[test]
fn a_proxy_that_cannot_be_reached_is_named() {
    for (source, variable) in
        [("http://mirror.test:8080", "http_proxy"), ("https://mirror.test", "https_proxy")]
    {
        let (sandbox, all) = (Sandbox::new(), archives(1));
        let proxy = format!("http://127.0.0.1:{}", closed_port());
        let with_password = proxy.replace("http://", "http://me:geheim@");
        let fetch = sandbox.fetch_from(source, &all).args(["-c", "1"]);
        let outcome = fetch.env(variable, with_password).run();
        let words = format!("no connection to the proxy {proxy}: Connection refused");
        outcome.exits(3).report().only().because(&words);
        outcome.expect(!outcome.to_string().contains("geheim"), "no password in the output");
    }
}

#[test]
fn a_proxy_whose_name_does_not_exist_is_named() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let Some(service) = NameServer::of("mirror.test", 0) else { return };
    let Some(names) = NameResolution::server(&sandbox, &service) else { return };
    let fetch = sandbox.fetch_from("http://mirror.test:8080", &all).args(["-c", "1"]);
    let outcome = names.applied_to(fetch.env("http_proxy", "http://porxy.test:3128")).run();
    outcome.exits(3).report().only().because("name not found: the proxy porxy.test");
}

#[test]
fn a_proxy_that_refuses_is_named() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let port = answering(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    let proxy = format!("http://127.0.0.1:{port}");
    let fetch = |source, variable| {
        let fetch = sandbox.fetch_from(source, &all).args(["-c", "1"]);
        fetch.env(variable, &proxy).run().exits(3).report().only().detail()
    };
    let plain = fetch("http://mirror.test:8080", "http_proxy");
    let words = format!("answered 503 Service Unavailable, through the proxy {proxy}");
    assert!(plain.contains(&words), "{plain}");
    let tunnel = fetch("https://mirror.test", "https_proxy");
    let words = format!("no connection to mirror.test:443: the proxy {proxy} refuses");
    assert!(tunnel.contains(&words), "{tunnel}");
}

#[test]
fn a_socks_proxy_that_fails_is_named() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    // It closes the connection instead of greeting.
    let port = answering("");
    let fetch = sandbox.fetch_from("http://mirror.test:8080", &all).args(["-c", "1"]);
    let outcome = fetch.env("all_proxy", format!("socks5h://127.0.0.1:{port}")).run();
    let detail = outcome.exits(3).report().only().detail();
    let words = format!("no connection to mirror.test:8080: the proxy socks5h://127.0.0.1:{port}");
    assert!(detail.contains(&words), "{detail}");
}

#[test]
fn the_proxy_that_wants_a_password_is_named() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let proxy = Proxy::to(9, Some("Basic bWU6Z2VoZWlt"));
    let fetch = sandbox.fetch_from("https://mirror.test", &all).args(["-c", "1"]);
    let report = fetch.env("https_proxy", proxy.base()).report(3);
    let words = format!("407 Proxy Authentication Required, through the proxy {}", proxy.base());
    report.only().because(&words);
}

#[test]
fn redirects_to_other_schemes_are_refused_by_name() {
    for (target, words) in [
        ("ftp://mirror.test/nih/x?token=1", "redirects to ftp://mirror.test; cxr follows only"),
        ("file:///etc/passwd", "redirects to file:; cxr follows only http and https"),
        ("data:text/plain,secret", "redirects to data:; cxr follows only http and https"),
        ("http://", "redirects to an invalid address, http://: "),
        ("https://[::1/", "redirects to an invalid address, https://[::1/: "),
    ] {
        let (sandbox, all) = (Sandbox::new(), archives(1));
        let front = redirecting(&all, target);
        both_say(&sandbox, &all, &front.base(), &[words]);
    }
}

#[test]
fn redirects_to_link_local_addresses_are_refused() {
    for host in [
        "169.254.169.254",
        "2852039166",
        "[fe80::1]",
        "[::ffff:169.254.169.254]",
        "[fd00:ec2::254]",
    ] {
        let (sandbox, all) = (Sandbox::new(), archives(1));
        let front = redirecting(&all, &format!("http://{host}/latest/meta-data"));
        let fetch = || sandbox.fetch(&front, &all).args(["-c", "1"]);
        let report = fetch().report(3);
        report.only().is("unreachable").because("an address of the local link");
        assert_eq!(report.only().number("attempts"), 1, "{}", report.shown());
        // Neither does a proxy get the request.
        let proxy = Server::new();
        let no_proxy = "127.0.0.1";
        let fetch = fetch().env("http_proxy", proxy.base()).env("no_proxy", no_proxy);
        fetch.report(3).only().because("an address of the local link");
        assert_eq!(proxy.hits().len(), 0);
    }
}

#[test]
fn a_redirect_to_a_name_with_a_link_local_address_is_refused() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let hosts = "169.254.169.254 metadata.test\n::ffff:169.254.169.254 metadata.test\n";
    let Some(names) = NameResolution::hosts(&sandbox, hosts) else { return };
    let front = redirecting(&all, "http://metadata.test/latest");
    let outcome = names.applied_to(sandbox.fetch(&front, &all).args(["-c", "1"])).run();
    let report = outcome.exits(3).report();
    report.only().is("unreachable").because("redirects to metadata.test (");
    report.only().because("169.254.169.254), an address of the local link, where clouds keep");
    assert_eq!(report.only().number("attempts"), 1, "{}", report.shown());
}

#[test]
fn redirects_to_other_private_addresses_are_followed() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let store = Server::with(&all);
    let Some(names) = NameResolution::hosts(&sandbox, "127.0.0.1 store.test\n") else { return };
    let target = format!("http://store.test:{}{}", store.port(), all[0].path());
    let front = redirecting(&all, &target);
    names.applied_to(sandbox.fetch(&front, &all)).run().exits(0);
    sandbox.assert_archive(&all[0]);
}
