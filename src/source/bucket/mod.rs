//! Buckets of object stores as sources: the address of each archive, and the authorization of each
//! request for it.
//!
//! The requests are those of [`super::http`], with its ranges, checks and errors. `object_store` finds
//! the credentials and signs the headers of one request at a time, so no address ever holds a
//! signature that could be shown or expire. Its own client and its retries are not used.

mod advice;
mod connector;
mod credentials;
mod profile;
mod s3;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

use percent_encoding::utf8_percent_encode;
use reqwest::Url;
use reqwest::header::HeaderMap;

use self::profile::Profile;
use self::s3::{Endpoint, S3};
use super::SourceError;
use super::client::Client;
use super::spec::{ESCAPED, SpecError};
use crate::text::escape;

/// A bucket, and the place of the archives in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketSpec {
    bucket: String,
    /// The beginning of each key, or the key with `{name}` in place of the name.
    prefix: String,
    variables: Variables,
    profile: Profile,
    endpoint: Endpoint,
}

/// The variables of the environment that say where a bucket is and who asks. Debug output has their
/// names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, String>);

/// A bucket that is asked in a run.
#[derive(Debug)]
pub(super) struct Bucket {
    spec: BucketSpec,
    store: OnceLock<Result<S3, SourceError>>,
}

/// A request as it is sent.
pub(super) struct SignedRequest {
    /// Never shown: it may hold a secret.
    pub(super) address: Url,
    pub(super) headers: HeaderMap,
}

impl Variables {
    /// Takes the names and values of variables. An empty one counts as not set.
    pub fn new(all: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(all.into_iter().filter(|(_, value)| !value.is_empty()).collect())
    }

    /// Returns true if the variable is among those that buckets need.
    pub fn is_needed(name: &str) -> bool {
        name.starts_with("AWS_") || matches!(name, "HOME" | "USERPROFILE")
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns true if a variable that is a switch is on.
    fn is_on(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| {
            ["1", "true", "yes", "on", "requester"].iter().any(|on| value.eq_ignore_ascii_case(on))
        })
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl BucketSpec {
    /// Parses `s3://BUCKET/PREFIX`. Returns `None` for another kind of address.
    pub(super) fn parse(text: &str) -> Option<Result<Self, SpecError>> {
        let (scheme, rest) = text.split_once("://")?;
        if !scheme.eq_ignore_ascii_case("s3") {
            return None;
        }
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if bucket.is_empty() || !bucket.chars().all(is_name) {
            // Nothing of it is shown after the scheme: it may hold a secret.
            return Some(Err(SpecError::Bucket(scheme.to_ascii_lowercase())));
        }
        let prefix = prefix.trim_matches('/').to_owned();
        let (variables, profile) = (Variables::default(), Profile::default());
        let endpoint = Endpoint::new(bucket, &variables, &profile);
        let bucket = bucket.to_owned();
        Some(endpoint.map(|endpoint| Self { bucket, prefix, variables, profile, endpoint }))
    }

    /// Adds the variables of the environment, and reads the profile that they name. Fails if they do
    /// not say where the bucket is.
    pub(super) fn with_variables(self, variables: Variables) -> Result<Self, SpecError> {
        let profile = Profile::read(&variables).map_err(SpecError::Setting)?;
        let endpoint = Endpoint::new(&self.bucket, &variables, &profile)?;
        Ok(Self { variables, profile, endpoint, ..self })
    }

    fn key(&self, name: &str) -> String {
        match self.prefix.as_str() {
            "" => name.to_owned(),
            template if template.contains("{name}") => template.replace("{name}", name),
            prefix => format!("{prefix}/{name}"),
        }
    }

    /// Returns the address of an archive, without credentials.
    pub(super) fn address(&self, name: &str) -> Option<Url> {
        self.address_at(&self.endpoint, name)
    }

    fn address_at(&self, endpoint: &Endpoint, name: &str) -> Option<Url> {
        let key = utf8_percent_encode(&self.key(name), ESCAPED).to_string();
        Url::parse(&format!("{}/{key}", endpoint.base())).ok()
    }
}

impl fmt::Display for BucketSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", escape::text(&self.prefix)) }
    }
}

impl Bucket {
    pub(super) fn new(spec: BucketSpec) -> Self {
        Self { spec, store: OnceLock::new() }
    }

    fn store(&self, client: &Client) -> Result<&S3, SourceError> {
        let make = || S3::new(&self.spec, client.options());
        self.store.get_or_init(make).as_ref().map_err(SourceError::clone)
    }

    /// Returns the address of an archive, without credentials. It changes once the region of the
    /// bucket is known.
    pub(super) fn address(&self, client: &Client, name: &str) -> Result<Url, SourceError> {
        let endpoint = self.store(client)?.endpoint();
        self.spec.address_at(&endpoint, name).ok_or(SourceError::NoAddress)
    }

    /// Authorizes a request, if the address is one of the store.
    pub(super) async fn sign(
        &self,
        client: &Client,
        address: &Url,
        headers: HeaderMap,
    ) -> Result<SignedRequest, SourceError> {
        self.store(client)?.sign(address, headers).await
    }

    /// Takes the region of the bucket from an answer. Returns true if it is another one than before.
    pub(super) fn learn(&self, client: &Client, headers: &HeaderMap) -> bool {
        self.store(client).is_ok_and(|store| store.learn(headers))
    }

    /// Adds the bucket, the key and what to set to a refusal.
    pub(super) fn explain(&self, client: &Client, error: SourceError, name: &str) -> SourceError {
        let Ok(store) = self.store(client) else { return error };
        let SourceError::Status { code, reason, .. } = error.kind() else { return error };
        let place =
            format!("bucket {}, key {}", self.spec.bucket, escape::brief(&self.spec.key(name)));
        let advice = advice::of(*code, reason.as_deref().unwrap_or_default(), &store.identity());
        let advice = advice.map_or_else(String::new, |advice| format!(": {advice}"));
        let advice = format!("{place}{advice}").into();
        SourceError::Explained { error: Box::new(error), advice }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(typed: &str, variables: &[(&str, &str)]) -> BucketSpec {
        let spec = BucketSpec::parse(typed).unwrap().unwrap();
        let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        spec.with_variables(Variables::new(variables.iter().map(own))).unwrap()
    }

    #[test]
    fn a_key_is_the_prefix_and_the_name() {
        for (typed, address) in [
            ("s3://b", "https://s3.us-east-1.amazonaws.com/b/s/a%20b%3F.gz"),
            ("S3://b/", "https://s3.us-east-1.amazonaws.com/b/s/a%20b%3F.gz"),
            ("s3://b/x/y+z/", "https://s3.us-east-1.amazonaws.com/b/x/y%2Bz/s/a%20b%3F.gz"),
            ("s3://b/x/{name}.bak", "https://s3.us-east-1.amazonaws.com/b/x/s/a%20b%3F.gz.bak"),
        ] {
            let found = spec(typed, &[]).address("s/a b?.gz").map(String::from);
            assert_eq!(found.as_deref(), Some(address), "{typed}");
        }
    }

    #[test]
    fn variables_say_where_the_bucket_is() {
        for (variables, address) in [
            (&[("AWS_REGION", "eu-west-3")][..], "https://s3.eu-west-3.amazonaws.com/b/a"),
            (&[("AWS_DEFAULT_REGION", "cn-north-1")], "https://s3.cn-north-1.amazonaws.com.cn/b/a"),
            (&[("AWS_ENDPOINT_URL", "http://minio:9000/")], "http://minio:9000/b/a"),
            (
                &[("AWS_ENDPOINT_URL", "http://other"), ("AWS_ENDPOINT_URL_S3", "http://ceph/s3")],
                "http://ceph/s3/b/a",
            ),
            (
                &[
                    ("AWS_ENDPOINT_URL", "https://b.minio"),
                    ("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true"),
                ],
                "https://b.minio/a",
            ),
        ] {
            let found = spec("s3://b", variables).address("a").map(String::from);
            assert_eq!(found.as_deref(), Some(address));
        }
    }

    #[test]
    fn an_address_with_credentials_is_refused_without_showing_them() {
        for typed in ["s3://", "s3:///key", "s3://KEY:SECRET@b/x", "s3://b?SECRET", "s3://b:90/x"] {
            let error = BucketSpec::parse(typed).unwrap().unwrap_err().to_string();
            assert!(!error.contains("SECRET"), "{error}");
        }
    }

    #[test]
    fn an_endpoint_must_be_an_address() {
        for endpoint in ["localhost:9000", "ftp://m", "http://", "https://me:SECRET@m"] {
            let variables = Variables::new([("AWS_ENDPOINT_URL".to_owned(), endpoint.to_owned())]);
            let spec = BucketSpec::parse("s3://b").unwrap().unwrap();
            let error = spec.with_variables(variables).unwrap_err().to_string();
            assert!(error.contains("AWS_ENDPOINT_URL") && !error.contains("SECRET"), "{error}");
        }
    }

    #[test]
    fn debug_output_has_no_values() {
        let spec = spec("s3://b", &[("AWS_SECRET_ACCESS_KEY", "SECRET")]);
        assert!(!format!("{spec:?}").contains("\"SECRET\""));
    }
}
