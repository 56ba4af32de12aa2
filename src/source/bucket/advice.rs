//! Advice on the refusals of object stores. Pure.

use super::credentials::Origin;
use crate::text::escape;

/// The one who asks.
#[derive(Debug)]
pub(super) struct Identity<'a> {
    pub(super) is_anonymous: bool,
    /// The one who asks pays for the request, or nobody has to.
    pub(super) pays: bool,
    pub(super) names: &'a Names,
    pub(super) region: String,
    /// The place of the credentials.
    pub(super) origin: Origin,
}

/// The settings of a store in messages.
#[derive(Debug)]
pub(super) struct Names {
    /// What to set if there are no credentials.
    to_set: &'static str,
    secret: &'static str,
    /// The variable for another address than the service's.
    endpoint: &'static str,
    payer: &'static str,
}

pub(super) const S3: Names = Names {
    to_set: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    secret: "AWS_SECRET_ACCESS_KEY",
    endpoint: "AWS_ENDPOINT_URL if the store is not Amazon's",
    payer: "AWS_REQUEST_PAYER=requester",
};

pub(super) const GCS: Names = Names {
    to_set: "set GOOGLE_APPLICATION_CREDENTIALS to the file of a service account, or run gcloud auth \
             application-default login",
    secret: "GOOGLE_APPLICATION_CREDENTIALS",
    endpoint: "GOOGLE_BASE_URL if the store is not Google's",
    payer: "GOOGLE_CLOUD_QUOTA_PROJECT to the project that pays",
};

pub(super) const AZURE: Names = Names {
    to_set: "set AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN, or AZURE_USE_AZURE_CLI=true after \
             az login",
    secret: "AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_TOKEN and the clock of this machine",
    endpoint: "AZURE_STORAGE_ACCOUNT_NAME",
    payer: "",
};

/// Returns the code of a store.
fn code(reason: &str) -> &str {
    reason.split([':', ' ']).next().unwrap_or_default()
}

/// Returns true for a refusal of credentials that are not valid, or no longer: others may be accepted.
pub(super) fn is_about_credentials(status: u16, reason: &str) -> bool {
    status == 401
        || matches!(
            code(reason),
            "ExpiredToken"
                | "ExpiredTokenException"
                | "InvalidAccessKeyId"
                | "InvalidAuthenticationInfo"
                | "InvalidClientTokenId"
                | "InvalidToken"
                | "TokenRefreshRequired"
                | "UnrecognizedClientException"
        )
}

/// Returns true for a refusal that each request with these credentials gets.
pub(super) fn is_final(status: u16, reason: &str) -> bool {
    is_about_credentials(status, reason)
        || matches!(
            code(reason),
            "AccessDenied"
                | "AccountIsDisabled"
                | "AccountProblem"
                | "AllAccessDisabled"
                | "AuthenticationFailed"
                | "AuthorizationFailure"
                | "AuthorizationPermissionMismatch"
                | "ContainerNotFound"
                | "NoAuthenticationInformation"
                | "NoSuchBucket"
                | "NotSignedUp"
                | "PublicAccessNotPermitted"
                | "RequestTimeTooSkewed"
                | "SignatureDoesNotMatch"
                | "UserProjectMissing"
        )
}

/// Returns what to do about a refusal with this status, and with the code and the message of the
/// store in `reason`.
pub(super) fn of(status: u16, reason: &str, identity: &Identity<'_>) -> Option<String> {
    let Identity { names, origin, .. } = identity;
    Some(match (code(reason), status) {
        ("NoSuchBucket" | "ContainerNotFound", _) => {
            format!("there is no such bucket; check its name, and {}", names.endpoint)
        }
        ("NoSuchKey" | "BlobNotFound", _) => {
            "the bucket has no such key; check the prefix after the bucket".to_owned()
        }
        ("InvalidAccessKeyId", _) => {
            format!("the store does not know the key; check {}", origin.settings)
        }
        ("SignatureDoesNotMatch", _) => {
            format!("check {}, and that no proxy changes the address", names.secret)
        }
        ("AuthenticationFailed", _) => format!("check {}", names.secret),
        ("RequestTimeTooSkewed", _) => "the clock of this machine is wrong; set it".to_owned(),
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
        _ if is_about_credentials(status, reason) && origin.can_renew => {
            format!("the store does not accept new credentials either; check {}", origin.settings)
        }
        _ if is_about_credentials(status, reason) => {
            format!("the session has ended or is not valid; renew {}", origin.settings)
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
    use super::super::credentials::MACHINE;
    use super::*;

    #[test]
    fn advice_depends_on_the_refusal_and_on_the_one_who_asks() {
        for (status, reason, is_anonymous, names, words) in [
            (404, "NoSuchBucket: x", false, &S3, "AWS_ENDPOINT_URL if the store is not Amazon's"),
            (403, "RequestTimeTooSkewed: x", false, &S3, "the clock of this machine is wrong"),
            (400, "ExpiredToken: x", false, &S3, "renew KEYS"),
            (401, "InvalidAuthenticationInfo: x", false, &AZURE, "renew KEYS"),
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
            let origin = Origin { settings: "KEYS", is_given: true, can_renew: false };
            let identity = Identity { is_anonymous, pays: false, names, region, origin };
            let advice = of(status, reason, &identity);
            assert!(advice.is_some_and(|advice| advice.contains(words)), "{status} {reason}");
        }
        let identity = Identity {
            is_anonymous: true,
            pays: false,
            names: &S3,
            region: String::new(),
            origin: MACHINE,
        };
        assert_eq!(of(500, "InternalError: x", &identity), None);
    }
}
