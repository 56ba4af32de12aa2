//! Reads the response of a source: in time, no faster than allowed, until the run is cancelled.

use std::time::Instant;

use bytes::Bytes;
use tokio::time::{sleep, timeout};

use super::options::NetworkOptions;
use super::stall::StallTimer;
use crate::cancel::Cancel;
use crate::rate::Throttle;
use crate::source::{Body, Client, Source, SourceAnswer, SourceError, SourceRequest};

/// The reason why a response ends early.
#[derive(Debug)]
pub(crate) enum SessionError {
    Source(SourceError),
    /// The run is being cancelled.
    Cancelled,
}

impl From<SourceError> for SessionError {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

/// Sends requests to one source and reads the responses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResponseReader<'a> {
    pub source: &'a Source,
    pub options: &'a NetworkOptions,
    pub throttle: &'a Throttle<'a>,
    pub cancel: &'a Cancel,
}

impl ResponseReader<'_> {
    /// Sends a request.
    pub(crate) async fn open(
        &self,
        client: &Client,
        request: &SourceRequest<'_>,
    ) -> Result<SourceAnswer, SessionError> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(SessionError::Cancelled),
            answer = self.source.open(client, request) => Ok(answer?),
        }
    }

    /// Returns the next bytes, or `None` at the end.
    pub(crate) async fn next(
        &self,
        body: &mut Body,
        stall: &mut StallTimer,
    ) -> Result<Option<Bytes>, SessionError> {
        let begun = Instant::now();
        let block = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Err(SessionError::Cancelled),
            block = timeout(stall.left(), body.next()) => match block {
                Ok(block) => block?,
                Err(_) => return Err(body.located(SourceError::Stalled(stall.window)).into()),
            },
        };
        let length = block.as_ref().map_or(0, Bytes::len) as u64;
        stall.received(length, begun.elapsed());
        self.throttle(length).await;
        Ok(block)
    }

    /// Waits as long as the rate limit requires after this many bytes.
    async fn throttle(&self, bytes: u64) {
        let Some(debt) = self.throttle.take(bytes, Instant::now()) else { return };
        while let Some(wait) = self.throttle.owed(debt, Instant::now()) {
            tokio::select! {
                () = self.cancel.cancelled() => return,
                () = sleep(wait) => {}
            }
        }
    }
}
