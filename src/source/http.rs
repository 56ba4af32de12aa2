//! An archive at an HTTP server: a ranged GET, and an answer that is believed only where it fits.

use std::collections::HashMap;
use std::ops::Range;
use std::time::SystemTime;

use bytes::Bytes;
use parking_lot::Mutex;
use reqwest::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName,
    RANGE, RETRY_AFTER,
};
use reqwest::{Response, StatusCode, Url};

use super::claims::{WANTED, claims};
use super::classify_error::{not_received, not_sent};
use super::client::Client;
use super::headers::{ContentRange, rate_limit, retry_after};
use super::{Body, SourceAnswer, SourceError, SourceRequest};
use crate::hash::digest::Digest;
use crate::locate::identify::{self, HEAD};
use crate::text::escape;

/// What is left of a quota (draft-ietf-httpapi-ratelimit-headers, section 4).
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Which digests are wanted (RFC 9530, section 4).
const WANT_REPR_DIGEST: HeaderName = HeaderName::from_static("want-repr-digest");

/// Where redirects led, for each original address, while it works. A signed address expires; the
/// original is then asked again.
#[derive(Debug, Default)]
pub(super) struct Targets(Mutex<HashMap<Url, Url>>);

/// A response as it comes.
#[derive(Debug)]
pub struct HttpBody {
    response: Response,
    /// What was read of the body to see what it is.
    head: Option<Bytes>,
    /// The offset in the archive of the next byte.
    at: u64,
    /// Where the body should end, if that is known.
    end: Option<u64>,
}

impl Targets {
    fn of(&self, address: &Url) -> Option<Url> {
        self.0.lock().get(address).cloned()
    }

    fn remember(&self, address: &Url, target: &Url) {
        if target != address {
            let mut targets = self.0.lock();
            targets.insert(address.clone(), target.clone());
        }
    }

    fn forget(&self, address: &Url) {
        self.0.lock().remove(address);
    }
}

/// Asks for a range; first at the remembered target of a redirect, if there is one.
pub(super) async fn open(
    client: &Client,
    targets: &Targets,
    address: &Url,
    question: &SourceRequest<'_>,
) -> Result<SourceAnswer, SourceError> {
    if let Some(target) = targets.of(address) {
        match ask(client, &target, question).await {
            Ok((_, opened)) => return Ok(opened),
            Err(busy @ SourceError::Status { code: 429 | 503, .. }) => return Err(busy),
            Err(_) => targets.forget(address),
        }
    }
    match ask(client, address, question).await {
        Ok((target, opened)) => {
            targets.remember(address, &target);
            Ok(opened)
        }
        Err(size @ (SourceError::WrongSize { .. } | SourceError::OtherSize { .. }))
            if question.range.start > 0 =>
        {
            Err(other_document(client, address, question).await.unwrap_or(size))
        }
        Err(fault) => Err(fault),
    }
}

/// What has another size than the archive is often another document, which its beginning shows.
async fn other_document(
    client: &Client,
    address: &Url,
    question: &SourceRequest<'_>,
) -> Option<SourceError> {
    let beginning = SourceRequest { range: 0..HEAD as u64, ..question.clone() };
    let fault = ask(client, address, &beginning).await.err()?;
    matches!(fault, SourceError::Foreign(_)).then_some(fault)
}

/// The range as a request has it (RFC 9110, section 14.1.2); one without an end that is known is
/// open.
fn range(range: &Range<u64>) -> String {
    let Range { start, end } = range;
    if *end == u64::MAX { format!("bytes={start}-") } else { format!("bytes={start}-{}", end - 1) }
}

async fn ask(
    client: &Client,
    address: &Url,
    question: &SourceRequest<'_>,
) -> Result<(Url, SourceAnswer), SourceError> {
    let mut request = client.get(address.clone());
    if !question.plain {
        request = request.header(RANGE, range(&question.range));
    }
    if question.fresh {
        // RFC 9111, section 5.2.1: neither out of a store nor unpacked on the way. And the
        // connection is not used again: something on it may mix answers up.
        request =
            request.header(CACHE_CONTROL, "no-cache, no-transform").header(CONNECTION, "close");
    }
    if question.wants_digests {
        request = request.header(WANT_REPR_DIGEST, WANTED);
    }
    let response = request.send().await.map_err(|error| not_sent(&error))?;
    let target = response.url().clone();
    let opened = match response.status() {
        StatusCode::OK => whole(response, question).await,
        StatusCode::PARTIAL_CONTENT => part(response, question).await,
        StatusCode::RANGE_NOT_SATISFIABLE => no_such_range(&response, question),
        status => Err(refused(&response, status)),
    };
    Ok((target, opened?))
}

/// 200: the whole archive, from its start.
async fn whole(
    response: Response,
    question: &SourceRequest<'_>,
) -> Result<SourceAnswer, SourceError> {
    let total = response.content_length();
    let mut body = HttpBody { response, head: None, at: 0, end: total };
    let (tag, claims) = (body.tag(), claims(body.response.headers()));
    body.see_that_it_fits(total, question).await?;
    let body = Body::Http(Box::new(body));
    Ok(SourceAnswer { start: 0, total, end: total, whole: true, tag, claims, body })
}

/// 206: the range that was asked for, or its beginning.
async fn part(
    response: Response,
    question: &SourceRequest<'_>,
) -> Result<SourceAnswer, SourceError> {
    let value = header(&response, &CONTENT_RANGE).unwrap_or_default();
    let wrong = || {
        let asked = question.range.start;
        let found =
            if value.is_empty() { "none".to_owned() } else { escape::bytes(value.as_bytes()) };
        SourceError::Protocol(format!("206 to a range from {asked} with the Content-Range {found}"))
    };
    let range = ContentRange::parse(&value).ok_or_else(wrong)?;
    let Some((first, last)) = range.span.filter(|(first, _)| *first == question.range.start) else {
        return Err(wrong());
    };
    let end = Some(last + 1);
    if let Some(expected) = question.size.filter(|&size| range.total.is_none() && last >= size) {
        return Err(SourceError::TooLong { expected });
    }
    let mut body = HttpBody { response, head: None, at: first, end };
    let (tag, claims) = (body.tag(), claims(body.response.headers()));
    body.see_that_it_fits(range.total, question).await?;
    let body = Body::Http(Box::new(body));
    let (start, total) = (first, range.total);
    Ok(SourceAnswer { start, total, end, whole: false, tag, claims, body })
}

/// 416: what is there ends where the range begins, or before. A server that tells no total is
/// believed only where the end is expected or nobody knows of one.
fn no_such_range(
    response: &Response,
    question: &SourceRequest<'_>,
) -> Result<SourceAnswer, SourceError> {
    let start = question.range.start;
    let total = header(response, &CONTENT_RANGE)
        .and_then(|value| ContentRange::parse(&value))
        .and_then(|range| range.total);
    match (total, question.size) {
        (Some(offered), Some(expected)) if offered != expected => {
            Err(SourceError::size(offered, expected, question.archive.size))
        }
        // All of it is here already, or it is empty.
        (Some(total), _) if total == start => Ok(ends_at(start)),
        (None, size) if start > 0 && size.is_none_or(|size| size == start) => Ok(ends_at(start)),
        (Some(total), None) if total < start => {
            Err(SourceError::size(total, start, question.archive.size))
        }
        _ => Err(SourceError::Protocol(format!(
            "416 to a range from {start}, which lies in the archive"
        ))),
    }
}

/// Nothing is left to be read.
const fn ends_at(size: u64) -> SourceAnswer {
    SourceAnswer {
        start: size,
        total: Some(size),
        end: Some(size),
        whole: false,
        tag: None,
        claims: Vec::new(),
        body: Body::Nothing,
    }
}

fn refused(response: &Response, status: StatusCode) -> SourceError {
    let wait = header(response, &RETRY_AFTER)
        .and_then(|value| retry_after(&value, SystemTime::now()))
        .or_else(|| header(response, &RATE_LIMIT).and_then(|value| rate_limit(&value)));
    SourceError::Status { code: status.as_u16(), retry_after: wait }
}

/// A header as text; what is not UTF-8 is replaced.
fn header(response: &Response, name: &HeaderName) -> Option<String> {
    let value = response.headers().get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

impl HttpBody {
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        if let Some(head) = self.head.take() {
            return Ok(Some(head));
        }
        self.chunk().await
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        let chunk = self.response.chunk().await;
        let chunk = chunk.map_err(|error| not_received(&error, self.at, self.end))?;
        self.at += chunk.as_ref().map_or(0, Bytes::len) as u64;
        Ok(chunk)
    }

    /// What the server calls this state of the document, where it says so.
    fn tag(&self) -> Option<String> {
        header(&self.response, &ETAG)
    }

    /// Refuses another size than the known one; and another document in the archive's place,
    /// where the beginning is at hand and no right size speaks for it.
    async fn see_that_it_fits(
        &mut self,
        total: Option<u64>,
        question: &SourceRequest<'_>,
    ) -> Result<(), SourceError> {
        if total == Some(0) && question.archive.md5 != Digest::EMPTY {
            return Err(SourceError::Foreign("nothing at all".to_owned()));
        }
        let fits = total.is_some() && total == question.size;
        if self.at == 0 && !fits {
            self.look(total, question).await?;
        }
        match (total, question.size) {
            (Some(offered), Some(expected)) if offered != expected => Err(match self.encoding() {
                Some(encoding) => SourceError::Encoded { offered, expected, encoding },
                None => SourceError::size(offered, expected, question.archive.size),
            }),
            _ => Ok(()),
        }
    }

    /// How the server says that it has packed the bytes, though nobody asked for that. Some say so
    /// of an archive as it is stored.
    fn encoding(&self) -> Option<String> {
        let encoding = header(&self.response, &CONTENT_ENCODING)?;
        let shown: String = encoding.chars().take(60).collect();
        (!encoding.eq_ignore_ascii_case("identity"))
            .then(|| format!("Content-Encoding: {}", escape::text(&shown)))
    }

    /// Looks at the first bytes and refuses another document in the archive's place.
    async fn look(
        &mut self,
        total: Option<u64>,
        question: &SourceRequest<'_>,
    ) -> Result<(), SourceError> {
        self.head = self.chunk().await?;
        let kind = identify::kind(self.head.as_deref().unwrap_or_default());
        if !identify::is_out_of_place(&kind, &question.archive.name) {
            return Ok(());
        }
        let sort = header(&self.response, &CONTENT_TYPE)
            .map(|sort| escape::text(&sort.chars().take(60).collect::<String>()).into_owned());
        let length = total.map(|total| format!("{total} bytes"));
        let more: Vec<String> = [sort, length].into_iter().flatten().collect();
        let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join(", ")) };
        Err(SourceError::Foreign(format!("{kind}{more}")))
    }
}
