//! The form of hashdeep: two lines that begin with `%%%%`, of which the second names the columns,
//! then one file per line, with commas between the cells. The name comes last and may contain
//! commas.

use super::archive_name::plain;
use super::{Archive, Digests, LineError, table};

/// The beginning of the lines before the files.
const MARK: &[u8] = b"%%%% ";

/// The beginning of the first line, before its version.
const FIRST: &[u8] = b"%%%% HASHDEEP-";

/// The columns before the name, in the order of the table.
#[derive(Debug)]
pub(super) struct HashdeepColumns(Vec<String>);

/// Returns true if this is the first line of such a table.
pub(super) fn is_first_line(line: &[u8]) -> bool {
    line.starts_with(FIRST)
}

impl HashdeepColumns {
    /// Reads the line that names the columns.
    pub(super) fn read(line: &[u8]) -> Result<Self, LineError> {
        let form = || LineError::Form(line.to_vec());
        let text = line.strip_prefix(MARK).ok_or_else(form)?;
        let text = std::str::from_utf8(text).map_err(|_| LineError::NotUtf8(line.to_vec()))?;
        let columns = text.trim_ascii().strip_suffix(",filename").ok_or_else(form)?;
        let columns: Vec<String> = columns.split(',').map(str::to_owned).collect();
        let has = |column: &str| columns.iter().any(|it| it == column);
        match (has("size"), has("md5") || has("sha256")) {
            (true, true) => Ok(Self(columns)),
            (false, _) => Err(LineError::MissingColumn("size")),
            (true, false) => Err(LineError::MissingColumn("md5")),
        }
    }

    /// Reads the line of a file.
    pub(super) fn archive(&self, line: &[u8]) -> Result<Archive, LineError> {
        let text = std::str::from_utf8(line).map_err(|_| LineError::NotUtf8(line.to_vec()))?;
        let cells: Vec<&str> = text.splitn(self.0.len() + 1, ',').collect();
        let [digests @ .., name] = &cells[..] else {
            return Err(LineError::CellCount(self.0.len() + 1, 0));
        };
        if digests.len() != self.0.len() {
            return Err(LineError::CellCount(self.0.len() + 1, cells.len()));
        }
        let cell = |column: &str| {
            let found = self.0.iter().zip(digests).find(|(other, _)| *other == column);
            found.map(|(_, cell)| *cell)
        };
        let md5 = cell("md5").map(table::md5).transpose()?;
        let sha256 = cell("sha256").map(table::sha256).transpose()?;
        let digests = Digests::new(md5, sha256).ok_or(LineError::NoDigest)?;
        let size = cell("size").map(table::size).transpose()?;
        Ok(Archive { size, ..Archive::new(plain(name), digests) })
    }
}
