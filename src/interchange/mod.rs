//! The table in the forms that other tools read.
//!
//! Each form is a small file: archives and their addresses in, bytes out. What a form cannot
//! express is refused, not bent.

mod aria2;
mod csv;
mod json;
mod metalink;

use std::io::{self, Write};

use crate::catalog::{Archive, Catalog};
use crate::source::{Place, SourceSpec};
use crate::text::escape;

/// The forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As `md5sum` writes it.
    Md5sum,
    /// As `md5sum --tag` and BSD's `md5` write it.
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

/// Why the table cannot be written in a form.
#[derive(Debug, thiserror::Error)]
pub enum InterchangeError {
    /// A folder is no address.
    #[error("{0} is a folder: only addresses can be written into a table for other tools")]
    Folder(String),
    /// A table is handed on, and a password should not be.
    #[error("{0} has a password in it, which everybody who reads the table would see")]
    Password(String),
    /// The form needs an address.
    #[error("there is no address for {}: say with --from where the archives are", escape::text(.0))]
    NoAddress(String),
    /// The form has no way to write such a name.
    #[error("the name `{}` cannot be written in this form", escape::text(.0))]
    Name(String),
    /// The bytes could not be written.
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// An archive and every address at which it is, in order of preference.
struct Entry<'a> {
    archive: &'a Archive,
    addresses: Vec<String>,
}

/// One of the forms: entries in, bytes out.
trait Writer {
    fn write(&self, entries: &[Entry<'_>], out: &mut dyn Write) -> Result<(), InterchangeError>;
}

/// Writes the table. The addresses are those that the sources have for each archive, in their
/// order; `md5sum` and BSD's form have no room for any.
///
/// # Errors
///
/// What the form cannot express, and the errors of `out`. Nothing is written if the form cannot
/// express all of the table.
pub fn write(
    catalog: &Catalog,
    sources: &[SourceSpec],
    form: Form,
    out: &mut dyn Write,
) -> Result<(), InterchangeError> {
    let writer: &dyn Writer = match form {
        Form::Md5sum => return Ok(out.write_all(catalog.md5sums().as_bytes())?),
        Form::Bsd => return Ok(out.write_all(catalog.bsd_md5sums().as_bytes())?),
        Form::Csv => &csv::Csv,
        Form::Json => &json::Json,
        Form::Metalink => &metalink::Metalink,
        Form::Aria2 => &aria2::Aria2,
    };
    let entries = catalog.archives().iter().map(|archive| entry(archive, sources));
    let mut table = Vec::new();
    writer.write(&entries.collect::<Result<Vec<_>, _>>()?, &mut table)?;
    Ok(out.write_all(&table)?)
}

fn entry<'a>(archive: &'a Archive, sources: &[SourceSpec]) -> Result<Entry<'a>, InterchangeError> {
    let places = sources.iter().filter_map(|source| Some((source, source.place(archive)?)));
    let addresses = places.map(|(source, place)| match place {
        Place::Address(url) if url.password().is_none() => Ok(url.to_string()),
        Place::Address(_) => Err(InterchangeError::Password(source.to_string())),
        Place::File(_) => Err(InterchangeError::Folder(source.to_string())),
    });
    Ok(Entry { archive, addresses: addresses.collect::<Result<_, _>>()? })
}

impl Entry<'_> {
    /// The addresses, of which there must be one.
    fn needed_addresses(&self) -> Result<&[String], InterchangeError> {
        match self.addresses.as_slice() {
            [] => Err(InterchangeError::NoAddress(self.archive.name.clone())),
            addresses => Ok(addresses),
        }
    }

    fn unfit(&self) -> InterchangeError {
        InterchangeError::Name(self.archive.name.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    const FORMS: [Form; 6] =
        [Form::Md5sum, Form::Bsd, Form::Csv, Form::Json, Form::Metalink, Form::Aria2];

    fn written(table: &str, from: &[&str], form: Form) -> Result<String, InterchangeError> {
        let catalog = Catalog::from_checksums(table.as_bytes()).unwrap();
        let sources: Vec<_> =
            from.iter().map(|from| SourceSpec::parse(OsStr::new(from)).unwrap()).collect();
        let sources = if sources.is_empty() { vec![SourceSpec::Publisher] } else { sources };
        let mut out = Vec::new();
        let result = write(&catalog, &sources, form, &mut out);
        assert!(result.is_ok() || out.is_empty(), "nothing of a table that is refused");
        result.map(|()| String::from_utf8(out).unwrap())
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
    fn every_form_has_what_it_has_room_for() {
        let from = ["http://m.org/<&>", "https://n.org/{name}?k='"];
        let bsd = format!("MD5 (a.gz) = {MD5}\nMD5 (d/\"b\", c) = {MD5}\n");
        assert_eq!(written(&table(), &[], Form::Bsd).unwrap(), bsd);
        let csv = written(&table(), &[], Form::Csv).unwrap();
        assert!(csv.ends_with(&format!("\n\"d/\"\"b\"\", c\",,{MD5},,\n")), "{csv}");
        let aria2 = written(&table(), &from, Form::Aria2).unwrap();
        let expected = format!(
            "http://m.org/%3C&%3E/a.gz\thttps://n.org/a.gz?k=%27\n  out=a.gz\n  checksum=md5={MD5}\n"
        );
        assert!(aria2.starts_with(&expected), "{aria2}");
        let metalink = written(&table(), &from, Form::Metalink).unwrap();
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
    fn a_folder_and_a_password_are_refused_where_addresses_are_written() {
        for (from, word) in [("/mnt/nih", "folder"), ("https://me:secret@m.org", "password")] {
            for form in FORMS {
                match written(&table(), &[from], form) {
                    Ok(_) => assert!(matches!(form, Form::Md5sum | Form::Bsd), "{form:?}"),
                    Err(error) => {
                        let text = error.to_string();
                        assert!(text.contains(word) && !text.contains("secret"), "{text}");
                    }
                }
            }
        }
    }

    #[test]
    fn who_needs_an_address_says_so() {
        for form in FORMS {
            let needs = matches!(form, Form::Metalink | Form::Aria2);
            assert_eq!(written(&table(), &[], form).is_err(), needs, "{form:?}");
        }
    }

    #[test]
    fn names_that_a_form_cannot_bear_are_refused() {
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
            for (form, bears) in [(Form::Metalink, metalink), (Form::Aria2, aria2)] {
                let found = written(&line(name), &["http://m.org"], form);
                assert_eq!(found.is_ok(), bears, "{form:?} {name:?} {found:?}");
            }
        }
    }
}
