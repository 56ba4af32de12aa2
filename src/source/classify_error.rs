//! Translates errors of the HTTP client into [`SourceError`].

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::Duration;

use rustls::CertificateError;
use rustls::pki_types::UnixTime;

use super::SourceError;
use super::hop::Hop;
use super::resolver::{LinkLocalName, LookupError};
use crate::text::{error_chain, escape, units};

/// The client's text if a proxy wants a name and a password, or other ones, before it opens a tunnel.
/// The client does not report the status.
const NO_TUNNEL: &str = "proxy authorization required";

/// The client's texts for failures of a proxy: of the tunnel through it, or of SOCKS.
const PROXY_ERRORS: [&str; 2] = ["tunnel error: ", "SOCKS error: "];

/// The client's text if a proxy does not open a tunnel.
const TUNNEL_REFUSED: &str = "tunnel error: unsuccessful";

/// The client's texts for a connection that was never open.
const TCP_ERROR: &str = "tcp connect error";

/// Translates an error before the answer. `pending` is the host whose lookup has no answer.
pub(super) fn not_sent(error: &reqwest::Error, hop: &Hop, pending: Option<String>) -> SourceError {
    if let Some(refusal) = causes(error).find_map(refusal) {
        return refusal;
    }
    if let Some(malformed) = causes(error).find_map(malformed) {
        return SourceError::Protocol(malformed);
    }
    let text = describe(error);
    if let Some(unknown) = causes(error).find_map(|cause| cause.downcast_ref::<LookupError>()) {
        return not_found(unknown, hop);
    }
    if text.contains(NO_TUNNEL) {
        return SourceError::status(407, None);
    }
    if !error.is_connect() {
        return SourceError::Unanswered(root(error));
    }
    if let Some(host) = pending.filter(|_| error.is_timeout()) {
        let reason = format!("DNS: no answer about {} in time", escape::text(&host));
        return SourceError::NoConnection(format!("{}: {reason}", hop.server()));
    }
    SourceError::NoConnection(no_connection(error, &text, hop))
}

/// The name service has no address for a host, or did not answer.
fn not_found(unknown: &LookupError, hop: &Hop) -> SourceError {
    let host = escape::text(&unknown.host);
    let is_proxy = hop.address.host_str() != Some(&unknown.host);
    let server = if is_proxy { format!("the proxy {host}") } else { hop.server() };
    let reason = escape::text(&unknown.error.to_string()).into_owned();
    match (is_unknown_name(&reason), is_proxy) {
        (true, false) => SourceError::NameNotFound(host.into_owned()),
        (true, true) => SourceError::NameNotFound(server),
        (false, _) => SourceError::NoConnection(format!("{server}: DNS: {}", lookup(&reason))),
    }
}

/// Returns the system's reason for a failed lookup.
fn lookup(reason: &str) -> &str {
    reason.trim_start_matches("failed to lookup address information: ")
}

/// Returns the server or the proxy, the step that failed, and the reason.
fn no_connection(error: &reqwest::Error, text: &str, hop: &Hop) -> String {
    let server = hop.server();
    // A proxy failed in a step of its own, or could not be reached at all.
    let is_proxy = PROXY_ERRORS.iter().any(|known| text.contains(known));
    let reason = if error.is_timeout() { "timed out".to_owned() } else { root(error) };
    let is_tcp = text.contains(TCP_ERROR);
    match &hop.proxy {
        Some(proxy) if text.contains(TUNNEL_REFUSED) => {
            format!("{server}: the proxy {proxy} refuses to connect to it")
        }
        Some(proxy) if is_tcp || error.is_timeout() => format!("the proxy {proxy}: {reason}"),
        Some(proxy) if is_proxy => format!("{server}: the proxy {proxy} fails: {reason}"),
        _ if is_tcp || error.is_timeout() || hop.address.scheme() == "http" => {
            format!("{server}: {reason}")
        }
        _ => format!("{server}: TLS: {reason}"),
    }
}

/// Translates an error in the body, at offset `at` of the archive. The body should end at `end`.
pub(super) fn not_received(error: &reqwest::Error, at: u64, end: Option<u64>) -> SourceError {
    let kind = causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>().map(io::Error::kind))
        .last();
    match kind {
        Some(ErrorKind::UnexpectedEof) => SourceError::Truncated { at, end },
        // The client reports invalid lengths and chunks (RFC 9112, section 7.1) like this.
        Some(ErrorKind::InvalidInput | ErrorKind::InvalidData) => {
            SourceError::Protocol(root(error))
        }
        _ => SourceError::Broken(root(error)),
    }
}

/// Returns a refused address or certificate.
fn refusal(cause: &(dyn Error + 'static)) -> Option<SourceError> {
    if let Some(LinkLocalName { host, address }) = cause.downcast_ref() {
        let name = format!("{host} ({})", address.ip());
        return Some(SourceError::LinkLocal(escape::text(&name).into_owned()));
    }
    match cause.downcast_ref() {
        Some(rustls::Error::InvalidCertificate(error)) => {
            Some(SourceError::Certificate(escape::text(&certificate(error)).into_owned()))
        }
        _ => None,
    }
}

const EXPIRED: &str = "it has expired, or the clock of this machine is wrong";
const NOT_YET_VALID: &str = "it is not valid yet, or the clock of this machine is wrong";
const PASS_AUTHORITY: &str = "if a proxy intercepts TLS, or the server has its own authority, \
                              pass the certificate of that authority with --cacert";

/// webpki's name for the error if a server presents the certificate of an authority, as
/// `openssl req -x509` creates it by default. The client reports it only as text.
const CA_AS_SERVER: &str = "CaUsedAsEndEntity";
const NOT_FOR_SERVERS: &str = "it is the certificate of an authority, which a server cannot use: \
                               the server needs one that the authority has signed, or one created \
                               with basicConstraints=CA:FALSE and passed with --cacert";

/// Returns the problem of a certificate, and the person who can correct it.
fn certificate(error: &CertificateError) -> String {
    use CertificateError as E;
    match error {
        E::Expired => EXPIRED.to_owned(),
        E::ExpiredContext { time, not_after } => {
            format!("{EXPIRED} ({} after its end)", time_between(*not_after, *time))
        }
        E::NotValidYet => NOT_YET_VALID.to_owned(),
        E::NotValidYetContext { time, not_before } => {
            format!("{NOT_YET_VALID} ({} before its start)", time_between(*time, *not_before))
        }
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            format!("{error}; it is for another host")
        }
        E::UnknownIssuer => {
            format!("no authority that this machine trusts has signed it; {PASS_AUTHORITY}")
        }
        E::Other(other) if other.to_string().contains(CA_AS_SERVER) => NOT_FOR_SERVERS.to_owned(),
        _ => format!("{error}; {PASS_AUTHORITY}"),
    }
}

fn time_between(from: UnixTime, to: UnixTime) -> String {
    units::duration(Duration::from_secs(to.as_secs().saturating_sub(from.as_secs())))
}

/// Returns the problem of an answer whose head is invalid.
fn malformed(cause: &(dyn Error + 'static)) -> Option<String> {
    let error = cause.downcast_ref::<hyper::Error>().filter(|error| error.is_parse())?;
    Some(escape::text(&error.to_string()).into_owned())
}

/// Recognises the texts of glibc, macOS and musl for `EAI_NONAME`. The client does not report the
/// number. A name that is only slow to resolve has another text.
fn is_unknown_name(text: &str) -> bool {
    ["Name or service not known", "nodename nor servname", "Name does not resolve"]
        .iter()
        .any(|known| text.contains(known))
}

/// Returns an error and its causes on one line, escaped.
pub(super) fn describe(error: &(dyn Error + 'static)) -> String {
    escape::text(&error_chain::describe(error)).into_owned()
}

/// Returns the text of the innermost cause, escaped.
fn root(error: &reqwest::Error) -> String {
    let root = causes(error).last().map(ToString::to_string).unwrap_or_default();
    escape::text(&root).into_owned()
}

/// Returns the error and its causes.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| cause(*error))
}

/// Returns the cause of an error, also the one that an `io::Error` hides.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}
