//! From the name and the content of a file to its verdict. Pure.

#[cfg(test)]
mod tests;

use std::path::Path;

use super::content::ContentSummary;
use super::names::NameMatch;
use crate::catalog::{Archive, Catalog};
use crate::locate::identify::{self, FileKind};
use crate::text::{escape, units};
use crate::verdict::Verdict;

/// The verdict on a file, and what led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Classification<'a> {
    pub(super) verdict: Verdict,
    /// The archive that the file is or should be.
    pub(super) archive: Option<&'a Archive>,
    /// The reason; escaped.
    pub(super) detail: Option<String>,
    /// The archive that the file is, if it should be another one.
    pub(super) content: Option<&'a Archive>,
}

impl<'a> Classification<'a> {
    fn new(verdict: Verdict, archive: &'a Archive, detail: String) -> Self {
        Self { verdict, archive: Some(archive), detail: Some(detail), content: None }
    }

    pub(super) fn outcome(self) -> (Verdict, String) {
        (self.verdict, self.detail.unwrap_or_default())
    }
}

/// This number of zeros at the end of a gzip file was never written, rather than compressed data: a
/// page of memory or a block of a disk.
const NEVER_WRITTEN: u64 = 4096;

/// Classifies the file at `path` by its name and its content.
pub(super) fn classify<'a>(
    path: &Path,
    name: NameMatch<'a>,
    catalog: &'a Catalog,
    content: &ContentSummary,
) -> Classification<'a> {
    let known = content.archive_in(catalog);
    match (name, known) {
        (NameMatch::Exact(archive) | NameMatch::Similar(archive), _) if content.is(archive) => {
            recognized(path, archive, content)
        }
        (NameMatch::Exact(archive), Some(other)) => {
            let detail = format!("its content is {}", escape::text(&other.name));
            Classification {
                content: Some(other),
                ..Classification::new(Verdict::Foreign, archive, detail)
            }
        }
        (NameMatch::Similar(_) | NameMatch::None, Some(archive)) => {
            recognized(path, archive, content)
        }
        (NameMatch::Exact(archive) | NameMatch::Similar(archive), None) => wrong(archive, content),
        (NameMatch::None, None) => unlisted(catalog, content),
    }
}

/// A file with the digest of the archive.
fn recognized<'a>(
    path: &Path,
    archive: &'a Archive,
    content: &ContentSummary,
) -> Classification<'a> {
    if let (Some(found), Some(expected)) = (content.sha256, archive.sha256())
        && found != expected
    {
        let detail = format!(
            "its MD5 is right, but its SHA-256 is {found}, should be {expected}; this is no accident"
        );
        return Classification::new(Verdict::Corrupt, archive, detail);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let detail = format!("under the name {}", escape::text(&name));
    let mut classification = Classification::new(Verdict::Ok, archive, detail);
    classification.detail.take_if(|_| path.ends_with(&archive.name));
    classification
}

/// A file that should be the archive and has no digest of the table.
pub(super) fn wrong<'a>(archive: &'a Archive, content: &ContentSummary) -> Classification<'a> {
    let size = content.size;
    let (verdict, detail) = match archive.size {
        _ if size == 0 => (Verdict::Incomplete, "empty".to_owned()),
        Some(expected) if size == expected => (Verdict::Corrupt, wrong_digest(archive, content)),
        expected => match (other_kind(archive, content), expected) {
            (Some(kind), _) => (Verdict::Foreign, format!("{kind} ({size} bytes)")),
            _ if is_strange(archive, content) => (
                Verdict::Foreign,
                format!("of an unknown kind, and not like a gzip file ({size} bytes)"),
            ),
            (None, Some(expected)) if size < expected => too_short(archive, expected, content),
            (None, Some(expected)) => (Verdict::Corrupt, too_long(archive, expected, content)),
            (None, None) => (Verdict::Corrupt, wrong_digest(archive, content)),
        },
    };
    Classification::new(verdict, archive, detail)
}

/// Returns the kind of the file if it is certainly another one than that of the archive.
fn other_kind(archive: &Archive, content: &ContentSummary) -> Option<FileKind> {
    let kind = identify::kind(&content.head);
    identify::is_out_of_place(&kind, &archive.name).then_some(kind)
}

/// Returns true if a file that should be gzip has nothing in common with one.
fn is_strange(archive: &Archive, content: &ContentSummary) -> bool {
    identify::expects_gzip(&archive.name)
        && identify::kind(&content.head) == FileKind::Unknown
        && !identify::resembles_gzip(&content.head)
}

fn too_short(archive: &Archive, expected: u64, content: &ContentSummary) -> (Verdict, String) {
    let part = part_of(content.size, expected);
    match visible_damage(archive, content) {
        Some(damage) => (Verdict::Corrupt, format!("{part}, and {damage}")),
        None => (Verdict::Incomplete, format!("{part}: truncated")),
    }
}

fn too_long(archive: &Archive, expected: u64, content: &ContentSummary) -> String {
    let surplus = content.size.saturating_sub(expected);
    let follow = if surplus == 1 { "follows" } else { "follow" };
    let bytes = count(surplus);
    if content.prefix == Some(archive.digest()) {
        return format!("the archive is complete, but {bytes} {follow} it");
    }
    match visible_damage(archive, content) {
        Some(damage) => format!("{bytes} too many, and {damage}"),
        None => format!("{bytes} too many"),
    }
}

fn wrong_digest(archive: &Archive, content: &ContentSummary) -> String {
    let expected = archive.digest();
    let kind = expected.kind();
    let found = content.digest(kind).map_or_else(|| "unknown".to_owned(), |it| it.to_string());
    let wrong = format!("{kind} is {found}, should be {expected}");
    match (other_kind(archive, content), visible_damage(archive, content)) {
        (Some(kind), _) => format!("{wrong}; it is {kind}"),
        (None, Some(damage)) => format!("{wrong}; {damage}"),
        (None, None) => wrong,
    }
}

/// Damage that shows without decompressing a file that should be gzip.
fn visible_damage(archive: &Archive, content: &ContentSummary) -> Option<String> {
    if !identify::expects_gzip(&archive.name) {
        return None;
    }
    let zeros = content.zeros_at_end;
    match identify::kind(&content.head) {
        _ if zeros == content.size => Some("all bytes are zeros".to_owned()),
        FileKind::Gzip if zeros < NEVER_WRITTEN => None,
        FileKind::Gzip => Some(format!("the last {} are zeros", count(zeros))),
        FileKind::Zeros => Some("it begins with zeros".to_owned()),
        _ => Some("it does not begin like a gzip file".to_owned()),
    }
}

/// A file with no name and no digest of the table.
fn unlisted<'a>(catalog: &Catalog, content: &ContentSummary) -> Classification<'a> {
    let has_this_size = |archive: &&Archive| archive.size == Some(content.size) && content.size > 0;
    let same_size = catalog.archives().iter().find(has_this_size);
    let more = match (same_size, identify::kind(&content.head)) {
        (Some(archive), _) => format!(", but it has the size of {}", escape::text(&archive.name)),
        (None, FileKind::Unknown) => String::new(),
        (None, kind) => format!(": {kind}"),
    };
    let detail = Some(format!("not in the table{more}"));
    Classification { verdict: Verdict::Foreign, archive: None, detail, content: None }
}

pub(super) fn count(bytes: u64) -> String {
    units::count(bytes, "byte")
}

/// `5 of 10 bytes (50.0 %)`; less than all is never 100 %.
pub(super) fn part_of(done: u64, whole: u64) -> String {
    let permille = u128::from(done) * 1000 / u128::from(whole.max(1));
    format!("{done} of {whole} bytes ({}.{} %)", permille / 10, permille % 10)
}
