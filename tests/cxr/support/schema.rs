//! Independent validators: Python's `jsonschema` and `xmllint`.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use super::{is_installed, may_skip};

/// Returns a Python that has this module: the first on the search path, or the system's.
pub fn python_with(module: &str) -> Option<&'static str> {
    let has = |python: &&str| {
        let import = format!("import {module}");
        let python = Command::new(python).args(["-c", &import]).stderr(Stdio::null()).status();
        python.is_ok_and(|status| status.success())
    };
    let found = ["python3", "/usr/bin/python3"].into_iter().find(has);
    if found.is_none() {
        let package = if module == "fuse" { "fusepy" } else { module };
        may_skip(&format!("python3 with {module}"), &format!("python3-{package}"));
    }
    found
}

/// The JSON validator of all tests: starting one takes longer than all its work.
struct Validator {
    _child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Validator {
    fn start() -> Option<Mutex<Self>> {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cxr/support/validate.py");
        let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");
        let mut child = Command::new(python_with("jsonschema")?)
            .args([source, docs])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Some(Mutex::new(Self { _child: child, stdin, stdout }))
    }

    fn ask(&mut self, schema: &str, document: &str) -> String {
        writeln!(self.stdin, "{schema}\t{}", document.trim_end()).unwrap();
        let mut answer = String::new();
        self.stdout.read_line(&mut answer).unwrap();
        assert!(answer.ends_with('\n'), "the validator ended early");
        answer.trim_end().to_owned()
    }
}

/// Returns the errors of a one-line document under a published schema, or `None` if it is valid or
/// there is no validator.
pub fn schema_error(schema: &str, document: &str) -> Option<String> {
    static VALIDATOR: OnceLock<Option<Mutex<Validator>>> = OnceLock::new();
    let validator = VALIDATOR.get_or_init(Validator::start).as_ref()?;
    let mut validator = validator.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    Some(validator.ask(schema, document)).filter(|answer| !answer.is_empty())
}

/// Returns the errors of an XML file under a schema in `tests/schemas`, or `None` if it is valid or
/// `xmllint` is not installed.
pub fn xml_schema_error(schema: &str, file: &Path) -> Option<String> {
    if !is_installed("xmllint") && may_skip("xmllint", "libxml2-utils") {
        return None;
    }
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemas")).join(schema);
    let mut xmllint = Command::new("xmllint");
    xmllint.args(["--noout", "--nonet", "--schema"]).arg(path).arg(file);
    let output = xmllint.output().unwrap();
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}
