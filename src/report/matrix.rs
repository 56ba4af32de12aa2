//! A table of several mirrors: a row per archive, a column per mirror; then lines with reasons.

use std::borrow::Cow;
use std::io::{self, Write};

use super::line::{COLUMN, column};
use super::{ArchiveReport, Report};
use crate::text::escape;
use crate::verdict::Verdict;

impl Report {
    /// The reports in rows, one per archive, if several mirrors were checked.
    pub(super) fn rows(&self) -> Option<Vec<&[ArchiveReport]>> {
        let is_of_mirrors = self.command == "verify"
            && self.archives.iter().all(|archive| archive.source.is_some());
        let rows: Vec<_> = self.archives.chunk_by(|a, b| a.name == b.name).collect();
        let is_wide = rows.first().is_some_and(|row| row.len() > 1);
        (is_of_mirrors && is_wide).then_some(rows)
    }
}

impl Report {
    /// Every archive with its label, which names the mirror if there are several.
    pub(super) fn labelled(&self) -> impl Iterator<Item = (&ArchiveReport, Cow<'_, str>)> {
        let are_several = self.rows().is_some();
        self.archives.iter().map(move |archive| {
            let source = archive.source.as_deref().filter(|_| are_several);
            (archive, super::label(&archive.name, source))
        })
    }
}

/// Writes the mirrors' names, the table, and a line for everything that is not `ok`.
pub(super) fn write(rows: &[&[ArchiveReport]], out: &mut dyn Write, color: bool) -> io::Result<()> {
    let Some(&mirrors) = rows.first() else { return Ok(()) };
    for (number, mirror) in (1..).zip(mirrors) {
        let name = mirror.source.as_deref().unwrap_or_default();
        writeln!(out, "{number}  {}", escape::text(name))?;
    }
    let firsts = rows.iter().filter_map(|row| row.first());
    let names: Vec<_> = firsts.map(|first| escape::text(&first.name)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let heads: Vec<_> = (1..=mirrors.len()).map(|number| format!("{number:<COLUMN$}")).collect();
    writeln!(out, "\n{:width$}  {}", "", heads.concat().trim_end())?;
    for (name, row) in names.iter().zip(rows) {
        let words: String = row.iter().map(|report| column(report.verdict, color)).collect();
        writeln!(out, "{name:width$}  {}", words.trim_end())?;
    }
    let remarkable = rows.concat().into_iter().filter(|report| report.verdict != Verdict::Ok);
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
        one.archives.retain(|archive| archive.source.as_deref() == Some("https://m.org"));
        assert!(text(&one, false).starts_with("ok           a.gz\nmissing "));
        assert!(text(&report("fetch"), false).starts_with("ok           a.gz\nunreachable "));
    }
}
