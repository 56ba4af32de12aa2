//! The values of `--from`, and the location of each archive there.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;

use crate::catalog::Archive;
use crate::text::escape;

/// The characters of a name that are escaped in an address: all but the unreserved ones of RFC 3986,
/// section 2.3, and the `/` between folders.
const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A source of archives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceSpec {
    /// The addresses in the catalog.
    Publisher,
    /// An `http(s)://` address to which the name of each archive is added.
    Base(Url),
    /// An `http(s)://` address with `{name}` in place of the name.
    Template(String),
    /// A local folder.
    Folder(PathBuf),
}

/// The location of an archive at a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    Address(Url),
    File(PathBuf),
}

/// An invalid value of `--from`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// The value is empty.
    #[error("it is empty, and should be an http:// or https:// address or a local folder")]
    Empty,
    /// The value contains `://` and is not a valid address.
    #[error("`{0}` is not a valid address: {1}")]
    Address(String, String),
    /// The address has another scheme.
    #[error("`{0}` is neither an http:// or https:// address nor a local folder")]
    Scheme(String),
}

impl SourceSpec {
    /// Parses a value. One with `://` in it is an address, any other a folder.
    ///
    /// # Errors
    ///
    /// Fails if an address is not `http://` or `https://`, or has no host.
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

    /// Returns the folder of a local source.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            _ => None,
        }
    }

    /// Returns the location of the archive, and `None` if the catalog has no address for it.
    pub(crate) fn location(&self, archive: &Archive) -> Option<Location> {
        let name = || utf8_percent_encode(&archive.name, ESCAPED).to_string();
        match self {
            Self::Publisher => Url::parse(archive.address.as_deref()?).ok().map(Location::Address),
            Self::Base(base) => {
                let mut url = base.clone();
                url.set_path(&format!("{}/{}", base.path().trim_end_matches('/'), name()));
                Some(Location::Address(url))
            }
            Self::Template(template) => {
                Url::parse(&template.replace("{name}", &name())).ok().map(Location::Address)
            }
            Self::Folder(folder) => Some(Location::File(folder.join(&archive.name))),
        }
    }
}

/// Writes the name for messages: escaped, without a password.
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

/// Replaces the password of each address in a text by `***`. There may be an address on every line,
/// and one within another. If an address is invalid, more is hidden rather than less.
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

/// Returns the user in an address, and the colon with the password after it. The address has its
/// scheme at the end of `before`, then `://` and `rest`.
fn credentials<'a>(before: &str, rest: &'a str) -> Option<(&'a str, &'a str)> {
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let scheme = &before[before.trim_end_matches(is_scheme).len()..];
    let authority = match Url::parse(&format!("{scheme}://{rest}").replace("{name}", "name")) {
        Ok(_) => rest.split(['/', '\\', '?', '#']).next()?,
        // For example, the password contains a `/`, which should be `%2F`.
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

    fn location(typed: &str, name: &str) -> String {
        match SourceSpec::parse(OsStr::new(typed)).unwrap().location(&archive(name)).unwrap() {
            Location::Address(url) => url.to_string(),
            Location::File(path) => path.display().to_string(),
        }
    }

    #[test]
    fn every_kind_of_source_locates_an_archive_by_its_name() {
        assert_eq!(location("http://m.org/nih", "a.gz"), "http://m.org/nih/a.gz");
        assert_eq!(location("http://m.org/nih/", "a b?.gz"), "http://m.org/nih/a%20b%3F.gz");
        assert_eq!(
            location("https://m.org/d?f={name}&x=1", "s/a&b"),
            "https://m.org/d?f=s/a%26b&x=1"
        );
        assert_eq!(location("/mnt/nih", "a.gz"), "/mnt/nih/a.gz");
        assert_eq!(location("{name}", "a.gz"), "{name}/a.gz");
    }

    #[test]
    fn other_schemes_and_invalid_addresses_are_refused() {
        for typed in ["", "ftp://m.org/", "file:///mnt", "http://", "https://[::1/"] {
            assert!(SourceSpec::parse(OsStr::new(typed)).is_err(), "{typed:?}");
        }
    }

    #[test]
    fn only_the_password_is_hidden() {
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
    fn the_name_of_a_source_has_no_password() {
        for typed in ["https://me:secret@m.org/nih", "https://me:secret@m.org/{name}"] {
            let shown = SourceSpec::parse(OsStr::new(typed)).unwrap().to_string();
            assert!(!shown.contains("secret"), "{shown}");
        }
    }
}
