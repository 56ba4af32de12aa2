//! The HTTP client: HTTP/1.1 only, TLS with the platform's roots, and no content encoding.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::redirect::{Action, Attempt, Policy};

use super::tls::Tls;
use super::{ClientError, SourceError};
use crate::text::{error_chain, escape};

/// The most redirects in a row. NIH's addresses need three.
const REDIRECTS: usize = 10;

/// Servers throttle or refuse clients without a name.
const USER_AGENT: &str =
    concat!("cxr/", env!("CARGO_PKG_VERSION"), " (NIH ChestX-ray14 fetcher and verifier)");

/// The time after which an idle connection is not used again: shorter than the keep-alive time-outs
/// of common servers, so that a request seldom meets a closed connection.
const IDLE: Duration = Duration::from_secs(4);

/// The interval of TCP keep-alive probes on a silent connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The options of all clients of a run.
#[derive(Debug, Clone)]
pub(crate) struct ClientOptions {
    pub(crate) connect_timeout: Duration,
    tls: Tls,
}

/// An HTTP client. Its connections belong to the runtime of the thread that created it.
#[derive(Debug, Clone)]
pub(crate) struct Client(reqwest::Client);

impl ClientOptions {
    /// `cacert` is a file of PEM certificates that are trusted in addition to the platform's.
    pub(crate) fn new(
        connect_timeout: Duration,
        cacert: Option<&Path>,
    ) -> Result<Self, ClientError> {
        let tls = cacert.map_or_else(|| Ok(Tls::default()), Tls::trusting)?;
        Ok(Self { connect_timeout, tls })
    }
}

impl Client {
    pub(crate) fn new(options: &ClientOptions) -> Result<Self, ClientError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let builder = reqwest::Client::builder()
            .tls_backend_preconfigured(options.tls.config()?)
            .http1_only()
            .user_agent(USER_AGENT)
            .default_headers(headers)
            .connect_timeout(options.connect_timeout)
            .pool_idle_timeout(IDLE)
            .tcp_keepalive(KEEP_ALIVE)
            .redirect(Policy::custom(follow))
            .referer(false)
            // Only `schedule` decides about retries.
            .retry(reqwest::retry::never());
        builder.build().map(Self).map_err(|error| ClientError::Tls(describe(&error)))
    }

    pub(super) fn get(&self, address: Url) -> reqwest::RequestBuilder {
        self.0.get(address)
    }
}

fn follow(attempt: Attempt<'_>) -> Action {
    match check_redirect(attempt.previous(), attempt.url()) {
        Ok(()) => attempt.follow(),
        // It comes back inside of reqwest's error.
        Err(refused) => attempt.error(refused),
    }
}

/// Checks a redirect to `next` that comes after the addresses in `previous`.
pub(super) fn check_redirect(previous: &[Url], next: &Url) -> Result<(), SourceError> {
    if previous.len() > REDIRECTS {
        return Err(SourceError::RedirectLoop(REDIRECTS));
    }
    let from_https = previous.last().is_some_and(|url| url.scheme() == "https");
    if from_https && next.scheme() != "https" {
        let host = next.host_str().unwrap_or("another scheme");
        return Err(SourceError::Downgrade(escape::text(host).into_owned()));
    }
    Ok(())
}

/// Returns an error and its causes on one line, escaped.
pub(super) fn describe(error: &(dyn Error + 'static)) -> String {
    escape::text(&error_chain::describe(error)).into_owned()
}
