//! Archives that lie in the folder under other names.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::{Archive, Fault, NAMES, Outcome, Sandbox, Server, archives, gunzip};

/// Names that browsers, scripts and people give to `images_001.tar.gz`.
const OTHER_NAMES: [&str; 12] = [
    "images_001.tar (1).gz",
    "images_001 (2).tar.gz",
    "images_001 - Copy.tar.gz",
    "images_001.tar.gz.1",
    "images_001.tar.gz.part",
    "images_001.tar.gz.crdownload",
    "images_001.tar.gz.download/images_001.tar.gz",
    "images_1.tar.gz",
    "Images_001.tar.gz",
    "images_001.tgz",
    "CXR8/images_001.tar.gz",
    "CXR8/images/images_001.tar.gz",
];

fn list(sandbox: &Sandbox, all: &[Archive]) -> Outcome {
    let rows: Vec<_> = all.iter().map(|archive| (archive, "")).collect();
    let table = sandbox.table_with_sizes(&rows);
    sandbox.cxr(["list", "--dir", "data", "--checksums"]).arg(table).run()
}

fn verify(sandbox: &Sandbox, all: &[Archive]) -> crate::support::Cxr {
    let rows: Vec<_> = all.iter().map(|archive| (archive, "")).collect();
    let table = sandbox.table_with_sizes(&rows);
    sandbox.cxr(["verify", "data", "--format", "json", "--checksums"]).arg(table)
}

#[test]
fn an_archive_under_another_name_is_used_in_place() {
    let all = archives(1);
    let server = Server::with(&all);
    for name in OTHER_NAMES {
        for has_sizes in [true, false] {
            let sandbox = Sandbox::new();
            let path = sandbox.put(format!("data/{name}"), &*all[0].bytes);
            let words = format!("under the name {name}");
            let report = if has_sizes {
                verify(&sandbox, &all).report(0)
            } else {
                sandbox.verify(&all).arg("data").report(0)
            };
            report.only().is("ok").because(&words);
            list(&sandbox, &all).exits(0).prints_line(&[NAMES[0], "here, as", name]);
            for detail in [&words[..], "verified before, and unchanged since"] {
                let fetch = if has_sizes {
                    sandbox.fetch_with_sizes(&server, &all)
                } else {
                    sandbox.fetch(&server, &all)
                };
                let report = fetch.report(0);
                report.only().is("ok").because(&words).because(detail);
                assert_eq!(report.only().reused(), all[0].size(), "{name}");
                assert_eq!(report.only().value["path"].as_str(), Some(&*format!("data/{name}")));
            }
            assert_eq!(server.hits().len(), 0, "requests although {name} is here");
            assert_eq!(fs::read(&path).unwrap(), *all[0].bytes, "{name} has changed");
            sandbox.assert_absent(&all[0]);
        }
    }
}

#[test]
fn any_name_will_do_if_the_size_is_right_and_the_md5_decides() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    sandbox.put("data/a.bin", all[0].flipped(100_000));
    sandbox.put("data/b.bin", &*all[0].bytes);
    sandbox.put("data/images_002 (1).tar.gz", all[1].flipped(200_000));
    let report = verify(&sandbox, &all).report(1);
    report.line(NAMES[0]).is("ok").because("under the name b.bin");
    let wrong = "images_002 (1).tar.gz has its size, but another MD5";
    report.line(NAMES[1]).is("missing").because(wrong).next("fetch");
    let outcome = sandbox.fetch_with_sizes(&server, &all).run();
    outcome.exits(0).says(wrong);
    outcome.report().line(NAMES[0]).because("under the name b.bin");
    sandbox.assert_absent(&all[0]);
    sandbox.assert_archive(&all[1]);
    sandbox.assert_content("data/images_002 (1).tar.gz", &all[1].flipped(200_000));
}

#[test]
fn a_receipt_of_a_file_under_another_name_ends_when_it_changes() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    sandbox.put("data/old/copy.bin", &*all[0].bytes);
    sandbox.fetch_with_sizes(&server, &all).report(0).only().because("under the name");
    sandbox.put("data/old/copy.bin", all[0].flipped(70_000));
    sandbox.fetch_with_sizes(&server, &all).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
    sandbox.assert_content("data/old/copy.bin", &all[0].flipped(70_000));
}

#[test]
fn links_hidden_folders_and_deep_folders_are_not_searched() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let store = sandbox.put("store/images_001.tar.gz", &*all[0].bytes);
    symlink(store, sandbox.path("data/images_001.tar (1).gz")).unwrap();
    symlink(sandbox.path("store"), sandbox.path("data/CXR8")).unwrap();
    for folder in ["data/.cxr", "data/.cache", "data/a/b/c"] {
        sandbox.put(format!("{folder}/images_001.tar.gz"), &*all[0].bytes);
    }
    verify(&sandbox, &all).report(1).only().is("missing");
    list(&sandbox, &all).exits(0).prints_line(&[NAMES[0], "missing"]);
}

#[test]
fn a_file_of_another_archive_is_not_taken() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    sandbox.put(format!("data/{}", NAMES[1]), &*all[0].bytes);
    let report = verify(&sandbox, &all).report(1);
    report.line(NAMES[0]).is("missing");
    report.line(NAMES[1]).is("foreign").because("its content is images_001.tar.gz");
}

#[test]
fn a_partial_download_under_another_name_is_continued_and_stays() {
    let all = archives(1);
    let server = Server::with(&all);
    let begun = &all[0].bytes[..all[0].bytes.len() * 9 / 10];
    for (name, has_sizes) in [
        ("images_001.tar.gz.part", true),
        ("images_001.tar.gz.part", false),
        ("images_001 (1).tar.gz.crdownload", true),
        ("images_001.tar.gz.download/images_001.tar.gz", true),
        ("CXR8/images_1.tar.gz", true),
    ] {
        let sandbox = Sandbox::new();
        sandbox.put(format!("data/{name}"), begun);
        if has_sizes {
            let report = verify(&sandbox, &all).args(["--no-locate"]).report(1);
            report.only().is("incomplete").because(&format!("under the name {name}"));
            report.only().next("fetch");
            let percent =
                format!("incomplete {} %, as {name}", 100 * begun.len() as u64 / all[0].size());
            list(&sandbox, &all).exits(0).prints(&percent);
        }
        let fetch = |words: &[&str]| {
            let fetch = if has_sizes {
                sandbox.fetch_with_sizes(&server, &all)
            } else {
                sandbox.fetch(&server, &all)
            };
            fetch.args(words.iter().copied()).run()
        };
        if has_sizes {
            fetch(&["--dry-run"]).exits(1).report().only().is("incomplete");
        }
        let outcome = fetch(&[]);
        outcome.exits(0).says(&format!("{name}: copying its"));
        let line = outcome.report().only().value.clone();
        assert_eq!(line["bytes_reused"].as_u64(), Some(begun.len() as u64), "{name}");
        assert_eq!(line["bytes_downloaded"].as_u64(), Some(all[0].size() - begun.len() as u64));
        sandbox.assert_archive(&all[0]);
        sandbox.assert_content(format!("data/{name}"), begun);
    }
}

#[test]
fn a_partial_download_of_the_publishers_script_is_continued() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    let begun = &all[0].bytes[..all[0].bytes.len() * 9 / 10];
    sandbox.put("data/images_01.tar.gz", begun);
    let Archive { name, md5, .. } = &all[0];
    let table = format!(
        "name\tsize\tmd5\tscript_name\n{name}\t{}\t{md5}\timages_01.tar.gz\n",
        all[0].size()
    );
    let table = sandbox.put("table.tsv", table);
    let report = sandbox.fetch_with(&table).args(["--from", &server.base()]).report(0);
    assert_eq!(report.only().reused(), begun.len() as u64);
    assert_eq!(report.only().downloaded(), all[0].size() - begun.len() as u64);
    sandbox.assert_archive(&all[0]);
    sandbox.assert_content("data/images_01.tar.gz", begun);
}

#[test]
fn a_beginning_that_is_wrong_costs_a_download_and_nothing_else() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    let mut begun = all[0].flipped(50_000);
    begun.truncate(300_000);
    sandbox.put("data/images_001.tar.gz.part", &begun);
    sandbox.fetch_with_sizes(&server, &all).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
    sandbox.assert_content("data/images_001.tar.gz.part", &begun);
}

#[test]
fn a_partial_download_of_cxr_is_completed_with_the_bytes_of_another() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    server.inject(Fault::Status(404).after(1));
    sandbox.fetch_with_sizes(&server, &all).args(["-c", "1"]).chunk(100_000).run().exits(3);
    server.clear_faults();
    sandbox.put("data/images_001.tar.gz.part", &all[0].bytes[..200_000]);
    let report = sandbox.fetch_with_sizes(&server, &all).report(0);
    assert_eq!(report.only().downloaded(), all[0].size() - 200_000);
    sandbox.assert_archive(&all[0]);
}

#[test]
fn other_forms_of_an_archive_are_named() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    sandbox.put("data/images_001.tar", gunzip(&all[0].bytes).unwrap());
    for number in 0..12 {
        sandbox.put(format!("data/images/{number:08}_000.png"), b"\x89PNG\r\n\x1a\n");
    }
    let tar = "images_001.tar seems to be a plain tar";
    let images = "images holds unpacked images (12 PNG files";
    let outcome = verify(&sandbox, &all).run();
    outcome.exits(1).says(images);
    outcome.report().only().is("missing").because(tar);
    sandbox.fetch_with_sizes(&server, &all).run().exits(0).says(tar).says(images);
    sandbox.assert_archive(&all[0]);
    let after = verify(&sandbox, &all).run();
    after.exits(0).expect(!after.stderr().contains("unpacked"), "no word about the images");
}

#[test]
fn a_resumed_check_does_not_read_an_archive_under_another_name_again() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put("data/CXR8/images_001.tar.gz", &*all[0].bytes);
    let check = || verify(&sandbox, &all).args(["--since", "1d"]).report(0);
    check().only().because("under the name CXR8/images_001.tar.gz");
    let report = check();
    report.only().is("ok").because("under the name CXR8").because("ago, unchanged since");
    assert!(!sandbox.path("data/CXR8/.cxr").exists());
}

#[test]
fn quick_finds_an_archive_by_its_size() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put("data/images_001.tar (1).gz", all[0].flipped(9_000));
    let report = verify(&sandbox, &all).arg("--quick").report(0);
    report.only().is("present").because("under the name images_001.tar (1).gz: not verified");
}
