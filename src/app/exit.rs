//! The error of a command, with its exit status.

use cxr::extract::ExtractError;
use cxr::fetch::FetchError;
use cxr::images::ImagesError;
use cxr::source::ClientError;
use cxr::verdict::ExitStatus;

pub(crate) type Result<T> = std::result::Result<T, CommandError>;

#[derive(Debug)]
pub(crate) struct CommandError {
    pub(crate) status: ExitStatus,
    pub(crate) error: anyhow::Error,
}

impl CommandError {
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { status: ExitStatus::Usage, error: error.into() }
    }
}

/// An error of this machine.
impl From<anyhow::Error> for CommandError {
    fn from(error: anyhow::Error) -> Self {
        Self { status: ExitStatus::Failed, error }
    }
}

impl From<FetchError> for CommandError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Request(_) => Self::usage(error),
            FetchError::Machine(_) => anyhow::Error::from(error).into(),
        }
    }
}

impl From<ExtractError> for CommandError {
    fn from(error: ExtractError) -> Self {
        match error {
            ExtractError::Request(_) => Self::usage(error),
            ExtractError::Machine(_) => anyhow::Error::from(error).into(),
        }
    }
}

impl From<ClientError> for CommandError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Roots { .. } => Self::usage(error),
            ClientError::Tls(_) | ClientError::System(_) => anyhow::Error::from(error).into(),
        }
    }
}

impl From<ImagesError> for CommandError {
    fn from(error: ImagesError) -> Self {
        match error {
            ImagesError::Record { is_given: true, .. }
            | ImagesError::File(_)
            | ImagesError::Unknown(_) => Self::usage(error),
            ImagesError::Record { .. } | ImagesError::Tree { .. } => {
                anyhow::Error::from(error).into()
            }
        }
    }
}
