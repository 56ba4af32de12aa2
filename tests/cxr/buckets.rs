//! Buckets: the credentials, who sees them, and what is said where they are missing. `tests/buckets/`
//! asks real servers of object stores.

use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;

use crate::support::{
    Archive, Authority, Cxr, Fault, Nginx, Outcome, Proxy, Sandbox, Server, archives, files_under,
};

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
    let fetch = fetch.env("AWS_METADATA_ENDPOINT", service.base());
    fetch.report(0).all_ok();
    assert!(server.hits().iter().all(|hit| hit.header("x-amz-security-token") == Some(TOKEN)));
    let given = || service.hits_on(&format!("{folder}role")).len();
    assert_eq!(given(), 1, "once for the run");
    // The role has new keys, which are asked for when the old ones are not accepted.
    for (refusals, exit) in [(1, 0), (99, 3)] {
        server.clear_log();
        service.clear_log();
        server.inject(Fault::Refusal(400, EXPIRED).first(refusals));
        let sandbox = Sandbox::new();
        let again = self::fetch(&sandbox, &server, &all).env("AWS_EC2_METADATA_DISABLED", "");
        let outcome = again.env("AWS_METADATA_ENDPOINT", service.base()).run();
        outcome.exits(exit);
        assert_eq!(given(), 2);
        if exit == 3 {
            outcome
                .report()
                .only()
                .because("new credentials either; check the role of this machine");
            assert_eq!(server.hits().len(), 2, "{:?}", server.hits());
        }
    }
}

const EXPIRED: &str = "<Error><Code>ExpiredToken</Code><Message>x</Message></Error>";

/// The first answer breaks off, so that the source has delivered: a refusal without a code is then
/// not believed at once.
#[test]
fn keys_that_are_not_accepted_are_not_sent_again() {
    let all = archives(1);
    for (status, refusal, advice) in [
        (400, EXPIRED, "renew AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"),
        (403, "<Error><Code>InvalidAccessKeyId</Code></Error>", "check AWS_ACCESS_KEY_ID"),
        (403, "<Error><Code>RequestTimeTooSkewed</Code></Error>", "the clock of this machine"),
        (403, "<Error><Code>AccessDenied</Code></Error>", "these credentials may not read it"),
        (401, "", "renew AWS_ACCESS_KEY_ID"),
    ] {
        let (sandbox, server) = (Sandbox::new(), store(&all));
        server.inject(Fault::Close { after: 70_000 }.first(1));
        server.inject(Fault::Refusal(status, refusal).after(1));
        let outcome = with_keys(fetch(&sandbox, &server, &all)).args(["-c", "1"]).run();
        outcome.exits(3).report().only().is("unreachable").because(advice);
        assert_eq!(server.hits().len(), 2, "{refusal}");
    }
}

#[test]
fn a_service_that_refuses_credentials_is_asked_once_and_one_that_is_busy_again() {
    let all = archives(1);
    let sandbox = Sandbox::new();
    let (server, service) = (store(&all), Server::new());
    let refusal = "<ErrorResponse><Error><Code>ExpiredTokenException</Code><Message>Token SECRET \
                   expired</Message></Error></ErrorResponse>";
    sandbox.put("home/token", "SECRET");
    for (fault, requests, reason) in [
        (Fault::Refusal(400, refusal), 1, "ExpiredTokenException: Token *** expired"),
        (Fault::Status(503), 3, "answered 503"),
    ] {
        service.clear_faults();
        service.clear_log();
        service.inject(fault);
        let fetch = fetch(&sandbox, &server, &all).env("AWS_ENDPOINT_URL_STS", service.base());
        let fetch = fetch.env("AWS_WEB_IDENTITY_TOKEN_FILE", "~/token");
        let outcome = fetch.env("AWS_ROLE_ARN", "arn:aws:iam::1:role/a").run();
        let report = outcome.exits(3).report();
        let line = report.only();
        line.is("unreachable").because(reason).because("check AWS_ROLE_ARN and the file of");
        assert_eq!(service.hits().len(), requests);
        assert!(!(outcome.stdout() + &outcome.stderr()).contains("SECRET"));
    }
    assert!(server.hits().is_empty());
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

/// A key may begin with `/`, and have empty parts.
#[test]
fn empty_parts_of_a_key_count() {
    let (sandbox, all, server) = (Sandbox::new(), archives(1), Server::new());
    server.serve(&format!("/nih//a//b{}", all[0].path()), &all[0].bytes);
    let fetch = sandbox.fetch_from("s3://nih//a//b/", &all).env("AWS_ENDPOINT_URL", server.base());
    with_keys(fetch).report(0).all_ok();
}

/// The service that renews a login has a fixed address, at which a proxy puts a server of this machine.
#[test]
fn a_login_with_google_is_renewed_at_its_service() {
    let all = archives(1);
    for (answer, exit) in [
        (r#"200 '{"access_token":"ya29.TOKEN","expires_in":3599}'"#, 0),
        (r#"400 '{"error":"invalid_grant","error_description":"REFRESH has been revoked."}'"#, 3),
    ] {
        let (sandbox, server) = (Sandbox::new(), store(&all));
        let place = format!("location = /o/oauth2/token {{ return {answer}; }}");
        let Some(nginx) = Nginx::tls(&sandbox, &place) else { return };
        let proxy = Proxy::to(nginx.port(), None);
        sandbox.put(
            "home/.config/gcloud/application_default_credentials.json",
            r#"{"type":"authorized_user","client_id":"me","client_secret":"CLIENT",
                "refresh_token":"REFRESH"}"#,
        );
        let fetch = sandbox.fetch_from("gs://nih/v1", &all).env("GOOGLE_BASE_URL", server.base());
        let fetch =
            fetch.env("https_proxy", proxy.base()).args(["-vv", "--events", "events.jsonl"]);
        let outcome = fetch.arg("--cacert").arg(Authority::get().certificate(&sandbox)).run();
        let report = outcome.exits(exit).report();
        if exit == 0 {
            assert!(
                server
                    .hits()
                    .iter()
                    .all(|hit| hit.header("authorization") == Some("Bearer ya29.TOKEN"))
            );
        } else {
            let reason =
                "accounts.google.com answered 400 Bad Request: \"invalid_grant: *** has been";
            report
                .only()
                .is("unreachable")
                .because(reason)
                .because("gcloud auth application-default");
            assert!(server.hits().is_empty());
        }
        assert_eq!(nginx.log().len(), 1, "{:?}", nginx.log());
        assert_eq!(proxy.tunnels()[0].to, "accounts.google.com:443");
        assert_not_shown(&sandbox, &outcome, &["CLIENT", "REFRESH", "ya29"]);
    }
}

/// Its key signs the tokens, without any service.
#[test]
fn a_service_account_of_google_signs_its_tokens() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = store(&all);
    let made = Command::new("openssl").args(["genpkey", "-algorithm", "RSA"]).output().unwrap();
    let key = String::from_utf8(made.stdout).unwrap();
    let account = |key: &str| {
        let key = key.replace('\n', "\\n");
        format!(
            r#"{{"type":"service_account","private_key":"{key}","private_key_id":"id",
                "client_email":"me@x.iam.gserviceaccount.com",
                "token_uri":"http://127.0.0.1:9/token"}}"#
        )
    };
    let fetch = || {
        let fetch = sandbox.fetch_from("gs://nih/v1", &all).env("GOOGLE_BASE_URL", server.base());
        let fetch = fetch.env("GOOGLE_APPLICATION_CREDENTIALS", "~/account.json");
        fetch.args(["-vv", "--events", "events.jsonl"])
    };
    let lines: Vec<_> = key.lines().filter(|line| line.len() > 40).collect();
    sandbox.put("home/account.json", account(&key));
    server.inject(Fault::Close { after: 70_000 }.first(1));
    server.inject(Fault::Refusal(401, "").after(1));
    let outcome = fetch().args(["-c", "1"]).run();
    let advice = "new credentials either; check GOOGLE_APPLICATION_CREDENTIALS";
    outcome.exits(3).report().only().because(advice);
    assert_not_shown(&sandbox, &outcome, &lines);
    for hit in server.hits() {
        let token = hit.header("authorization").and_then(|it| it.strip_prefix("Bearer "));
        let parts: Vec<_> = token.expect("a token").split('.').collect();
        // {"typ":"JWT", …
        assert!(parts.len() == 3 && parts[0].starts_with("eyJ0eXAiOiJKV1Qi"), "{parts:?}");
        assert_not_shown(&sandbox, &outcome, &parts);
    }
    sandbox.put("home/account.json", account("BROKEN-BYTES"));
    let outcome = fetch().run();
    outcome.exits(3).report().only().because("GOOGLE_APPLICATION_CREDENTIALS");
    assert_not_shown(&sandbox, &outcome, &["BROKEN-BYTES"]);
}

#[track_caller]
fn assert_not_shown(sandbox: &Sandbox, outcome: &Outcome, secrets: &[&str]) {
    let events = fs::read_to_string(sandbox.path("events.jsonl")).unwrap_or_default();
    let shown = outcome.stdout() + &outcome.stderr() + &events;
    for secret in secrets {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
