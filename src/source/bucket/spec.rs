//! The address of a bucket on the command line, and the address of each archive in it.

use std::fmt;

use percent_encoding::utf8_percent_encode;
use reqwest::Url;

use super::Variables;
use super::endpoint::Endpoint;
use super::profile::Profile;
use crate::source::spec_error::{ESCAPED, SpecError};
use crate::text::escape;

/// A bucket, and the place of the archives in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketSpec {
    pub(super) service: Service,
    pub(super) bucket: String,
    /// The beginning of each key, with a `/` at its end unless it is empty; or the key with `{name}` in
    /// place of the name.
    pub(super) prefix: String,
    pub(super) variables: Variables,
    pub(super) profile: Profile,
    /// Where the bucket is, once the variables are known.
    pub(super) place: Option<Place>,
}

/// An object store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    S3,
    Gcs,
    Azure,
}

/// The place of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    S3(Endpoint),
    /// The address of the bucket.
    Fixed(String),
}

impl BucketSpec {
    /// Parses `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX` and `az://CONTAINER/PREFIX`. Returns `None` for
    /// another kind of address.
    pub(in crate::source) fn parse(text: &str) -> Option<Result<Self, SpecError>> {
        let (scheme, rest) = text.split_once("://")?;
        let services = [Service::S3, Service::Gcs, Service::Azure];
        let service =
            services.into_iter().find(|service| scheme.eq_ignore_ascii_case(service.scheme()))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        let is_bucket = bucket.chars().all(is_name) && !matches!(bucket, "" | "." | "..");
        if !is_bucket {
            // Nothing of it is shown after the scheme: it may hold a secret.
            return Some(Err(SpecError::Bucket(service.scheme().to_owned())));
        }
        // Empty parts count: `//x/` is another prefix than `/x/`.
        let is_whole = prefix.is_empty() || prefix.ends_with('/') || prefix.contains("{name}");
        let prefix = if is_whole { prefix.to_owned() } else { format!("{prefix}/") };
        if prefix.split('/').any(|part| matches!(part, "." | "..")) {
            return Some(Err(SpecError::Setting(
                "a part of the key is `.` or `..`, which no address can hold".to_owned(),
            )));
        }
        let (variables, profile) = (Variables::default(), Profile::default());
        let bucket = bucket.to_owned();
        Some(Ok(Self { service, bucket, prefix, variables, profile, place: None }))
    }

    /// Returns the address of the bucket, and nothing if the variables are not known.
    pub(super) fn base(&self) -> String {
        self.place.as_ref().map(Place::base).unwrap_or_default()
    }

    pub(super) fn key(&self, name: &str) -> String {
        match self.prefix.as_str() {
            "" => name.to_owned(),
            template if template.contains("{name}") => template.replace("{name}", name),
            prefix => format!("{prefix}{name}"),
        }
    }

    /// Returns the address of an archive, without credentials.
    pub(in crate::source) fn address(&self, name: &str) -> Option<Url> {
        self.address_at(&self.base(), name)
    }

    pub(super) fn address_at(&self, base: &str, name: &str) -> Option<Url> {
        let key = utf8_percent_encode(&self.key(name), ESCAPED).to_string();
        Url::parse(&format!("{base}/{key}")).ok()
    }
}

impl fmt::Display for BucketSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.service.scheme(), self.bucket)?;
        if self.prefix.is_empty() {
            return Ok(());
        }
        let short = self.prefix.strip_suffix('/').filter(|it| !it.is_empty() && !it.ends_with('/'));
        write!(f, "/{}", escape::text(short.unwrap_or(&self.prefix)))
    }
}

impl Service {
    const fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gs",
            Self::Azure => "az",
        }
    }
}

impl Place {
    fn base(&self) -> String {
        match self {
            Self::S3(endpoint) => endpoint.base(),
            Self::Fixed(address) => address.clone(),
        }
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
            ("s3://b//", "https://s3.us-east-1.amazonaws.com/b//s/a%20b%3F.gz"),
            ("s3://b//x", "https://s3.us-east-1.amazonaws.com/b//x/s/a%20b%3F.gz"),
            ("s3://b/x//y//", "https://s3.us-east-1.amazonaws.com/b/x//y//s/a%20b%3F.gz"),
            ("s3://b/x/{name}.bak", "https://s3.us-east-1.amazonaws.com/b/x/s/a%20b%3F.gz.bak"),
        ] {
            let found = spec(typed, &[]).address("s/a b?.gz").map(String::from);
            assert_eq!(found.as_deref(), Some(address), "{typed}");
            // A message has an address that can be pasted.
            let again = spec(&spec(typed, &[]).to_string(), &[]).address("s/a b?.gz");
            assert_eq!(again.map(String::from).as_deref(), Some(address), "{typed}");
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
    fn other_stores_have_their_own_variables() {
        for (typed, variables, address) in [
            ("gs://b/x", &[][..], "https://storage.googleapis.com/b/x/a"),
            ("gs://b", &[("STORAGE_EMULATOR_HOST", "localhost:1")], "http://localhost:1/b/a"),
            (
                "az://c/x",
                &[("AZURE_STORAGE_ACCOUNT_NAME", "me")],
                "https://me.blob.core.windows.net/c/x/a",
            ),
            (
                "AZ://c",
                &[("AZURE_STORAGE_ACCOUNT", "me"), ("AZURE_STORAGE_ENDPOINT", "https://h/")],
                "https://h/c/a",
            ),
            (
                "az://c",
                &[("AZURE_STORAGE_USE_EMULATOR", "true")],
                "http://127.0.0.1:10000/devstoreaccount1/c/a",
            ),
        ] {
            let found = spec(typed, variables).address("a").map(String::from);
            assert_eq!(found.as_deref(), Some(address), "{typed}");
        }
        let nameless = BucketSpec::parse("az://c").unwrap().unwrap();
        let error = nameless.with_variables(Variables::default()).unwrap_err().to_string();
        assert!(error.contains("set AZURE_STORAGE_ACCOUNT_NAME"), "{error}");
    }

    #[test]
    fn an_address_with_credentials_is_refused_without_showing_them() {
        for typed in [
            "s3://",
            "s3:///key",
            "s3://KEY:SECRET@b/x",
            "s3://b?SECRET",
            "s3://b:90/x",
            "s3://b/../SECRET",
            "s3://../SECRET",
        ] {
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
