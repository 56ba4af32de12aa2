//! `cxr labels`, and the options that select images.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use serde_json::Value;

use crate::support::{Outcome, Sandbox, files_under, md5_of, python_with, schema_error};

/// The MD5s that NIH's folder reports, as in `metadata/README.md`.
const PUBLISHED: [(&str, &str); 4] = [
    ("Data_Entry_2017_v2020.csv", "63a8ca1a1b1f7a0e77d3db6522191103"),
    ("BBox_List_2017.csv", "c288912caf65ab8b6c7aff6717d11005"),
    ("train_val_list.txt", "067e3a84206964892e6300e4a4c0a205"),
    ("test_list.txt", "adeeabf20ea2a8eb66ced87b78434400"),
];

fn labels(sandbox: &Sandbox, arguments: &[&str]) -> Outcome {
    sandbox.cxr(["labels", "-d", "nih"]).args(arguments).run()
}

/// Joins the files again in Python and compares.
#[track_caller]
fn check(sandbox: &Sandbox, arguments: &[&str]) {
    let Some(python) = python_with("csv") else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cxr/support/check_labels.py");
    let mut command = Command::new(python);
    let output = command.arg(script).arg(sandbox.path("nih")).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "equal\n", "{errors}");
}

#[test]
fn the_files_are_those_of_nih_and_metadata_joins_them() {
    let sandbox = Sandbox::new();
    let outcome = labels(&sandbox, &[]);
    outcome.exits(0).says("112120 images of 30805 patients: 86524 train_val, 25596 test");
    for (name, md5) in PUBLISHED {
        assert_eq!(md5_of(&fs::read(sandbox.path("nih").join(name)).unwrap()), md5, "{name}");
    }
    assert_eq!(sandbox.files("nih").len(), 5, "no draft is left");
    check(&sandbox, &[]);
    let again = labels(&sandbox, &["--format", "json"]);
    let document = again.exits(0).stdout();
    assert_eq!(schema_error("labels", &document), None);
    let document: Value = serde_json::from_str(&document).unwrap();
    let files = document["files"].as_array().unwrap();
    assert!(files.iter().all(|file| file["state"] == "unchanged"), "{document}");
}

#[test]
fn the_validation_part_is_the_same_everywhere_and_splits_no_patient() {
    let sandbox = Sandbox::new();
    let val = ["--val", "0.125", "--seed", "7"];
    labels(&sandbox, &[&val[..], &["--lists", "chexnet"]].concat()).exits(0);
    check(&sandbox, &["0.125", "7"]);
    let list = fs::read_to_string(sandbox.path("nih/val_list.txt")).unwrap();
    // Another digest means that all who use the part train on other images than before.
    assert_eq!(md5_of(list.as_bytes()), "3d3266e6aec93cfd5ef6e52e6afa690a");
    let other = |arguments: &[&str]| {
        let some = Sandbox::new();
        labels(&some, arguments).exits(0);
        fs::read_to_string(some.path("nih/val_list.txt")).unwrap()
    };
    let some = other(&[&val[..], &["--label", "Hernia,Pneumonia", "--view", "PA"]].concat());
    assert!(some.lines().count() > 20 && some.lines().all(|name| list.contains(name)));
    assert_ne!(other(&["--val", "0.125", "--seed", "8"]), list);
    labels(&sandbox, &["--seed", "7"]).exits(2).says("--val");
    for wrong in ["0", "1", "-1", "nan", "x"] {
        labels(&sandbox, &["--val", wrong]).exits(2);
    }
}

#[test]
fn a_file_with_other_content_is_left_and_named_and_nothing_is_written() {
    let kaggle = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View \
                  Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],\r\n";
    for (name, content, words) in [
        ("metadata.csv", "mine", "it has other content"),
        ("test_list.txt", "", "the file is empty"),
        ("Data_Entry_2017_v2020.csv", kaggle, "it is the csv of 2017, as Kaggle has it"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.put(format!("nih/{name}"), content);
        let outcome = labels(&sandbox, &[]);
        outcome.exits(1).prints(words).prints(&format!("mv nih/{name} nih/{name}.old"));
        sandbox.assert_content(format!("nih/{name}"), content.as_bytes());
        assert_eq!(sandbox.files("nih").len(), 1, "{name}");
    }
    // A name beside it that is taken, and a link to nothing.
    let sandbox = Sandbox::new();
    sandbox.put("nih/metadata.csv", "mine");
    sandbox.put("nih/metadata.csv.old", "precious");
    labels(&sandbox, &[]).exits(1).prints("mv nih/metadata.csv nih/metadata.csv.old2");
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("nih")).unwrap();
    symlink("nowhere", sandbox.path("nih/metadata.csv")).unwrap();
    labels(&sandbox, &[]).exits(1).prints("it is a link to nothing").prints("not-written");
    assert_eq!(fs::read_dir(sandbox.path("nih")).unwrap().count(), 1);
    // The lists with other line ends, and NIH's earlier csv.
    let sandbox = Sandbox::new();
    labels(&sandbox, &[]).exits(0);
    let read = |name: &str| fs::read_to_string(sandbox.path("nih").join(name)).unwrap();
    sandbox.put("nih/test_list.txt", read("test_list.txt").replace('\n', "\r\n") + "\r\n");
    labels(&sandbox, &[]).exits(1).prints("the same lines with other line ends");
    fs::remove_file(sandbox.path("nih/test_list.txt")).unwrap();
    let csv = read("Data_Entry_2017_v2020.csv").replacen("Patient Sex", "Patient Gender", 1);
    sandbox.put("nih/Data_Entry_2017_v2020.csv", &csv);
    sandbox.put("nih/Data_Entry_2017.csv", kaggle);
    labels(&sandbox, &[]).exits(0).prints("earlier publication").says("is the csv of 2017");
    sandbox.assert_content("nih/Data_Entry_2017_v2020.csv", csv.as_bytes());
}

#[test]
fn what_cxr_wrote_is_replaced_and_nothing_else() {
    let sandbox = Sandbox::new();
    let read = |name: &str| fs::read_to_string(sandbox.path("nih").join(name)).unwrap();
    labels(&sandbox, &["--label", "Hernia"]).exits(0);
    let hernias = read("metadata.csv");
    // It stays for a run that chooses nothing.
    labels(&sandbox, &[]).exits(0).prints("cxr wrote it before, with 227 images");
    assert!(read("metadata.csv") == hernias && !sandbox.path("nih/.cxr").exists());
    let other = labels(&sandbox, &["--patient", "1-500", "--layout", "kaggle"]);
    other.exits(0).prints("in place of the one that cxr wrote before, with 227 images");
    let images = read("metadata.csv").lines().count();
    assert!(read("metadata.csv").contains("\nimages_001/images/00000001_000.png,"));
    // A part for validation keeps the images and the layout, and lists follow it.
    let val = |arguments: &[&str]| labels(&sandbox, &[arguments, &["--lists", "chexnet"]].concat());
    val(&["--val", "0.5"]).exits(0);
    let lists = ["val_list.txt", "train_list.txt", "chexnet/val_list.txt"];
    let first = lists.map(read);
    let again = val(&["--val", "0.2", "--seed", "3"]);
    again.exits(0).prints("in place of the one that cxr wrote before");
    assert_eq!(read("metadata.csv").lines().count(), images);
    let second = lists.map(read);
    assert!(first.iter().zip(&second).all(|(first, second)| first != second));
    // A list, or a metadata.csv, that the user has changed.
    for name in ["val_list.txt", "metadata.csv"] {
        let (before, metadata) = (read(name), read("metadata.csv"));
        sandbox.put(format!("nih/{name}"), format!("{before}mine\n"));
        val(&["--val", "0.3"]).exits(1).prints(&format!("mv nih/{name} nih/{name}.old"));
        sandbox.assert_content(format!("nih/{name}"), format!("{before}mine\n").as_bytes());
        sandbox.put(format!("nih/{name}"), before);
        assert_eq!(read("metadata.csv"), metadata, "nothing is written");
    }
    // A link to such a file, and lists of which no record says that cxr wrote them.
    fs::rename(sandbox.path("nih/val_list.txt"), sandbox.path("linked")).unwrap();
    symlink("../linked", sandbox.path("nih/val_list.txt")).unwrap();
    val(&["--val", "0.3"]).exits(1).prints("a link to a file that cxr wrote before");
    fs::rename(sandbox.path("linked"), sandbox.path("nih/val_list.txt")).unwrap();
    // A later choice without a part for validation leaves the lists, and says so.
    let none = labels(&sandbox, &["--patient", "1-9"]);
    none.exits(0).says("nih/val_list.txt is not of this run");
    fs::remove_dir_all(sandbox.path("nih/.cxr")).unwrap();
    val(&["--patient", "1-500", "--val", "0.3"]).exits(1).prints("refused      val_list.txt");
    assert_eq!(lists.map(read), second);
}

#[test]
fn a_part_without_an_image_is_refused() {
    let sandbox = Sandbox::new();
    for (arguments, words) in [
        (&["--val", "1e-9"][..], "leaves no image for the part val"),
        (&["--val", "0.9999999"], "leaves no image for the part train: of the 112120 images"),
        (&["--val", "0.125", "--split", "test"], "0 would be train and 0 val"),
        (&["--val", "0.125", "--patient", "1"], "choose another --val or --seed, or more images"),
    ] {
        labels(&sandbox, arguments).exits(2).says(words).says("nothing was written");
        assert!(!sandbox.path("nih").exists(), "{arguments:?}");
    }
}

#[test]
fn a_read_only_folder_and_a_full_disk_end_cleanly() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path("nih");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    let denied = sandbox.cxr(["labels", "-d", "nih"]).unprivileged().run();
    denied.exits(3).prints("make the folder writable");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let full = sandbox.cxr(["labels", "-d", "nih"]).disk_faults("write .new ENOSPC after=2").run();
    full.exits(3).prints("free some space");
    let files = sandbox.files("nih");
    assert_eq!(files.len(), 2, "whole files, and no draft: {files:?}");
    labels(&sandbox, &[]).exits(0);
}

#[test]
fn a_kill_while_files_are_replaced_leaves_whole_files_and_the_next_run_goes_on() {
    let sandbox = Sandbox::new();
    let val = |seed| ["--patient", "1-99", "--val", "0.3", "--seed", seed];
    let names = ["metadata.csv", "train_list.txt", "val_list.txt"];
    let read = |sandbox: &Sandbox| names.map(|name| fs::read(sandbox.path("nih").join(name)).ok());
    let whole = ["1", "2"].map(|seed| {
        labels(&sandbox, &val(seed)).exits(0);
        read(&sandbox)
    });
    // The record of the files is written, and one of them is replaced.
    let rule = "rename * die after=2";
    let run = sandbox.cxr(["labels", "-d", "nih"]).args(val("1")).disk_faults(rule).run();
    assert!(run.was_killed());
    let found = read(&sandbox);
    let is_whole = |at: usize| whole.iter().any(|files| files[at] == found[at]);
    assert!((0..names.len()).all(is_whole) && whole.iter().all(|files| *files != found));
    labels(&sandbox, &val("1")).exits(0);
    assert!(read(&sandbox) == whole[0]);
}

#[test]
fn what_a_killed_run_left_is_removed_and_nothing_else() {
    let sandbox = Sandbox::new();
    let run = |val: &str, rule: &str| {
        let arguments = ["labels", "-d", "nih", "--patient", "1-99", "--lists", "chexnet", "--val"];
        let run = sandbox.cxr(arguments).arg(val);
        if rule.is_empty() { run.run() } else { run.disk_faults(rule).run() }
    };
    let hidden = || -> Vec<String> {
        let files = files_under(&sandbox.path("nih")).into_iter();
        let files = files.filter(|path| path.extension().is_some_and(|end| end == "new"));
        let names = files.map(|path| path.file_name().unwrap().to_string_lossy().into_owned());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    };
    let mut kills = 0;
    while run("0.2", "rename-new * die after=1").was_killed() {
        assert_eq!(hidden().len(), 1, "that of the run before is gone: {:?}", hidden());
        // A draft that was hardly begun.
        sandbox.put(format!("nih/.cxr-{}-0.new", 4_000_000 + kills), "");
        kills += 1;
    }
    assert!(kills > 3 && hidden().is_empty(), "{kills}, {:?}", hidden());
    // Files of the user, and a draft that another run is writing.
    let mine = [".cxr-77-0.new", ".cxr-notes.new", "chexnet/.cxr-1-1.new", "a.new"];
    for name in mine {
        sandbox.put(format!("nih/{name}"), "mine");
    }
    let csv = fs::read(sandbox.path("nih/BBox_List_2017.csv")).unwrap();
    let locked = fs::File::open(sandbox.put("nih/.cxr-78-0.new", &csv[..999])).unwrap();
    locked.lock().unwrap();
    assert!(run("0.3", "rename * die").was_killed());
    assert!(hidden().iter().any(|name| name.starts_with("draft-")), "that of the record");
    run("0.3", "").exits(0);
    assert_eq!(
        hidden(),
        [".cxr-1-1.new", ".cxr-77-0.new", ".cxr-78-0.new", ".cxr-notes.new", "a.new"]
    );
    drop(locked);
    run("0.3", "").exits(0);
    assert_eq!(hidden().len(), mine.len());
    for name in mine {
        sandbox.assert_content(format!("nih/{name}"), b"mine");
    }
}

/// The first note of a dry run, and the archives that it would fetch.
fn plan(sandbox: &Sandbox, arguments: &[&str]) -> (String, Vec<String>) {
    let mut run = sandbox.cxr(["fetch", "--dry-run", "-d", "data"]).args(arguments).run();
    run.stdout.retain(|&byte| byte != b'\r');
    let note = run.stderr().lines().next().unwrap_or_default().to_owned();
    let stdout = run.stdout();
    let names = stdout.lines().filter_map(|line| line.split_whitespace().nth(1));
    (note, names.filter(|name| name.starts_with("images_")).map(str::to_owned).collect())
}

#[test]
fn fetch_takes_only_the_archives_that_contain_selected_images() {
    let sandbox = Sandbox::new();
    sandbox.put("list.txt", "images_002/00001336_000.png 0 1\n/x/images/00030805_000.png\n");
    for (arguments, images, archives) in [
        (&["--split", "TEST"][..], "25596 selected images are in 12 archives: all are needed", 12),
        (&["--patient", "1-10,1336"], "29 selected images are in 2 archives", 2),
        (&["--names", "list.txt"], "2 selected images are in 2 archives", 2),
        (&["12", "--names", "list.txt"], "1 of 2 selected images are in 1 archive,", 1),
        (&["--label", "hernia", "--patient", "3"], "selected images are in 1 archive,", 1),
    ] {
        let (note, names) = plan(&sandbox, arguments);
        assert!(note.contains(images), "{arguments:?}: {note}");
        assert_eq!(names.len(), archives, "{arguments:?}: {names:?}");
    }
}

#[test]
fn a_wrong_selection_is_refused_with_the_remedy() {
    let sandbox = Sandbox::new();
    sandbox.put("hostile", format!("\u{1b}[2J{}\nfoo\n", "x".repeat(100_000)));
    sandbox.put("utf16", b"\xff\xfe0\0");
    sandbox.put("zip.png", b"PK\x03\x04\0\0\0");
    for (arguments, words) in [
        (&["--label", "Infiltrate"][..], "'Infiltration'"),
        (&["--label", "Plural_Thickening"], "'Pleural_Thickening'"),
        (&["--split", "train"], "train_val"),
        (&["--patient", "30806"], "expected numbers from 1 to 30805"),
        (&["--patient", "9-3"], "ends before it starts"),
        (&["--patient", "1", "--split", "test"], "no image matches"),
        (&["--names", "none"], "--names none: No such file"),
        (&["--names", "hostile"], "line 1: `"),
        (&["--names", "utf16"], "UTF-16"),
        (&["--names", "zip.png"], "names no image"),
    ] {
        let outcome = labels(&sandbox, arguments);
        outcome.exits(2).says(words).is_plain();
        assert!(outcome.stderr().len() < 1500, "{}", outcome.stderr());
    }
    assert!(!sandbox.path("nih").exists());
    let fetch = sandbox.cxr(["fetch", "--dry-run", "2", "--patient", "1"]).run();
    fetch.exits(2).says("name these, or none: 1");
}
