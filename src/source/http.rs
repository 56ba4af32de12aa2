//! An archive at an HTTP server: a GET with a range, and the checks of the answer.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use parking_lot::Mutex;
use reqwest::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap,
    HeaderName, HeaderValue, RANGE, RETRY_AFTER,
};
use reqwest::{Response, StatusCode, Url};

use super::classify_error::not_received;
use super::client::Client;
use super::headers::{ContentRange, rate_limit, retry_after};
use super::hop::{Hop, Place};
use super::redirects::follow;
use super::refusal_reason;
use super::server_digests::{WANTED, server_digests};
use super::{Body, SourceAnswer, SourceError, SourceRequest};
use crate::hash::digest::Digest;
use crate::locate::identify::{self, HEAD};
use crate::text::escape;

/// The rest of a quota (draft-ietf-httpapi-ratelimit-headers, section 4).
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The digests that the client wants (RFC 9530, section 4).
const WANT_REPR_DIGEST: HeaderName = HeaderName::from_static("want-repr-digest");

/// The reason of a refusal, from hosts of models and data sets.
const ERROR_MESSAGE: HeaderName = HeaderName::from_static("x-error-message");

/// The time in which the body of a refusal may come.
const REASON_TIME: Duration = Duration::from_secs(1);

/// The target of the redirects of each original address, while it works. A signed address expires;
/// then the original is asked again.
pub(super) type RedirectTargets = Mutex<HashMap<Url, Url>>;

/// The body of an HTTP response.
#[derive(Debug)]
pub(crate) struct HttpBody {
    response: Response,
    place: Arc<Place>,
    /// The first bytes, if they were read to identify the document.
    head: Option<Bytes>,
    /// The offset in the archive of the next byte.
    at: u64,
    /// The end of the body, if known.
    end: Option<u64>,
}

/// An archive at a server.
pub(super) struct Server<'a> {
    pub(super) client: &'a Client,
    pub(super) targets: &'a RedirectTargets,
    /// The original address, before redirects.
    pub(super) address: &'a Url,
    /// The name of the source contains the host.
    pub(super) is_named: bool,
}

impl Server<'_> {
    /// Requests a range, first at the remembered target of a redirect.
    pub(super) async fn open(
        &self,
        request: &SourceRequest<'_>,
    ) -> Result<SourceAnswer, SourceError> {
        let address = self.address;
        let target = self.targets.lock().get(address).cloned();
        if let Some(target) = target {
            match self.send(&target, request).await {
                Ok((_, answer)) => return Ok(answer),
                Err(error) if error.is_busy() => return Err(error),
                Err(_) => self.targets.lock().remove(address),
            };
        }
        match self.send(address, request).await {
            Ok((target, answer)) => {
                if target != *address {
                    self.targets.lock().insert(address.clone(), target);
                }
                Ok(answer)
            }
            Err(error)
                if request.range.start > 0
                    && matches!(
                        error.kind(),
                        SourceError::WrongSize { .. } | SourceError::OtherSize { .. }
                    ) =>
            {
                Err(self.other_document(request).await.unwrap_or(error))
            }
            Err(error) => Err(error),
        }
    }

    /// Identifies a document of a wrong size by its beginning: often it is not the archive at all.
    async fn other_document(&self, request: &SourceRequest<'_>) -> Option<SourceError> {
        let beginning = SourceRequest { range: 0..HEAD as u64, ..request.clone() };
        let error = self.send(self.address, &beginning).await.err()?;
        matches!(error.kind(), SourceError::Foreign(_)).then_some(error)
    }

    /// Sends one request, and waits no longer for the first bytes of the answer than connecting and
    /// a stall may take.
    async fn send(
        &self,
        first: &Url,
        request: &SourceRequest<'_>,
    ) -> Result<(Url, SourceAnswer), SourceError> {
        let (limit, place) = (self.client.answer_timeout(), Mutex::default());
        let answer = tokio::time::timeout(limit, self.exchange(first, request, &place)).await;
        let answer = answer.unwrap_or(Err(SourceError::NoAnswer(limit)));
        answer.map_err(|error| error.at(&place.into_inner()))
    }

    /// Sends a request. `place` is then that of the server that answered, or should have.
    async fn exchange(
        &self,
        first: &Url,
        request: &SourceRequest<'_>,
        place: &Mutex<Arc<Place>>,
    ) -> Result<(Url, SourceAnswer), SourceError> {
        let note = |hop: &Hop| *place.lock() = hop.place(self.is_named);
        let addresses = (self.address, first);
        let (target, response) = follow(self.client, addresses, &headers(request), note).await?;
        let place = Arc::clone(&place.lock());
        let answer = match response.status() {
            StatusCode::OK => {
                let total = response.content_length();
                accept(response, place, request, 0, total, total).await
            }
            StatusCode::PARTIAL_CONTENT => partial(response, place, request).await,
            StatusCode::RANGE_NOT_SATISFIABLE => no_such_range(&response, request),
            status => Err(refusal(response, status).await),
        };
        Ok((target, answer?))
    }
}

/// Returns the value of a Range header (RFC 9110, section 14.1.2), open if the end is unknown.
fn range(range: &Range<u64>) -> String {
    let Range { start, end } = range;
    if *end == u64::MAX { format!("bytes={start}-") } else { format!("bytes={start}-{}", end - 1) }
}

/// Returns the headers of a request.
fn headers(request: &SourceRequest<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if !request.plain {
        let value = HeaderValue::try_from(range(&request.range));
        headers.extend(value.ok().map(|value| (RANGE, value)));
    }
    if request.fresh {
        // RFC 9111, section 5.2.1: neither stored nor unpacked on the way. And a new connection
        // next time, because something on this one may mix up answers.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if request.wants_digests {
        headers.insert(WANT_REPR_DIGEST, HeaderValue::from_static(WANTED));
    }
    headers
}

/// 206: the requested range, or its beginning.
async fn partial(
    response: Response,
    place: Arc<Place>,
    request: &SourceRequest<'_>,
) -> Result<SourceAnswer, SourceError> {
    let start = request.range.start;
    let value = header(&response, &CONTENT_RANGE).unwrap_or_default();
    let wrong = || {
        let found = if value.is_empty() { "none".into() } else { escape::text(&value) };
        SourceError::Protocol(format!("206 to a range from {start} with the Content-Range {found}"))
    };
    let range = ContentRange::parse(&value).ok_or_else(wrong)?;
    let (_, last) = range.span.filter(|(first, _)| *first == start).ok_or_else(wrong)?;
    if let Some(expected) = request.size.filter(|&size| range.total.is_none() && last >= size) {
        return Err(SourceError::TooLong { expected });
    }
    accept(response, place, request, start, range.total, Some(last + 1)).await
}

/// Checks the size and the beginning of a 200 or 206.
async fn accept(
    response: Response,
    place: Arc<Place>,
    request: &SourceRequest<'_>,
    start: u64,
    total: Option<u64>,
    end: Option<u64>,
) -> Result<SourceAnswer, SourceError> {
    let whole = response.status() == StatusCode::OK;
    let (tag, digests) = (header(&response, &ETAG), server_digests(response.headers()));
    let mut body = HttpBody { response, place, head: None, at: start, end };
    body.check(total, request).await?;
    let body = Body::Http(Box::new(body));
    Ok(SourceAnswer { start, total, end, whole, tag, digests, body })
}

/// 416: the document ends where the range begins, or before. Without a total, this is trusted only
/// if the archive is expected to end there or its size is unknown.
fn no_such_range(
    response: &Response,
    request: &SourceRequest<'_>,
) -> Result<SourceAnswer, SourceError> {
    let start = request.range.start;
    let total = header(response, &CONTENT_RANGE)
        .and_then(|value| ContentRange::parse(&value))
        .and_then(|range| range.total);
    let wrong_size =
        |offered, expected| Err(SourceError::size(offered, expected, request.archive.size));
    match (total, request.size) {
        (Some(offered), Some(expected)) if offered != expected => wrong_size(offered, expected),
        // All bytes are already here, or the archive is empty.
        (Some(total), _) if total == start => Ok(ends_at(start)),
        (None, size) if start > 0 && size.is_none_or(|size| size == start) => Ok(ends_at(start)),
        (Some(total), None) if total < start => wrong_size(total, start),
        _ => Err(SourceError::Protocol(format!(
            "416 to a range from {start}, which is inside the archive"
        ))),
    }
}

const fn ends_at(size: u64) -> SourceAnswer {
    SourceAnswer::bare(size..size, size, Body::Empty)
}

async fn refusal(response: Response, status: StatusCode) -> SourceError {
    let wait = header(&response, &RETRY_AFTER)
        .and_then(|value| retry_after(&value, SystemTime::now()))
        .or_else(|| header(&response, &RATE_LIMIT).and_then(|value| rate_limit(&value)));
    let stated = header(&response, &ERROR_MESSAGE).unwrap_or_default();
    let body = if stated.is_empty() { beginning(response).await } else { stated.into_bytes() };
    let reason = refusal_reason::reason(&body, status).map(String::into_boxed_str);
    SourceError::Status { code: status.as_u16(), retry_after: wait, reason }
}

/// Reads the first bytes of a body, as far as they come in time.
async fn beginning(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    let read = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            let room = refusal_reason::READ - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() >= room {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(REASON_TIME, read).await;
    body
}

/// Returns a header as text, with U+FFFD for invalid UTF-8.
fn header(response: &Response, name: &HeaderName) -> Option<String> {
    let value = response.headers().get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

impl HttpBody {
    pub(super) const fn place(&self) -> &Arc<Place> {
        &self.place
    }

    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        match self.head.take() {
            Some(head) => Ok(Some(head)),
            None => self.chunk().await,
        }
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        let chunk = self.response.chunk().await;
        let chunk =
            chunk.map_err(|error| not_received(&error, self.at, self.end).at(&self.place))?;
        self.at += chunk.as_ref().map_or(0, Bytes::len) as u64;
        Ok(chunk)
    }

    /// Refuses a wrong size, and another document unless its size is right.
    async fn check(
        &mut self,
        total: Option<u64>,
        request: &SourceRequest<'_>,
    ) -> Result<(), SourceError> {
        if total == Some(0) && request.archive.md5 != Digest::EMPTY {
            return Err(SourceError::Foreign("nothing at all".to_owned()));
        }
        let fits = total.is_some() && total == request.size;
        if self.at == 0 && !fits {
            self.identify(total, request).await?;
        }
        match (total, request.size) {
            (Some(offered), Some(expected)) if offered != expected => Err(match self.encoding() {
                Some(encoding) => SourceError::Encoded { offered, expected, encoding },
                None => SourceError::size(offered, expected, request.archive.size),
            }),
            _ => Ok(()),
        }
    }

    /// Returns the content encoding, which cxr never asks for. Some servers declare one for an
    /// archive as it is stored.
    fn encoding(&self) -> Option<String> {
        let encoding = header(&self.response, &CONTENT_ENCODING)?;
        (!encoding.eq_ignore_ascii_case("identity"))
            .then(|| format!("Content-Encoding: {}", escape::brief(&encoding)))
    }

    /// Reads the first bytes, and refuses another document in place of the archive.
    async fn identify(
        &mut self,
        total: Option<u64>,
        request: &SourceRequest<'_>,
    ) -> Result<(), SourceError> {
        self.head = self.chunk().await?;
        let kind = identify::kind(self.head.as_deref().unwrap_or_default());
        if !identify::is_out_of_place(&kind, &request.archive.name) {
            return Ok(());
        }
        let media_type = header(&self.response, &CONTENT_TYPE).map(|text| escape::brief(&text));
        let length = total.map(|total| format!("{total} bytes"));
        let facts: Vec<String> = [media_type, length].into_iter().flatten().collect();
        let facts =
            if facts.is_empty() { String::new() } else { format!(" ({})", facts.join(", ")) };
        Err(SourceError::Foreign(format!("{kind}{facts}")))
    }
}
