//! The HTTP client with which `object_store` asks for credentials: ours, with its certificates,
//! proxies and time-outs.

use std::future::Future;
use std::pin::Pin;

use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use reqwest::{Method, StatusCode, Url};

use super::super::client::ClientOptions;
use super::super::link_local::has_link_local_host;
use super::super::{SourceError, refusal_reason};
use crate::text::escape;

/// The most bytes of an answer: credentials take a few thousand.
const LIMIT: usize = 1 << 20;

/// The name of a metadata service.
const METADATA: &str = "metadata.google.internal";

/// The secrets in a request for credentials, which an answer may repeat.
const SECRETS: [&str; 6] = [
    "assertion",
    "client_assertion",
    "client_secret",
    "refresh_token",
    "subject_token",
    "WebIdentityToken",
];

/// A service that gives credentials did not give them.
#[derive(Debug, thiserror::Error)]
#[error("{host} {error}")]
pub(super) struct ServiceRefusal {
    host: String,
    pub(super) error: SourceError,
}

/// Sends each request with a client of its own, because the connections of a client belong to one
/// runtime, and every thread has another one.
#[derive(Debug, Clone)]
pub(super) struct Connector(pub(super) ClientOptions);

impl HttpConnector for Connector {
    fn connect(&self, _: &object_store::ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

impl HttpService for Connector {
    fn call<'life0, 'async_trait>(
        &'life0 self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(self.send(request))
    }
}

impl Connector {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let unknown = |error| HttpError::new(HttpErrorKind::Unknown, error);
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string())
            .map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        // The service of this machine, never that of the proxy's machine.
        let is_metadata = has_link_local_host(&url) || url.host_str() == Some(METADATA);
        let client = self
            .0
            .for_credentials(is_metadata)
            .map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let is_put = parts.method == Method::PUT;
        let request = client.request(parts.method, url.clone()).headers(parts.headers);
        let body = body.as_bytes().cloned().unwrap_or_default();
        let form = body.clone();
        let sent = request.body(body).send().await;
        // The address may hold a token.
        let mut response = sent.map_err(|error| unknown(error.without_url()))?;
        let mut received = Vec::new();
        while let Some(block) =
            response.chunk().await.map_err(|error| unknown(error.without_url()))?
        {
            received.extend_from_slice(&block);
            if received.len() > LIMIT {
                let error = std::io::Error::other("the answer is too long");
                return Err(HttpError::new(HttpErrorKind::Decode, error));
            }
        }
        // The token goes into a header, which cannot hold every byte.
        if is_metadata && is_put && !received.iter().all(u8::is_ascii_graphic) {
            let error = std::io::Error::other("the token of the metadata service is invalid");
            return Err(HttpError::new(HttpErrorKind::Decode, error));
        }
        // `object_store` has another request for a metadata service that refuses to give a token.
        if !is_put && !response.status().is_success() {
            let refusal = refusal(url, &form, response.status(), &received);
            return Err(HttpError::new(HttpErrorKind::Unknown, refusal));
        }
        let mut answer = HttpResponse::new(received.into());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}

/// Returns the error for an answer to this form, without the secrets of the form or of the address.
fn refusal(mut url: Url, form: &[u8], status: StatusCode, answer: &[u8]) -> ServiceRefusal {
    let host = escape::brief(url.host_str().unwrap_or_default());
    let mut text = String::from_utf8_lossy(answer).into_owned();
    let query = url.query().unwrap_or_default().to_owned();
    url.set_query(Some(&format!("{query}&{}", String::from_utf8_lossy(form))));
    for (_, secret) in
        url.query_pairs().filter(|(name, value)| SECRETS.contains(&&**name) && !value.is_empty())
    {
        text = text.replace(&*secret, "***");
    }
    let reason = refusal_reason::reason(text.as_bytes(), status).map(String::into_boxed_str);
    let error = SourceError::Status { code: status.as_u16(), retry_after: None, reason };
    ServiceRefusal { host, error }
}
