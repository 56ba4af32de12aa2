//! What a self-test found, as one JSON document and in one line.

use std::io::{self, Write};

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::Check;
use crate::report::{Report, write_json};
use crate::verdict::{ExitStatus, Verdict};

/// The first member of the document. Members may be added to it; none changes its meaning.
const SCHEMA: &str = "cxr.selftest/1";

/// All that a self-test found.
#[derive(Debug, Clone, PartialEq)]
pub struct SelftestReport {
    /// The checks, in the order in which they were made.
    pub checks: Vec<Check>,
    /// Seconds that all of it took.
    pub seconds: f64,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    command: &'static str,
    ok: bool,
    checks: &'a [Check],
    summary: Summary<'a>,
}

/// The verdicts that occur, in the fixed order, and the time.
struct Summary<'a>(&'a Report);

impl Serialize for Summary<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for verdict in Verdict::ALL {
            let count = self.0.count(verdict);
            if count > 0 {
                map.serialize_entry(verdict.word(), &count)?;
            }
        }
        map.serialize_entry("seconds", &self.0.seconds)?;
        map.end()
    }
}

impl SelftestReport {
    /// The exit status that the verdicts add up to, as those of archives do.
    pub fn exit_status(&self) -> ExitStatus {
        self.as_report().exit_status()
    }

    /// The run in one line: `12 ok in 2.1 s`.
    pub fn summary(&self) -> String {
        self.as_report().summary()
    }

    /// Writes the document and a line's end.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let report = self.as_report();
        let document = Document {
            schema: SCHEMA,
            command: report.command,
            ok: report.is_ok(),
            checks: &self.checks,
            summary: Summary(&report),
        };
        write_json(&document, out)
    }

    fn as_report(&self) -> Report {
        let checks = self.checks.iter().map(Check::as_archive).collect();
        Report::new("selftest", checks, self.seconds)
    }
}
