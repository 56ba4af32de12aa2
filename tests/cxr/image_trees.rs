//! `cxr verify --images` says of every image in a tree what is true of it.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sha2::{Digest, Sha256};

use crate::support::damaged_png::{damaged, original, png};
use crate::support::{
    Archive, Cxr, Line, NAMES, ObjectStore, Report, Sandbox, TarBytes, archive, schema_error,
};

/// NIH's first images, each of a few patients: all are in the first archive.
const IMAGES: [&str; 12] = [
    "00000001_000.png",
    "00000001_001.png",
    "00000001_002.png",
    "00000002_000.png",
    "00000003_000.png",
    "00000003_001.png",
    "00000003_002.png",
    "00000003_003.png",
    "00000003_004.png",
    "00000003_005.png",
    "00000003_006.png",
    "00000003_007.png",
];

/// The first image of the second archive.
const OF_SECOND: &str = "00001336_000.png";

fn verify(sandbox: &Sandbox, tree: &str, arguments: &[&str]) -> Cxr {
    sandbox.cxr(["verify", "--images", tree, "--format", "json"]).args(arguments)
}

/// The report on the first archive, of which most images are missing.
fn first(sandbox: &Sandbox, tree: &str) -> Report {
    verify(sandbox, tree, &["1"]).report(1)
}

/// The verdict on an image that is not right, and the reason.
#[track_caller]
fn problem(line: &Line<'_>, name: &str) -> (String, String) {
    let problems = line.value["images"]["problems"].as_array().unwrap();
    let problem = problems.iter().find(|problem| problem["name"] == name);
    let problem = problem.unwrap_or_else(|| panic!("{name} in {problems:?}"));
    let text = |field: &str| problem[field].as_str().unwrap().to_owned();
    (text("verdict"), text("reason"))
}

#[track_caller]
fn counts(line: &Line<'_>) -> [u64; 5] {
    ["ok", "missing", "corrupt", "foreign", "unreadable"]
        .map(|field| line.value["images"][field].as_u64().unwrap())
}

/// An `images.tsv` with rows for these images.
fn record(rows: &[(&str, &[u8], &str)]) -> String {
    let mut text = "name\tbytes\tcrc32\tsha256\tarchive\n".to_owned();
    for (name, bytes, archive) in rows {
        let (crc, sha256) = (crc32fast::hash(bytes), hex::encode(Sha256::digest(bytes)));
        writeln!(text, "{name}\t{}\t{crc:08x}\t{sha256}\t{archive}", bytes.len()).unwrap();
    }
    text
}

/// A PNG of this width and height, with zeros for pixels.
fn black(width: u32, height: u32, color: u8) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, color, 0, 0, 0]].concat();
    let row = 1 + width * if color == 6 { 4 } else { 1 };
    let mut rows = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut rows, &vec![0; (row * height) as usize]).unwrap();
    png(&vec![(*b"IHDR", header), (*b"IDAT", rows.finish().unwrap()), (*b"IEND", vec![])])
}

#[test]
fn every_damage_is_found_and_the_archive_to_extract_is_named() {
    let sandbox = Sandbox::new();
    sandbox.put(format!("data/images/{}", IMAGES[11]), original());
    let damaged = damaged();
    assert_eq!(damaged.len(), 11);
    for (name, (_, bytes, _)) in IMAGES.iter().zip(&damaged) {
        sandbox.put(format!("data/images/{name}"), bytes);
    }
    let report = first(&sandbox, "data");
    let line = report.only();
    line.is("corrupt").because("1 of 4999 images are whole").because("2 truncated");
    // The archive is not here.
    line.because("the first is 00000001_000.png: ").next("cxr fetch -d data --extract --recheck 1");
    assert_eq!(counts(&line), [1, 4987, 11, 0, 0]);
    for (name, (kind, _, words)) in IMAGES.iter().zip(&damaged) {
        let (verdict, reason) = problem(&line, name);
        assert_eq!(verdict, "corrupt", "{kind}");
        assert!(reason.contains(words), "{kind}: {reason}");
    }
}

#[test]
fn files_that_are_something_else_are_named_as_what_they_are() {
    let sandbox = Sandbox::new();
    let zeros = vec![0; 300_000];
    let mut pixels = vec![7; 1 << 20];
    fastrand::Rng::with_seed(1).fill(&mut pixels);
    let jpeg = [&b"\xff\xd8\xff\xe0"[..], &[9; 600]].concat();
    for (name, bytes, verdict, words) in [
        (IMAGES[0], b"".to_vec(), "corrupt", "the file is empty"),
        (IMAGES[1], black(224, 224, 0), "foreign", "224 x 224 pixels"),
        (IMAGES[2], black(1024, 1024, 2), "corrupt", "is too short or too long"),
        (IMAGES[3], black(1024, 1024, 4), "corrupt", "is too short or too long"),
        (IMAGES[4], jpeg, "foreign", "a JPEG image"),
        (IMAGES[5], b"\x1f\x8b\x08\0\0\0\0\0".to_vec(), "foreign", "a gzip file"),
        (IMAGES[6], pixels, "foreign", "the size of decompressed pixels"),
        (IMAGES[7], zeros, "corrupt", "does not begin as one"),
        (IMAGES[8], b"<html>Sign in</html>".to_vec(), "foreign", "a web page"),
        (IMAGES[9], vec![1; 17 << 20], "foreign", "more than 16 MiB"),
    ] {
        let path = sandbox.put(format!("data/images/{name}"), bytes);
        let report = first(&sandbox, "data");
        let found = problem(&report.only(), name);
        assert!(found.0 == verdict && found.1.contains(words), "{name}: {found:?}");
        fs::remove_file(path).unwrap();
    }
    // A resized copy of everything is no damage, and `extract` must not be told to replace it.
    sandbox.put(format!("data/images/{}", IMAGES[0]), black(224, 224, 0));
    sandbox.put(format!("data/images/{}", IMAGES[1]), black(1024, 1024, 6));
    let report = first(&sandbox, "data");
    let line = report.only();
    line.is("foreign").because("1 resized (00000001_000.png: 224 x 224 pixels)");
    line.because("1 of 4999 images are whole").because("1 RGBA").next("move the files away");
    assert_eq!(line.value["images"]["rgba"], 1);
}

#[test]
fn every_layout_is_recognised_and_repaired_in_place() {
    let image = black(1024, 1024, 0);
    for (folder, tree, extract) in [
        ("data/images", "data", "cxr extract --recheck -d data 1"),
        ("data/images", "data/images", "cxr extract --recheck -d data 1"),
        ("data/images_001", "data", "cxr extract --recheck -d data --layout archive 1"),
        ("data/images_001/images", "data", "cxr extract --recheck -d data --layout kaggle 1"),
        (
            "data",
            "data",
            "data/images, and move the images, then run: cxr extract --recheck -d data 1",
        ),
    ] {
        let sandbox = Sandbox::new();
        for name in &IMAGES[..3] {
            sandbox.put(format!("{folder}/{name}"), &image);
        }
        sandbox.put("data/images_001.tar.gz", "the archive");
        let report = first(&sandbox, tree);
        let line = report.only();
        line.is("incomplete").because("3 of 4999 images are whole").next(extract);
        line.because("4996 missing (the first is 00000002_000.png)");
        assert_eq!(line.text("path"), folder, "{}", report.shown());
    }
    let sandbox = Sandbox::new();
    sandbox.put("tree/images/00000001_000.png", &image);
    sandbox.put("my data/images_001.tar.gz", "the archive");
    let report = verify(&sandbox, "tree", &["1", "--archives", "my data"]).report(1);
    report.only().next("cxr extract --recheck -d 'my data' --to tree 1");
    let all = verify(&sandbox, "tree", &[]).report(1);
    assert_eq!(all.verdicts()[..3], ["incomplete", "missing", "missing"], "{}", all.shown());
    all.lines()[11].because("none of its 7121 images is there");
}

#[test]
fn images_that_no_archive_has_and_copies_in_other_folders_are_reported() {
    let (sandbox, image) = (Sandbox::new(), black(1024, 1024, 0));
    for path in [
        "images_001/00000001_000.png",
        "images_001/00000001_001.png",
        "images_002/images/00000001_001.png",
        "more/00000001_000.png",
        // This file system does not ignore case: it is another file.
        "more/00000001_000.PNG",
        "images_002/00001336_000.png",
        "images_001/99999999_000.png",
        "images_001/00000002_000.PNG",
        "images_001/Thumbs.db",
        "README.txt",
        ".cxr/00000003_000.png",
    ] {
        sandbox.put(format!("data/{path}"), &image);
    }
    let outcome = verify(&sandbox, "data", &["1", "2"]).run();
    outcome.says("1 other file lies among the images (images_001/Thumbs.db)");
    let report = outcome.exits(1).report();
    assert_eq!(report.verdicts(), ["incomplete", "incomplete", "foreign"], "{}", report.shown());
    report.lines()[0].because("2 of 4999 images").because("1 image is there twice");
    report.lines()[1].because("1 of 10000 images are whole");
    report
        .line("data")
        .because("4 PNG files")
        .because("(the first is images_001/00000002_000.PNG)");
}

/// A record of another place: a copy is compared byte for byte.
#[test]
fn a_copy_is_compared_with_a_record_byte_for_byte() {
    let (sandbox, image) = (Sandbox::new(), black(1024, 1024, 0));
    let all = [archive(1, 1)];
    let table = sandbox.table(&all);
    let rows = [("a.png", &image[..], NAMES[0]), ("b", b"any bytes", NAMES[0])];
    sandbox.put("copy.tsv", record(&rows));
    sandbox.put("data/images/a.png", &image);
    sandbox.put("data/images/b", "any bytes");
    let compare = ["--compare", "copy.tsv", "--checksums", table.to_str().unwrap()];
    let run = || verify(&sandbox, "data", &compare).args(["--junit", "j.xml"]);
    let report = run().report(0);
    report.only().is("ok").because("2 images are whole").because("equal to copy.tsv byte for byte");
    assert!(fs::read_to_string(sandbox.path("j.xml")).unwrap().contains("failures=\"0\""));
    sandbox.put("data/images/b", "any byteS");
    let report = run().report(1);
    report.only().is("corrupt").because("1 corrupt (b: its bytes are not those of the record)");
    sandbox.put("data/images/b", "any");
    run().report(1).only().is("corrupt").because("1 truncated (b)");
    fs::remove_file(sandbox.path("data/images/b")).unwrap();
    run()
        .report(1)
        .only()
        .is("incomplete")
        .because("1 missing (b)")
        .next("cxr fetch -d data --checksums");

    // An image of NIH that another program has written again: all pixels are right.
    let rows = [(IMAGES[0], &image[..], NAMES[0]), (IMAGES[1], &original(), NAMES[0])];
    sandbox.put("data/images.tsv", record(&rows));
    sandbox.put(format!("data/images/{}", IMAGES[0]), &image);
    sandbox.put(format!("data/images/{}", IMAGES[1]), &image);
    let report = first(&sandbox, "data");
    let line = report.line(NAMES[0]);
    line.is("foreign").because("1 written again by another program (00000001_001.png: ");
    line.because("equal to data/images.tsv byte for byte");
}

#[test]
fn a_record_that_cannot_be_used_stops_the_check() {
    let sandbox = Sandbox::new();
    let good = record(&[(IMAGES[0], b"x", NAMES[0])]);
    sandbox.put("data/images.tsv", &good[..good.len() - 1]);
    let outcome = verify(&sandbox, "data", &["1"]).run();
    outcome.exits(3).says("data/images.tsv: its last line does not end").says("--compare");
    verify(&sandbox, "data", &["1", "--compare", "none"]).run().exits(2).says("none: it cannot be");
    sandbox.put("wrong", "name\tbytes\n");
    let outcome = verify(&sandbox, "data", &["1", "--compare", "wrong"]).run();
    outcome.exits(2).says("the first line is not `name bytes crc32 sha256 archive`");
    fs::remove_file(sandbox.path("data/images.tsv")).unwrap();
    let table = sandbox.table(&[archive(1, 1)]);
    let outcome = verify(&sandbox, "data", &["--checksums"]).arg(table).run();
    outcome.exits(2).says("the table does not say which images").says("--compare");
    verify(&sandbox, "nowhere", &[]).run().exits(3).says("nowhere cannot be read");
    verify(&sandbox, "data", &["--quick"]).run().exits(2).says("cannot be used with");
}

#[test]
fn links_folders_and_pipes_in_the_place_of_images_are_harmless() {
    let (sandbox, image) = (Sandbox::new(), black(1024, 1024, 0));
    let at = |name: &str| sandbox.path("data/images").join(name);
    sandbox.put("elsewhere.png", &image);
    fs::create_dir(sandbox.path("data/images")).unwrap();
    symlink(sandbox.path("elsewhere.png"), at(IMAGES[0])).unwrap();
    symlink("nowhere", at(IMAGES[1])).unwrap();
    symlink(IMAGES[2], at(IMAGES[2])).unwrap();
    fs::create_dir(at(IMAGES[3])).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(at(IMAGES[4])).status().unwrap().success());
    symlink("/dev/zero", at(IMAGES[5])).unwrap();
    // A folder in a circle.
    symlink("..", at("circle")).unwrap();
    let report = first(&sandbox, "data");
    let line = report.only();
    assert_eq!(counts(&line), [1, 4994, 0, 3, 1], "{}", report.shown());
    for name in &IMAGES[3..6] {
        assert_eq!(problem(&line, name), ("foreign".to_owned(), "it is not a file".to_owned()));
    }
    assert!(problem(&line, IMAGES[2]).1.contains("symbolic links"), "{}", report.shown());
}

#[test]
fn an_image_that_several_names_lead_to_counts_once() {
    let (sandbox, image) = (Sandbox::new(), black(1024, 1024, 0));
    for name in &IMAGES[..3] {
        sandbox.put(format!("data/images_001/images/{name}"), &image);
    }
    sandbox.put(format!("data/images_001/images/{}", IMAGES[3]), &image[..500]);
    sandbox.put("data/images_001/images/notes.png", "");
    // Links to folders, of the images and of the archive, and to the whole tree; to an image; a second name.
    symlink("images_001/images", sandbox.path("data/all")).unwrap();
    symlink("images_001", sandbox.path("data/again")).unwrap();
    symlink(".", sandbox.path("data/here")).unwrap();
    for name in &IMAGES[..3] {
        symlink(format!("images_001/images/{name}"), sandbox.path("data").join(name)).unwrap();
    }
    fs::create_dir(sandbox.path("data/images")).unwrap();
    let second = sandbox.path("data/images").join(IMAGES[0]);
    fs::hard_link(sandbox.path("data/images_001/images").join(IMAGES[0]), second).unwrap();
    let report = verify(&sandbox, "data", &["1"]).report(1);
    let line = report.line("images_001.tar.gz");
    assert_eq!(counts(&line), [3, 4995, 1, 0, 0], "{}", report.shown());
    assert!(!line.detail().contains("there twice"), "{}", line.detail());
    report.line("data").because("1 PNG file is no image");
    line.next("--layout kaggle 1");
}

#[test]
fn what_cannot_be_read_is_an_error_and_not_missing() {
    let (sandbox, image) = (Sandbox::new(), black(1024, 1024, 0));
    let closed = |path| fs::set_permissions(sandbox.path(path), fs::Permissions::from_mode(0o000));
    sandbox.put("data/images/00000001_000.png", &image);
    sandbox.put("data/images/00000001_001.png", &image);
    closed("data/images/00000001_001.png").unwrap();
    let report = verify(&sandbox, "data", &["1"]).unprivileged().report(3);
    let line = report.only();
    line.is("error").because("1 unreadable (00000001_001.png: Permission denied");
    line.next("make all files and folders of the tree readable, then run: cxr verify");
    closed("data/images").unwrap();
    let report = verify(&sandbox, "data", &["1"]).unprivileged().report(3);
    report.only().is("error").because("data/images cannot be read: Permission denied");
    fs::set_permissions(sandbox.path("data/images"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_file_system_that_ignores_case_changes_no_verdict() {
    let (sandbox, image) = (Sandbox::new(), black(1024, 1024, 0));
    let Some(_store) = ObjectStore::mount("ignore-case", &sandbox.data()) else { return };
    sandbox.put("data.store/IMAGES/00000001_000.PNG", &image);
    sandbox.put("data.store/IMAGES/00000001_001.png", &image);
    sandbox.put("data.store/Images_002/00001336_000.Png", &image);
    sandbox.put("data.store/Images_002/00000001_002.png", &image);
    let report = verify(&sandbox, "data", &["1", "2"]).report(1);
    assert_eq!(report.verdicts(), ["incomplete", "incomplete", "foreign"], "{}", report.shown());
    report.lines()[0].because("2 of 4999 images are whole");
    assert_eq!(report.lines()[0].text("path"), "data/images", "the layout of most images");
    report.lines()[1].because("1 of 10000 images are whole");
    report
        .line("data")
        .because("or in the folder of another archive (Images_002/00000001_002.png)");
}

#[test]
fn a_check_of_a_slow_file_system_ends_soon_after_a_signal() {
    let (sandbox, image) = (Sandbox::new(), black(1024, 1024, 0));
    let Some(_store) = ObjectStore::mount("slow", &sandbox.data()) else { return };
    (0..30).for_each(|number| {
        let patient = 11 + number;
        sandbox.put(format!("data.store/images/{patient:08}_000.png"), &image);
    });
    let mut running = verify(&sandbox, "data", &["1", "--events", "e.jsonl"]).spawn();
    let events = sandbox.path("e.jsonl");
    running.until("the start", || {
        fs::read_to_string(&events).is_ok_and(|text| text.contains("begun"))
    });
    std::thread::sleep(Duration::from_millis(500));
    let begun = Instant::now();
    running.signal(Signal::INT);
    let outcome = running.wait();
    outcome.exits(130).says("cxr verify --images data");
    outcome.expect(begun.elapsed() < Duration::from_secs(3), "an end within three seconds");
    let line = outcome.report();
    line.only().is("error").because("interrupted before all images were checked");
}

#[test]
fn any_number_of_unknown_files_takes_no_more_memory() {
    let (sandbox, image) = (Sandbox::new(), black(1024, 1024, 0));
    let Some(_store) = ObjectStore::mount("many", &sandbox.data()) else { return };
    sandbox.put(format!("data.store/{OF_SECOND}"), &image);
    // Threads reserve more addresses than they use.
    let limit = ["bash", "-c", "ulimit -v 700000; exec \"$0\" \"$@\""];
    let report = verify(&sandbox, "data", &["2"]).started_by(limit).report(1);
    report.lines()[0].is("incomplete").because("1 of 10000 images are whole");
    report.line("data").because("100000 PNG files").because("(the first is unknown-0.png)");
}

#[test]
fn list_counts_images_and_a_check_of_archives_points_to_the_check_of_images() {
    let sandbox = Sandbox::new();
    for name in IMAGES {
        sandbox.put(format!("data/images/{name}"), "");
    }
    let list = sandbox.cxr(["list", "-d", "data"]).run();
    list.exits(0).prints_line(&["images_001.tar.gz", "missing, and 12 of its 4999 images"]);
    let list = sandbox.cxr(["list", "-d", "data", "--format", "json"]).run();
    assert_eq!(schema_error("list", &list.stdout()), None);
    let document: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    assert_eq!(document["archives"][0]["images"]["here"], 12);
    assert!(document["archives"][1]["images"].is_null());
    let outcome = sandbox.cxr(["verify", "data"]).run();
    outcome.says("to check them, run: cxr verify --images data\n");
}

/// The record has the archive with the folders in its name.
#[test]
fn the_files_of_an_archive_in_a_folder_are_recorded_checked_and_not_extracted_again() {
    for (layout, name, folder) in [
        ("flat", "sub/set", "images"),
        ("archive", "sub/set", "sub/set"),
        ("archive", "a/b/set", "a/b/set"),
        ("kaggle", "sub/set", "sub/set/images"),
    ] {
        let file = format!("data/{name}.tar.gz");
        let sandbox = Sandbox::new();
        let files = (0..12).map(|number| format!("{number}.png"));
        let tar =
            files.fold(TarBytes::default(), |tar, name| tar.member(&name, b'0', b"any bytes"));
        let set = Archive::new(format!("{name}.tar.gz"), tar.gzip());
        sandbox.put_archive(&set);
        let table = sandbox.table(std::slice::from_ref(&set));
        let table = table.to_str().unwrap();
        let extract = || {
            let words = ["extract", "-d", "data", "--layout", layout, "--checksums", table];
            sandbox.cxr(words).run()
        };
        let check =
            |options: &[&str]| verify(&sandbox, "data", &["--checksums", table]).args(options);
        let outcome = check(&[]).run();
        outcome
            .exits(2)
            .says("to write one from the archives, run: cxr extract -d data --checksums");
        extract().exits(0);
        extract().exits(0).prints("extracted before");
        let report = check(&[]).report(0);
        report
            .only()
            .because("12 images are whole")
            .because("equal to data/images.tsv byte for byte");
        fs::remove_file(sandbox.path(&file)).unwrap();
        let outcome = sandbox.cxr(["verify", "data", "--checksums", table]).run();
        outcome.exits(1);
        // Only two levels of folders are searched.
        let is_found = folder.split('/').count() < 3;
        let command = format!("to check them, run: cxr verify --images data --checksums {table}");
        outcome.expect(outcome.stderr().contains(&command) == is_found, &command);
        fs::remove_file(sandbox.path("data").join(folder).join("7.png")).unwrap();
        sandbox.put_archive(&set);
        let options = if layout == "flat" { String::new() } else { format!(" --layout {layout}") };
        let line = format!("cxr extract --recheck -d data{options} --checksums {table}");
        let outcome = check(&[]).run();
        outcome.expect(!outcome.stderr().contains("other file"), "no word about the archive");
        let report = outcome.exits(1).report();
        report.only().is("incomplete").because("1 missing (7.png)").next(&line);
        fs::remove_file(sandbox.path("data/images.tsv")).unwrap();
        let outcome = sandbox.cxr(["verify", "data", "--checksums", table]).run();
        outcome.exits(0);
        fs::remove_file(sandbox.path(&file)).unwrap();
        let outcome = sandbox.cxr(["verify", "data", "--checksums", table]).run();
        let words = "cxr extract writes images.tsv, with which it can";
        outcome.exits(1).expect(outcome.stderr().contains(words) == is_found, words);
    }
}

#[test]
fn a_file_of_two_archives_counts_for_both() {
    let sandbox = Sandbox::new();
    let all = ["one", "two", "three"].map(|name| {
        let tar = TarBytes::default().member("LICENSE", b'0', b"the same");
        let tar = tar.member(&format!("{name}.png"), b'0', name.as_bytes());
        Archive::new(format!("{name}.tar.gz"), tar.gzip())
    });
    for archive in &all {
        sandbox.put_archive(archive);
    }
    let table = sandbox.table(&all);
    let table = table.to_str().unwrap();
    sandbox.cxr(["extract", "-d", "data", "--checksums", table, "1-2"]).run().exits(0);
    let report = verify(&sandbox, "data", &["--checksums", table]).report(1);
    report.line(&all[0].name).is("ok");
    report.line(&all[1].name).is("ok");
    report
        .line(&all[2].name)
        .is("missing")
        .because("images.tsv lists nothing of this archive")
        .next(&format!("cxr extract --recheck -d data --checksums {table} three.tar.gz"));
    fs::remove_file(sandbox.path("data/images/LICENSE")).unwrap();
    let report = verify(&sandbox, "data", &["--checksums", table, "1-2"]).report(1);
    for archive in &all[..2] {
        report.line(&archive.name).is("incomplete").because("1 missing (LICENSE)");
    }
}

#[test]
fn a_selection_of_images_can_be_complete() {
    let (sandbox, image) = (Sandbox::new(), black(1024, 1024, 0));
    for name in &IMAGES[..3] {
        sandbox.put(format!("data/images/{name}"), &image);
    }
    let outcome = verify(&sandbox, "data", &["--patient", "1"]).run();
    outcome.exits(0).report().only().is("ok").because("3 images are whole");
    let no_record = "there is no images.tsv to compare with, so cxr checked that images are whole";
    outcome.says(no_record).expect(!outcome.stderr().contains("to get it"), "no archive is here");
    sandbox.put("data/images_001.tar.gz", "the archive");
    let outcome = verify(&sandbox, "data", &["--patient", "1"]).run();
    outcome.exits(0).says("to get it, run: cxr extract -d data\n");
    let report = verify(&sandbox, "data", &["--patient", "1-2"]).report(1);
    report.only().is("incomplete").because("3 of 4 images").because("00000002_000.png");
    sandbox.cxr(["verify", "data", "--patient", "1"]).run().exits(2).says("add --images TREE");
}

/// cxr writes `images.tsv` into the tree, and the archive's own lies among its files.
#[test]
fn files_of_an_archive_with_the_names_of_lists_are_not_taken_for_those_of_the_tree() {
    let sandbox = Sandbox::new();
    let tar = ["a.png", "images.tsv", "metadata.csv"].into_iter();
    let tar = tar.fold(TarBytes::default(), |tar, name| tar.member(name, b'0', name.as_bytes()));
    let archive = Archive::new("set.tar.gz", tar.gzip());
    sandbox.put_archive(&archive);
    let empty = Archive::new("empty.tar.gz", TarBytes::default().gzip());
    sandbox.put_archive(&empty);
    let table = sandbox.table(&[archive, empty]);
    let run =
        |words: &[&str]| sandbox.cxr(words).args(["--format", "json", "--checksums"]).arg(&table);
    run(&["extract", "-d", "data"]).report(0).all_ok();
    run(&["extract", "-d", "data", "--to", "other", "--layout", "archive"]).report(0).all_ok();
    sandbox.put("data/metadata.csv", "of the user");
    let record = ["--compare", "data/images.tsv"];
    for (tree, options) in [("data", &[][..]), ("other", &[]), ("data", &record)] {
        let report = run(&[&["verify", "--images", tree], options].concat()).report(0);
        report.all_ok();
        report.line("set.tar.gz").because("3 images are whole");
        report.line("empty.tar.gz").because("the archive contains no file");
    }
    // The folder of the images has no record of the archive without a file.
    let report = run(&[&["verify", "--images", "data/images"], &record[..]].concat()).report(1);
    report.line("set.tar.gz").is("ok").because("3 images are whole");
    let outcome = run(&["verify", "--images", "data/images"]).run();
    outcome.exits(3).says("if it is a file of an archive").says("--compare data/images.tsv");
    fs::remove_file(sandbox.path("data/images/metadata.csv")).unwrap();
    fs::remove_file(sandbox.path("data/images/images.tsv")).unwrap();
    let report = run(&["verify", "--images", "data"]).report(1);
    report
        .line("set.tar.gz")
        .is("incomplete")
        .because("1 of 3 images are whole")
        .because("2 missing");
}
