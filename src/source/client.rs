//! The HTTP client: HTTP/1.1, TLS by rustls with the platform's roots, the stored bytes only.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::redirect::{Attempt, Policy};

use super::{ClientError, SourceError, Tls};
use crate::text::{error_chain, escape};

/// How many redirects are followed: NIH's addresses need three.
const REDIRECTS: usize = 10;

/// Who asks. Servers throttle or refuse those who do not say.
const USER_AGENT: &str =
    concat!("cxr/", env!("CARGO_PKG_VERSION"), " (NIH ChestX-ray14 fetcher and verifier)");

/// How long a connection may lie idle in the pool before it is not used again: shorter than the
/// keep-alive time-outs of common servers, so that a request seldom meets a closed one.
const IDLE: Duration = Duration::from_secs(4);

/// How often the system asks whether the other end of a silent connection still lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What a client needs to know.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// Whom to trust.
    pub tls: Tls,
}

/// Makes requests. Its connections belong to the runtime of the thread that made it.
#[derive(Debug, Clone)]
pub struct Client(reqwest::Client);

impl ClientOptions {
    /// Options with the certificates of a file, if one is given.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or that holds no certificate.
    pub fn new(connect_timeout: Duration, cacert: Option<&Path>) -> Result<Self, ClientError> {
        let tls = cacert.map_or_else(|| Ok(Tls::default()), Tls::trusting)?;
        Ok(Self { connect_timeout, tls })
    }
}

impl Client {
    /// A client for one connection.
    ///
    /// # Errors
    ///
    /// If the platform's trust store cannot be used.
    pub fn new(options: &ClientOptions) -> Result<Self, ClientError> {
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
            // Whether to try again is decided in one place, and not here.
            .retry(reqwest::retry::never());
        builder.build().map(Self).map_err(|error| ClientError::Tls(chain(&error)))
    }

    pub(super) fn get(&self, address: Url) -> reqwest::RequestBuilder {
        self.0.get(address)
    }
}

/// A redirect that is not followed, as it comes back inside of reqwest's error.
#[derive(Debug)]
pub(super) enum Refused {
    Loop,
    Downgrade(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loop => f.write_str("too many redirects"),
            Self::Downgrade(to) => write!(f, "redirect from https to {to}"),
        }
    }
}

impl Error for Refused {}

impl From<&Refused> for SourceError {
    fn from(refused: &Refused) -> Self {
        match refused {
            Refused::Loop => Self::RedirectLoop(REDIRECTS),
            Refused::Downgrade(to) => Self::Downgrade(escape::text(to).into_owned()),
        }
    }
}

fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    match may_follow(attempt.previous(), attempt.url()) {
        Ok(()) => attempt.follow(),
        Err(refused) => attempt.error(refused),
    }
}

/// Whether a redirect may be followed to `next` by one who has come by `previous`.
pub(super) fn may_follow(previous: &[Url], next: &Url) -> Result<(), Refused> {
    if previous.len() > REDIRECTS {
        return Err(Refused::Loop);
    }
    let from_https = previous.last().is_some_and(|url| url.scheme() == "https");
    if from_https && next.scheme() != "https" {
        return Err(Refused::Downgrade(next.host_str().unwrap_or("another scheme").to_owned()));
    }
    Ok(())
}

/// An error and all its causes on one line, safe to show.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    escape::text(&error_chain::describe(error)).into_owned()
}
