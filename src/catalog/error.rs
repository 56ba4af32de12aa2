//! Errors in tables.

use crate::text::escape;

/// A table that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// The file is larger than [`MAX_CHECKSUMS_BYTES`](super::MAX_CHECKSUMS_BYTES).
    #[error("it is larger than 16 MiB, which no list of checksums is")]
    TooLarge,
    /// The file begins with a byte order mark of UTF-16, as the `>` of some shells writes.
    #[error("it is written in UTF-16; save it as UTF-8")]
    Utf16,
    /// The table has no archive.
    #[error("it contains no checksum")]
    Empty,
    /// A line is wrong, or an archive that comes from no file. They count from 1.
    #[error("line {0}: {1}")]
    Line(usize, LineError),
}

/// An error in a line of a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// The line has none of the known forms.
    #[error(
        "expected `DIGEST  name`, with an MD5 of 32 or a SHA-256 of 64 hexadecimal digits, or \
         `MD5 (name) = …`, found `{}`",
        shown(.0)
    )]
    Form(Vec<u8>),
    /// The checksum has another algorithm.
    #[error("the checksum is {}; cxr checks MD5 and SHA-256", escape::brief(.0))]
    Algorithm(String),
    /// The name or the row is not text.
    #[error("`{}` is not UTF-8", shown(.0))]
    NotUtf8(Vec<u8>),
    /// The line begins with `\`, but the name has an unknown escape.
    #[error("the name `{}` has an unknown escape; known are `\\\\`, `\\n` and `\\r`", shown(.0))]
    Escape(Vec<u8>),
    /// The first line names an unknown column.
    #[error(
        "unknown column `{}`; known are name, script_name, size, md5, sha256 and address",
        escape::brief(.0)
    )]
    Column(String),
    /// The first line names a column twice.
    #[error("the column {0} appears twice")]
    RepeatedColumn(&'static str),
    /// The first line does not name a necessary column.
    #[error("the column {0} is missing; a table needs name, and md5 or sha256")]
    MissingColumn(&'static str),
    /// A row has no digest.
    #[error("expected an MD5 or a SHA-256, found neither")]
    NoDigest,
    /// A row has another number of cells than there are columns.
    #[error("expected {0} cells, found {1}")]
    CellCount(usize, usize),
    /// A cell has another value than the expected one.
    #[error("expected {}, found `{}`", .0, escape::brief(.1))]
    Cell(&'static str, String),
    /// A name cannot be a file in the folder of the archives, for this reason.
    #[error("`{}` {}", escape::brief(.0), .1)]
    Name(String, &'static str),
    /// A name is absolute. The second text is the folder of all absolute names.
    #[error("`{}` is absolute, and names must be relative to the folder of the archives; {}", escape::brief(.0), to_relative(.1))]
    Absolute(String, String),
    /// A name or an alias is already on this line.
    #[error("`{}` is already on line {}", escape::brief(.0), .1)]
    Repeated(String, usize),
    /// The first name is the folder of the second one.
    #[error("`{}` cannot be a file and the folder of `{}`", escape::brief(.0), escape::brief(.1))]
    Folder(String, String),
}

impl LineError {
    /// The error of a name that cannot be a file in the folder of the archives. `folder` returns that of
    /// all absolute names.
    pub(super) fn of_name(
        name: &str,
        reason: &'static str,
        folder: impl FnOnce() -> String,
    ) -> Self {
        if name.starts_with('/') {
            Self::Absolute(name.to_owned(), folder())
        } else {
            Self::Name(name.to_owned(), reason)
        }
    }
}

/// Says how to write absolute names without their folder.
fn to_relative(folder: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/_-".contains(c);
    if folder.is_empty() {
        "write a table for each folder, in that folder".to_owned()
    } else if folder.chars().all(is_plain) && folder.len() <= SHOWN {
        format!(
            "remove the folder from each line with sed 's|{folder}/||', or write the table in that folder"
        )
    } else {
        "write the table in that folder".to_owned()
    }
}

/// Bytes of a wrong line that are shown.
const SHOWN: usize = 80;

fn shown(text: &[u8]) -> String {
    match text.get(..SHOWN) {
        Some(start) if text.len() > SHOWN => format!("{}…", escape::bytes(start)),
        _ => escape::bytes(text),
    }
}
