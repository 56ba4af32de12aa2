//! Decides what follows a lease that failed: the same source again, another one, or none. Pure.

use std::fmt::Display;
use std::time::{Duration, Instant};

use super::retry::{AfterFailure, MAX_RETRY_AFTER, RetryClass, RetryDecision, RetryPolicy};
use super::source_health::Refusal;
use super::{Lease, Schedule};
use crate::text::units;

/// The wait after a refusal for which there may be too many connections doubles only so often: they
/// are as many as the source serves.
const MOST_CROWDED: u32 = 4;

/// An error that ended a lease, as the schedule sees it. Its text is safe to show.
pub(crate) trait Failure: Display {
    /// Decides about the next attempt. `delivered` is true if the source has given bytes of this
    /// archive in this run: it is then not believed when it says that there are none.
    fn retry_class(&self, delivered: bool) -> RetryClass;

    /// The time for which the server wants no requests.
    fn retry_after(&self) -> Option<Duration>;

    /// Returns true if a cache or a proxy may have mixed up the response: the next request then
    /// bypasses them.
    fn is_suspicious(&self) -> bool;

    /// Returns true if the response does not fit the requested range, or contradicts itself.
    fn is_contradiction(&self) -> bool;

    /// Returns true if the error depends on a size that a source reported.
    fn is_about_size(&self) -> bool;
}

impl Schedule {
    /// Ends a lease that failed. `jitter` is a random number from 0 to 1.
    pub(crate) fn fail(
        &mut self,
        lease: &Lease,
        delivered: bool,
        failure: &dyn Failure,
        now: Instant,
        jitter: f64,
    ) -> AfterFailure {
        let opened = self.gates[lease.source].open_connections();
        self.end(lease, delivered, now);
        let gate = &mut self.gates[lease.source];
        if let Some(wait) = failure.retry_after().filter(|&wait| wait <= MAX_RETRY_AFTER) {
            gate.pause(now + wait);
        }
        let Some(entry) = self.entries.get_mut(lease.archive).filter(|e| !e.is_settled()) else {
            return AfterFailure::Superseded;
        };
        if entry.attempt != lease.attempt {
            return AfterFailure::Superseded;
        }
        let health = &mut entry.health[lease.source];
        if health.skipped.is_some() {
            // Another connection has already reported this.
            return AfterFailure::Superseded;
        }
        health.suspicious |= failure.is_suspicious();
        health.contradictions += u32::from(failure.is_contradiction());
        match failure.retry_class(health.delivered) {
            RetryClass::Again => AfterFailure::Retry(Duration::ZERO),
            RetryClass::Busy if self.gates[lease.source].crowded(now) => {
                let asked = failure.retry_after().filter(|&wait| wait <= MAX_RETRY_AFTER);
                let wait = self.policy.backoff(1, jitter).max(asked.unwrap_or_default());
                health.not_before = Some(now + wait);
                AfterFailure::Retry(wait)
            }
            RetryClass::Refused => match self.gates[lease.source].refused(opened, now) {
                Refusal::Final => health.skip(failure.to_string()),
                Refusal::Counts => self.try_again(lease, failure, now, jitter),
                Refusal::TooMany => {
                    health.crowded = (health.crowded + 1).min(MOST_CROWDED);
                    let wait = self.policy.backoff(health.crowded, jitter);
                    health.not_before = Some(now + wait);
                    AfterFailure::Retry(wait)
                }
            },
            RetryClass::Permanent => {
                health.by_size = failure.is_about_size();
                health.skip(failure.to_string())
            }
            RetryClass::Busy | RetryClass::Transient => self.try_again(lease, failure, now, jitter),
        }
    }

    /// Decides after an attempt that failed and counts.
    fn try_again(
        &mut self,
        lease: &Lease,
        failure: &dyn Failure,
        now: Instant,
        jitter: f64,
    ) -> AfterFailure {
        let policy = self.policy_for(lease);
        let health = &mut self.entries[lease.archive].health[lease.source];
        let failures = health.fail(lease.begun, now);
        match policy.decide(failures, failure.retry_after(), jitter) {
            RetryDecision::Retry(wait) => {
                health.not_before = Some(now + wait);
                AfterFailure::Retry(wait)
            }
            RetryDecision::Skip => {
                self.gates[lease.source].dead |= !health.delivered;
                health.skip(skip_reason(failure, failures))
            }
        }
    }

    /// The policy for a source. One that has delivered nothing in this run and was skipped for another
    /// archive gets a single attempt, if there are other sources.
    fn policy_for(&self, lease: &Lease) -> RetryPolicy {
        let mut health = self.entries[lease.archive].health.iter().enumerate();
        let others = health.any(|(source, s)| source != lease.source && s.skipped.is_none());
        let attempts =
            if self.gates[lease.source].dead && others { 1 } else { self.policy.attempts };
        RetryPolicy { attempts, ..self.policy }
    }
}

fn skip_reason(failure: &dyn Failure, failures: u32) -> String {
    match (failure.retry_after(), failures) {
        (Some(wait), _) if wait > MAX_RETRY_AFTER => {
            format!("{failure}, and wants no request for {}", units::duration(wait))
        }
        (_, 1) => failure.to_string(),
        _ => format!("{failure} ({failures} attempts in a row without a new byte)"),
    }
}
