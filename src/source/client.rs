//! The HTTP client: HTTP/1.1 only, TLS with the platform's roots, and no content encoding.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Url;
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;

use super::bucket::SignedRequest;
use super::classify_error::{describe, not_sent};
use super::hop::Hop;
use super::resolver::Resolver;
use super::tls::Tls;
use super::{ClientError, SourceError};
use crate::text::escape;

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
    /// The time in which the first bytes of an answer must arrive, after all redirects.
    answer_timeout: Duration,
    tls: Tls,
}

/// An HTTP client. Its connections belong to the runtime of the thread that created it.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// For the addresses that the user gave.
    direct: reqwest::Client,
    /// For the targets of redirects: it refuses the names of link-local addresses.
    redirected: reqwest::Client,
    resolver: Resolver,
    proxies: Arc<Matcher>,
    options: ClientOptions,
}

impl ClientOptions {
    /// `cacert` is a file of PEM certificates that are trusted in addition to the platform's. A
    /// connection that is open may be silent for `stall_timeout`.
    pub(crate) fn new(
        connect_timeout: Duration,
        stall_timeout: Duration,
        cacert: Option<&Path>,
    ) -> Result<Self, ClientError> {
        let answer_timeout = connect_timeout + stall_timeout;
        Ok(Self { connect_timeout, answer_timeout, tls: Tls::new(cacert)? })
    }

    fn client(&self, resolver: Resolver) -> Result<reqwest::Client, ClientError> {
        self.builder(resolver)?.build().map_err(|error| ClientError::Tls(describe(&error)))
    }

    /// Returns a client for one request for credentials. The service of this machine itself is asked
    /// without a proxy.
    #[cfg(feature = "buckets")]
    pub(super) fn for_credentials(&self, is_local: bool) -> Result<reqwest::Client, ClientError> {
        let builder = self.builder(Resolver::default())?.pool_max_idle_per_host(0);
        let builder = if is_local { builder.no_proxy() } else { builder };
        builder.build().map_err(|error| ClientError::Tls(describe(&error)))
    }

    fn builder(&self, resolver: Resolver) -> Result<reqwest::ClientBuilder, ClientError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        Ok(reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls.config()?)
            .http1_only()
            .user_agent(USER_AGENT)
            .default_headers(headers)
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(IDLE)
            .tcp_keepalive(KEEP_ALIVE)
            .dns_resolver(resolver)
            // `redirects` follows them.
            .redirect(Policy::none())
            .referer(false)
            // Only `schedule` decides about retries.
            .retry(reqwest::retry::never()))
    }
}

impl Client {
    pub(crate) fn new(options: &ClientOptions) -> Result<Self, ClientError> {
        let resolver = Resolver::default();
        Ok(Self {
            direct: options.client(resolver.clone())?,
            redirected: options.client(resolver.refusing_link_local())?,
            resolver,
            proxies: Arc::new(Matcher::from_system()),
            options: options.clone(),
        })
    }

    #[cfg(feature = "buckets")]
    pub(super) const fn options(&self) -> &ClientOptions {
        &self.options
    }

    pub(super) const fn answer_timeout(&self) -> Duration {
        self.options.answer_timeout
    }

    /// Sends a GET to one address, and follows no redirect.
    pub(super) async fn get(
        &self,
        hop: &Hop,
        request: SignedRequest,
    ) -> Result<reqwest::Response, SourceError> {
        if hop.address.scheme() == "https" && !self.options.tls.has_authorities() {
            return Err(SourceError::NoAuthorities);
        }
        let is_checked = hop.looks_up_target() && !hop.is_given;
        let client = if is_checked { &self.redirected } else { &self.direct };
        let sent = client.get(request.address).headers(request.headers).send().await;
        // The address may hold a secret.
        let sent = sent.map_err(reqwest::Error::without_url);
        sent.map_err(|error| not_sent(&error, hop, self.resolver.pending()))
    }

    /// Returns the proxy that requests to an address use, without a password.
    pub(super) fn proxy(&self, address: &Url) -> Option<String> {
        let proxy = self.proxies.intercept(&address.as_str().parse().ok()?)?;
        Some(escape::text(proxy.uri().to_string().trim_end_matches('/')).into_owned())
    }
}
