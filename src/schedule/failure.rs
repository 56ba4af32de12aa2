//! What follows a lease that failed: the same source again, another one, or none. Pure.

use std::time::{Duration, Instant};

use super::retry::{AfterFailure, Decision, PATIENCE, Policy};
use super::{Lease, Schedule};
use crate::source::{RetryClass, SourceError};
use crate::text::units;

impl Schedule {
    /// A lease ended with a fault. `jitter` is a random number from 0 to 1.
    pub(crate) fn fail(
        &mut self,
        lease: &Lease,
        delivered: bool,
        fault: &SourceError,
        now: Instant,
        jitter: f64,
    ) -> AfterFailure {
        self.finish(lease, delivered, now);
        let gate = &mut self.gates[lease.source];
        if let Some(wait) = fault.retry_after().filter(|&wait| wait <= PATIENCE) {
            gate.pause(now + wait);
        }
        let Some(entry) = self.entries.get_mut(lease.archive).filter(|e| !e.is_settled()) else {
            return AfterFailure::Moot;
        };
        if entry.round != lease.round {
            return AfterFailure::Moot;
        }
        let standing = &mut entry.standings[lease.source];
        if standing.given_up.is_some() {
            // Other connections have found out the same.
            return AfterFailure::Moot;
        }
        standing.suspicious |= fault.is_suspicious();
        match fault.meaning(standing.delivered) {
            RetryClass::Again => AfterFailure::Again(Duration::ZERO),
            RetryClass::Busy if self.gates[lease.source].crowded(now) => {
                let asked = fault.retry_after().filter(|&wait| wait <= PATIENCE);
                let wait = self.policy.backoff(1, jitter).max(asked.unwrap_or_default());
                standing.not_before = Some(now + wait);
                AfterFailure::Again(wait)
            }
            RetryClass::Permanent => {
                standing.by_size = fault.is_of_size();
                standing.give_up(fault.to_string())
            }
            RetryClass::Busy | RetryClass::Transient => self.try_again(lease, fault, now, jitter),
        }
    }

    /// What follows an attempt that failed and counts.
    fn try_again(
        &mut self,
        lease: &Lease,
        fault: &SourceError,
        now: Instant,
        jitter: f64,
    ) -> AfterFailure {
        let policy = self.policy_for(lease);
        let standing = &mut self.entries[lease.archive].standings[lease.source];
        let failures = standing.fail(lease.begun, now);
        match policy.decide(failures, fault.retry_after(), jitter) {
            Decision::Again(wait) => {
                standing.not_before = Some(now + wait);
                AfterFailure::Again(wait)
            }
            Decision::GiveUp => {
                self.gates[lease.source].dead |= !standing.delivered;
                standing.give_up(given_up(fault, failures))
            }
        }
    }

    /// How often a source is asked. One that has given nothing in this run and was given up for
    /// another archive has one attempt, where there is somebody else to ask.
    fn policy_for(&self, lease: &Lease) -> Policy {
        let mut standings = self.entries[lease.archive].standings.iter().enumerate();
        let others = standings.any(|(source, s)| source != lease.source && s.given_up.is_none());
        let attempts =
            if self.gates[lease.source].dead && others { 1 } else { self.policy.attempts };
        Policy { attempts, ..self.policy }
    }
}

fn given_up(fault: &SourceError, failures: u32) -> String {
    match (fault.retry_after(), failures) {
        (Some(wait), _) if wait > PATIENCE => {
            format!("{fault}, and to come back only in {}", units::duration(wait))
        }
        (_, 1) => fault.to_string(),
        _ => format!("{fault} ({failures} attempts in a row without a new byte)"),
    }
}
