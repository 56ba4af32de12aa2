//! Compares a file that is to be written with what has its name.

use std::io::ErrorKind;
use std::path::Path;

use md5::{Digest as _, Md5};
use serde::Serialize;

use super::metadata::{MAX_METADATA_BYTES, METADATA_NAME, Metadata};
use super::official::{DATA_ENTRY, EARLIER_DATA_ENTRY};
use super::written::LabelsRecord;
use crate::disk::{self, DiskError};
use crate::text::units;

/// The end of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum WriteOutcome {
    /// It is new, or replaces one that cxr wrote before.
    Written,
    /// It was there, with the same content or an earlier one of cxr or NIH.
    Unchanged,
    /// Another file has its name, and was left.
    Refused,
    /// Another file was refused, so that nothing was written.
    NotWritten,
    /// The system did not read or write it.
    Error,
}

impl WriteOutcome {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
            Self::NotWritten => "not-written",
            Self::Error => "error",
        }
    }
}

/// The comparison of a file that is to be written with the folder.
pub(super) struct Comparison {
    pub(super) state: WriteOutcome,
    pub(super) detail: Option<String>,
    /// The size and the MD5 of another file that stays in its place.
    pub(super) kept: Option<(usize, String)>,
    /// A file that cxr wrote is to be replaced.
    pub(super) replaces: bool,
}

impl Comparison {
    const fn plain(state: WriteOutcome) -> Self {
        Self { state, detail: None, kept: None, replaces: false }
    }

    pub(super) fn new(state: WriteOutcome, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..Self::plain(state) }
    }
}

pub(super) fn compare(
    record: &LabelsRecord,
    name: &str,
    path: &Path,
    content: &[u8],
) -> Comparison {
    let found = match disk::read(path, MAX_METADATA_BYTES) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return match path.symlink_metadata() {
                Ok(_) => Comparison::new(WriteOutcome::Refused, "it is a link to nothing"),
                Err(_) => Comparison::plain(WriteOutcome::NotWritten),
            };
        }
        Err(error) => {
            let error = DiskError::new(path, "read")(error);
            let detail = format!("it cannot be read: {}; {}", error.source, error.remedy());
            return Comparison::new(WriteOutcome::Error, detail);
        }
    };
    if found == content {
        return Comparison::plain(WriteOutcome::Unchanged);
    }
    let md5 = hex::encode(Md5::digest(&found));
    if name == DATA_ENTRY && md5 == EARLIER_DATA_ENTRY {
        let detail = "it is NIH's earlier publication, which differs in the words `Patient Gender`";
        let kept = Some((found.len(), md5));
        return Comparison { kept, ..Comparison::new(WriteOutcome::Unchanged, detail) };
    }
    let own = (name == METADATA_NAME).then(|| Metadata::read_own(&found)).flatten();
    if own.is_none() && !record.has(name, &found) {
        return Comparison::new(WriteOutcome::Refused, describe(&found, content));
    }
    if path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink()) {
        let detail = "it is a link to a file that cxr wrote before, with other content";
        return Comparison::new(WriteOutcome::Refused, detail);
    }
    let images = own.map(|own| format!(", with {}", units::count(own.images.len(), "image")));
    let images = images.unwrap_or_default();
    let detail = format!("in place of the one that cxr wrote before{images}");
    Comparison { replaces: true, ..Comparison::new(WriteOutcome::NotWritten, detail) }
}

/// Says what the file is that has the name of another.
fn describe(found: &[u8], content: &[u8]) -> &'static str {
    let lines = |bytes: &[u8]| -> Vec<u8> {
        let text: Vec<u8> = bytes.iter().copied().filter(|&byte| byte != b'\r').collect();
        text.trim_ascii_end().to_owned()
    };
    if found.is_empty() {
        "the file is empty"
    } else if is_of_2017(found) {
        "it is the csv of 2017, as Kaggle has it, with other labels in 181 rows, other follow-up \
         numbers, and ages with a letter"
    } else if lines(found) == lines(content) {
        "it has the same lines with other line ends"
    } else {
        "it has other content"
    }
}

/// Returns true for the csv of 2017: its header and its rows end with a comma, and ages have a letter.
pub(super) fn is_of_2017(csv: &[u8]) -> bool {
    let mut lines = csv.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end);
    lines.next().is_some_and(|header| {
        header.starts_with(b"Image Index,Finding Labels,") && header.ends_with(b"y],")
    })
}
