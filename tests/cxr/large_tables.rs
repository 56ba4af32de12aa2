//! Tables with very many lines, and the memory that they take.

use std::fs;

use crate::support::Sandbox;

/// The lines of the table.
const LINES: u64 = 20_000;

/// Starts a program, and writes the most memory that it takes, in KiB, into the first argument.
const MEASURE: &str = "import resource, subprocess, sys
status = subprocess.call(sys.argv[2:])
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
open(sys.argv[1], 'w').write(str(peak))
sys.exit(status)";

fn table(lines: u64) -> String {
    let lines = (0..lines).map(|line| format!("{line:032x}  {line}.gz\n"));
    lines.collect::<Vec<_>>().concat()
}

/// The most bytes that a command takes for a line: the rest is the same for every table.
#[track_caller]
fn bytes_per_line(sandbox: &Sandbox, command: &[&str], status: i32) -> u64 {
    let peak = |table: &str| {
        let peak = sandbox.path("peak");
        let measure = ["python3".as_ref(), "-c".as_ref(), MEASURE.as_ref(), peak.as_os_str()];
        let run = sandbox.cxr(command).args(["--checksums", table]).started_by(measure);
        run.run().exits(status);
        fs::read_to_string(&peak).unwrap().parse::<u64>().unwrap() * 1024
    };
    peak("many").saturating_sub(peak("one")) / LINES
}

#[test]
fn a_large_table_takes_little_memory() {
    let sandbox = Sandbox::new();
    sandbox.put("many", table(LINES));
    sandbox.put("one", table(1));
    fs::create_dir_all(sandbox.data()).unwrap();
    let fetch = ["fetch", "--dry-run", "-d", "data", "--from", "http://127.0.0.1:9"];
    for (command, status, most) in [
        (&["list", "-d", "data"][..], 0, 400),
        (&["list", "-d", "data", "--format", "json"], 0, 400),
        (&["checksums"], 0, 400),
        (&["checksums", "--format", "json"], 0, 400),
        (&["verify", "data"], 1, 1100),
        (&fetch, 1, 1600),
    ] {
        let bytes = bytes_per_line(&sandbox, command, status);
        assert!(bytes < most, "{command:?} takes {bytes} bytes for each line of the table");
    }
}

#[test]
fn a_folder_that_does_not_exist_is_named() {
    let sandbox = Sandbox::new();
    let list = sandbox.cxr(["list", "-d", "nosuch"]).run();
    list.exits(0).prints("missing").says("there is no folder nosuch, so no archive is here");
    list.says("run: cxr fetch -d nosuch\n");
    sandbox.put("file", "x");
    sandbox.cxr(["list", "-d", "file"]).run().says("file is not a folder");
}

#[test]
fn columns_of_a_list_are_aligned() {
    let sandbox = Sandbox::new();
    let (md5, long) = ("0".repeat(32), "n".repeat(70));
    let table = format!("{md5}  a\n{md5}  images_001.tar.gz\n{md5}{md5}  b\n{md5}  {long}\n");
    sandbox.put("table", table);
    let list = sandbox.cxr(["list", "--checksums", "table"]).run();
    let output = list.stdout();
    let columns = output.lines().map(|line| (line.find("  missing"), line.find(&md5)));
    let columns: Vec<_> = columns.collect();
    list.expect(columns[..3].iter().all(|column| *column == columns[0]), "the same columns");
    list.expect(columns[3] > columns[0], "a very long name moves its own line only");
}
