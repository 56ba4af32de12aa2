//! Arguments, variables, streams and exit statuses of runs that need no archive.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The program, without the `CXR_` variables of the test run.
fn cxr(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cxr"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CXR_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

fn ended(command: &mut Command) -> Ended {
    let Output { status, stdout, stderr } = command.output().unwrap();
    Ended {
        code: status.code(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

fn run(arguments: &[&str]) -> Ended {
    ended(&mut cxr(arguments))
}

#[test]
fn a_usage_error_exits_with_2_and_a_message_on_standard_error() {
    for (arguments, part) in [
        (&[][..], "expected a command"),
        (&["nonsense"], "nonsense"),
        (&["fetch", "13"], "`13` is not in the table"),
        (&["fetch", "--jobs", "0"], "from 1 to 64"),
        (
            &["fetch", "--from", "ftp://m.org"],
            "`ftp://m.org` is neither an http:// or https:// address",
        ),
        (&["verify", "-q", "-v"], "--quiet"),
        (&["list", "--checksums", "/nonexistent"], "--checksums /nonexistent: No such file"),
        (&["checksums", "--checksums", "/dev/null"], "/dev/null: it contains no checksum"),
        (&["checksums", "--checksums", "/dev/zero"], "/dev/zero: it is larger than 16 MiB"),
    ] {
        let ended = run(arguments);
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.err.starts_with("cxr: "), "{}", ended.err);
        assert!(ended.err.contains(part), "{}", ended.err);
    }
}

#[test]
fn an_error_in_a_table_has_the_file_and_the_line() {
    let dir = tempfile::tempdir().unwrap();
    let table = dir.path().join("table.md5");
    fs::write(&table, "# table\nd41d8cd98f00b204e9800998ecf8427e  ../../etc/passwd\n").unwrap();
    let ended = run(&["fetch", "--checksums", table.to_str().unwrap()]);
    assert_eq!(ended.code, Some(2));
    let start =
        format!("cxr: --checksums {}: line 2: `../../etc/passwd` contains `..`", table.display());
    assert!(ended.err.starts_with(&start), "{}", ended.err);
}

#[test]
fn cite_reads_no_table() {
    let ended = run(&["cite", "--checksums", "/nonexistent"]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    assert!(ended.out.contains("10.1109/CVPR.2017.369"));
}

#[test]
fn a_variable_sets_an_option_and_the_command_line_overrides_it() {
    let is_json = |command: &mut Command| ended(command).out.starts_with('{');
    assert!(is_json(cxr(&["list"]).env("CXR_FORMAT", "json")));
    assert!(!is_json(cxr(&["list"]).env("CXR_FORMAT", "")));
    assert!(!is_json(cxr(&["list", "--format=text"]).env("CXR_FORMAT", "json")));
    assert!(!is_json(cxr(&["--format=text", "list"]).env("CXR_FORMAT", "json")));
}

#[test]
fn the_variable_of_a_switch_is_yes_or_no() {
    for (value, code) in [("1", 0), ("yes", 0), ("true", 0), ("0", 0), ("no", 0), ("", 0), ("x", 2)]
    {
        let ended = ended(cxr(&["list"]).env("CXR_QUIET", value));
        assert_eq!(ended.code, Some(code), "{value:?}: {}", ended.err);
    }
    for (quiet, verbose, code) in [("0", "1", 0), ("1", "0", 0), ("1", "1", 2)] {
        let ended = ended(cxr(&["list"]).env("CXR_QUIET", quiet).env("CXR_VERBOSE", verbose));
        assert_eq!(ended.code, Some(code), "{quiet} {verbose}: {}", ended.err);
    }
    // The command line overrides a variable.
    assert_eq!(ended(cxr(&["list", "-v"]).env("CXR_QUIET", "1")).code, Some(0));
}

#[test]
fn a_message_about_a_variable_names_it() {
    let ended = ended(cxr(&["fetch"]).env("CXR_JOBS", "many"));
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("CXR_JOBS"), "{}", ended.err);
}

#[test]
fn help_shows_no_variable_and_not_its_value() {
    let ended = ended(cxr(&["fetch", "--help"]).env("CXR_FROM", "https://me:secret@m.org"));
    assert!(ended.out.contains("--from"));
    assert!(!ended.out.contains("CXR_FROM") && !ended.out.contains("secret"));
}

#[test]
fn md5sum_and_cxr_read_the_printed_table() {
    let dir = tempfile::tempdir().unwrap();
    let odd = dir.path().join("back\\slash\nline");
    fs::write(&odd, "").unwrap();
    fs::write(dir.path().join("plain"), "").unwrap();
    let empty = "d41d8cd98f00b204e9800998ecf8427e";
    let table = dir.path().join("table.md5");
    fs::write(&table, format!("MD5 (plain) = {empty}\n\\{empty}  back\\\\slash\\nline\n")).unwrap();
    let written = run(&["checksums", "--checksums", table.to_str().unwrap()]);
    assert_eq!(written.code, Some(0), "{}", written.err);
    let again = dir.path().join("again.md5");
    fs::write(&again, &written.out).unwrap();
    assert_eq!(run(&["checksums", "--checksums", again.to_str().unwrap()]).out, written.out);
    if let Some(output) = md5sum_check(dir.path(), &written.out) {
        assert!(output.status.success(), "{output:?}");
    }
}

/// Runs `md5sum -c` on the table. Returns `None` if it is not installed.
fn md5sum_check(dir: &Path, table: &str) -> Option<Output> {
    let mut child = Command::new("md5sum")
        .args(["--strict", "-c", "-"])
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(table.as_bytes()).ok()?;
    child.wait_with_output().ok()
}

#[test]
fn a_closed_pipe_on_standard_output_is_no_error() {
    for arguments in [&["list"][..], &["checksums"], &["man"], &["completions", "zsh"], &["--help"]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = ended(cxr(arguments).stdout(writer));
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_behind_standard_output_is_an_error() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ended = ended(cxr(&["list"]).stdout(full));
    assert_eq!(ended.code, Some(3));
    assert!(ended.err.starts_with("cxr: cannot write to standard output: "), "{}", ended.err);
}

#[test]
fn completions_and_the_manual_show_no_hidden_option() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = run(&["completions", shell]);
        assert_eq!(ended.code, Some(0));
        assert!(ended.out.contains("limit-rate"), "{shell}");
        assert!(!ended.out.contains("sabotage"), "{shell}: it is hidden");
    }
    let page = run(&["man"]).out;
    assert!(page.contains(".SH CXR FETCH") && !page.contains("sabotage"));
}

#[test]
fn the_list_shows_sizes_without_reading_files() {
    let dir = tempfile::tempdir().unwrap();
    let half = File::create(dir.path().join("images_01.tar.gz")).unwrap();
    half.write_all_at(b"\x1f\x8b\x08", 0).unwrap();
    half.write_all_at(b"\x01", 1_004_235_493).unwrap();
    let ended = run(&["list", "--dir", dir.path().to_str().unwrap()]);
    let lines: Vec<&str> = ended.out.lines().collect();
    assert_eq!((ended.code, lines.len()), (Some(0), 12));
    assert_eq!(
        lines[0],
        "images_001.tar.gz  1.87 GiB  fe8ed0a6961412fddcbb3603c11b3698  \
         incomplete 50 %, as images_01.tar.gz"
    );
    assert!(lines[1].ends_with("  missing"), "{}", lines[1]);
}
