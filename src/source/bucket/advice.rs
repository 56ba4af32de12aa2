//! Advice on the refusals of object stores. Pure.

use crate::text::escape;

/// The one who asks.
#[derive(Debug)]
pub(super) struct Identity<'a> {
    pub(super) is_anonymous: bool,
    /// The one who asks pays for the request, or nobody has to.
    pub(super) pays: bool,
    pub(super) names: &'a Names,
    pub(super) region: String,
}

/// The settings of a store in messages.
#[derive(Debug)]
pub(super) struct Names {
    /// What to set if there are no credentials.
    to_set: &'static str,
    /// The variables of the key.
    key: &'static str,
    secret: &'static str,
    session: &'static str,
    /// The variable for another address than the service's.
    endpoint: &'static str,
    payer: &'static str,
}

pub(super) const S3: Names = Names {
    to_set: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    key: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    secret: "AWS_SECRET_ACCESS_KEY",
    session: "AWS_SESSION_TOKEN",
    endpoint: "AWS_ENDPOINT_URL if the store is not Amazon's",
    payer: "AWS_REQUEST_PAYER=requester",
};

pub(super) const GCS: Names = Names {
    to_set: "set GOOGLE_APPLICATION_CREDENTIALS to the file of a service account, or run gcloud auth \
             application-default login",
    key: "GOOGLE_APPLICATION_CREDENTIALS",
    secret: "GOOGLE_APPLICATION_CREDENTIALS",
    session: "the login, with gcloud auth application-default login",
    endpoint: "GOOGLE_BASE_URL if the store is not Google's",
    payer: "GOOGLE_CLOUD_QUOTA_PROJECT to the project that pays",
};

pub(super) const AZURE: Names = Names {
    to_set: "set AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN, or AZURE_USE_AZURE_CLI=true after \
             az login",
    key: "AZURE_STORAGE_ACCOUNT_KEY",
    secret: "AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_TOKEN and the clock of this machine",
    session: "AZURE_STORAGE_TOKEN or AZURE_STORAGE_SAS_TOKEN",
    endpoint: "AZURE_STORAGE_ACCOUNT_NAME",
    payer: "",
};

/// Returns what to do about a refusal with this status, and with the code and the message of the
/// store in `reason`.
pub(super) fn of(status: u16, reason: &str, identity: &Identity<'_>) -> Option<String> {
    let code = reason.split([':', ' ']).next().unwrap_or_default();
    let Identity { names, .. } = identity;
    Some(match (code, status) {
        ("NoSuchBucket" | "ContainerNotFound", _) => {
            format!("there is no such bucket; check its name, and {}", names.endpoint)
        }
        ("NoSuchKey" | "BlobNotFound", _) => {
            "the bucket has no such key; check the prefix after the bucket".to_owned()
        }
        ("InvalidAccessKeyId", _) => {
            format!("the store does not know the key; check {}", names.key)
        }
        ("SignatureDoesNotMatch", _) => {
            format!("check {}, and that no proxy changes the address", names.secret)
        }
        ("AuthenticationFailed", _) => format!("check {}", names.secret),
        ("RequestTimeTooSkewed", _) => "the clock of this machine is wrong; set it".to_owned(),
        ("ExpiredToken" | "InvalidToken" | "TokenRefreshRequired", _) => {
            format!("the session has ended; renew {}", names.session)
        }
        ("AuthorizationHeaderMalformed" | "PermanentRedirect", _) | (_, 301)
            if !identity.region.is_empty() =>
        {
            let region = escape::brief(&identity.region);
            format!("the bucket is not in the region {region}; set AWS_REGION to its region")
        }
        ("UserProjectMissing", _) => {
            format!("the one who asks pays for requests to this bucket; set {}", names.payer)
        }
        ("NoAuthenticationInformation" | "PublicAccessNotPermitted", _) | (_, 401 | 403)
            if identity.is_anonymous =>
        {
            format!("cxr found no credentials and asked without; {}", names.to_set)
        }
        // A container that is not public is hidden.
        ("ResourceNotFound", 404) if identity.is_anonymous => format!(
            "there is none, or it is not public, and cxr found no credentials and asked without; {}",
            names.to_set
        ),
        (_, 403) if identity.pays => {
            "these credentials may not read it, or there is no such key".to_owned()
        }
        (_, 403) => format!(
            "these credentials may not read it, or there is no such key; if the one who asks pays for \
             requests to this bucket, set {}",
            names.payer
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_depends_on_the_refusal_and_on_the_one_who_asks() {
        for (status, reason, is_anonymous, names, words) in [
            (404, "NoSuchBucket: x", false, &S3, "AWS_ENDPOINT_URL if the store is not Amazon's"),
            (403, "RequestTimeTooSkewed: x", false, &S3, "the clock of this machine is wrong"),
            (400, "ExpiredToken: x", false, &S3, "renew AWS_SESSION_TOKEN"),
            (301, "PermanentRedirect: x", false, &S3, "not in the region r-1; set AWS_REGION"),
            (403, "AccessDenied: x", true, &S3, "set AWS_ACCESS_KEY_ID"),
            (403, "AccessDenied: x", false, &S3, "set AWS_REQUEST_PAYER=requester"),
            (403, "", false, &S3, "these credentials may not read it"),
            (400, "UserProjectMissing: x", false, &GCS, "set GOOGLE_CLOUD_QUOTA_PROJECT"),
            (401, "AuthenticationRequired: x", true, &GCS, "gcloud auth application-default login"),
            (
                404,
                "ContainerNotFound: x",
                false,
                &AZURE,
                "check its name, and AZURE_STORAGE_ACCOUNT_NAME",
            ),
            (409, "PublicAccessNotPermitted: x", true, &AZURE, "set AZURE_STORAGE_ACCOUNT_KEY"),
            (404, "ResourceNotFound: x", true, &AZURE, "it is not public"),
        ] {
            let region = "r-1".to_owned();
            let advice = of(status, reason, &Identity { is_anonymous, pays: false, names, region });
            assert!(advice.is_some_and(|advice| advice.contains(words)), "{status} {reason}");
        }
        let identity =
            Identity { is_anonymous: true, pays: false, names: &S3, region: String::new() };
        assert_eq!(of(500, "InternalError: x", &identity), None);
    }
}
