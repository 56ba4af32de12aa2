//! Errors of sources, and the retries that they allow.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::hop::Place;
use crate::schedule::{Failure, RetryClass};
use crate::text::{escape, units};

/// A failed request to a source. A message says "SOURCE: " before it. The texts are escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(not(feature = "buckets"), expect(dead_code, reason = "some errors are of buckets only"))]
pub(crate) enum SourceError {
    /// The source has no address for this archive, as the publisher of a table without addresses.
    #[error("has no address for it")]
    NoAddress,
    /// The name service says that there is no such host.
    #[error("name not found: {0}")]
    NameNotFound(String),
    /// Refused, unreachable, timed out, or a name that did not resolve this time.
    /// The text names the server or the proxy, and the step.
    #[error("no connection to {0}")]
    NoConnection(String),
    /// This machine has no certificate of an authority, so it can trust no server.
    #[error(
        "this machine has no certificates to check an https server with: install the package \
         ca-certificates, or set SSL_CERT_FILE or --cacert to a file with certificates"
    )]
    NoAuthorities,
    /// The text says why, and who can correct it.
    #[error("the certificate is not trusted: {0}")]
    Certificate(String),
    #[error("the connection broke before an answer: {0}")]
    Unanswered(String),
    /// There is a connection, but no answer.
    #[error("no answer within {} s", .0.as_secs_f32())]
    NoAnswer(Duration),
    /// Nothing arrived for too long, or almost nothing.
    #[error("stalled: almost no data in {} s", .0.as_secs_f32())]
    Stalled(Duration),
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The offsets in the archive at which the answer ended and should have ended.
    #[error("truncated: the answer ended at byte {at}{}", expected_end(*.end))]
    Truncated { at: u64, end: Option<u64> },
    /// A refusal (RFC 9110, section 15), and the reason in its body.
    #[error("answered {}{}", status_words(*.code), quoted(.reason.as_deref()))]
    Status { code: u16, retry_after: Option<Duration>, reason: Option<Box<str>> },
    /// Another document came, most often a web page.
    #[error("sent {0} in place of the archive")]
    Foreign(String),
    /// An archive that begins like another document, before its MD5 is known.
    #[error("sent {0} in place of the archive")]
    Doubtful(String),
    #[error("offers {offered} bytes where the table says {expected}")]
    WrongSize { offered: u64, expected: u64 },
    /// The size differs from an earlier answer, and the table has none.
    #[error("offers {offered} bytes where an earlier answer said {earlier}")]
    OtherSize { offered: u64, earlier: u64 },
    #[error(
        "sends the archive compressed once more ({encoding}), {offered} bytes instead of \
         {expected}; this is a setting of the server, or of a proxy in front of it"
    )]
    Encoded { offered: u64, expected: u64, encoding: String },
    /// The source does not say how long its file is, but it is too long.
    #[error("has more than the {expected} bytes that the table says")]
    TooLong { expected: u64 },
    /// Neither the source nor the table says how long the archive is, and it does not end.
    #[error(
        "sends more than {} and does not report a size; cxr stops there. If the archive is larger, \
         add its size to the table",
        units::bytes(*.limit)
    )]
    Endless { limit: u64 },
    #[error("protocol error: {0}")]
    Protocol(String),
    /// The answer does not fit the range, or contradicts itself.
    #[error("protocol error: {0}")]
    Contradiction(String),
    /// The source says that it does not have the range.
    #[error("protocol error: {0}")]
    RangeRefused(String),
    /// The source ignores ranges, and the request was not for the whole archive.
    #[error("sends whole files only")]
    NoRanges,
    #[error("too many redirects: more than {0}")]
    RedirectLoop(usize),
    #[error("redirects from https to http, to {0}; cxr does not follow")]
    Downgrade(String),
    /// The scheme and the host of the target of a redirect.
    #[error("redirects to {0}; cxr follows only http and https")]
    OtherScheme(String),
    /// The target of a redirect, and its address if it is a name.
    #[error(
        "redirects to {0}, an address of the local link, where clouds keep the credentials of a \
         machine; cxr does not follow"
    )]
    LinkLocal(String),
    /// A local file could not be read.
    #[error("{0}")]
    File(String),
    /// The settings for a bucket cannot be used.
    #[error("cannot be asked: {0}")]
    Setting(String),
    /// A service did not give the credentials for a bucket.
    #[error("no credentials: {reason}")]
    Credentials { reason: String, is_final: bool },
    /// The bucket is in another region than was asked, and cxr knows it now.
    #[error("the bucket is in another region")]
    OtherRegion,
    /// An error, and what to do about it. If it is final, the same request gets it again.
    #[error("{error}; {advice}")]
    Explained { error: Box<Self>, advice: Box<str>, is_final: bool },
    /// An error, and its server.
    #[error("{error}, {place}")]
    At { error: Box<Self>, place: Arc<Place> },
}

/// The reason why this machine has no HTTP client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The file of `--cacert` cannot be used.
    #[error("--cacert {path}: {cause}", path = escape::path(.path))]
    Roots {
        /// The file.
        path: PathBuf,
        /// The problem.
        cause: String,
    },
    /// The platform has no usable TLS.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The system refuses a resource that connections need.
    #[error("this machine cannot open connections: {0}")]
    System(#[from] std::io::Error),
}

impl Failure for SourceError {
    fn retry_class(&self, delivered: bool) -> RetryClass {
        if matches!(self, Self::Explained { is_final: true, .. }) {
            return RetryClass::Permanent;
        }
        match self.kind() {
            // A status with a time: the server says when to come back.
            Self::NoConnection(_)
            | Self::Unanswered(_)
            | Self::Status { retry_after: Some(_), .. } => RetryClass::Busy,
            Self::NoAnswer(_)
            | Self::Stalled(_)
            | Self::Broken(_)
            | Self::Truncated { .. }
            | Self::Foreign(_)
            | Self::Doubtful(_)
            | Self::Protocol(_)
            | Self::Contradiction(_)
            | Self::Credentials { is_final: false, .. }
            | Self::OtherRegion
            | Self::RangeRefused(_) => RetryClass::Transient,
            Self::Setting(_) => RetryClass::Refused,
            Self::Status { code, .. } => status_class(*code, delivered),
            Self::NoRanges => RetryClass::Again,
            Self::NoAddress
            | Self::NameNotFound(_)
            | Self::Credentials { .. }
            | Self::Certificate(_)
            | Self::WrongSize { .. }
            | Self::OtherSize { .. }
            | Self::Encoded { .. }
            | Self::TooLong { .. }
            | Self::Endless { .. }
            | Self::RedirectLoop(_)
            | Self::Downgrade(_)
            | Self::OtherScheme(_)
            | Self::LinkLocal(_)
            | Self::NoAuthorities
            | Self::At { .. }
            | Self::Explained { .. }
            | Self::File(_) => RetryClass::Permanent,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self.kind() {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    fn is_suspicious(&self) -> bool {
        self.is_contradiction()
            || matches!(self.kind(), Self::Foreign(_) | Self::Doubtful(_) | Self::Protocol(_))
    }

    fn is_contradiction(&self) -> bool {
        matches!(self.kind(), Self::Contradiction(_) | Self::RangeRefused(_))
    }

    fn is_about_size(&self) -> bool {
        matches!(
            self.kind(),
            Self::WrongSize { .. } | Self::OtherSize { .. } | Self::TooLong { .. }
        )
    }
}

impl SourceError {
    /// Returns the error for a status alone.
    pub(crate) const fn status(code: u16, retry_after: Option<Duration>) -> Self {
        Self::Status { code, retry_after, reason: None }
    }

    /// Returns the error without its server.
    pub(crate) fn kind(&self) -> &Self {
        match self {
            Self::At { error, .. } | Self::Explained { error, .. } => error.kind(),
            error => error,
        }
    }

    /// Returns true if the server wants fewer requests.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.kind(), Self::Status { code: 429 | 503, .. })
    }

    /// Returns true for a status that is no reason to retry.
    pub(super) fn is_refusal(&self) -> bool {
        let Self::Status { code, retry_after, .. } = self.kind() else { return false };
        retry_after.is_none()
            && matches!(status_class(*code, false), RetryClass::Permanent | RetryClass::Refused)
    }

    /// Adds the server, as far as the message does not name it.
    pub(super) fn at(self, place: &Arc<Place>) -> Self {
        let place = match self {
            Self::At { .. } | Self::LinkLocal(_) => return self,
            Self::NameNotFound(_) | Self::NoConnection(_) => Arc::new(place.of_redirect()),
            _ => Arc::clone(place),
        };
        if place.is_empty() { self } else { Self::At { error: Box::new(self), place } }
    }

    /// Returns the error for a size that contradicts the table, or else an earlier answer.
    pub(crate) const fn size(offered: u64, expected: u64, table: Option<u64>) -> Self {
        match table {
            Some(_) => Self::WrongSize { offered, expected },
            None => Self::OtherSize { offered, earlier: expected },
        }
    }
}

/// Classifies the codes of RFC 9110 section 15, RFC 6585 (429), and 520 to 524 and 530 of a
/// well-known content network, whose servers could not reach the origin.
fn status_class(code: u16, delivered: bool) -> RetryClass {
    match code {
        429 | 503 => RetryClass::Busy,
        408 | 425 | 500 | 502 | 504 | 509 | 520..=524 | 530 => RetryClass::Transient,
        // A signed address expires, and a server that shuts down answers anything.
        401 | 403 if delivered => RetryClass::Busy,
        404 | 410 if delivered => RetryClass::Transient,
        // These are about the archive, the request or a proxy, whatever else the source serves.
        300..=399 | 404..=407 | 410..=417 | 431 | 451 | 501 | 505 => RetryClass::Permanent,
        400..=599 => RetryClass::Refused,
        _ => RetryClass::Permanent,
    }
}

fn expected_end(end: Option<u64>) -> String {
    end.map_or_else(|| ", which is too early".to_owned(), |end| format!(" of {end}"))
}

fn quoted(reason: Option<&str>) -> String {
    reason.map_or_else(String::new, |reason| format!(": \"{reason}\""))
}

/// Returns the code and its standard name.
fn status_words(code: u16) -> String {
    let name = reqwest::StatusCode::from_u16(code).ok().and_then(|code| code.canonical_reason());
    name.map_or_else(|| code.to_string(), |name| format!("{code} {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(wanted: RetryClass, delivered: bool) -> Vec<u16> {
        (100..600).filter(|&code| status_class(code, delivered) == wanted).collect()
    }

    #[test]
    fn every_status_code_has_a_retry_class() {
        assert_eq!(codes(RetryClass::Busy, false), [429, 503]);
        assert_eq!(
            codes(RetryClass::Transient, false),
            [408, 425, 500, 502, 504, 509, 520, 521, 522, 523, 524, 530]
        );
        let more: Vec<_> = codes(RetryClass::Transient, true);
        assert_eq!(more, [404, 408, 410, 425, 500, 502, 504, 509, 520, 521, 522, 523, 524, 530]);
        assert_eq!(codes(RetryClass::Busy, true), [401, 403, 429, 503]);
        let refused = codes(RetryClass::Refused, false);
        assert_eq!(refused[..5], [400, 401, 402, 403, 409]);
        for permanent in [302, 404, 405, 407, 410, 412, 416, 451, 501] {
            assert!(!refused.contains(&permanent), "{permanent}");
        }
    }

    #[test]
    fn messages_name_the_status_and_the_time() {
        let status = SourceError::status(503, None);
        assert_eq!(status.to_string(), "answered 503 Service Unavailable");
        assert_eq!(SourceError::status(522, None).to_string(), "answered 522");
        assert_eq!(
            SourceError::Stalled(Duration::from_millis(1500)).to_string(),
            "stalled: almost no data in 1.5 s"
        );
    }
}
