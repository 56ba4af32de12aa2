//! Where bytes come from: the publisher's addresses, a mirror, a local folder.
//!
//! A [`Source`] opens an archive at a range and gives a [`Body`]; what it does not give is a
//! [`SourceError`], with its `RetryClass` for the next attempt. Nothing here waits or tries again, but
//! for one thing: a remembered redirect that no longer works is asked for anew at once.

mod claims;
mod classify_error;
mod client;
mod error;
mod folder;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod headers;
mod http;
mod spec;
mod tls;

use std::ops::Range;

use bytes::Bytes;

pub use claims::{Claim, Claimed, Scope};
pub use client::{Client, ClientOptions};
pub use error::{ClientError, SourceError};
pub use spec::{Place, SourceSpec, SpecError, without_password};
pub use tls::Tls;

use crate::catalog::Archive;

/// One place that has the archives, and what was learnt of it in this run.
#[derive(Debug)]
pub struct Source {
    spec: SourceSpec,
    targets: http::Targets,
}

/// A question to a source.
#[derive(Debug, Clone)]
pub struct SourceRequest<'a> {
    /// Which archive.
    pub archive: &'a Archive,
    /// Which bytes of it; not empty. The end may lie past the end of an archive of unknown size;
    /// `u64::MAX` asks for all there is.
    pub range: Range<u64>,
    /// The size of the whole, if known.
    pub size: Option<u64>,
    /// Ask caches on the way not to answer from their store.
    pub fresh: bool,
    /// Ask for the whole and take what is wanted of it: ranges are not understood there.
    pub plain: bool,
    /// Ask for the digests that the source knows.
    pub wants_digests: bool,
}

/// An archive, open at a source.
#[derive(Debug)]
pub struct SourceAnswer {
    /// Where the body begins: at the range's start, or at 0 where the source has no ranges.
    pub start: u64,
    /// The size of the whole, where the source says.
    pub total: Option<u64>,
    /// Where the body ends, where the source says.
    pub end: Option<u64>,
    /// The source sends whole files only: this is all of it, whatever was asked for.
    pub whole: bool,
    /// What the source calls this state of the archive (RFC 9110, section 8.8.3).
    pub tag: Option<String>,
    /// The digests that it names.
    pub claims: Vec<Claim>,
    /// The bytes.
    pub body: Body,
}

/// Bytes as they come.
#[derive(Debug)]
pub enum Body {
    /// None are left.
    Nothing,
    /// From a server.
    Http(Box<http::HttpBody>),
    /// From a file.
    File(folder::FileBody),
}

impl Source {
    /// The source of which `--from` speaks.
    pub fn new(spec: SourceSpec) -> Self {
        Self { spec, targets: http::Targets::default() }
    }

    /// As a person would call it.
    pub fn name(&self) -> String {
        self.spec.to_string()
    }

    /// Whether it is on this machine, where no client is needed and nothing is throttled.
    pub fn is_local(&self) -> bool {
        matches!(self.spec, SourceSpec::Folder(_))
    }

    /// Opens the archive for the range, or from the start where the source has no ranges.
    ///
    /// # Errors
    ///
    /// Any [`SourceError`]; a total size that is not the known one is refused before the body.
    pub async fn open(
        &self,
        client: &Client,
        question: &SourceRequest<'_>,
    ) -> Result<SourceAnswer, SourceError> {
        match self.spec.place(question.archive).ok_or(SourceError::NoPlace)? {
            Place::Address(address) => http::open(client, &self.targets, &address, question).await,
            Place::File(path) => folder::open(&folder::found(&path, question.archive), question),
        }
    }
}

impl Body {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    ///
    /// A broken connection or an unreadable file.
    pub async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        match self {
            Self::Nothing => Ok(None),
            Self::Http(body) => body.next().await,
            Self::File(body) => body.next(),
        }
    }
}
