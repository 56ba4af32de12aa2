//! Tables, selectors, and the commands that only print.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Archive, NAMES, Sandbox, archives};

/// The table in question 7 of the FAQ.
const PUBLISHED: [(&str, &str); 12] = [
    ("fe8ed0a6961412fddcbb3603c11b3698", "images_001.tar.gz"),
    ("ab07a2d7cbe6f65ddd97b4ed7bde10bf", "images_002.tar.gz"),
    ("2301d03bde4c246388bad3876965d574", "images_003.tar.gz"),
    ("9f1b7f5aae01b13f4bc8e2c44a4b8ef6", "images_004.tar.gz"),
    ("1861f3cd0ef7734df8104f2b0309023b", "images_005.tar.gz"),
    ("456b53a8b351afd92a35bc41444c58c8", "images_006.tar.gz"),
    ("1075121ea20a137b87f290d6a4a5965e", "images_007.tar.gz"),
    ("b61f34cec3aa69f295fbb593cbd9d443", "images_008.tar.gz"),
    ("442a3caa61ae9b64e61c561294d1e183", "images_009.tar.gz"),
    ("09ec81c4c31e32858ad8cf965c494b74", "images_010.tar.gz"),
    ("499aefc67207a5a97692424cf5dbeed5", "images_011.tar.gz"),
    ("dc9fda1757c2de0032b63347a7d2895c", "images_012.tar.gz"),
];

/// Asserts that the lines that `write` makes are read as a table: every archive is `ok`.
#[track_caller]
fn assert_read(write: impl Fn(&Archive) -> String) {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let mut table = String::new();
    for archive in &all {
        sandbox.put_archive(archive);
        table.push_str(&write(archive));
    }
    let table = sandbox.put("table", table);
    let verify = sandbox.cxr(["verify", "data", "--format", "json", "--checksums"]).arg(table);
    assert_eq!(verify.report(0).all_ok().lines().len(), 2);
}

/// Asserts that a table is refused, and that the message names the line.
#[track_caller]
fn assert_refused(table: impl AsRef<[u8]>, line: Option<u32>) {
    let sandbox = Sandbox::new();
    let table = sandbox.put("table", table);
    let outcome = sandbox.cxr(["verify", "data", "--checksums"]).arg(table).run();
    outcome.exits(2).is_plain().says("table");
    if let Some(line) = line {
        outcome.says(&format!("line {line}"));
    }
    outcome.expect(outcome.stdout.is_empty(), "nothing on standard output");
}

#[test]
fn the_published_table_is_printed_for_md5sum() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.cxr(["checksums"]).run();
    outcome.exits(0);
    let mut expected = String::new();
    for (md5, name) in PUBLISHED {
        // One space, as in the FAQ. `md5sum` accepts it.
        writeln!(expected, "{md5} {name}").unwrap();
    }
    assert_eq!(outcome.stdout(), expected);
    outcome.expect(outcome.stderr.is_empty(), "nothing on standard error");
}

#[test]
fn md5sum_accepts_what_is_printed() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    for archive in &all {
        sandbox.put_archive(archive);
    }
    let table = sandbox.table(&all);
    let printed = sandbox.cxr(["checksums", "--checksums"]).arg(table).run();
    let sums = sandbox.put("sums", &printed.exits(0).stdout);
    let mut md5sum = Command::new("md5sum");
    md5sum.args(["--check", "--strict"]).arg(sums).current_dir(sandbox.data());
    let status = md5sum.stdout(Stdio::null()).status().unwrap();
    assert!(status.success());
}

#[test]
fn every_line_format_of_md5sum_is_read() {
    assert_read(|archive| format!("{}  {}\n", archive.md5, archive.name));
    assert_read(|archive| format!("{} *{}\n", archive.md5, archive.name));
    assert_read(|archive| format!("{} {}\n", archive.md5, archive.name));
    assert_read(|archive| format!("MD5 ({}) = {}\n", archive.name, archive.md5));
    assert_read(|archive| format!("MD5({})= {}\n", archive.name, archive.md5));
    assert_read(|archive| format!("\\{}  {}\n", archive.md5, archive.name));
}

#[test]
fn line_ends_case_comments_and_blank_lines_do_not_matter() {
    assert_read(|archive| format!("{}  {}\r\n", archive.md5.to_uppercase(), archive.name));
    assert_read(|archive| format!("# a comment\n\n{}  {}\n   \n", archive.md5, archive.name));
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put_archive(&all[0]);
    // A byte order mark, and no line end after the last line.
    let table = format!("\u{feff}{}  {}", all[0].md5, all[0].name);
    let table = sandbox.put("table", table);
    sandbox.cxr(["verify", "data", "-q", "--checksums"]).arg(table).run().exits(0);
}

#[test]
fn an_escaped_name_is_the_name_it_stands_for() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put("data/a\\b\nc", &*all[0].bytes);
    let table = sandbox.put("table", format!("\\{}  a\\\\b\\nc\n", all[0].md5));
    let outcome = sandbox.cxr(["verify", "data", "--checksums"]).arg(table).run();
    outcome.exits(0).is_plain();
    assert_eq!(outcome.stdout().lines().count(), 1, "{outcome}");
}

#[test]
fn a_table_with_sizes_is_read() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    sandbox.put_archive(&all[0]);
    sandbox.put_archive(&all[1]);
    let table = sandbox.table_with_sizes(&[(&all[0], ""), (&all[1], "http://example.org/x.gz")]);
    let report =
        sandbox.cxr(["verify", "data", "--format", "json", "--checksums"]).arg(table).report(0);
    assert_eq!(report.line(NAMES[1]).number("expected_size"), all[1].size());
}

#[test]
fn bad_lines_are_refused_with_their_number() {
    const MD5: &str = "fe8ed0a6961412fddcbb3603c11b3698";
    let good = format!("{MD5}  images_001.tar.gz\n");
    for bad in [
        "nonsense",
        "fe8ed0a6961412fddcbb3603c11b369  short.gz",
        "fe8ed0a6961412fddcbb3603c11b36988  long.gz",
        "ge8ed0a6961412fddcbb3603c11b3698  nohex.gz",
        "fe8ed0a6961412fddcbb3603c11b3698",
        "fe8ed0a6961412fddcbb3603c11b3698 ",
        "fe8ed0a6961412fddcbb3603c11b3698  /etc/passwd",
        "fe8ed0a6961412fddcbb3603c11b3698  ../up.gz",
        "fe8ed0a6961412fddcbb3603c11b3698  a/../../up.gz",
        "fe8ed0a6961412fddcbb3603c11b3698  .cxr/lock",
        "fe8ed0a6961412fddcbb3603c11b3698  images_001.tar.gz",
        "SHA256 (a.gz) = fe8ed0a6961412fddcbb3603c11b3698",
        "SHA512 (a.gz) = fe8ed0a6961412fddcbb3603c11b3698fe8ed0a6961412fddcbb3603c11b3698",
        "<!DOCTYPE html>",
        "\u{1b}[2J",
    ] {
        assert_refused(format!("{good}# comment\n{bad}\n"), Some(3));
    }
    assert_refused([good.as_bytes(), MD5.as_bytes(), b"  \xff\xfe.gz\n"].concat(), Some(2));
}

/// A digest of nothing that these tests have.
const OTHER_MD5: &str = "0cc175b9c0f1b6a831c399e269772661";

#[test]
fn the_command_for_absolute_names_works_for_files_in_several_folders() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    let folders = ["data", "data/a", "data/b/c"];
    let mut table = String::new();
    for (archive, folder) in all.iter().zip(folders) {
        let path = sandbox.put(Path::new(folder).join(&archive.name), &*archive.bytes);
        writeln!(table, "{}  {}", archive.md5, path.display()).unwrap();
    }
    sandbox.put("table", &table);
    let run = || sandbox.cxr(["verify", "data", "--checksums", "table"]).run();
    let message = run().exits(2).stderr();
    let (_, rest) = message.split_once("sed '").unwrap();
    let (script, _) = rest.split_once('\'').unwrap();
    let sed = Command::new("sed").arg(script).arg(sandbox.path("table")).output().unwrap();
    sandbox.put("table", sed.stdout);
    run().exits(0);
    // Without a folder in common there is no such command.
    sandbox.put("table", format!("{table}{OTHER_MD5}  /other/x\n"));
    run().exits(2).says("write a table for each folder");
}

#[test]
fn a_table_that_lists_itself_is_used_without_that_line() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    for archive in &all {
        sandbox.put_archive(archive);
    }
    let lines = std::fs::read_to_string(sandbox.table(&all)).unwrap();
    let words = "MD5SUMS lists itself, with a digest that cannot be right";
    for (own, folder) in [("d41d8cd98f00b204e9800998ecf8427e", "."), (OTHER_MD5, "data")] {
        let table = Path::new(folder).join("MD5SUMS");
        sandbox.put(&table, format!("{lines}{own}  MD5SUMS\n"));
        for command in [&["verify", "data"][..], &["fetch", "-d", "data", "--from", "data"]] {
            let run = sandbox.cxr(command).args(["--format", "json", "--checksums"]).arg(&table);
            let outcome = run.run();
            outcome.exits(0).says(words).report().all_ok();
            assert_eq!(outcome.report().lines().len(), 2);
        }
    }
    // A file with the name of a table in another folder is a file like others.
    sandbox.put("data/MD5SUMS", "something else");
    sandbox.put("MD5SUMS", format!("{lines}{OTHER_MD5}  MD5SUMS\n"));
    let verify = sandbox.cxr(["verify", "data", "--checksums", "MD5SUMS"]).run();
    verify.exits(1).prints_line(&["corrupt", "MD5SUMS"]);
}

#[test]
fn an_empty_unreadable_or_missing_table_is_refused() {
    assert_refused("", None);
    assert_refused("# only a comment\n\n", None);
    assert_refused([0xff, 0xfe, b'f', 0, b'e', 0], None);
    let sandbox = Sandbox::new();
    for table in ["nowhere", "data"] {
        let outcome = sandbox.cxr(["verify", "data", "--checksums", table]).run();
        outcome.exits(2).says(table);
    }
}

#[test]
fn selectors_select_by_number_name_range_and_list() {
    let sandbox = Sandbox::new();
    let all = archives(12);
    let table = sandbox.table(&all);
    let chosen = |selectors: &[&str]| {
        let list = sandbox.cxr(["fetch", "--dry-run", "--format", "json", "--checksums"]);
        let run = list.arg(&table).args(["--from", "/nonexistent"]).args(selectors).run();
        let report = run.report();
        report
            .lines()
            .iter()
            .map(|line| line.value["name"].as_str().unwrap()[7..10].parse::<u32>().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(chosen(&[]), (1..=12).collect::<Vec<_>>());
    assert_eq!(chosen(&["3"]), [3]);
    assert_eq!(chosen(&["003"]), [3]);
    assert_eq!(chosen(&["images_003"]), [3]);
    assert_eq!(chosen(&["images_003.tar.gz"]), [3]);
    assert_eq!(chosen(&["1-4"]), [1, 2, 3, 4]);
    assert_eq!(chosen(&["1,3,7-9"]), [1, 3, 7, 8, 9]);
    assert_eq!(chosen(&["9", "2", "9"]), [2, 9]);
}

#[test]
fn unknown_selectors_are_refused() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let table = sandbox.table(&all);
    for selector in ["0", "3", "13", "images_099", "2-1", "1-9", "x", "", ",", "1,,2", "1-", "-1"] {
        let fetch = sandbox.cxr(["fetch", "--from", "/nonexistent", "--checksums"]).arg(&table);
        fetch.args(["--", selector]).run().exits(2).is_plain();
    }
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    let sandbox = Sandbox::new();
    for words in [
        &["frobnicate"][..],
        &["fetch", "--jobs", "0"],
        &["fetch", "--connections", "0"],
        &["fetch", "--connections", "many"],
        &["fetch", "--limit-rate", "fast"],
        &["fetch", "--from", "ftp://example.org/"],
        &["fetch", "--from", ""],
        &["fetch", "--stall-timeout", "-1"],
        &["verify", "--format", "xml"],
        &["fetch", "--from", "http://127.0.0.1:9/", "--cacert", "nowhere.pem"],
    ] {
        let outcome = sandbox.cxr(words).run();
        outcome.exits(2).expect(!outcome.stderr.is_empty(), "a reason");
        outcome.expect(!sandbox.path(".cxr").exists(), "no trace");
    }
}

#[test]
fn options_can_come_from_the_environment() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put_archive(&all[0]);
    let table = sandbox.table(&all);
    let verify = sandbox.cxr(["verify", "data"]).env("CXR_CHECKSUMS", table);
    verify.env("CXR_FORMAT", "json").report(0).all_ok();
}

#[test]
fn the_list_prints_names_md5s_and_states_of_any_table() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    sandbox.put_archive(&all[0]);
    let table = sandbox.table(&all);
    let here = sandbox.data();
    let outcome = sandbox.cxr(["list", "--checksums"]).arg(table).in_folder(&here).run();
    outcome.exits(0).is_plain();
    outcome.prints_line(&[NAMES[0], &all[0].md5, "  here"]);
    outcome.prints_line(&[NAMES[1], &all[1].md5, "  missing"]);
    let built_in = sandbox.cxr(["list"]).run();
    built_in.exits(0);
    for (md5, name) in PUBLISHED {
        built_in.prints_line(&[name, md5]);
    }
}

#[test]
fn the_citation_names_the_paper_and_the_provider() {
    let outcome = Sandbox::new().cxr(["cite"]).run();
    outcome.exits(0).prints("10.1109/CVPR.2017.369").prints("NIH Clinical Center");
    outcome.prints("https://nihcc.app.box.com/v/ChestXray-NIHCC");
}

#[test]
fn completions_and_the_manual_page_are_printed() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish"] {
        sandbox.cxr(["completions", shell]).run().exits(0).prints("cxr");
    }
    sandbox.cxr(["man"]).run().exits(0).prints(".TH cxr 1");
    sandbox.cxr(["completions", "tcsh-of-1981"]).run().exits(2);
}

/// `_cxr` is the function of the script that bash calls.
#[test]
fn bash_completes_the_names_of_archives() {
    let sandbox = Sandbox::new();
    let script = sandbox.put("cxr.bash", sandbox.cxr(["completions", "bash"]).run().stdout());
    for command in ["fetch", "checksums"] {
        let typed = format!(
            "source '{}'; COMP_WORDS=(cxr {command} images_01); COMP_CWORD=2; \
             _cxr cxr images_01 {command}; echo \"${{COMPREPLY[@]}}\"",
            script.display()
        );
        let output = Command::new("bash").args(["-c", &typed]).output().unwrap();
        let completed = String::from_utf8_lossy(&output.stdout);
        assert_eq!(completed, "images_010 images_011 images_012\n", "{command}");
    }
}

#[test]
fn the_version_is_one_line_and_a_verbose_one_has_the_build() {
    let sandbox = Sandbox::new();
    let line = concat!("cxr ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(sandbox.cxr(["-V"]).run().exits(0).stdout(), line);
    for words in [&["-vV"][..], &["--version", "--verbose"], &["fetch", "-V", "-v"]] {
        let outcome = sandbox.cxr(words).env("CXR_HIDE_SIMD", "avx512,avx2,sse2,neon").run();
        let text = outcome.exits(0).stdout();
        let rest = text.strip_prefix(line).unwrap_or_else(|| panic!("{text}"));
        let starts: Vec<&str> = rest.lines().filter_map(|line| line.split(": ").next()).collect();
        assert_eq!(starts, ["target", "commit date", "MD5 lanes", "TLS"]);
        assert!(rest.contains(std::env::consts::ARCH) && rest.contains("portable × 2"), "{rest}");
    }
}

/// The date is that of the commit, in a clone.
#[test]
fn the_manual_page_has_the_date_of_the_version() {
    let sandbox = Sandbox::new();
    let version = sandbox.cxr(["-vV"]).run().stdout();
    let date = version.lines().find_map(|line| line.strip_prefix("commit date: ")).unwrap();
    let shown = if date == "unknown" { "\"\"" } else { date };
    sandbox.cxr(["man"]).run().exits(0).prints(&format!(".TH cxr 1 {shown} "));
}

#[test]
fn help_and_version_are_printed_and_no_command_is_an_error() {
    let sandbox = Sandbox::new();
    sandbox.cxr(["--version"]).run().exits(0).prints(env!("CARGO_PKG_VERSION"));
    sandbox.cxr(["--help"]).run().exits(0).prints("fetch").prints("verify");
    sandbox.cxr(["fetch", "--help"]).run().exits(0).prints("--from").prints("--stall-timeout");
    sandbox.cxr::<&str>([]).run().exits(2);
}

#[test]
fn the_form_of_hashdeep_is_read() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let mut table = "%%%% HASHDEEP-1.0\n%%%% size,md5,sha256,filename\n## a comment\n".to_owned();
    for archive in &all {
        sandbox.put_archive(archive);
        let (size, md5, sha256) = (archive.size(), &archive.md5, archive.sha256());
        writeln!(table, "{size},{md5},{sha256},./{}", archive.name).unwrap();
    }
    let file = sandbox.put("table", &table);
    let verify = || sandbox.cxr(["verify", "data", "--format", "json", "--sha256", "--checksums"]);
    let report = verify().arg(&file).report(0);
    assert_eq!(report.all_ok().lines().len(), 2);
    assert_eq!(report.line(NAMES[0]).value["expected_size"], all[0].size());
    let head = "%%%% HASHDEEP-1.0\n%%%% size,md5,filename\n";
    let md5 = &all[0].md5;
    for (row, expected) in [
        (format!("1,{md5}"), "expected 3 cells, found 2"),
        (format!("x,{md5},a"), "bytes in decimal digits, found `x`"),
        ("1,2,a".to_owned(), "an MD5 of 32 hexadecimal digits, found `2`"),
        (format!("1,{md5},/data/nih/a,b"), "sed 's|/data/nih/||'"),
    ] {
        let table = sandbox.put("table", format!("{head}{row}\n"));
        let refused = sandbox.cxr(["verify", "data", "--checksums"]).arg(table).run();
        refused.exits(2).says("line 3: ").says(expected);
    }
    let (size, sha256) = (all[0].size(), all[0].sha256());
    let name = &all[0].name;
    let rows = format!("%%%% HASHDEEP-1.0\n%%%% size,sha256,filename\n{size},{sha256},{name}\n");
    let report = verify().arg(sandbox.put("table", rows)).report(0);
    assert_eq!(report.only().value["digest"], "sha256");
    let table = sandbox.put("table", "%%%% HASHDEEP-1.0\n%%%% size,tiger,filename\n");
    let refused = sandbox.cxr(["verify", "data", "--checksums"]).arg(table).run();
    refused.exits(2).says("the column md5 is missing");
}

#[test]
fn names_that_tools_write_in_other_ways_are_read_or_refused_with_a_remedy() {
    assert_read(|archive| format!("{}  .\\{}\n", archive.md5, archive.name));
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let refused = |name: &str| {
        let table = sandbox.put("table", format!("{}  {name}\n", all[0].md5));
        sandbox.cxr(["verify", "data", "--checksums"]).arg(table).run()
    };
    refused("-").exits(2).says("`-` is not a name: `md5sum` writes it for its standard input");
    let absolute = refused("/data/nih/images_001.tar.gz");
    absolute.exits(2).says("`/data/nih/images_001.tar.gz` is absolute");
    absolute.says("sed 's|/data/nih/||'");
    refused("/a b/x").exits(2).says("write the table in that folder");
}

#[test]
fn a_table_is_read_from_standard_input() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put_archive(&all[0]);
    let table = sandbox.table(&all);
    let mut verify = Command::new(env!("CARGO_BIN_EXE_cxr"));
    verify.args(["verify", "--checksums", "-"]).arg(sandbox.path("data"));
    let output = verify.stdin(std::fs::File::open(table).unwrap()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.starts_with(b"ok "), "{output:?}");
    let mut verify = Command::new(env!("CARGO_BIN_EXE_cxr"));
    verify.args(["verify", "--checksums", "-"]).arg(sandbox.path("data"));
    let output = verify.stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        output.stderr.starts_with(b"cxr: --checksums standard input: it contains no checksum"),
        "{output:?}"
    );
}

#[test]
fn a_folder_before_all_names_that_the_files_do_not_have_is_noticed() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let line =
        |folder: &str, archive: &Archive| format!("{}  {folder}{}\n", archive.md5, archive.name);
    let table = |folder: &str| all.iter().map(|archive| line(folder, archive)).collect::<String>();
    for archive in &all {
        sandbox.put_archive(archive);
    }
    let verify = |file: &str| sandbox.cxr(["verify", "data", "--checksums", file]).run();
    let with_folder = sandbox.put("table", table("src/"));
    let file = with_folder.to_str().unwrap();
    let words =
        "every name in the table begins with src/, and images_001.tar.gz is here without it";
    verify(file).exits(0).says(words).says(&format!("sed 's|src/||' {file} > {file}.new"));
    let fetch = ["fetch", "-d", "data", "--dry-run", "--from", "http://127.0.0.1:1", "--checksums"];
    sandbox.cxr(fetch).arg(file).run().exits(0).says(words);
    // The command does what it says.
    let made = std::process::Command::new("sed").args(["s|src/||", file]).output().unwrap();
    assert_eq!(made.stdout, table("").as_bytes());
    // The table was written one folder higher.
    let higher = sandbox.put("higher", table("data/"));
    let above = sandbox.root().canonicalize().unwrap();
    let outcome = verify(higher.to_str().unwrap());
    outcome.exits(0).says(&format!("use the folder {} in its place", above.display()));
    // `./` is no folder, and a table that fits needs no message.
    let here = sandbox.put("here", table("./"));
    let outcome = verify(here.to_str().unwrap());
    outcome.exits(0).expect(!outcome.stderr().contains("every name"), "no message");
}
