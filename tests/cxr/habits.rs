//! Likely first mistakes: the help is right, comes once, and can be pasted.

use std::fs;

use crate::support::{Outcome, Sandbox, Server, archives};

/// Runs `cxr` in a sandbox with the folder `nih`. Asserts status 2, and that standard error has the
/// words once.
#[track_caller]
fn assert_help(arguments: &[&str], words: &str) -> Outcome {
    let sandbox = Sandbox::new();
    sandbox.put("nih/notes.txt", "");
    let outcome = sandbox.cxr(arguments).run();
    outcome.exits(2).is_plain().says(words);
    let shown = outcome.stderr();
    outcome.expect(shown.matches(words).count() == 1, "the help once");
    outcome.expect(!shown.contains("wait until"), "no advice to wait");
    outcome
}

#[test]
fn a_folder_in_place_of_an_archive_is_recognised() {
    assert_help(&["fetch", "nih"], "if it is the folder for the archives: cxr fetch -d nih");
    assert_help(&["fetch", "-j", "2", "data2"], "cxr fetch -j 2 -d data2");
    let outcome = assert_help(&["fetch", "13"], "`13` is not in the table, which has");
    outcome.expect(!outcome.stderr().contains("-d 13"), "no folder 13");
    assert_help(&["fetch", "https://m.org/x"], "cxr fetch --from https://m.org/x");
}

#[test]
fn a_tip_moves_a_word_before_two_dashes_and_repeats_no_folder() {
    let words = "if it is the folder for the archives: cxr fetch -d data2";
    assert_help(&["fetch", "--", "data2"], &format!("{words}\n"));
    assert_help(&["fetch", "--", "data2", "1"], &format!("{words} -- 1\n"));
    let address = "cxr fetch -d nih --from https://m.org/x -- 1\n";
    assert_help(&["fetch", "-d", "nih", "--", "https://m.org/x", "1"], address);
    for words in [
        &["-d", "nih", "--", "data2"][..],
        &["-d", "nih", "--", "--dry-run"],
        &["-qd", "nih", "data2"],
        &["-dnih", "data2"],
        &["--dir=nih", "data2"],
    ] {
        let outcome = assert_help(&[&["fetch"], words].concat(), "is not in the table");
        outcome.expect(!outcome.stderr().contains("cxr fetch"), "no tip");
    }
    let sandbox = Sandbox::new();
    sandbox.put("nih/images_001.tar.gz", "an archive");
    let fetch = sandbox.cxr(["fetch", "--", "nih/images_001.tar.gz"]).run();
    fetch.exits(2).says("--dir: cxr fetch -d nih -- images_001.tar.gz\n");
    let outcome = assert_help(&["list", "-d", "nih", "data2"], "unexpected argument 'data2'");
    outcome.expect(!outcome.stderr().contains("-d data2"), "no second folder");
}

#[test]
fn verify_takes_folders_without_an_option() {
    assert_help(&["verify", "-d", "nih"], "without an option: cxr verify nih");
    assert_help(&["verify", "--dir=nih", "-q"], "without an option: cxr verify nih -q");
    assert_help(&["verify", "-dnih"], "without an option: cxr verify nih");
}

#[test]
fn archives_and_folders_in_each_others_place_are_recognised() {
    for command in ["labels", "list", "selftest"] {
        assert_help(&[command, "nih"], &format!("the folder is --dir: cxr {command} -d nih"));
    }
    let files = "cxr verify nih/images_001.tar.gz nih/images_002.tar.gz -q";
    assert_help(&["verify", "nih", "1-2", "-q"], files);
    let outcome = assert_help(&["verify", "12"], "name their files: cxr verify images_012.tar.gz");
    outcome.says("there is no file or folder `12`");
}

#[test]
fn options_that_would_be_ignored_are_refused() {
    for (arguments, words) in [
        (
            &["fetch", "--to", "x"][..],
            "extracts none without --extract: cxr fetch --to x --extract",
        ),
        (&["fetch", "--layout=kaggle", "1"], "cxr fetch --layout=kaggle 1 --extract"),
        (&["fetch", "-d", "a", "--dir=b"], "--dir is given twice, as `a` and as `b`"),
        (&["verify", "nih", "--names", "a", "--names", "b"], "--names is given twice"),
        (&["verify", "--images", "nih", "--limit-rate", "5M"], "--limit-rate has no effect with"),
        (&["verify", "--images", "nih", "-j", "2"], "--jobs has no effect with --images"),
        (&["verify", "nih", "-j", "2"], "--readers sets the number of files"),
        (&["verify", "nih", "--cacert", "x"], "--cacert has an effect only with --from"),
        (&["verify", "--from", "nih", "--no-locate"], "--no-locate has no effect with --from"),
        (&["labels", "--checksums", "x"], "--checksums has no effect on labels"),
        (&["cite", "--format", "json"], "--format has no effect on cite"),
    ] {
        assert_help(arguments, words);
    }
    // A selection is of images of NIH.
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.table(&all);
    sandbox.put("data/images.tsv", "");
    let verify = ["verify", "--images", "data", "--checksums", "table.md5", "--split", "test"];
    sandbox.cxr(verify).run().exits(2).says("has no archive of NIH ChestX-ray14 that contains");
    // A variable is for all commands of a job.
    let run = sandbox.cxr(["verify", "--images", "data", "1"]).env("CXR_LIMIT_RATE", "5M");
    fs::remove_file(sandbox.path("data/images.tsv")).unwrap();
    run.env("CXR_TO", "x").env("CXR_RETRIES", "2").run().exits(1);
}

#[test]
fn the_commands_that_unpack_archives_elsewhere_are_known() {
    for word in ["unpack", "untar", "tar"] {
        assert_help(&[word, "-d", "nih"], "the command is extract: cxr extract -d nih");
    }
    assert_help(&["extract", "-C", "nih"], "the folder is --dir: cxr extract --dir nih");
}

#[test]
fn the_first_mistakes_with_images_and_labels_are_answered_with_what_works() {
    for command in ["labels", "selftest"] {
        assert_help(&[command, "nih"], &format!("the folder is --dir: cxr {command} -d nih"));
    }
    assert_help(&["labels", "nih/labels.csv"], "writes metadata.csv and other files into a folder");
    assert_help(
        &["labels", "-o", "labels.csv"],
        "writes metadata.csv and other files into a folder",
    );
    let words = "NIH has no part for validation; cxr labels --val 0.125 makes one from train_val";
    assert_help(&["extract", "--split", "val"], words);
    let words = "several labels have commas between them: cxr labels --label Mass,Edema";
    assert_help(&["labels", "--label", "Mass|Edema"], words);
    assert_help(&["extract", "--label=Mass|Edema"], "cxr extract --label=Mass,Edema");
    for words in [&["verify", "nih", "--images"][..], &["verify", "--images"]] {
        let folder = if words.len() == 3 { "nih" } else { "." };
        let tip = format!("comes after --images: cxr verify --images {folder}");
        assert_help(words, &tip);
    }
    assert_help(
        &["extract", "--images", "x"],
        "the folder for the images is --to: cxr extract --to x",
    );
    let words = "extract reads archives of a folder: cxr extract -d x; to download them too: cxr fetch --from x --extract";
    assert_help(&["extract", "--from", "x"], words);
    assert_help(
        &["extract", "-d", "nih", "all"],
        "without a name, it is all archives: cxr extract -d nih\n",
    );
    assert_help(
        &["extract", "images_*.tar.gz"],
        "without a name, it is all archives: cxr extract\n",
    );
    assert_help(&["labels", "1-3"], "labels takes no archives: cxr labels; --split,");
    for (command, line) in [
        (
            &["extract", "-d", "nih", "--val", "0.125", "--seed=3"][..],
            "-d nih --val 0.125 --seed 3",
        ),
        (&["extract", "-dnih", "--val=0.2", "--to", "out"], "-d out --val 0.2"),
        (&["fetch", "--extract", "--val"], "--val 0.125"),
    ] {
        let words = "after the extraction, labels makes the part for validation: cxr labels ";
        assert_help(command, &format!("{words}{line}"));
    }
    let words = "fetch deletes archives: cxr fetch -d nih --delete-archives --extract";
    assert_help(&["extract", "-d", "nih", "--delete-archives"], words);
    let sandbox = Sandbox::new();
    sandbox.put("nih/images/00000001_000.png", "an image");
    let run = sandbox.cxr(["verify", "--images", "nih/images/00000001_000.png"]).run();
    run.exits(2).says("is a file").says("run: cxr verify --images nih/images");
    let run = sandbox.cxr(["verify", "nih/images/00000001_000.png"]).run();
    run.exits(1).prints("next: cxr verify --images nih/images");
    sandbox.cxr(["extract", "--layout", "Kaggle"]).run().exits(1);
    sandbox.put("my data/images_001.tar.gz", "an archive");
    for command in ["extract", "fetch"] {
        let run = sandbox.cxr([command, "my data/images_001.tar.gz"]).run();
        let words = format!(
            "the folder of an archive is --dir: cxr {command} -d 'my data' images_001.tar.gz"
        );
        run.exits(2).says(&words);
    }
    let run = sandbox.cxr(["extract", "-d", "my data", "my data/images_001.tar.gz"]).run();
    run.exits(2).says("is --dir: cxr extract -d 'my data' images_001.tar.gz");
    let run = sandbox.cxr(["extract", "-d", "my data/images_001.tar.gz"]).run();
    run.exits(2).says("is a file, and --dir takes the folder of the archives");
    run.says("as in: cxr extract -d 'my data' images_001.tar.gz");
}

#[test]
fn options_before_the_command_are_moved() {
    let words = "the options of a command come after it: cxr fetch -d nih";
    assert_help(&["-d", "nih", "fetch"], words);
    assert_help(&["-d", "nih", "fetch", "--dry-run"], "cxr fetch -d nih --dry-run");
}

#[test]
fn the_names_that_other_programs_give_to_the_folder_are_known() {
    for option in ["-o", "--output", "--dest"] {
        let words = "the folder for the images is --to: cxr extract --to nih";
        assert_help(&["extract", option, "nih"], words);
        assert_help(&["labels", option, "nih"], "the folder is --dir: cxr labels --dir nih");
    }
    assert_help(
        &["verify", "nih", "-o", "x"],
        "for the report is --report: cxr verify nih --report x",
    );
    assert_help(&["checksums", "-o", "x"], "the table goes to standard output");
    for option in ["-o", "-O", "-P", "-C", "--output", "--output-dir", "--out", "--directory"] {
        assert_help(&["fetch", option, "nih"], "the folder is --dir: cxr fetch --dir nih");
    }
    assert_help(&["fetch", "--output=nih", "1"], "cxr fetch --dir nih 1");
    assert_help(&["fetch", "-onih"], "cxr fetch --dir nih");
}

#[test]
fn the_names_that_other_programs_give_to_a_source_are_known() {
    for option in ["--url", "--source", "--mirror"] {
        assert_help(
            &["fetch", option, "https://m.org/nih"],
            "a source is --from: cxr fetch --from https://m.org/nih",
        );
    }
}

#[test]
fn the_names_that_other_programs_give_to_commands_are_known() {
    for (command, meant) in [
        ("check", "the command is verify: cxr verify nih"),
        ("validate", "the command is verify: cxr verify nih"),
        ("download", "the command is fetch: cxr fetch nih"),
        ("get", "the command is fetch: cxr fetch nih"),
        ("ls", "the command is list: cxr list nih"),
        ("status", "the command is list: cxr list nih"),
    ] {
        assert_help(&[command, "nih"], meant);
    }
    assert_help(&["nih"], "to check a folder: cxr verify nih; to fetch into it: cxr fetch -d nih");
    assert_help(&["https://m.org/x"], "an address is a source: cxr fetch --from https://m.org/x");
}

#[test]
fn an_address_to_verify_is_a_source() {
    let words = "to read a mirror, run: cxr verify -q --from http://127.0.0.1:9/x";
    assert_help(&["verify", "-q", "http://127.0.0.1:9/x"], words);
    let words = "cxr verify --from 'https://me:***@m.org/'";
    let outcome = assert_help(&["verify", "https://me:geheim@m.org/"], words);
    outcome.expect(!outcome.stderr().contains("geheim"), "no password in the output");
}

#[test]
fn list_takes_no_archives() {
    assert_help(&["list", "1"], "list shows all archives: cxr list");
}

#[test]
fn a_host_without_a_scheme_is_recognised() {
    for (command, source) in
        [("fetch", "mirror.example.org"), ("verify", "mirror.example.org/nih"), ("fetch", "m:8080")]
    {
        let words =
            format!("`{source}` is not a folder here; for a server, write https://{source}");
        assert_help(&[command, "--from", source], &words);
    }
    for host in ["10.0.0.7", "nas:8080/nih", "[::1]:80", "files.lan"] {
        let words = format!("for a server, write https://{host} or http://{host}");
        assert_help(&["fetch", "--from", host], &words);
    }
    // A folder may have such a name.
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put(format!("mirror.example.org/{}", all[0].name), &*all[0].bytes);
    sandbox.fetch_from("mirror.example.org", &all).report(0).all_ok();
}

#[test]
fn addresses_of_other_programs_are_refused_with_what_works() {
    for (source, words) in [
        ("ftp://m.org/nih", "rclone serve http REMOTE:PATH"),
        ("sftp://m.org/nih", "rclone serve http REMOTE:PATH"),
        ("rclone:remote:nih", "`rclone:remote:nih` is not a folder here; cxr reads http, https"),
        ("remote:nih", "rclone serve http REMOTE:PATH"),
        ("me@host:/srv/nih", "rclone serve http REMOTE:PATH"),
        ("hf://datasets/a/b/x/y", "write https://huggingface.co/datasets/a/b/resolve/main/x/y"),
        ("hf://a/b", "write https://huggingface.co/a/b/resolve/main"),
        ("s3://KEY:SECRET@bucket", "the address of a bucket is s3://BUCKET/PREFIX, without a user"),
        ("s3a://bucket/nih", "write s3://bucket/nih"),
        ("abfss://c@me.dfs.core.windows.net/nih", "write az://CONTAINER/PREFIX"),
        ("gs://", "the address of a bucket is gs://BUCKET/PREFIX"),
        ("file://server/share", "`file://server/share` is not a folder of this machine"),
        ("file:nih", "`file:nih` is not a folder of this machine"),
    ] {
        for command in ["fetch", "verify", "checksums"] {
            assert_help(&[command, "--from", source], words);
        }
    }
}

#[test]
fn a_file_address_is_a_folder() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put(format!("my mirror/{}", all[0].name), &*all[0].bytes);
    let folder = sandbox.path("my%20mirror");
    for host in ["", "localhost"] {
        let source = format!("file://{host}{}", folder.display());
        sandbox.fetch_from(&source, &all).report(0).all_ok();
        sandbox.assert_archive(&all[0]);
        let verify = ["verify", "--format", "json", "--from", &source, "--checksums"];
        sandbox.cxr(verify).arg(sandbox.table(&all)).report(0).all_ok();
        std::fs::remove_dir_all(sandbox.data()).unwrap();
    }
}

#[test]
fn a_folder_that_does_not_exist_is_reported_once_if_there_is_no_other_source() {
    let words = "--from /mnt/nowhere/nih: no such folder, so nothing can be fetched";
    assert_help(&["fetch", "--from", "/mnt/nowhere/nih"], words);
    // With another source, it is only left out.
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    let fetch = sandbox.fetch_from("/mnt/nowhere/nih", &all).args(["--from", &server.base()]);
    fetch.report(0).all_ok();
}
