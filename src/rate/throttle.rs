//! `--limit-rate`: computes the waits that keep all connections together to a rate.

use std::num::NonZeroU64;
use std::path::Path;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::rate_file::{Limit, RateFile};
use crate::event::Listener;

/// The longest wait before the rate file is read again.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A limit on bytes a second for all connections together, or none.
#[derive(Debug)]
pub(crate) struct Throttle<'a> {
    file: Option<RateFile<'a>>,
    state: Mutex<ThrottleState>,
}

#[derive(Debug)]
struct ThrottleState {
    rate: Option<NonZeroU64>,
    /// The number of changes of the rate.
    changes: u32,
    /// The time at which all bytes so far are within the rate.
    settled: Option<Instant>,
}

/// A wait that is due after bytes arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Debt {
    until: Instant,
    changes: u32,
}

impl<'a> Throttle<'a> {
    /// A limit in bytes a second, or none. The rate in the file, if there is one, replaces it; the
    /// listener is told of changes.
    pub(crate) fn new(
        rate: Option<NonZeroU64>,
        file: Option<&'a Path>,
        listener: &'a dyn Listener,
    ) -> Self {
        let file = file.map(|file| RateFile::new(file, rate, listener));
        Self { file, state: Mutex::new(ThrottleState { rate, changes: 0, settled: None }) }
    }

    /// Counts bytes that arrived; `None` if no wait is due.
    pub(crate) fn take(&self, bytes: u64, now: Instant) -> Option<Debt> {
        self.apply_change(now);
        let mut state = self.state.lock();
        let time = Duration::from_secs_f64(bytes as f64 / state.rate?.get() as f64);
        let until = state.settled.map_or(now, |settled| settled.max(now)) + time;
        state.settled = Some(until);
        Some(Debt { until, changes: state.changes })
    }

    /// The time to wait before asking again; `None` when the wait is over or the rate has changed.
    pub(crate) fn owed(&self, debt: Debt, now: Instant) -> Option<Duration> {
        self.apply_change(now);
        let wait = debt.until.saturating_duration_since(now);
        let is_due = self.state.lock().changes == debt.changes && !wait.is_zero();
        is_due.then(|| if self.file.is_some() { wait.min(LONGEST_WAIT) } else { wait })
    }

    /// Applies a change of the rate file.
    fn apply_change(&self, now: Instant) {
        if let Some(Limit(rate)) = self.file.as_ref().and_then(|file| file.changed(now)) {
            let mut state = self.state.lock();
            *state = ThrottleState { rate, changes: state.changes.wrapping_add(1), settled: None };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle(rate: Option<NonZeroU64>) -> Throttle<'static> {
        Throttle {
            file: None,
            state: Mutex::new(ThrottleState { rate, changes: 0, settled: None }),
        }
    }

    #[test]
    fn bytes_wait_until_they_are_within_the_rate() {
        let now = Instant::now();
        let throttle = throttle(NonZeroU64::new(1000));
        let wait = |bytes, now| {
            let debt = throttle.take(bytes, now)?;
            throttle.owed(debt, now)
        };
        assert_eq!(wait(500, now), Some(Duration::from_millis(500)));
        assert_eq!(wait(500, now), Some(Duration::from_secs(1)));
        let later = now + Duration::from_secs(5);
        assert_eq!(wait(100, later), Some(Duration::from_millis(100)));
        let debt = throttle.take(100, later).unwrap();
        assert_eq!(throttle.owed(debt, later + Duration::from_secs(1)), None);
    }

    #[test]
    fn without_a_limit_no_wait_is_due() {
        assert!(throttle(None).take(u64::MAX, Instant::now()).is_none());
    }
}
