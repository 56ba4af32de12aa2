//! Asks the sources for the size of an archive that the table lists without one.
//!
//! With the size, a damaged file of the user's is repaired; without it, the whole archive would be
//! downloaded. So a source that is busy is asked again, as in a transfer.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::catalog::Archive;
use crate::event::Event;
use crate::schedule::{Failure, MISUNDERSTOOD, RetryClass, RetryDecision};
use crate::source::{Client, Source, SourceError, SourceRequest};
use crate::transfer::Context;

/// The number of times that a source is asked again after a refusal that may be about the number of
/// connections.
const REFUSALS: u32 = 3;

/// Returns the size from the first source that reports it, or `None` if none does, or if the run is
/// cancelled.
pub(super) fn ask_size(context: &Context<'_>, archive: &Archive) -> Option<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let client = Client::new(&context.options.client).ok()?;
    let sources = context.sources.iter().map(|source| Asked { source, fresh: false, misfits: 0 });
    let mut size = SizeRequest { context, client, archive, sources: sources.collect() };
    runtime.block_on(async {
        tokio::select! {
            size = size.ask() => size,
            () = context.cancel.cancelled() => None,
        }
    })
}

struct SizeRequest<'a> {
    context: &'a Context<'a>,
    client: Client,
    archive: &'a Archive,
    /// The sources that may still report it.
    sources: Vec<Asked<'a>>,
}

struct Asked<'a> {
    source: &'a Source,
    /// Something that arrived before was wrong: bypass caches.
    fresh: bool,
    /// Answers that did not fit the range.
    misfits: u32,
}

impl SizeRequest<'_> {
    /// Asks one source after the other, and those that may answer later again.
    async fn ask(&mut self) -> Option<u64> {
        for round in 1.. {
            let mut soonest: Option<Duration> = None;
            for mut asked in std::mem::take(&mut self.sources) {
                let error = match self.ask_source(&asked).await {
                    Ok(Some(size)) => return Some(size),
                    Ok(None) => continue,
                    Err(error) => error,
                };
                let Some(wait) = self.wait_after(&error, round) else { continue };
                asked.fresh |= error.is_suspicious();
                asked.misfits += u32::from(error.is_contradiction());
                self.report_retry(asked.source, &error, wait);
                self.sources.push(asked);
                soonest = Some(soonest.map_or(wait, |soonest| soonest.min(wait)));
            }
            sleep(soonest?).await;
        }
        None
    }

    async fn ask_source(&self, asked: &Asked<'_>) -> Result<Option<u64>, SourceError> {
        let network = &self.context.options.network;
        let limit = network.connect_timeout + network.stall_timeout;
        let request = SourceRequest {
            archive: self.archive,
            range: 0..1,
            size: None,
            fresh: asked.fresh,
            plain: asked.misfits >= MISUNDERSTOOD,
            wants_digests: false,
        };
        let answer = timeout(limit, asked.source.open(&self.client, &request)).await;
        Ok(answer.map_err(|_| SourceError::NoAnswer(limit))??.total)
    }

    /// The time until the next request, after the error of a `round`. `None` if there is none.
    fn wait_after(&self, error: &SourceError, round: u32) -> Option<Duration> {
        let may_retry = match error.retry_class(false) {
            RetryClass::Permanent => false,
            RetryClass::Refused => round < REFUSALS,
            RetryClass::Transient | RetryClass::Busy | RetryClass::Again => true,
        };
        let policy = self.context.options.retry_policy();
        match policy.decide(round, error.retry_after(), fastrand::f64()) {
            RetryDecision::Retry(wait) if may_retry => Some(wait),
            _ => None,
        }
    }

    fn report_retry(&self, source: &Source, error: &SourceError, wait: Duration) {
        let reason = format!("{}: {error}", source.name());
        let archive = &self.archive.name;
        let retrying = Event::Retrying { archive, source: None, reason: &reason, wait };
        self.context.listener.on(retrying);
    }
}
