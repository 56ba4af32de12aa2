//! `--limit-rate`: how long to wait so that all who take bytes keep to it together.

use std::num::NonZeroU64;
use std::path::Path;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::rate_file::{Limit, RateFile};
use crate::event::Listener;

/// The longest time for which a wait does not hear that the rate is another one.
const PATIENCE: Duration = Duration::from_secs(1);

/// Bytes a second for all who take them together, if limited at all.
#[derive(Debug)]
pub(crate) struct Throttle<'a> {
    /// Where the rate may be changed while the run goes on.
    dial: Option<RateFile<'a>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rate: Option<NonZeroU64>,
    /// How often the rate has changed.
    turns: u32,
    /// When all that was taken so far is paid for.
    paid: Option<Instant>,
}

/// What is to be waited for after bytes were taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Toll {
    until: Instant,
    turns: u32,
}

impl<'a> Throttle<'a> {
    /// A limit in bytes a second, or none. Where a file is given, another rate may be written into
    /// it from now on, of which the listener hears.
    pub(crate) fn new(
        rate: Option<NonZeroU64>,
        file: Option<&'a Path>,
        listener: &'a dyn Listener,
    ) -> Self {
        let dial = file.map(|file| RateFile::new(file, rate, listener));
        Self { dial, state: Mutex::new(State { rate, turns: 0, paid: None }) }
    }

    /// Takes so many bytes that came; `None` where nothing is to be waited for.
    pub(crate) fn take(&self, bytes: u64, now: Instant) -> Option<Toll> {
        self.heed(now);
        let mut state = self.state.lock();
        let price = Duration::from_secs_f64(bytes as f64 / state.rate?.get() as f64);
        let until = state.paid.map_or(now, |paid| paid.max(now)) + price;
        state.paid = Some(until);
        Some(Toll { until, turns: state.turns })
    }

    /// How long to wait before asking again; `None` when the toll is paid, or the rate that it
    /// was reckoned by is no longer the rate.
    pub(crate) fn owed(&self, toll: Toll, now: Instant) -> Option<Duration> {
        self.heed(now);
        let wait = toll.until.saturating_duration_since(now);
        let is_due = self.state.lock().turns == toll.turns && !wait.is_zero();
        is_due.then(|| if self.dial.is_some() { wait.min(PATIENCE) } else { wait })
    }

    /// Looks whether the rate has been changed.
    fn heed(&self, now: Instant) {
        if let Some(Limit(rate)) = self.dial.as_ref().and_then(|dial| dial.turned(now)) {
            let mut state = self.state.lock();
            *state = State { rate, turns: state.turns.wrapping_add(1), paid: None };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle(rate: Option<NonZeroU64>) -> Throttle<'static> {
        Throttle { dial: None, state: Mutex::new(State { rate, turns: 0, paid: None }) }
    }

    #[test]
    fn bytes_are_paid_for_in_time() {
        let now = Instant::now();
        let throttle = throttle(NonZeroU64::new(1000));
        let wait = |bytes, now| {
            let toll = throttle.take(bytes, now)?;
            throttle.owed(toll, now)
        };
        assert_eq!(wait(500, now), Some(Duration::from_millis(500)));
        assert_eq!(wait(500, now), Some(Duration::from_secs(1)));
        let later = now + Duration::from_secs(5);
        assert_eq!(wait(100, later), Some(Duration::from_millis(100)));
        let toll = throttle.take(100, later).unwrap();
        assert_eq!(throttle.owed(toll, later + Duration::from_secs(1)), None);
    }

    #[test]
    fn without_a_limit_nothing_is_waited_for() {
        assert!(throttle(None).take(u64::MAX, Instant::now()).is_none());
    }
}
