//! Sources of archives: the publisher, mirrors, and local folders.
//!
//! A `Source` opens an archive at a range and returns a `Body`, or a `SourceError` with its
//! `RetryClass`. Nothing here retries, with one exception: if a remembered redirect no
//! longer works, the original address is asked at once.

#[cfg(feature = "buckets")]
mod bucket;
#[cfg(not(feature = "buckets"))]
#[path = "no_buckets.rs"]
mod bucket;
mod classify_error;
mod client;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[path = "../../fuzz/invariants/source.rs"]
pub(crate) mod fuzz;
mod headers;
mod hop;
mod http;
mod http_body;
mod link_local;
mod local_folder;
mod password;
mod range_answer;
mod redirects;
mod refusal_reason;
mod resolver;
mod server_digests;
mod spec;
mod spec_error;
mod tls;

use std::ops::Range;

use bytes::Bytes;
use reqwest::Url;

use bucket::Bucket;
pub use bucket::{BucketSpec, Variables};
pub(crate) use client::{Client, ClientOptions};
pub use error::ClientError;
pub(crate) use error::SourceError;
pub use password::without_password;
pub(crate) use server_digests::{DigestScope, ServerDigest};
pub(crate) use spec::Location;
pub use spec::{SourceSpec, SpecError};

use crate::catalog::Archive;

/// A source, and the redirects that it gave in this run.
#[derive(Debug)]
pub(crate) struct Source {
    spec: SourceSpec,
    targets: http::RedirectTargets,
    bucket: Option<Bucket>,
}

/// A request to a source.
#[derive(Debug, Clone)]
pub(crate) struct SourceRequest<'a> {
    pub(crate) archive: &'a Archive,
    /// The bytes, not an empty range. It may end after the end of an archive of unknown size;
    /// `u64::MAX` asks for everything.
    pub(crate) range: Range<u64>,
    /// The size of the archive, if known.
    pub(crate) size: Option<u64>,
    /// Tells caches not to answer from their store.
    pub(crate) fresh: bool,
    /// Asks for the whole archive, because this source ignores or breaks ranges.
    pub(crate) plain: bool,
    /// Asks for the digests that the source knows.
    pub(crate) wants_digests: bool,
}

/// The answer of a source.
#[derive(Debug)]
pub(crate) struct SourceAnswer {
    /// The offset of the body: the start of the range, or 0 if the source has no ranges.
    pub(crate) start: u64,
    /// The size of the archive, if the source reports it.
    pub(crate) total: Option<u64>,
    /// The end of the body, if the source reports it.
    pub(crate) end: Option<u64>,
    /// The source ignored the range and sends the whole archive.
    pub(crate) whole: bool,
    /// The end of the body is marked: it was not just cut off.
    pub(crate) framed: bool,
    /// The ETag (RFC 9110, section 8.8.3).
    pub(crate) tag: Option<String>,
    pub(crate) digests: Vec<ServerDigest>,
    pub(crate) body: Body,
}

/// The bytes of an answer.
#[derive(Debug)]
pub(crate) enum Body {
    Empty,
    Http(Box<http_body::HttpBody>),
    File(local_folder::FileBody),
}

impl Source {
    #[cfg_attr(
        not(feature = "buckets"),
        expect(unreachable_code, reason = "no source is a bucket")
    )]
    pub(crate) fn new(spec: SourceSpec) -> Self {
        let bucket = match &spec {
            SourceSpec::Bucket(bucket) => Some(Bucket::new(bucket.clone())),
            _ => None,
        };
        Self { spec, targets: http::RedirectTargets::default(), bucket }
    }

    /// Returns the name for messages.
    pub(crate) fn name(&self) -> String {
        self.spec.to_string()
    }

    /// Returns true for a local folder, which needs no client and has no rate limit.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self.spec, SourceSpec::Folder(_))
    }

    /// Opens the archive at the range, or at 0 if the source has no ranges. Fails before the body
    /// if the source reports a wrong size.
    pub(crate) async fn open(
        &self,
        client: &Client,
        request: &SourceRequest<'_>,
    ) -> Result<SourceAnswer, SourceError> {
        if let Some(bucket) = &self.bucket {
            return self.open_in_bucket(bucket, client, request).await;
        }
        match self.spec.location(request.archive).ok_or(SourceError::NoAddress)? {
            Location::Address(address) => self.server(client, &address).open(request).await,
            Location::File(path) => local_folder::open(&path, request),
        }
    }

    fn server<'a>(&'a self, client: &'a Client, address: &'a Url) -> http::Server<'a> {
        let is_named = matches!(self.spec, SourceSpec::Base(_) | SourceSpec::Template(_));
        let (targets, bucket) = (&self.targets, self.bucket.as_ref());
        http::Server { client, targets, address, is_named, bucket }
    }

    /// Asks a bucket, once more if its answer states another region, and once more with other
    /// credentials if it does not accept these.
    async fn open_in_bucket(
        &self,
        bucket: &Bucket,
        client: &Client,
        request: &SourceRequest<'_>,
    ) -> Result<SourceAnswer, SourceError> {
        let name = &request.archive.name;
        let (mut has_moved, mut is_renewed) = (false, false);
        loop {
            let renewals = bucket.renewals();
            let address = bucket.address(client, name)?;
            let error = match self.server(client, &address).open(request).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let again = if *error.kind() == SourceError::OtherRegion {
                !std::mem::replace(&mut has_moved, true)
            } else {
                !std::mem::replace(&mut is_renewed, true) && bucket.renew(client, &error, renewals)
            };
            if !again {
                return Err(bucket.explain(client, error, name));
            }
        }
    }
}

impl SourceAnswer {
    /// Returns an answer without headers.
    const fn bare(range: Range<u64>, total: u64, body: Body) -> Self {
        Self {
            start: range.start,
            total: Some(total),
            end: Some(range.end),
            whole: false,
            framed: false,
            tag: None,
            digests: Vec::new(),
            body,
        }
    }
}

impl Body {
    /// Adds the server to an error.
    pub(crate) fn located(&self, error: SourceError) -> SourceError {
        match self {
            Self::Http(body) => error.at(body.place()),
            Self::Empty | Self::File(_) => error,
        }
    }

    /// Returns the next bytes, and `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        match self {
            Self::Empty => Ok(None),
            Self::Http(body) => body.next().await,
            Self::File(body) => body.next(),
        }
    }
}
