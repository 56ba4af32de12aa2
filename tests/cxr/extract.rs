//! `extract`: from archives to images, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use cxr::images::manifest::Manifest;
use flate2::{Compression, GzBuilder};

use crate::support::{
    Archive, Cxr, ImageArchive, Sandbox, Server, SmallDisk, TarBytes, files_under, image, inventory,
};

/// Two archives with a few images each, in the sandbox.
fn two(sandbox: &Sandbox) -> [ImageArchive; 2] {
    let both = [ImageArchive::new(1, 0..4), ImageArchive::new(2, 4..9)];
    for images in &both {
        sandbox.put_archive(&images.archive);
    }
    both
}

fn extract(sandbox: &Sandbox, all: &[ImageArchive]) -> Cxr {
    let archives: Vec<Archive> = all.iter().map(|images| images.archive.clone()).collect();
    let table = sandbox.table(&archives);
    let rules = inventory(all.iter().map(|images| (&images.archive, images.places.clone())));
    let words = ["extract", "--format", "json", "--dir", "data", "--checksums"];
    sandbox.cxr(words).arg(table).env("CXR_FAULT_INVENTORY", rules)
}

#[track_caller]
fn assert_images(sandbox: &Sandbox, all: &[ImageArchive], folder: impl Fn(&Archive) -> String) {
    for ImageArchive { archive, images, .. } in all {
        for (name, bytes) in images {
            let path = format!("{}/{name}", folder(archive));
            assert_eq!(fs::read(sandbox.path(&path)).ok().as_ref(), Some(bytes), "{path}");
        }
    }
}

#[test]
fn every_layout_gets_the_images_and_their_list() {
    for (layout, folder) in [
        ("flat", (|_| "out/images".to_owned()) as fn(&Archive) -> String),
        ("archive", |archive| format!("out/{}", archive.name.trim_end_matches(".tar.gz"))),
        ("kaggle", |archive| format!("out/{}/images", archive.name.trim_end_matches(".tar.gz"))),
    ] {
        let sandbox = Sandbox::new();
        let all = two(&sandbox);
        let run = extract(&sandbox, &all).args(["--to", "out", "--layout", layout]);
        let report = run.report(0);
        report.all_ok().line("images_002.tar.gz").because("5 images in out/");
        assert_images(&sandbox, &all, folder);
        let list = Manifest::read(&fs::read(sandbox.path("out/images.tsv")).unwrap()[..]).unwrap();
        assert_eq!(list.len(), 9);
        let (name, bytes) = &all[1].images[2];
        let row = list.get(name, "images_002.tar.gz").unwrap();
        assert!(row.describes(bytes), "{row:?}");
        let mode = fs::metadata(sandbox.path(format!("{}/{name}", folder(&all[1].archive))));
        assert_eq!(mode.unwrap().permissions().mode() & 0o7111, 0, "the mode of the tar");
        assert!(sandbox.files("data").iter().all(|file| file.extension().is_some()));
    }
}

/// The first cell of each row of `metadata.csv`.
fn labelled(sandbox: &Sandbox) -> Vec<String> {
    let csv = fs::read_to_string(sandbox.path("data/metadata.csv")).unwrap();
    assert!(csv.starts_with("file_name,split,patient_id,"), "{csv}");
    csv.lines().skip(1).map(|row| row.split(',').next().unwrap().to_owned()).collect()
}

#[test]
fn the_labels_of_the_images_that_are_there_are_written() {
    let sandbox = Sandbox::new();
    let all = two(&sandbox);
    for name in ["images.tsv.new", "metadata.csv.new"] {
        sandbox.put(format!("data/{name}"), "mine");
    }
    extract(&sandbox, &all).args(["--patient", "1"]).report(0).all_ok();
    assert_eq!(labelled(&sandbox).len(), 3);
    extract(&sandbox, &all).report(0).all_ok();
    let names = || all.iter().flat_map(|images| &images.images).map(|(name, _)| name);
    let paths: Vec<String> = names().map(|name| format!("images/{name}")).collect();
    assert_eq!(labelled(&sandbox), paths);
    // Only what is there is listed.
    fs::remove_file(sandbox.data().join("images_002.tar.gz")).unwrap();
    fs::remove_file(sandbox.data().join(&paths[8])).unwrap();
    sandbox.put(format!("data/{}", paths[7]), "of another size");
    extract(&sandbox, &all).report(1);
    assert_eq!(labelled(&sandbox), paths[..7]);
    // They are two files of the user's.
    for name in ["images.tsv.new", "metadata.csv.new"] {
        sandbox.assert_content(format!("data/{name}"), b"mine");
    }
}

#[test]
fn a_file_of_the_user_in_the_place_of_the_labels_stays() {
    let sandbox = Sandbox::new();
    let all = two(&sandbox);
    let path = sandbox.data().join("metadata.csv");
    extract(&sandbox, &all[..1]).report(0).all_ok();
    let mut edited = fs::read(&path).unwrap();
    *edited.last_mut().unwrap() = b' ';
    let left = |words: &str| {
        let before = fs::read(&path).ok();
        let outcome = extract(&sandbox, &all).run();
        outcome.exits(0).says("metadata.csv ").says(words).says("and cxr left it unchanged");
        outcome.says("move it away, then run: cxr extract").report().all_ok();
        assert_eq!(fs::read(&path).ok(), before, "{words}");
    };
    sandbox.put("data/metadata.csv", edited);
    left("is not a file that cxr wrote");
    fs::remove_file(&path).unwrap();
    sandbox.cxr(["labels", "-d", "data", "--val", "0.2", "--seed", "1"]).run().exits(0);
    fs::remove_file(sandbox.path("data/.cxr/labels")).unwrap();
    left("has a part for validation, of which no record is here, and lists other images");
    fs::remove_file(&path).unwrap();
    let run = extract(&sandbox, &all[..1]).args(["--layout", "kaggle"]).run();
    run.exits(0)
        .says("the files of 1 archive are in data already, in the layout flat; this run writes");
    run.says(" more; to keep one copy, use --layout flat").report().all_ok();
    left("lists images of the layout kaggle");
    fs::remove_file(&path).unwrap();
    symlink("/dev/null", &path).unwrap();
    left("is a symbolic link");
    fs::remove_file(&path).unwrap();
    // Labels of all images, before any of this layout was there.
    sandbox.cxr(["labels", "-d", "data", "--layout", "archive"]).run().exits(0);
    extract(&sandbox, &all).report(0).all_ok();
    assert_eq!(labelled(&sandbox).len(), 9);
    let run = extract(&sandbox, &all).args(["--events", "data/metadata.csv"]).run();
    run.exits(2).says("reserved for the labels of the images");
}

#[test]
fn the_part_for_validation_stays_when_more_images_are_extracted() {
    let sandbox = Sandbox::new();
    // Those of the second archive are of the patients 5 to 8, whom NIH has in train_val too.
    let all = [ImageArchive::new(1, 0..4), ImageArchive::new(2, 20..24)];
    for images in &all {
        sandbox.put_archive(&images.archive);
    }
    let labels = |dir: &str, seed: u32| {
        let seed = seed.to_string();
        sandbox.cxr(["labels", "-d", dir, "--val", "0.5", "--seed", &seed]).run()
    };
    extract(&sandbox, &all).args(["--patient", "1-2"]).report(0).all_ok();
    labels("data", 4).exits(0).says("metadata.csv has no image in the part val");
    labels("data", 8).exits(0);
    let parts = |dir: &str| -> Vec<String> {
        let csv = fs::read_to_string(sandbox.path(dir).join("metadata.csv")).unwrap();
        let cells = csv.lines().map(|row| row.split(',').take(2).collect::<Vec<_>>().join(","));
        cells.collect()
    };
    assert_eq!(parts("data").len(), 5);
    let outcome = extract(&sandbox, &all).run();
    outcome.exits(0).says("_list.txt in data have other images than metadata.csv");
    outcome.says("run: cxr labels -d data --val 0.5 --seed 8");
    labels("expected", 8).exits(0);
    let expected: Vec<_> = parts("expected");
    assert_eq!(parts("data"), [&expected[..5], &expected[21..25]].concat(), "with the header");
    let again = labels("data", 8);
    again.exits(0).prints("in place of the one that cxr wrote before");
    let val = fs::read_to_string(sandbox.path("data/val_list.txt")).unwrap();
    assert_eq!(
        val.lines().count(),
        parts("data").iter().filter(|row| row.ends_with(",val")).count()
    );
    assert!(!extract(&sandbox, &all).run().exits(0).stderr().contains("have other images"));
}

#[test]
fn no_layout_puts_images_where_cxr_keeps_its_own_files_or_outside() {
    let sandbox = Sandbox::new();
    let archive = |name: &str, member: &str| {
        Archive::new(name, TarBytes::default().member(member, b'0', b"7").gzip())
    };
    for (name, member) in [
        (".cxr.tar.gz", "lock"),
        (".CXR.tar.gz", "owner"),
        ("images.tsv.tar.gz", "a"),
        ("metadata.csv.tar.gz", "a"),
        ("...tar.gz", "evil"),
        ("..tar.gz", "images.tsv"),
        ("sub/...tar.gz", "images.tsv"),
    ] {
        let archive = archive(name, member);
        sandbox.put_archive(&archive);
        let table = sandbox.table(std::slice::from_ref(&archive));
        for layout in ["archive", "kaggle"] {
            let words = ["extract", "-d", "data", "--to", "out", "--layout", layout, "--checksums"];
            let outcome = sandbox.cxr(words).arg(&table).run();
            outcome.exits(2).says("which is not free for images").says("use --layout flat");
            let words = ["fetch", "--from", "data", "--extract", "--layout", layout, "--checksums"];
            sandbox.cxr(words).arg(&table).args(["-d", "out"]).run().exits(2).says(name);
        }
        assert!(!sandbox.path("out").exists() && !sandbox.path("evil").exists(), "{name}");
        let words = ["extract", "-d", "data", "--to", "flat", "--checksums"];
        sandbox.cxr(words).arg(&table).run().exits(0);
        fs::remove_dir_all(sandbox.path("flat")).unwrap();
    }
}

#[test]
fn what_is_done_is_not_read_again_and_only_missing_images_are_written() {
    let sandbox = Sandbox::new();
    let all = two(&sandbox);
    extract(&sandbox, &all).report(0).all_ok();
    let path = |index: usize| sandbox.data().join("images").join(&all[1].images[index].0);
    let inode = |index| fs::metadata(path(index)).unwrap().ino();
    let before = inode(1);
    fs::remove_file(path(0)).unwrap();
    // It is not read.
    fs::remove_file(sandbox.data().join("images_001.tar.gz")).unwrap();
    let report = extract(&sandbox, &all).args(["--events", "events.jsonl"]).report(0);
    report.all_ok().line("images_002.tar.gz").because("1 of them written now");
    report.line("images_001.tar.gz").because("4 images in data/images, extracted before");
    let events = fs::read_to_string(sandbox.path("events.jsonl")).unwrap();
    assert_eq!(events.matches("\"event\":\"begun\"").count(), 1, "{events}");
    assert_eq!(inode(1), before);
    assert_images(&sandbox, &all, |_| "data/images".to_owned());
}

#[test]
fn a_damaged_image_is_replaced_and_any_other_file_stays() {
    let sandbox = Sandbox::new();
    let all = two(&sandbox);
    extract(&sandbox, &all).report(0).all_ok();
    let name = |index: usize| format!("data/images/{}", all[1].images[index].0);
    let mut flipped = all[1].images[0].1.clone();
    flipped[2000] ^= 1;
    sandbox.put(name(0), flipped);
    let cut = &all[1].images[1].1[..900];
    sandbox.put(name(1), cut);
    let report = extract(&sandbox, &all).arg("--recheck").report(0);
    report.line("images_002.tar.gz").because("5 images in data/images, 2 of them written now");
    assert_images(&sandbox, &all, |_| "data/images".to_owned());
    // An image of other pixels is whole.
    sandbox.put(name(2), image(77));
    sandbox.put(name(3), "my notes");
    fs::remove_file(sandbox.path(name(4))).unwrap();
    symlink("/etc/hostname", sandbox.path(name(4))).unwrap();
    let report = extract(&sandbox, &all).arg("--recheck").report(1);
    let line = report.line("images_002.tar.gz");
    line.is("foreign").because("some names are taken by something else, which cxr left unchanged");
    line.because("(a symbolic link)").because("(a different file)").next("move");
    assert_eq!(fs::read(sandbox.path(name(3))).unwrap(), b"my notes");
    assert_eq!(fs::read(sandbox.path(name(2))).unwrap(), image(77));
    report.line("images_001.tar.gz").is("ok");
}

/// An archive of the files `a`, `b` and `c` with these bytes.
fn of_three_files(content: &[u8]) -> Archive {
    let tar = ["a", "b", "c"].into_iter();
    let tar = tar.fold(TarBytes::default(), |tar, name| tar.member(name, b'0', content));
    Archive::new("set.tar.gz", tar.gzip())
}

#[test]
fn files_that_a_killed_run_left_get_names_only_with_the_bytes_of_a_right_archive() {
    let sandbox = Sandbox::new();
    let (right, wrong) = (of_three_files(b"right"), of_three_files(b"wrong"));
    sandbox.put_archive(&right);
    let table = sandbox.table(std::slice::from_ref(&right));
    let run = || sandbox.cxr(["extract", "-d", "data", "--checksums"]).arg(&table);
    run().run().exits(0);
    fs::remove_dir_all(sandbox.path("data/images")).unwrap();
    sandbox.put("data/set.tar.gz", wrong.bytes.to_vec());
    assert!(run().dies_at("image-written", 2).run().was_killed());
    assert_eq!(staged(&sandbox).len(), 2);
    run().run().exits(1).prints("nothing of it was extracted");
    let named = fs::read_dir(sandbox.path("data/images")).map_or(0, Iterator::count);
    assert_eq!(named, 0, "files of a wrong archive have final names");
    sandbox.put_archive(&right);
    run().run().exits(0).prints("3 files in data/images");
    for name in ["a", "b", "c"] {
        let path = sandbox.path("data/images").join(name);
        assert_eq!(fs::read(path).unwrap(), b"right", "{name}");
    }
}

#[test]
fn a_file_of_the_user_of_the_same_size_is_named_in_every_run() {
    let sandbox = Sandbox::new();
    let set = of_three_files(b"right");
    sandbox.put_archive(&set);
    sandbox.put("data/images/b", "notes");
    let table = sandbox.table(std::slice::from_ref(&set));
    let run = || sandbox.cxr(["extract", "-d", "data", "--checksums"]).arg(&table);
    for _ in 0..3 {
        run().run().exits(1).prints("b (a different file)");
        assert_eq!(fs::read(sandbox.path("data/images/b")).unwrap(), b"notes");
    }
    fs::remove_file(sandbox.path("data/images/b")).unwrap();
    run().run().exits(0).prints("1 of them written now");
    let sandbox = Sandbox::new();
    let all = two(&sandbox);
    let (name, bytes) = &all[1].images[2];
    sandbox.put(format!("data/images/{name}"), vec![b'n'; bytes.len()]);
    for _ in 0..3 {
        extract(&sandbox, &all).report(1).line("images_002.tar.gz").is("foreign");
    }
}

#[test]
fn a_new_version_of_an_archive_replaces_its_rows_in_the_list() {
    let sandbox = Sandbox::new();
    let run = |archive: &Archive| {
        sandbox.put_archive(archive);
        let table = sandbox.table(std::slice::from_ref(archive));
        sandbox.cxr(["extract", "-d", "data", "--checksums"]).arg(table).run().exits(0);
        let list = fs::read(sandbox.path("data/images.tsv")).unwrap();
        let list = Manifest::read(&list[..]).unwrap();
        list.rows().map(|(name, ..)| name.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(run(&of_three_files(b"first")), ["a", "b", "c"]);
    fs::remove_dir_all(sandbox.path("data/images")).unwrap();
    let second = TarBytes::default().member("a", b'0', b"new").member("d", b'0', b"new");
    assert_eq!(run(&Archive::new("set.tar.gz", second.gzip())), ["a", "d"]);
}

#[test]
fn an_image_of_another_size_is_the_users_also_if_it_is_broken() {
    let sandbox = Sandbox::new();
    let all = two(&sandbox);
    let (name, right) = &all[1].images[2];
    // The width is in the bytes 16 to 19.
    let mut small = [&right[..], b"notes"].concat();
    small[18] = 1;
    sandbox.put(format!("data/images/{name}"), &small);
    extract(&sandbox, &all).report(1).line("images_002.tar.gz").is("foreign");
    sandbox.assert_content(format!("data/images/{name}"), &small);
}

#[test]
fn a_folder_that_does_not_exist_is_not_created() {
    let sandbox = Sandbox::new();
    let run = sandbox.cxr(["extract", "-d", "typo"]).run();
    run.exits(3).says("there is no folder typo").says("cxr fetch -d typo");
    assert!(!sandbox.path("typo").exists());
}

#[test]
fn an_archive_that_is_not_right_gets_nothing_extracted() {
    let sandbox = Sandbox::new();
    let all = two(&sandbox);
    sandbox.put("data/images_001.tar.gz", all[0].archive.flipped(300));
    fs::remove_file(sandbox.data().join("images_002.tar.gz")).unwrap();
    let report = extract(&sandbox, &all).report(1);
    assert_eq!(report.verdicts(), ["corrupt", "missing"]);
    for name in ["images_001.tar.gz", "images_002.tar.gz"] {
        report.line(name).because("nothing of it was extracted").next("cxr fetch -d data");
    }
    assert!(!sandbox.path("data/images").exists());
    assert_eq!(staged(&sandbox), Vec::<PathBuf>::new());
}

/// The files in the staging folders.
fn staged(sandbox: &Sandbox) -> Vec<PathBuf> {
    files_under(&sandbox.data().join(".cxr/extract"))
}

/// Everything in the sandbox except the archives and what cxr may write, with its bytes.
fn others(sandbox: &Sandbox) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = files_under(sandbox.root()).into_iter();
    let files = files.filter(|path| !path.starts_with(sandbox.data()));
    files.map(|path| (path.clone(), fs::read(path).unwrap_or_default())).collect()
}

/// Tars that other programs extract in ways that nobody wants, with words of the message.
fn hostile() -> Vec<(&'static str, TarBytes, &'static str)> {
    let image = image(0);
    let good = TarBytes::default().member("images/", b'5', &[]);
    let good = good.member("images/00000001_000.png", b'0', &image);
    let add = |name: &str, flag| good.clone().member(name, flag, &image);
    let link = |name: &str, flag, to| good.clone().header(name, flag, "00000000000", to);
    let next = "images/00000001_001.png";
    let plain = "does not have a plain name";
    let either = plain;
    let evil = "images/../../evil";
    vec![
        ("a parent folder", add("../evil.png", b'0'), either),
        ("a parent folder in the folder", add(evil, b'0'), either),
        ("an absolute name", add("/tmp/cxr-evil.png", b'0'), either),
        (
            "a pax path",
            good.clone().pax(&[("path", "../../evil.png")]).member(next, b'0', &image),
            either,
        ),
        (
            "a long name",
            good.clone()
                .member("././@LongLink", b'L', b"../../evil.png\0")
                .member(next, b'0', &image),
            either,
        ),
        (
            "a linked folder",
            link("images/sub", b'2', "/tmp").member("images/sub/evil", b'0', &image),
            "is a symbolic link",
        ),
        (
            "a symbolic link in the place of an image",
            link(next, b'2', "/etc/passwd"),
            "is a symbolic link",
        ),
        ("a hard link to another file", link(next, b'1', "../../home/secret"), "is a hard link"),
        ("a hard link to an image", link(next, b'1', "images/00000001_000.png"), "is a hard link"),
        ("a device", link(next, b'3', ""), "is a device"),
        ("a block device", link(next, b'4', ""), "is a device"),
        ("a named pipe", link(next, b'6', ""), "is a named pipe"),
        ("another folder", add("images/sub/", b'5'), "is a folder other than images/"),
        ("a folder without its flag", add("images/sub/", b'0'), "is a folder other than images/"),
        ("two members of one name", add("images/00000001_000.png", b'0'), "occurs twice"),
        ("the same name without the folder", add("./00000001_000.png", b'0'), "occurs twice"),
        (
            "a size far beyond the file",
            good.clone().pax(&[("size", "99999999999")]).member(next, b'0', &image),
            "",
        ),
        (
            "two sizes",
            good.clone().pax(&[("size", "7")]).member(next, b'0', &image),
            "has two different sizes",
        ),
        (
            "a size in pax that is no size",
            good.clone().pax(&[("size", "-1")]).member(next, b'0', &image),
            "invalid",
        ),
        ("a sparse file", link(next, b'S', ""), "is a sparse file"),
        (
            "a sparse file in pax",
            good.clone().pax(&[("GNU.sparse.major", "1")]).member(next, b'0', &image),
            "is a sparse file",
        ),
        ("another kind", add(next, b'V'), "is not a plain file"),
        (
            "global records",
            good.clone().member("pax", b'g', b"19 path=../../evil\n"),
            "pax records about all of its members name or resize them",
        ),
        (
            "a global size",
            good.clone().member("pax", b'g', b"10 size=1\n"),
            "pax records about all",
        ),
        ("no global records", good.clone().member("pax", b'g', b"99 a=b\n"), "or are invalid"),
        (
            "a size that is no number",
            good.clone().header(next, b'0', "0000000zzzz", ""),
            "fails its checksum",
        ),
        ("a size over all others", good.clone().header(next, b'0', "77777777777", ""), ""),
        ("records without an end", good.clone().header("pax", b'x', "77777777777", ""), "too long"),
        (
            "a long name for no file",
            good.clone().member("././@LongLink", b'L', b"x\0"),
            "about no file",
        ),
        (
            "a tar behind the tar",
            TarBytes([&good.0[..], &[0; 1024], &good.0].concat()),
            "bytes follow the end",
        ),
        ("no tar", TarBytes(vec![7; 3000]), "it is not a tar"),
        ("control characters", add("images/a\x1b[31m\n.png", b'0'), either),
    ]
}

#[test]
fn no_hostile_archive_leaves_anything() {
    for is_nih in [false, true] {
        for (what, tar, words) in hostile() {
            let sandbox = Sandbox::new();
            sandbox.put("home/secret", "secret");
            let archive = Archive::new("images_001.tar.gz", tar.gzip());
            sandbox.put_archive(&archive);
            let before = others(&sandbox);
            let table = sandbox.table(std::slice::from_ref(&archive));
            let words_of_extract = ["extract", "--format", "json", "-d", "data", "--checksums"];
            let run = sandbox.cxr(words_of_extract).arg(&table);
            let rules = inventory([(&archive, 0..2)]);
            let run = if is_nih { run.env("CXR_FAULT_INVENTORY", rules) } else { run };
            let outcome = run.run();
            outcome.exits(1).is_plain();
            let report = outcome.report();
            let words = if is_nih {
                words.replace("does not have a plain name", "is not an image of this archive")
            } else {
                words.to_owned()
            };
            let detail = report.only().detail();
            assert!(detail.contains(&words), "{what}, {is_nih}: {detail}");
            assert!(detail.ends_with("nothing of it was extracted"), "{what}: {detail}");
            let mut after = others(&sandbox);
            after.remove(&table);
            assert_eq!(after, before, "{what}");
            assert!(!sandbox.path("data/images").exists(), "{what}");
            assert_eq!(staged(&sandbox), Vec::<PathBuf>::new(), "{what}");
            assert!(!PathBuf::from("/tmp/cxr-evil.png").exists());
        }
    }
}

/// Halves the width in the header of a PNG, whose checksum stays right.
fn make_half_as_wide(png: &mut [u8]) {
    png[18] /= 2;
    let crc = crc32fast::hash(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
}

#[test]
fn images_of_nih_are_all_there_and_whole_or_none_is_extracted() {
    let broken = |change: fn(&mut Vec<u8>)| {
        let mut image = image(1);
        change(&mut image);
        image
    };
    for (second, words) in [
        (None, "1 of its images is missing, 00000001_001.png first"),
        (Some(broken(|image| image[500] ^= 1)), "00000001_001.png is damaged"),
        (Some(broken(|image| image[0] = 0)), "does not begin as one"),
        (Some(broken(|image| image.truncate(2000))), "is damaged"),
        (
            Some(broken(|image| make_half_as_wide(image))),
            "a PNG has another form than NIH's images",
        ),
        (Some(broken(|image| image.push(0))), "bytes follow the end of a PNG"),
        (Some(Vec::new()), "is damaged"),
        (Some(b"<html>".to_vec()), "is damaged"),
        (Some(vec![0; 17 << 20]), "is larger than any image"),
    ] {
        let sandbox = Sandbox::new();
        let mut tar = TarBytes::default().member("images/00000001_000.png", b'0', &image(0));
        if let Some(second) = &second {
            tar = tar.member("images/00000001_001.png", b'0', second);
        }
        let archive = Archive::new("images_001.tar.gz", tar.gzip());
        sandbox.put_archive(&archive);
        let table = sandbox.table(std::slice::from_ref(&archive));
        let run =
            sandbox.cxr(["extract", "--format", "json", "-d", "data", "--checksums"]).arg(table);
        let report = run.env("CXR_FAULT_INVENTORY", inventory([(&archive, 0..2)])).report(1);
        report.only().because(words);
        assert!(!sandbox.path("data/images").exists());
    }
}

#[test]
fn another_table_may_have_files_of_any_kind_and_size() {
    let sandbox = Sandbox::new();
    let large: Vec<u8> = (0..=250).cycle().take(3_000_000).collect();
    let long = "x".repeat(180);
    let tar = TarBytes::default()
        // As `git archive` begins.
        .member("pax_global_header", b'g', b"15 comment=abc\n")
        .member("./", b'5', &[])
        .member("./notes.txt", b'0', b"hello")
        .member("images/empty", b'0', b"")
        .pax(&[("path", &long), ("mtime", "1.5")])
        .member("short", b'0', b"a long name")
        .member("large", b'0', &large);
    let archive = Archive::new("set.tar.gz", tar.gzip());
    sandbox.put_archive(&archive);
    let table = sandbox.table(std::slice::from_ref(&archive));
    let words = ["extract", "-d", "data", "--to", "out", "--layout", "archive", "--checksums"];
    let run = || sandbox.cxr(words).arg(&table);
    run().run().exits(0).prints("4 files in out/set");
    assert_eq!(fs::read(sandbox.path("out/set/large")).unwrap(), large);
    assert_eq!(fs::read(sandbox.path("out/set/notes.txt")).unwrap(), b"hello");
    assert!(sandbox.path("out/set").join(long).exists() && sandbox.path("out/set/empty").exists());
    let list = Manifest::read(&fs::read(sandbox.path("out/images.tsv")).unwrap()[..]).unwrap();
    assert!(list.get("large", "set.tar.gz").unwrap().describes(&large));
    run().arg("--recheck").run().exits(0).prints("4 files in out/set, extracted before");
    sandbox.put("out/set/large", &large[..2_000_000]);
    run().run().exits(0).prints("1 of them written now");
    assert_eq!(fs::read(sandbox.path("out/set/large")).unwrap(), large);
}

/// An archive without a file, as a folder alone and as `tar` makes it of nothing, is extracted and done.
#[test]
fn an_archive_without_a_file_is_extracted_and_not_downloaded_again() {
    let nothing = TarBytes(vec![0; 9216]).gzip();
    for bytes in [TarBytes::default().member("images/", b'5', &[]).gzip(), nothing] {
        let (sandbox, archive) = (Sandbox::new(), Archive::new("set.tar.gz", bytes));
        let server = Server::with([&archive]);
        let archives = std::slice::from_ref(&archive);
        let fetch = |options: &[&str]| sandbox.fetch_with_sizes(&server, archives).args(options);
        let options = ["--extract", "--delete-archives"];
        let report = fetch(&options).report(0);
        report.only().is("ok").because("contains no file; the archive was deleted");
        server.clear_log();
        fetch(&options).report(0).only().because("the archive contains no file");
        fetch(&[]).report(0).only().because("and deleted it on 20").because("it contained no file");
        assert_eq!(server.sent(), 0, "downloaded again");
    }
}

#[test]
fn the_ends_of_a_tar_and_of_a_gzip_header_are_described_as_they_are() {
    let tar = TarBytes::default().member("a", b'0', b"hello").0;
    let gzip = |name: usize, tail: &[u8]| {
        let header = GzBuilder::new().filename(vec![b'x'; name]);
        let mut gzip = header.write(Vec::new(), Compression::fast());
        gzip.write_all(&[&tar, tail].concat()).unwrap();
        Archive::new("set.tar.gz", gzip.finish().unwrap())
    };
    let long = "the name or the comment in its gzip header has 64 KiB or more";
    for (archive, verdict, words) in [
        (gzip(9, &[0; 1024]), "ok", "1 file in data/images"),
        (gzip(65_535, &[]), "ok", "1 file in data/images"),
        (gzip(65_536, &[]), "foreign", long),
        (
            gzip(9, &[&[0; 1024][..], b"and more"].concat()),
            "foreign",
            "bytes follow the end of the tar",
        ),
        (gzip(9, b"a part of a header"), "corrupt", "it ends too early"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.put_archive(&archive);
        let table = sandbox.table(std::slice::from_ref(&archive));
        let words_of_extract = ["extract", "--format", "json", "-d", "data", "--checksums"];
        let outcome = sandbox.cxr(words_of_extract).arg(table).run();
        outcome.report().only().is(verdict).because(words);
    }
}

#[test]
fn a_full_disk_a_foreign_list_and_a_link_in_the_way_end_cleanly() {
    let sandbox = Sandbox::new();
    let all = two(&sandbox);
    let full = extract(&sandbox, &all).disk_faults("append _002.png ENOSPC");
    let report = full.report(3);
    report
        .line("images_001.tar.gz")
        .is("error")
        .because("could not be written")
        .next("free some space");
    report.line("images_002.tar.gz").is("error");
    assert_eq!(staged(&sandbox), Vec::<PathBuf>::new());
    assert!(!sandbox.path("data/images").exists());
    symlink("../home", sandbox.path("data/images")).unwrap();
    for (layout, to) in [("flat", "home"), ("archive", "data/extracted")] {
        let run = extract(&sandbox, &all[..1]).args(["--layout", layout, "--to", "data"]);
        let report = run.report(3);
        let line = report.line("images_001.tar.gz");
        let (reason, to) = match layout {
            "flat" => ("it is a symbolic link", sandbox.path(to)),
            _ => ("images_001 could not be used: Not a directory", to.into()),
        };
        line.is("error").because(reason).next(&format!(" --layout {layout} --to {}", to.display()));
        sandbox.put("data/images_001", "mine");
    }
    fs::remove_file(sandbox.path("data/images_001")).unwrap();
    assert_eq!(sandbox.files("home"), Vec::<PathBuf>::new());
    assert!(!sandbox.path("data/images.tsv").exists(), "a list of images that are not there");
    fs::remove_file(sandbox.path("data/images")).unwrap();
    // Nor are those listed that a killed run recorded, when their archive is gone.
    extract(&sandbox, &all).dies_at("record-written", 1).run();
    for images in &all {
        fs::remove_file(sandbox.data().join(&images.archive.name)).unwrap();
    }
    fs::remove_dir_all(sandbox.path("data/.cxr/extract")).unwrap();
    extract(&sandbox, &all).report(1);
    assert!(!sandbox.path("data/images.tsv").exists(), "a list of images that never had names");
    two(&sandbox);
    fs::remove_dir(sandbox.path("data/images")).unwrap();
    sandbox.put("data/images.tsv", "mine");
    let outcome = extract(&sandbox, &all).run();
    outcome.exits(3).says("images.tsv exists and is not a list of images that cxr wrote");
    assert_eq!(fs::read(sandbox.path("data/images.tsv")).unwrap(), b"mine");
    assert!(!sandbox.path("data/images").exists());
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_command_that_allows_it() {
    let sandbox = Sandbox::new();
    let all = two(&sandbox);
    let name = format!("data/images/{}", all[0].images[1].0);
    sandbox.put(&name, image(77));
    for (path, words) in [
        (&*name, "make the file readable and writable for you: chmod u+rw data/images/0000"),
        ("data/images.tsv", "images.tsv could not be opened: Permission denied"),
        ("data/metadata.csv", "metadata.csv cannot be read"),
    ] {
        sandbox.put("data/images.tsv", "name\tbytes\tcrc32\tsha256\tarchive\n");
        let before = fs::read(sandbox.path(path)).unwrap_or_default();
        sandbox.put(path, &before);
        fs::set_permissions(sandbox.path(path), fs::Permissions::from_mode(0o000)).unwrap();
        let outcome = extract(&sandbox, &all).unprivileged().run();
        outcome.expect(outcome.stderr().contains(words) || outcome.stdout().contains(words), words);
        fs::set_permissions(sandbox.path(path), fs::Permissions::from_mode(0o644)).unwrap();
        sandbox.assert_content(path, &before);
    }
}

#[test]
fn a_disk_that_is_too_small_is_noticed_before_the_first_byte() {
    let sandbox = Sandbox::new();
    let all = [ImageArchive::new(1, 0..400)];
    sandbox.put_archive(&all[0].archive);
    fs::create_dir(sandbox.path("small")).unwrap();
    let Some(disk) = SmallDisk::mount(&sandbox.path("small"), 512) else { return };
    let run = disk.visible_to(extract(&sandbox, &all).args(["--to", "small"]));
    run.report(3).only().because("not enough space in small").because("nothing was extracted");
    // The size of a part of the images is not known before.
    let some =
        || disk.visible_to(extract(&sandbox, &all).args(["--to", "small", "--patient", "1-90"]));
    let report = some().report(3);
    report.only().is("error").because("No space left on device").next("free some space");
    report.only().because("nothing of the archive was extracted");
    disk.remount("ro");
    let run = disk.visible_to(extract(&sandbox, &all).args(["--to", "small"])).run();
    run.exits(3).says("Read-only file system").says("use a folder on another file system");
    // What the run on the full disk left takes no space.
    disk.remount("rw,size=8m");
    some().report(0).all_ok();
}

#[test]
fn file_systems_without_syncfs_or_safe_renames_are_served() {
    let sandbox = Sandbox::new();
    let all = two(&sandbox);
    let run = extract(&sandbox, &all).disk_faults("sync-file-system * ENOSYS");
    run.report(0).all_ok();
    assert_images(&sandbox, &all, |_| "data/images".to_owned());
}

/// A fetch of two archives that extracts them.
fn fetch(sandbox: &Sandbox, server: &Server, all: &[ImageArchive]) -> Cxr {
    let archives: Vec<Archive> = all.iter().map(|images| images.archive.clone()).collect();
    let rules = inventory(all.iter().map(|images| (&images.archive, images.places.clone())));
    sandbox.fetch_with_sizes(server, &archives).env("CXR_FAULT_INVENTORY", rules)
}

#[test]
fn fetch_extracts_what_it_has_verified_and_deletes_archives_on_request() {
    let sandbox = Sandbox::new();
    let all = [ImageArchive::new(1, 0..4), ImageArchive::new(2, 4..9)];
    let server = Server::with(all.iter().map(|images| &images.archive));
    // One archive is here already.
    sandbox.put_archive(&all[0].archive);
    let report = fetch(&sandbox, &server, &all).arg("--extract").report(0);
    report.all_ok().line("images_001.tar.gz").because("4 images in data/images");
    report.line("images_002.tar.gz").because("5 images in data/images");
    assert_images(&sandbox, &all, |_| "data/images".to_owned());
    assert_eq!(labelled(&sandbox).len(), 9);
    let run = fetch(&sandbox, &server, &all).args(["--extract", "--delete-archives"]);
    let outcome = run.run();
    outcome.exits(0).says("the archives, of which 2 are here at a time, up to");
    outcome.report().all_ok().line("images_002.tar.gz").because("the archive was deleted");
    assert!(!sandbox.path("data/images_001.tar.gz").exists());
    server.clear_log();
    for options in [&["--extract"][..], &[]] {
        let report = fetch(&sandbox, &server, &all).args(options).report(0);
        report.all_ok().line("images_001.tar.gz").because("4 ").because(" in data");
        assert_eq!(server.sent(), 0, "{options:?}");
    }
    fs::remove_file(sandbox.path("data/images").join(&all[0].images[2].0)).unwrap();
    let run = fetch(&sandbox, &server, &all).args(["--extract", "--delete-archives"]);
    run.report(0).all_ok().line("images_001.tar.gz").because("1 of them written now");
    assert_eq!(server.sent(), all[0].archive.size());
    assert_images(&sandbox, &all, |_| "data/images".to_owned());
}

#[test]
fn an_archive_that_cannot_be_extracted_is_kept() {
    let sandbox = Sandbox::new();
    let all = [ImageArchive::new(1, 0..4)];
    let server = Server::with([&all[0].archive]);
    // One image more than the archive has.
    let rules = inventory([(&all[0].archive, 0..5)]);
    let run = fetch(&sandbox, &server, &all).args(["--extract", "--delete-archives"]);
    let report = run.env("CXR_FAULT_INVENTORY", rules).report(1);
    report.only().is("foreign").because("1 of its images is missing");
    sandbox.assert_archive(&all[0].archive);
    let run =
        fetch(&sandbox, &server, &all).args(["--extract", "--to", "other", "--layout", "kaggle"]);
    run.report(0).all_ok();
    assert_images(&sandbox, &all, |_| "other/images_001/images".to_owned());
}

#[test]
fn only_selected_images_are_extracted_and_more_of_them_later() {
    let sandbox = Sandbox::new();
    let all = two(&sandbox);
    // The first archive has patients 1 and 2, the second patients 3 and 4.
    let report = extract(&sandbox, &all).args(["--patient", "1"]).report(0);
    report.only().because("3 images in data/images");
    assert_eq!(fs::read_dir(sandbox.path("data/images")).unwrap().count(), 3);
    let report = extract(&sandbox, &all).args(["--patient", "1-3"]).report(0);
    report.line("images_001.tar.gz").because("4 images in data/images, 1 of them written now");
    extract(&sandbox, &all).report(0).all_ok();
    assert_images(&sandbox, &all, |_| "data/images".to_owned());
    let outcome = extract(&sandbox, &all).args(["--patient", "30805"]).run();
    outcome.exits(2).says("has no archive of NIH ChestX-ray14 that contains selected images");
}
