//! From what a file is to its verdict. Pure.

#[cfg(test)]
mod tests;

use std::path::Path;

use super::names::Named;
use crate::catalog::{Archive, Catalog};
use crate::hash::digest::{Digest, Sha256};
use crate::locate::identify::{self, FileKind};
use crate::text::escape;
use crate::verdict::Verdict;

/// What was seen of a file while all of it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Observation {
    /// Its size in bytes.
    pub(super) size: u64,
    /// Its MD5.
    pub(super) digest: Digest,
    /// Its SHA-256, where that was asked for.
    pub(super) sha256: Option<Sha256>,
    /// Where the file is longer than its archive: the MD5 of as many bytes as the archive has.
    pub(super) prefix: Option<Digest>,
    /// Its first [`identify::HEAD`] bytes.
    pub(super) head: Vec<u8>,
    /// So many zero bytes stand at its end.
    pub(super) zeros_at_end: u64,
}

/// What a file turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judgement<'a> {
    pub(super) verdict: Verdict,
    /// The archive that it is, or ought to be.
    pub(super) archive: Option<&'a Archive>,
    /// Why; escaped.
    pub(super) detail: Option<String>,
    pub(super) remedy: Remedy<'a>,
}

/// What can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy<'a> {
    /// Nothing needs to be.
    Nothing,
    /// The rest can be fetched.
    Continue,
    /// What is wrong in it can be fetched.
    Repair,
    /// It is another file, and the right one can be fetched.
    Replace,
    /// It is a good archive under another one's name.
    Rename(&'a Archive),
    /// The table does not know it.
    Unlisted,
}

impl<'a> Remedy<'a> {
    /// For a file that ought to be an archive and has this verdict; `content` is the one of which it
    /// has the bytes.
    pub(super) const fn of(verdict: Verdict, content: Option<&'a Archive>) -> Self {
        match (verdict, content) {
            (Verdict::Ok, _) => Self::Nothing,
            (Verdict::Incomplete, _) => Self::Continue,
            (Verdict::Foreign, Some(content)) => Self::Rename(content),
            (Verdict::Foreign, None) => Self::Replace,
            _ => Self::Repair,
        }
    }
}

/// From so many zeros on, a gzip's end is not what was compressed but what was never written: a
/// page of memory or a block of a disk.
const NEVER_WRITTEN: u64 = 4096;

/// Judges the file at `path`, of which only the name is looked at.
pub(super) fn judge<'a>(
    path: &Path,
    named: Named<'a>,
    catalog: &'a Catalog,
    seen: &Observation,
) -> Judgement<'a> {
    let known = catalog.by_md5(&seen.digest).and_then(|index| catalog.archives().get(index));
    match (named, known) {
        (Named::Exactly(archive) | Named::Like(archive), _) if archive.md5 == seen.digest => {
            recognised(path, archive, seen)
        }
        (Named::Exactly(archive), Some(other)) => swapped(archive, other),
        (Named::Like(_) | Named::Otherwise, Some(archive)) => recognised(path, archive, seen),
        (Named::Exactly(archive) | Named::Like(archive), None) => wrong(archive, seen),
        (Named::Otherwise, None) => unlisted(catalog, seen),
    }
}

/// A file with the archive's MD5. Where its SHA-256 is another one, that is no accident.
fn recognised<'a>(path: &Path, archive: &'a Archive, seen: &Observation) -> Judgement<'a> {
    if let (Some(found), Some(expected)) = (seen.sha256, archive.sha256)
        && found != expected
    {
        let detail = format!(
            "its MD5 is right and its SHA-256 is not, which is no accident: it is {found}, \
             should be {expected}"
        );
        return Judgement {
            verdict: Verdict::Corrupt,
            archive: Some(archive),
            detail: Some(detail),
            remedy: Remedy::Repair,
        };
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let detail =
        (!path.ends_with(&archive.name)).then(|| format!("under the name {}", escape::text(&name)));
    Judgement { verdict: Verdict::Ok, archive: Some(archive), detail, remedy: Remedy::Nothing }
}

fn swapped<'a>(archive: &'a Archive, content: &'a Archive) -> Judgement<'a> {
    Judgement {
        verdict: Verdict::Foreign,
        archive: Some(archive),
        detail: Some(format!("its content is {}", escape::text(&content.name))),
        remedy: Remedy::Rename(content),
    }
}

/// A file that ought to be the archive and has none of the table's MD5s.
fn wrong<'a>(archive: &'a Archive, seen: &Observation) -> Judgement<'a> {
    let (verdict, detail) = match archive.size {
        _ if seen.size == 0 => (Verdict::Incomplete, "empty".to_owned()),
        Some(size) if seen.size == size => (Verdict::Corrupt, differs(archive, seen)),
        size => other_file(archive, seen).unwrap_or_else(|| match size {
            Some(size) if seen.size < size => short(archive, size, seen),
            Some(size) => (Verdict::Corrupt, long(archive, size, seen)),
            None => (Verdict::Corrupt, differs(archive, seen)),
        }),
    };
    let remedy = Remedy::of(verdict, None);
    Judgement { verdict, archive: Some(archive), detail: Some(detail), remedy }
}

/// Says what the file is where it is positively another kind than its archive.
fn other_file(archive: &Archive, seen: &Observation) -> Option<(Verdict, String)> {
    let kind = identify::kind(&seen.head);
    let what = || format!("{kind} ({} bytes)", seen.size);
    identify::is_out_of_place(&kind, &archive.name).then(|| (Verdict::Foreign, what()))
}

fn short(archive: &Archive, size: u64, seen: &Observation) -> (Verdict, String) {
    let so_much = part_of(seen.size, size);
    match blemish(archive, seen) {
        Some(blemish) => (Verdict::Corrupt, format!("{so_much}, and {blemish}")),
        None => (Verdict::Incomplete, format!("{so_much}: truncated")),
    }
}

fn long(archive: &Archive, size: u64, seen: &Observation) -> String {
    let surplus = seen.size.saturating_sub(size);
    let follow = if surplus == 1 { "follows" } else { "follow" };
    if seen.prefix == Some(archive.md5) {
        return format!("the archive is whole, but {} {follow} it", count(surplus));
    }
    let too_many = format!("{} too many", count(surplus));
    match blemish(archive, seen) {
        Some(blemish) => format!("{too_many}, and {blemish}"),
        None => too_many,
    }
}

fn differs(archive: &Archive, seen: &Observation) -> String {
    let md5 = format!("MD5 is {}, should be {}", seen.digest, archive.md5);
    let kind = identify::kind(&seen.head);
    match blemish(archive, seen) {
        _ if identify::is_out_of_place(&kind, &archive.name) => {
            format!("{md5}; it is {kind}")
        }
        Some(blemish) => format!("{md5}; {blemish}"),
        None => md5,
    }
}

/// What is plainly wrong with the bytes of a file that should be gzip.
fn blemish(archive: &Archive, seen: &Observation) -> Option<String> {
    if !identify::expects_gzip(&archive.name) {
        return None;
    }
    match identify::kind(&seen.head) {
        _ if seen.zeros_at_end == seen.size => Some("all bytes are zeros".to_owned()),
        FileKind::Gzip if seen.zeros_at_end < NEVER_WRITTEN => None,
        FileKind::Gzip => Some(format!("the last {} are zeros", count(seen.zeros_at_end))),
        FileKind::Zeros => Some("it begins with zeros".to_owned()),
        _ => Some("it does not begin as gzip does".to_owned()),
    }
}

/// A file of no name and no MD5 in the table.
fn unlisted<'a>(catalog: &Catalog, seen: &Observation) -> Judgement<'a> {
    let of = match catalog.archives().len() {
        1 => "not the one archive of the table".to_owned(),
        archives => format!("none of the {archives} archives"),
    };
    let same_size =
        catalog.archives().iter().find(|archive| archive.size == Some(seen.size) && seen.size > 0);
    let more = match (same_size, identify::kind(&seen.head)) {
        (Some(archive), _) => format!(", but of the size of {}", escape::text(&archive.name)),
        (None, FileKind::Unknown) => String::new(),
        (None, kind) => format!(": {kind}"),
    };
    Judgement {
        verdict: Verdict::Foreign,
        archive: None,
        detail: Some(format!("{of}{more}")),
        remedy: Remedy::Unlisted,
    }
}

fn count(bytes: u64) -> String {
    if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") }
}

/// `5 of 10 bytes (50.0 %)`; never 100 % of less than all.
pub(super) fn part_of(done: u64, whole: u64) -> String {
    let permille = u128::from(done) * 1000 / u128::from(whole.max(1));
    format!("{done} of {whole} bytes ({}.{} %)", permille / 10, permille % 10)
}
