//! A table of several mirrors: a row per archive, a column per mirror; then lines with reasons.

use std::io::{self, Write};

use super::line::{COLUMN, column};
use super::{ArchiveReport, Report};
use crate::text::escape;
use crate::verdict::Verdict;

impl Report {
    /// Returns true if several mirrors were checked: each archive then has a row of reports.
    pub(super) fn has_mirrors(&self) -> bool {
        let mut archives = self.archives.iter();
        let first = archives.next().filter(|first| first.source.is_some());
        let second = first.and_then(|first| Some((first, archives.next()?)));
        self.command == "verify" && second.is_some_and(|(first, second)| first.name == second.name)
    }

    /// The reports in rows, one per archive.
    fn rows(&self) -> impl Iterator<Item = Vec<ArchiveReport>> {
        let mut archives = self.archives.iter().peekable();
        std::iter::from_fn(move || {
            let mut row = vec![archives.next()?];
            while let Some(next) = archives.next_if(|next| next.name == row[0].name) {
                row.push(next);
            }
            Some(row)
        })
    }

    /// Every archive with its label, which names the mirror if there are several.
    pub(super) fn labelled(&self) -> impl Iterator<Item = (ArchiveReport, String)> {
        let are_several = self.has_mirrors();
        self.archives.iter().map(move |archive| {
            let source = archive.source.as_deref().filter(|_| are_several);
            let label = super::label(&archive.name, source).into_owned();
            (archive, label)
        })
    }
}

/// Writes the mirrors' names, a table of the rows that are shown, and a line for everything in them that
/// is not `ok`.
pub(super) fn write(
    report: &Report,
    is_shown: impl Fn(&ArchiveReport) -> bool,
    out: &mut dyn Write,
    color: bool,
) -> io::Result<()> {
    let rows = || report.rows().filter(|row| row.iter().any(&is_shown));
    let Some(mirrors) = rows().next() else { return Ok(()) };
    for (number, mirror) in (1..).zip(&mirrors) {
        let name = mirror.source.as_deref().unwrap_or_default();
        writeln!(out, "{number}  {}", escape::text(name))?;
    }
    let name = |row: &[ArchiveReport]| escape::text(&row[0].name).into_owned();
    let width = rows().map(|row| name(&row).chars().count()).max().unwrap_or(0);
    let heads: Vec<_> = (1..=mirrors.len()).map(|number| format!("{number:<COLUMN$}")).collect();
    writeln!(out, "\n{:width$}  {}", "", heads.concat().trim_end())?;
    for row in rows() {
        let words: String = row.iter().map(|report| column(report.verdict, color)).collect();
        writeln!(out, "{:width$}  {}", name(&row), words.trim_end())?;
    }
    let remarkable = rows().flatten().filter(|report| report.verdict != Verdict::Ok);
    for (index, report) in remarkable.enumerate() {
        let gap = if index == 0 { "\n" } else { "" };
        writeln!(out, "{gap}{}", report.line(color))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Exporter, Text};
    use super::*;

    fn report(command: &'static str) -> Report {
        let at = |name: &str, source: &str, verdict| {
            let mut report = ArchiveReport::new(name, verdict);
            report.source = Some(source.to_owned());
            report.detail = (verdict != Verdict::Ok).then(|| format!("at {source}: why"));
            report
        };
        let archives = vec![
            at("a.gz", "https://m.org", Verdict::Ok),
            at("a.gz", "/mnt\u{1b}", Verdict::Unreachable),
            at("longer.gz", "https://m.org", Verdict::Missing),
            at("longer.gz", "/mnt\u{1b}", Verdict::Ok),
        ];
        Report::new(command, archives, 0.0)
    }

    fn text(report: &Report, color: bool) -> String {
        String::from_utf8(Text { color, only_problems: false }.to_bytes(report).unwrap()).unwrap()
    }

    #[test]
    fn archives_go_down_and_mirrors_across() {
        let expected = "\
1  https://m.org
2  /mnt\\u{1b}

           1            2
a.gz       ok           unreachable
longer.gz  missing      ok

unreachable  a.gz  at /mnt\\u{1b}: why
missing      longer.gz  at https://m.org: why
";
        assert_eq!(text(&report("verify"), false), expected);
        assert!(text(&report("verify"), true).contains("\x1b[32mok\x1b[0m           \x1b[35m"));
    }

    #[test]
    fn anything_else_is_lines() {
        let mut one = report("verify");
        let of_one = |archive: &ArchiveReport| archive.source.as_deref() == Some("https://m.org");
        one.archives = one.archives.iter().filter(of_one).collect();
        assert!(text(&one, false).starts_with("ok           a.gz\nmissing "));
        assert!(text(&report("fetch"), false).starts_with("ok           a.gz\nunreachable "));
    }
}
