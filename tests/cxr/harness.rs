//! Tests of the helpers.

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{
    Archive, Fault, Refusal, Sandbox, Server, SmallDisk, WrongRange, archive, archives,
    files_under, gunzip, stored_archive,
};

/// Sends a request and reads until the server closes. Returns the head and the body.
fn ask(server: &Server, request: &str) -> (String, Vec<u8>, std::io::Result<()>) {
    let mut stream = TcpStream::connect(server.base().trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    stream.write_all(request.replace('\n', "\r\n").as_bytes()).unwrap();
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    let end = loop {
        match stream.read(&mut piece) {
            Ok(0) => break Ok(()),
            Ok(read) => all.extend_from_slice(&piece[..read]),
            Err(error) => break Err(error),
        }
    };
    let cut = all.windows(4).position(|four| four == b"\r\n\r\n").map_or(all.len(), |at| at + 4);
    (String::from_utf8_lossy(&all[..cut]).into_owned(), all[cut..].to_vec(), end)
}

const GET: &str = "GET /images_001.tar.gz HTTP/1.1\nConnection: close\n\n";
const PART: &str = "GET /images_001.tar.gz HTTP/1.1\nConnection: close\nRange: bytes=10-19\n\n";

#[test]
fn archives_are_gzipped_tars_of_images_and_all_differ() {
    let made = archive(7, 2);
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(&made.bytes[..]));
    let mut names = Vec::new();
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        names.push(entry.path().unwrap().display().to_string());
        let mut image = Vec::new();
        entry.read_to_end(&mut image).unwrap();
        assert_eq!(&image[..8], b"\x89PNG\r\n\x1a\n");
    }
    assert_eq!(names, ["images/00007000_000.png", "images/00007000_001.png"]);
    let md5s: BTreeSet<_> = archives(4).into_iter().map(|archive| archive.md5).collect();
    assert_eq!(md5s.len(), 4);
}

#[test]
fn the_path_of_an_archive_is_percent_encoded() {
    let archive = Archive::new("folder/a b+\u{fc}.gz", Vec::new());
    assert_eq!(archive.path(), "/folder/a%20b%2B%C3%BC.gz");
}

#[test]
fn stored_noise_is_gzip() {
    let made = stored_archive("noise.gz", 1, 5);
    assert_eq!(gunzip(&made.bytes).unwrap().len(), 1 << 20);
}

#[test]
fn the_server_answers_whole_files_and_ranges_and_counts_bytes() {
    let all = archives(1);
    let server = Server::with(&all);
    let (head, body, _) = ask(&server, GET);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}\r\n", all[0].size())), "{head}");
    assert!(body == *all[0].bytes);
    let (head, body, _) = ask(&server, PART);
    assert!(head.starts_with("HTTP/1.1 206 "), "{head}");
    assert!(head.contains(&format!("bytes 10-19/{}", all[0].size())), "{head}");
    assert_eq!(body, all[0].bytes[10..20]);
    let beyond = "GET /images_001.tar.gz HTTP/1.1\nConnection: close\nRange: bytes=99999999-\n\n";
    assert!(ask(&server, beyond).0.starts_with("HTTP/1.1 416 "));
    let hits = server.hits();
    assert_eq!(hits[1].range(), Some((10, Some(19))));
    assert_eq!((hits[0].sent, hits[1].sent), (all[0].size(), 10));
}

#[test]
fn the_server_breaks_connections_as_told() {
    let all = archives(1);
    let broken = |fault: Fault| {
        let server = Server::with(&all);
        server.inject(fault.first(1));
        let (_, body, end) = ask(&server, GET);
        let again = ask(&server, GET).1;
        assert!(again == *all[0].bytes, "the second answer is whole");
        (body.len(), end.map_err(|error| error.kind()))
    };
    assert_eq!(broken(Fault::Close { after: 1000 }), (1000, Ok(())));
    assert_eq!(broken(Fault::Reset { after: 1000 }), (1000, Err(ErrorKind::ConnectionReset)));
    assert_eq!(broken(Fault::Stall { after: 1000 }), (1000, Err(ErrorKind::WouldBlock)));
    assert_eq!(broken(Fault::Silence), (0, Err(ErrorKind::WouldBlock)));
}

#[test]
fn the_server_sends_wrong_headers_as_told() {
    let all = archives(1);
    let lied = |fault: Fault| {
        let server = Server::with(&all);
        server.inject(fault);
        let (head, body, _) = ask(&server, PART);
        (head, body)
    };
    assert!(!lied(Fault::ContentRange(WrongRange::Missing)).0.contains("Content-Range"));
    assert!(lied(Fault::ContentRange(WrongRange::Total(5))).0.contains("bytes 10-19/5\r\n"));
    let (head, body) = lied(Fault::ContentRange(WrongRange::Start(3)));
    assert!(head.contains("bytes 13-19/"), "{head}");
    assert_eq!(body, all[0].bytes[13..20]);
    let (head, body) = lied(Fault::ShortRange { less: 4 });
    assert!(head.contains("bytes 10-15/"), "{head}");
    assert_eq!(body.len(), 6);
    assert_eq!(lied(Fault::ExtraBytes { bytes: 7 }).1.len(), 17);
    assert_eq!(lied(Fault::Flip { at: 12 }).1[2], all[0].bytes[12] ^ 0x10);
    let (head, body) = lied(Fault::Chunked);
    assert!(head.contains("Transfer-Encoding: chunked"), "{head}");
    assert!(body.starts_with(b"a\r\n") && body.ends_with(b"\r\n0\r\n\r\n"));
    assert!(lied(Fault::RetryAfter(503, "7")).0.contains("Retry-After: 7\r\n"));
    assert!(lied(Fault::NoRanges).0.starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_signed_address_expires_after_its_uses() {
    let server = Server::new();
    let made = archive(1, 1);
    let address = server.publish(&made, 2, Duration::from_mins(1));
    let mut path = address.strip_prefix(&server.base()).unwrap().to_owned();
    let get = |path: &str| ask(&server, &format!("GET {path} HTTP/1.1\nConnection: close\n\n"));
    for _ in 0..3 {
        let head = get(&path).0;
        let target = head.lines().find_map(|line| line.strip_prefix("Location: "));
        target.unwrap().clone_into(&mut path);
    }
    assert!(get(&path).1 == *made.bytes);
    assert!(get(&path).1 == *made.bytes);
    assert!(get(&path).0.starts_with("HTTP/1.1 403 "));
}

#[test]
fn connections_over_the_limit_are_refused() {
    let all = archives(1);
    let server = Server::with(&all);
    server.limit_connections(0, Refusal::Status(503));
    assert!(ask(&server, GET).0.starts_with("HTTP/1.1 503 "));
    server.limit_connections(0, Refusal::Close);
    assert!(ask(&server, GET).0.is_empty());
}

#[test]
fn the_server_keeps_the_throttled_rate() {
    let all = archives(1);
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 2 << 20 });
    let begun = Instant::now();
    assert!(ask(&server, GET).1 == *all[0].bytes);
    let least = all[0].bytes.len() as f64 / f64::from(2 << 20) - 0.03;
    assert!(begun.elapsed().as_secs_f64() > least, "{:?}", begun.elapsed());
}

#[test]
fn a_small_disk_fills_up() {
    let sandbox = Sandbox::new();
    let Some(disk) = SmallDisk::mount(&sandbox.data(), 64) else { return };
    let fill = |bytes: &str| {
        let mut head = disk.command("sh");
        head.args(["-c", "head -c $1 /dev/zero >$0/file"]).arg(sandbox.data()).arg(bytes);
        head.output().unwrap().status.success()
    };
    assert!(!fill("100000"));
    disk.remount("size=1m");
    assert!(fill("100000"));
    assert_eq!(disk.read(&sandbox.data().join("file")).len(), 100_000);
}

/// The switches that inject faults are in two files, which are compiled only with debug assertions. A
/// feature that no release has turns on the inventories of tests for benchmarks.
#[test]
fn fault_injection_is_in_no_release_build() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut with_switches = files_under(&source);
    with_switches.retain(|file| fs::read_to_string(file).unwrap().contains("CXR_FAULT"));
    with_switches.sort();
    let expected = [
        ("catalog", "test_inventory", "any(debug_assertions, feature = \"benchmarks\")"),
        ("disk", "fault_injection", "debug_assertions"),
    ];
    let paths =
        expected.map(|(folder, name, _)| source.join(folder).join(name).with_extension("rs"));
    assert_eq!(with_switches, paths);
    for (folder, name, condition) in expected {
        let module = fs::read_to_string(source.join(folder).join("mod.rs")).unwrap();
        let declaration = format!("mod {name};");
        let gated = format!("#[cfg({condition})]\n{declaration}");
        let found = (module.matches(&gated).count(), module.matches(&declaration).count());
        assert_eq!(found, (1, 1), "{declaration}");
    }
    let manifest = fs::read_to_string(source.join("../Cargo.toml")).unwrap();
    assert!(!manifest.contains("debug-assertions"), "a profile may turn them on");
    assert_eq!(manifest.matches("benchmarks").count(), 1, "a default feature may have it");
    for file in ["packaging/build_wheel", ".github/workflows/release.yml", "pyproject.toml"] {
        let text = fs::read_to_string(source.join("..").join(file)).unwrap();
        assert!(!text.contains("benchmarks"), "{file}");
    }
}
