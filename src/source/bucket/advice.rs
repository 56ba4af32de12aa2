//! Advice on the refusals of object stores. Pure.

use crate::text::escape;

/// The one who asks.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) is_anonymous: bool,
    /// The one who asks pays for the request.
    pub(super) pays: bool,
    pub(super) region: String,
}

/// Returns what to do about a refusal with this status, and with the code and the message of the
/// store in `reason`.
pub(super) fn of(status: u16, reason: &str, identity: &Identity) -> Option<String> {
    let code = reason.split([':', ' ']).next().unwrap_or_default();
    let region = escape::brief(&identity.region);
    let keys = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
    Some(match (code, status) {
        ("NoSuchBucket", _) => "there is no such bucket; check its name, and AWS_ENDPOINT_URL if \
                                the store is not Amazon's"
            .to_owned(),
        ("NoSuchKey", _) => {
            "the bucket has no such key; check the prefix after the bucket".to_owned()
        }
        ("InvalidAccessKeyId", _) => format!("the store does not know the key; check {keys}"),
        ("SignatureDoesNotMatch", _) => {
            "check AWS_SECRET_ACCESS_KEY, and that no proxy changes the address".to_owned()
        }
        ("RequestTimeTooSkewed", _) => "the clock of this machine is wrong; set it".to_owned(),
        ("ExpiredToken" | "InvalidToken" | "TokenRefreshRequired", _) => {
            "the session has ended; renew AWS_SESSION_TOKEN".to_owned()
        }
        (
            "AuthorizationHeaderMalformed"
            | "PermanentRedirect"
            | "IllegalLocationConstraintException",
            _,
        )
        | (_, 301) => {
            format!("the bucket is not in the region {region}; set AWS_REGION to its region")
        }
        ("UserProjectMissing", _) => {
            "the one who asks must pay for requests to this bucket".to_owned()
        }
        (_, 401 | 403) if identity.is_anonymous => {
            format!("cxr found no credentials and asked without; set {keys}, or AWS_PROFILE")
        }
        (_, 403) if identity.pays => {
            "these credentials may not read it, or there is no such key".to_owned()
        }
        (_, 403) => "these credentials may not read it, or there is no such key; if the one who \
                     asks pays for requests to this bucket, set AWS_REQUEST_PAYER=requester"
            .to_owned(),
        _ => return None,
    })
}
