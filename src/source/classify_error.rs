//! What an error of the HTTP client means: a name that is not found, no connection, a certificate,
//! an answer cut short or out of order.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::Duration;

use reqwest::Url;
use rustls::CertificateError;
use rustls::pki_types::UnixTime;

use super::SourceError;
use super::client::{Refused, chain};
use crate::text::{escape, units};

/// The client's words where a proxy opens no tunnel for want of a name and password, or of the
/// right ones. Its status does not come through.
const NO_TUNNEL: &str = "proxy authorization required";

/// No answer: which of the many reasons.
pub(super) fn not_sent(error: &reqwest::Error) -> SourceError {
    if let Some(fault) = causes(error).find_map(refusal) {
        return fault;
    }
    if let Some(malformed) = causes(error).find_map(malformed) {
        return SourceError::Protocol(malformed);
    }
    let words = chain(error);
    if is_unknown_name(&words) {
        let host = error.url().and_then(Url::host_str).unwrap_or_default();
        return SourceError::NameNotFound(escape::text(host).into_owned());
    }
    if words.contains(NO_TUNNEL) {
        return SourceError::Status { code: 407, retry_after: None };
    }
    if !error.is_connect() {
        return SourceError::Unanswered(root(error));
    }
    // The address stands in the source's name already, and who failed is understood.
    let words = words.split_once("): ").map_or(words.as_str(), |(_, why)| why);
    SourceError::NoConnection(words.trim_start_matches("client error (Connect): ").to_owned())
}

/// A body that broke at offset `at` of the archive, where it should have gone on to `end`.
pub(super) fn not_received(error: &reqwest::Error, at: u64, end: Option<u64>) -> SourceError {
    let kind = causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>().map(io::Error::kind))
        .last();
    match kind {
        Some(ErrorKind::UnexpectedEof) => SourceError::Truncated { at, end },
        // The client says so of lengths and chunks (RFC 9112, section 7.1) that cannot be read.
        Some(ErrorKind::InvalidInput | ErrorKind::InvalidData) => {
            SourceError::Protocol(root(error))
        }
        _ => SourceError::Broken(root(error)),
    }
}

/// A reason not to ask again.
fn refusal(cause: &(dyn Error + 'static)) -> Option<SourceError> {
    if let Some(refused) = cause.downcast_ref::<Refused>() {
        return Some(refused.into());
    }
    match cause.downcast_ref() {
        Some(rustls::Error::InvalidCertificate(why)) => {
            Some(SourceError::Certificate(escape::text(&certificate(why)).into_owned()))
        }
        _ => None,
    }
}

/// What is wrong with a certificate, and who can put it right.
fn certificate(why: &CertificateError) -> String {
    use CertificateError as Why;
    match why {
        Why::Expired => EXPIRED.to_owned(),
        Why::ExpiredContext { time, not_after } => {
            format!("{EXPIRED} ({} past its end)", apart(*not_after, *time))
        }
        Why::NotValidYet => NOT_YET.to_owned(),
        Why::NotValidYetContext { time, not_before } => {
            format!("{NOT_YET} ({} before its beginning)", apart(*time, *not_before))
        }
        Why::NotValidForName | Why::NotValidForNameContext { .. } => {
            format!("{why}; it is for another host")
        }
        Why::UnknownIssuer => format!("nobody who is trusted here has signed it; {AUTHORITY}"),
        Why::Other(other) if other.to_string().contains(OF_AUTHORITY) => OF_ITS_OWN.to_owned(),
        _ => format!("{why}; {AUTHORITY}"),
    }
}

const EXPIRED: &str = "it has expired, or the clock of this machine is wrong";
const AUTHORITY: &str = "a proxy that opens TLS, or a server with an authority of its own, \
                         needs its CA's certificate with --cacert";

/// What webpki calls it when a server shows the certificate of an authority, as `openssl req -x509`
/// makes it by default. Its errors come through as words only.
const OF_AUTHORITY: &str = "CaUsedAsEndEntity";
const OF_ITS_OWN: &str = "it is that of an authority, which is none for a server: the server needs \
                          one that the authority has signed, or one made with \
                          basicConstraints=CA:FALSE, to be given with --cacert";
const NOT_YET: &str = "it is not valid yet, or the clock of this machine is wrong";

fn apart(from: UnixTime, to: UnixTime) -> String {
    units::duration(Duration::from_secs(to.as_secs().saturating_sub(from.as_secs())))
}

/// What is wrong with the head of an answer that cannot be read.
fn malformed(cause: &(dyn Error + 'static)) -> Option<String> {
    let error = cause.downcast_ref::<hyper::Error>().filter(|error| error.is_parse())?;
    Some(escape::text(&error.to_string()).into_owned())
}

/// The words of glibc, macOS and musl for `EAI_NONAME`. The number itself does not come through,
/// and a name that is only slow to resolve has other words.
fn is_unknown_name(words: &str) -> bool {
    ["Name or service not known", "nodename nor servname", "Name does not resolve"]
        .iter()
        .any(|known| words.contains(known))
}

/// The words of the innermost cause, safe to show.
fn root(error: &reqwest::Error) -> String {
    let root = causes(error).last().map(ToString::to_string).unwrap_or_default();
    escape::text(&root).into_owned()
}

/// The error and what it wraps.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| cause(*error))
}

/// What an error wraps, `io::Error`s opened as well: they hide their contents.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}
