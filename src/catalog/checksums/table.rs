//! A table with a column each for name, size, MD5 and address, as the program's own is kept:
//! tab-separated, the columns named on the first line.

use super::super::{Archive, Catalog};
use super::{ChecksumsError, at_line};
use crate::digest::ParseDigestError;
use crate::escape;

/// Why a row of such a table cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// A column whose meaning is not known.
    #[error("`{}` is none of the columns name, size, md5, address and script_name", escape::text(.0))]
    Column(String),
    /// A column that must be there.
    #[error("the columns name and md5 must be there")]
    Lacking,
    /// A row with more or fewer cells than there are columns.
    #[error("{found} cells where the first line names {columns} columns")]
    Cells {
        /// Cells of the row.
        found: usize,
        /// Columns of the table.
        columns: usize,
    },
    /// A cell that is no MD5.
    #[error("`{}`: {ParseDigestError}", escape::text(.0))]
    Md5(String),
    /// A cell that is no size.
    #[error("`{}` is not a number of bytes", escape::text(.0))]
    Size(String),
    /// A cell that is no address.
    #[error("`{}` is not an http:// or https:// address", escape::text(.0))]
    Address(String),
    /// Bytes that are no text.
    #[error("it is not UTF-8")]
    Text,
}

/// Whether the first line names columns.
pub(super) fn is_table(bytes: &[u8]) -> bool {
    let first = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let mut cells = first.trim_ascii_end().split(|&byte| byte == b'\t');
    first.contains(&b'\t') && cells.any(|cell| cell == b"md5")
}

/// Reads the table.
pub(super) fn read(bytes: &[u8]) -> Result<Catalog, ChecksumsError> {
    let row = |line, error| ChecksumsError::Row { line, error };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].split(|&byte| byte == b'\n').count();
        row(line, RowError::Text)
    })?;
    let mut lines = (1..).zip(text.lines());
    let header: Vec<&str> = lines.next().map_or("", |(_, line)| line).split('\t').collect();
    check(&header).map_err(|error| row(1, error))?;
    let mut archives = Vec::new();
    let mut numbers = Vec::new();
    for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        archives.push(archive(&header, line).map_err(|error| row(number, error))?);
        numbers.push(number);
    }
    Catalog::new(archives).map_err(|error| at_line(error, &numbers))
}

fn check(header: &[&str]) -> Result<(), RowError> {
    let known = ["name", "size", "md5", "address", "script_name"];
    if let Some(unknown) = header.iter().find(|column| !known.contains(column)) {
        return Err(RowError::Column((*unknown).to_owned()));
    }
    let lacks = |column| !header.contains(&column);
    if lacks("name") || lacks("md5") { Err(RowError::Lacking) } else { Ok(()) }
}

fn archive(header: &[&str], line: &str) -> Result<Archive, RowError> {
    let cells: Vec<&str> = line.split('\t').collect();
    if cells.len() != header.len() {
        return Err(RowError::Cells { found: cells.len(), columns: header.len() });
    }
    let cell = |wanted: &str| {
        let at = header.iter().position(|column| *column == wanted)?;
        cells.get(at).copied().filter(|cell| !cell.is_empty())
    };
    let md5 = cell("md5").unwrap_or_default();
    let size = cell("size").map(|size| {
        let digits = size.bytes().all(|byte| byte.is_ascii_digit());
        let size = digits.then(|| size.parse().ok()).flatten();
        size.ok_or_else(|| RowError::Size(cell("size").unwrap_or_default().to_owned()))
    });
    let address = cell("address").map(|address| {
        let url = reqwest::Url::parse(address).ok();
        let fits = url.is_some_and(|url| matches!(url.scheme(), "http" | "https"));
        if fits { Ok(address.to_owned()) } else { Err(RowError::Address(address.to_owned())) }
    });
    Ok(Archive {
        name: cell("name").unwrap_or_default().to_owned(),
        md5: md5.parse().map_err(|ParseDigestError| RowError::Md5(md5.to_owned()))?,
        size: size.transpose()?,
        address: address.transpose()?,
        alias: cell("script_name").map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "fe8ed0a6961412fddcbb3603c11b3698";

    #[test]
    fn columns_may_stand_in_any_order_and_cells_may_be_empty() {
        let text = format!(
            "\u{feff}md5\taddress\tname\tsize\r\n{HEX}\thttps://a.org/x\ta.gz\t12\r\n\n{HEX}\t\tb\t\n"
        );
        let catalog = Catalog::from_checksums(text.as_bytes()).unwrap();
        let [a, b] = catalog.archives() else { panic!("{catalog:?}") };
        assert_eq!((a.name.as_str(), a.size), ("a.gz", Some(12)));
        assert_eq!(a.address.as_deref(), Some("https://a.org/x"));
        assert_eq!((b.name.as_str(), b.size, &b.address), ("b", None, &None));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, words) in [
            ("name\tmd5\tcolour\n".to_owned(), "line 1: `colour`"),
            ("size\tmd5\n".to_owned(), "line 1: the columns name and md5"),
            (format!("name\tmd5\na\t{HEX}\nb\t{HEX}\t1\n"), "line 3: 3 cells"),
            ("name\tmd5\na\tfe8e\n".to_owned(), "line 2: `fe8e`"),
            (format!("name\tmd5\tsize\na\t{HEX}\t+1\n"), "line 2: `+1`"),
            (format!("name\tmd5\taddress\na\t{HEX}\tftp://a.org/\n"), "line 2: `ftp://a.org/`"),
            (format!("name\tmd5\n../a\t{HEX}\n"), "line 2: "),
            (format!("name\tmd5\na\t{HEX}\na\t{HEX}\n"), "line 3: `a` is there already"),
            ("name\tmd5\n".to_owned(), "no checksum"),
        ] {
            let error = Catalog::from_checksums(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(words), "{text:?}: {error}");
        }
    }
}
