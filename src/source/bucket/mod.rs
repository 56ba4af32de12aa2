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
mod endpoint;
mod gcs;
mod profile;
mod s3;
mod spec;
mod variables;

use std::sync::Arc;

use parking_lot::Mutex;
use reqwest::Url;
use reqwest::header::HeaderMap;

use self::advice::Identity;
use self::azure::Azure;
use self::endpoint::{Endpoint, is_same_host};
use self::gcs::Gcs;
use self::profile::Profile;
use self::s3::S3;
pub use self::spec::BucketSpec;
use self::spec::{Place, Service};
pub use self::variables::Variables;
use super::SourceError;
use super::client::Client;
use super::spec_error::SpecError;
use crate::text::escape;

/// A bucket that is asked in a run.
#[derive(Debug)]
pub(super) struct Bucket {
    spec: BucketSpec,
    found: Mutex<Found>,
}

/// The store, once something was asked of it, and the number of times that its credentials were
/// looked for again.
#[derive(Debug, Default)]
struct Found {
    store: Option<Result<Arc<Store>, SourceError>>,
    renewals: u32,
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

impl BucketSpec {
    /// Adds the variables of the environment, and reads the profile that they name. Fails if they do
    /// not say where the bucket is.
    pub(in crate::source) fn with_variables(self, variables: Variables) -> Result<Self, SpecError> {
        let mut profile = Profile::default();
        let place = match self.service {
            Service::S3 => {
                profile = Profile::read(&variables).map_err(SpecError::Setting)?;
                Place::S3(Endpoint::new(&self.bucket, &variables, &profile)?)
            }
            Service::Gcs => Place::Fixed(gcs::base(&self.bucket, &variables)?),
            Service::Azure => Place::Fixed(azure::base(&self.bucket, &variables)?),
        };
        Ok(Self { variables, profile, place: Some(place), ..self })
    }
}

impl Bucket {
    pub(super) fn new(spec: BucketSpec) -> Self {
        Self { spec, found: Mutex::default() }
    }

    fn store(&self, client: &Client) -> Result<Arc<Store>, SourceError> {
        let make = || Store::new(&self.spec, client).map(Arc::new);
        self.found.lock().store.get_or_insert_with(make).clone()
    }

    /// Returns the number of times that credentials were looked for again.
    pub(super) fn renewals(&self) -> u32 {
        self.found.lock().renewals
    }

    /// Looks for credentials again if those that count since these `renewals` were not accepted, and if
    /// others may be found. Returns true if the bucket can be asked again.
    pub(super) fn renew(&self, client: &Client, error: &SourceError, renewals: u32) -> bool {
        let SourceError::Status { code, reason, .. } = error.kind() else { return false };
        let reason = reason.as_deref().unwrap_or_default();
        let Ok(old) = self.store(client) else { return false };
        if !advice::is_about_credentials(*code, reason) || !old.can_renew() {
            return false;
        }
        let mut found = self.found.lock();
        if found.renewals == renewals {
            // The file of a profile may have other keys meanwhile.
            let spec = self.spec.clone().with_variables(self.spec.variables.clone());
            let Some(new) = spec.ok().and_then(|spec| Store::new(&spec, client).ok()) else {
                return false;
            };
            *found =
                Found { store: Some(Ok(Arc::new(new.in_region_of(&old)))), renewals: renewals + 1 };
        }
        true
    }

    /// Returns the address of an archive, without credentials. It changes once the region of the
    /// bucket is known.
    pub(super) fn address(&self, client: &Client, name: &str) -> Result<Url, SourceError> {
        let base = match &*self.store(client)? {
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
        let may_see_credentials = match &*store {
            Store::S3(store) => store.endpoint().trusts(address),
            Store::Gcs(_) | Store::Azure(_) => is_same_host(&self.spec.base(), address),
        };
        if !may_see_credentials {
            return Ok(SignedRequest { address: address.clone(), headers });
        }
        match &*store {
            Store::S3(store) => store.sign(address, headers).await,
            Store::Gcs(store) => store.sign(address, headers).await,
            Store::Azure(store) => store.sign(address, headers).await,
        }
    }

    /// Returns the region in which the bucket is asked now; empty for stores without regions.
    pub(super) fn region(&self, client: &Client) -> String {
        match self.store(client).as_deref() {
            Ok(Store::S3(store)) => store.region(),
            _ => String::new(),
        }
    }

    /// Takes the region of the bucket from an answer. Returns true if it is another one than that in
    /// which it was asked.
    pub(super) fn learn(&self, client: &Client, headers: &HeaderMap, asked: &str) -> bool {
        matches!(self.store(client).as_deref(), Ok(Store::S3(store)) if store.learn(headers, asked))
    }

    /// Hides the secrets of the variables in the reason of a refusal: some stores repeat them.
    pub(super) fn without_secrets(&self, mut error: SourceError) -> SourceError {
        if let SourceError::Status { reason: Some(reason), .. } = &mut error {
            *reason = self.spec.variables.without_secrets(reason).into();
        }
        error
    }

    /// Returns true for a refusal that the same request gets again, however it asks.
    pub(super) fn is_final(error: &SourceError) -> bool {
        matches!(error.kind(), SourceError::Status { code, reason, .. }
            if advice::is_final(*code, reason.as_deref().unwrap_or_default()))
    }

    /// Adds the bucket, the key and what to set to a refusal.
    pub(super) fn explain(&self, client: &Client, error: SourceError, name: &str) -> SourceError {
        let Ok(store) = self.store(client) else { return error };
        let identity = store.identity();
        let advice = match error.kind() {
            SourceError::Status { code, reason, .. } => {
                advice::of(*code, reason.as_deref().unwrap_or_default(), &identity)
            }
            SourceError::Credentials { .. } => Some(format!("check {}", identity.origin.settings)),
            _ => return error,
        };
        let key = escape::brief(&self.spec.key(name));
        let advice = advice.map_or_else(String::new, |advice| format!(": {advice}"));
        let advice = format!("bucket {}, key {key}{advice}", self.spec.bucket).into();
        let is_final = Self::is_final(&error);
        SourceError::Explained { error: Box::new(error), advice, is_final }
    }
}

impl Store {
    fn new(spec: &BucketSpec, client: &Client) -> Result<Self, SourceError> {
        let options = client.options();
        match spec.service {
            Service::S3 => S3::new(spec, options).map(Self::S3),
            Service::Gcs => Gcs::new(spec, options).map(Self::Gcs),
            Service::Azure => Azure::new(spec, options).map(Self::Azure),
        }
    }

    fn can_renew(&self) -> bool {
        match self {
            Self::S3(store) => store.credentials.can_renew(),
            Self::Gcs(store) => store.credentials.can_renew(),
            Self::Azure(store) => store.credentials.can_renew(),
        }
    }

    /// Returns the store in the region in which another one was asked last.
    fn in_region_of(self, other: &Self) -> Self {
        match (self, other) {
            (Self::S3(store), Self::S3(other)) => Self::S3(store.in_region_of(other)),
            (store, _) => store,
        }
    }

    fn identity(&self) -> Identity<'static> {
        match self {
            Self::S3(store) => store.identity(),
            Self::Gcs(store) => Identity {
                is_anonymous: store.credentials.is_anonymous(),
                pays: store.project.is_some(),
                names: &advice::GCS,
                region: String::new(),
                origin: store.credentials.origin,
            },
            Self::Azure(store) => Identity {
                is_anonymous: store.credentials.is_anonymous(),
                pays: true,
                names: &advice::AZURE,
                region: String::new(),
                origin: store.credentials.origin,
            },
        }
    }
}
