//! Buckets: the credentials, who sees them, and what is said where they are missing. `tests/buckets/`
//! asks real servers of object stores.

use std::fs;
use std::net::TcpListener;
use std::sync::Arc;

use crate::support::{Archive, Cxr, Fault, Outcome, Sandbox, Server, archives, files_under};

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG";
const TOKEN: &str = "FwoGZXIvYXdzEBYaD";

/// A store with these archives in the bucket `nih`, below `v1/`.
fn store(all: &[Archive]) -> Server {
    let server = Server::new();
    for archive in all {
        server.serve(&in_bucket(archive), &archive.bytes);
    }
    server
}

fn in_bucket(archive: &Archive) -> String {
    format!("/nih/v1{}", archive.path())
}

/// A fetch from the bucket, without credentials.
fn fetch(sandbox: &Sandbox, server: &Server, all: &[Archive]) -> Cxr {
    let fetch = sandbox.fetch_from("s3://nih/v1", all).env("AWS_ENDPOINT_URL", server.base());
    fetch.env("AWS_EC2_METADATA_DISABLED", "true")
}

fn with_keys(cxr: Cxr) -> Cxr {
    let cxr = cxr.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", SECRET);
    cxr.env("AWS_SESSION_TOKEN", TOKEN)
}

#[test]
fn credentials_are_shown_to_their_server_only() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let (server, other) = (store(&all[..1]), Server::with(&all[1..]));
    server.redirect(&in_bucket(&all[1]), 302, &format!("{}{}", other.base(), all[1].path()));
    // The first one stays incomplete, so that its journal stays.
    server.inject(Fault::Close { after: 70_000 }.on(&in_bucket(&all[0])));
    server.inject(Fault::Status(403).on(&in_bucket(&all[0])).after(1));
    let log = sandbox.path("events.jsonl");
    let fetch = with_keys(fetch(&sandbox, &server, &all)).args(["-vv", "--events"]).arg(&log);
    let outcome = fetch.args(["--junit", "report.xml"]).run();
    outcome.exits(3);
    let report = outcome.report();
    report.line(&all[1].name).is("ok");
    report
        .line(&all[0].name)
        .is("unreachable")
        .because("bucket nih, key v1/")
        .because("AWS_REQUEST_PAYER");
    for hit in server.hits() {
        let signature = hit.header("authorization").expect("a signature");
        assert!(signature.contains(&format!("Credential={KEY}/")), "{signature}");
        assert_eq!(hit.header("x-amz-security-token"), Some(TOKEN));
        assert!(!hit.path.contains('?'), "{}", hit.path);
    }
    assert!(!other.hits().is_empty());
    for hit in other.hits() {
        assert!(
            hit.headers
                .iter()
                .all(|(name, _)| name != "authorization" && !name.starts_with("x-amz-"))
        );
    }
    assert_hidden(&sandbox, &outcome, &[KEY, SECRET, TOKEN, "Signature="]);
}

/// Asserts that neither the streams nor any file have one of these texts, not even the journal that an
/// incomplete download leaves.
#[track_caller]
fn assert_hidden(sandbox: &Sandbox, outcome: &Outcome, secrets: &[&str]) {
    let files = files_under(sandbox.root());
    assert!(files.iter().any(|file| file.to_string_lossy().ends_with(".journal")), "{files:?}");
    let text = |file| String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned();
    let shown = [outcome.stdout().clone(), outcome.stderr().clone()];
    for text in files.iter().map(text).chain(shown) {
        for secret in secrets {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[test]
fn a_token_of_google_is_sent_and_not_shown() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = store(&all);
    server.inject(Fault::Close { after: 70_000 });
    server.inject(Fault::Status(403).after(1));
    let fetch = sandbox.fetch_from("gs://nih/v1", &all).env("GOOGLE_BASE_URL", server.base());
    let fetch = fetch.env("GOOGLE_BEARER_TOKEN", TOKEN).env("GOOGLE_CLOUD_QUOTA_PROJECT", "payer");
    let outcome = fetch.args(["-vv", "--events", "events.jsonl"]).run();
    outcome.exits(3).report().only().because("bucket nih, key v1/").because("may not read it");
    for hit in server.hits() {
        assert_eq!(hit.header("authorization"), Some(&*format!("Bearer {TOKEN}")));
        assert_eq!(hit.header("x-goog-user-project"), Some("payer"));
    }
    assert_hidden(&sandbox, &outcome, &[TOKEN, "Bearer"]);
}

#[test]
fn a_shared_access_signature_of_azure_is_sent_and_not_shown() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::new();
    let path = format!("{}?sv=2023&sig=S3CRET", in_bucket(&all[0]));
    server.serve(&path, &all[0].bytes);
    server.inject(Fault::Close { after: 70_000 });
    server.inject(Fault::Status(403).after(1));
    let fetch =
        sandbox.fetch_from("az://nih/v1", &all).env("AZURE_STORAGE_ENDPOINT", server.base());
    let fetch = fetch.env("AZURE_STORAGE_ACCOUNT_NAME", "me");
    let fetch = fetch.env("AZURE_STORAGE_SAS_TOKEN", "?sv=2023&sig=S3CRET");
    let outcome = fetch.args(["-vv", "--events", "events.jsonl"]).run();
    outcome.exits(3).report().only().because("bucket nih, key v1/").because("may not read it");
    assert!(server.hits().iter().all(|hit| hit.path == path), "{:?}", server.hits());
    assert_hidden(&sandbox, &outcome, &["S3CRET", "sig="]);
    sandbox.fetch_from("az://nih/v1", &all).run().exits(2).says("set AZURE_STORAGE_ACCOUNT_NAME");
}

#[test]
fn the_region_that_an_answer_states_is_used() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = store(&all);
    let refusal = "<Error><Code>AuthorizationHeaderMalformed</Code><Message>x</Message></Error>";
    server.inject(Fault::Refusal(400, refusal).first(1));
    server.inject(Fault::Header("x-amz-bucket-region", "eu-west-3".to_owned()));
    with_keys(fetch(&sandbox, &server, &all)).args(["-c", "1"]).report(0).all_ok();
    let regions = server.hits().into_iter().map(|hit| {
        hit.header("authorization").and_then(|value| Some(value.split('/').nth(2)?.to_owned()))
    });
    let regions: Vec<_> = regions.map(Option::unwrap_or_default).collect();
    assert_eq!(regions[0], "us-east-1");
    assert!(
        regions.len() > 1 && regions[1..].iter().all(|region| region == "eu-west-3"),
        "{regions:?}"
    );
}

/// No setting makes the program panic, and no message shows a secret.
#[test]
fn settings_that_cannot_be_sent_are_refused_without_showing_them() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = store(&all);
    fs::write(sandbox.path("token"), "SECRET\n").unwrap();
    let service = format!("{}/credentials", server.base());
    let token_file = sandbox.path("token");
    for settings in [
        [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/a SECRET"), ("AWS_REGION", "r")],
        [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &*service),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token_file.to_str().unwrap()),
        ],
        [("AWS_METADATA_ENDPOINT", "SECRET"), ("AWS_REGION", "r")],
    ] {
        let mut cxr = fetch(&sandbox, &server, &all);
        for (name, value) in settings {
            cxr = cxr.env(name, value);
        }
        let outcome = cxr.run();
        outcome.exits(3);
        outcome.report().line(&all[0].name).is("unreachable").because(settings_name(&settings));
        assert!(!(outcome.stdout() + &outcome.stderr()).contains("SECRET"));
    }
    let google = sandbox.fetch_from("gs://nih/v1", &all).env("GOOGLE_BASE_URL", server.base());
    let outcome = google.env("GOOGLE_SERVICE_ACCOUNT_KEY", "\"SECRET\"").run();
    outcome.exits(3);
    assert!(!(outcome.stdout() + &outcome.stderr()).contains("SECRET"));
    // Spaces and the end of a line around a value are not part of it.
    with_keys(fetch(&sandbox, &server, &all)).env("AWS_REGION", "eu-west-3\n").report(0).all_ok();
}

#[test]
fn a_secret_that_a_store_repeats_is_not_shown() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = store(&all);
    let refusal =
        "<Error><Code>InvalidToken</Code><Message>not FwoGZXIvYXdzEBYaD</Message></Error>";
    assert!(refusal.contains(TOKEN));
    server.inject(Fault::Refusal(403, refusal));
    let outcome = with_keys(fetch(&sandbox, &server, &all)).run();
    outcome.exits(3).report().only().is("unreachable").because("not ***");
    assert!(!(outcome.stdout() + &outcome.stderr()).contains(TOKEN));
}

/// The name of the variable that is wrong.
fn settings_name<'a>(settings: &[(&'a str, &str); 2]) -> &'a str {
    let [first, second] = settings;
    if second.0 == "AWS_REGION" { first.0 } else { second.0 }
}

#[test]
fn a_machine_without_credentials_asks_without() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = store(&all);
    // A metadata service that takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let fetch = fetch(&sandbox, &server, &all).env("AWS_EC2_METADATA_DISABLED", "");
    fetch.env("AWS_METADATA_ENDPOINT", endpoint).report(0).all_ok();
    assert!(server.hits().iter().all(|hit| hit.header("authorization").is_none()));
    server.inject(Fault::Status(403));
    let again = self::fetch(&Sandbox::new(), &server, &all).run();
    again
        .exits(3)
        .report()
        .line(&all[0].name)
        .because("cxr found no credentials and asked without");
}

#[test]
fn the_metadata_service_of_the_machine_gives_credentials() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let (server, service) = (store(&all), Server::new());
    let folder = "/latest/meta-data/iam/security-credentials/";
    let credentials = format!(
        r#"{{"AccessKeyId":"{KEY}","SecretAccessKey":"{SECRET}","Token":"{TOKEN}","Expiration":"2999-01-01T00:00:00Z"}}"#
    );
    for (path, text) in [
        ("/latest/api/token".to_owned(), "session".to_owned()),
        (folder.to_owned(), "role".to_owned()),
        (format!("{folder}role"), credentials),
    ] {
        service.serve(&path, &Arc::new(text.into_bytes()));
    }
    let fetch = fetch(&sandbox, &server, &all).env("AWS_EC2_METADATA_DISABLED", "");
    fetch.env("AWS_METADATA_ENDPOINT", service.base()).report(0).all_ok();
    assert!(server.hits().iter().all(|hit| hit.header("x-amz-security-token") == Some(TOKEN)));
    assert_eq!(service.hits_on(&format!("{folder}role")).len(), 1, "once for the run");
}

#[test]
fn settings_that_cannot_be_used_are_explained() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = store(&all);
    for (name, value, words) in [
        ("AWS_SESSION_TOKEN", "two\nlines", "has a character that it cannot have"),
        ("AWS_SECRET_ACCESS_KEY", "", "cannot be asked"),
    ] {
        let fetch = with_keys(fetch(&sandbox, &server, &all)).env(name, value).run();
        fetch.exits(3).report().only().is("unreachable").because(words);
    }
    assert!(server.hits().is_empty());
    let wrong = with_keys(fetch(&sandbox, &server, &all)).env("AWS_ENDPOINT_URL", "localhost:9000");
    wrong.run().exits(2).says("AWS_ENDPOINT_URL must be an address such as https://host:9000");
}

#[test]
fn requester_pays_is_asked_for_where_it_is_wanted() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = store(&all);
    let fetch = with_keys(fetch(&sandbox, &server, &all)).env("AWS_REQUEST_PAYER", "requester");
    fetch.report(0).all_ok();
    for hit in server.hits() {
        assert_eq!(hit.header("x-amz-request-payer"), Some("requester"));
        assert!(hit.header("authorization").is_some_and(|it| it.contains("x-amz-request-payer")));
    }
}

/// `object_store` with its own client would turn HTTP/2 on in the shared one.
#[test]
fn no_code_for_http2_is_built() {
    let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).unwrap();
    assert!(lock.contains("name = \"object_store\"") && !lock.contains("name = \"h2\""));
}
