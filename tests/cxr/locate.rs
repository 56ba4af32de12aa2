//! `cxr verify` locates the damage of an archive: the bytes, and the image that contains them.

use std::io::Write;
use std::ops::Range;

use flate2::{Compression, GzBuilder};
use serde_json::json;

use crate::support::{Archive, NAMES, Report, Sandbox, archive, archives, stored_archive};

/// The report of `verify` on one file, with a table of one archive without its size.
fn verified(of: &Archive, bytes: &[u8]) -> Report {
    let sandbox = Sandbox::new();
    sandbox.put(format!("data/{}", of.name), bytes);
    sandbox.verify(std::slice::from_ref(of)).arg("data").report(1)
}

/// As [`verified`], with the size in the table.
fn verified_with_size(of: &Archive, bytes: &[u8]) -> Report {
    let sandbox = Sandbox::new();
    sandbox.put(format!("data/{}", of.name), bytes);
    let table = sandbox.table_with_sizes(&[(of, "")]);
    sandbox.cxr(["verify", "data", "--format", "json", "--checksums"]).arg(table).report(1)
}

/// The damaged ranges in a report on one archive.
fn damage(report: &Report) -> Vec<Range<usize>> {
    let list = report.only().value["damage"].as_array().cloned().unwrap();
    let number = |value: &serde_json::Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    list.iter().map(|place| number(&place["start"])..number(&place["end"])).collect()
}

#[test]
fn a_flipped_bit_is_located_in_its_image() {
    let whole = archive(1, 3);
    for (at, member) in [(200_000, "images/00001000_000.png"), (900_000, "images/00001000_002.png")]
    {
        let report = verified(&whole, &whole.flipped(at));
        let found = damage(&report);
        assert!(found.len() == 1 && found[0].contains(&at), "{at} in {found:?}");
        assert!(found[0].len() < 16_000, "{found:?}");
        let line = report.only();
        line.is("corrupt").because(member).because("MD5 is").next("cxr fetch -d ");
        line.because(&format!("at bytes {} to {}", found[0].start, found[0].end));
        line.because("PNG chunk")
            .because("repairing needs about ")
            .because("; more damage may follow");
        assert_eq!(line.value["damage"][0]["member"], member);
    }
}

#[test]
fn the_text_line_names_the_damaged_image() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put("data/images_001.tar.gz", all[0].flipped(100_000));
    let table = sandbox.table(&all);
    let outcome = sandbox.cxr(["verify", "data", "-v", "--checksums"]).arg(table).run();
    outcome.exits(1).is_plain().says("locate images_001.tar.gz");
    outcome.prints_line(&["corrupt", NAMES[0], "(images/00001000_000.png)"]);
    outcome.prints_line(&["next: cxr fetch -d data --checksums "]);
}

#[test]
fn damage_is_located_in_several_archives_at_once() {
    let (sandbox, all) = (Sandbox::new(), archives(4));
    for (archive, at) in all.iter().zip([None, Some(1_000), Some(150_000), Some(300_000)]) {
        let bytes = at.map_or_else(|| archive.bytes.to_vec(), |at| archive.flipped(at));
        sandbox.put(format!("data/{}", archive.name), bytes);
    }
    let report = sandbox.verify(&all).arg("data").report(1);
    assert_eq!(report.verdicts(), ["ok", "corrupt", "corrupt", "corrupt"]);
    assert_eq!(report.line(NAMES[0]).value["damage"], json!([]));
    for (name, at) in NAMES[1..].iter().zip([1_000, 150_000, 300_000]) {
        let place = &report.line(name).value["damage"][0];
        let range = place["start"].as_u64().unwrap()..place["end"].as_u64().unwrap();
        assert!(range.contains(&at), "{name}: {at} in {range:?}");
    }
}

#[test]
fn locating_can_be_turned_off() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put("data/images_001.tar.gz", all[0].flipped(100_000));
    let verify = || sandbox.verify(&all).arg("data");
    for verify in [verify().arg("--no-locate"), verify().env("CXR_NO_LOCATE", "1")] {
        let report = verify.report(1);
        assert!(damage(&report).is_empty());
        assert!(!report.only().is("corrupt").detail().contains("byte"), "{}", report.shown());
    }
    assert_eq!(damage(&verify().report(1)).len(), 1);
}

#[test]
fn a_truncated_archive_is_incomplete_or_corrupt_before_its_end() {
    let whole = archive(1, 2);
    let cut = whole.bytes.len() / 2;
    let report = verified(&whole, &whole.bytes[..cut]);
    report.only().is("corrupt").because(&format!("breaks off at byte {cut} (images/"));
    assert!(damage(&report)[0].end == cut, "{:?}", damage(&report));
    // In a file that is no tar, the range begins at the end of the file.
    let noise = stored_archive(NAMES[0], 1, 7);
    let report = verified(&noise, &noise.bytes[..1000]);
    report.only().is("corrupt").because("breaks off at byte 1000;");

    let report = verified_with_size(&whole, &whole.bytes[..cut]);
    report
        .only()
        .is("incomplete")
        .because("nothing is known to be wrong with the bytes that are here")
        .next("cxr fetch -d ");
    assert!(damage(&report).is_empty());

    let report = verified_with_size(&whole, &whole.flipped(5_000)[..cut]);
    report.only().is("corrupt").because("truncated").because("PNG chunk").next("cxr fetch -d ");
    assert!(damage(&report)[0].contains(&5_000), "{:?}", damage(&report));

    // Blocks that were never written.
    let mut bytes = whole.bytes[..cut].to_vec();
    bytes[cut - 10_000..].fill(0);
    let report = verified_with_size(&whole, &bytes);
    report.only().is("corrupt").because("are zeros");
    assert!(damage(&report)[0].contains(&(cut - 10_000)), "{:?}", damage(&report));
}

#[test]
fn appended_bytes_are_damage() {
    let whole = archive(1, 1);
    let longer = [&whole.bytes[..], &[7; 5000]].concat();
    let end = whole.bytes.len();
    for report in [verified(&whole, &longer), verified_with_size(&whole, &longer)] {
        assert_eq!(damage(&report)[0].start, end);
        report.only().is("corrupt").because("follow");
    }
    let report = verified_with_size(&whole, &longer);
    assert_eq!(damage(&report)[0], end..longer.len());
}

#[test]
fn a_change_that_affects_no_image_is_reported_as_such() {
    let whole = archive(1, 1);
    // The time in the gzip header.
    let report = verified(&whole, &whole.flipped(5));
    report.only().is("corrupt").because("no check of its gzip stream and of its tar fails");
    report.only().because("it decodes without an error");
    assert!(damage(&report).is_empty());
}

/// A gzipped tar with one member of this name.
fn archive_with(name: &str, content: &[u8]) -> Archive {
    let gzip = GzBuilder::new().write(Vec::new(), Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_cksum();
    tar.append(&header, content).unwrap();
    Archive::new(NAMES[0], tar.into_inner().unwrap().finish().unwrap())
}

#[test]
fn member_names_in_the_tar_are_escaped() {
    let name = "a\u{1b}[2J\n\u{202e}##[error]";
    let mut noise = vec![0; 100_000];
    fastrand::Rng::with_seed(1).fill(&mut noise);
    let whole = archive_with(name, &noise);
    let mut cut = Archive::clone(&whole);
    cut.bytes = std::sync::Arc::new(whole.bytes[..50_000].to_vec());
    let (sandbox, table) = (Sandbox::new(), [whole]);
    sandbox.put("data/images_001.tar.gz", &*cut.bytes);
    let report = sandbox.verify(&table).arg("data").run();
    report.exits(1).is_plain();
    assert_eq!(report.report().only().value["damage"][0]["member"], name);
    let table = sandbox.table(&table);
    let outcome = sandbox.cxr(["verify", "data", "--checksums"]).arg(table).run();
    outcome.exits(1).is_plain().prints_line(&["corrupt", r"(a\u{1b}[2J\u{a}"]);
}

#[test]
fn files_that_are_no_tar_or_gzip_have_no_located_damage() {
    let mut gzip = GzBuilder::new().write(Vec::new(), Compression::fast());
    for number in 0..50_000 {
        writeln!(gzip, "{number},{}", number * 7919 % 10_007).unwrap();
    }
    let no_tar = Archive::new("table.csv.gz", gzip.finish().unwrap());
    let report = verified(&no_tar, &no_tar.flipped(50_000));
    report.only().is("corrupt").because("the file contains no tar");
    assert!(damage(&report).is_empty());

    let plain = Archive::new("table.csv", b"id,finding\n1,none\n".to_vec());
    let report = verified(&plain, b"id,finding\n1,None\n");
    let words = report.only().is("corrupt").detail();
    assert!(words.starts_with("MD5 is") && !words.contains(';'), "{words}");
    assert!(damage(&report).is_empty());
}

#[cfg(debug_assertions)]
#[test]
fn unreadable_bytes_are_reported_with_their_offsets() {
    let (sandbox, whole) = (Sandbox::new(), archive(1, 3));
    sandbox.put_archive(&whole);
    let rules = "read images_001.tar.gz EIO at=500000; read images_001.tar.gz EIO at=503000; \
                 read images_001.tar.gz EIO at=1000000";
    let all = [whole];
    let report = sandbox.verify(&all).arg("data").disk_faults(rules).report(3);
    let page = |at: usize| at / 4096 * 4096..at / 4096 * 4096 + 4096;
    assert_eq!(damage(&report), [page(500_000), page(1_000_000)]);
    let line = report.only();
    line.is("error").because("Input/output error").because("8.00 KiB cannot be read");
    assert_eq!(line.value["damage"][0]["member"], "images/00001000_001.png");
    line.because("(images/00001000_001.png)").next("log");
    // Without locating, only the first unreadable byte is known.
    let report = sandbox.verify(&all).arg("data").arg("--no-locate").disk_faults(rules).report(3);
    assert_eq!(damage(&report).len(), 1);
    // An error that passes, and a file of the kernel that has no bytes.
    let rules = "read images_001.tar.gz EIO at=500000 times=1";
    let report = sandbox.verify(&all).arg("data").disk_faults(rules).report(3);
    let again = "no byte was unreadable when cxr read it again";
    report.only().is("error").because("Input/output error").because(again);
    assert!(damage(&report).is_empty());
    let path = sandbox.path("data").join(&all[0].name);
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/proc/self/mem", &path).unwrap();
    let report = sandbox.verify(&all).arg(&path).report(3);
    report.only().is("error").because("could not be read at byte 0").because(again);
    assert!(damage(&report).is_empty());
}
