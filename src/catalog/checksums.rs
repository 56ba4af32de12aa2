//! Checksum files in every form that `md5sum -c` reads, and tables with more than checksums.
//!
//! A table is told by its first line, which names the columns. The other forms are told apart
//! line by line, so that a file put together from several tools is read. A name that begins with
//! a space or `*` is therefore not recognised in the form with one space.

mod line;
mod table;
mod write;

use line::Entry;
use table::Columns;

use super::name::plain;
use super::{Archive, Catalog, CatalogError};

pub use line::LineError;
pub use table::RowError;

/// The largest checksum file that is read, in bytes: some 300,000 lines.
pub const MAX_CHECKSUMS_BYTES: usize = 16 << 20;

/// Why a checksum file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChecksumsError {
    /// It is larger than [`MAX_CHECKSUMS_BYTES`].
    #[error("it is larger than 16 MiB, which no list of checksums is")]
    TooLarge,
    /// It begins with a byte order mark of UTF-16, as the `>` of some shells writes.
    #[error("it is written in UTF-16; save it as UTF-8")]
    Utf16,
    /// It holds no checksum.
    #[error("there is no checksum in it")]
    Empty,
    /// A line is no checksum.
    #[error("line {line}: {error}")]
    Line {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        error: LineError,
    },
    /// A line of a table cannot be read.
    #[error("line {line}: {error}")]
    Row {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        error: RowError,
    },
    /// The name on a line cannot be an archive's, or not beside the others.
    #[error("line {line}: {error}")]
    Name {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        error: CatalogError,
    },
    /// A name stands on two lines.
    #[error("line {line}: `{}` is there already, on line {earlier}", crate::text::escape::brief(.name))]
    Repeated {
        /// The later line, counted from 1.
        line: usize,
        /// The earlier.
        earlier: usize,
        /// The name.
        name: String,
    },
}

impl Catalog {
    /// Reads a checksum file, which knows no sizes and no addresses, or a table, which may.
    ///
    /// Read are GNU's form with two spaces, one space or ` *`, also with a `\` before it and an
    /// escaped name; BSD's `MD5 (name) = hex`; OpenSSL's `MD5(name)= hex`; with line ends of
    /// either kind, a byte order mark, hexadecimal digits of either case, blank lines, and
    /// comments behind a `#` at the start of a line.
    ///
    /// A table has tabs between its cells. Its first line names the columns, in any order: `name`
    /// and `md5`, and if known `size` in bytes, `sha256`, `address`, and `script_name` for another
    /// name under which people have the archive. An empty cell is unknown.
    ///
    /// # Errors
    ///
    /// [`ChecksumsError`] with the number of the first line that cannot be read, or whose name is
    /// not fit to be a file in the folder of the archives.
    pub fn from_checksums(bytes: &[u8]) -> Result<Self, ChecksumsError> {
        if bytes.len() > MAX_CHECKSUMS_BYTES {
            return Err(ChecksumsError::TooLarge);
        }
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Err(ChecksumsError::Utf16);
        }
        let archives = archives(bytes)?;
        let (lines, archives): (Vec<usize>, _) = archives.into_iter().unzip();
        Self::new(archives).map_err(|error| at_line(error, &lines))
    }
}

/// The archives, each with the line it stands on.
fn archives(bytes: &[u8]) -> Result<Vec<(usize, Archive)>, ChecksumsError> {
    let mut rest = contents(bytes);
    let Some((line, header)) = rest.next().filter(|(_, text)| is_table(text)) else {
        return entries(bytes).map(|entry| entry.map(archive)).collect();
    };
    let at = |line| move |error| ChecksumsError::Row { line, error };
    let columns = Columns::read(header).map_err(at(line))?;
    rest.map(|(line, text)| Ok((line, columns.archive(text).map_err(at(line))?))).collect()
}

/// Whether a file that begins with this line is a table. A file may well be called `name`.
fn is_table(first: &[u8]) -> bool {
    table::is_header(first) && matches!(line::read(1, first), Err(LineError::Form(_)))
}

/// The lines that hold a checksum, in order.
pub(super) fn entries(bytes: &[u8]) -> impl Iterator<Item = Result<Entry, ChecksumsError>> {
    contents(bytes).map(|(number, text)| {
        line::read(number, text).map_err(|error| ChecksumsError::Line { line: number, error })
    })
}

/// The lines that say something, counted from 1, without their ends.
fn contents(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lines = (1..).zip(bytes.split(|byte| *byte == b'\n'));
    let lines = lines.map(|(number, text)| (number, text.strip_suffix(b"\r").unwrap_or(text)));
    lines.filter(|(_, text)| !text.starts_with(b"#") && !text.trim_ascii().is_empty())
}

fn archive(entry: Entry) -> (usize, Archive) {
    let Entry { line, name, md5 } = entry;
    (
        line,
        Archive { name: plain(&name), md5, sha256: None, size: None, address: None, alias: None },
    )
}

/// The same error with line numbers in place of positions.
fn at_line(error: CatalogError, lines: &[usize]) -> ChecksumsError {
    let line = |position: usize| lines.get(position).copied().unwrap_or_default();
    match error {
        CatalogError::Empty => ChecksumsError::Empty,
        CatalogError::Repeated { position, earlier, name } => {
            ChecksumsError::Repeated { line: line(position), earlier: line(earlier), name }
        }
        CatalogError::Name { position, .. } | CatalogError::Folder { position, .. } => {
            ChecksumsError::Name { line: line(position), error }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "fe8ed0a6961412fddcbb3603c11b3698";

    fn names(text: &str) -> Vec<String> {
        let catalog = Catalog::from_checksums(text.as_bytes()).unwrap();
        assert!(catalog.archives().iter().all(|archive| archive.md5.to_string() == HEX));
        catalog.archives().iter().map(|archive| archive.name.clone()).collect()
    }

    fn refused(text: &[u8]) -> String {
        Catalog::from_checksums(text).unwrap_err().to_string()
    }

    #[test]
    fn a_file_put_together_from_every_tool_is_read() {
        let upper = HEX.to_uppercase();
        let text = format!(
            "\u{feff}# a comment\r\n{HEX}  gnu\r\n{HEX} *binary\r\n\r\n{HEX} one\n  \t\n\
             {upper}  upper\nMD5 (b s d) = {HEX}\nMD5(openssl)= {upper}\n{HEX}  ./here"
        );
        let expected = ["gnu", "binary", "one", "upper", "b s d", "openssl", "here"];
        assert_eq!(names(&text), expected);
    }

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        let bad = format!("# one\n\n{HEX}  a\nnonsense\n");
        assert!(refused(bad.as_bytes()).starts_with("line 4: "));
        let bad = format!("{HEX}  a\r\n\r\n{HEX}  b\r\nMD5 (./a) = {HEX}\r\n");
        assert_eq!(refused(bad.as_bytes()), "line 4: `a` is there already, on line 1");
        let bad = format!("{HEX}  a/b\n# two\n{HEX}  a\n");
        assert_eq!(
            refused(bad.as_bytes()),
            "line 1: `a` would be a file, and a folder for `a/b` too"
        );
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        for name in ["/etc/passwd", "../a", "a/../../b", ".cxr/a", ".CXR/a", "./.cxr/a", ".", "a/"]
        {
            for line in [format!("{HEX}  {name}"), format!("MD5 ({name}) = {HEX}")] {
                let message = refused(format!("# first\n{line}\n").as_bytes());
                assert!(message.starts_with("line 2: `"), "{message}");
            }
        }
    }

    #[test]
    fn a_name_is_shown_escaped() {
        let message = refused(format!("{HEX}  ../\u{1b}[31m\u{202e}x\n").as_bytes());
        assert!(!message.contains(['\u{1b}', '\u{202e}']), "{message:?}");
    }

    #[test]
    fn a_file_without_a_checksum_is_refused() {
        for text in ["", "\n", "# only a comment\n\n", "\u{feff}"] {
            assert_eq!(Catalog::from_checksums(text.as_bytes()), Err(ChecksumsError::Empty));
        }
    }

    #[test]
    fn a_file_without_end_is_refused() {
        let bytes = vec![b'\n'; MAX_CHECKSUMS_BYTES + 1];
        assert_eq!(Catalog::from_checksums(&bytes), Err(ChecksumsError::TooLarge));
    }

    #[test]
    fn utf_16_is_called_by_its_name() {
        assert_eq!(Catalog::from_checksums(b"\xff\xfef\0e\0"), Err(ChecksumsError::Utf16));
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let pieces: [&[u8]; 14] = [
            b"name\tmd5\n",
            b"\t",
            HEX.as_bytes(),
            b"MD5 (",
            b") = ",
            b"(",
            b"\\",
            b"\n",
            b" ",
            b"*",
            b"\0",
            b"\xff",
            "\u{feff}".as_bytes(),
            b"/..",
        ];
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let count = random.usize(0..12);
            let bytes: Vec<u8> =
                (0..count).flat_map(|_| pieces[random.usize(0..pieces.len())].to_vec()).collect();
            if let Ok(catalog) = Catalog::from_checksums(&bytes) {
                let again = Catalog::from_checksums(catalog.md5sums().as_bytes());
                assert_eq!(again.as_ref(), Ok(&catalog), "{bytes:?}");
            }
        }
    }
}
