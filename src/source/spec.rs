//! The values of `--from`, and the location of each archive there.

use std::ffi::OsStr;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use percent_encoding::{percent_decode, utf8_percent_encode};
use reqwest::Url;

use super::bucket::{BucketSpec, Variables};
use super::password::without_password;
use super::spec_error::ESCAPED;
pub use super::spec_error::SpecError;
use crate::catalog::Archive;
use crate::text::escape;

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
    /// A bucket of an object store.
    Bucket(BucketSpec),
}

/// The location of an archive at a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    Address(Url),
    File(PathBuf),
}

impl SourceSpec {
    /// Parses a value. One with `://` in it is an address, any other a folder. `file:` is a folder
    /// too.
    ///
    /// # Errors
    ///
    /// Fails if an address is not `http://` or `https://`, or has no host.
    pub fn parse(typed: &OsStr) -> Result<Self, SpecError> {
        if typed.is_empty() {
            return Err(SpecError::Empty);
        }
        if let Some(folder) = file_address(typed) {
            return folder;
        }
        let Some(text) = typed.to_str().filter(|text| text.contains("://")) else {
            return Ok(Self::Folder(PathBuf::from(typed)));
        };
        if let Some(bucket) = BucketSpec::parse(text) {
            return bucket.map(Self::Bucket);
        }
        let shown = || escape::text(&without_password(text)).into_owned();
        if let Some((scheme, rest)) = other_scheme(text) {
            return Err(SpecError::Scheme(shown(), instead_of(&scheme, rest)));
        }
        let wrong = |error: &dyn fmt::Display| SpecError::Address(shown(), error.to_string());
        let url = Url::parse(&text.replace("{name}", "name")).map_err(|error| wrong(&error))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(SpecError::Scheme(shown(), SERVE.to_owned()));
        }
        if text.contains("{name}") {
            return Ok(Self::Template(text.to_owned()));
        }
        Ok(Self::Base(url))
    }

    /// Refuses a folder that does not exist and has the form of an address without `https://`, or of
    /// a remote of another program, such as `remote:path`.
    ///
    /// # Errors
    ///
    /// [`SpecError::NoFolder`] with what works instead.
    pub fn check_form(&self) -> Result<(), SpecError> {
        let Some(text) = self.folder().and_then(Path::to_str) else { return Ok(()) };
        let instead = if let Some((first, _)) = text.split_once(':')
            && !first.is_empty()
            && !(cfg!(windows) && first.len() == 1)
            && !first.contains('/')
            && !is_host(text)
        {
            SERVE.to_owned()
        } else if is_host(text) {
            let text = escape::brief(text);
            let plain =
                if may_be_private(&text) { format!(" or http://{text}") } else { String::new() };
            format!("for a server, write https://{text}{plain}")
        } else {
            return Ok(());
        };
        Err(SpecError::NoFolder(escape::brief(text), instead))
    }

    /// Gives a bucket the variables of the environment that it needs.
    ///
    /// # Errors
    ///
    /// Fails if they do not say where the bucket is.
    pub fn with_variables(self, variables: impl FnOnce() -> Variables) -> Result<Self, SpecError> {
        match self {
            Self::Bucket(bucket) => bucket.with_variables(variables()).map(Self::Bucket),
            other => Ok(other),
        }
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
            Self::Bucket(bucket) => bucket.address(&archive.name).map(Location::Address),
        }
    }
}

/// Advice for the addresses of other programs.
const SERVE: &str = "cxr reads http, https, s3, gs, az and folders: mount the files and name the folder, or run \
                     `rclone serve http REMOTE:PATH` and name the address that it prints";

/// True if the program can ask buckets.
const BUCKETS: bool = cfg!(feature = "buckets");

/// Parses a `file:` address (RFC 8089), and returns `None` for anything else.
fn file_address(typed: &OsStr) -> Option<Result<SourceSpec, SpecError>> {
    let bytes = typed.as_encoded_bytes();
    let (scheme, rest) = bytes.split_at_checked(5)?;
    if !scheme.eq_ignore_ascii_case(b"file:") {
        return None;
    }
    let path = match rest.strip_prefix(b"//") {
        Some(rest) => {
            let end = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
            let (host, path) = rest.split_at(end);
            if host.is_empty() || host.eq_ignore_ascii_case(b"localhost") { path } else { b"" }
        }
        None => rest,
    };
    let path: Vec<u8> = percent_decode(path).collect();
    let is_absolute = path.starts_with(b"/") && !path.contains(&0);
    let path = Some(path).filter(|_| is_absolute).and_then(path_of);
    let wrong = || SpecError::File(escape::brief(&typed.to_string_lossy()));
    Some(path.map(SourceSpec::Folder).ok_or_else(wrong))
}

/// Returns the path in a `file:` address.
#[cfg(unix)]
fn path_of(bytes: Vec<u8>) -> Option<PathBuf> {
    Some(std::os::unix::ffi::OsStringExt::from_vec(bytes))
        .map(|path: std::ffi::OsString| path.into())
}

/// Returns the path in a `file:` address, such as `file:///C:/nih` (RFC 8089, appendix E.2).
#[cfg(windows)]
fn path_of(bytes: Vec<u8>) -> Option<PathBuf> {
    let path = String::from_utf8(bytes).ok()?;
    let has_drive = path.get(1..3).is_some_and(|drive| drive.ends_with(':'));
    Some(PathBuf::from(if has_drive { &path[1..] } else { &path }))
}

/// Returns the scheme of an address and the rest, if the scheme is another one than `http` and `https`.
fn other_scheme(text: &str) -> Option<(String, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let scheme = scheme.to_ascii_lowercase();
    (is_scheme && !matches!(scheme.as_str(), "http" | "https")).then_some((scheme, rest))
}

/// Returns what works in place of an address of this scheme.
fn instead_of(scheme: &str, rest: &str) -> String {
    let rest = escape::brief(rest.trim_end_matches('/'));
    match scheme {
        "hf" => {
            let parts: Vec<&str> = rest.split('/').collect();
            let is_kind = matches!(parts.first(), Some(&("datasets" | "spaces")));
            let (repository, inside) = parts.split_at(parts.len().min(2 + usize::from(is_kind)));
            let path = [repository, &["resolve", "main"], inside].concat().join("/");
            format!("write https://huggingface.co/{path}")
        }
        "s3a" | "s3n" if BUCKETS => format!("write s3://{rest}"),
        "gcs" if BUCKETS => format!("write gs://{rest}"),
        "abfs" | "abfss" | "azure" | "wasb" | "wasbs" if BUCKETS => {
            "write az://CONTAINER/PREFIX".to_owned()
        }
        _ => SERVE.to_owned(),
    }
}

/// Returns true for a host that may have no certificate: one with a port, a private address, or a name
/// of a local network.
fn may_be_private(text: &str) -> bool {
    let authority = text.split('/').next().unwrap_or_default();
    let is_private = authority.parse().is_ok_and(|address: Ipv4Addr| {
        address.is_private() || address.is_loopback() || address.is_link_local()
    });
    let is_local = [".local", ".lan", ".internal", ".home", ".localdomain"]
        .iter()
        .any(|end| authority.ends_with(end));
    authority.contains(':') || is_private || is_local
}

/// Returns true for `mirror.example.org`, perhaps with a port and a path, and for `localhost:8080`.
fn is_host(text: &str) -> bool {
    let authority = text.split('/').next().unwrap_or_default();
    if let Some((host, _)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return host.parse::<Ipv6Addr>().is_ok();
    }
    let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let labels: Vec<&str> = host.split('.').collect();
    let is_label = |label: &&str| {
        !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
    };
    let has_port = is_number(port);
    labels.iter().all(is_label) && (port.is_empty() || has_port) && (has_port || labels.len() > 1)
}

/// Writes the name for messages: escaped, without a password.
impl SourceSpec {
    /// Returns the value of `--from`, from any current folder. `None` for the addresses in the table, for an
    /// address that may hold a secret, and for a folder that is not UTF-8.
    pub(crate) fn option(&self) -> Option<String> {
        let text = self.to_string();
        match self {
            Self::Publisher => None,
            Self::Folder(folder) => {
                let folder = folder.canonicalize().unwrap_or_else(|_| folder.clone());
                folder.to_str().map(str::to_owned)
            }
            _ if text.contains('?') || text.contains(":***@") => None,
            _ => Some(text),
        }
    }
}

impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Publisher => f.write_str("publisher"),
            Self::Base(url) => f.write_str(&escape::text(&without_password(url.as_str()))),
            Self::Template(template) => f.write_str(&escape::text(&without_password(template))),
            Self::Folder(folder) => f.write_str(&escape::path(folder)),
            Self::Bucket(bucket) => write!(f, "{bucket}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::digest::Md5;

    fn archive(name: &str) -> Archive {
        let address = Some("https://example.org/static/abc.gz".to_owned());
        Archive { address, ..Archive::new(name, Md5::EMPTY) }
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
        for typed in
            ["", "ftp://m.org/", "file://other/mnt", "file:mnt", "http://", "https://[::1/"]
        {
            assert!(SourceSpec::parse(OsStr::new(typed)).is_err(), "{typed:?}");
        }
    }

    #[test]
    fn a_file_address_is_a_folder() {
        for (typed, folder) in [
            ("file:///mnt/my%20data/", "/mnt/my data/a.gz"),
            ("FILE://localhost/mnt/%C3%BC", "/mnt/ü/a.gz"),
            ("file:/mnt/100%", "/mnt/100%/a.gz"),
        ] {
            assert_eq!(location(typed, "a.gz"), folder);
        }
    }

    #[test]
    fn an_address_in_another_form_is_recognised() {
        let form = |typed| SourceSpec::parse(OsStr::new(typed)).unwrap().check_form();
        for typed in ["mirror.example.org", "m.org/nih", "localhost:8080/x", "10.0.0.1", "remote:x"]
        {
            assert!(form(typed).is_err(), "{typed}");
        }
        for typed in ["/mnt/a.b", "./m.org", "../x", "mirror", "nih/v1.2", "https://m.org", "a/b:c"]
        {
            assert!(form(typed).is_ok(), "{typed}");
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
