//! Reads and writes checksum files in all forms that `md5sum -c` and `sha256sum -c` read, and reads
//! tables with more columns.
//!
//! The first line of a table names the columns. The other forms are recognized line by line, so
//! that a file that combines the output of several tools is read. A name that begins with a space
//! or `*` is therefore not recognized in the form with one space.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use super::hashdeep::{self, HashdeepColumns};
use super::table::{self, Columns};
use super::{Archive, Catalog, CatalogError, LineError, checksum_line, nih};
use crate::hash::digest::{Digest, DigestKind};

/// The largest checksum file that is read, in bytes: about 300,000 lines.
pub const MAX_CHECKSUMS_BYTES: usize = 16 << 20;

impl Catalog {
    /// Reads a checksum file, which has no sizes and no addresses, or a table, which may have them.
    ///
    /// The forms are GNU's with two spaces, one space or ` *`, also with a `\` before it and an
    /// escaped name; BSD's `MD5 (name) = hex`; and OpenSSL's `MD5(name)= hex`; and each with a SHA-256. A file with
    /// both digests of an archive, on two lines, is read as one. Both kinds of line
    /// ends, a byte order mark, hexadecimal digits in upper or lower case, blank lines, and comments
    /// that begin a line with `#` are accepted.
    ///
    /// A table has tabs between its cells. Its first line names the columns, in any order: `name`
    /// and `md5` or `sha256` or both, and optionally `size` in bytes, `address`, and `script_name` for another
    /// name of the archive. An empty cell is unknown.
    ///
    /// The form of hashdeep begins with `%%%% HASHDEEP-`, and must have MD5s or SHA-256s.
    ///
    /// # Errors
    ///
    /// [`CatalogError`] with the number of the first line that cannot be read, or whose name is not
    /// fit to be a file in the folder of the archives.
    pub fn from_checksums(bytes: &[u8]) -> Result<Self, CatalogError> {
        if bytes.len() > MAX_CHECKSUMS_BYTES {
            return Err(CatalogError::TooLarge);
        }
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Err(CatalogError::Utf16);
        }
        Self::from_lines(archives(bytes)?)
    }

    /// The table as `md5sum -c` reads it. The built-in table is, byte for byte, that of NIH; others
    /// have the two spaces and the escapes of GNU's `md5sum`.
    ///
    /// # Errors
    ///
    /// The name of the first archive without an MD5.
    pub fn md5sums(&self) -> Result<impl fmt::Display, &str> {
        let is_nih = self.archives == Self::nih().archives;
        let verbatim = is_nih.then_some(nih::MD5SUMS);
        self.sums(|archive| archive.md5().map(Digest::Md5), verbatim)
    }

    /// The table as `sha256sum -c` reads it.
    ///
    /// # Errors
    ///
    /// The name of the first archive without a SHA-256.
    pub fn sha256sums(&self) -> Result<impl fmt::Display, &str> {
        self.sums(|archive| archive.sha256().map(Digest::Sha256), None)
    }

    /// A line for each archive, with this digest and the name, made when it is written.
    fn sums(
        &self,
        digest: fn(&Archive) -> Option<Digest>,
        verbatim: Option<&'static str>,
    ) -> Result<impl fmt::Display, &str> {
        if let Some(archive) = self.archives().iter().find(|archive| digest(archive).is_none()) {
            return Err(&archive.name);
        }
        Ok(fmt::from_fn(move |f| {
            if let Some(text) = verbatim {
                return f.write_str(text);
            }
            self.archives().iter().try_for_each(|archive| {
                let Some(digest) = digest(archive) else { return Ok(()) };
                let (mark, name) = escaped(&archive.name);
                writeln!(f, "{mark}{digest}  {name}")
            })
        }))
    }

    /// The table in the form of BSD, which GNU's `md5sum --tag` writes and `md5sum -c` reads. An
    /// archive without an MD5 has its SHA-256, as `sha256sum --tag` writes it.
    pub fn bsd_sums(&self) -> impl fmt::Display {
        fmt::from_fn(|f| {
            self.archives().iter().try_for_each(|archive| {
                let (mark, name) = escaped(&archive.name);
                let digest = archive.digest();
                let algorithm = match digest.kind() {
                    DigestKind::Md5 => "MD5",
                    DigestKind::Sha256 => "SHA256",
                };
                writeln!(f, "{mark}{algorithm} ({name}) = {digest}")
            })
        })
    }
}

/// The archives, each with its line.
fn archives(bytes: &[u8]) -> Result<Vec<(usize, Archive)>, CatalogError> {
    let wrong = |line| move |error| CatalogError::Line(line, error);
    let mut rest = checksum_line::lines(bytes);
    if checksum_line::lines(bytes).next().is_some_and(|(_, text)| hashdeep::is_first_line(text)) {
        return hashdeep_archives(bytes);
    }
    let Some((line, header)) = rest.next().filter(|(_, text)| is_header(text)) else {
        let read = |(line, text)| Ok((line, checksum_line::read(text).map_err(wrong(line))?));
        return Ok(joined(checksum_line::lines(bytes).map(read).collect::<Result<_, _>>()?));
    };
    let columns = Columns::read(header).map_err(wrong(line))?;
    rest.map(|(line, text)| Ok((line, columns.archive(text).map_err(wrong(line))?))).collect()
}

/// Joins the lines with the MD5 and the SHA-256 of one archive, as two tools write them.
fn joined(lines: Vec<(usize, Archive)>) -> Vec<(usize, Archive)> {
    let is_md5 = |(_, archive): &(usize, Archive)| archive.md5().is_some();
    if lines.iter().all(is_md5) || !lines.iter().any(is_md5) {
        return lines;
    }
    let mut places: HashMap<String, usize> = HashMap::with_capacity(lines.len());
    let mut all: Vec<(usize, Archive)> = Vec::with_capacity(lines.len());
    for (line, archive) in lines {
        let place = places.get(&archive.name).copied();
        let before = place.and_then(|place| all.get_mut(place)).map(|(_, before)| before);
        let both = before.as_ref().and_then(|before| before.digests.joined(&archive.digests));
        if let (Some(before), Some(both)) = (before, both) {
            before.digests = both;
        } else {
            places.insert(archive.name.clone(), all.len());
            all.push((line, archive));
        }
    }
    all
}

/// The archives of a table of hashdeep, each with its line.
fn hashdeep_archives(bytes: &[u8]) -> Result<Vec<(usize, Archive)>, CatalogError> {
    let wrong = |line| move |error| CatalogError::Line(line, error);
    let mut rest = checksum_line::lines(bytes).skip(1);
    let (line, columns) = rest.next().ok_or(CatalogError::Empty)?;
    let columns = HashdeepColumns::read(columns).map_err(wrong(line))?;
    rest.map(|(line, text)| Ok((line, columns.archive(text).map_err(wrong(line))?))).collect()
}

/// Returns true if the first line of a file is that of a table. A file may be called `name`.
fn is_header(first: &[u8]) -> bool {
    table::is_header(first) && matches!(checksum_line::read(first), Err(LineError::Form(_)))
}

/// The mark at the beginning of a line whose name has escapes, and the escaped name.
fn escaped(name: &str) -> (&'static str, Cow<'_, str>) {
    if !name.contains(['\\', '\n', '\r']) {
        return ("", Cow::Borrowed(name));
    }
    let name = name.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
    ("\\", Cow::Owned(name))
}

#[cfg(test)]
mod tests {
    use super::super::Digests;
    use super::*;

    const HEX: &str = "fe8ed0a6961412fddcbb3603c11b3698";

    fn names(text: &str) -> Vec<String> {
        let catalog = Catalog::from_checksums(text.as_bytes()).unwrap();
        assert!(catalog.archives().iter().all(|archive| archive.md5() == HEX.parse().ok()));
        catalog.archives().iter().map(|archive| archive.name.clone()).collect()
    }

    fn refused(text: &[u8]) -> String {
        Catalog::from_checksums(text).unwrap_err().to_string()
    }

    #[test]
    fn a_file_with_the_output_of_all_tools_is_read() {
        let upper = HEX.to_uppercase();
        let text = format!(
            "\u{feff}# a comment\r\n{HEX}  gnu\r\n{HEX} *binary\r\n\r\n{HEX} one\n  \t\n\
             {upper}  upper\nMD5 (b s d) = {HEX}\nMD5(openssl)= {upper}\n{HEX}  ./here"
        );
        let expected = ["gnu", "binary", "one", "upper", "b s d", "openssl", "here"];
        assert_eq!(names(&text), expected);
    }

    #[test]
    fn a_wrong_line_is_reported_with_its_number() {
        let bad = format!("# one\n\n{HEX}  a\nnonsense\n");
        assert!(refused(bad.as_bytes()).starts_with("line 4: "));
        let bad = format!("{HEX}  a\r\n\r\n{HEX}  b\r\nMD5 (./a) = {HEX}\r\n");
        assert_eq!(refused(bad.as_bytes()), "line 4: `a` is already on line 1");
        let bad = format!("{HEX}  a/b\n# two\n{HEX}  a\n");
        assert_eq!(refused(bad.as_bytes()), "line 1: `a` cannot be a file and the folder of `a/b`");
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
            assert_eq!(Catalog::from_checksums(text.as_bytes()), Err(CatalogError::Empty));
        }
    }

    #[test]
    fn two_lines_with_both_digests_of_an_archive_are_one() {
        let sha = HEX.repeat(2);
        let text = format!("{HEX}  a\n{sha}  b\n{sha}  ./a\nMD5 (c) = {HEX}\n");
        let catalog = Catalog::from_checksums(text.as_bytes()).unwrap();
        let [a, b, c] = catalog.archives() else { panic!("{catalog:?}") };
        assert_eq!(a.digests, Digests::Both(HEX.parse().unwrap(), sha.parse().unwrap()));
        assert_eq!((b.md5(), c.sha256()), (None, None));
        assert_eq!(catalog.md5sums().err(), Some("b"));
        assert_eq!(catalog.sha256sums().err(), Some("c"));
        let bsd = format!("MD5 (a) = {HEX}\nSHA256 (b) = {sha}\nMD5 (c) = {HEX}\n");
        assert_eq!(catalog.bsd_sums().to_string(), bsd);
        let bad = format!("{HEX}  a\n{sha}  a\n{HEX}  a\n");
        assert_eq!(refused(bad.as_bytes()), "line 3: `a` is already on line 1");
    }

    #[test]
    fn a_file_over_the_limit_is_refused() {
        let bytes = vec![b'\n'; MAX_CHECKSUMS_BYTES + 1];
        assert_eq!(Catalog::from_checksums(&bytes), Err(CatalogError::TooLarge));
    }

    #[test]
    fn utf_16_is_recognized() {
        assert_eq!(Catalog::from_checksums(b"\xff\xfef\0e\0"), Err(CatalogError::Utf16));
    }

    #[test]
    fn random_bytes_never_panic() {
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
                let Ok(md5sums) = catalog.md5sums() else { continue };
                let again = Catalog::from_checksums(md5sums.to_string().as_bytes());
                assert_eq!(again.as_ref(), Ok(&catalog), "{bytes:?}");
            }
        }
    }

    #[test]
    fn the_built_in_table_is_written_as_nih_prints_it() {
        let text = Catalog::nih().md5sums().unwrap().to_string();
        assert_eq!(text.as_bytes(), include_bytes!("../../checksums/MD5SUMS"));
        assert!(text.starts_with("fe8ed0a6961412fddcbb3603c11b3698 images_001.tar.gz\n"));
        let copy = Catalog::nih().read_from("copy.tsv".into());
        assert_eq!(
            copy.md5sums().unwrap().to_string(),
            text,
            "the file of a table makes no difference"
        );
    }

    #[test]
    fn another_table_is_written_as_by_gnu_and_can_be_read_again() {
        let text = format!(
            "{HEX}  a b\n{HEX}   leading\n{HEX}  *star\n\\{HEX}  back\\\\slash\\nline\\rend\n"
        );
        let catalog = Catalog::from_checksums(text.as_bytes()).unwrap();
        assert_eq!(catalog.archives()[3].name, "back\\slash\nline\rend");
        assert_eq!(catalog.md5sums().unwrap().to_string(), text);
        let tagged = catalog.bsd_sums().to_string();
        assert!(
            tagged.ends_with(&format!("\n\\MD5 (back\\\\slash\\nline\\rend) = {HEX}\n")),
            "{tagged}"
        );
        assert_eq!(Catalog::from_checksums(tagged.as_bytes()).unwrap(), catalog);
    }
}
