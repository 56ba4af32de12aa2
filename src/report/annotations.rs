//! The report as workflow commands; GitHub's runner turns them into annotations of the job.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::{ArchiveReport, Exporter, Report};
use crate::text::escape;

/// The number of errors, and of warnings, that GitHub shows for a step. It drops the rest without notice
/// (docs/problem-matchers.md of its toolkit).
const MOST: usize = 10;

/// The most characters of a message. The longest messages list the answers of several sources.
const LONGEST: usize = 2000;

/// The report as annotations: an error for each wrong archive, a warning for each archive without a
/// decision, nothing for `ok`. The last annotation sums up those beyond GitHub's limit.
#[derive(Debug, Clone, Copy, Default)]
pub struct Annotations;

impl Exporter for Annotations {
    fn export(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let title = format!("cxr {}", report.command);
        if let Some(error) = &report.error {
            writeln!(out, "{}", command("error", &title, error))?;
        }
        for (level, is_so) in [
            ("error", crate::verdict::Verdict::is_wrong as fn(_) -> bool),
            ("warning", crate::verdict::Verdict::is_undecided),
        ] {
            let archives = report.labelled().filter(|(archive, _)| is_so(archive.verdict));
            let count = report.archives.verdicts().filter(|verdict| is_so(*verdict)).count();
            let most = MOST - usize::from(level == "error" && report.error.is_some());
            annotate(level, &title, archives, (count, most), out)?;
        }
        Ok(())
    }
}

fn annotate(
    level: &str,
    title: &str,
    mut archives: impl Iterator<Item = (ArchiveReport, String)>,
    (count, most): (usize, usize),
    out: &mut dyn Write,
) -> io::Result<()> {
    let alone = if count > most { most - 1 } else { count };
    for (archive, label) in archives.by_ref().take(alone) {
        let title = format!("{title}: {label} {}", archive.verdict);
        writeln!(out, "{}", command(level, &title, &words(&archive)))?;
    }
    if count == alone {
        return Ok(());
    }
    let names = archives.map(|(archive, label)| format!("{label} {}", archive.verdict));
    // Each takes a character at least.
    let names: Vec<_> = names.take(LONGEST).collect();
    let more = format!("{title}: {} more archives", count - alone);
    writeln!(out, "{}", command(level, &more, &names.join(", ")))
}

/// The reason and the next step.
fn words(archive: &ArchiveReport) -> String {
    let mut words = archive.detail.clone().unwrap_or_else(|| archive.verdict.to_string());
    if let Some(next) = &archive.next {
        let _ = write!(words, "; next: {next}");
    }
    words
}

/// Returns a workflow command, with the escapes of GitHub's toolkit. The text has no control characters
/// left when they are applied.
fn command(level: &str, title: &str, message: &str) -> String {
    let title = data(title).replace(':', "%3A").replace(',', "%2C");
    format!("::{level} title={title}::{}", data(message))
}

fn data(text: &str) -> String {
    let text = escape::text(text);
    let text = match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    };
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::super::NextStep;
    use super::*;
    use crate::verdict::Verdict;

    fn lines(report: &Report) -> Vec<String> {
        let text = String::from_utf8(Annotations.to_bytes(report).unwrap()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn many(verdict: Verdict, count: usize) -> Vec<ArchiveReport> {
        (1..=count).map(|number| ArchiveReport::new(format!("a{number}"), verdict)).collect()
    }

    #[test]
    fn wrong_is_an_error_not_known_a_warning_and_ok_is_silent() {
        let mut corrupt = ArchiveReport::new("a", Verdict::Corrupt);
        corrupt.detail = Some("the MD5 differs".to_owned());
        corrupt.next = Some(NextStep::by_hand("fetch"));
        let archives = vec![
            ArchiveReport::new("b", Verdict::Unreachable),
            ArchiveReport::new("c", Verdict::Ok),
            corrupt,
        ];
        assert_eq!(
            lines(&Report::new("verify", archives, 0.0)),
            [
                "::error title=cxr verify%3A a corrupt::the MD5 differs; next: fetch",
                "::warning title=cxr verify%3A b unreachable::unreachable",
            ]
        );
    }

    #[test]
    fn ten_of_a_kind_stand_alone_and_of_more_the_last_sums_up() {
        for (count, expected) in [(10, 10), (11, 10), (40, 10)] {
            let mut archives = many(Verdict::Missing, count);
            archives.extend(many(Verdict::Error, count));
            let lines = lines(&Report::new("verify", archives, 0.0));
            for level in ["::error ", "::warning "] {
                let found: Vec<_> = lines.iter().filter(|line| line.starts_with(level)).collect();
                assert_eq!(found.len(), expected, "{lines:#?}");
                assert_eq!(found[9].contains("more archives"), count > 10, "{lines:#?}");
            }
        }
        let lines = lines(&Report::new("verify", many(Verdict::Missing, 12), 0.0));
        let last =
            "::error title=cxr verify%3A 3 more archives::a10 missing, a11 missing, a12 missing";
        assert_eq!(lines[9], last);
    }

    #[test]
    fn of_several_mirrors_each_is_named() {
        let at = |source: &str, verdict| {
            let mut archive = ArchiveReport::new("a", verdict);
            archive.source = Some(source.to_owned());
            archive
        };
        let archives = vec![at("m", Verdict::Ok), at("n", Verdict::Missing)];
        let found = lines(&Report::new("verify", archives, 0.0));
        assert_eq!(found, ["::error title=cxr verify%3A a at n missing::missing"]);
    }

    #[test]
    fn a_run_without_a_result_takes_one_place() {
        let mut report = Report::failed("fetch", "busy: 100 %\nx".to_owned(), 0.0);
        assert_eq!(lines(&report), ["::error title=cxr fetch::busy: 100 %25\\u{a}x"]);
        report.archives = many(Verdict::Corrupt, 10).into();
        assert_eq!(lines(&report).len(), 10);
    }

    #[test]
    fn no_name_ends_a_property_or_a_line() {
        let mut odd = ArchiveReport::new("a,file=x::b%3A\n::error::c", Verdict::Foreign);
        odd.detail = Some("##[add-mask]x\r\n::stop-commands::y".to_owned());
        let found = lines(&Report::new("fetch", vec![odd], 0.0));
        assert_eq!(
            found,
            ["::error title=cxr fetch%3A a%2Cfile=x%3A%3Ab%253A\\u{a}%3A%3Aerror%3A%3Ac foreign\
              ::\\u{23}#[add-mask]x\\u{d}\\u{a}::stop-commands::y"]
        );
    }

    #[test]
    fn a_message_has_an_end() {
        let mut long = ArchiveReport::new("a", Verdict::Unreachable);
        long.detail = Some("ä".repeat(10_000));
        let found = lines(&Report::new("fetch", vec![long], 0.0));
        assert!(found[0].chars().count() < LONGEST + 100 && found[0].ends_with('…'));
    }
}
