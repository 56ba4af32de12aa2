//! One request on the way to an archive, and its server in messages.

use std::fmt;
use std::sync::Arc;

use reqwest::Url;

use crate::text::escape;

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
    pub(super) fn new(original: &Url, address: Url, proxy: Option<String>) -> Self {
        let is_redirect = server(original) != server(&address);
        let is_given = original.host_str() == address.host_str();
        Self { address, is_redirect, is_given, proxy }
    }

    /// Returns the host and the port, escaped.
    pub(super) fn server(&self) -> String {
        server(&self.address)
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

/// Returns the host and the port of an address, escaped.
pub(super) fn server(address: &Url) -> String {
    let host = escape::text(address.host_str().unwrap_or_default());
    match address.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.into_owned(),
    }
}
