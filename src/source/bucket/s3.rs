//! Amazon S3, and stores that speak its protocol.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsAuthorizer, AwsCredential};
use object_store::client::{HttpRequest, HttpRequestBody};
use parking_lot::Mutex;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName};

use super::advice::{self, Identity};
use super::connector::Connector;
use super::credentials::{Credentials, MACHINE, Origin, no_retries, wrong_setting};
use super::endpoint::Endpoint;
use super::profile::TOKEN;
use super::spec::Place;
use super::{BucketSpec, SignedRequest, SourceError};
use crate::disk;
use crate::source::client::ClientOptions;

/// The region of a bucket, which S3 states in every answer.
const REGION: HeaderName = HeaderName::from_static("x-amz-bucket-region");

/// The most characters of a region in an answer.
const REGION_LENGTH: usize = 40;

/// The variable with the path of a token.
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

/// The most bytes of a token.
const TOKEN_LENGTH: usize = 1 << 16;

/// A bucket that is asked in a run.
#[derive(Debug)]
pub(super) struct S3 {
    endpoint: Mutex<Endpoint>,
    pub(super) credentials: Credentials<AwsCredential>,
    pays: bool,
}

/// The places of credentials.
const KEYS: Origin = Origin {
    settings: "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
    is_given: true,
    can_renew: false,
};
const IDENTITY: Origin = Origin {
    settings: "AWS_ROLE_ARN and the file of AWS_WEB_IDENTITY_TOKEN_FILE",
    is_given: true,
    can_renew: true,
};
const CONTAINER: Origin = Origin {
    settings: "the role of this container (AWS_CONTAINER_CREDENTIALS_…)",
    is_given: true,
    can_renew: true,
};
const PROFILE: Origin =
    Origin { settings: "the keys of the profile (AWS_PROFILE)", is_given: true, can_renew: true };

impl S3 {
    pub(super) fn new(spec: &BucketSpec, options: &ClientOptions) -> Result<Self, SourceError> {
        let Some(Place::S3(endpoint)) = spec.place.clone() else {
            return Err(SourceError::NoAddress);
        };
        let endpoint = Mutex::new(endpoint);
        let pays = spec.variables.is_on("AWS_REQUEST_PAYER");
        Ok(Self { endpoint, credentials: credentials(spec, options)?, pays })
    }

    /// Returns the same store with these credentials.
    pub(super) fn in_region_of(mut self, other: &Self) -> Self {
        self.endpoint = Mutex::new(other.endpoint());
        self
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        self.endpoint.lock().clone()
    }

    pub(super) fn identity(&self) -> Identity<'static> {
        Identity {
            is_anonymous: self.credentials.is_anonymous(),
            pays: self.pays,
            names: &advice::S3,
            region: self.region(),
            origin: self.credentials.origin,
        }
    }

    pub(super) async fn sign(
        &self,
        address: &Url,
        mut headers: HeaderMap,
    ) -> Result<SignedRequest, SourceError> {
        if let Some(credentials) = self.credentials.get().await? {
            check(&credentials)?;
            // Its own headers only: a proxy may change the others on the way.
            let mut request = HttpRequest::new(HttpRequestBody::empty());
            *request.uri_mut() = address.as_str().parse().map_err(wrong_setting)?;
            AwsAuthorizer::new(&credentials, "s3", &self.region())
                .with_request_payer(self.pays)
                .try_authorize(&mut request, None)
                .map_err(wrong_setting)?;
            headers.extend(std::mem::take(request.headers_mut()));
        }
        Ok(SignedRequest { address: address.clone(), headers })
    }

    pub(super) fn region(&self) -> String {
        self.endpoint.lock().region.clone()
    }

    /// Takes the region of the bucket from an answer. Returns true if it is another one than that in
    /// which it was asked. Another thread may have learnt it meanwhile.
    pub(super) fn learn(&self, headers: &HeaderMap, asked: &str) -> bool {
        let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let stated = headers.get(REGION).and_then(|value| value.to_str().ok());
        let stated = stated.filter(|region| {
            (1..=REGION_LENGTH).contains(&region.len()) && region.chars().all(is_part)
        });
        let Some(other) = stated.filter(|&stated| stated != asked) else { return false };
        other.clone_into(&mut self.endpoint.lock().region);
        true
    }
}

/// Finds the credentials: variables, a web identity, the files of profiles, a container, and this
/// machine itself.
fn credentials(
    spec: &BucketSpec,
    options: &ClientOptions,
) -> Result<Credentials<AwsCredential>, SourceError> {
    let BucketSpec { bucket, variables, profile, .. } = spec;
    let has = |name| variables.get(name).is_some();
    if variables.is_on("AWS_SKIP_SIGNATURE") {
        return Ok(Credentials::none());
    }
    let has_keys = has("AWS_ACCESS_KEY_ID") || has("AWS_SECRET_ACCESS_KEY");
    let has_identity = has("AWS_WEB_IDENTITY_TOKEN_FILE") && has("AWS_ROLE_ARN");
    let is_in_container = has("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        || (has("AWS_CONTAINER_CREDENTIALS_FULL_URI") && has(TOKEN_FILE));
    let mut builder = AmazonS3Builder::new();
    for name in variables.names() {
        // The others have no effect on credentials. A token without keys is the rest of another session.
        if let Ok(key) = AmazonS3ConfigKey::from_str(&name.to_ascii_lowercase())
            && is_about_credentials(key)
            && (has_keys || key != AmazonS3ConfigKey::Token)
            && let Some(value) = variables.checked(name)?
        {
            builder = builder.with_config(key, value);
        }
    }
    if let Some(path) = variables.get(TOKEN_FILE) {
        check_token_file(path)?;
    }
    let mut origin = match (has_keys, has_identity, is_in_container) {
        (true, ..) => KEYS,
        (_, true, _) => IDENTITY,
        (_, _, true) => CONTAINER,
        _ => MACHINE,
    };
    if !has_keys && !has_identity {
        if let Some((id, secret)) = profile.keys() {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret);
            if let Some(token) = profile.get(TOKEN) {
                builder = builder.with_token(token);
            }
            origin = PROFILE;
        } else {
            profile.check_named()?;
        }
    }
    if !origin.is_given && variables.is_on("AWS_EC2_METADATA_DISABLED") {
        return Ok(Credentials::none());
    }
    let store = builder
        .with_bucket_name(bucket)
        .with_s3_express(false)
        .with_retry(no_retries())
        .with_http_connector(Connector(options.clone()))
        .build()
        .map_err(wrong_setting)?;
    Ok(Credentials::new(Some(Arc::clone(store.credentials())), origin))
}

/// Returns true for a setting of the credentials or of the service that gives them.
const fn is_about_credentials(key: AmazonS3ConfigKey) -> bool {
    matches!(
        key,
        AmazonS3ConfigKey::AccessKeyId
            | AmazonS3ConfigKey::SecretAccessKey
            | AmazonS3ConfigKey::Token
            | AmazonS3ConfigKey::Region
            | AmazonS3ConfigKey::DefaultRegion
            | AmazonS3ConfigKey::ImdsV1Fallback
            | AmazonS3ConfigKey::MetadataEndpoint
            | AmazonS3ConfigKey::ContainerCredentialsRelativeUri
            | AmazonS3ConfigKey::ContainerCredentialsFullUri
            | AmazonS3ConfigKey::ContainerAuthorizationTokenFile
            | AmazonS3ConfigKey::WebIdentityTokenFile
            | AmazonS3ConfigKey::RoleArn
            | AmazonS3ConfigKey::RoleSessionName
            | AmazonS3ConfigKey::StsEndpoint
    )
}

/// Refuses a file whose token no header can hold, on which `object_store` would panic.
fn check_token_file(path: &str) -> Result<(), SourceError> {
    let bytes = disk::read_through(Path::new(path), TOKEN_LENGTH).unwrap_or_default();
    if bytes.iter().all(u8::is_ascii_graphic) {
        return Ok(());
    }
    Err(SourceError::Setting(format!(
        "the file of {TOKEN_FILE} has a character that no token has, such as a space or the end of a line"
    )))
}

/// Refuses credentials that no header can hold.
fn check(credentials: &AwsCredential) -> Result<(), SourceError> {
    let AwsCredential { key_id, token, .. } = credentials;
    let is_valid = |text: &String| text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_valid(key_id) && token.as_ref().is_none_or(is_valid) {
        return Ok(());
    }
    Err(SourceError::Setting(
        "AWS_ACCESS_KEY_ID or AWS_SESSION_TOKEN has a character that no key has, such as a space \
         or the end of a line"
            .to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::super::Variables;
    use super::super::profile::Profile;
    use super::*;

    /// Several requests are on their way when the first answer states the region.
    #[test]
    fn a_region_counts_for_every_request_that_was_sent_elsewhere() {
        let endpoint = Endpoint::new("b", &Variables::default(), &Profile::default()).unwrap();
        let (endpoint, credentials) = (Mutex::new(endpoint), Credentials::none());
        let store = S3 { endpoint, credentials, pays: false };
        let asked = store.region();
        let headers = HeaderMap::from_iter([(REGION, HeaderValue::from_static("eu-west-3"))]);
        assert!(store.learn(&headers, &asked));
        assert!(store.learn(&headers, &asked));
        assert_eq!(store.region(), "eu-west-3");
        assert!(!store.learn(&headers, "eu-west-3"));
        assert!(!store.learn(&HeaderMap::new(), &asked));
    }
}
