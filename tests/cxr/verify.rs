//! `cxr verify`: each file gets the right verdict, whatever happens to the others.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::support::{Archive, NAMES, Sandbox, Server, archive, archives, change_silently};

/// The verdict, the detail and the exit status for a file of these bytes under the first name.
fn verdict_of(bytes: &[u8]) -> (String, String, i32) {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    sandbox.put("data/images_001.tar.gz", bytes);
    sandbox.put_archive(&all[1]);
    let outcome = sandbox.verify(&all).arg("data").run();
    let report = outcome.report();
    report.line(NAMES[1]).is("ok");
    let line = report.line(NAMES[0]);
    (line.verdict(), line.detail(), outcome.status.unwrap())
}

#[test]
fn a_good_folder_is_ok() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    for archive in &all {
        sandbox.put_archive(archive);
    }
    let report = sandbox.verify(&all).arg("data").report(0);
    report.all_ok();
    for (line, archive) in report.lines().iter().zip(&all) {
        assert_eq!(line.value["name"], *archive.name);
        assert_eq!(line.value["expected_md5"], *archive.md5);
        assert_eq!(line.value["actual_md5"], *archive.md5);
        assert_eq!(line.number("actual_size"), archive.size());
        assert_eq!(line.downloaded(), 0);
    }
}

#[test]
fn the_default_folder_is_the_current_one() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put_archive(&all[0]);
    let here = sandbox.data();
    sandbox.verify(&all).in_folder(&here).report(0).all_ok();
}

#[test]
fn lines_are_in_the_order_of_the_table_and_start_with_the_verdict() {
    let (sandbox, all) = (Sandbox::new(), archives(4));
    for archive in &all[..3] {
        sandbox.put_archive(archive);
    }
    let table = sandbox.table(&all);
    let outcome = sandbox.cxr(["verify", "data", "--checksums"]).arg(table).run();
    outcome.exits(1).is_plain();
    let stdout = outcome.stdout();
    let lines: Vec<_> = stdout.lines().collect();
    outcome.expect(lines.len() >= 4, "a line for each archive");
    for (line, (name, verdict)) in lines.iter().zip(NAMES.iter().zip(["ok", "ok", "ok", "missing"]))
    {
        outcome.expect(
            line.contains(name) && line.split_whitespace().next() == Some(verdict),
            format_args!("{verdict} for {name}"),
        );
    }
}

#[test]
fn an_absent_archive_is_missing_and_the_others_are_checked() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    sandbox.put_archive(&all[0]);
    sandbox.put_archive(&all[2]);
    let report = sandbox.verify(&all).arg("data").report(1);
    assert_eq!(report.verdicts(), ["ok", "missing", "ok"]);
    report.line(NAMES[1]).next("fetch");
    assert_eq!(report.value["ok"], false);
    assert_eq!(report.value["summary"]["ok"], 2);
    assert_eq!(report.value["summary"]["missing"], 1);
}

#[test]
fn an_empty_folder_is_not_ok() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let report = sandbox.verify(&all).arg("data").report(1);
    assert_eq!(report.verdicts(), ["missing", "missing"]);
}

#[test]
fn a_missing_folder_is_not_ok() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let outcome = sandbox.verify(&all).arg("nowhere").run();
    outcome.exits(3);
    outcome.expect(
        format!("{}{}", outcome.stdout(), outcome.stderr()).contains("nowhere"),
        "the name of the missing folder",
    );
}

#[test]
fn a_flipped_bit_is_corrupt_wherever_it_is() {
    let all = archives(1);
    for at in [0, 9, 70_000, all[0].bytes.len() - 1] {
        let (verdict, detail, status) = verdict_of(&all[0].flipped(at));
        assert_eq!((&*verdict, status), ("corrupt", 1), "byte {at}: {detail}");
    }
}

#[test]
fn a_short_file_of_unknown_size_is_corrupt() {
    let all = archives(1);
    for length in [1, 1000, all[0].bytes.len() - 1] {
        let (verdict, detail, status) = verdict_of(&all[0].bytes[..length]);
        // A table of MD5s has no sizes, so that the number of missing bytes is unknown.
        assert_eq!((&*verdict, status), ("corrupt", 1), "{detail}");
    }
}

#[test]
fn a_short_file_of_known_size_is_incomplete() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put("data/images_001.tar.gz", &all[0].bytes[..100_000]);
    let table = sandbox.table_with_sizes(&[(&all[0], "")]);
    let verify = sandbox.cxr(["verify", "data", "--format", "json", "--checksums"]).arg(table);
    let report = verify.report(1);
    let line = report.only();
    line.is("incomplete").next("fetch");
    assert_eq!(line.number("actual_size"), 100_000);
    assert_eq!(line.number("expected_size"), all[0].size());
}

#[test]
fn a_longer_file_is_not_ok() {
    let all = archives(1);
    let mut longer = all[0].bytes.to_vec();
    longer.push(0);
    let (verdict, detail, status) = verdict_of(&longer);
    assert_eq!((&*verdict, status), ("corrupt", 1), "{detail}");
}

#[test]
fn an_empty_file_is_reported_as_empty() {
    let (verdict, detail, status) = verdict_of(b"");
    assert_eq!((&*verdict, status), ("incomplete", 1), "{detail}");
    assert!(detail.contains("empty"), "{detail}");
}

#[test]
fn a_web_page_is_foreign_and_reported_as_a_web_page() {
    for page in [
        "<!DOCTYPE html>\n<html><head><title>Box | Sign in</title></head></html>\n",
        "\n\n  <html lang=en>",
        "<HTML><BODY>Too many downloads</BODY></HTML>",
    ] {
        let (verdict, detail, status) = verdict_of(page.as_bytes());
        assert_eq!((verdict.as_str(), status), ("foreign", 1), "{page}");
        assert!(detail.contains("web page"), "{detail}");
    }
}

#[test]
fn swapped_names_are_foreign_and_each_names_the_other() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    sandbox.put("data/images_001.tar.gz", &*all[1].bytes);
    sandbox.put("data/images_002.tar.gz", &*all[0].bytes);
    sandbox.put_archive(&all[2]);
    let report = sandbox.verify(&all).arg("data").report(1);
    report.line(NAMES[0]).is("foreign").because(NAMES[1]);
    report.line(NAMES[1]).is("foreign").because(NAMES[0]);
    report.line(NAMES[2]).is("ok");
}

#[test]
fn a_file_under_any_name_is_recognized_by_its_content() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    sandbox.put("download (2).bin", &*all[1].bytes);
    let report = sandbox.verify(&all).arg("download (2).bin").report(0);
    let line = report.only();
    line.is("ok");
    assert_eq!(line.value["name"], NAMES[1]);
    assert_eq!(line.value["path"], "download (2).bin");
}

#[test]
fn a_file_of_unknown_content_is_foreign() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    sandbox.put("thesis.pdf", "%PDF-1.7 nothing to do with it");
    let report = sandbox.verify(&all).arg("thesis.pdf").report(1);
    report.only().is("foreign");
}

#[test]
fn a_good_file_under_the_wrong_name_of_the_table_is_not_ok() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let path = sandbox.put("elsewhere/images_001.tar.gz", &*all[1].bytes);
    let report = sandbox.verify(&all).arg(path).report(1);
    report.only().is("foreign").because(NAMES[1]);
}

#[test]
fn a_folder_and_single_files_are_checked_together() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    sandbox.put_archive(&all[0]);
    sandbox.put_archive(&all[1]);
    sandbox.put("copy.gz", &*all[0].bytes);
    let report = sandbox.verify(&all).args(["data", "copy.gz"]).report(0);
    assert_eq!(report.verdicts(), ["ok", "ok", "ok"]);
}

#[test]
fn a_path_that_does_not_exist_is_an_error_and_the_others_are_checked() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let good = sandbox.put_archive(&all[0]);
    let files = ["data/images_002.tar.gz", "nowhere/images_001.tar.gz", "other"];
    let report = sandbox.verify(&all).args(files).arg(good).report(3);
    assert_eq!(report.verdicts(), ["error", "error", "error", "ok"]);
    let lines = report.lines();
    for (line, file) in lines.iter().zip(files) {
        line.because(&format!("there is no file or folder {file}")).next("check the name");
    }
    lines[0].next("check the name, then run: cxr fetch -d data --checksums");
}

#[test]
fn names_of_the_nih_script_are_recognized() {
    let sandbox = Sandbox::new();
    let path = sandbox.put("data/images_03.tar.gz", &*archive(3, 1).bytes);
    let report = sandbox.cxr(["verify", "--format", "json", "data"]).report(1);
    assert_eq!(report.lines().len(), 12, "{}", report.shown());
    // It is not the published archive, but not missing.
    report.line("images_003.tar.gz").is("foreign").because("complete in itself");
    report.line("images_004.tar.gz").is("missing");
    assert!(path.exists());
}

#[test]
fn a_folder_under_the_name_is_an_error_and_the_others_are_checked() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    fs::create_dir(sandbox.path("data/images_001.tar.gz")).unwrap();
    sandbox.put_archive(&all[1]);
    let report = sandbox.verify(&all).arg("data").report(3);
    report.line(NAMES[0]).is("error").because("directory");
    report.line(NAMES[1]).is("ok");
}

#[test]
fn a_read_error_is_an_error_and_not_corrupt() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    // The first page of a process is not mapped: reading it is EIO.
    symlink("/proc/self/mem", sandbox.path("data/images_001.tar.gz")).unwrap();
    sandbox.put_archive(&all[1]);
    let report = sandbox.verify(&all).arg("data").report(3);
    report.line(NAMES[0]).is("error");
    report.line(NAMES[1]).is("ok");
}

#[test]
fn a_file_without_read_permission_is_an_error_with_its_path_and_cause() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let path = sandbox.put_archive(&all[0]);
    sandbox.put_archive(&all[1]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).unwrap();
    // Root can read every file.
    let report = sandbox.verify(&all).arg("data").unprivileged().report(3);
    report.line(NAMES[0]).is("error").because("permission denied").because(NAMES[0]);
    report.line(NAMES[1]).is("ok");
}

#[test]
fn missing_takes_precedence_over_error_in_the_exit_status() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    fs::create_dir(sandbox.path("data/images_001.tar.gz")).unwrap();
    let report = sandbox.verify(&all).arg("data").report(1);
    assert_eq!(report.verdicts(), ["error", "missing"]);
}

#[test]
fn symbolic_links_are_followed() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let elsewhere = sandbox.put("store/blob", &*all[0].bytes);
    symlink(elsewhere, sandbox.path("data/images_001.tar.gz")).unwrap();
    symlink("gone", sandbox.path("data/images_002.tar.gz")).unwrap();
    symlink(sandbox.data(), sandbox.path("link to data")).unwrap();
    let outcome = sandbox.verify(&all).arg("link to data").run();
    let report = outcome.report();
    report.line(NAMES[0]).is("ok");
    report.line(NAMES[1]).is("error").because("a symbolic link").next("move it away");
}

#[test]
fn folders_with_odd_names_are_read_and_escaped() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let odd = sandbox.path(std::ffi::OsStr::from_bytes(b"a b\xff\x1b[2J"));
    fs::create_dir(&odd).unwrap();
    fs::write(odd.join(NAMES[0]), &*all[0].bytes).unwrap();
    let report = sandbox.verify(&all).arg(&odd).report(0);
    report.all_ok();
    // JSON has no bytes.
    let path = hex::encode(odd.join(NAMES[0]).as_os_str().as_bytes());
    assert_eq!(report.lines()[0].value["path_bytes"], path);
    let table = sandbox.table(&all);
    let outcome = sandbox.cxr(["verify", "--checksums"]).arg(table).arg(&odd).arg("-v").run();
    outcome.exits(0).is_plain();
}

/// A way to change a file that is being read.
type Change = fn(&std::path::Path);

#[test]
fn a_file_that_changes_while_it_is_read_is_an_error() {
    let changes: [(&str, Change); 5] = [
        ("grows", |path| {
            fs::File::options().append(true).open(path).unwrap().set_len(50 << 20).unwrap();
        }),
        ("shrinks", |path| fs::File::options().write(true).open(path).unwrap().set_len(9).unwrap()),
        ("is written to", |path| {
            let file = fs::File::options().write(true).open(path).unwrap();
            std::os::unix::fs::FileExt::write_all_at(&file, b"other", 5).unwrap();
        }),
        ("is replaced", |path| {
            let other = path.with_extension("other");
            fs::File::create(&other).unwrap().set_len(32 << 20).unwrap();
            fs::rename(other, path).unwrap();
        }),
        ("is removed", |path| fs::remove_file(path).unwrap()),
    ];
    for (words, change) in changes {
        let (sandbox, all) = (Sandbox::new(), archives(2));
        let path = sandbox.data().join(NAMES[0]);
        fs::File::create(&path).unwrap().set_len(32 << 20).unwrap();
        sandbox.put_archive(&all[1]);
        let mut running = sandbox.verify(&all).args(["-v", "data"]).spawn();
        running.until_it_says("verify images_001.tar.gz");
        change(&path);
        let outcome = running.wait();
        let report = outcome.report();
        report.line(NAMES[0]).is("error").because("changed while it was being read");
        report.line(NAMES[0]).next("wait until nothing writes to it");
        report.line(NAMES[1]).is("ok");
        outcome.expect(outcome.status == Some(3), format_args!("exit status 3 where it {words}"));
    }
}

#[test]
fn no_more_files_are_read_at_a_time_than_readers() {
    let (sandbox, all) = (Sandbox::new(), archives(4));
    for archive in &all {
        sandbox.put_archive(archive);
    }
    let at_a_time = |readers: &str| {
        let events = sandbox.path("events");
        let verify = sandbox.verify(&all).args(["data", "--readers", readers, "--events"]);
        verify.arg(&events).report(0).all_ok();
        let text = fs::read_to_string(&events).unwrap();
        let (mut now, mut most) = (0, 0);
        for line in text.lines() {
            now += i32::from(line.contains(r#""event":"begun""#));
            most = now.max(most);
            now -= i32::from(line.contains(r#""event":"verdict""#));
        }
        most
    };
    assert_eq!(at_a_time("1"), 1);
    assert!(at_a_time("3") <= 3);
    assert!(at_a_time("4") > 1);
}

#[test]
fn receipts_are_never_trusted() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    sandbox.fetch(&server, &all).report(0).all_ok();
    change_silently(&sandbox.data().join(NAMES[0]));
    sandbox.verify(&all).arg("data").report(1).only().is("corrupt");
}

#[test]
fn verify_writes_nothing() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    sandbox.put_archive(&all[0]);
    sandbox.verify(&all).arg("data").run().exits(1);
    assert_eq!(sandbox.files("data").len(), 1);
    assert!(!sandbox.path("data/.cxr").exists());
}

#[test]
fn archives_larger_than_the_buffers_are_hashed_correctly() {
    let (sandbox, large) = (Sandbox::new(), archive(5, 20));
    let small = archive(6, 1);
    let all: [Archive; 2] = [large, small];
    for archive in &all {
        sandbox.put_archive(archive);
    }
    sandbox.verify(&all).arg("data").report(0).all_ok();
}
