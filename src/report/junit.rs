//! The report as JUnit XML for GitLab, Jenkins and most other CI systems: one suite, and one test case
//! per archive.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::iter;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::{ArchiveReport, ArchiveReports, Exporter, Report};
use crate::hash::digest::{DigestKind, Sha256};
use crate::text::escape;
use crate::verdict::Verdict;

/// The report as JUnit XML. A wrong archive is a `failure`, an archive without a decision an `error`, with
/// the verdict as the type. A run without a result is a test case with an `error`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Junit;

impl Junit {
    /// The beginning of every document.
    pub const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"cxr ";
}

type Xml<'a> = Writer<&'a mut dyn Write>;

impl Exporter for Junit {
    fn export(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let mut xml = Writer::new_with_indent(out, b' ', 2);
        xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        let totals = totals(report);
        let attributes = || totals.iter().map(|(name, value)| (*name, value.as_str()));
        // Jenkins does not accept `skipped` here.
        let outer = attributes().filter(|(name, _)| *name != "skipped");
        xml.create_element("testsuites").with_attributes(outer).write_inner_content(|xml| {
            let suite = xml.create_element("testsuite").with_attributes(attributes());
            suite.write_inner_content(|xml| cases(report, xml)).map(|_| ())
        })?;
        xml.get_mut().write_all(b"\n")
    }
}

fn totals(report: &Report) -> [(&'static str, String); 6] {
    let count = |is_so: fn(Verdict) -> bool| {
        report.archives.verdicts().filter(|verdict| is_so(*verdict)).count()
    };
    let broken = usize::from(report.error.is_some());
    [
        ("name", format!("cxr {}", report.command)),
        ("tests", (report.archives.len() + broken).to_string()),
        ("failures", count(Verdict::is_wrong).to_string()),
        ("errors", (count(Verdict::is_undecided) + broken).to_string()),
        ("skipped", count(|verdict| verdict == Verdict::Present).to_string()),
        ("time", seconds(report.seconds)),
    ]
}

fn cases(report: &Report, xml: &mut Xml<'_>) -> io::Result<()> {
    let class = format!("cxr.{}", report.command);
    for (archive, name) in report.archives.iter().zip(names(&report.archives)) {
        let archive = &archive;
        let time = seconds(archive.seconds);
        let case = xml.create_element("testcase").with_attributes([
            ("name", name.as_str()),
            ("classname", &class),
            ("time", &time),
        ]);
        match archive.verdict {
            Verdict::Ok => match archive.proof() {
                None => case.write_empty()?,
                Some(proof) => case.write_inner_content(|xml| {
                    let output = xml.create_element("system-out");
                    output.write_text_content(BytesText::new(proof)).map(|_| ())
                })?,
            },
            verdict => case.write_inner_content(|xml| {
                let element = match verdict {
                    // It was not verified, so it does not pass.
                    Verdict::Present => "skipped",
                    verdict if verdict.is_wrong() => "failure",
                    _ => "error",
                };
                let message = archive.detail.as_deref().unwrap_or(verdict.word());
                outcome(xml, element, verdict.word(), message, &facts(archive))
            })?,
        };
    }
    let Some(error) = &report.error else { return Ok(()) };
    let case = xml.create_element("testcase").with_attributes([
        ("name", report.command),
        ("classname", &class),
        ("time", &seconds(report.seconds)),
    ]);
    case.write_inner_content(|xml| outcome(xml, "error", "error", error, "")).map(|_| ())
}

/// Writes the reason why a test case did not pass.
fn outcome(
    xml: &mut Xml<'_>,
    element: &str,
    kind: &str,
    message: &str,
    facts: &str,
) -> io::Result<()> {
    let message = safe(message);
    let element =
        xml.create_element(element).with_attributes([("type", kind), ("message", &message)]);
    let text = if facts.is_empty() { message.clone() } else { format!("{message}\n{facts}") };
    element.write_text_content(BytesText::new(&text)).map(|_| ())
}

/// Lists what is known about an archive, one fact per line.
fn facts(archive: &ArchiveReport) -> String {
    let number = |size: Option<u64>| size.map(|size| size.to_string());
    // Where the MD5 decides and no SHA-256 was computed, there is nothing to compare.
    let is_used = archive.actual_sha256.is_some() || archive.digest == Some(DigestKind::Sha256);
    let sha256 = |sha256: Option<Sha256>| sha256.filter(|_| is_used).map(|sha| sha.to_string());
    let path = archive.path.as_ref().map(|path| path.to_string_lossy().into_owned());
    let facts = [
        ("next", archive.next.as_ref().map(ToString::to_string)),
        ("path", path),
        ("source", archive.source.clone()),
        ("expected MD5", archive.expected_md5.map(|md5| md5.to_string())),
        ("actual MD5", archive.actual_md5.map(|md5| md5.to_string())),
        ("expected SHA-256", sha256(archive.expected_sha256)),
        ("actual SHA-256", sha256(archive.actual_sha256)),
        ("expected size", number(archive.expected_size)),
        ("actual size", number(archive.actual_size)),
    ];
    let lines = facts.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let lines: Vec<_> = lines.map(|(name, value)| format!("{name}: {}", safe(&value))).collect();
    lines.join("\n")
}

/// Returns a unique name for each archive, because CI systems merge test cases with the same name. An
/// archive that occurs more than once gets its place added, and then a number if necessary.
fn names(archives: &ArchiveReports) -> impl Iterator<Item = String> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for archive in archives {
        *counts.entry(archive.name).or_default() += 1;
    }
    let mut taken = HashSet::new();
    archives.iter().map(move |archive| {
        let is_alone = counts.get(&archive.name) == Some(&1);
        let name = if is_alone { safe(&archive.name) } else { with_place(&archive) };
        let numbered = (2..).map(|number| format!("{name} {number}"));
        let mut names = iter::once(name.clone()).chain(numbered);
        names.find(|name| taken.insert(name.clone())).unwrap_or(name)
    })
}

fn with_place(archive: &ArchiveReport) -> String {
    let path = archive.path.as_ref().map(|path| path.to_string_lossy().into_owned());
    let place = path.or_else(|| archive.source.clone()).unwrap_or_default();
    safe(&format!("{} ({place})", archive.name))
}

/// Returns text with only the characters of XML (XML 1.0, production 2): `escape` leaves two others.
fn safe(text: &str) -> String {
    escape::text(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

fn seconds(seconds: f64) -> String {
    format!("{:.3}", if seconds.is_finite() { seconds } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::NextStep;
    use super::*;

    fn xml(report: &Report) -> String {
        String::from_utf8(Junit.to_bytes(report).unwrap()).unwrap()
    }

    fn report(archives: Vec<ArchiveReport>) -> Report {
        Report::new("verify", archives, 1.25)
    }

    #[test]
    fn a_case_an_archive_with_what_is_wrong_and_why() {
        let mut corrupt = ArchiveReport::new("b", Verdict::Corrupt);
        corrupt.detail = Some("the MD5 differs".to_owned());
        corrupt.next = Some(NextStep::by_hand("`cxr fetch b` repairs it"));
        corrupt.actual_size = Some(5);
        let lost = ArchiveReport::new("c", Verdict::Unreachable);
        let text = xml(&report(vec![ArchiveReport::new("a", Verdict::Ok), corrupt, lost]));
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="cxr verify" tests="3" failures="1" errors="1" time="1.250">
  <testsuite name="cxr verify" tests="3" failures="1" errors="1" skipped="0" time="1.250">
    <testcase name="a" classname="cxr.verify" time="0.000"/>
    <testcase name="b" classname="cxr.verify" time="0.000">
      <failure type="corrupt" message="the MD5 differs">the MD5 differs
next: `cxr fetch b` repairs it
actual size: 5</failure>
    </testcase>
    <testcase name="c" classname="cxr.verify" time="0.000">
      <error type="unreachable" message="unreachable">unreachable</error>
    </testcase>
  </testsuite>
</testsuites>
"#;
        assert_eq!(text, expected);
        assert!(text.starts_with(Junit::HEAD));
    }

    #[test]
    fn a_run_without_a_result_is_an_error_and_not_an_empty_suite() {
        let text = xml(&Report::failed("fetch", "the folder is \"busy\"".to_owned(), 0.0));
        assert!(text.contains(r#"tests="1" failures="0" errors="1""#), "{text}");
        assert!(text.contains(r#"message="the folder is &quot;busy&quot;""#), "{text}");
    }

    #[test]
    fn archives_of_one_name_are_told_apart() {
        let at = |path: &str| {
            let mut archive = ArchiveReport::new("a", Verdict::Ok);
            archive.path = Some(PathBuf::from(path));
            archive
        };
        let mut archives = vec![at("x/a"), at("y/a"), ArchiveReport::new("b", Verdict::Ok)];
        archives.extend([at("y/a"), at("y/a")]);
        let names = names(&archives.into()).collect::<Vec<_>>();
        assert_eq!(names, ["a (x/a)", "a (y/a)", "b", "a (y/a) 2", "a (y/a) 3"]);
    }

    #[test]
    fn what_xml_has_no_character_for_is_written_out() {
        let mut odd = ArchiveReport::new("a\u{1}\u{ffff}<&\">", Verdict::Foreign);
        odd.detail = Some("\u{1b}[2J]]>\u{fffe}".to_owned());
        let text = xml(&report(vec![odd]));
        assert!(text.contains(r#"name="a\u{1}"#), "{text}");
        assert!(text.contains("\u{fffd}&lt;&amp;&quot;&gt;\""), "{text}");
        assert!(text.contains("\\u{1b}[2J]]&gt;\u{fffd}</failure>"), "{text}");
        assert!(!text.contains(['\u{1}', '\u{1b}', '\u{fffe}', '\u{ffff}']), "{text:?}");
    }
}
