//! Decides when to retry. Pure: it returns the time to wait and never waits itself.

use std::time::Duration;

/// The longest wait that a server may ask for. One that asks for more is skipped in this run.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// The longest wait that cxr chooses by itself.
const CAP: Duration = Duration::from_secs(30);

/// The number of attempts and the waits between them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryPolicy {
    /// Attempts in a row without a new byte before a source is skipped.
    pub attempts: u32,
    /// The wait after the first attempt, before jitter. It doubles from one to the next.
    pub base: Duration,
}

/// The meaning of an error for the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetryClass {
    /// The next attempt may succeed.
    Transient,
    /// The source may have too many connections: like `Transient`, but if it serves others at the
    /// same time, it gets fewer of them, and the attempt does not count.
    Busy,
    /// Like `Permanent`, unless the source has other connections: then it may have too many of them.
    Refused,
    /// Nothing arrived and nothing is wrong: retry at once, in another way.
    Again,
    /// This source will not give this archive.
    Permanent,
}

/// The decision after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetryDecision {
    /// Retry after this time.
    Retry(Duration),
    /// Request nothing more from this source.
    Skip,
}

/// The consequence of a failed lease, for the listener and for the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AfterFailure {
    /// The source is asked again for this archive after this time.
    Retry(Duration),
    /// The source is skipped for this archive, for this reason.
    Skip(String),
    /// The bytes are no longer wanted.
    Superseded,
}

impl RetryPolicy {
    /// Decides about the attempt after the `failures`-th in a row (from 1) without a new byte.
    /// `retry_after` is the wait that the server asks for. `jitter` is a random number from 0 to 1:
    /// without it, connections that failed together would come back together.
    pub(crate) fn decide(
        &self,
        failures: u32,
        retry_after: Option<Duration>,
        jitter: f64,
    ) -> RetryDecision {
        if failures >= self.attempts.max(1) {
            return RetryDecision::Skip;
        }
        match retry_after {
            Some(asked) if asked > MAX_RETRY_AFTER => RetryDecision::Skip,
            Some(asked) => RetryDecision::Retry(asked.max(self.backoff(failures, jitter))),
            None => RetryDecision::Retry(self.backoff(failures, jitter)),
        }
    }

    /// Between half of the doubled base and all of it, by jitter.
    pub(crate) fn backoff(&self, failures: u32, jitter: f64) -> Duration {
        let doubled = self.base.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(CAP);
        doubled.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy { attempts: 8, base: Duration::from_secs(1) };

    #[test]
    fn waits_double_up_to_a_cap_and_then_it_is_skipped() {
        let waits: Vec<_> = (1..=8).map(|failures| POLICY.decide(failures, None, 1.0)).collect();
        let mut expected: Vec<_> =
            [1, 2, 4, 8, 16, 30, 30].map(|s| RetryDecision::Retry(Duration::from_secs(s))).to_vec();
        expected.push(RetryDecision::Skip);
        assert_eq!(waits, expected);
        assert_eq!(POLICY.backoff(1, 0.0), Duration::from_millis(500));
        assert_eq!(POLICY.backoff(u32::MAX, 1.0), CAP);
    }

    #[test]
    fn the_server_decides_the_wait_within_patience() {
        assert_eq!(
            POLICY.decide(1, Some(Duration::from_secs(7)), 1.0),
            RetryDecision::Retry(Duration::from_secs(7))
        );
        assert_eq!(
            POLICY.decide(1, Some(Duration::from_secs(0)), 1.0),
            RetryDecision::Retry(Duration::from_secs(1))
        );
        assert_eq!(POLICY.decide(1, Some(Duration::from_hours(24)), 1.0), RetryDecision::Skip);
        assert_eq!(POLICY.decide(8, Some(Duration::from_secs(7)), 1.0), RetryDecision::Skip);
    }
}
