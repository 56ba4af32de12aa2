//! The mean rate over the last 15 seconds. The caller passes in the time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Long enough for a steady number, short enough to follow a change.
const WINDOW: Duration = Duration::from_secs(15);

/// The least time between two samples: with [`WINDOW`] it bounds how many are kept.
const STEP: Duration = Duration::from_millis(250);

/// Samples of a count that only grows.
#[derive(Debug, Default)]
pub(super) struct MeanRate {
    samples: VecDeque<(Instant, u64)>,
}

impl MeanRate {
    /// Records the count, and returns the rate per second; 0 until there are two samples.
    pub(super) fn update(&mut self, now: Instant, count: u64) -> f64 {
        let age = |sample: &(Instant, u64)| now.duration_since(sample.0);
        if self.samples.back().is_none_or(|last| age(last) >= STEP) {
            self.samples.push_back((now, count));
        }
        // The oldest that stays is the last one from before the window.
        while self.samples.get(1).is_some_and(|sample| age(sample) >= WINDOW) {
            self.samples.pop_front();
        }
        match self.samples.front() {
            Some(first) if age(first) >= STEP => {
                count.saturating_sub(first.1) as f64 / age(first).as_secs_f64()
            }
            _ => 0.0,
        }
    }
}

/// Returns the time that the rest takes at this rate; `None` if that cannot be estimated.
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
    fn the_rate_is_the_mean_over_the_window() {
        let start = Instant::now();
        let mut rate = MeanRate::default();
        assert_eq!(rate.update(start, 500).to_bits(), 0_f64.to_bits());
        let mut last = 0.0;
        for step in 1..=100_u64 {
            last = rate.update(start + STEP * 4 * u32::try_from(step).unwrap(), 500 + 1000 * step);
        }
        assert!((last - 1000.0).abs() < 1e-6, "{last}");
        assert!(rate.samples.len() <= 17, "{}", rate.samples.len());
    }

    #[test]
    fn the_rate_falls_to_zero_when_the_count_stands_still() {
        let start = Instant::now();
        let mut rate = MeanRate::default();
        rate.update(start, 0);
        assert!(rate.update(start + WINDOW, 1000) > 0.0);
        rate.update(start + WINDOW * 2, 1000);
        assert!(rate.update(start + WINDOW * 3, 1000) < 1e-9);
    }

    #[test]
    fn frequent_updates_do_not_add_samples() {
        let start = Instant::now();
        let mut rate = MeanRate::default();
        for millisecond in 0..60_000 {
            rate.update(start + Duration::from_millis(millisecond), millisecond);
        }
        assert!(rate.samples.len() <= 62, "{}", rate.samples.len());
    }

    #[test]
    fn without_progress_there_is_no_time_left() {
        assert_eq!(time_left(10, 0.0), None);
        assert_eq!(time_left(u64::MAX, 1.0), None);
        assert_eq!(time_left(100, 10.0), Some(Duration::from_secs(10)));
    }
}
