//! The HTTP client with which `object_store` asks for credentials: ours, with its certificates,
//! proxies and time-outs.

use std::future::Future;
use std::pin::Pin;

use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use reqwest::{Method, Url};

use super::super::client::ClientOptions;
use super::super::link_local::has_link_local_host;

/// The most bytes of an answer: credentials take a few thousand.
const LIMIT: usize = 1 << 20;

/// The name of a metadata service.
const METADATA: &str = "metadata.google.internal";

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
        let gives_token = is_metadata && parts.method == Method::PUT;
        let request = client.request(parts.method, url).headers(parts.headers);
        let body = body.as_bytes().cloned().unwrap_or_default();
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
        if gives_token && !received.iter().all(u8::is_ascii_graphic) {
            let error = std::io::Error::other("the token of the metadata service is invalid");
            return Err(HttpError::new(HttpErrorKind::Decode, error));
        }
        let mut answer = HttpResponse::new(received.into());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}
