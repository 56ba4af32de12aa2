//! The variables of the environment that buckets need.

use std::collections::BTreeMap;
use std::fmt;

use reqwest::Url;

use super::SourceError;

/// The variables of the environment that say where a bucket is and who asks. Debug output has their
/// names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, String>);

/// Variables with paths of files, in which `~/` is the home folder, as for the tools of AWS.
const PATHS: [&str; 9] = [
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AZURE_FEDERATED_TOKEN_FILE",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "SERVICE_ACCOUNT",
];

/// Other variables that may hold any character.
const FREE: [&str; 2] = ["AWS_ROLE_SESSION_NAME", "GOOGLE_SERVICE_ACCOUNT_KEY"];

/// Variables with the addresses of services that give credentials.
const ADDRESSES: [&str; 7] = [
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_ENDPOINT_URL_STS",
    "AWS_METADATA_ENDPOINT",
    "AZURE_AUTHORITY_HOST",
    "AZURE_IDENTITY_ENDPOINT",
    "AZURE_MSI_ENDPOINT",
    "IDENTITY_ENDPOINT",
];

impl Variables {
    /// Takes the names and values of variables. Spaces and ends of lines around a value are not part of
    /// it, and an empty one counts as not set.
    pub fn new(all: impl IntoIterator<Item = (String, String)>) -> Self {
        let all = all.into_iter().map(|(name, value)| (name, value.trim().to_owned()));
        let mut all = Self(all.filter(|(_, value)| !value.is_empty()).collect());
        if let Some(home) = all.home().map(str::to_owned) {
            for path in PATHS {
                if let Some(path) = all.0.get_mut(path)
                    && let Some(inside) = path.strip_prefix("~/")
                {
                    *path = format!("{home}/{inside}");
                }
            }
        }
        all
    }

    /// Returns the home folder.
    pub(super) fn home(&self) -> Option<&str> {
        self.get("HOME").or(self.get("USERPROFILE"))
    }

    /// Returns true if the variable is among those that buckets need.
    pub fn is_needed(name: &str) -> bool {
        ["AWS_", "AZURE_", "GOOGLE_"].iter().any(|start| name.starts_with(start))
            || matches!(
                name,
                "APPDATA"
                    | "AZURITE_BLOB_STORAGE_URL"
                    | "HOME"
                    | "IDENTITY_ENDPOINT"
                    | "IDENTITY_HEADER"
                    | "SERVICE_ACCOUNT"
                    | "STORAGE_EMULATOR_HOST"
                    | "USERPROFILE"
            )
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns the value of a setting. Refuses one that no header and no address can hold, on which
    /// `object_store` would panic.
    pub(super) fn checked(&self, name: &str) -> Result<Option<&str>, SourceError> {
        let is_free = FREE.contains(&name) || PATHS.contains(&name);
        let Some(value) = self.get(name).filter(|_| !is_free) else {
            return Ok(self.get(name));
        };
        let refuse = |what| Err(SourceError::Setting(format!("{name} {what}")));
        if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return refuse(
                "has a character that it cannot have, such as a space or the end of a line",
            );
        }
        if ADDRESSES.contains(&name) && !Url::parse(value).is_ok_and(|url| url.has_host()) {
            return refuse("must be an address such as https://host:9000");
        }
        Ok(Some(value))
    }

    /// Replaces the secrets in a text by `***`.
    pub(super) fn without_secrets(&self, text: &str) -> String {
        let is_secret = |name: &str| {
            ["SECRET", "TOKEN", "KEY", "SAS"].iter().any(|word| name.contains(word))
                && !name.ends_with("KEY_ID")
        };
        let secrets = self.0.iter().filter(|(name, _)| is_secret(name)).map(|(_, value)| value);
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }

    /// Returns the names of all variables.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns true if a variable that is a switch is on.
    pub(super) fn is_on(&self, name: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_nothing_can_hold_is_refused_without_showing_it() {
        for (name, value) in [
            ("AWS_REGION", "x y"),
            ("AWS_SESSION_TOKEN", "SECRET\nSECRET"),
            ("AZURE_TENANT_ID", "SECRET\u{e9}"),
            ("AZURE_MSI_ENDPOINT", "SECRET"),
            ("IDENTITY_ENDPOINT", "http://"),
        ] {
            let variables = Variables::new([(name.to_owned(), value.to_owned())]);
            let error = variables.checked(name).unwrap_err().to_string();
            assert!(error.contains(name) && !error.contains("SECRET"), "{error}");
        }
        let key = "GOOGLE_SERVICE_ACCOUNT_KEY";
        let variables = [(key, "{ }"), ("AWS_REGION", " r1\r\n"), ("AWS_ROLE_ARN", "\n")];
        let variables = Variables::new(variables.map(|(name, value)| (name.into(), value.into())));
        assert_eq!(variables.checked(key), Ok(Some("{ }")));
        assert_eq!(variables.checked("AWS_REGION"), Ok(Some("r1")));
        assert_eq!(variables.checked("AWS_ROLE_ARN"), Ok(None));
        assert_eq!(variables.without_secrets("r1 {{ }}"), "r1 {***}");
    }

    #[test]
    fn a_path_may_begin_at_the_home_folder() {
        let variables = [("HOME", "/h"), ("AWS_CONFIG_FILE", "~/a b"), ("AWS_ROLE_ARN", "~/x")];
        let variables = Variables::new(variables.map(|(name, value)| (name.into(), value.into())));
        assert_eq!(variables.get("AWS_CONFIG_FILE"), Some("/h/a b"));
        assert_eq!(variables.get("AWS_ROLE_ARN"), Some("~/x"));
    }
}
