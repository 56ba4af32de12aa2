//! The record of the bytes of extracted images, `images.tsv`. With it, any copy can be compared
//! byte for byte.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;

use sha2::Digest as _;

use super::layout::{is_plain_name, is_plain_path};
use crate::hash::digest::Sha256;
use crate::text::escape;

pub use crate::other_names::MANIFEST_NAME;

/// The first line: the names of the columns.
const HEADER: &str = "name\tbytes\tcrc32\tsha256\tarchive";

/// The longest line in bytes. An image has up to 255 bytes in its name, and an archive up to 640.
const LONGEST_LINE: usize = 1024;

/// The most rows that are read: NIH's images are 112,120.
const MOST_ROWS: usize = 1_000_000;

/// The bytes of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestRow {
    /// The size.
    pub bytes: u64,
    /// The CRC-32 of the whole file.
    pub crc32: u32,
    /// The SHA-256 of the whole file.
    pub sha256: Sha256,
}

impl ManifestRow {
    /// Returns the row of an image of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.len() as u64,
            crc32: crc32fast::hash(bytes),
            sha256: Sha256::new(sha2::Sha256::digest(bytes).into()),
        }
    }

    /// Returns true if the image has exactly these bytes.
    pub fn describes(&self, bytes: &[u8]) -> bool {
        self.bytes == bytes.len() as u64
            && self.crc32 == crc32fast::hash(bytes)
            && self.sha256 == Self::of(bytes).sha256
    }
}

/// The rows of an `images.tsv`, in the order of their names. A name can occur in several archives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The rows by name and archive.
    rows: BTreeMap<(Box<str>, Arc<str>), ManifestRow>,
}

/// An `images.tsv` that cannot be used. What follows completes a sentence about the file.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    /// The first line is not the expected one.
    #[error("the first line is not `{}`, with tabs between the words", HEADER.replace('\t', " "))]
    Header,
    /// A line, which count from 1, is no row.
    #[error(
        "line {number}: expected a name, a number of bytes, a CRC-32 in 8 hexadecimal digits, a SHA-256 \
         in 64 and an archive, with tabs between them; found `{}`",
        shown(.line)
    )]
    Row {
        /// The number of the line.
        number: usize,
        /// The line.
        line: Vec<u8>,
    },
    /// A line repeats the image of an earlier one.
    #[error("line {number}: an earlier line has the same image `{}`", escape::brief(.image))]
    Repeated {
        /// The number of the line.
        number: usize,
        /// The name of the image.
        image: String,
    },
    /// The file is not the record of any set of images.
    #[error("it has more than 1,000,000 rows")]
    TooManyRows,
    /// The last line does not end: the file was cut.
    #[error("its last line does not end: the file is truncated")]
    Truncated,
}

impl Manifest {
    /// Reads an `images.tsv`. Memory is bounded by the largest number of rows and the longest line.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] if the file cannot be read, or a line is wrong.
    pub fn read(input: impl BufRead) -> Result<Self, ManifestError> {
        let mut manifest = Self::default();
        let mut archive: Arc<str> = Arc::from("");
        read_rows(input, |number, name, of, row| {
            if *archive != *of {
                archive = Arc::from(of);
            }
            match manifest.rows.entry((name.into(), Arc::clone(&archive))) {
                Entry::Occupied(_) => {
                    Err(ManifestError::Repeated { number, image: name.to_owned() })
                }
                Entry::Vacant(place) => {
                    place.insert(row);
                    Ok(())
                }
            }
        })?;
        Ok(manifest)
    }

    /// Adds a row, or replaces the one of the same name and archive. Returns false and adds nothing
    /// if the names are not plain.
    pub fn insert(&mut self, name: &str, archive: &str, row: ManifestRow) -> bool {
        let is_plain = are_plain(name, archive);
        if is_plain {
            self.rows.insert((name.into(), Arc::from(archive)), row);
        }
        is_plain
    }

    /// Returns the row of this image of this archive.
    pub fn get(&self, name: &str, archive: &str) -> Option<&ManifestRow> {
        self.rows.get(&(name.into(), Arc::from(archive)))
    }

    /// Returns the rows of this name, each with its archive.
    pub fn named(&self, name: &str) -> impl Iterator<Item = (&str, &ManifestRow)> + use<'_> {
        let name: Box<str> = name.into();
        let rows = self.rows.range((name.clone(), Arc::from(""))..);
        let of_name = rows.take_while(move |((found, _), _)| *found == name);
        of_name.map(|((_, archive), row)| (&**archive, row))
    }

    /// Returns all rows, each with its name and archive, in the order of the names.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &str, &ManifestRow)> {
        self.rows.iter().map(|((name, archive), row)| (&**name, &**archive, row))
    }

    /// Gives the archive these rows, and no others. Returns true if that changes anything.
    pub fn set_archive(&mut self, archive: &str, rows: &[(&str, &ManifestRow)]) -> bool {
        let names: HashSet<&str> = rows.iter().map(|(name, _)| *name).collect();
        let before = self.rows.len();
        self.rows.retain(|(name, of), _| **of != *archive || names.contains(&**name));
        let mut is_changed = self.rows.len() != before;
        let archive: Arc<str> = Arc::from(archive);
        for (name, row) in rows.iter().filter(|(name, _)| are_plain(name, &archive)) {
            match self.rows.entry(((*name).into(), Arc::clone(&archive))) {
                Entry::Occupied(place) if place.get() == *row => {}
                Entry::Occupied(mut place) => {
                    place.insert((*row).clone());
                    is_changed = true;
                }
                Entry::Vacant(place) => {
                    place.insert((*row).clone());
                    is_changed = true;
                }
            }
        }
        is_changed
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True if there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes the whole file.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        write_rows(self.rows(), out)
    }
}

/// Writes an `images.tsv` with these rows.
pub(super) fn write_rows<'a>(
    rows: impl IntoIterator<Item = (&'a str, &'a str, &'a ManifestRow)>,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "{HEADER}")?;
    rows.into_iter().try_for_each(|(name, archive, ManifestRow { bytes, crc32, sha256 })| {
        writeln!(out, "{name}\t{bytes}\t{crc32:08x}\t{sha256}\t{archive}")
    })
}

/// Reads an `images.tsv`, and passes on the number of each line, the name, the archive and the row.
pub(super) fn read_rows(
    mut input: impl BufRead,
    mut take: impl FnMut(usize, &str, &str, ManifestRow) -> Result<(), ManifestError>,
) -> Result<(), ManifestError> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        input.by_ref().take(LONGEST_LINE as u64).read_until(b'\n', &mut line)?;
        if line.is_empty() && number > 1 {
            break;
        }
        let without_return = |text: &[u8]| text.strip_suffix(b"\r").unwrap_or(text).to_vec();
        match line.strip_suffix(b"\n").map(without_return) {
            Some(text) if number == 1 && text == HEADER.as_bytes() => {}
            _ if number == 1 => return Err(ManifestError::Header),
            Some(_) if number == MOST_ROWS + 2 => return Err(ManifestError::TooManyRows),
            Some(text) => {
                let Some((name, archive, row)) = std::str::from_utf8(&text).ok().and_then(parse)
                else {
                    return Err(ManifestError::Row { number, line: text });
                };
                take(number, name, archive, row)?;
            }
            None if line.len() == LONGEST_LINE => return Err(ManifestError::Row { number, line }),
            None => return Err(ManifestError::Truncated),
        }
    }
    Ok(())
}

fn are_plain(name: &str, archive: &str) -> bool {
    is_plain_name(name) && is_plain_path(archive)
}

fn shown(line: &[u8]) -> String {
    escape::brief(&String::from_utf8_lossy(line))
}

/// Reads the cells of a line: the name, the archive and the rest.
fn parse(line: &str) -> Option<(&str, &str, ManifestRow)> {
    let mut cells = line.split('\t');
    let cells = [
        cells.next()?,
        cells.next()?,
        cells.next()?,
        cells.next()?,
        cells.next()?,
        cells.next().unwrap_or_default(),
    ];
    let [name, bytes, crc, sha256, archive, ""] = cells else { return None };
    let is_number = !bytes.is_empty() && bytes.bytes().all(|byte| byte.is_ascii_digit());
    let is_crc = crc.len() == 8 && crc.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_number || !is_crc || !are_plain(name, archive) {
        return None;
    }
    let row = ManifestRow {
        bytes: bytes.parse().ok()?,
        crc32: u32::from_str_radix(crc, 16).ok()?,
        sha256: sha256.parse().ok()?,
    };
    Some((name, archive, row))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(byte: u8) -> ManifestRow {
        ManifestRow { bytes: 400_000, crc32: 0xab, sha256: Sha256::new([byte; 32]) }
    }

    fn manifest() -> Manifest {
        let mut manifest = Manifest::default();
        for (name, archive, byte) in
            [("b.png", "2.tar.gz", 1), ("a.png", "1.tar.gz", 2), ("b.png", "1.tar.gz", 3)]
        {
            assert!(manifest.insert(name, archive, row(byte)));
        }
        manifest
    }

    fn written(manifest: &Manifest) -> Vec<u8> {
        let mut bytes = Vec::new();
        manifest.write(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_written_manifest_is_read_again() {
        let manifest = manifest();
        let bytes = written(&manifest);
        let digest = "03".repeat(32);
        let line = format!("b.png\t400000\t000000ab\t{digest}\t1.tar.gz\n");
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.starts_with("name\tbytes\tcrc32\tsha256\tarchive\na.png\t"), "{text}");
        assert!(text.contains(&line), "{text}");
        assert_eq!(Manifest::read(&bytes[..]).unwrap(), manifest);
        let windows = text.replace('\n', "\r\n");
        assert_eq!(Manifest::read(windows.as_bytes()).unwrap(), manifest);
        assert_eq!(manifest.get("b.png", "2.tar.gz"), Some(&row(1)));
        assert_eq!(manifest.get("b.png", "3.tar.gz"), None);
        let archives: Vec<_> = manifest.named("b.png").map(|(archive, _)| archive).collect();
        assert_eq!(archives, ["1.tar.gz", "2.tar.gz"]);
    }

    #[test]
    fn rows_are_replaced_and_removed() {
        let mut manifest = manifest();
        assert!(manifest.insert("a.png", "1.tar.gz", row(9)));
        assert_eq!((manifest.len(), manifest.get("a.png", "1.tar.gz")), (3, Some(&row(9))));
        assert!(!manifest.set_archive("2.tar.gz", &[("b.png", &row(1))]));
        assert!(manifest.set_archive("1.tar.gz", &[("b.png", &row(3))]));
        assert_eq!((manifest.len(), manifest.get("a.png", "1.tar.gz")), (2, None));
        assert!(manifest.set_archive("1.tar.gz", &[("b.png", &row(4)), ("..", &row(4))]));
        assert_eq!(manifest.get("b.png", "1.tar.gz"), Some(&row(4)));
        assert!(manifest.set_archive("1.tar.gz", &[]));
        assert_eq!(manifest.rows().map(|(name, ..)| name).collect::<Vec<_>>(), ["b.png"]);
        for name in ["a/../b.png", "..", "a\tb", "", "a/", "/a"] {
            assert!(
                !manifest.insert(name, "1.tar.gz", row(1)) && !manifest.insert("a", name, row(1))
            );
        }
        assert!(!manifest.insert("a/b.png", "1.tar.gz", row(1)));
        assert!(manifest.insert("a", "sub/1.tar.gz", row(1)));
        assert_eq!(Manifest::read(&written(&manifest)[..]).unwrap(), manifest);
    }

    #[test]
    fn a_wrong_file_is_refused_with_its_line() {
        let good = String::from_utf8(written(&manifest())).unwrap();
        let error = |text: &str| Manifest::read(text.as_bytes()).unwrap_err().to_string();
        for text in ["", "\n", "name\n", "a\tb", &good[5..]] {
            assert!(error(text).starts_with("the first line is not"), "{text:?}");
        }
        let last = good.lines().last().unwrap().to_owned();
        assert!(error(&format!("{good}{last}\n")).starts_with("line 5: an earlier line"));
        assert!(error(&good[..good.len() - 1]).contains("truncated"));
        for (from, to) in [
            ("\t400000\t", "\t+4\t"),
            ("\t400000\t", "\t\t"),
            ("\t400000\t", "\t99999999999999999999\t"),
            ("000000ab", "ab"),
            ("000000ab", "+00000ab"),
            ("0202", "02"),
            ("a.png", "../a.png"),
            ("a.png", "a.png\t"),
            ("1.tar.gz", "../1.tar.gz"),
            ("1.tar.gz", "/1.tar.gz"),
            ("1.tar.gz", "images//1.tar.gz"),
            ("1.tar.gz", &"a/".repeat(330)),
            ("a.png", &"a".repeat(2000)),
        ] {
            let text = error(&good.replacen(from, to, 1));
            assert!(text.starts_with("line 2: expected a name"), "{from} {to}: {text}");
            assert!(text.len() < 1000, "{text}");
        }
        assert!(Manifest::read(&b"name\tbytes\tcrc32\tsha256\tarchive\n\xff\n"[..]).is_err());
    }
}
