//! Azure Blob Storage.

use std::str::FromStr;
use std::sync::Arc;

use object_store::azure::{
    AzureAuthorizer, AzureConfigKey, AzureCredential, MicrosoftAzureBuilder,
};
use object_store::client::{HttpRequest, HttpRequestBody};
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RANGE};

use super::connector::Connector;
use super::credentials::{Credentials, MACHINE, Origin, no_retries, wrong_setting};
use super::endpoint::plain_address;
use super::{BucketSpec, SignedRequest, SourceError, Variables};
use crate::source::client::ClientOptions;
use crate::source::spec_error::SpecError;

/// The version of the protocol. Without one, the oldest is spoken.
const VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-ms-version"), HeaderValue::from_static("2023-11-03"));

const ACCOUNT: &str = "AZURE_STORAGE_ACCOUNT_NAME";

/// The account of the emulator Azurite, and its key, which is public.
const EMULATOR: (&str, &str) = (
    "devstoreaccount1",
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
);

/// The variables with credentials, in the order in which they count, and whether these may be renewed.
/// The service of the machine may need the ID of a client too.
const GIVEN: [(&str, bool); 9] = [
    ("AZURE_STORAGE_TOKEN", false),
    ("AZURE_STORAGE_KEY", false),
    ("AZURE_STORAGE_ACCOUNT_KEY", false),
    ("AZURE_STORAGE_ACCESS_KEY", false),
    ("AZURE_FEDERATED_TOKEN_FILE", true),
    ("AZURE_CLIENT_SECRET", true),
    ("AZURE_STORAGE_SAS_KEY", false),
    ("AZURE_STORAGE_SAS_TOKEN", false),
    ("AZURE_USE_AZURE_CLI", true),
];

/// A container that is asked in a run.
#[derive(Debug)]
pub(super) struct Azure {
    account: String,
    pub(super) credentials: Credentials<AzureCredential>,
}

/// Returns the account of the containers.
fn account(variables: &Variables) -> Option<&str> {
    let emulator = variables.is_on("AZURE_STORAGE_USE_EMULATOR").then_some(EMULATOR.0);
    variables.get(ACCOUNT).or(variables.get("AZURE_STORAGE_ACCOUNT")).or(emulator)
}

/// Returns the address of a container.
pub(super) fn base(container: &str, variables: &Variables) -> Result<String, SpecError> {
    let is_name = |name: &&str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let account = account(variables).filter(is_name).ok_or_else(|| {
        SpecError::Setting(format!("set {ACCOUNT} to the storage account of the container"))
    })?;
    if variables.is_on("AZURE_STORAGE_USE_EMULATOR") {
        let address = variables.get("AZURITE_BLOB_STORAGE_URL").unwrap_or("http://127.0.0.1:10000");
        let address = plain_address(address, "AZURITE_BLOB_STORAGE_URL")?;
        return Ok(format!("{address}/{account}/{container}"));
    }
    let named = ["AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"]
        .into_iter()
        .find_map(|name| Some(plain_address(variables.get(name)?, name)));
    let address =
        named.unwrap_or_else(|| Ok(format!("https://{account}.blob.core.windows.net")))?;
    Ok(format!("{address}/{container}"))
}

impl Azure {
    pub(super) fn new(spec: &BucketSpec, options: &ClientOptions) -> Result<Self, SourceError> {
        let account = account(&spec.variables).unwrap_or_default().to_owned();
        let credentials = credentials(spec, &account, options)?;
        Ok(Self { account, credentials })
    }

    pub(super) async fn sign(
        &self,
        address: &Url,
        mut headers: HeaderMap,
    ) -> Result<SignedRequest, SourceError> {
        let mut address = address.clone();
        headers.extend([VERSION]);
        if let Some(credentials) = self.credentials.get().await? {
            check(&credentials)?;
            let mut request = HttpRequest::new(HttpRequestBody::empty());
            *request.uri_mut() = address.as_str().parse().map_err(wrong_setting)?;
            // The signature of a key covers the range.
            let range = headers.get(RANGE).cloned();
            request.headers_mut().extend(range.map(|range| (RANGE, range)));
            AzureAuthorizer::new(&credentials, &self.account)
                .try_authorize(&mut request)
                .map_err(wrong_setting)?;
            headers.extend(std::mem::take(request.headers_mut()));
            address = Url::parse(&request.uri().to_string()).map_err(wrong_setting)?;
        }
        Ok(SignedRequest { address, headers })
    }
}

/// Finds the credentials: a key, a token, a shared access signature, an application, and this machine
/// itself.
fn credentials(
    spec: &BucketSpec,
    account: &str,
    options: &ClientOptions,
) -> Result<Credentials<AzureCredential>, SourceError> {
    let BucketSpec { bucket, variables, .. } = spec;
    if variables.is_on("AZURE_SKIP_SIGNATURE") {
        return Ok(Credentials::none());
    }
    let is_emulator = variables.is_on("AZURE_STORAGE_USE_EMULATOR");
    let given = GIVEN.into_iter().find(|(name, _)| variables.get(name).is_some());
    let origin = match given {
        Some((settings, can_renew)) => Origin { settings, is_given: true, can_renew },
        None => Origin { is_given: is_emulator, ..MACHINE },
    };
    let mut builder = MicrosoftAzureBuilder::new();
    if is_emulator {
        builder = builder.with_access_key(EMULATOR.1);
    }
    // `object_store` reads these on its own.
    for name in ["IDENTITY_ENDPOINT", "IDENTITY_HEADER"] {
        variables.checked(name)?;
    }
    for name in variables.names() {
        let key = name.starts_with("AZURE_").then(|| name.to_ascii_lowercase());
        if let Some(Ok(key)) = key.map(|key| AzureConfigKey::from_str(&key))
            && !matches!(
                key,
                AzureConfigKey::Client(_)
                    | AzureConfigKey::UseEmulator
                    | AzureConfigKey::EncryptionKey
            )
            && let Some(value) = variables.checked(name)?
        {
            builder = builder.with_config(key, value);
        }
    }
    if let Some(key) = variables.get("AZURE_STORAGE_KEY") {
        builder = builder.with_access_key(key);
    }
    if let Some(endpoint) = variables.get("IDENTITY_ENDPOINT") {
        builder = builder.with_msi_endpoint(endpoint);
    }
    let store = builder
        .with_account(account)
        .with_container_name(bucket)
        .with_retry(no_retries())
        .with_http_connector(Connector(options.clone()))
        .build()
        .map_err(wrong_setting)?;
    Ok(Credentials::new(Some(Arc::clone(store.credentials())), origin))
}

/// Refuses a token that no header can hold.
fn check(credentials: &AzureCredential) -> Result<(), SourceError> {
    match credentials {
        AzureCredential::BearerToken(token) if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(SourceError::Setting(
                "AZURE_STORAGE_TOKEN has a character that no token has, such as a space or the end \
                 of a line"
                    .to_owned(),
            ))
        }
        _ => Ok(()),
    }
}
