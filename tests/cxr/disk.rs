//! Problems of this machine: no space, no permission, odd folders, other files under the names.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::support::{Archive, Fault, NAMES, Sandbox, Server, SmallDisk, archive, archives};

#[test]
fn too_little_space_is_reported_before_the_download() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 10)]);
    let Some(disk) = SmallDisk::mount(&sandbox.data(), 1024) else { return };
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 2 << 20 });
    let fetch = sandbox.fetch_with_sizes(&server, &all);
    let outcome = disk.visible_to(fetch).run();
    outcome.exits(3);
    let words = format!("{}{}", outcome.stdout(), outcome.stderr());
    outcome.expect(words.contains("space"), "a message about space");
    outcome.expect(server.sent() < 200_000, format_args!("few bytes sent, not {}", server.sent()));
    let dry_run = sandbox.fetch_with_sizes(&server, &all).arg("--dry-run");
    let report = disk.visible_to(dry_run).report(3);
    report.only().is("error").because("not enough space").next("or fetch fewer archives, then");
    // The reason of all archives comes once.
    let several = sandbox.fetch_with_sizes(&server, &[archive(1, 10), archive(2, 10)]);
    let report = disk.visible_to(several).report(3);
    report.lines()[0].is("error").because("not enough space").next("or fetch fewer archives");
    report.lines()[1].is("error").because("not fetched for the same reason as images_001.tar.gz");
}

/// Eight archives of 100 KiB and their images: at most 1.6 MiB, and less if archives are deleted.
#[test]
fn too_little_space_for_archives_and_images_is_enough_if_archives_are_deleted() {
    let (sandbox, server) = (Sandbox::new(), Server::with(&[]));
    let all: Vec<_> = (1..=8)
        .map(|number| Archive::new(format!("{number}.tar.gz"), vec![number; 100 << 10]))
        .collect();
    let Some(disk) = SmallDisk::mount(&sandbox.data(), 1260) else { return };
    let fetch = |options: &[&str]| {
        let fetch = sandbox.fetch_with_sizes(&server, &all).arg("--extract").args(options);
        let report = disk.visible_to(fetch).report(3);
        report.lines()[0].is("error").because("not enough space").detail()
    };
    let detail = fetch(&["-j", "8"]);
    let saving = "if each archive is deleted after its extraction, 1.07 MiB are enough: cxr fetch";
    assert!(detail.contains(saving) && detail.ends_with(" --delete-archives -j 3"), "{detail}");
    let detail = fetch(&["--jobs=8", "--delete-archives"]);
    let saving = "with 4 archives at a time, 1.17 MiB are enough: cxr fetch";
    assert!(detail.contains(saving) && detail.ends_with(" --delete-archives -j 4"), "{detail}");
    assert!(!detail.contains("--jobs"), "{detail}");
}

#[test]
fn bytes_that_are_already_here_count_as_space() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
    // Enough for one copy of the archive, most of which is already here.
    let kibibytes = u32::try_from(all[0].size() / 1024).unwrap() + 300;
    let Some(disk) = SmallDisk::mount(&sandbox.data(), kibibytes) else { return };
    let server = Server::with(&all);
    let table = sandbox.table_with_sizes(&[(&all[0], "")]);
    let start = sandbox.put("start", &all[0].bytes[..1_500_000]);
    let path = sandbox.data().join(NAMES[0]);
    assert!(disk.command("cp").arg(start).arg(&path).status().unwrap().success());
    let fetch = sandbox.fetch_with(&table).args(["--from", &server.base()]);
    disk.visible_to(fetch).report(0).all_ok();
    assert!(disk.read(&path) == *all[0].bytes);
}

#[test]
fn a_fetch_that_fills_the_disk_stops_cleanly_and_resumes() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
    let Some(disk) = SmallDisk::mount(&sandbox.data(), 8 << 10) else { return };
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 1 << 20 });
    let fetch = || sandbox.fetch(&server, &all).chunk(128 << 10).args(["-c", "2"]);
    let mut running = disk.visible_to(fetch()).spawn();
    running.until("some of the archive", || server.sent() > 500_000);
    // Another file fills the disk.
    let fill = "head -c 20000000 /dev/zero >\"$0\"/ballast 2>/dev/null";
    disk.command("sh").args(["-c", fill]).arg(sandbox.data()).status().unwrap();
    let outcome = running.wait();
    outcome.exits(3).is_plain();
    outcome.report().only().is("error").because("space");
    let owner = disk.command("test").arg("-e").arg(sandbox.data().join(".cxr/owner")).status();
    assert!(!owner.unwrap().success(), "the owner's file is gone");
    disk.command("rm").arg(sandbox.data().join("ballast")).status().unwrap();
    server.clear_faults();
    let report = disk.visible_to(fetch()).report(0);
    report.all_ok();
    assert!(report.downloaded() < all[0].size(), "{}", report.shown());
    assert!(disk.read(&sandbox.data().join(NAMES[0])) == *all[0].bytes);
}

#[test]
fn a_full_disk_ends_the_run_although_a_connection_hangs() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5), archive(2, 1)]);
    let Some(disk) = SmallDisk::mount(&sandbox.data(), 1024) else { return };
    let server = Server::with(&all);
    server.inject(Fault::Stall { after: 1000 }.on(&all[1].path()));
    let fetch = sandbox.fetch(&server, &all).args(["--stall-timeout", "60", "-c", "2"]);
    let outcome = disk.visible_to(fetch).run();
    outcome.exits(3).expect(outcome.elapsed.as_secs() < 10, "an end within ten seconds");
    let report = outcome.report();
    report.line(NAMES[0]).is("error").because("space");
    // Stopped with the others, or out of space itself when it writes its few bytes.
    report.line(NAMES[1]).is("error").because("No space left").next("free some space");
}

#[test]
fn a_read_only_disk_is_an_error_that_names_it() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let Some(disk) = SmallDisk::mount(&sandbox.data(), 1024) else { return };
    disk.remount("ro");
    let server = Server::with(&all);
    let outcome = disk.visible_to(sandbox.fetch(&server, &all)).run();
    outcome.exits(3);
    let words = format!("{}{}", outcome.stdout(), outcome.stderr()).to_lowercase();
    outcome.expect(words.contains("read-only") && words.contains("data"), "path and cause");
}

#[test]
fn a_name_on_another_file_system_is_an_error_and_no_byte_is_lost() {
    let (sandbox, mut all) = (Sandbox::new(), archives(1));
    "parts/first.tar.gz".clone_into(&mut all[0].name);
    std::fs::create_dir(sandbox.path("data/parts")).unwrap();
    let Some(disk) = SmallDisk::mount(&sandbox.path("data/parts"), 4096) else { return };
    let server = Server::with(&all);
    let fetch = sandbox.fetch(&server, &all).dir(sandbox.data());
    let report = disk.visible_to(fetch).report(3);
    let line = report.only();
    line.is("error").because("could not be renamed").because("cross-device");
    line.because("kept in .cxr/").next("on the file system that .cxr is on");
    // Without the mount, the same command only renames the file.
    server.clear_log();
    let report = sandbox.fetch(&server, &all).report(0);
    assert_eq!(report.downloaded(), 0, "{}", report.shown());
    sandbox.assert_archive(&all[0]);
}

#[test]
fn a_folder_without_write_permission_is_an_error_that_names_it() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    fs::set_permissions(sandbox.data(), fs::Permissions::from_mode(0o555)).unwrap();
    let outcome = sandbox.fetch(&server, &all).unprivileged().run();
    fs::set_permissions(sandbox.data(), fs::Permissions::from_mode(0o755)).unwrap();
    outcome.exits(3);
    let words = format!("{}{}", outcome.stdout(), outcome.stderr()).to_lowercase();
    outcome.expect(words.contains("permission denied") && words.contains("data"), "path and cause");
    assert!(sandbox.files("data").is_empty());
}

#[test]
fn verify_works_in_a_folder_without_write_permission() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put_archive(&all[0]);
    fs::set_permissions(sandbox.data(), fs::Permissions::from_mode(0o555)).unwrap();
    sandbox.verify(&all).arg("data").unprivileged().report(0).all_ok();
    fs::set_permissions(sandbox.data(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn folders_with_odd_names_are_written_to() {
    let all = archives(1);
    let server = Server::with(&all);
    for name in
        [&b"with some spaces"[..], b"caf\xe9 \xff", b"-d", b"a\nb", "Z\u{fc}rich".as_bytes()]
    {
        let sandbox = Sandbox::new();
        let folder = sandbox.path(OsStr::from_bytes(name));
        let table = sandbox.table(&all);
        let fetch = sandbox.cxr(["fetch", "--checksums"]).arg(table);
        let outcome = fetch.args(["--from", &server.base(), "--dir"]).arg(&folder).run();
        outcome.exits(0).is_plain();
        assert!(fs::read(folder.join(NAMES[0])).unwrap() == *all[0].bytes);
    }
}

#[test]
fn a_file_where_the_folder_should_be_is_an_error() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    fs::remove_dir(sandbox.data()).unwrap();
    sandbox.put("data", "a file");
    let outcome = sandbox.fetch(&server, &all).run();
    outcome.exits(3);
    sandbox.assert_content("data", b"a file");
}

#[test]
fn a_folder_under_the_final_name_is_an_error_and_other_archives_continue() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    sandbox.put("data/images_001.tar.gz/mine.txt", "precious");
    let report = sandbox.fetch(&server, &all).report(3);
    report.line(NAMES[0]).is("error").because(NAMES[0]);
    report.line(NAMES[1]).is("ok");
    sandbox.assert_content("data/images_001.tar.gz/mine.txt", b"precious");
    sandbox.assert_archive(&all[1]);
}

#[test]
fn a_pipe_under_the_final_name_does_not_block_the_run() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    let pipe = sandbox.path("data/images_001.tar.gz");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for run in [sandbox.fetch(&server, &all), sandbox.verify(&all).arg("data")] {
        let report = run.report(3);
        assert_eq!(report.verdicts(), ["error", "ok"], "{}", report.shown());
    }
}

#[test]
fn a_file_where_the_working_folder_should_be_is_an_error_and_stays() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    sandbox.put("data/.cxr", "mine");
    sandbox.fetch(&server, &all).run().exits(3);
    sandbox.assert_content("data/.cxr", b"mine");
}

#[test]
fn a_symbolic_link_in_place_of_a_partial_download_is_not_followed() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 2 << 20 });
    let mut running = sandbox.fetch(&server, &all).chunk(100_000).spawn();
    running.until("some of the archive", || server.sent() > 500_000);
    running.kill();
    server.clear_faults();
    sandbox.put("mine", "precious");
    sandbox.working_file(".part");
    for file in sandbox.files("data/.cxr") {
        let path = sandbox.path("data/.cxr").join(file);
        fs::remove_file(&path).unwrap();
        symlink(sandbox.path("mine"), &path).unwrap();
    }
    let outcome = sandbox.fetch(&server, &all).run();
    outcome.exits(0);
    sandbox.assert_content("mine", b"precious");
}

#[test]
fn a_fetch_of_twelve_archives_needs_few_open_files() {
    let (sandbox, all) = (Sandbox::new(), archives(12));
    let server = Server::with(&all);
    let fetch =
        sandbox.fetch(&server, &all).started_by(["sh", "-c", "ulimit -n 128; exec \"$0\" \"$@\""]);
    fetch.report(0).all_ok();
}
