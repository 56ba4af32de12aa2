//! A line to a source: its answer in time, its bytes as they come, and no faster than allowed.

use std::time::Instant;

use bytes::Bytes;
use tokio::time::{sleep, timeout};

use super::options::Options;
use super::stall::Watch;
use crate::cancel::Cancel;
use crate::rate::Throttle;
use crate::source::{Body, Client, Source, SourceAnswer, SourceError, SourceRequest};

/// Why a line brings nothing more.
#[derive(Debug)]
pub(crate) enum Cut {
    /// The source, or the way to it.
    SourceError(SourceError),
    /// The run is being ended.
    Cancelled,
}

impl From<SourceError> for Cut {
    fn from(fault: SourceError) -> Self {
        Self::SourceError(fault)
    }
}

/// A line to one source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    pub source: &'a Source,
    pub options: &'a Options,
    pub throttle: &'a Throttle<'a>,
    pub cancel: &'a Cancel,
}

impl Line<'_> {
    /// Puts the question, and waits for the answer no longer than a connection and a stall may
    /// last.
    pub(crate) async fn open(
        &self,
        client: &Client,
        question: &SourceRequest<'_>,
    ) -> Result<SourceAnswer, Cut> {
        let patience = self.options.client.connect_timeout + self.options.stall_timeout;
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Cut::Cancelled),
            opened = timeout(patience, self.source.open(client, question)) => match opened {
                Ok(opened) => Ok(opened?),
                Err(_) => Err(SourceError::NoAnswer(patience).into()),
            },
        }
    }

    /// The next bytes, in time; `None` at the end.
    pub(crate) async fn next(
        &self,
        body: &mut Body,
        watch: &mut Watch,
    ) -> Result<Option<Bytes>, Cut> {
        let begun = Instant::now();
        let block = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Err(Cut::Cancelled),
            block = timeout(watch.left(), body.next()) => match block {
                Ok(block) => block?,
                Err(_) => return Err(SourceError::Stalled(watch.window).into()),
            },
        };
        let length = block.as_ref().map_or(0, Bytes::len) as u64;
        watch.saw(length, begun.elapsed());
        self.pay(length).await;
        Ok(block)
    }

    /// Waits as long as the limit of the rate wants for so many bytes.
    async fn pay(&self, bytes: u64) {
        let Some(toll) = self.throttle.take(bytes, Instant::now()) else { return };
        while let Some(wait) = self.throttle.owed(toll, Instant::now()) {
            tokio::select! {
                () = self.cancel.cancelled() => return,
                () = sleep(wait) => {}
            }
        }
    }
}
