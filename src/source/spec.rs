//! What `--from` says, and where it puts each archive.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;

use crate::catalog::Archive;
use crate::text::escape;

/// What a name keeps as it is in an address: the unreserved characters of RFC 3986, section 2.3,
/// and the `/` between folders.
const NAME: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// One place that has the archives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceSpec {
    /// The address that the catalogue has for each archive.
    Publisher,
    /// An `http(s)://` address under which every archive lies by its name.
    Base(Url),
    /// An `http(s)://` address with `{name}` where the name goes.
    Template(String),
    /// A local folder.
    Folder(PathBuf),
}

/// Where a source has one archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// An address to GET.
    Address(Url),
    /// A file to read.
    File(PathBuf),
}

/// Why the value of `--from` is no source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Nothing was given.
    #[error("a source is an http:// or https:// address or a local folder, not nothing")]
    Empty,
    /// It looks like an address, but is none.
    #[error("`{0}` is not an address: {1}")]
    Address(String, String),
    /// An address of a kind that is not spoken.
    #[error("`{0}`: only http:// and https:// addresses and local folders can be sources")]
    Scheme(String),
}

impl SourceSpec {
    /// Reads what was typed. What has `://` in it is an address, everything else a folder.
    ///
    /// # Errors
    ///
    /// An address must be `http://` or `https://` and have a host.
    pub fn parse(typed: &OsStr) -> Result<Self, SpecError> {
        if typed.is_empty() {
            return Err(SpecError::Empty);
        }
        let Some(text) = typed.to_str().filter(|text| text.contains("://")) else {
            return Ok(Self::Folder(PathBuf::from(typed)));
        };
        let shown = || escape::text(&without_password(text)).into_owned();
        let wrong = |error: &dyn fmt::Display| SpecError::Address(shown(), error.to_string());
        let url = Url::parse(&text.replace("{name}", "name")).map_err(|error| wrong(&error))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(SpecError::Scheme(shown()));
        }
        if text.contains("{name}") {
            return Ok(Self::Template(text.to_owned()));
        }
        Ok(Self::Base(url))
    }

    /// The folder, if it is one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            _ => None,
        }
    }

    /// Where this source has the archive; `None` if it cannot say, as the publisher of a table
    /// without addresses.
    pub fn place(&self, archive: &Archive) -> Option<Place> {
        let name = || utf8_percent_encode(&archive.name, NAME).to_string();
        match self {
            Self::Publisher => Url::parse(archive.address.as_deref()?).ok().map(Place::Address),
            Self::Base(base) => {
                let mut url = base.clone();
                let path = format!("{}/{}", base.path().trim_end_matches('/'), name());
                url.set_path(&path);
                Some(Place::Address(url))
            }
            Self::Template(template) => {
                Url::parse(&template.replace("{name}", &name())).ok().map(Place::Address)
            }
            Self::Folder(folder) => Some(Place::File(folder.join(&archive.name))),
        }
    }
}

/// As a person would call it; passwords left out, already escaped.
impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Publisher => f.write_str("publisher"),
            Self::Base(url) => f.write_str(&escape::text(&without_password(url.as_str()))),
            Self::Template(template) => f.write_str(&escape::text(&without_password(template))),
            Self::Folder(folder) => f.write_str(&escape::path(folder)),
        }
    }
}

/// What was typed with `***` in place of the password of each address in it: there may be one on
/// every line, and one within another. Where an address cannot be read, more is hidden rather than
/// less.
pub fn without_password(typed: &str) -> String {
    let mut shown = String::with_capacity(typed.len());
    for mut line in typed.split_inclusive('\n') {
        while let Some((before, rest)) = line.split_once("://") {
            let (user, secret) = credentials(before, rest).unwrap_or(("", ""));
            shown.extend([before, "://", user, if secret.is_empty() { "" } else { ":***" }]);
            line = &rest[user.len() + secret.len()..];
        }
        shown.push_str(line);
    }
    shown
}

/// The user in an address, and the colon and the password behind it; `None` where there is none.
/// The address is what follows a scheme at the end of `before`, and `://`.
fn credentials<'a>(before: &str, rest: &'a str) -> Option<(&'a str, &'a str)> {
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let scheme = &before[before.trim_end_matches(is_scheme).len()..];
    let authority = match Url::parse(&format!("{scheme}://{rest}").replace("{name}", "name")) {
        Ok(_) => rest.split(['/', '\\', '?', '#']).next()?,
        // As where a password has a `/` in it, which should be `%2F`.
        Err(_) => rest,
    };
    let (login, _) = authority.rsplit_once('@')?;
    Some(login.split_at(login.find(':')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(name: &str) -> Archive {
        Archive {
            name: name.to_owned(),
            md5: "d41d8cd98f00b204e9800998ecf8427e".parse().unwrap(),
            sha256: None,
            size: None,
            address: Some("https://example.org/static/abc.gz".to_owned()),
            alias: None,
        }
    }

    fn place(typed: &str, name: &str) -> String {
        match SourceSpec::parse(OsStr::new(typed)).unwrap().place(&archive(name)).unwrap() {
            Place::Address(url) => url.to_string(),
            Place::File(path) => path.display().to_string(),
        }
    }

    #[test]
    fn every_form_puts_the_name_where_it_belongs() {
        assert_eq!(place("http://m.org/nih", "a.gz"), "http://m.org/nih/a.gz");
        assert_eq!(place("http://m.org/nih/", "a b?.gz"), "http://m.org/nih/a%20b%3F.gz");
        assert_eq!(place("https://m.org/d?f={name}&x=1", "s/a&b"), "https://m.org/d?f=s/a%26b&x=1");
        assert_eq!(place("/mnt/nih", "a.gz"), "/mnt/nih/a.gz");
        assert_eq!(place("{name}", "a.gz"), "{name}/a.gz");
    }

    #[test]
    fn other_schemes_and_broken_addresses_are_refused() {
        for typed in ["", "ftp://m.org/", "file:///mnt", "http://", "https://[::1/"] {
            assert!(SourceSpec::parse(OsStr::new(typed)).is_err(), "{typed:?}");
        }
    }

    #[test]
    fn of_what_was_typed_only_the_password_is_hidden() {
        for (typed, shown) in [
            ("--from=http://me:p@ss@m.org", "--from=http://me:***@m.org"),
            ("--from=https://m.org/x:y@z", "--from=https://m.org/x:y@z"),
            (
                "https://me@m.org/\n/mnt:a@b\nhttp://u:p@{name}.org",
                "https://me@m.org/\n/mnt:a@b\nhttp://u:***@{name}.org",
            ),
            ("https://me:pa/ss@m.org/", "https://me:***@m.org/"),
            ("://:@", "://:***@"),
            (
                "http://me:pass@m.org/ftp://you:word@n.org/o",
                "http://me:***@m.org/ftp://you:***@n.org/o",
            ),
            ("http://m.org/o/ftp://:pass@n.org/", "http://m.org/o/ftp://:***@n.org/"),
        ] {
            assert_eq!(without_password(typed), shown);
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        for typed in ["https://me:secret@m.org/nih", "https://me:secret@m.org/{name}"] {
            let shown = SourceSpec::parse(OsStr::new(typed)).unwrap().to_string();
            assert!(!shown.contains("secret"), "{shown}");
        }
    }
}
