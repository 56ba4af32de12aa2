//! An archive at an HTTP server: a GET with a range, and the checks of the answer.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use reqwest::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, HeaderValue, RANGE,
    RETRY_AFTER, TRANSFER_ENCODING,
};
use reqwest::{Response, StatusCode, Url};

use super::bucket::Bucket;
use super::client::Client;
use super::headers::{ContentRange, header, rate_limit, retry_after};
use super::hop::{Hop, Place};
use super::http_body::HttpBody;
use super::range_answer::{AnswerHead, Placement};
use super::redirects::follow;
use super::refusal_reason;
use super::server_digests::{WANTED, server_digests};
use super::{Body, SourceAnswer, SourceError, SourceRequest};

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
            Err(error) if !request.plain && !self.is_final(&error) => error,
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

    /// Returns true for a refusal of a bucket that the range has nothing to do with.
    fn is_final(&self, error: &SourceError) -> bool {
        self.bucket.is_some() && Bucket::is_final(error)
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
        let region = self.bucket.map(|bucket| bucket.region(self.client)).unwrap_or_default();
        let (target, response) =
            follow(self.client, addresses, &headers(request), self.bucket, note).await?;
        let place = Arc::clone(&place.lock());
        let status = response.status();
        let is_moved = |bucket: &Bucket| {
            !status.is_success() && bucket.learn(self.client, response.headers(), &region)
        };
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
        if let Some(bytes) = head.place(request.range.start)? {
            return Ok((target, accept(response, place, request, bytes).await?));
        }
        let error = refusal(response, status).await;
        Err(match self.bucket {
            Some(bucket) => bucket.without_secrets(error),
            None => error,
        })
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
