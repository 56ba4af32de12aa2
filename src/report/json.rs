//! The report as one JSON document.

use std::io::{self, Write};

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;

use super::{ArchiveReport, ArchiveReports, Exporter, Report};
use crate::locate::Damage;
use crate::text::escape;

/// The schema. A later version may add members, and changes the meaning of none.
const SCHEMA: &str = "cxr.report/1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    command: &'static str,
    ok: bool,
    error: Option<&'a str>,
    archives: JsonArchives<'a>,
    summary: Summary<'a>,
}

/// The number of archives with each verdict, in the fixed order, and the sums.
pub(crate) struct Summary<'a>(pub(crate) &'a Report);

impl Serialize for Summary<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (verdict, count) in self.0.counts() {
            map.serialize_entry(verdict.word(), &count)?;
        }
        map.serialize_entry("bytes_downloaded", &self.0.bytes_downloaded())?;
        map.serialize_entry("seconds", &self.0.seconds)?;
        map.end()
    }
}

/// The report as one JSON document on one line, `cxr.report/1`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json;

impl Json {
    /// The beginning of every document.
    pub const HEAD: &str = "{\"schema\":\"cxr.report/";
}

impl Exporter for Json {
    fn export(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let document = Document {
            schema: SCHEMA,
            command: report.command,
            ok: report.is_ok(),
            error: report.error.as_deref(),
            archives: JsonArchives(&report.archives),
            summary: Summary(report),
        };
        write_json(&document, out)
    }
}

/// Damage in JSON: its range, without the end, and the member of the tar that contains it.
#[derive(Serialize)]
struct Place<'a> {
    start: u64,
    end: u64,
    member: Option<&'a str>,
}

impl<'a> From<&'a Damage> for Place<'a> {
    fn from(Damage { range, member, .. }: &'a Damage) -> Self {
        Self { start: range.start, end: range.end, member: member.as_deref() }
    }
}

/// The archives of the document.
struct JsonArchives<'a>(&'a ArchiveReports);

impl Serialize for JsonArchives<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut archives = serializer.serialize_seq(None)?;
        for archive in self.0 {
            archives.serialize_element(&JsonArchive(&archive))?;
        }
        archives.end()
    }
}

/// An archive in the document.
pub(crate) struct JsonArchive<'a>(pub(crate) &'a ArchiveReport);

impl Serialize for JsonArchive<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let of = self.0;
        // JSON has no bytes: those that are not UTF-8 become U+FFFD.
        let path = of.path.as_ref().map(|path| path.to_string_lossy());
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &of.name)?;
        map.serialize_entry("verdict", &of.verdict)?;
        map.serialize_entry("expected_md5", &of.expected_md5)?;
        map.serialize_entry("actual_md5", &of.actual_md5)?;
        map.serialize_entry("expected_sha256", &of.expected_sha256)?;
        map.serialize_entry("actual_sha256", &of.actual_sha256)?;
        map.serialize_entry("digest", &of.digest)?;
        map.serialize_entry("expected_size", &of.expected_size)?;
        map.serialize_entry("actual_size", &of.actual_size)?;
        map.serialize_entry("path", &path)?;
        if let Some(odd) = of.path.as_ref().filter(|path| path.to_str().is_none()) {
            let bytes = odd.as_os_str().as_encoded_bytes();
            map.serialize_entry("path_bytes", &hex::encode(bytes))?;
        }
        map.serialize_entry("source", &of.source)?;
        map.serialize_entry("bytes_downloaded", &of.bytes_downloaded)?;
        map.serialize_entry("bytes_reused", &of.bytes_reused)?;
        map.serialize_entry("attempts", &of.attempts)?;
        map.serialize_entry("seconds", &of.seconds)?;
        map.serialize_entry("detail", &of.detail)?;
        map.serialize_entry("next", &of.next.as_ref().map(ToString::to_string))?;
        let damage = of.damage.iter().map(Place::from);
        map.serialize_entry("damage", &damage.collect::<Vec<_>>())?;
        if let Some(images) = &of.images {
            map.serialize_entry("images", images)?;
        }
        map.end()
    }
}

/// Writes a value as one line of JSON, with every unsafe character as `\uXXXX`. The value stays the same.
///
/// # Errors
///
/// Those of `out`.
pub fn write_json<T: Serialize + ?Sized>(value: &T, out: &mut dyn Write) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Visible);
    value.serialize(&mut serializer)?;
    out.write_all(b"\n")
}

/// Compact JSON without unsafe characters. JSON itself requires escapes only for U+0000 to U+001F.
struct Visible;

impl Formatter for Visible {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut written = 0;
        for (at, c) in fragment.char_indices() {
            if escape::begins_unsafe(&fragment[at..]) {
                writer.write_all(&fragment.as_bytes()[written..at])?;
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
                written = at + c.len_utf8();
            }
        }
        writer.write_all(&fragment.as_bytes()[written..])
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::{Value, json};

    use super::super::NextStep;
    use super::*;
    use crate::verdict::Verdict;

    fn written(report: &Report) -> String {
        String::from_utf8(Json.to_bytes(report).unwrap()).unwrap()
    }

    #[test]
    fn the_document_is_the_promised_one() {
        let md5 = "fe8ed0a6961412fddcbb3603c11b3698";
        let mut ok = ArchiveReport::new("images_001.tar.gz", Verdict::Ok);
        ok.expected_md5 = md5.parse().ok();
        ok.actual_md5 = md5.parse().ok();
        ok.expected_size = Some(7);
        ok.actual_size = Some(7);
        ok.path = Some(PathBuf::from("data/images_001.tar.gz"));
        ok.bytes_reused = 7;
        let mut gone = ArchiveReport::new("images_002.tar.gz", Verdict::Unreachable);
        gone.bytes_downloaded = 5;
        gone.next = Some(NextStep::by_hand("again"));
        let report = Report::new("fetch", vec![gone, ok], 1.25);
        let text = written(&report);
        let start = r#"{"schema":"cxr.report/1","command":"fetch","ok":false,"error":null,"#;
        assert!(text.starts_with(start) && text.starts_with(Json::HEAD), "{text}");
        assert!(text.ends_with(
            "\"summary\":{\"ok\":1,\"unreachable\":1,\"bytes_downloaded\":5,\"seconds\":1.25}}\n"
        ));
        let document: Value = serde_json::from_str(&text).unwrap();
        let expected = json!({
            "name": "images_001.tar.gz", "verdict": "ok", "expected_md5": md5, "actual_md5": md5,
            "expected_sha256": null, "actual_sha256": null, "digest": null,
            "expected_size": 7, "actual_size": 7, "path": "data/images_001.tar.gz",
            "source": null, "bytes_downloaded": 0, "bytes_reused": 7, "attempts": 0,
            "seconds": 0.0, "detail": null, "next": null, "damage": [],
        });
        assert_eq!(document["archives"][1], expected);
        assert_eq!(document["archives"][0]["next"], "again");
    }

    #[test]
    fn no_unsafe_character_is_written_and_every_value_stays_faithful() {
        let name = "a\u{1b}\n\u{9b}31m\u{202e}gz\u{e0041}\u{7f}\"\\ü###[error]";
        let mut archive = ArchiveReport::new(name, Verdict::Foreign);
        archive.path = Some(PathBuf::from(name));
        let report = Report::new("verify", vec![archive], 0.0);
        let text = written(&report);
        assert!(!text.trim_end_matches('\n').contains(escape::is_unsafe), "{text:?}");
        assert!(!text.contains("##["), "{text}");
        let document: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["archives"][0]["name"], name);
        assert_eq!(document["archives"][0]["path"], name);
    }

    #[test]
    fn a_run_without_a_result_says_why() {
        let report = Report::failed("fetch", "no such folder".to_owned(), 0.5);
        let document: Value = serde_json::from_str(&written(&report)).unwrap();
        let expected = json!({
            "schema": "cxr.report/1", "command": "fetch", "ok": false, "error": "no such folder",
            "archives": [], "summary": {"bytes_downloaded": 0, "seconds": 0.5},
        });
        assert_eq!(document, expected);
    }

    #[test]
    fn a_number_that_is_none_is_null() {
        let report = Report::new("verify", vec![], f64::NAN);
        let document: Value = serde_json::from_str(&written(&report)).unwrap();
        assert_eq!(document["summary"], json!({"bytes_downloaded": 0, "seconds": null}));
        assert_eq!(document["ok"], false);
    }
}
