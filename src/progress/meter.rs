//! How fast something moves: the mean over the last quarter of a minute. Time is passed in.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Long enough to be calm, short enough to follow.
const WINDOW: Duration = Duration::from_secs(15);

/// The least time between two samples: with [`WINDOW`] it bounds how many are kept.
const STEP: Duration = Duration::from_millis(250);

/// Samples of a count that only grows.
#[derive(Debug, Default)]
pub(super) struct Meter {
    samples: VecDeque<(Instant, u64)>,
}

impl Meter {
    /// Takes note of the count, and gives the rate a second; 0 while there is nothing to compare.
    pub(super) fn rate(&mut self, now: Instant, count: u64) -> f64 {
        if self.samples.back().is_none_or(|(then, _)| now.duration_since(*then) >= STEP) {
            self.samples.push_back((now, count));
        }
        // The oldest that stays is the last one from before the window.
        let too_old = |sample: Option<&(Instant, u64)>| {
            sample.is_some_and(|(then, _)| now.duration_since(*then) >= WINDOW)
        };
        while too_old(self.samples.get(1)) {
            self.samples.pop_front();
        }
        let Some((then, start)) = self.samples.front() else { return 0.0 };
        let time = now.duration_since(*then);
        if time < STEP {
            return 0.0;
        }
        count.saturating_sub(*start) as f64 / time.as_secs_f64()
    }
}

/// The time that the rest takes at this rate; `None` where nobody can tell.
pub(super) fn time_left(rest: u64, rate: f64) -> Option<Duration> {
    if rate < 1.0 {
        return None;
    }
    // More than ten years is no estimate.
    let seconds = rest as f64 / rate;
    Duration::try_from_secs_f64(seconds).ok().filter(|time| time.as_secs() < 315_360_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_the_mean_of_the_window() {
        let start = Instant::now();
        let mut meter = Meter::default();
        assert_eq!(meter.rate(start, 500).to_bits(), 0_f64.to_bits());
        let mut last = 0.0;
        for step in 1..=100_u64 {
            last = meter.rate(start + STEP * 4 * u32::try_from(step).unwrap(), 500 + 1000 * step);
        }
        assert!((last - 1000.0).abs() < 1e-6, "{last}");
        assert!(meter.samples.len() <= 17, "{}", meter.samples.len());
    }

    #[test]
    fn it_falls_to_nothing_when_nothing_moves() {
        let start = Instant::now();
        let mut meter = Meter::default();
        meter.rate(start, 0);
        assert!(meter.rate(start + WINDOW, 1000) > 0.0);
        meter.rate(start + WINDOW * 2, 1000);
        assert!(meter.rate(start + WINDOW * 3, 1000) < 1e-9);
    }

    #[test]
    fn samples_are_few_however_often_it_is_asked() {
        let start = Instant::now();
        let mut meter = Meter::default();
        for millisecond in 0..60_000 {
            meter.rate(start + Duration::from_millis(millisecond), millisecond);
        }
        assert!(meter.samples.len() <= 62, "{}", meter.samples.len());
    }

    #[test]
    fn what_does_not_move_has_no_time_left() {
        assert_eq!(time_left(10, 0.0), None);
        assert_eq!(time_left(u64::MAX, 1.0), None);
        assert_eq!(time_left(100, 10.0), Some(Duration::from_secs(10)));
    }
}
