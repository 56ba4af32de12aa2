//! The table in the formats of other tools, each read by such a tool.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::{
    Archive, Fault, Sandbox, Server, archives, is_installed, may_skip, python_with, schema_error,
    xml_schema_error,
};

/// The output of `cxr checksums` in a format, with these mirrors.
#[track_caller]
fn checksums(sandbox: &Sandbox, table: &Path, form: &str, from: &[&str]) -> String {
    let mut cxr = sandbox.cxr(["checksums", "--as", form, "--checksums"]).arg(table);
    for source in from {
        cxr = cxr.args(["--from", source]);
    }
    cxr.run().exits(0).stdout()
}

/// Archives whose names are hard to quote in lists and markup. None has `&`: aria2 1.36 reads it as
/// `&#38;` in the attribute of a Metalink, however it is written.
fn oddly_named() -> Vec<Archive> {
    let names = ["a, \"b\".gz", "it's $(x) <c>.gz", "folder/%41 +#?.gz", "Zürich.gz"];
    let all = archives(names.len());
    names.iter().zip(all).map(|(name, a)| Archive::new(*name, a.bytes.to_vec())).collect()
}

/// Runs a program in the data folder. Returns `None` if it is not installed.
fn run(sandbox: &Sandbox, program: &str, package: &str, arguments: &[&str]) -> Option<Output> {
    if !is_installed(program) && may_skip(program, package) {
        return None;
    }
    let mut command = Command::new("timeout");
    command.args(["20", program]).args(arguments).current_dir(sandbox.data());
    Some(command.stdin(Stdio::null()).env("HOME", sandbox.path("home")).output().unwrap())
}

fn aria2(sandbox: &Sandbox, arguments: &[&str]) -> Option<Output> {
    let quick = ["--no-conf", "--max-tries=1", "--file-allocation=none", "--dir=."];
    run(sandbox, "aria2c", "aria2", &[&quick, arguments].concat())
}

#[track_caller]
fn has_all(sandbox: &Sandbox, output: &Output, archives: &[Archive]) {
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}\n{said}", output.status);
    for archive in archives {
        sandbox.assert_archive(archive);
    }
}

#[test]
fn md5sum_reads_both_of_its_formats() {
    let (sandbox, mut all) = (Sandbox::new(), oddly_named());
    all.push(Archive::new("back\\slash\nand line", b"x".to_vec()));
    for archive in &all {
        sandbox.put_archive(archive);
    }
    let mut lines = String::new();
    for Archive { name, md5, .. } in &all {
        let name = name.replace('\\', "\\\\").replace('\n', "\\n");
        writeln!(lines, "\\{md5}  {name}").unwrap();
    }
    let plain = sandbox.put("table.md5", lines);
    for form in ["md5sum", "bsd"] {
        sandbox.put("data/SUMS", checksums(&sandbox, &plain, form, &[]));
        let check = ["--strict", "--quiet", "-c", "SUMS"];
        let output = run(&sandbox, "md5sum", "coreutils", &check).unwrap();
        assert!(output.status.success(), "{form}: {output:?}");
        sandbox.put("data/Zürich.gz", all[3].flipped(1000));
        let output = run(&sandbox, "md5sum", "coreutils", &check).unwrap();
        assert!(!output.status.success(), "{form}: a wrong file passes");
        sandbox.put_archive(&all[3]);
    }
}

#[test]
fn the_default_format_is_the_table_as_nih_publishes_it() {
    let sandbox = Sandbox::new();
    let published = include_bytes!("../../checksums/MD5SUMS");
    for arguments in [&["checksums"][..], &["checksums", "--as=md5sum", "--format=json"]] {
        assert_eq!(sandbox.cxr(arguments).run().exits(0).stdout, published);
    }
}

#[test]
fn the_built_in_table_is_complete_in_every_format() {
    let sandbox = Sandbox::new();
    for form in ["csv", "json", "metalink", "aria2"] {
        let text = sandbox.cxr(["checksums", "--as", form]).run().exits(0).stdout();
        assert_eq!(text.matches("https://nihcc.box.com/shared/static/").count(), 12, "{text}");
        assert_eq!(text.matches("fe8ed0a6961412fddcbb3603c11b3698").count(), 1, "{text}");
        let sha256 = "fd8e3542db6351ae9377779033f5d5c5f32fe50eb0830b519fbf1a7e791354b1";
        assert_eq!(text.matches(sha256).count(), usize::from(form != "aria2"), "{text}");
    }
    let text = sandbox.cxr(["checksums", "--format", "json"]).run().exits(0).stdout();
    assert_eq!(schema_error("checksums", &text), None, "{text}");
}

#[test]
fn python_reads_the_same_values_from_csv_and_json() {
    let (sandbox, all) = (Sandbox::new(), oddly_named());
    let table = sandbox.table_with_sha256s(&all);
    let from = ["http://m.org/a b", "https://n.org/?f={name}"];
    let json = checksums(&sandbox, &table, "json", &from);
    assert_eq!(schema_error("checksums", &json), None, "{json}");
    let json: Value = serde_json::from_str(&json).unwrap();
    sandbox.put("table.csv", checksums(&sandbox, &table, "csv", &from));
    let Some(python) = python_with("csv") else { return };
    let read = "import csv, json, sys; print(json.dumps(list(csv.DictReader(open(sys.argv[1], newline='')))))";
    let output = Command::new(python).args(["-c", read]).arg(sandbox.path("table.csv")).output();
    let csv: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    for (index, archive) in all.iter().enumerate() {
        let (row, object) = (&csv[index], &json["archives"][index]);
        assert_eq!((&row["name"], &object["name"]), (&(*archive.name).into(), &row["name"]));
        assert_eq!(row["size"], object["size"].to_string());
        assert_eq!((&row["md5"], &row["sha256"]), (&object["md5"], &object["sha256"]));
        let addresses = object["addresses"].as_array().unwrap();
        let joined: Vec<_> = addresses.iter().map(|address| address.as_str().unwrap()).collect();
        assert_eq!(row["address"], joined.join(" "));
        assert!(joined[0].starts_with("http://m.org/a%20b/"), "{joined:?}");
    }
}

#[test]
fn metalink_is_valid_and_aria2_fetches_with_it() {
    let (sandbox, all) = (Sandbox::new(), oddly_named());
    let (dead, good) = (Server::new(), Server::with(&all));
    let mirrors = [dead.base(), good.base()];
    let mirrors = mirrors.each_ref().map(String::as_str);
    let text = checksums(&sandbox, &sandbox.table_with_sha256s(&all), "metalink", &mirrors);
    let file = sandbox.put("table.meta4", &text);
    assert_eq!(xml_schema_error("metalink4.xsd", &file), None, "{text}");
    let Some(output) = aria2(&sandbox, &["--metalink-file", file.to_str().unwrap()]) else {
        return;
    };
    has_all(&sandbox, &output, &all);
    assert!(!dead.hits().is_empty(), "the first of the mirrors is asked first");
}

#[test]
fn aria2_detects_a_wrong_file_with_either_format() {
    for (form, option) in [("metalink", "--metalink-file"), ("aria2", "--input-file")] {
        let (sandbox, all) = (Sandbox::new(), archives(1));
        let server = Server::with(&all);
        server.inject(Fault::Flip { at: 100_000 });
        let text = checksums(&sandbox, &sandbox.table_with_sha256s(&all), form, &[&server.base()]);
        let file = sandbox.put("list", text);
        let Some(output) = aria2(&sandbox, &[option, file.to_str().unwrap()]) else { return };
        // 32: the checksum is wrong.
        assert_eq!(output.status.code(), Some(32), "{form}: {output:?}");
    }
}

#[test]
fn aria2_fetches_with_its_own_list() {
    let (sandbox, all) = (Sandbox::new(), oddly_named());
    let (dead, good) = (Server::new(), Server::with(&all));
    let mirrors = [dead.base(), good.base()];
    let mirrors = mirrors.each_ref().map(String::as_str);
    let list = sandbox
        .put("list", checksums(&sandbox, &sandbox.table_with_sha256s(&all), "aria2", &mirrors));
    let Some(output) = aria2(&sandbox, &["--input-file", list.to_str().unwrap()]) else { return };
    has_all(&sandbox, &output, &all);
}

#[test]
fn wget2_fetches_an_archive_with_metalink() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    let server = Server::with(&all);
    let table = sandbox.table_with_sha256s(&all);
    let cxr = sandbox.cxr(["checksums", "2", "--as", "metalink", "--from", &server.base()]);
    let text = cxr.arg("--checksums").arg(table).run().exits(0).stdout();
    let file = sandbox.put("table.meta4", text);
    let arguments = ["--no-config", "--force-metalink", "--input-file", file.to_str().unwrap()];
    let Some(output) = run(&sandbox, "wget2", "wget2", &arguments) else { return };
    has_all(&sandbox, &output, &all[1..2]);
    sandbox.assert_absent(&all[0]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.matches("Checksum OK for").count(), 1, "{said}");
}

#[test]
fn addresses_that_a_format_cannot_hold_are_refused() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let table = sandbox.table_with_sha256s(&all);
    let refused = |form: &str, from: &str, words: &str| {
        let cxr = sandbox.cxr(["checksums", "--as", form, "--from", from, "--checksums"]);
        let outcome = cxr.arg(&table).run();
        outcome
            .exits(2)
            .says(words)
            .expect(outcome.stdout.is_empty(), "nothing on standard output");
        outcome.expect(!outcome.stderr().contains("secret"), "no password");
    };
    for form in ["md5sum", "sha256sum", "bsd", "csv", "json", "metalink", "aria2"] {
        refused(form, "/mnt/nih", "/mnt/nih is a folder");
        refused(form, "https://me:secret@m.org", "contains a password");
    }
    let cxr = sandbox.cxr(["checksums", "--as", "metalink", "--checksums"]).arg(&table);
    cxr.run().exits(2).says("add a source with --from");
    // The variable of `fetch --from` does not apply to `checksums`.
    let cxr = sandbox.cxr(["checksums", "--as", "csv"]).env("CXR_FROM", "/mnt/nih");
    cxr.run().exits(0);
}

#[test]
fn a_name_with_a_line_break_cannot_inject_options() {
    let sandbox = Sandbox::new();
    let md5 = "fe8ed0a6961412fddcbb3603c11b3698";
    let table = sandbox.put("table.md5", format!("\\{md5}  a\\n  dir=..\n"));
    for form in ["aria2", "metalink"] {
        let cxr = sandbox.cxr(["checksums", "--as", form, "--from", "http://m.org", "--checksums"]);
        cxr.arg(&table).run().exits(2).says("cannot be written in this format").is_plain();
    }
    let csv = checksums(&sandbox, &table, "csv", &[]);
    assert!(fs::read(&table).is_ok() && csv.contains("\"a\n  dir=..\""), "{csv}");
}
