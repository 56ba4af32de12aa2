//! What can go wrong at a source, in words, and what each means for the next attempt.

use std::path::PathBuf;
use std::time::Duration;

use crate::schedule::{Failure, RetryClass};
use crate::text::escape;

/// Why a source did not give the bytes that were asked of it. The texts are safe to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The source has no place for this archive, as a table without addresses.
    #[error("has no address for it")]
    NoPlace,
    /// There is no such host, says the name service.
    #[error("name not found: {0}")]
    NameNotFound(String),
    /// No connection came about: refused, unreachable, timed out, a name that did not resolve
    /// this time.
    #[error("no connection: {0}")]
    NoConnection(String),
    /// The certificate is not one to trust: why, and who can put it right.
    #[error("the certificate is not trusted: {0}")]
    Certificate(String),
    /// The connection stood, and broke before the answer.
    #[error("the connection broke before an answer: {0}")]
    Unanswered(String),
    /// The connection stood, but no answer came.
    #[error("no answer within {} s", .0.as_secs_f32())]
    NoAnswer(Duration),
    /// No byte, or hardly one, came for too long.
    #[error("stalled: hardly a byte in {} s", .0.as_secs_f32())]
    Stalled(Duration),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The answer ended before all of it had come.
    #[error("truncated: the answer ended at byte {at}{}", of(*.end))]
    Truncated {
        /// The offset in the archive up to which bytes came.
        at: u64,
        /// The offset up to which they had been promised, if that is known.
        end: Option<u64>,
    },
    /// A status that is no content.
    #[error("answered {}", status_words(*.code))]
    Status {
        /// The status code (RFC 9110, section 15).
        code: u16,
        /// How long the server asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// Another document came in the archive's place: a web page, most often.
    #[error("sent {0} in place of the archive")]
    Foreign(String),
    /// The archive there has another size.
    #[error("offers {offered} bytes where the table says {expected}")]
    WrongSize {
        /// Bytes that the source has.
        offered: u64,
        /// Bytes that the archive has.
        expected: u64,
    },
    /// The archive there has another size than an earlier answer told, and the table tells none.
    #[error("offers {offered} bytes where an earlier answer said {told}")]
    OtherSize {
        /// Bytes that the source has.
        offered: u64,
        /// Bytes that the archive was said to have.
        told: u64,
    },
    /// It is compressed on its way: so many bytes come of it.
    #[error(
        "sends it compressed once more ({encoding}), {offered} bytes for {expected}: that is a \
             setting of the server, or of what stands before it"
    )]
    Encoded {
        /// Bytes that come.
        offered: u64,
        /// Bytes that the archive has.
        expected: u64,
        /// How, as the server calls it, escaped.
        encoding: String,
    },
    /// The archive there goes on behind its end, and nobody knows how far.
    #[error("has more than the {expected} bytes that the table says")]
    TooLong {
        /// Bytes that the archive has.
        expected: u64,
    },
    /// The answer does not fit the question.
    #[error("protocol error: {0}")]
    Protocol(String),
    /// The server sends whole files only, and this was not a question for a whole file.
    #[error("sends whole files only")]
    NoRanges,
    /// More redirects than a sane server needs.
    #[error("redirects in circles: more than {0}")]
    RedirectLoop(usize),
    /// A redirect would have led from https to http.
    #[error("would lead from https to http, to {0}")]
    Downgrade(String),
    /// A local file could not be read.
    #[error("{0}")]
    File(String),
    /// The whole archive came from it, and its MD5 was wrong.
    #[error("gave an archive with MD5 {0}")]
    WrongDigest(String),
}

/// Why there can be no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The file of `--cacert` cannot be used.
    #[error("--cacert {path}: {cause}", path = escape::path(.path))]
    Roots {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The platform has no usable TLS.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The system does not give what connections need.
    #[error("no connection can be made from here: {0}")]
    System(#[from] std::io::Error),
}

impl Failure for SourceError {
    fn retry_class(&self, delivered: bool) -> RetryClass {
        match self {
            Self::NoConnection(_) | Self::Unanswered(_) => RetryClass::Busy,
            Self::NoAnswer(_)
            | Self::Stalled(_)
            | Self::Broken(_)
            | Self::Truncated { .. }
            | Self::Foreign(_)
            | Self::Protocol(_) => RetryClass::Transient,
            Self::Status { code, .. } => status_class(*code, delivered),
            Self::NoRanges => RetryClass::Again,
            Self::NoPlace
            | Self::NameNotFound(_)
            | Self::Certificate(_)
            | Self::WrongSize { .. }
            | Self::OtherSize { .. }
            | Self::Encoded { .. }
            | Self::TooLong { .. }
            | Self::RedirectLoop(_)
            | Self::Downgrade(_)
            | Self::File(_)
            | Self::WrongDigest(_) => RetryClass::Permanent,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    fn is_suspicious(&self) -> bool {
        matches!(self, Self::Foreign(_) | Self::Protocol(_))
    }

    fn is_about_size(&self) -> bool {
        matches!(self, Self::WrongSize { .. } | Self::OtherSize { .. } | Self::TooLong { .. })
    }
}

impl SourceError {
    /// The error for a size that contradicts the table, or else an earlier response.
    pub const fn size(offered: u64, expected: u64, table: Option<u64>) -> Self {
        match table {
            Some(_) => Self::WrongSize { offered, expected },
            None => Self::OtherSize { offered, told: expected },
        }
    }

    /// A broken connection.
    pub fn broken(reason: &dyn std::fmt::Display) -> Self {
        Self::Broken(escape::text(&reason.to_string()).into_owned())
    }
}

/// Codes of RFC 9110 section 15, RFC 6585 (429), and 520 to 524, 530 of a well-known content
/// network, whose own servers could not reach the origin.
fn status_class(code: u16, delivered: bool) -> RetryClass {
    match code {
        429 | 503 => RetryClass::Busy,
        408 | 425 | 500 | 502 | 504 | 509 | 520..=524 | 530 => RetryClass::Transient,
        // A signed address expires, and a server on its way down answers anything.
        401 | 403 | 404 | 410 if delivered => RetryClass::Transient,
        _ => RetryClass::Permanent,
    }
}

fn of(end: Option<u64>) -> String {
    end.map_or_else(|| ", and not as it should".to_owned(), |end| format!(" of {end}"))
}

/// The code, and its standard words where it has any.
fn status_words(code: u16) -> String {
    let words = reqwest::StatusCode::from_u16(code).ok().and_then(|code| code.canonical_reason());
    words.map_or_else(|| code.to_string(), |words| format!("{code} {words}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(wanted: RetryClass, delivered: bool) -> Vec<u16> {
        (100..600).filter(|&code| status_class(code, delivered) == wanted).collect()
    }

    #[test]
    fn every_status_has_its_meaning() {
        assert_eq!(codes(RetryClass::Busy, false), [429, 503]);
        assert_eq!(
            codes(RetryClass::Transient, false),
            [408, 425, 500, 502, 504, 509, 520, 521, 522, 523, 524, 530]
        );
        let more: Vec<_> = codes(RetryClass::Transient, true);
        assert_eq!(
            more,
            [401, 403, 404, 408, 410, 425, 500, 502, 504, 509, 520, 521, 522, 523, 524, 530]
        );
    }

    #[test]
    fn words_say_what_happened() {
        let status = SourceError::Status { code: 503, retry_after: None };
        assert_eq!(status.to_string(), "answered 503 Service Unavailable");
        assert_eq!(
            SourceError::Status { code: 522, retry_after: None }.to_string(),
            "answered 522"
        );
        assert_eq!(
            SourceError::Stalled(Duration::from_millis(1500)).to_string(),
            "stalled: hardly a byte in 1.5 s"
        );
    }
}
