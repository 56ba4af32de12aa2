//! Sends a request, and follows the redirects (RFC 9110, section 15.4).

use std::fmt;
use std::sync::Arc;

use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Response, StatusCode, Url};

use super::SourceError;
use super::client::Client;
use super::link_local::has_link_local_host;
use crate::text::escape;

/// The most redirects in a row. NIH's addresses need three.
const REDIRECTS: usize = 10;

/// One request on the way to an archive.
#[derive(Debug, Clone)]
pub(super) struct Hop {
    pub(super) address: Url,
    /// A redirect has led to another server.
    is_redirect: bool,
    /// The user gave the host. It may be link-local.
    pub(super) is_given: bool,
    /// The proxy, without a password.
    pub(super) proxy: Option<String>,
}

/// The server that an error is about, as far as the name of the source does not say it. Displayed, it
/// follows the error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Place {
    server: Option<String>,
    is_redirect: bool,
    proxy: Option<String>,
}

impl Hop {
    fn new(client: &Client, original: &Url, address: Url) -> Self {
        let is_redirect = origin(original) != origin(&address);
        let is_given = original.host_str() == address.host_str();
        Self { is_redirect, is_given, proxy: client.proxy(&address), address }
    }

    /// Returns the host and the port, escaped.
    pub(super) fn server(&self) -> String {
        origin(&self.address)
    }

    /// Returns true if this machine looks up the host: a proxy for HTTP does it itself.
    pub(super) fn looks_up_target(&self) -> bool {
        self.proxy.as_ref().is_none_or(|proxy| proxy.starts_with("socks"))
    }

    /// `is_named` is true if the name of the source contains the original host.
    pub(super) fn place(&self, is_named: bool) -> Arc<Place> {
        let server = (self.is_redirect || !is_named).then(|| self.server());
        Arc::new(Place { server, is_redirect: self.is_redirect, proxy: self.proxy.clone() })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.server.iter().map(|server| format!("at {server}"));
        let redirect = self.is_redirect.then(|| "after a redirect".to_owned());
        let proxy = self.proxy.iter().map(|proxy| format!("through the proxy {proxy}"));
        f.write_str(&at.chain(redirect).chain(proxy).collect::<Vec<_>>().join(", "))
    }
}

impl Place {
    /// Returns the place for an error that names the server or the proxy.
    pub(super) fn of_redirect(&self) -> Self {
        Self { is_redirect: self.is_redirect, ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Sends a GET to `first`, and follows redirects. `first` is the original address, or the remembered
/// target of its redirects. `place` is always that of the last request.
pub(super) async fn follow(
    client: &Client,
    (original, first): (&Url, &Url),
    headers: &HeaderMap,
    place: impl Fn(&Hop),
) -> Result<(Url, Response), SourceError> {
    let mut trail: Vec<Url> = Vec::new();
    let mut address = first.clone();
    loop {
        let hop = Hop::new(client, original, address);
        place(&hop);
        let response = client.get(&hop, headers.clone()).await?;
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
    let server = || escape::text(&origin(next)).into_owned();
    if trail.last().is_some_and(|url| url.scheme() == "https") && next.scheme() != "https" {
        return Err(SourceError::Downgrade(server()));
    }
    // A server of the link to which the user sent the request may answer with another address of
    // its own.
    let is_known = trail.first().is_some_and(|first| first.host_str() == next.host_str());
    if has_link_local_host(next) && !is_known {
        return Err(SourceError::LinkLocal(server()));
    }
    Ok(())
}

/// Returns the host and the port of an address, escaped.
fn origin(address: &Url) -> String {
    let host = escape::text(address.host_str().unwrap_or_default());
    match address.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.into_owned(),
    }
}
