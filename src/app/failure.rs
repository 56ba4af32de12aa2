//! Why a command came to no result.

use cxr::fetch::FetchError;
use cxr::source::ClientError;
use cxr::verdict::ExitStatus;

/// Why a command did not come to a result, and the status that this has.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: ExitStatus,
    pub(crate) error: anyhow::Error,
}

impl Failure {
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { status: ExitStatus::Usage, error: error.into() }
    }
}

/// This machine stood in the way.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { status: ExitStatus::Failed, error }
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Request(_) => Self::usage(error),
            FetchError::Machine(_) => anyhow::Error::from(error).into(),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Roots { .. } => Self::usage(error),
            ClientError::Tls(_) | ClientError::System(_) => anyhow::Error::from(error).into(),
        }
    }
}
