//! The address of a bucket of S3, and addresses in variables.

use reqwest::Url;

use super::Variables;
use super::profile::Profile;
use crate::source::spec_error::SpecError;

/// The region if none is set.
const DEFAULT_REGION: &str = "us-east-1";

/// The place of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) bucket: String,
    pub(super) region: String,
    /// The address of another store than Amazon's.
    pub(super) custom: Option<String>,
    /// The host names the bucket.
    pub(super) is_virtual: bool,
}

impl Endpoint {
    pub(super) fn new(
        bucket: &str,
        variables: &Variables,
        profile: &Profile,
    ) -> Result<Self, SpecError> {
        let first = |names: &[&str]| names.iter().find_map(|name| variables.get(name));
        let region = first(&["AWS_REGION", "AWS_DEFAULT_REGION"]).or(profile.get("region"));
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !region.is_none_or(|region| region.chars().all(is_part)) {
            let what = "has a character that no region has, such as a space";
            return Err(SpecError::Setting(format!("AWS_REGION {what}")));
        }
        let custom = first(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"]);
        let custom = custom.or(profile.get("endpoint_url"));
        let custom = custom.map(|custom| plain_address(custom, "AWS_ENDPOINT_URL")).transpose()?;
        Ok(Self {
            bucket: bucket.to_owned(),
            region: region.unwrap_or(DEFAULT_REGION).to_owned(),
            custom,
            is_virtual: variables.is_on("AWS_VIRTUAL_HOSTED_STYLE_REQUEST"),
        })
    }

    /// Returns the address of the bucket.
    pub(super) fn base(&self) -> String {
        let Self { bucket, region, custom, is_virtual } = self;
        let end = if region.starts_with("cn-") { ".cn" } else { "" };
        match (custom, is_virtual) {
            (Some(custom), true) => custom.clone(),
            (Some(custom), false) => format!("{custom}/{bucket}"),
            (None, true) => format!("https://{bucket}.s3.{region}.amazonaws.com{end}"),
            (None, false) => format!("https://s3.{region}.amazonaws.com{end}/{bucket}"),
        }
    }

    /// Returns true for an address that may see the credentials: one at the same host, or Amazon's.
    pub(super) fn trusts(&self, address: &Url) -> bool {
        let is_amazons = |host: &str| {
            let is_s3 = host.split('.').any(|label| label == "s3" || label.starts_with("s3-"));
            is_s3 && [".amazonaws.com", ".amazonaws.com.cn"].iter().any(|end| host.ends_with(end))
        };
        let is_amazons = self.custom.is_none()
            && address.scheme() == "https"
            && address.host_str().is_some_and(is_amazons);
        is_amazons || is_same_host(&self.base(), address)
    }
}

/// Returns the address in a variable without a `/` at its end. Refuses one with a user, a password or a
/// query, which could be secrets.
pub(super) fn plain_address(address: &str, variable: &'static str) -> Result<String, SpecError> {
    let is_plain = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    if !Url::parse(address).is_ok_and(|url| is_plain(&url)) {
        return Err(SpecError::Endpoint(variable));
    }
    Ok(address.trim_end_matches('/').to_owned())
}

/// Returns true for an address at the scheme, host and port of a base.
pub(super) fn is_same_host(base: &str, address: &Url) -> bool {
    Url::parse(base).is_ok_and(|own| own.origin() == address.origin())
}
