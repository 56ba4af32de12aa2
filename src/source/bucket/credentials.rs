//! The credentials for a bucket, which are looked for once in a run.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use object_store::client::HttpError;
use object_store::{BackoffConfig, CredentialProvider, RetryConfig};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::SourceError;
use super::connector::ServiceRefusal;
use crate::schedule::{Failure, RetryClass};
use crate::text::{error_chain, escape};

/// The time in which the metadata service of a cloud machine must answer. Most machines have none, and
/// on some of these nothing answers at all.
const METADATA_TIME: Duration = Duration::from_secs(2);

/// The time in which a service that was named must give credentials.
const SERVICE_TIME: Duration = Duration::from_secs(20);

/// The place from which credentials come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    /// The settings to check or to renew, for messages.
    pub(super) settings: &'static str,
    /// The user named it. Otherwise only this machine itself may have some.
    pub(super) is_given: bool,
    /// It may give others when it is asked again.
    pub(super) can_renew: bool,
}

/// This machine itself, which may have credentials.
pub(super) const MACHINE: Origin =
    Origin { settings: "the role of this machine", is_given: false, can_renew: true };

/// The credentials of one store.
#[derive(Debug)]
pub(super) struct Credentials<T> {
    provider: Option<Arc<dyn CredentialProvider<Credential = T>>>,
    pub(super) origin: Origin,
    has_any: OnceCell<bool>,
}

/// The requests for credentials are not repeated here: `schedule` decides about retries.
pub(super) fn no_retries() -> RetryConfig {
    RetryConfig { max_retries: 0, retry_timeout: SERVICE_TIME, backoff: BackoffConfig::default() }
}

/// Returns the error for settings of a store that cannot be used.
pub(super) fn wrong_setting(error: impl std::fmt::Display) -> SourceError {
    SourceError::Setting(escape::brief(&error.to_string()))
}

impl<T> Credentials<T> {
    pub(super) fn new(
        provider: Option<Arc<dyn CredentialProvider<Credential = T>>>,
        origin: Origin,
    ) -> Self {
        Self { provider, origin, has_any: OnceCell::new() }
    }

    /// No credentials: requests are sent without.
    pub(super) fn none() -> Self {
        Self::new(None, MACHINE)
    }

    /// Returns true if others may be found.
    pub(super) fn can_renew(&self) -> bool {
        self.origin.can_renew && !self.is_anonymous()
    }

    /// Returns true if requests are known to be sent without credentials.
    pub(super) fn is_anonymous(&self) -> bool {
        self.provider.is_none() || self.has_any.get() == Some(&false)
    }

    /// Returns valid credentials, or `None` if there are none at all.
    pub(super) async fn get(&self) -> Result<Option<Arc<T>>, SourceError> {
        let Some(provider) = &self.provider else { return Ok(None) };
        if !self.origin.is_given {
            let ask = async { timeout(METADATA_TIME, provider.get_credential()).await };
            let has_any = self.has_any.get_or_init(|| async { matches!(ask.await, Ok(Ok(_))) });
            if !*has_any.await {
                return Ok(None);
            }
        }
        match timeout(SERVICE_TIME, provider.get_credential()).await {
            Ok(Ok(credentials)) => Ok(Some(credentials)),
            Ok(Err(error)) => Err(not_given(&error)),
            Err(_) => Err(SourceError::NoAnswer(SERVICE_TIME)),
        }
    }
}

/// Returns the error of credentials that were not given. It is final unless their service could not be
/// reached, or had a problem of its own.
fn not_given(error: &object_store::Error) -> SourceError {
    let first: &(dyn Error + 'static) = error;
    let chain = || std::iter::successors(Some(first), |&cause| cause.source());
    let refusal = chain().find_map(|cause| cause.downcast_ref::<ServiceRefusal>());
    let is_final = match refusal {
        Some(refusal) => {
            matches!(refusal.error.retry_class(false), RetryClass::Permanent | RetryClass::Refused)
        }
        None => !chain().any(<dyn Error>::is::<HttpError>),
    };
    let reason = match refusal {
        Some(refusal) => refusal.to_string(),
        None => escape::brief(&error_chain::describe(error)),
    };
    SourceError::Credentials { reason, is_final }
}
