//! The commands that reports suggest, pasted into a shell, do what they are suggested for.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use rustix::process::Signal;

use crate::support::{Archive, Fault, Outcome, Sandbox, Server, archive, archives};

/// The commands that the report on standard output suggests.
fn suggested(outcome: &Outcome) -> Vec<String> {
    let stdout = outcome.stdout();
    stdout.lines().filter_map(|line| line.strip_prefix("next: ")).map(str::to_owned).collect()
}

/// The only command that the report suggests.
#[track_caller]
fn only_suggested(outcome: &Outcome) -> String {
    let mut commands = suggested(outcome);
    outcome.expect(commands.len() == 1, format_args!("one command, not {commands:?}"));
    commands.remove(0)
}

/// Pastes a command into a shell in the sandbox.
fn paste(sandbox: &Sandbox, command: &str) -> Output {
    let program = format!("#!/bin/sh\nexec '{}' \"$@\"\n", env!("CARGO_BIN_EXE_cxr"));
    let program = sandbox.put("bin/cxr", program);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    Command::new("bash")
        .args(["-c", command])
        .env_clear()
        .env("PATH", format!("{}:{path}", sandbox.path("bin").display()))
        .env("HOME", sandbox.path("home"))
        .env("CXR_BACKOFF_MS", "20")
        .current_dir(sandbox.root())
        .output()
        .unwrap()
}

#[track_caller]
fn paste_and_succeed(sandbox: &Sandbox, command: &str) {
    let output = paste(sandbox, command);
    assert!(output.status.success(), "{command}\n{output:?}");
}

/// Writes `table.tsv`, a table of these archives with their addresses at the server.
fn table(sandbox: &Sandbox, server: &Server, all: &[Archive]) {
    let addresses: Vec<String> =
        all.iter().map(|archive| format!("{}{}", server.base(), archive.path())).collect();
    let rows: Vec<_> = all.iter().zip(addresses.iter().map(String::as_str)).collect();
    sandbox.table_with_sizes(&rows);
}

#[test]
fn verify_suggests_one_fetch_for_all_archives_with_the_folder_and_the_table_as_typed() {
    let (sandbox, all) = (Sandbox::new(), archives(6));
    let server = Server::with(&all);
    table(&sandbox, &server, &all);
    fs::rename(sandbox.path("table.tsv"), sandbox.path("my table")).unwrap();
    let put = |archive: &Archive, bytes: &[u8]| {
        sandbox.put(Path::new("it's here").join(&archive.name), bytes);
    };
    put(&all[0], &all[0].bytes);
    put(&all[2], &all[2].flipped(100_000));
    put(&all[3], &all[3].bytes[..200_000]);
    put(&all[5], b"<html>");
    let verify = || sandbox.cxr(["verify", "it's here", "--checksums", "my table"]).run();
    let command = only_suggested(verify().exits(1));
    assert_eq!(command, r"cxr fetch -d 'it'\''s here' --checksums 'my table' 2-6");
    paste_and_succeed(&sandbox, &command);
    assert!(suggested(verify().exits(0)).is_empty());
}

#[test]
fn a_command_is_suggested_for_each_folder() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    let server = Server::with(&all);
    table(&sandbox, &server, &all);
    for (folder, index) in [("a", 0), ("b", 1)] {
        sandbox.put(Path::new(folder).join(&all[index].name), &*all[index].bytes);
    }
    let verify = || sandbox.cxr(["verify", "a", "b", "--checksums", "table.tsv"]).run();
    let commands = suggested(verify().exits(1));
    let expected =
        ["cxr fetch -d a --checksums table.tsv 2 3", "cxr fetch -d b --checksums table.tsv 1 3"];
    assert_eq!(commands, expected);
    for command in &commands {
        paste_and_succeed(&sandbox, command);
    }
    verify().exits(0);
}

#[test]
fn odd_names_of_archives_reach_the_program_as_they_are() {
    let names = ["-x.gz", "b c.gz", "it's", "$(touch owned).gz", "1,2.gz", "\u{202e}.gz", "7.gz"];
    for name in names {
        let sandbox = Sandbox::new();
        let odd = Archive { name: name.to_owned(), ..archive(1, 1) };
        let other = Archive { name: "other".to_owned(), ..archive(2, 1) };
        for archive in [&odd, &other] {
            sandbox.put(Path::new("mirror").join(&archive.name), &*archive.bytes);
        }
        sandbox.put_archive(&other);
        sandbox.table(&[other, odd.clone()]);
        let verify = sandbox.cxr(["verify", "data", "--checksums", "table.md5"]).run();
        let command = only_suggested(verify.exits(1));
        assert!(command.contains(" --from SOURCE "), "nobody typed one: {command}");
        paste_and_succeed(&sandbox, &command.replace("SOURCE", "mirror"));
        sandbox.assert_archive(&odd);
        assert!(!sandbox.path("owned").exists(), "{command}");
    }
}

#[test]
fn a_check_of_a_mirror_suggests_the_same_check() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all[..1]);
    table(&sandbox, &server, &all);
    let from = server.base();
    let typed = ["verify", "--from", &from, "--checksums", "table.tsv"];
    let outcome = sandbox.cxr(typed).run();
    outcome.exits(1).prints("; next: put the archive on the mirror\n");
    let command = only_suggested(&outcome);
    assert_eq!(command, format!("cxr {}", typed.join(" ")));
    server.serve(&all[1].path(), &all[1].bytes);
    paste_and_succeed(&sandbox, &command);
}

#[test]
fn a_dry_run_suggests_the_fetch_without_the_switch() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    table(&sandbox, &server, &all);
    let typed = ["fetch", "--dry-run", "-d", "my data", "--checksums", "table.tsv", "2"];
    let command = only_suggested(sandbox.cxr(typed).run().exits(1));
    assert_eq!(command, "cxr fetch -d 'my data' --checksums table.tsv 2");
    paste_and_succeed(&sandbox, &command);
    sandbox.assert_content(Path::new("my data").join(&all[1].name), &all[1].bytes);
}

#[test]
fn an_interrupted_fetch_suggests_the_same_command() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 200_000 });
    table(&sandbox, &server, &all);
    let mut running = sandbox.cxr(["fetch", "-d", "my data", "--checksums", "table.tsv"]).spawn();
    running.until("some bytes", || server.sent() > 50_000);
    running.signal(Signal::INT);
    let outcome = running.wait();
    let command = only_suggested(outcome.exits(130));
    assert_eq!(command, "cxr fetch -d 'my data' --checksums table.tsv");
    outcome.says(&command);
    server.clear_faults();
    paste_and_succeed(&sandbox, &command);
    sandbox.assert_content(Path::new("my data").join(&all[0].name), &all[0].bytes);
}

#[test]
fn a_fetch_that_failed_suggests_what_to_do_by_hand_and_the_same_command() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all[..1]);
    table(&sandbox, &server, &all);
    let blocked = sandbox.data().join(&all[0].name);
    fs::create_dir(&blocked).unwrap();
    let typed = ["fetch", "-d", "data", "--checksums", "table.tsv", "--retries", "2"];
    let outcome = sandbox.cxr(typed).run();
    outcome.exits(3).prints_line(&["error", "is a directory; next: move it away"]);
    outcome.prints_line(&[
        "unreachable",
        "; next: add another source with --from, or try again later",
    ]);
    let command = only_suggested(&outcome);
    assert_eq!(command, format!("cxr {}", typed.join(" ")));
    fs::remove_dir(blocked).unwrap();
    server.serve(&all[1].path(), &all[1].bytes);
    paste_and_succeed(&sandbox, &command);
    sandbox.assert_archive(&all[0]);
    sandbox.assert_archive(&all[1]);
}

#[test]
fn a_table_from_a_pipe_is_not_suggested_as_if_it_could_be_read_again() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let server = Server::with(&all);
    table(&sandbox, &server, &all);
    for pipe in ["--checksums <(cat table.tsv)", "--checksums=- <table.tsv"] {
        let output = paste(&sandbox, &format!("cxr verify data {pipe}"));
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let next = "next: cxr fetch -d data --checksums TABLE\nnote: in place of TABLE, write";
        assert!(output.status.code() == Some(1) && stdout.contains(next), "{output:?}");
        let output = paste(&sandbox, &format!("cxr fetch --dry-run -d data {pipe}"));
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(stdout.contains("TABLE\nnote: in place of TABLE, write"), "{output:?}");
    }
    let names = "cxr fetch --dry-run -d data --names <(echo 00000001_000.png) 1";
    let output = paste(&sandbox, names);
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let next = "next: cxr fetch -d data --names FILE 1\nnote: in place of FILE, write";
    assert!(stdout.contains(next), "{output:?}");
}

#[test]
fn a_hidden_password_is_to_be_written_again() {
    let sandbox = Sandbox::new();
    let typed = ["verify", "--from", "http://me:secret@127.0.0.1:9/", "1", "--retries", "1"];
    let outcome = sandbox.cxr(typed).run();
    outcome.exits(3).prints("me:***@127.0.0.1:9/' 1 --retries 1\nnote: in place of ***, write");
    outcome.expect(!outcome.stdout().contains("secret"), "no password");
}

#[test]
fn images_without_archives_and_a_folder_without_both_get_the_command_that_helps() {
    let sandbox = Sandbox::new();
    let both = sandbox.cxr(["verify", "--images", "data"]).run();
    assert_eq!(only_suggested(both.exits(1)), "cxr fetch -d data --extract");
    let selected = sandbox.cxr(["verify", "--images", "to", "--archives", "data", "3"]);
    fs::create_dir(sandbox.path("to")).unwrap();
    let suggested = only_suggested(selected.run().exits(1));
    assert_eq!(suggested, "cxr fetch -d data --extract --to to 3");
    let extract = sandbox.cxr(["extract", "-d", "data", "--to", "to", "--layout", "kaggle", "3"]);
    let suggested = only_suggested(extract.run().exits(1));
    assert_eq!(suggested, "cxr fetch -d data --extract --to to --layout kaggle 3");
    for (folder, what) in [
        ("data/images", "data"),
        ("data/images", "data/images"),
        ("data/images_001/images", "data/images_001/images"),
        ("data/images_001/images", "data"),
    ] {
        for number in 0..12 {
            sandbox.put(format!("{folder}/{number:08}_000.png"), b"\x89PNG\r\n\x1a\n");
        }
        let verify = sandbox.cxr(["verify", what]).run();
        assert_eq!(only_suggested(verify.exits(1)), "cxr verify --images data", "{what}");
        fs::remove_dir_all(sandbox.path("data")).unwrap();
    }
}

#[test]
fn only_a_command_that_resumes_says_so_after_an_interruption() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 200_000 });
    table(&sandbox, &server, &all);
    let typed = ["verify", "--checksums", "table.tsv", "--from", &server.base()];
    let mut running = sandbox.cxr(typed).spawn();
    running.until("some bytes", || server.sent() > 50_000);
    running.signal(Signal::INT);
    let command = typed.join(" ");
    running.wait().exits(130).says(&format!("interrupted; to start again, run: cxr {command}"));
}
