//! Writes the table in the formats of other tools.
//!
//! Each format is a small file with a function: archives and their addresses in, bytes out. A table
//! that a format cannot express is refused.

mod aria2;
mod csv;
mod json;
mod metalink;

use std::io::{self, Write};

use crate::catalog::{Archive, Catalog};
use crate::source::{Location, SourceSpec};
use crate::text::escape;

/// A format for a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// As `md5sum` writes it.
    Md5sum,
    /// As `sha256sum` writes it.
    Sha256sum,
    /// As `md5sum --tag` and BSD's `md5` write it; without an MD5, as `sha256sum --tag`.
    Bsd,
    /// Comma-separated values (RFC 4180), but with the line ends of this system.
    Csv,
    /// One JSON document.
    Json,
    /// Metalink 4 (RFC 5854).
    Metalink,
    /// The input file of aria2.
    Aria2,
}

/// A table that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum InterchangeError {
    /// A source is a folder, which has no address.
    #[error("{0} is a folder; a table for other tools needs addresses")]
    Folder(String),
    /// An address contains a password, which a table must not publish.
    #[error("{0} contains a password, which every reader of the table would see")]
    Password(String),
    /// The format needs an address.
    #[error("there is no address for {}; add a source with --from", escape::text(.0))]
    NoAddress(String),
    /// The format needs a digest that the table does not have.
    #[error(
        "the table does not have {digest} for {}; use --as bsd or --as csv, which have either digest",
        escape::text(.name)
    )]
    NoDigest {
        /// The kind of digest, with its article.
        digest: &'static str,
        /// The archive.
        name: String,
    },
    /// The format cannot express the name.
    #[error("the name `{}` cannot be written in this format", escape::text(.0))]
    Name(String),
}

/// An archive and all its addresses, the preferred one first.
struct AddressedArchive<'a> {
    archive: &'a Archive,
    addresses: Vec<String>,
}

/// A table that can be written. Its lines are made when it is written: there may be hundreds of
/// thousands.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    catalog: &'a Catalog,
    sources: &'a [SourceSpec],
    format: TableFormat,
}

impl<'a> Table<'a> {
    /// The table in the format, with the addresses that the sources have for each archive, in their
    /// order. The formats of `md5sum`, `sha256sum` and BSD have no addresses.
    ///
    /// # Errors
    ///
    /// The format cannot express the whole table.
    pub fn new(
        catalog: &'a Catalog,
        sources: &'a [SourceSpec],
        format: TableFormat,
    ) -> Result<Self, InterchangeError> {
        let table = Self { catalog, sources, format };
        // A source that cannot be written is refused in every format.
        if let Some(first) = catalog.archives().first() {
            AddressedArchive::new(first, sources)?;
        }
        let no_digest =
            |digest| move |name: &str| InterchangeError::NoDigest { digest, name: name.to_owned() };
        let check = match format {
            TableFormat::Md5sum => {
                return catalog.md5sums().map(|_| table).map_err(no_digest("an MD5"));
            }
            TableFormat::Sha256sum => {
                return catalog.sha256sums().map(|_| table).map_err(no_digest("a SHA-256"));
            }
            TableFormat::Bsd => return Ok(table),
            TableFormat::Csv | TableFormat::Json => |_: &AddressedArchive<'_>| Ok(()),
            TableFormat::Metalink => metalink::check,
            TableFormat::Aria2 => aria2::check,
        };
        for archive in catalog.archives() {
            check(&AddressedArchive::new(archive, sources)?)?;
        }
        Ok(table)
    }

    /// Writes the table.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let catalog = self.catalog;
        match self.format {
            TableFormat::Md5sum => catalog.md5sums().map_or(Ok(()), |sums| write!(out, "{sums}")),
            TableFormat::Sha256sum => {
                catalog.sha256sums().map_or(Ok(()), |sums| write!(out, "{sums}"))
            }
            TableFormat::Bsd => write!(out, "{}", catalog.bsd_sums()),
            TableFormat::Csv => csv::write(self, out),
            TableFormat::Json => json::write(self, out),
            TableFormat::Metalink => metalink::write(self, out),
            TableFormat::Aria2 => aria2::write(self, out),
        }
    }

    /// The archives; each has passed the check.
    fn archives(&self) -> impl Iterator<Item = AddressedArchive<'a>> {
        let Self { catalog, sources, .. } = *self;
        let archives = catalog.archives().iter();
        archives.filter_map(|archive| AddressedArchive::new(archive, sources).ok())
    }
}

impl TableFormat {
    /// The format with a digest and a name in each line that can have the whole table.
    pub fn for_digests(catalog: &Catalog) -> Self {
        let has = |digest: fn(&Archive) -> bool| catalog.archives().iter().all(digest);
        if has(|archive| archive.md5().is_some()) {
            Self::Md5sum
        } else if has(|archive| archive.sha256().is_some()) {
            Self::Sha256sum
        } else {
            Self::Bsd
        }
    }
}

impl<'a> AddressedArchive<'a> {
    fn new(archive: &'a Archive, sources: &[SourceSpec]) -> Result<Self, InterchangeError> {
        let places = sources.iter().filter_map(|source| Some((source, source.location(archive)?)));
        let addresses = places.map(|(source, place)| match place {
            Location::Address(url) if url.password().is_none() => Ok(url.to_string()),
            Location::Address(_) => Err(InterchangeError::Password(source.to_string())),
            Location::File(_) => Err(InterchangeError::Folder(source.to_string())),
        });
        Ok(Self { archive, addresses: addresses.collect::<Result<_, _>>()? })
    }

    /// Fails if there is no address.
    fn needed_addresses(&self) -> Result<(), InterchangeError> {
        if self.addresses.is_empty() {
            return Err(InterchangeError::NoAddress(self.archive.name.clone()));
        }
        Ok(())
    }

    fn unfit_name(&self) -> InterchangeError {
        InterchangeError::Name(self.archive.name.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    const FORMATS: [TableFormat; 6] = [
        TableFormat::Md5sum,
        TableFormat::Bsd,
        TableFormat::Csv,
        TableFormat::Json,
        TableFormat::Metalink,
        TableFormat::Aria2,
    ];

    fn written(
        table: &str,
        from: &[&str],
        format: TableFormat,
    ) -> Result<String, InterchangeError> {
        let catalog = Catalog::from_checksums(table.as_bytes()).unwrap();
        let sources: Vec<_> =
            from.iter().map(|from| SourceSpec::parse(OsStr::new(from)).unwrap()).collect();
        let sources = if sources.is_empty() { vec![SourceSpec::Publisher] } else { sources };
        let mut out = Vec::new();
        Table::new(&catalog, &sources, format)?.write(&mut out).unwrap();
        Ok(String::from_utf8(out).unwrap())
    }

    const MD5: &str = "fe8ed0a6961412fddcbb3603c11b3698";

    fn table() -> String {
        let sha256 = "fd8e3542db6351ae9377779033f5d5c5f32fe50eb0830b519fbf1a7e791354b1";
        format!(
            "name\tsize\tmd5\tsha256\taddress\n\
             a.gz\t7\t{MD5}\t{sha256}\thttps://m.org/x?a=1&b=2\n\
             d/\"b\", c\t\t{MD5}\t\t\n"
        )
    }

    #[test]
    fn every_format_contains_all_that_it_can() {
        let from = ["http://m.org/<&>", "https://n.org/{name}?k='"];
        let bsd = format!("MD5 (a.gz) = {MD5}\nMD5 (d/\"b\", c) = {MD5}\n");
        assert_eq!(written(&table(), &[], TableFormat::Bsd).unwrap(), bsd);
        let csv = written(&table(), &[], TableFormat::Csv).unwrap();
        assert!(csv.ends_with(&format!("\n\"d/\"\"b\"\", c\",,{MD5},,\n")), "{csv}");
        let aria2 = written(&table(), &from, TableFormat::Aria2).unwrap();
        let expected = format!(
            "http://m.org/%3C&%3E/a.gz\thttps://n.org/a.gz?k=%27\n  out=a.gz\n  checksum=md5={MD5}\n"
        );
        assert!(aria2.starts_with(&expected), "{aria2}");
        let metalink = written(&table(), &from, TableFormat::Metalink).unwrap();
        for part in [
            "<file name=\"d/&quot;b&quot;, c\">",
            "<size>7</size>",
            "<hash type=\"sha-256\">fd8e",
            "<url priority=\"1\">http://m.org/%3C&amp;%3E/a.gz</url>",
            "<url priority=\"2\">https://n.org/a.gz?k=%27</url>",
        ] {
            assert!(metalink.contains(part), "{part} in {metalink}");
        }
    }

    #[test]
    fn a_folder_and_a_password_are_refused_in_every_format() {
        for (from, word) in [("/mnt/nih", "folder"), ("https://me:secret@m.org", "password")] {
            for format in FORMATS {
                let text = written(&table(), &[from], format).unwrap_err().to_string();
                assert!(text.contains(word) && !text.contains("secret"), "{text}");
            }
        }
    }

    #[test]
    fn a_table_without_md5s_has_sha_256s_in_every_format() {
        let sha = MD5.repeat(2);
        let line = format!("{sha}  a.gz\n");
        let from = ["http://m.org"];
        for (format, expected) in [
            (TableFormat::Sha256sum, line.clone()),
            (TableFormat::Bsd, format!("SHA256 (a.gz) = {sha}\n")),
            (TableFormat::Csv, format!("\na.gz,,,{sha},http://m.org/a.gz\n")),
            (TableFormat::Json, format!("\"md5\":null,\"sha256\":\"{sha}\"")),
            (TableFormat::Metalink, format!("<hash type=\"sha-256\">{sha}</hash>")),
            (TableFormat::Aria2, format!("  checksum=sha-256={sha}\n")),
        ] {
            let text = written(&line, &from, format).unwrap();
            assert!(text.contains(&expected) && !text.contains("type=\"md5\""), "{text}");
        }
        let error = written(&line, &[], TableFormat::Md5sum).unwrap_err().to_string();
        assert!(error.contains("does not have an MD5 for a.gz; use --as"), "{error}");
        let mixed = format!("{line}{MD5}  b\n");
        for (table, expected) in [
            (line, TableFormat::Sha256sum),
            (mixed, TableFormat::Bsd),
            (format!("{MD5}  b\n{sha}  b\n"), TableFormat::Md5sum),
        ] {
            let catalog = Catalog::from_checksums(table.as_bytes()).unwrap();
            assert_eq!(TableFormat::for_digests(&catalog), expected);
        }
    }

    #[test]
    fn formats_that_need_addresses_refuse_a_table_without() {
        for format in FORMATS {
            let needs = matches!(format, TableFormat::Metalink | TableFormat::Aria2);
            assert_eq!(written(&table(), &[], format).is_err(), needs, "{format:?}");
        }
    }

    #[test]
    fn names_that_a_format_cannot_express_are_refused() {
        let line = |name: &str| format!("\\{MD5}  {name}\n");
        for (name, metalink, aria2) in [
            ("a b", true, true),
            ("a\\nb", false, false),
            ("a\tb", false, true),
            ("a\u{b}b", false, true),
            ("a\u{ffff}b", false, true),
            (" a", true, false),
            ("a ", true, false),
        ] {
            for (format, is_possible) in
                [(TableFormat::Metalink, metalink), (TableFormat::Aria2, aria2)]
            {
                let found = written(&line(name), &["http://m.org"], format);
                assert_eq!(found.is_ok(), is_possible, "{format:?} {name:?} {found:?}");
            }
        }
    }
}
