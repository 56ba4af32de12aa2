//! An archive at an HTTP server: a ranged GET, and an answer that is believed only where it fits.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use reqwest::header::{CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, HeaderName, RANGE, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};

use super::client::{Client, REDIRECTS, Refused, chain};
use super::headers::{ContentRange, retry_after};
use super::{Body, Fault, Opened, Question};
use crate::escape;
use crate::identify;

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
}

impl Targets {
    fn of(&self, address: &Url) -> Option<Url> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(address).cloned()
    }

    fn remember(&self, address: &Url, target: &Url) {
        if target != address {
            let mut targets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            targets.insert(address.clone(), target.clone());
        }
    }

    fn forget(&self, address: &Url) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(address);
    }
}

/// Asks for a range; first at the remembered target of a redirect, if there is one.
pub(super) async fn open(
    client: &Client,
    targets: &Targets,
    address: &Url,
    question: &Question<'_>,
) -> Result<Opened, Fault> {
    if let Some(target) = targets.of(address) {
        match ask(client, &target, question).await {
            Ok((_, opened)) => return Ok(opened),
            Err(busy @ Fault::Status { code: 429 | 503, .. }) => return Err(busy),
            Err(_) => targets.forget(address),
        }
    }
    let (target, opened) = ask(client, address, question).await?;
    targets.remember(address, &target);
    Ok(opened)
}

async fn ask(
    client: &Client,
    address: &Url,
    question: &Question<'_>,
) -> Result<(Url, Opened), Fault> {
    let range = format!("bytes={}-{}", question.range.start, question.range.end - 1);
    let mut request = client.get(address.clone()).header(RANGE, range);
    if question.fresh {
        request = request.header(CACHE_CONTROL, "no-cache");
    }
    let response = request.send().await.map_err(|error| not_sent(&error))?;
    let target = response.url().clone();
    let opened = match response.status() {
        StatusCode::OK => whole(response, question).await,
        StatusCode::PARTIAL_CONTENT => part(response, question),
        StatusCode::RANGE_NOT_SATISFIABLE => no_such_range(&response, question),
        status => Err(refused(&response, status)),
    };
    Ok((target, opened?))
}

/// 200: the whole archive, from its start.
async fn whole(response: Response, question: &Question<'_>) -> Result<Opened, Fault> {
    let total = response.content_length();
    let mut body = HttpBody { response, head: None };
    // Only a right length speaks for an answer that nobody has looked at.
    if total.is_none() || total != question.size {
        body.look(question).await?;
    }
    if let (Some(offered), Some(expected)) = (total, question.size)
        && offered != expected
    {
        return Err(Fault::WrongSize { offered, expected });
    }
    Ok(Opened { start: 0, total, end: total, whole: true, body: Body::Http(Box::new(body)) })
}

/// 206: the range that was asked for, or its beginning.
fn part(response: Response, question: &Question<'_>) -> Result<Opened, Fault> {
    let value = header(&response, &CONTENT_RANGE).unwrap_or_default();
    let wrong = || {
        let asked = question.range.start;
        let found =
            if value.is_empty() { "none".to_owned() } else { escape::bytes(value.as_bytes()) };
        Fault::Protocol(format!("206 to a range from {asked} with the Content-Range {found}"))
    };
    let range = ContentRange::parse(&value).ok_or_else(wrong)?;
    let Some((first, last)) = range.span.filter(|(first, _)| *first == question.range.start) else {
        return Err(wrong());
    };
    if let (Some(offered), Some(expected)) = (range.total, question.size)
        && offered != expected
    {
        return Err(Fault::WrongSize { offered, expected });
    }
    let body = Body::Http(Box::new(HttpBody { response, head: None }));
    Ok(Opened { start: first, total: range.total, end: Some(last + 1), whole: false, body })
}

/// 416: what is there ends before the range begins.
fn no_such_range(response: &Response, question: &Question<'_>) -> Result<Opened, Fault> {
    let total = header(response, &CONTENT_RANGE)
        .and_then(|value| ContentRange::parse(&value))
        .and_then(|range| range.total);
    match (total, question.size) {
        (Some(offered), Some(expected)) if offered != expected => {
            Err(Fault::WrongSize { offered, expected })
        }
        (Some(total), None) if total == question.range.start => {
            // All of it is here already, or it is empty.
            Ok(Opened {
                start: total,
                total: Some(total),
                end: Some(total),
                whole: false,
                body: Body::Nothing,
            })
        }
        (Some(total), None) if total < question.range.start => {
            Err(Fault::WrongSize { offered: total, expected: question.range.start })
        }
        _ => Err(Fault::Protocol(format!(
            "416 to a range from {}, which lies in the archive",
            question.range.start
        ))),
    }
}

fn refused(response: &Response, status: StatusCode) -> Fault {
    let wait =
        header(response, &RETRY_AFTER).and_then(|value| retry_after(&value, SystemTime::now()));
    Fault::Status { code: status.as_u16(), retry_after: wait }
}

/// A header as text; what is not UTF-8 is replaced.
fn header(response: &Response, name: &HeaderName) -> Option<String> {
    let value = response.headers().get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

impl HttpBody {
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        if let Some(head) = self.head.take() {
            return Ok(Some(head));
        }
        self.response.chunk().await.map_err(|error| not_received(&error))
    }

    /// Looks at the first bytes and refuses another document in the archive's place.
    async fn look(&mut self, question: &Question<'_>) -> Result<(), Fault> {
        let head = self.response.chunk().await.map_err(|error| not_received(&error))?;
        let kind = identify::kind(head.as_deref().unwrap_or_default());
        let archive = question.archive;
        if identify::is_out_of_place(&kind, &archive.name) {
            let sort = header(&self.response, &CONTENT_TYPE).map_or_else(String::new, |sort| {
                format!(" ({})", escape::text(&sort.chars().take(60).collect::<String>()))
            });
            return Err(Fault::Foreign(format!("{}{sort}", kind.words())));
        }
        self.head = head;
        Ok(())
    }
}

/// No answer: which of the many reasons.
fn not_sent(error: &reqwest::Error) -> Fault {
    for cause in causes(error) {
        match cause.downcast_ref::<Refused>() {
            Some(Refused::Loop) => return Fault::RedirectLoop(REDIRECTS),
            Some(Refused::Downgrade(to)) => {
                return Fault::Downgrade(escape::text(to).into_owned());
            }
            None => {}
        }
        if let Some(rustls::Error::InvalidCertificate(_)) = cause.downcast_ref() {
            return Fault::Certificate(escape::text(&cause.to_string()).into_owned());
        }
    }
    let words = chain(error);
    if is_unknown_name(&words) {
        let host = error.url().and_then(Url::host_str).unwrap_or_default();
        return Fault::NameNotFound(escape::text(host).into_owned());
    }
    // The address stands in the source's name already, and who failed is understood.
    let words = words.split_once("): ").map_or(words.as_str(), |(_, why)| why);
    Fault::NoConnection(words.trim_start_matches("client error (Connect): ").to_owned())
}

/// The words of glibc, macOS and musl for `EAI_NONAME`. The number itself does not come through,
/// and a name that is only slow to resolve has other words.
fn is_unknown_name(words: &str) -> bool {
    ["Name or service not known", "nodename nor servname", "Name does not resolve"]
        .iter()
        .any(|known| words.contains(known))
}

/// A body that broke.
fn not_received(error: &reqwest::Error) -> Fault {
    Fault::Broken(chain(error))
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
