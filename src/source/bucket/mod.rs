//! Buckets of object stores as sources: the address of each archive, and the authorization of each
//! request for it.
//!
//! The requests are those of [`super::http`], with its ranges, checks and errors. `object_store` finds
//! the credentials and signs the headers of one request at a time, so no address ever holds a
//! signature that could be shown or expire. Its own client and its retries are not used.

mod advice;
mod azure;
mod connector;
mod credentials;
mod gcs;
mod profile;
mod s3;
mod spec;
mod variables;

use std::sync::OnceLock;

use reqwest::Url;
use reqwest::header::HeaderMap;

use self::advice::Identity;
use self::azure::Azure;
use self::gcs::Gcs;
use self::s3::S3;
pub use self::spec::BucketSpec;
use self::spec::{Service, is_same_host};
pub use self::variables::Variables;
use super::SourceError;
use super::client::Client;
use crate::text::escape;

/// A bucket that is asked in a run.
#[derive(Debug)]
pub(super) struct Bucket {
    spec: BucketSpec,
    store: OnceLock<Result<Store, SourceError>>,
}

/// A store, with the credentials for it.
#[derive(Debug)]
enum Store {
    S3(S3),
    Gcs(Gcs),
    Azure(Azure),
}

/// A request as it is sent.
pub(super) struct SignedRequest {
    /// Never shown: it may hold a secret.
    pub(super) address: Url,
    pub(super) headers: HeaderMap,
}

impl Bucket {
    pub(super) fn new(spec: BucketSpec) -> Self {
        Self { spec, store: OnceLock::new() }
    }

    fn store(&self, client: &Client) -> Result<&Store, SourceError> {
        let (spec, options) = (&self.spec, client.options());
        let make = || match spec.service {
            Service::S3 => S3::new(spec, options).map(Store::S3),
            Service::Gcs => Gcs::new(spec, options).map(Store::Gcs),
            Service::Azure => Azure::new(spec, options).map(Store::Azure),
        };
        self.store.get_or_init(make).as_ref().map_err(SourceError::clone)
    }

    /// Returns the address of an archive, without credentials. It changes once the region of the
    /// bucket is known.
    pub(super) fn address(&self, client: &Client, name: &str) -> Result<Url, SourceError> {
        let base = match self.store(client)? {
            Store::S3(store) => store.endpoint().base(),
            Store::Gcs(_) | Store::Azure(_) => self.spec.base(),
        };
        self.spec.address_at(&base, name).ok_or(SourceError::NoAddress)
    }

    /// Authorizes a request, if the address is one of the store.
    pub(super) async fn sign(
        &self,
        client: &Client,
        address: &Url,
        headers: HeaderMap,
    ) -> Result<SignedRequest, SourceError> {
        let store = self.store(client)?;
        let may_see_credentials = match store {
            Store::S3(store) => store.endpoint().trusts(address),
            Store::Gcs(_) | Store::Azure(_) => is_same_host(&self.spec.base(), address),
        };
        if !may_see_credentials {
            return Ok(SignedRequest { address: address.clone(), headers });
        }
        match store {
            Store::S3(store) => store.sign(address, headers).await,
            Store::Gcs(store) => store.sign(address, headers).await,
            Store::Azure(store) => store.sign(address, headers).await,
        }
    }

    /// Returns the region in which the bucket is asked now; empty for stores without regions.
    pub(super) fn region(&self, client: &Client) -> String {
        match self.store(client) {
            Ok(Store::S3(store)) => store.region(),
            _ => String::new(),
        }
    }

    /// Takes the region of the bucket from an answer. Returns true if it is another one than that in
    /// which it was asked.
    pub(super) fn learn(&self, client: &Client, headers: &HeaderMap, asked: &str) -> bool {
        matches!(self.store(client), Ok(Store::S3(store)) if store.learn(headers, asked))
    }

    /// Hides the secrets of the variables in the reason of a refusal: some stores repeat them.
    pub(super) fn without_secrets(&self, mut error: SourceError) -> SourceError {
        if let SourceError::Status { reason: Some(reason), .. } = &mut error {
            *reason = self.spec.variables.without_secrets(reason).into();
        }
        error
    }

    /// Adds the bucket, the key and what to set to a refusal.
    pub(super) fn explain(&self, client: &Client, error: SourceError, name: &str) -> SourceError {
        let Ok(store) = self.store(client) else { return error };
        let SourceError::Status { code, reason, .. } = error.kind() else { return error };
        let place =
            format!("bucket {}, key {}", self.spec.bucket, escape::brief(&self.spec.key(name)));
        let identity = match store {
            Store::S3(store) => store.identity(),
            Store::Gcs(store) => Identity {
                is_anonymous: store.credentials.is_anonymous(),
                pays: store.project.is_some(),
                names: &advice::GCS,
                region: String::new(),
            },
            Store::Azure(store) => Identity {
                is_anonymous: store.credentials.is_anonymous(),
                pays: true,
                names: &advice::AZURE,
                region: String::new(),
            },
        };
        let advice = advice::of(*code, reason.as_deref().unwrap_or_default(), &identity);
        let advice = advice.map_or_else(String::new, |advice| format!(": {advice}"));
        let advice = format!("{place}{advice}").into();
        SourceError::Explained { error: Box::new(error), advice }
    }
}
