//! Refusals: the reason stands in the body, and the same status has many.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use crate::support::{Archive, Fault, Sandbox, Server, archives};

/// The details of `fetch` and of `verify --from` if every answer is this refusal.
fn details_of(fault: Fault) -> [String; 2] {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(fault);
    details(&sandbox, &all, &server.base())
}

fn details(sandbox: &Sandbox, all: &[Archive], source: &str) -> [String; 2] {
    let fetch = sandbox.fetch_from(source, all).args(["--retries", "1"]).run();
    let verify = ["--format", "json", "--from", source, "--retries", "1", "--stall-timeout", "1"];
    let verify = sandbox.cxr(["verify"]).args(verify).arg("--checksums").arg(sandbox.table(all));
    [fetch, verify.run()].map(|outcome| outcome.is_plain().report().only().detail())
}

/// Asserts that both details have the words.
#[track_caller]
fn assert_details(details: &[String], words: &str) {
    for detail in details {
        assert!(detail.contains(words), "no {words:?} in {detail}");
    }
}

#[test]
fn the_reason_in_the_body_of_a_refusal_is_quoted() {
    for (status, body, words) in [
        (
            403,
            r#"{"code":"download_cap_exceeded","message":"Cannot download file, cap exceeded."}"#,
            "403 Forbidden: \"download_cap_exceeded: Cannot download file, cap exceeded.\"",
        ),
        (
            403,
            "<!DOCTYPE html><html><head><title>Internet Security by Zscaler</title></head>\
             <body>FileHost is blocked</body></html>",
            "403 Forbidden: \"Internet Security by Zscaler: FileHost is blocked\"",
        ),
        (
            403,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code>\
             <Message>Request has expired</Message></Error>",
            "403 Forbidden: \"AccessDenied: Request has expired\"",
        ),
        (
            403,
            "<html><head><title>Google Drive - Quota exceeded</title></head><body><p>Too many \
             users have viewed or downloaded this file recently.</p></body>",
            "\"Google Drive - Quota exceeded: Too many users have viewed or downloaded this file",
        ),
        (
            401,
            "Access to dataset x is restricted. You must have access to it and be logged in.",
            "401 Unauthorized: \"Access to dataset x is restricted. You must have access to it",
        ),
        (
            404,
            "<html><head><title>Box: link removed or unavailable to you</title></head></html>",
            "404 Not Found: \"Box: link removed or unavailable to you\"",
        ),
        (
            451,
            "<html><title>Blocked by court order</title></html>",
            "451 Unavailable For Legal Reasons: \"Blocked by court order\"",
        ),
        (
            503,
            "<html><head><title>Just a moment... Cloudflare</title></head></html>",
            "503 Service Unavailable: \"Just a moment... Cloudflare\"",
        ),
        (
            500,
            r#"{"error":{"message":"disk quota of the server used up"}}"#,
            "500 Internal Server Error: \"disk quota of the server used up\"",
        ),
        (
            403,
            "blocked \u{1b}[2J\u{202e} here",
            r#"403 Forbidden: "blocked \u{1b}[2J\u{202e} here""#,
        ),
    ] {
        assert_details(&details_of(Fault::Refusal(status, body)), words);
    }
}

#[test]
fn a_body_that_says_no_more_than_the_status_is_not_quoted() {
    let page = "<html><head><title>403 Forbidden</title></head><body><center><h1>403 Forbidden\
                </h1></center><hr><center>nginx/1.22.1</center></body></html>";
    for detail in details_of(Fault::Refusal(403, page)) {
        assert!(detail.contains("answered 403 Forbidden") && !detail.contains('"'), "{detail}");
    }
}

#[test]
fn the_reason_in_a_header_is_quoted() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    let words = "Access to dataset x is restricted.";
    server.inject(Fault::Status(401)).inject(Fault::Header("X-Error-Message", words.to_owned()));
    assert_details(&details(&sandbox, &all, &server.base()), words);
}

#[test]
fn a_long_reason_is_shortened() {
    let page = Box::leak(format!("It is blocked because {}", "of this ".repeat(5000)).into());
    for detail in details_of(Fault::Refusal(403, page)) {
        assert!(detail.contains("It is blocked because of this") && detail.contains('…'));
        assert!(detail.len() < 500, "{} bytes", detail.len());
    }
}

/// A refusal whose body begins with a reason, and goes on without end, this many bytes at a time.
fn endless_refusal(bytes: usize, every: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let _ = client.read(&mut [0; 4096]);
                let head =
                    "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\n\r\nBlocked by x\n";
                let _ = client.write_all(head.as_bytes());
                while client.write_all(&vec![b'a'; bytes]).is_ok() {
                    std::thread::sleep(every);
                }
            });
        }
    });
    base
}

#[test]
fn a_refusal_whose_body_does_not_end_is_reported_soon() {
    for (bytes, every) in [(1 << 20, Duration::ZERO), (1, Duration::from_millis(100))] {
        let (sandbox, all) = (Sandbox::new(), archives(1));
        let source = endless_refusal(bytes, every);
        let outcome = sandbox.fetch_from(&source, &all).args(["--retries", "1"]).run();
        outcome.exits(3).report().only().because("answered 403 Forbidden: \"Blocked by x\"");
        outcome.expect(outcome.elapsed < Duration::from_secs(6), "an end soon");
    }
}
