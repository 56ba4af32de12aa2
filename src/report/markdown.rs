//! The report as a Markdown table, for the summary of a step on GitHub.

use std::io::{self, Write};

use super::{ArchiveReport, Exporter, Report};
use crate::text::{escape, units};
use crate::verdict::Verdict;

/// The most characters of a cell.
const LONGEST: usize = 500;

/// The report as a heading and a table in GitHub's Markdown. All foreign text is in code spans, where no
/// character has a meaning.
#[derive(Debug, Clone, Copy)]
pub struct Markdown {
    /// The most bytes. Archives that are `ok` are left out first, and the number left out is printed.
    pub limit: usize,
}

impl Exporter for Markdown {
    fn export(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let rows =
            || report.labelled().map(|(archive, label)| (archive.verdict, row(&archive, &label)));
        let needed = rows().filter(|(verdict, _)| *verdict != Verdict::Ok);
        let text = table(report, rows(), self.limit)
            .filter(|table| table.left_out == 0)
            .or_else(|| table(report, needed, self.limit))
            .map_or_else(String::new, |table| table.text);
        out.write_all(text.as_bytes())
    }
}

struct Table {
    text: String,
    left_out: usize,
}

/// Returns a table of as many rows as the limit allows; `None` if the heading does not fit.
fn table(
    report: &Report,
    rows: impl Iterator<Item = (Verdict, String)>,
    limit: usize,
) -> Option<Table> {
    // Room for the largest number.
    let rest = |count: usize| format!("\n{count} more archives are not listed here.\n");
    let room = limit.checked_sub(rest(usize::MAX).len())?;
    let mut text = heading(report);
    let mut listed = 0;
    for (_, row) in rows {
        if text.len() + row.len() > room {
            break;
        }
        text.push_str(&row);
        listed += 1;
    }
    let left_out = report.archives.len() - listed;
    if left_out > 0 {
        text.push_str(&rest(left_out));
    }
    (text.len() <= limit).then_some(Table { text, left_out })
}

fn heading(report: &Report) -> String {
    let (command, summary) = (report.command, report.summary());
    match &report.error {
        Some(error) => format!("### cxr {command}\n\n{}\n", code(error)),
        None => format!(
            "### cxr {command}: {summary}\n\n\
             | verdict | archive | why | next |\n| --- | --- | --- | --- |\n"
        ),
    }
}

fn row(archive: &ArchiveReport, label: &str) -> String {
    let size = archive.actual_size.filter(|_| archive.verdict == Verdict::Ok).map(units::bytes);
    let verdict = match archive.verdict {
        Verdict::Ok => archive.verdict.to_string(),
        verdict => format!("**{verdict}**"),
    };
    let cell = |text: Option<&str>| text.map(code).unwrap_or_default();
    let why = archive.detail.as_deref().or_else(|| archive.proof()).or(size.as_deref());
    let next = archive.next.as_ref().map(ToString::to_string);
    let (name, why, next) = (code(label), cell(why), cell(next.as_deref()));
    format!("| {verdict} | {name} | {why} | {next} |\n")
}

/// Returns a code span (CommonMark 0.31.2, section 6.1) for a cell of a table (GitHub Flavored Markdown,
/// section 4.10): its fence is longer than any run of backticks in it, and bars have a backslash.
fn code(text: &str) -> String {
    let text = escape::text(text);
    let text = match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    };
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    format!("{fence} {} {fence}", text.replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(report: &Report, limit: usize) -> String {
        String::from_utf8(Markdown { limit }.to_bytes(report).unwrap()).unwrap()
    }

    fn report() -> Report {
        let mut ok = ArchiveReport::new("a", Verdict::Ok);
        ok.actual_size = Some(2048);
        let mut corrupt = ArchiveReport::new("b|`c`", Verdict::Corrupt);
        corrupt.detail = Some("the MD5 differs".to_owned());
        Report::new("verify", vec![ok, corrupt], 1.0)
    }

    #[test]
    fn a_row_an_archive() {
        assert_eq!(
            written(&report(), 4096),
            "### cxr verify: 1 ok, 1 corrupt in 1.0 s\n\n\
             | verdict | archive | why | next |\n\
             | --- | --- | --- | --- |\n\
             | ok | ` a ` | ` 2.00 KiB ` |  |\n\
             | **corrupt** | `` b\\|`c` `` | ` the MD5 differs ` |  |\n"
        );
    }

    #[test]
    fn a_run_without_a_result_says_why() {
        let report = Report::failed("fetch", "the folder is busy".to_owned(), 0.0);
        assert_eq!(written(&report, 4096), "### cxr fetch\n\n` the folder is busy `\n");
    }

    #[test]
    fn it_never_passes_its_limit_and_what_is_wrong_goes_first() {
        let mut report = report();
        let many = (0..100).map(|number| ArchiveReport::new(format!("ok{number}"), Verdict::Ok));
        report.archives = many.chain(&report.archives).collect();
        for limit in (0..6000).step_by(7) {
            assert!(written(&report, limit).len() <= limit, "{limit}");
        }
        assert!(written(&report, 6000).contains("ok99"));
        let short = written(&report, 600);
        assert!(short.contains("**corrupt**") && !short.contains("ok99"), "{short}");
        assert!(short.ends_with("\n101 more archives are not listed here.\n"), "{short}");
    }

    #[test]
    fn a_cell_has_an_end() {
        assert!(code(&"`".repeat(10_000)).len() < 4 * LONGEST);
    }
}
