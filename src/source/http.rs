//! An archive at an HTTP server: a GET with a range, and the checks of the answer.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use reqwest::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap,
    HeaderName, HeaderValue, RANGE, RETRY_AFTER, TRANSFER_ENCODING,
};
use reqwest::{Response, StatusCode, Url};

use super::bucket::Bucket;
use super::classify_error::not_received;
use super::client::Client;
use super::headers::{ContentRange, rate_limit, retry_after};
use super::hop::{Hop, Place};
use super::range_answer::{AnswerHead, Placement};
use super::redirects::follow;
use super::refusal_reason;
use super::server_digests::{WANTED, server_digests};
use super::{Body, SourceAnswer, SourceError, SourceRequest};
use crate::hash::digest::{Digest, DigestKind};
use crate::hash::digest_of;
use crate::locate::identify;
use crate::text::escape;

/// The rest of a quota (draft-ietf-httpapi-ratelimit-headers, section 4).
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The digests that the client wants (RFC 9530, section 4).
const WANT_REPR_DIGEST: HeaderName = HeaderName::from_static("want-repr-digest");

/// The reason of a refusal, from hosts of models and data sets.
const ERROR_MESSAGE: HeaderName = HeaderName::from_static("x-error-message");

/// The time in which the body of a refusal may come.
const REASON_TIME: Duration = Duration::from_secs(1);

/// A document that begins unlike the archive is read this far, to compare its MD5. Pages and messages
/// of servers are shorter.
const PAGE: usize = 1 << 20;

/// The time in which the rest of such a document may come.
const PAGE_TIME: Duration = Duration::from_secs(2);

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
    /// The bucket, which authorizes each request.
    pub(super) bucket: Option<&'a Bucket>,
}

impl Server<'_> {
    /// Requests a range. If a size seems wrong, or the source refuses the range as such, asks once
    /// more in another way before that is believed.
    pub(super) async fn open(
        &self,
        request: &SourceRequest<'_>,
    ) -> Result<SourceAnswer, SourceError> {
        let error = match self.ask(request).await {
            Err(error) if !request.plain => error,
            result => return result,
        };
        let mut last = None;
        for other in other_requests(&error, request) {
            match self.ask(&other).await {
                Ok(answer) => return Ok(answer),
                Err(other) => last = Some(other),
            }
        }
        // A mere refusal says less than the first answer.
        Err(last.filter(|last| !last.is_refusal()).unwrap_or(error))
    }

    /// Sends a request, first to the remembered target of a redirect.
    async fn ask(&self, request: &SourceRequest<'_>) -> Result<SourceAnswer, SourceError> {
        let address = self.address;
        let target = self.targets.lock().get(address).cloned();
        if let Some(target) = target {
            match self.send(&target, request).await {
                Ok((_, answer)) => return Ok(answer),
                Err(error) if error.is_busy() => return Err(error),
                Err(_) => self.targets.lock().remove(address),
            };
        }
        let (target, answer) = self.send(address, request).await?;
        if target != *address {
            self.targets.lock().insert(address.clone(), target);
        }
        Ok(answer)
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
        let (target, response) =
            follow(self.client, addresses, &headers(request), self.bucket, note).await?;
        let place = Arc::clone(&place.lock());
        let status = response.status();
        let is_moved =
            |bucket: &Bucket| !status.is_success() && bucket.learn(self.client, response.headers());
        if self.bucket.is_some_and(is_moved) {
            return Err(SourceError::OtherRegion);
        }
        if status == StatusCode::RANGE_NOT_SATISFIABLE {
            return Ok((target, no_such_range(&response, request)?));
        }
        let content_range = header(&response, &CONTENT_RANGE);
        let head = AnswerHead {
            status: status.as_u16(),
            content_range: content_range.as_deref(),
            length: response.content_length(),
        };
        match head.place(request.range.start)? {
            Some(bytes) => Ok((target, accept(response, place, request, bytes).await?)),
            None => Err(refusal(response, status).await),
        }
    }
}

/// Returns the requests that may succeed after a first one for a range has failed like this.
fn other_requests<'a>(
    error: &SourceError,
    request: &SourceRequest<'a>,
) -> impl Iterator<Item = SourceRequest<'a>> {
    let Range { start, end } = request.range;
    let may_end_behind = end != u64::MAX && request.size.is_none_or(|size| end >= size);
    let (open_ended, plain) = match error.kind() {
        // The size may be that of the range, and some servers and proxies refuse everything that has
        // a Range.
        SourceError::WrongSize { .. }
        | SourceError::OtherSize { .. }
        | SourceError::Status { code: 405 | 406 | 412 | 501, .. } => (false, true),
        SourceError::Status { code: 400, .. } => (may_end_behind, true),
        SourceError::RangeRefused(_) => (may_end_behind, false),
        _ => (false, false),
    };
    // All of it, so that a short document is known by its MD5.
    let again = matches!(error.kind(), SourceError::Doubtful(_));
    let again =
        again.then(|| SourceRequest { range: start..u64::MAX, fresh: true, ..request.clone() });
    let open_ended =
        open_ended.then(|| SourceRequest { range: start..u64::MAX, ..request.clone() });
    let plain = plain.then(|| SourceRequest { plain: true, ..request.clone() });
    again.into_iter().chain(open_ended).chain(plain)
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

/// Checks the size and the beginning of an answer that holds these bytes.
async fn accept(
    response: Response,
    place: Arc<Place>,
    request: &SourceRequest<'_>,
    bytes: Placement,
) -> Result<SourceAnswer, SourceError> {
    let Placement { start, end, total, whole } = bytes;
    let is_longer = |&size: &u64| !whole && total.is_none() && end.is_some_and(|end| end > size);
    if let Some(expected) = request.size.filter(is_longer) {
        return Err(SourceError::TooLong { expected });
    }
    let has_length = response.content_length().is_some();
    let framed = has_length || response.headers().contains_key(TRANSFER_ENCODING);
    let (tag, digests) = (header(&response, &ETAG), server_digests(response.headers()));
    let mut body = HttpBody { response, place, head: None, at: start, end };
    body.check(total, request).await?;
    let body = Body::Http(Box::new(body));
    Ok(SourceAnswer { start, total, end, whole, framed, tag, digests, body })
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
        _ => Err(SourceError::RangeRefused(format!(
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

    /// Refuses a wrong size, and another document unless its size or its digest is right.
    async fn check(
        &mut self,
        total: Option<u64>,
        request: &SourceRequest<'_>,
    ) -> Result<(), SourceError> {
        if total == Some(0) && !request.archive.digest().is_of_nothing() {
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

    /// Reads the first bytes, and refuses another document in place of the archive. The beginning
    /// of a document proves nothing, unless the size in the table agrees: the digest decides, and if
    /// the document is too long to be read here, the source must send it twice.
    async fn identify(
        &mut self,
        total: Option<u64>,
        request: &SourceRequest<'_>,
    ) -> Result<(), SourceError> {
        let SourceRequest { archive, plain, .. } = *request;
        let is_second = plain || (request.fresh && request.range.end == u64::MAX);
        self.head = self.chunk().await?;
        let kind = identify::kind(self.head.as_deref().unwrap_or_default());
        if !identify::is_out_of_place(&kind, &archive.name) {
            return Ok(());
        }
        let media_type = header(&self.response, &CONTENT_TYPE).map(|text| escape::brief(&text));
        let length = total.map(|total| format!("{total} bytes"));
        let facts: Vec<String> = [media_type, length].into_iter().flatten().collect();
        let facts =
            if facts.is_empty() { String::new() } else { format!(" ({})", facts.join(", ")) };
        let document = format!("{kind}{facts}");
        if total.zip(archive.size).is_some_and(|(offered, expected)| offered != expected) {
            return Err(SourceError::Foreign(document));
        }
        match self.digest_of_page(total, archive.digest().kind()).await {
            Some(digest) if digest != archive.digest() => Err(SourceError::Foreign(document)),
            None if !is_second => Err(SourceError::Doubtful(document)),
            _ => Ok(()),
        }
    }

    /// Returns the digest of the document, or `None` if this answer does not hold all of it, if it is
    /// long, or if it does not arrive in time.
    async fn digest_of_page(&mut self, total: Option<u64>, kind: DigestKind) -> Option<Digest> {
        let length = total.or(self.end);
        if length.is_some_and(|length| length > PAGE as u64 || self.end != total) {
            return None;
        }
        let mut page = BytesMut::from(self.head.take().unwrap_or_default());
        let read = async {
            while page.len() <= PAGE {
                match self.chunk().await {
                    Ok(Some(chunk)) => page.extend_from_slice(&chunk),
                    end => return end.is_ok(),
                }
            }
            false
        };
        let is_whole = tokio::time::timeout(PAGE_TIME, read).await == Ok(true);
        let page = page.freeze();
        let digest = is_whole.then(|| digest_of(kind, &page));
        self.head = Some(page);
        digest
    }
}
