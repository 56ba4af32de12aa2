//! The report of a self-test, as one JSON document and as one line.

use std::io::{self, Write};

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::Check;
use crate::report::{ArchiveReports, Report, write_json};
use crate::verdict::{ExitStatus, Verdict};

/// The schema. A later version may add members, and changes the meaning of none.
const SCHEMA: &str = "cxr.selftest/1";

/// The report of a self-test.
#[derive(Debug, Clone, PartialEq)]
pub struct SelftestReport {
    /// The checks, in the order in which they ran.
    pub checks: Vec<Check>,
    /// The duration in seconds.
    pub seconds: f64,
}

#[derive(Serialize)]
struct SelftestDocument<'a> {
    schema: &'static str,
    command: &'static str,
    ok: bool,
    checks: &'a [Check],
    summary: SelftestSummary<'a>,
}

/// The number of checks with each verdict, in the fixed order, and the duration.
struct SelftestSummary<'a>(&'a Report);

impl Serialize for SelftestSummary<'_> {
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
    /// The exit status for these verdicts, by the rules for archives.
    pub fn exit_status(&self) -> ExitStatus {
        self.as_report().exit_status()
    }

    /// The summary line: `12 ok in 2.1 s`.
    pub fn summary(&self) -> String {
        self.as_report().summary()
    }

    /// Writes the document and a newline.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let report = self.as_report();
        let document = SelftestDocument {
            schema: SCHEMA,
            command: report.command,
            ok: report.is_ok(),
            checks: &self.checks,
            summary: SelftestSummary(&report),
        };
        write_json(&document, out)
    }

    fn as_report(&self) -> Report {
        let checks: ArchiveReports = self.checks.iter().map(Check::as_archive).collect();
        Report::new("selftest", checks, self.seconds)
    }
}
