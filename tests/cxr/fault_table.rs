//! Checks the table of faults in `tests/README.md` against the tests and messages that exist.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::files_under;

/// The first and the last number of each group of faults.
const GROUPS: [(u32, u32); 6] = [(1, 19), (20, 38), (40, 49), (50, 68), (70, 81), (90, 96)];

/// The start of the last cell of a row without a test.
const DOES_NOT_APPLY: &str = "does not apply: ";

/// A row of the table.
struct Row {
    number: u32,
    tests: Vec<String>,
    words: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rows that begin with the number of a fault.
fn rows() -> Vec<Row> {
    let text = read(&root().join("tests/README.md"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let number = cells.get(1)?.strip_prefix('F')?.split(' ').next()?.parse().ok()?;
        assert_eq!(cells.len(), 6, "four cells in {line:?}");
        Some(Row { number, tests: quoted(cells[3]), words: cells[4].to_owned() })
    };
    text.lines().filter_map(row).collect()
}

/// The texts between backticks.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The file of a test, and its name in the file.
fn place(test: &str) -> (PathBuf, &str) {
    let (module, name) = test.rsplit_once("::").unwrap_or_else(|| panic!("{test:?} has no module"));
    let folder = root().join("tests");
    let file = match module.split_once("::") {
        Some(("program", module)) => folder.join("program").join(module),
        _ => folder.join("cxr").join(module.replace("::", "/")),
    };
    (file.with_extension("rs"), name)
}

/// The source of a test. Returns `None` if there is no such test.
fn source(test: &str) -> Option<String> {
    let (file, name) = place(test);
    let text = read(&file);
    let start = text.find(&format!("\nfn {name}()"))?;
    let attributes = text[..start].rsplit("\n\n").next()?;
    let is_test = attributes.contains("#[test]") && !attributes.contains("#[ignore");
    let end = text[start..].find("\n}\n").map_or(text.len(), |end| start + end);
    is_test.then(|| without_comments(&text[start..end]))
}

fn without_comments(text: &str) -> String {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| [line, "\n"]).collect()
}

/// The source of the program, without comments and tests.
fn program() -> String {
    let is_test = |file: &Path| file.iter().any(|part| part == "tests" || part == "tests.rs");
    let files = files_under(&root().join("src"));
    let files = files.iter().filter(|file| !is_test(file.strip_prefix(root()).unwrap()));
    let code = files.map(|file| {
        let text = read(file);
        without_comments(text.split("#[cfg(test)]\nmod tests {").next().unwrap())
    });
    code.collect()
}

#[test]
fn every_fault_has_one_row() {
    let mut counts = BTreeMap::<u32, usize>::new();
    for row in rows() {
        *counts.entry(row.number).or_default() += 1;
    }
    let faults: Vec<u32> = GROUPS.iter().flat_map(|&(first, last)| first..=last).collect();
    assert_eq!(faults.len(), 86);
    for fault in &faults {
        assert_eq!(counts.remove(fault), Some(1), "rows of F{fault:02}");
    }
    assert!(counts.is_empty(), "unknown faults: {counts:?}");
}

#[test]
fn every_row_names_tests_that_exist_or_a_reason() {
    let mut wrong = Vec::new();
    for Row { number, tests, words } in rows() {
        let reason = words.strip_prefix(DOES_NOT_APPLY).unwrap_or_default();
        if tests.is_empty() && reason.len() < 20 {
            wrong.push(format!("F{number:02} has neither a test nor a reason: {words:?}"));
        }
        let missing = tests.iter().filter(|test| source(test).is_none());
        wrong.extend(missing.map(|test| format!("F{number:02}: there is no test {test}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_quoted_message_is_in_the_program_or_in_the_test() {
    let program = program();
    let mut unsaid = Vec::new();
    for Row { number, tests, words } in rows() {
        let sources: String = tests.iter().filter_map(|test| source(test)).collect();
        let is_unsaid = |phrase: &&String| {
            !program.contains(phrase.as_str()) && !sources.contains(phrase.as_str())
        };
        let phrases = quoted(&words);
        let phrases = phrases.iter().filter(is_unsaid);
        unsaid.extend(phrases.map(|phrase| format!("F{number:02}: no message has {phrase:?}")));
    }
    assert!(unsaid.is_empty(), "{unsaid:#?}");
}

#[test]
fn the_counts_above_the_table_are_right() {
    let rows = rows();
    let tested = rows.iter().filter(|row| !row.tests.is_empty()).count();
    let text = read(&root().join("tests/README.md"));
    let count = format!("Of the 86, {tested} have tests and {} do not apply", rows.len() - tested);
    assert!(text.contains(&count), "expected {count:?}");
}
