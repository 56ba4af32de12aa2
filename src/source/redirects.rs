//! Sends a request, and follows the redirects (RFC 9110, section 15.4).

use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Response, StatusCode, Url};

use super::SourceError;
use super::bucket::{Bucket, SignedRequest};
use super::client::Client;
use super::hop::{Hop, server};
use super::link_local::has_link_local_host;
use crate::text::escape;

/// The most redirects in a row. NIH's addresses need three.
const REDIRECTS: usize = 10;

/// Sends a GET to `first`, and follows redirects. `first` is the original address, or the remembered
/// target of its redirects. A `bucket` authorizes each request to itself. `place` is always that of the last request.
pub(super) async fn follow(
    client: &Client,
    (original, first): (&Url, &Url),
    headers: &HeaderMap,
    bucket: Option<&Bucket>,
    place: impl Fn(&Hop),
) -> Result<(Url, Response), SourceError> {
    let mut trail: Vec<Url> = Vec::new();
    let mut address = first.clone();
    loop {
        let proxy = client.proxy(&address);
        let hop = Hop::new(original, address, proxy);
        place(&hop);
        let request = match bucket {
            Some(bucket) => bucket.sign(client, &hop.address, headers.clone()).await?,
            None => SignedRequest { address: hop.address.clone(), headers: headers.clone() },
        };
        let response = client.get(&hop, request).await?;
        let Some(next) = target(&hop.address, &response)? else {
            return Ok((hop.address, response));
        };
        trail.push(hop.address);
        check_redirect(&trail, &next)?;
        address = next;
    }
}

/// Returns the address to which an answer redirects.
fn target(here: &Url, response: &Response) -> Result<Option<Url>, SourceError> {
    let is_redirect = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    let Some(location) = response.headers().get(LOCATION).filter(|_| is_redirect) else {
        return Ok(None);
    };
    let location = String::from_utf8_lossy(location.as_bytes());
    join(here, &location).map(Some)
}

/// Returns the address of a `Location`. A user name and a password stay with their server.
fn join(here: &Url, location: &str) -> Result<Url, SourceError> {
    let mut next = here.join(location).map_err(|error| {
        SourceError::Protocol(format!(
            "redirects to an invalid address, {}: {error}",
            escape::brief(location)
        ))
    })?;
    if next.username().is_empty() && next.password().is_none() && next.origin() == here.origin() {
        // Both addresses have a host, so neither call can fail.
        let _ = next.set_username(here.username());
        let _ = next.set_password(here.password());
    }
    Ok(next)
}

/// Checks a redirect to `next` that comes after the addresses in `trail`.
pub(super) fn check_redirect(trail: &[Url], next: &Url) -> Result<(), SourceError> {
    if trail.len() > REDIRECTS {
        return Err(SourceError::RedirectLoop(REDIRECTS));
    }
    if !matches!(next.scheme(), "http" | "https") {
        let host = next.host_str().map_or_else(String::new, |host| format!("//{host}"));
        let shown = format!("{}:{host}", next.scheme());
        return Err(SourceError::OtherScheme(escape::brief(&shown)));
    }
    if trail.last().is_some_and(|url| url.scheme() == "https") && next.scheme() != "https" {
        return Err(SourceError::Downgrade(server(next)));
    }
    // A server of the link to which the user sent the request may answer with another address of
    // its own.
    let is_known = trail.first().is_some_and(|first| first.host_str() == next.host_str());
    if has_link_local_host(next) && !is_known {
        return Err(SourceError::LinkLocal(server(next)));
    }
    Ok(())
}
