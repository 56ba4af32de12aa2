//! Mirrors that are mounted read-only, as from NFS.

use std::fs;

use crate::support::{Archive, Sandbox, SmallDisk, archives};

/// Mounts a read-only disk with these archives at `mirror`. Returns `None` if that is not allowed.
fn mirror(sandbox: &Sandbox, all: &[Archive]) -> Option<SmallDisk> {
    let at = sandbox.path("mirror");
    fs::create_dir(&at).unwrap();
    let disk = SmallDisk::mount(&at, 8192)?;
    for archive in all {
        let here = sandbox.put(&archive.name, &*archive.bytes);
        assert!(disk.command("cp").arg(here).arg(&at).status().unwrap().success());
    }
    disk.remount("ro");
    let denied = disk.command("touch").arg(at.join("x")).output().unwrap();
    assert!(!denied.status.success(), "the disk is writable");
    Some(disk)
}

#[test]
fn fetch_copies_archives_from_a_read_only_mirror() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let Some(disk) = mirror(&sandbox, &all) else { return };
    let fetch = sandbox.fetch_from(sandbox.path("mirror").to_str().unwrap(), &all);
    disk.visible_to(fetch).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
    sandbox.assert_archive(&all[1]);
}

#[test]
fn verify_checks_a_read_only_folder_and_mirror() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    let Some(disk) = mirror(&sandbox, &all[..2]) else { return };
    for arguments in [&["mirror"][..], &["--from", "mirror"]] {
        let verify = sandbox.verify(&all).args(arguments);
        let report = disk.visible_to(verify.args(["--report", "report.json"])).report(1);
        assert_eq!(report.verdicts(), ["ok", "ok", "missing"], "{}", report.shown());
        assert!(sandbox.path("report.json").exists());
    }
}

#[test]
fn a_report_on_a_read_only_disk_is_refused_before_the_check() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let Some(disk) = mirror(&sandbox, &all) else { return };
    let verify = sandbox.verify(&all).args(["mirror", "--report", "mirror/report.json"]);
    disk.visible_to(verify).run().exits(2).says("mirror/report.json").says("Read-only file system");
}
