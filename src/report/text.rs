//! The report as text: one line per archive, or a table of mirrors, then the commands to run next;
//! and the run in one line.

use std::io::{self, Write};
use std::time::Duration;

use super::{Exporter, Report, matrix};
use crate::text::{command_line, escape, units};
use crate::verdict::Verdict;

/// The report as one line per archive, or as a table if several mirrors were checked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Text {
    /// True if verdicts have colours.
    pub color: bool,
    /// True if only the archives with a problem have lines; the summary then follows.
    pub only_problems: bool,
}

impl Exporter for Text {
    fn export(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let is_shown = |verdict: Verdict| !self.only_problems || verdict.is_problem();
        if report.has_mirrors() {
            matrix::write(report, |archive| is_shown(archive.verdict), out, self.color)?;
        } else {
            let mut archives = report.archives.iter().filter(|archive| is_shown(archive.verdict));
            archives.try_for_each(|archive| writeln!(out, "{}", archive.line(self.color)))?;
        }
        let commands = report.next_commands();
        for (index, command) in commands.iter().enumerate() {
            let gap = if index == 0 { "\n" } else { "" };
            writeln!(out, "{gap}next: {}", escape::text(command))?;
        }
        for change in command_line::changes(&commands.join(" ")) {
            writeln!(out, "note: {change}")?;
        }
        if self.only_problems && report.error.is_none() {
            let gap = if report.archives.verdicts().any(is_shown) { "\n" } else { "" };
            writeln!(out, "{gap}{}", report.summary())?;
        }
        Ok(())
    }
}

impl Report {
    /// The summary line: `11 ok, 1 corrupt; 3.70 GiB downloaded in 4 min 12 s`.
    pub fn summary(&self) -> String {
        let word = |(verdict, count): (Verdict, usize)| match verdict {
            Verdict::Present => format!("{count} present (not verified)"),
            _ => format!("{count} {verdict}"),
        };
        let words: Vec<String> = self.counts().map(word).collect();
        let words = if words.is_empty() { "nothing checked".to_owned() } else { words.join(", ") };
        let time = Duration::try_from_secs_f64(self.seconds).unwrap_or_default();
        let time = units::duration(time);
        match self.bytes_downloaded() {
            0 => format!("{words} in {time}"),
            bytes => format!("{words}; {} downloaded in {time}", units::bytes(bytes)),
        }
    }

    /// The number of archives with each verdict that occurs, in the fixed order.
    pub(super) fn counts(&self) -> impl Iterator<Item = (Verdict, usize)> {
        let all = Verdict::ALL.into_iter().map(|verdict| (verdict, self.count(verdict)));
        all.filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ArchiveReport, NextStep, SuggestedCommand};
    use super::*;

    fn report() -> Report {
        let mut ok = ArchiveReport::new("images_001.tar.gz", Verdict::Ok);
        ok.actual_size = Some(2_008_470_987);
        let mut corrupt = ArchiveReport::new("images_002.tar.gz", Verdict::Corrupt);
        corrupt.actual_size = Some(5);
        corrupt.bytes_downloaded = 3_972_844_749;
        corrupt.detail = Some("the MD5 differs".to_owned());
        let command = SuggestedCommand::Line("cxr fetch 2".into());
        corrupt.next = Some(NextStep::then("free some space", command));
        let missing = ArchiveReport::new("images_003.tar.gz", Verdict::Missing);
        Report::new("fetch", vec![ok, corrupt, missing], 252.0)
    }

    fn text(color: bool) -> String {
        written(Text { color, ..Text::default() }, &report())
    }

    fn written(text: Text, report: &Report) -> String {
        String::from_utf8(text.to_bytes(report).unwrap()).unwrap()
    }

    #[test]
    fn only_problems_have_lines_and_the_summary_follows() {
        let only_problems = Text { color: false, only_problems: true };
        let summary = "1 ok, 1 missing, 1 corrupt; 3.70 GiB downloaded in 4 min 12 s\n";
        assert_eq!(
            written(only_problems, &report()),
            format!(
                "corrupt      images_002.tar.gz  the MD5 differs; next: free some space\n\
                 missing      images_003.tar.gz\n\nnext: cxr fetch 2\n\n{summary}"
            )
        );
        let fine = Vec::from(["a", "b"].map(|name| ArchiveReport::new(name, Verdict::Ok)));
        assert_eq!(written(only_problems, &Report::new("verify", fine, 3.0)), "2 ok in 3.0 s\n");
        let failed = Report::failed("verify", "no table".to_owned(), 3.0);
        assert_eq!(written(only_problems, &failed), "");
    }

    #[test]
    fn a_table_of_mirrors_has_rows_with_problems_only() {
        let at = |name, source: &str, verdict| {
            let source = Some(source.to_owned());
            ArchiveReport { source, ..ArchiveReport::new(name, verdict) }
        };
        let report = |verdict| {
            let archives = [
                at("a", "m", Verdict::Ok),
                at("a", "n", Verdict::Ok),
                at("b", "m", Verdict::Ok),
                at("b", "n", verdict),
            ];
            Report::new("verify", Vec::from(archives), 3.0)
        };
        let only_problems = Text { color: false, only_problems: true };
        let table = written(only_problems, &report(Verdict::Corrupt));
        assert!(table.contains("\nb  ok ") && !table.contains("\na "), "{table}");
        assert!(
            table.starts_with("1  m\n2  n\n") && table.ends_with("\n\n3 ok, 1 corrupt in 3.0 s\n")
        );
        assert_eq!(written(only_problems, &report(Verdict::Ok)), "4 ok in 3.0 s\n");
    }

    #[test]
    fn a_line_an_archive_in_columns() {
        assert_eq!(
            text(false),
            "ok           images_001.tar.gz  1.87 GiB\n\
             corrupt      images_002.tar.gz  the MD5 differs; next: free some space\n\
             missing      images_003.tar.gz\n\
             \n\
             next: cxr fetch 2\n"
        );
    }

    #[test]
    fn colour_is_that_of_the_word_alone() {
        let lines = text(true);
        assert!(lines.starts_with("\x1b[32mok\x1b[0m           images_001.tar.gz  1.87 GiB\n"));
        let mut plain = lines;
        for code in ["\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"] {
            plain = plain.replace(code, "");
        }
        assert_eq!(plain, text(false));
    }

    #[test]
    fn the_summary_counts_what_occurs() {
        assert_eq!(
            report().summary(),
            "1 ok, 1 missing, 1 corrupt; 3.70 GiB downloaded in 4 min 12 s"
        );
        let nothing = Report::new("verify", vec![], f64::NAN);
        assert_eq!(nothing.summary(), "nothing checked in 0.0 s");
    }
}
