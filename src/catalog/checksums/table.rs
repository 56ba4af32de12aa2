//! A table: a line that names the columns, then one archive a line, with tabs between the cells.

use reqwest::Url;

use crate::catalog::Archive;
use crate::catalog::name::plain;
use crate::hash::digest::{Digest, Sha256};
use crate::text::escape;

/// What can stand in a table, as its first line calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Name,
    ScriptName,
    Size,
    Md5,
    Sha256,
    Address,
}

/// Why a line of a table cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The first line names a column that is not known.
    #[error(
        "`{}` is no column; known are name, script_name, size, md5, sha256 and address",
        escape::brief(.0)
    )]
    Column(String),
    /// The first line names a column twice.
    #[error("the column {0} is there twice")]
    Repeated(&'static str),
    /// The first line leaves out a column that there must be.
    #[error("the column {0} is not there; a table needs name and md5")]
    Lacking(&'static str),
    /// A row has more or fewer cells than there are columns.
    #[error("the number of cells is {found}, that of columns {columns}")]
    Cells {
        /// How many columns the first line names.
        columns: usize,
        /// How many cells this line has.
        found: usize,
    },
    /// It is not text.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// The archive has no MD5, or one that is none.
    #[error("`{}` is no MD5, which has 32 hexadecimal digits", escape::brief(.0))]
    Md5(String),
    /// The SHA-256 is none.
    #[error("`{}` is no SHA-256, which has 64 hexadecimal digits", escape::brief(.0))]
    Sha256(String),
    /// The size is not a number of bytes.
    #[error("`{}` is no size, which is a whole number of bytes in decimal digits", escape::brief(.0))]
    Size(String),
    /// The address cannot be fetched from.
    #[error("`{}` is no http:// or https:// address", escape::brief(.0))]
    Address(String),
}

/// The columns of a table, in its order.
#[derive(Debug)]
pub(super) struct Columns(Vec<Column>);

impl Column {
    const ALL: [Self; 6] =
        [Self::Name, Self::ScriptName, Self::Size, Self::Md5, Self::Sha256, Self::Address];

    const fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::ScriptName => "script_name",
            Self::Size => "size",
            Self::Md5 => "md5",
            Self::Sha256 => "sha256",
            Self::Address => "address",
        }
    }

    fn read(word: &str) -> Result<Self, RowError> {
        let column = Self::ALL.into_iter().find(|column| column.word() == word);
        column.ok_or_else(|| RowError::Column(word.to_owned()))
    }
}

/// Whether a line names columns: it has a tab, and `name` or `md5` for a cell.
pub(super) fn is_header(line: &[u8]) -> bool {
    let mut cells = line.split(|byte| *byte == b'\t');
    line.contains(&b'\t') && cells.any(|cell| cell == b"name" || cell == b"md5")
}

impl Columns {
    /// Reads the line that names them.
    pub(super) fn read(header: &[u8]) -> Result<Self, RowError> {
        let mut columns = Vec::new();
        for word in text(header)?.split('\t') {
            let column = Column::read(word)?;
            if columns.contains(&column) {
                return Err(RowError::Repeated(column.word()));
            }
            columns.push(column);
        }
        let needed = [Column::Name, Column::Md5].into_iter();
        match needed.into_iter().find(|column| !columns.contains(column)) {
            Some(column) => Err(RowError::Lacking(column.word())),
            None => Ok(Self(columns)),
        }
    }

    /// Reads the line of an archive.
    pub(super) fn archive(&self, line: &[u8]) -> Result<Archive, RowError> {
        let cells: Vec<&str> = text(line)?.split('\t').collect();
        if cells.len() != self.0.len() {
            return Err(RowError::Cells { columns: self.0.len(), found: cells.len() });
        }
        let cell = |column| {
            let found = self.0.iter().zip(&cells).find(|(other, _)| **other == column);
            found.map(|(_, cell)| *cell).unwrap_or_default()
        };
        let optional = |column| Some(cell(column)).filter(|cell| !cell.is_empty());
        Ok(Archive {
            name: plain(cell(Column::Name)),
            md5: md5(cell(Column::Md5))?,
            sha256: optional(Column::Sha256).map(sha256).transpose()?,
            size: optional(Column::Size).map(size).transpose()?,
            address: optional(Column::Address).map(address).transpose()?,
            alias: optional(Column::ScriptName).map(plain),
        })
    }
}

fn text(line: &[u8]) -> Result<&str, RowError> {
    std::str::from_utf8(line).map_err(|_| RowError::NotUtf8)
}

fn md5(cell: &str) -> Result<Digest, RowError> {
    cell.parse().map_err(|_| RowError::Md5(cell.to_owned()))
}

fn sha256(cell: &str) -> Result<Sha256, RowError> {
    cell.parse().map_err(|_| RowError::Sha256(cell.to_owned()))
}

/// `parse` alone would take a sign as well.
fn size(cell: &str) -> Result<u64, RowError> {
    let digits = Some(cell).filter(|cell| cell.bytes().all(|byte| byte.is_ascii_digit()));
    let size = digits.and_then(|digits| digits.parse().ok());
    size.ok_or_else(|| RowError::Size(cell.to_owned()))
}

/// `Url` alone would take spaces around it, and do without the `//`.
fn address(cell: &str) -> Result<String, RowError> {
    let is_address = cell.starts_with("http://") || cell.starts_with("https://");
    let address = Some(cell).filter(|cell| is_address && Url::parse(cell).is_ok());
    address.map(str::to_owned).ok_or_else(|| RowError::Address(cell.to_owned()))
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
    fn every_column_says_its_part_in_any_order() {
        let columns = "\u{feff}# mine\r\n\r\naddress\tmd5\tsize\tsha256\tscript_name\tname\r\n";
        let line =
            "https://example.org/a\tHEX\t18446744073709551615\tHEXHEX\tb\t./a c\r\n# end\n \t\t\n";
        let catalog = read(&format!("{columns}{line}"));
        let expected = Archive {
            name: "a c".to_owned(),
            md5: HEX.parse().unwrap(),
            sha256: HEX.repeat(2).parse().ok(),
            size: Some(u64::MAX),
            address: Some("https://example.org/a".to_owned()),
            alias: Some("b".to_owned()),
        };
        assert_eq!(catalog.archives(), [expected]);
    }

    #[test]
    fn an_empty_cell_is_unknown_and_so_is_a_column_left_out() {
        for table in
            ["name\tmd5\tsize\tsha256\taddress\tscript_name\na\tHEX\t\t\t\t\n", "md5\tname\nHEX\ta"]
        {
            let catalog = read(table);
            let [archive] = catalog.archives() else { panic!("{catalog:?}") };
            assert_eq!(archive.name, "a");
            assert_eq!((archive.size, archive.sha256), (None, None));
            assert_eq!((&archive.address, &archive.alias), (&None, &None));
        }
    }

    #[test]
    fn the_table_of_the_twelve_is_read() {
        let nih = Catalog::nih();
        let rows = include_str!("../../../checksums/archives.tsv").lines();
        let md5s = nih.archives().iter().map(|archive| archive.md5.to_string());
        let md5s = std::iter::once("md5".to_owned()).chain(md5s);
        let table = rows.zip(md5s).map(|(row, md5)| format!("{row}\t{md5}\n"));
        let table: String = table.collect();
        assert_eq!(read(&table), nih);
    }

    #[test]
    fn columns_must_be_known_and_enough() {
        for (header, expected) in [
            ("name\tmd5\tsha1", "line 1: `sha1` is no column; "),
            ("name\tMD5", "line 1: `MD5` is no column; "),
            ("name\tmd5\t", "line 1: `` is no column; "),
            ("name\tmd5\tname", "line 1: the column name is there twice"),
            ("name\tsize", "line 1: the column md5 is not there; "),
            ("size\tmd5", "line 1: the column name is not there; "),
        ] {
            let message = refused(&format!("{header}\na\tHEX\n"));
            assert!(message.starts_with(expected), "{message}");
        }
        assert_eq!(refused("# c\nname\tmd5\n"), "there is no checksum in it");
    }

    #[test]
    fn a_bad_cell_is_named_with_its_line() {
        for (line, expected) in [
            ("b\t\t\t", "`` is no MD5"),
            ("b", "the number of cells is 1, that of columns 4"),
            ("b\tHEX0\t\t", "0` is no MD5"),
            ("b\tHEX\t1.5\t", "`1.5` is no size"),
            ("b\tHEX\t+1\t", "`+1` is no size"),
            ("b\tHEX\t-1\t", "`-1` is no size"),
            ("b\tHEX\t0x10\t", "`0x10` is no size"),
            ("b\tHEX\t 1\t", "` 1` is no size"),
            ("b\tHEX\t18446744073709551616\t", "is no size"),
            ("b\tHEX\t\tftp://m.org/b", "`ftp://m.org/b` is no http:// or https:// address"),
            ("b\tHEX\t\tm.org/b", "`m.org/b` is no http:// or https:// address"),
            ("b\tHEX\t\thttps:m.org", "`https:m.org` is no http:// or https:// address"),
            ("b\tHEX\t\thttps://", "`https://` is no http:// or https:// address"),
            ("b\tHEX\t1\thttp://m.org/b\t", "the number of cells is 5, that of columns 4"),
            ("\tHEX\t\t", "`` is no name"),
            ("../b\tHEX\t\t", "`../b` has `..` in it"),
            ("./.cxr/b\tHEX\t\t", "`.cxr/b` lies in `.cxr`"),
            ("./a\tHEX\t\t", "`a` is there already, on line 3"),
            ("HEX  b", "the number of cells is 1, that of columns 4"),
            ("b\u{1b}[2J\tx\u{1b}[2J\t\t", "`x\\u{1b}[2J` is no MD5"),
        ] {
            let message = refused(&format!("name\tmd5\tsize\taddress\n\na\tHEX\t\t\n{line}\n"));
            assert!(message.starts_with("line 4: "), "{line}: {message}");
            assert!(message.contains(expected), "{line}: {message}");
        }
    }

    #[test]
    fn a_table_is_text() {
        let bad = [b"name\tmd5\na\xff\t", HEX.as_bytes()].concat();
        let error = Catalog::from_checksums(&bad).unwrap_err();
        assert_eq!(error.to_string(), "line 2: it is not UTF-8");
    }

    #[test]
    fn a_checksum_with_a_tab_behind_it_names_no_columns() {
        assert_eq!(read("HEX\tname\nHEX\tmd5\n").archives()[1].name, "md5");
        assert!(refused(&format!("{HEX}{HEX}\tname\n")).contains("SHA-256"));
    }
}
