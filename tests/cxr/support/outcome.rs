//! The outcome of a run, and assertions on it.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

/// A run that has ended. A failed assertion shows all of it.
pub struct Outcome {
    pub command: String,
    pub status: Option<i32>,
    pub signal: Option<i32>,
    pub elapsed: Duration,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, status, signal, elapsed, .. } = self;
        writeln!(f, "\n────────────────────────────────────────")?;
        writeln!(f, "{command}")?;
        writeln!(f, "exit status {status:?}, signal {signal:?}, after {elapsed:.1?}")?;
        writeln!(f, "──── standard output\n{}", self.stdout())?;
        writeln!(f, "──── standard error\n{}", self.stderr())?;
        write!(f, "────────────────────────────────────────")
    }
}

impl Outcome {
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    #[track_caller]
    pub fn expect(&self, is_so: bool, what: impl fmt::Display) -> &Self {
        assert!(is_so, "expected {what}{self}");
        self
    }

    /// Returns true if the run was ended by SIGKILL.
    pub fn was_killed(&self) -> bool {
        self.signal == Some(9)
    }

    #[track_caller]
    pub fn exits(&self, status: i32) -> &Self {
        self.expect(self.status == Some(status), format_args!("exit status {status}"))
    }

    /// Asserts that standard error contains `words`.
    #[track_caller]
    pub fn says(&self, words: &str) -> &Self {
        self.expect(self.stderr().contains(words), format_args!("{words:?} on standard error"))
    }

    /// Asserts that standard output contains `words`.
    #[track_caller]
    pub fn prints(&self, words: &str) -> &Self {
        self.expect(self.stdout().contains(words), format_args!("{words:?} on standard output"))
    }

    /// Asserts that one line of standard output contains all of `words`.
    #[track_caller]
    pub fn prints_line(&self, words: &[&str]) -> &Self {
        let found = self.stdout().lines().any(|line| words.iter().all(|word| line.contains(word)));
        self.expect(found, format_args!("a line with {words:?} on standard output"))
    }

    /// Asserts that neither stream has a control character other than line ends.
    #[track_caller]
    pub fn is_plain(&self) -> &Self {
        let text = format!("{}{}", self.stdout(), self.stderr());
        let control = text.chars().find(|c| c.is_control() && *c != '\n');
        self.expect(control.is_none(), format_args!("no control character, not {control:?}"))
    }

    /// Reads standard output as a JSON report.
    #[track_caller]
    pub fn report(&self) -> Report {
        self.report_in(&self.stdout)
    }

    /// Reads a JSON report and checks it against the published schema.
    #[track_caller]
    pub fn report_in(&self, document: &[u8]) -> Report {
        let value: Value = serde_json::from_slice(document)
            .unwrap_or_else(|error| panic!("expected a JSON report: {error}{self}"));
        let invalid = super::schema_error("report", &String::from_utf8_lossy(document));
        self.expect(invalid.is_none(), format_args!("a valid report, not {invalid:?}"));
        Report { value, shown: self.to_string() }
    }
}

/// The JSON report of a run.
pub struct Report {
    pub value: Value,
    shown: String,
}

/// The entry of one archive in a report.
pub struct Line<'a> {
    pub value: &'a Value,
    shown: &'a str,
}

impl Report {
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The entries of all archives, in order.
    pub fn lines(&self) -> Vec<Line<'_>> {
        let archives = self.value["archives"].as_array().map_or(&[][..], Vec::as_slice);
        archives.iter().map(|value| Line { value, shown: &self.shown }).collect()
    }

    /// Returns the only entry with this name.
    #[track_caller]
    pub fn line(&self, name: &str) -> Line<'_> {
        let mut found: Vec<_> =
            self.lines().into_iter().filter(|line| line.value["name"] == name).collect();
        assert_eq!(found.len(), 1, "expected one archive {name:?}{}", self.shown);
        found.remove(0)
    }

    /// Returns the entry of a report that has only one.
    #[track_caller]
    pub fn only(&self) -> Line<'_> {
        let mut lines = self.lines();
        assert_eq!(lines.len(), 1, "expected a report on one archive{}", self.shown);
        lines.remove(0)
    }

    /// The source of an archive's bytes.
    #[track_caller]
    pub fn source_of(&self, name: &str) -> String {
        self.line(name).value["source"].as_str().unwrap_or_default().to_owned()
    }

    /// The verdicts, in order.
    pub fn verdicts(&self) -> Vec<String> {
        self.lines().iter().map(Line::verdict).collect()
    }

    /// Asserts that every archive is `ok`.
    #[track_caller]
    pub fn all_ok(&self) -> &Self {
        let verdicts = self.verdicts();
        let all = !verdicts.is_empty() && verdicts.iter().all(|verdict| verdict == "ok");
        assert!(all && self.value["ok"] == true, "expected all to be ok{}", self.shown);
        self
    }

    /// The bytes received for all archives.
    #[track_caller]
    pub fn downloaded(&self) -> u64 {
        self.value["summary"]["bytes_downloaded"]
            .as_u64()
            .unwrap_or_else(|| panic!("no summary.bytes_downloaded{}", self.shown))
    }
}

impl Line<'_> {
    pub fn verdict(&self) -> String {
        self.value["verdict"].as_str().unwrap_or_default().to_owned()
    }

    /// Asserts the verdict.
    #[track_caller]
    pub fn is(&self, verdict: &str) -> &Self {
        assert_eq!(self.verdict(), verdict, "verdict of {}{}", self.value["name"], self.shown);
        self
    }

    pub fn detail(&self) -> String {
        self.value["detail"].as_str().unwrap_or_default().to_owned()
    }

    /// Asserts that the detail contains `words`, ignoring case.
    #[track_caller]
    pub fn because(&self, words: &str) -> &Self {
        let found = self.detail().to_lowercase().contains(&words.to_lowercase());
        assert!(found, "expected {words:?} in the detail{}", self.shown);
        self
    }

    /// Asserts that the next step contains `word`.
    #[track_caller]
    pub fn next(&self, word: &str) -> &Self {
        let next = self.value["next"].as_str().unwrap_or_default();
        assert!(
            !next.is_empty() && next.contains(word),
            "expected {word:?} in `next`{}",
            self.shown
        );
        self
    }

    /// A field of text, empty if it is null.
    pub fn text(&self, field: &str) -> String {
        self.value[field].as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    pub fn number(&self, field: &str) -> u64 {
        self.value[field].as_u64().unwrap_or_else(|| panic!("no number {field:?}{}", self.shown))
    }

    #[track_caller]
    pub fn downloaded(&self) -> u64 {
        self.number("bytes_downloaded")
    }

    #[track_caller]
    pub fn reused(&self) -> u64 {
        self.number("bytes_reused")
    }
}
