//! A table: a line that names the columns, then one archive per line, with tabs between the cells.

use reqwest::Url;

use super::archive_name::plain;
use super::{Archive, Digests, LineError};
use crate::hash::digest::{Md5, Sha256};

const COLUMNS: [&str; 6] = ["name", "script_name", "size", "md5", "sha256", "address"];

/// The columns in the order of the table.
#[derive(Debug)]
pub(super) struct Columns(Vec<&'static str>);

/// Returns true if a line names columns: it has a tab, and a cell that is `name`, `md5` or `sha256`.
pub(super) fn is_header(line: &[u8]) -> bool {
    let mut cells = line.split(|byte| *byte == b'\t');
    line.contains(&b'\t') && cells.any(|cell| [&b"name"[..], b"md5", b"sha256"].contains(&cell))
}

impl Columns {
    /// Reads the line that names the columns.
    pub(super) fn read(header: &[u8]) -> Result<Self, LineError> {
        let mut columns = Vec::new();
        for cell in text(header)?.split('\t') {
            let column = COLUMNS.into_iter().find(|column| *column == cell);
            let column = column.ok_or_else(|| LineError::Column(cell.to_owned()))?;
            if columns.contains(&column) {
                return Err(LineError::RepeatedColumn(column));
            }
            columns.push(column);
        }
        match (columns.contains(&"name"), columns.contains(&"md5") || columns.contains(&"sha256")) {
            (true, true) => Ok(Self(columns)),
            (false, _) => Err(LineError::MissingColumn("name")),
            (true, false) => Err(LineError::MissingColumn("md5")),
        }
    }

    /// Reads the line of an archive.
    pub(super) fn archive(&self, line: &[u8]) -> Result<Archive, LineError> {
        let cells: Vec<&str> = text(line)?.split('\t').collect();
        if cells.len() != self.0.len() {
            return Err(LineError::CellCount(self.0.len(), cells.len()));
        }
        let cell = |column: &str| {
            let found = self.0.iter().zip(&cells).find(|(other, _)| **other == column);
            found.map(|(_, cell)| *cell).unwrap_or_default()
        };
        let optional = |column: &str| Some(cell(column)).filter(|cell| !cell.is_empty());
        let md5 = optional("md5").map(md5).transpose()?;
        let sha256 = optional("sha256").map(sha256).transpose()?;
        let digests = Digests::new(md5, sha256).ok_or(LineError::NoDigest)?;
        Ok(Archive {
            name: plain(cell("name")),
            digests,
            size: optional("size").map(size).transpose()?,
            address: optional("address").map(address).transpose()?,
            alias: optional("script_name").map(plain),
        })
    }
}

fn text(line: &[u8]) -> Result<&str, LineError> {
    std::str::from_utf8(line).map_err(|_| LineError::NotUtf8(line.to_vec()))
}

fn checked<T>(value: Option<T>, cell: &str, expected: &'static str) -> Result<T, LineError> {
    value.ok_or_else(|| LineError::Cell(expected, cell.to_owned()))
}

pub(super) fn md5(cell: &str) -> Result<Md5, LineError> {
    checked(cell.parse().ok(), cell, "an MD5 of 32 hexadecimal digits")
}

pub(super) fn sha256(cell: &str) -> Result<Sha256, LineError> {
    checked(cell.parse().ok(), cell, "a SHA-256 of 64 hexadecimal digits")
}

pub(super) fn size(cell: &str) -> Result<u64, LineError> {
    // `parse` alone accepts a sign.
    let size = if cell.starts_with('+') { None } else { cell.parse().ok() };
    checked(size, cell, "a size as a whole number of bytes in decimal digits")
}

fn address(cell: &str) -> Result<String, LineError> {
    // `Url` alone accepts spaces around the address, and an address without `//`.
    let is_address = cell.starts_with("http://") || cell.starts_with("https://");
    let address = (is_address && Url::parse(cell).is_ok()).then(|| cell.to_owned());
    checked(address, cell, "an http:// or https:// address")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    const HEX: &str = "fe8ed0a6961412fddcbb3603c11b3698";

    fn read(text: &str) -> Catalog {
        Catalog::from_checksums(text.replace("HEX", HEX).as_bytes()).unwrap()
    }

    fn refused(text: &str) -> String {
        let bytes = text.replace("HEX", HEX).into_bytes();
        Catalog::from_checksums(&bytes).unwrap_err().to_string()
    }

    #[test]
    fn columns_are_read_in_any_order() {
        let columns = "\u{feff}# mine\r\n\r\naddress\tmd5\tsize\tsha256\tscript_name\tname\r\n";
        let line =
            "https://example.org/a\tHEX\t18446744073709551615\tHEXHEX\tb\t./a c\r\n# end\n \t\t\n";
        let catalog = read(&format!("{columns}{line}"));
        let expected = Archive {
            name: "a c".to_owned(),
            digests: Digests::Both(HEX.parse().unwrap(), HEX.repeat(2).parse().unwrap()),
            size: Some(u64::MAX),
            address: Some("https://example.org/a".to_owned()),
            alias: Some("b".to_owned()),
        };
        assert_eq!(catalog.archives(), [expected]);
    }

    #[test]
    fn an_empty_cell_and_a_missing_column_are_unknown() {
        for table in
            ["name\tmd5\tsize\tsha256\taddress\tscript_name\na\tHEX\t\t\t\t\n", "md5\tname\nHEX\ta"]
        {
            let catalog = read(table);
            let [archive] = catalog.archives() else { panic!("{catalog:?}") };
            assert_eq!(archive.name, "a");
            assert_eq!((archive.size, archive.sha256()), (None, None));
            assert_eq!((&archive.address, &archive.alias), (&None, &None));
        }
    }

    #[test]
    fn one_digest_is_enough_in_each_line() {
        let catalog = read("name\tmd5\tsha256\na\tHEX\t\nb\t\tHEXHEX\nc\tHEX\tHEXHEX\n");
        let found = |archive: &Archive| (archive.md5().is_some(), archive.sha256().is_some());
        let found: Vec<_> = catalog.archives().iter().map(found).collect();
        assert_eq!(found, [(true, false), (false, true), (true, true)]);
        assert_eq!(read("sha256\tname\nHEXHEX\ta\n").archives()[0].md5(), None);
    }

    #[test]
    fn the_built_in_table_is_read() {
        let nih = Catalog::nih();
        let rows = include_str!("../../checksums/archives.tsv").lines();
        let md5s = nih.archives().iter().map(|archive| archive.md5().unwrap().to_string());
        let md5s = std::iter::once("md5".to_owned()).chain(md5s);
        let table = rows.zip(md5s).map(|(row, md5)| format!("{row}\t{md5}\n"));
        let table: String = table.collect();
        assert_eq!(read(&table), nih);
    }

    #[test]
    fn unknown_repeated_and_missing_columns_are_refused() {
        for (header, expected) in [
            ("name\tmd5\tsha1", "line 1: unknown column `sha1`; "),
            ("name\tMD5", "line 1: unknown column `MD5`; "),
            ("name\tmd5\t", "line 1: unknown column ``; "),
            ("name\tmd5\tname", "line 1: the column name appears twice"),
            ("name\tsize", "line 1: the column md5 is missing; "),
            ("size\tmd5", "line 1: the column name is missing; "),
        ] {
            let message = refused(&format!("{header}\na\tHEX\n"));
            assert!(message.starts_with(expected), "{message}");
        }
        assert_eq!(refused("# c\nname\tmd5\n"), "it contains no checksum");
    }

    #[test]
    fn a_wrong_cell_is_reported_with_its_line() {
        for (line, expected) in [
            ("b\t\t\t", "expected an MD5 or a SHA-256, found neither"),
            ("b", "expected 4 cells, found 1"),
            (
                "b\tHEX0\t\t",
                "expected an MD5 of 32 hexadecimal digits, found `fe8ed0a6961412fddcbb3603c11b36980`",
            ),
            ("b\tHEX\t1.5\t", "decimal digits, found `1.5`"),
            ("b\tHEX\t+1\t", "decimal digits, found `+1`"),
            ("b\tHEX\t-1\t", "decimal digits, found `-1`"),
            ("b\tHEX\t0x10\t", "decimal digits, found `0x10`"),
            ("b\tHEX\t 1\t", "decimal digits, found ` 1`"),
            (
                "b\tHEX\t18446744073709551616\t",
                "bytes in decimal digits, found `18446744073709551616`",
            ),
            (
                "b\tHEX\t\tftp://m.org/b",
                "expected an http:// or https:// address, found `ftp://m.org/b`",
            ),
            ("b\tHEX\t\tm.org/b", "expected an http:// or https:// address, found `m.org/b`"),
            (
                "b\tHEX\t\thttps:m.org",
                "expected an http:// or https:// address, found `https:m.org`",
            ),
            ("b\tHEX\t\thttps://", "expected an http:// or https:// address, found `https://`"),
            ("b\tHEX\t1\thttp://m.org/b\t", "expected 4 cells, found 5"),
            ("\tHEX\t\t", "`` is not a name"),
            ("../b\tHEX\t\t", "`../b` contains `..`"),
            ("./.cxr/b\tHEX\t\t", "`.cxr/b` is in `.cxr`"),
            ("./a\tHEX\t\t", "`a` is already on line 3"),
            ("HEX  b", "expected 4 cells, found 1"),
            ("b\u{1b}[2J\tx\u{1b}[2J\t\t", "an MD5 of 32 hexadecimal digits, found `x\\u{1b}[2J`"),
        ] {
            let message = refused(&format!("name\tmd5\tsize\taddress\n\na\tHEX\t\t\n{line}\n"));
            assert!(message.starts_with("line 4: "), "{line}: {message}");
            assert!(message.contains(expected), "{line}: {message}");
        }
    }

    #[test]
    fn a_table_that_is_not_utf_8_is_refused() {
        let bad = [b"name\tmd5\na\xff\t", HEX.as_bytes()].concat();
        let error = Catalog::from_checksums(&bad).unwrap_err();
        assert_eq!(error.to_string(), format!("line 2: `a\u{fffd}\\u{{9}}{HEX}` is not UTF-8"));
    }

    #[test]
    fn a_checksum_with_a_tab_after_it_is_no_header() {
        assert_eq!(read("HEX\tname\nHEX\tmd5\n").archives()[1].name, "md5");
        assert_eq!(read("HEXHEX\tname\n").archives()[0].name, "name");
    }
}
