//! The credentials for a bucket, which are looked for once in a run.

use std::sync::Arc;
use std::time::Duration;

use object_store::{BackoffConfig, CredentialProvider, RetryConfig};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::SourceError;
use crate::text::{error_chain, escape};

/// The time in which the metadata service of a cloud machine must answer. Most machines have none, and
/// on some of these nothing answers at all.
const METADATA_TIME: Duration = Duration::from_secs(2);

/// The time in which a service that was named must give credentials.
const SERVICE_TIME: Duration = Duration::from_secs(20);

/// The credentials of one store.
#[derive(Debug)]
pub(super) struct Credentials<T> {
    provider: Option<Arc<dyn CredentialProvider<Credential = T>>>,
    /// The user named credentials. Otherwise only this machine itself may have some.
    is_given: bool,
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
        is_given: bool,
    ) -> Self {
        Self { provider, is_given, has_any: OnceCell::new() }
    }

    /// Returns true if requests are known to be sent without credentials.
    pub(super) fn is_anonymous(&self) -> bool {
        self.provider.is_none() || self.has_any.get() == Some(&false)
    }

    /// Returns valid credentials, or `None` if there are none at all.
    pub(super) async fn get(&self) -> Result<Option<Arc<T>>, SourceError> {
        let Some(provider) = &self.provider else { return Ok(None) };
        if !self.is_given {
            let ask = async { timeout(METADATA_TIME, provider.get_credential()).await };
            let has_any = self.has_any.get_or_init(|| async { matches!(ask.await, Ok(Ok(_))) });
            if !*has_any.await {
                return Ok(None);
            }
        }
        match timeout(SERVICE_TIME, provider.get_credential()).await {
            Ok(Ok(credentials)) => Ok(Some(credentials)),
            Ok(Err(error)) => {
                Err(SourceError::Credentials(escape::brief(&error_chain::describe(&error))))
            }
            Err(_) => Err(SourceError::NoAnswer(SERVICE_TIME)),
        }
    }
}
