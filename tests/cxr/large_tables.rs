//! Tables with very many lines, and the memory that they take.

use std::fs;

use crate::support::Sandbox;

/// The lines of the table, and of the one that it is compared with: what is there once is in both.
const MANY: u64 = 12_000;
const SOME: u64 = 2000;

/// The most bytes that each line may take: a table of 420,000 lines then takes less than 200 MB, of which
/// 20 MB are the program.
const MOST: u64 = 180_000_000 / 420_000;

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

/// The bytes that a command takes for a line.
#[track_caller]
fn bytes_per_line(sandbox: &Sandbox, command: &[&str], status: i32) -> u64 {
    let peak = |table: &str| {
        let peak = sandbox.path("peak");
        let measure = ["python3".as_ref(), "-c".as_ref(), MEASURE.as_ref(), peak.as_os_str()];
        let run = sandbox.cxr(command).args(["--checksums", table]).started_by(measure);
        run.run().exits(status);
        fs::read_to_string(&peak).unwrap().parse::<u64>().unwrap() * 1024
    };
    peak("many").saturating_sub(peak("some")) / (MANY - SOME)
}

#[test]
fn a_large_table_takes_little_memory() {
    let sandbox = Sandbox::new();
    sandbox.put("many", table(MANY));
    sandbox.put("some", table(SOME));
    fs::create_dir_all(sandbox.data()).unwrap();
    let fetch = ["fetch", "--dry-run", "-d", "data", "--from", "http://127.0.0.1:9"];
    for (command, status) in [
        (&["list", "-d", "data"][..], 0),
        (&["checksums"], 0),
        (
            &[
                "verify",
                "data",
                "--format",
                "json",
                "--junit",
                "junit.xml",
                "--report",
                "report.json",
            ],
            1,
        ),
        (&["verify", "--from", "data"], 1),
        (&fetch, 1),
    ] {
        // The peak depends on how threads take turns, by a tenth and more: the least of some runs counts.
        let mut all = (0..5).map(|_| bytes_per_line(&sandbox, command, status));
        let few = all.by_ref().take(4).find(|&bytes| bytes < MOST);
        let bytes = few.or_else(|| all.next()).unwrap();
        assert!(bytes < MOST, "{command:?} takes {bytes} bytes for each line of the table");
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
