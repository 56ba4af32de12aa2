//! Google Cloud Storage.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder, GoogleConfigKey};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::connector::Connector;
use super::credentials::{Credentials, MACHINE, Origin, no_retries};
use super::endpoint::plain_address;
use super::{BucketSpec, SignedRequest, SourceError, Variables};
use crate::source::client::ClientOptions;
use crate::source::spec_error::SpecError;

/// The project that pays for a request.
const PROJECT: HeaderName = HeaderName::from_static("x-goog-user-project");

/// The variable with that project.
const PROJECT_VARIABLE: &str = "GOOGLE_CLOUD_QUOTA_PROJECT";

/// The variable with the address of another server, such as an emulator, which asks for no credentials.
const EMULATOR: &str = "STORAGE_EMULATOR_HOST";

/// The variables with credentials.
const GIVEN: [&str; 6] = [
    TOKEN,
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "SERVICE_ACCOUNT",
];

/// The variable with a token, which ends.
const TOKEN: &str = "GOOGLE_BEARER_TOKEN";

/// The file of the user's login.
const LOGIN: Origin = Origin {
    settings: "the login (gcloud auth application-default login)",
    is_given: true,
    can_renew: true,
};

/// A bucket that is asked in a run.
#[derive(Debug)]
pub(super) struct Gcs {
    pub(super) credentials: Credentials<GcpCredential>,
    pub(super) project: Option<String>,
}

/// Returns the address of a bucket.
pub(super) fn base(bucket: &str, variables: &Variables) -> Result<String, SpecError> {
    let base = match (variables.get(EMULATOR), variables.get("GOOGLE_BASE_URL")) {
        // Google's own libraries accept a host without a scheme.
        (Some(host), _) if !host.contains("://") => {
            plain_address(&format!("http://{host}"), EMULATOR)?
        }
        (Some(address), _) => plain_address(address, EMULATOR)?,
        (None, Some(address)) => plain_address(address, "GOOGLE_BASE_URL")?,
        (None, None) => "https://storage.googleapis.com".to_owned(),
    };
    Ok(format!("{base}/{bucket}"))
}

impl Gcs {
    pub(super) fn new(spec: &BucketSpec, options: &ClientOptions) -> Result<Self, SourceError> {
        let project = spec.variables.get(PROJECT_VARIABLE).map(str::to_owned);
        let credentials = credentials(spec, options)?;
        Ok(Self { credentials, project })
    }

    pub(super) async fn sign(
        &self,
        address: &Url,
        mut headers: HeaderMap,
    ) -> Result<SignedRequest, SourceError> {
        let credentials = self.credentials.get().await?;
        if let Some(credentials) = credentials.filter(|credentials| !credentials.bearer.is_empty())
        {
            let mut add = |name, value: String| -> Result<(), SourceError> {
                let mut value = HeaderValue::try_from(value).map_err(|_| {
                    SourceError::Setting(
                        "the token or the project has a character that a header cannot hold"
                            .to_owned(),
                    )
                })?;
                value.set_sensitive(true);
                headers.insert(name, value);
                Ok(())
            };
            add(AUTHORIZATION, format!("Bearer {}", credentials.bearer))?;
            if let Some(project) = &self.project {
                add(PROJECT, project.clone())?;
            }
        }
        Ok(SignedRequest { address: address.clone(), headers })
    }
}

/// Finds the credentials: a service account, the file of the user's login, and this machine itself.
fn credentials(
    spec: &BucketSpec,
    options: &ClientOptions,
) -> Result<Credentials<GcpCredential>, SourceError> {
    let BucketSpec { bucket, variables, .. } = spec;
    if variables.is_on("GOOGLE_SKIP_SIGNATURE") || variables.get(EMULATOR).is_some() {
        return Ok(Credentials::none());
    }
    let mut builder = GoogleCloudStorageBuilder::new();
    if let Some(path) = variables.get("SERVICE_ACCOUNT") {
        builder = builder.with_service_account_path(path);
    }
    for name in variables.names() {
        let key = name.starts_with("GOOGLE_").then(|| name.to_ascii_lowercase());
        if let Some(Ok(key)) = key.map(|key| GoogleConfigKey::from_str(&key))
            && !matches!(key, GoogleConfigKey::Client(_))
            && let Some(value) = variables.checked(name)?
        {
            builder = builder.with_config(key, value);
        }
    }
    let given = GIVEN.into_iter().find(|name| variables.get(name).is_some());
    // The text of the error may hold a part of a key.
    let unreadable = |_| {
        let place = given.unwrap_or("the file of the login with gcloud");
        SourceError::Setting(format!(
            "{place} gives no credentials that cxr can read: expected the path of a JSON file with the key \
             of a service account or with a login (in GOOGLE_SERVICE_ACCOUNT_KEY, the key itself)"
        ))
    };
    let store = builder
        .with_bucket_name(bucket)
        .with_retry(no_retries())
        .with_http_connector(Connector(options.clone()))
        .build()
        .map_err(unreadable)?;
    let login = if cfg!(windows) {
        variables.get("APPDATA").map(|data| Path::new(data).join("gcloud"))
    } else {
        variables.get("HOME").map(|home| Path::new(home).join(".config/gcloud"))
    };
    let has_login =
        login.is_some_and(|folder| folder.join("application_default_credentials.json").exists());
    let can_renew = given != Some(TOKEN);
    let origin = match given {
        Some(settings) => Origin { settings, is_given: true, can_renew },
        None if has_login => LOGIN,
        None => MACHINE,
    };
    Ok(Credentials::new(Some(Arc::clone(store.credentials())), origin))
}
